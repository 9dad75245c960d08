/* SPDX-License-Identifier: BSD-2-Clause */
/* A key that somebody switched off signs no more, in whatever process and by whatever name. IEEE 802.1AR, 7.2. */
#include <string.h>
#include <time.h>

#include "core/counters.h"
#include "core/keyfile.h"
#include "put.h"
#include "tpm/by_hand.h"
#include "tpm/keys.h"

#define LDEVID 0x81000002U

static const struct devid_scheme ecdsa = {.padding = DEVID_ECDSA, .hash = DEVID_SHA256};

static int start(void **state)
{
    struct world *w = world_start();

    keys_make(world_store(w), "persistent", DEVID_EC, 256, LDEVID);
    keys_make(world_store(w), "wrapped", DEVID_EC, 256, 0);
    keys_make(world_store(w), "other", DEVID_EC, 256, 0);
    world_forget_commands(w);
    *state = w;
    return 0;
}

/* As another process does it. */
static void set_enabled(struct world *w, const char *label, bool enabled)
{
    const struct devid_query query = {.label = label};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_store *store = NULL;
    struct devid_identity next;
    struct devid_error err = {0};

    (void)w;
    assert_rc(devid_store_open(NULL, &store, &err), DEVID_OK, err);
    assert_rc(devid_store_find(store, &query, &snap, &identity, &err), DEVID_OK, err);
    next = *identity;
    next.private_flags = enabled ? 0 : DEVID_FLAG_DISABLED;
    assert_rc(devid_store_replace(store, identity, &next, &err), DEVID_OK, err);
    devid_snapshot_free(snap);
    devid_store_free(store);
}

static void assert_signs(struct devid_key *key, devid_rc expected)
{
    struct devid_error err = {0};

    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), expected, err);
    if (expected == DEVID_E_DENIED)
        assert_non_null(strstr(err.text, "is disabled: \"devid enable "));
}

static void a_process_that_has_the_key_open_is_refused_from_then_on(void **state)
{
    static const char *const labels[] = {"persistent", "wrapped"};
    struct world *w = *state;

    for (size_t i = 0; i < 2; i++) {
        struct devid_key *key = keys_open(world_store(w), labels[i]), *other = keys_open(world_store(w), "other");

        assert_signs(key, DEVID_OK);
        set_enabled(w, labels[i], false);
        world_forget_commands(w);
        assert_signs(key, DEVID_E_DENIED);
        assert_commands(w, ""); /* the TPM is not asked */
        assert_signs(other, DEVID_OK);
        set_enabled(w, labels[i], true);
        assert_signs(key, DEVID_OK);
        devid_key_free(key);
        devid_key_free(other);
    }
}

static void it_is_not_opened_and_its_handle_and_key_file_are_no_way_around(void **state)
{
    const struct devid_query persistent = {.handle = LDEVID}, wrapped = {.label = "wrapped"};
    const struct devid_identity *identity;
    struct world *w = *state;
    struct devid_keyfile file = {.parent = 0x81000001, .is_empty_auth = true};
    struct devid_snapshot *snap = NULL;
    struct devid_bytes der = {0};
    struct devid_error err = {0};
    struct devid_key *key;

    set_enabled(w, "persistent", false);
    set_enabled(w, "wrapped", false);
    assert_rc(devid_store_find(world_store(w), &persistent, &snap, &identity, &err), DEVID_OK, err);
    assert_int_equal(devid_key_open(world_store(w), snap, identity, &key, &err), DEVID_E_DENIED);
    devid_snapshot_free(snap);
    assert_rc(devid_key_open_handle(world_store(w), LDEVID, &key, &err), DEVID_OK, err);
    assert_signs(key, DEVID_E_DENIED);
    devid_key_free(key);

    assert_rc(devid_store_find(world_store(w), &wrapped, &snap, &identity, &err), DEVID_OK, err);
    assert_rc(devid_bytes_copy(devid_slice_of(identity->pub.area), &file.area, &err), DEVID_OK, err);
    assert_rc(devid_bytes_copy(identity->blob, &file.blob, &err), DEVID_OK, err);
    assert_rc(devid_keyfile_write(&file, &der, &err), DEVID_OK, err);
    assert_rc(devid_key_open_file(world_store(w), devid_slice_of(der), &key, &err), DEVID_OK, err);
    assert_signs(key, DEVID_E_DENIED);
    devid_key_free(key);
    devid_snapshot_free(snap);
    devid_keyfile_free(&file);
    devid_bytes_free(&der);
}

static void the_manufacturer_s_is_switched_off_in_its_own_file(void **state)
{
    const struct devid_query query = {.label = "idevid"};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct world *w = *state;
    struct devid_identity next;
    struct devid_error err = {0};
    struct devid_key *key;

    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, 0x81020000);
    key = keys_open(world_store(w), "idevid");
    assert_rc(devid_store_find(world_store(w), &query, &snap, &identity, &err), DEVID_OK, err);
    assert_true(devid_identity_key_enabled(identity));
    next = *identity;
    next.private_flags |= DEVID_FLAG_DISABLED;
    assert_rc(put_identity(world_store(w), &next, &err), DEVID_OK, err);
    devid_snapshot_free(snap);
    assert_signs(key, DEVID_E_DENIED);
    devid_key_free(key);
    world_connect_by(w, world_tcti(w)); /* after a restart */
    assert_rc(devid_store_find(world_store(w), &query, &snap, &identity, &err), DEVID_OK, err);
    assert_false(devid_identity_key_enabled(identity));
    devid_snapshot_free(snap);
}

