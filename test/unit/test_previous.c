/* SPDX-License-Identifier: BSD-2-Clause */
/* A renewed pair in its identity's file: who has the old one open finds it there, for as long as it is kept. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/make.h"
#include "unit/folder.h"
#include "unit/shelf.h"

#define NOW INT64_C(1800000000)

/* The next pair of an identity, as devid_make_key and a CA give it. */
static struct devid_made made_of(const struct sample *s)
{
    struct devid_made made = {.parent = 0x81000001};

    assert_int_equal(devid_public_copy(&s->identity.pub, &made.pub, NULL), DEVID_OK);
    assert_int_equal(devid_bytes_copy(s->identity.blob, &made.blob, NULL), DEVID_OK);
    return made;
}

static devid_rc renew(struct devid_store *store, const struct devid_identity *old, const struct sample *next)
{
    struct devid_made made = made_of(next);
    devid_rc rc = devid_store_renew(store, old, &made, next->chain, 1, NOW, NULL);

    devid_made_free(&made);
    return rc;
}

/* "device-id" at a handle, and its next pair; renewed once. */
struct renewed {
    struct shelf *shelf;
    struct sample old, next;
    struct devid_snapshot *before, *after;
    const struct devid_identity *identity;
};

static struct renewed setup(void **state)
{
    struct renewed r = {.shelf = *state, .old = sample_make("device-id", "P-256", 0x81000002), .next = sample_make("device-id", "P-256", 0)};

    sample_certify(&r.old, "gw-1");
    sample_certify(&r.next, "gw-1");
    must_put(r.shelf->store, &r.old.identity);
    r.before = must_snapshot(r.shelf->store);
    assert_int_equal(renew(r.shelf->store, look_for(r.before, "device-id"), &r.next), DEVID_OK);
    r.after = must_snapshot(r.shelf->store);
    r.identity = look_for(r.after, "device-id");
    assert_non_null(r.identity);
    return r;
}

static void teardown(struct renewed *r)
{
    devid_snapshot_free(r->before);
    devid_snapshot_free(r->after);
    sample_free(&r->old);
    sample_free(&r->next);
}

static void assert_key(const struct devid_identity *identity, const struct sample *s)
{
    assert_true(devid_slice_eq(devid_slice_of(identity->pub.spki), devid_slice_of(s->spki)));
    assert_true(devid_slice_eq(identity->chain[0].der, devid_slice_of(s->cert)));
}

static void a_renewed_identity_has_the_new_pair_and_keeps_the_old_one(void **state)
{
    struct renewed r = setup(state);

    assert_int_equal(count_identities(r.after), 1);
    assert_key(r.identity, &r.next);
    assert_int_equal(r.identity->key_place, DEVID_PLACE_BLOB);
    assert_non_null(r.identity->previous);
    assert_key(r.identity->previous, &r.old);
    assert_int_equal(r.identity->previous->handle, 0x81000002);
    assert_true(r.identity->previous->is_read_only);
    assert_true(r.identity->replaced == NOW);
    teardown(&r);
}

/* What a client's configuration names a key by holds over its renewals. */
static void label_and_id_stay(void **state)
{
    struct renewed r = setup(state);
    const struct devid_identity *was = look_for(r.before, "device-id");
    const struct devid_query by_handle = {.handle = 0x81000002}, by_id = {.id = was->id};
    const struct devid_identity *found;

    assert_true(devid_slice_eq(r.identity->id, was->id));
    assert_true(devid_slice_eq(r.identity->cert_id, was->cert_id));
    assert_int_equal(devid_snapshot_find(r.after, &by_id, &found, NULL), DEVID_OK);
    assert_ptr_equal(found, r.identity);
    assert_int_equal(devid_snapshot_find(r.after, &by_handle, &found, NULL), DEVID_OK);
    assert_ptr_equal(found, r.identity);
    teardown(&r);
}

