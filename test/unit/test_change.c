/* SPDX-License-Identifier: BSD-2-Clause */
/* Who changes an identity loses nothing that another one changed, and the manufacturer's is changed by no client. */
#include <string.h>
#include <unistd.h>

#include "put.h"
#include "unit/folder.h"
#include "unit/shelf.h"

#define FILE_OF(label) "owner/" label ".pem"

static void a_state_that_cannot_be_written_is_told_and_the_identity_stays(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0);
    struct shelf *s = *state;
    struct devid_error err = {0};
    struct devid_store *store = NULL;

    folder_write_text(s->folder, "state", "this is no folder\n");
    assert_int_equal(put_identity(s->store, &sample.identity, &err), DEVID_E_FILE);
    assert_non_null(strstr(err.text, "/state"));
    assert_int_equal(unlink(s->state), 0);
    folder_write_text(s->folder, "devid.conf", "[device]\nstate = /proc/self/devid\n");
    assert_int_equal(devid_store_open(s->conf, &store, NULL), DEVID_OK);
    assert_int_equal(put_identity(store, &sample.identity, &err), DEVID_E_FILE);
    assert_non_null(strstr(err.text, "/proc/self/devid"));
    devid_store_free(store);
    sample_free(&sample);
}

static void the_manufacturers_identities_are_read_only(void **state)
{
    struct sample sample = sample_make("idevid", "P-256", 0x81020000);
    struct shelf *s = *state;
    struct devid_snapshot *snap;
    struct devid_error err = {0};

    sample.identity.token = "manufacturer";
    sample.identity.role = DEVID_ROLE_IDEVID;
    must_put(s->store, &sample.identity);
    snap = must_snapshot(s->store);
    assert_true(look_for(snap, "idevid")->is_read_only);
    assert_int_equal(devid_store_replace(s->store, look_for(snap, "idevid"), NULL, &err), DEVID_E_DENIED);
    assert_int_equal(devid_store_replace(s->store, look_for(snap, "idevid"), &sample.identity, &err), DEVID_E_DENIED);
    assert_true(folder_has(s->state, "manufacturer/idevid.pem"));
    devid_snapshot_free(snap);
    sample_free(&sample);
}

/* The commands switch it off, and write down where its certificate is. */
static void a_change_of_the_manufacturers_loses_nothing_of_another_one(void **state)
{
    struct sample sample = sample_make("idevid", "P-256", 0x81020000);
    struct shelf *s = *state;
    struct devid_snapshot *snap;
    struct devid_identity next;
    struct devid_error err = {0};

    sample.identity.token = "manufacturer";
    sample.identity.role = DEVID_ROLE_IDEVID;
    must_put(s->store, &sample.identity);
    snap = must_snapshot(s->store);
    next = *look_for(snap, "idevid");
    next.private_flags = DEVID_FLAG_DISABLED;
    assert_int_equal(devid_store_change(s->store, look_for(snap, "idevid"), &next, &err), DEVID_OK);
    next.private_flags = 0;
    assert_int_equal(devid_store_change(s->store, look_for(snap, "idevid"), &next, &err), DEVID_E_BUSY);
    devid_snapshot_free(snap);
    snap = must_snapshot(s->store);
    assert_int_equal(look_for(snap, "idevid")->private_flags, DEVID_FLAG_DISABLED);
    devid_snapshot_free(snap);
    sample_free(&sample);
}

static void what_is_new_takes_nobodys_name(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0), other = sample_make("x", "P-256", 0);
    struct shelf *s = *state;
    struct devid_snapshot *snap;
    struct devid_error err = {0};

    assert_int_equal(devid_store_change(s->store, NULL, &sample.identity, &err), DEVID_OK);
    assert_int_equal(devid_store_change(s->store, NULL, &other.identity, &err), DEVID_E_BUSY);
    assert_non_null(strstr(err.text, "x was changed meanwhile"));
    snap = must_snapshot(s->store);
    assert_true(devid_slice_eq(devid_slice_of(look_for(snap, "x")->pub.spki), devid_slice_of(sample.spki)));
    devid_snapshot_free(snap);
    sample_free(&sample);
    sample_free(&other);
}

static void what_is_removed_is_gone_with_its_cache(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0x81000002);
    struct shelf *s = *state;
    struct devid_snapshot *before, *after;

    must_put(s->store, &sample.identity);
    assert_true(folder_has(s->state, ".cache/0x81000002"));
    before = must_snapshot(s->store);
    assert_int_equal(remove_identity(s->store, look_for(before, "x"), NULL), DEVID_OK);
    after = must_snapshot(s->store);
    assert_null(look_for(after, "x"));
    assert_false(folder_has(s->state, FILE_OF("x")));
    assert_false(folder_has(s->state, ".cache/0x81000002"));
    assert_int_equal(remove_identity(s->store, look_for(before, "x"), NULL), DEVID_OK); /* again */
    devid_snapshot_free(before);
    devid_snapshot_free(after);
    sample_free(&sample);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_make, shelf_end)
    const struct CMUnitTest tests[] = {
        TEST(a_state_that_cannot_be_written_is_told_and_the_identity_stays),
        TEST(the_manufacturers_identities_are_read_only),
        TEST(a_change_of_the_manufacturers_loses_nothing_of_another_one),
        TEST(what_is_new_takes_nobodys_name),
        TEST(what_is_removed_is_gone_with_its_cache),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