/* ---- counters ---- */

static void assert_counted(struct world *w, uint64_t made, uint64_t deleted)
{
    struct devid_counters now = {0};
    struct devid_error err = {0};

    assert_rc(devid_counters_read(world_store(w), &now, &err), DEVID_OK, err);
    assert_int_equal(now.key_generations, made);
    assert_int_equal(now.key_deletions, deleted);
    assert_int_equal(now.certificate_insertions, 0);
    assert_int_equal(now.certificate_deletions, 0);
}

static void keys_are_counted_as_they_come_and_go(void **state)
{
    const struct devid_query query = {.label = "other"};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct world *w = *state;
    struct devid_error err = {0};

    assert_counted(w, 3, 0);
    set_enabled(w, "other", false); /* a change, but of no key */
    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, 0x81020000);
    assert_counted(w, 3, 0);
    assert_rc(devid_store_find(world_store(w), &query, &snap, &identity, &err), DEVID_OK, err);
    assert_rc(remove_identity(world_store(w), identity, &err), DEVID_OK, err);
    assert_rc(remove_identity(world_store(w), identity, &err), DEVID_OK, err);
    devid_snapshot_free(snap);
    assert_counted(w, 3, 1);
    keys_make(world_store(w), "wrapped", DEVID_EC, 256, 0); /* in place of the old one */
    assert_counted(w, 4, 2);
    world_connect_by(w, world_tcti(w));
    assert_counted(w, 4, 2);
}

static struct devid_identity find(struct world *w, const char *label, struct devid_snapshot **snap)
{
    const struct devid_identity *identity = NULL;
    struct devid_error err = {0};

    assert_rc(devid_store_find(world_store(w), &(struct devid_query){.label = label}, snap, &identity, &err), DEVID_OK, err);
    return *identity;
}

/* Its successor may be disabled, or somebody else's; it would sign in the first one's name. */
static void a_key_that_left_its_handle_to_another_signs_no_more(void **state)
{
    struct world *w = *state;
    struct devid_snapshot *snaps[3] = {NULL};
    struct devid_identity first = find(w, "persistent", &snaps[0]), second, renewed;
    struct devid_key *by_name = keys_open(world_store(w), "persistent"), *by_handle = NULL;
    struct devid_error err = {0};

    assert_rc(devid_key_open_handle(world_store(w), LDEVID, &by_handle, &err), DEVID_OK, err);
    assert_signs(by_name, DEVID_OK);
    assert_signs(by_handle, DEVID_OK);
    assert_rc(devid_key_evict(world_store(w), &first, &err), DEVID_OK, err);
    assert_rc(remove_identity(world_store(w), &first, &err), DEVID_OK, err);
    keys_make(world_store(w), "second", DEVID_EC, 256, LDEVID);
    world_forget_commands(w);
    assert_signs(by_name, DEVID_E_ABSENT);
    assert_signs(by_handle, DEVID_E_ABSENT);

    /* and its successor's successor is elsewhere */
    second = find(w, "second", &snaps[1]);
    renewed = find(w, "wrapped", &snaps[2]);
    renewed.label = renewed.public_label = second.label;
    renewed.previous = &second;
    renewed.replaced = time(NULL);
    assert_rc(put_identity(world_store(w), &renewed, &err), DEVID_OK, err);
    assert_signs(by_name, DEVID_E_ABSENT);
    assert_signs(by_handle, DEVID_E_ABSENT);
    assert_sent(w, "");
    devid_key_free(by_name);
    devid_key_free(by_handle);
    for (size_t i = 0; i < 3; i++)
        devid_snapshot_free(snaps[i]);
}

static void damaged_counters_are_told_and_begin_anew(void **state)
{
    struct devid_counters now = {0};
    struct world *w = *state;
    struct devid_error err = {0};

    by_hand(w, "echo 'key-generations: many' >state/.counters/counters && echo 'later: kept' >>state/.counters/counters");
    assert_int_equal(devid_counters_read(world_store(w), &now, &err), DEVID_E_DATA);
    keys_make(world_store(w), "fourth", DEVID_EC, 256, 0);
    assert_counted(w, 1, 0);
    by_hand(w, "grep -q 'later: kept' state/.counters/counters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_process_that_has_the_key_open_is_refused_from_then_on, start, world_end_clean),
        cmocka_unit_test_setup_teardown(it_is_not_opened_and_its_handle_and_key_file_are_no_way_around, start, world_end_clean),
        cmocka_unit_test_setup_teardown(a_key_that_left_its_handle_to_another_signs_no_more, start, world_end_clean),
        cmocka_unit_test_setup_teardown(the_manufacturer_s_is_switched_off_in_its_own_file, start, world_end_clean),
        cmocka_unit_test_setup_teardown(keys_are_counted_as_they_come_and_go, start, world_end_clean),
        cmocka_unit_test_setup_teardown(damaged_counters_are_told_and_begin_anew, start, world_end_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