static void another_change_keeps_the_old_pair_and_a_copy_does_not_take_it_along(void **state)
{
    struct renewed r = setup(state);
    struct devid_identity changed = *r.identity;
    struct devid_bytes name = {0};
    struct devid_snapshot *snap;

    changed.private_label = "another";
    must_put(r.shelf->store, &changed);
    assert_int_equal(devid_store_add(r.shelf->store, &changed, &name, NULL), DEVID_OK);
    snap = must_snapshot(r.shelf->store);
    assert_key(look_for(snap, "device-id")->previous, &r.old);
    assert_true(look_for(snap, "device-id")->replaced == NOW);
    assert_string_equal((char *)name.data, "device-id-2");
    assert_null(look_for(snap, "device-id-2")->previous);
    devid_snapshot_free(snap);
    devid_bytes_free(&name);
    teardown(&r);
}

static void a_second_renewal_keeps_one_old_pair_the_last(void **state)
{
    struct renewed r = setup(state);
    struct sample third = sample_make("device-id", "P-256", 0);
    struct devid_snapshot *snap;

    sample_certify(&third, "gw-1");
    assert_int_equal(renew(r.shelf->store, r.identity, &third), DEVID_OK);
    snap = must_snapshot(r.shelf->store);
    assert_key(look_for(snap, "device-id"), &third);
    assert_key(look_for(snap, "device-id")->previous, &r.next);
    assert_null(look_for(snap, "device-id")->previous->previous);
    devid_snapshot_free(snap);
    sample_free(&third);
    teardown(&r);
}

static void who_renews_what_was_changed_meanwhile_must_look_again(void **state)
{
    struct renewed r = setup(state);
    struct devid_snapshot *snap;

    assert_int_equal(renew(r.shelf->store, look_for(r.before, "device-id"), &r.next), DEVID_E_BUSY);
    snap = must_snapshot(r.shelf->store);
    assert_key(look_for(snap, "device-id")->previous, &r.old);
    devid_snapshot_free(snap);
    teardown(&r);
}

static void a_certificate_for_another_key_is_not_taken(void **state)
{
    struct renewed r = setup(state);
    struct devid_made made = made_of(&r.next);

    assert_int_equal(devid_store_renew(r.shelf->store, r.identity, &made, r.old.chain, 1, NOW, NULL), DEVID_E_DATA);
    devid_made_free(&made);
    teardown(&r);
}

/* The identity is good: what is wrong with the pair before must not cost it. */
static void a_damaged_old_pair_does_not_hide_the_new_one(void **state)
{
    static const char *const damages[] = {"REPLACED", "Zm9ybWF0", "-----END DEVID"};
    struct renewed r = setup(state);
    struct devid_bytes file;
    char folder[300];

    (void)snprintf(folder, sizeof folder, "%s/owner", r.shelf->state);
    file = folder_read(folder, "device-id.pem");
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct devid_store *store = shelf_open(r.shelf);
        struct devid_bytes damaged = {0};
        struct devid_snapshot *snap;
        char *at;

        assert_int_equal(devid_bytes_copy(devid_slice_of(file), &damaged, NULL), DEVID_OK);
        at = strstr((char *)damaged.data, "BEGIN DEVID PREVIOUS IDENTITY");
        assert_non_null(at);
        if (i == 0)
            memset(at + 60, '!', 20);
        else if (i == 1)
            memcpy(at + 35, "AAAAAAAA", 8);
        else
            memcpy(strstr(at, damages[i]), "-----And", 8);
        folder_write_text(folder, "device-id.pem", (const char *)damaged.data);
        snap = must_snapshot(store);
        assert_key(look_for(snap, "device-id"), &r.next);
        assert_null(look_for(snap, "device-id")->previous);
        devid_snapshot_free(snap);
        devid_bytes_free(&damaged);
        devid_store_free(store);
    }
    devid_bytes_free(&file);
    teardown(&r);
}

#define ON_A_SHELF(test) cmocka_unit_test_setup_teardown(test, shelf_make, shelf_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_SHELF(a_renewed_identity_has_the_new_pair_and_keeps_the_old_one),
        ON_A_SHELF(label_and_id_stay),
        ON_A_SHELF(another_change_keeps_the_old_pair_and_a_copy_does_not_take_it_along),
        ON_A_SHELF(a_second_renewal_keeps_one_old_pair_the_last),
        ON_A_SHELF(who_renews_what_was_changed_meanwhile_must_look_again),
        ON_A_SHELF(a_certificate_for_another_key_is_not_taken),
        ON_A_SHELF(a_damaged_old_pair_does_not_hide_the_new_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
