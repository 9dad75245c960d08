/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys are made by processes that may die, on TPMs that say no. */
#include <stdio.h>
#include <string.h>

#include "core/make.h"
#include "tpm/by_hand.h"

#define IDEVID 0x81020000U
#define LDEVID 0x81000002U

static int start(void **state)
{
    *state = world_start();
    return 0;
}

static void evict_all(struct world *w)
{
    by_hand(w, "for h in $(tpm2_getcap handles-persistent | cut -d' ' -f2); do tpm2_evictcontrol -Q -C o -c $h; done");
}

static void idevid(struct devid_store *store, void *arg)
{
    struct devid_made *made = arg;

    assert_int_equal(devid_make_primary(store, DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, made, NULL), DEVID_OK);
}

/* What provision does: sweep, look, make. */
static void a_killed_primary_is_finished_by_the_next_call_as_the_same_key(void **state)
{
    struct world *w = *state;
    struct devid_made want = {0}, made = {0}, lost = {0};
    unsigned n = 1;

    idevid(world_store(w), &want);
    evict_all(w);
    for (; killed_after(n, idevid, &lost); n++) {
        char handles[256];

        assert_int_equal(devid_make_sweep(world_store(w), NULL), DEVID_OK);
        idevid(world_store(w), &made);
        assert_true(devid_slice_eq(devid_slice_of(want.pub.area), devid_slice_of(made.pub.area)));
        by_hand_says(w, handles, sizeof handles, "tpm2_getcap handles-persistent");
        assert_string_equal(handles, "- 0x81020000\n");
        world_assert_clean(w);
        devid_made_free(&made);
        evict_all(w);
    }
    assert_int_equal(n - 1, 4); /* look, create, persist, flush: it was killed after each of them */
    world_assert_clean(w);
    devid_made_free(&want);
}

static void ldevid(struct devid_store *store, void *arg)
{
    struct devid_made *out = arg, made = {0};
    struct devid_identity identity = {.token = "owner", .label = "ldevid", .public_label = "ldevid",
                                      .role = DEVID_ROLE_LDEVID, .key_place = DEVID_PLACE_BLOB};

    assert_int_equal(devid_make_wrapped(store, DEVID_EC, 256, &made, NULL), DEVID_OK);
    identity.pub = made.pub;
    identity.parent = made.parent;
    identity.blob = devid_slice_of(made.blob);
    assert_int_equal(devid_make_persistent(store, &identity, LDEVID, out, NULL), DEVID_OK);
    devid_made_free(&made);
}

static void a_killed_owner_key_leaves_a_tpm_where_the_next_one_is_made(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0}, lost = {0};
    unsigned n = 1;

    for (; killed_after(n, ldevid, &lost); n++) {
        char handles[256];

        assert_int_equal(devid_make_sweep(world_store(w), NULL), DEVID_OK);
        world_assert_clean(w);
        by_hand_says(w, handles, sizeof handles, "tpm2_getcap handles-persistent");
        if (strstr(handles, "0x81000002") == NULL)
            ldevid(world_store(w), &made);
        by_hand_says(w, handles, sizeof handles, "tpm2_getcap handles-persistent");
        assert_string_equal(handles, "- 0x81000001\n- 0x81000002\n");
        by_hand(w, "printf data >data && tpm2_sign -Q -c 0x81000002 -g sha256 -o sig data");
        world_assert_clean(w);
        devid_made_free(&made);
        evict_all(w);
    }
    assert_int_equal(n - 1, 9);
    world_assert_clean(w);
}

/* Without a resource manager a TPM has three slots, and programs that were killed leave them full. */
static void full_slots_are_swept_once_and_tried_again(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0};

    by_hand(w, "for i in 1 2 3; do tpm2_createprimary -Q -C o -c left.ctx; done");
    idevid(world_store(w), &made);
    assert_commands(w, "ReadPublic(0x902) GetCapability FlushContext FlushContext FlushContext GetCapability "
                       "ReadPublic(0x18b) CreatePrimary EvictControl FlushContext");
    world_assert_clean(w);
    devid_made_free(&made);

    by_hand(w, "for i in 1 2 3; do tpm2_createprimary -Q -C o -c left.ctx; done");
    assert_int_equal(devid_make_look(world_store(w), IDEVID, &made, NULL), DEVID_OK);
    world_assert_clean(w);
    devid_made_free(&made);

    by_hand(w, "for i in 1 2; do tpm2_createprimary -Q -C o -c left.ctx; done");
    ldevid(world_store(w), &made);
    world_assert_clean(w);
    devid_made_free(&made);
}

static void a_hierarchy_with_a_password_is_named(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0};
    struct devid_error err = {0};

    by_hand(w, "tpm2_changeauth -Q -c endorsement secret");
    assert_int_equal(devid_make_primary(world_store(w), DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, &made, &err),
                     DEVID_E_AUTH);
    assert_non_null(strstr(err.text, "endorsement hierarchy"));
    assert_non_null(strstr(err.text, "tpm2_changeauth -c endorsement -p"));
    by_hand(w, "tpm2_changeauth -Q -c endorsement -p secret && tpm2_changeauth -Q -c owner secret");
    assert_int_equal(devid_make_primary(world_store(w), DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, &made, &err),
                     DEVID_E_AUTH);
    assert_non_null(strstr(err.text, "owner hierarchy"));
    assert_int_equal(devid_make_wrapped(world_store(w), DEVID_EC, 256, &made, &err), DEVID_E_AUTH);
    assert_non_null(strstr(err.text, "owner hierarchy"));
    world_assert_clean(w);
    by_hand(w, "tpm2_changeauth -Q -c owner -p secret");
    idevid(world_store(w), &made);
    devid_made_free(&made);
}

static void a_hierarchy_that_is_switched_off_is_named(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0};
    struct devid_error err = {0};

    by_hand(w, "tpm2_hierarchycontrol -C p ehEnable clear && tpm2_hierarchycontrol -C p shEnable clear");
    assert_int_equal(devid_make_primary(world_store(w), DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, &made, &err),
                     DEVID_E_DENIED);
    assert_non_null(strstr(err.text, "endorsement hierarchy of this TPM is switched off"));
    assert_int_equal(devid_make_wrapped(world_store(w), DEVID_EC, 256, &made, &err), DEVID_E_DENIED);
    assert_non_null(strstr(err.text, "owner hierarchy of this TPM is switched off"));
    world_assert_clean(w);
}

static void without_a_tpm_nothing_is_made_and_nothing_hangs(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0};
    struct devid_error err = {0};

    idevid(world_store(w), &made);
    devid_made_free(&made);
    world_stop_tpm(w);
    assert_int_equal(devid_make_primary(world_store(w), DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, &made, &err),
                     DEVID_E_AWAY);
    assert_int_equal(devid_make_wrapped(world_store(w), DEVID_EC, 256, &made, &err), DEVID_E_AWAY);
    assert_int_equal(devid_make_look(world_store(w), IDEVID, &made, &err), DEVID_E_AWAY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, world_end)
    const struct CMUnitTest tests[] = {
        TEST(a_killed_primary_is_finished_by_the_next_call_as_the_same_key),
        TEST(a_killed_owner_key_leaves_a_tpm_where_the_next_one_is_made),
        TEST(full_slots_are_swept_once_and_tried_again),
        TEST(a_hierarchy_with_a_password_is_named),
        TEST(a_hierarchy_that_is_switched_off_is_named),
        TEST(without_a_tpm_nothing_is_made_and_nothing_hangs),
    };

    return cmocka_run_group_tests_name("make, faults", tests, NULL, NULL);
}
