/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys that the TPM lost: which ones it says are gone, and the manufacturer's made again, to the bit. */
#include "core/recover.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/chip.h"
#include "core/login.h"
#include "core/template.h"
#include "core/variant.h"
#include "put.h"
#include "tpm/by_hand.h"
#include "tpm/keys.h"

#define IDEVID 0x81020000U

static int start(void **state)
{
    *state = world_start();
    return 0;
}

/* A primary of the endorsement hierarchy at a handle, as somebody's tool would leave it. */
static void make_by(struct world *w, const TPM2B_PUBLIC *template, uint32_t handle, struct devid_made *out)
{
    struct devid_tpm *tpm = devid_store_tpm(world_store(w));
    ESYS_TR primary = ESYS_TR_NONE, persistent = ESYS_TR_NONE;
    struct devid_error err = {0};
    ESYS_CONTEXT *esys;

    assert_rc(devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, &err), DEVID_OK, err);
    assert_rc(devid_chip_primary(tpm, esys, ESYS_TR_RH_ENDORSEMENT, template, &primary, NULL, &err), DEVID_OK, err);
    assert_rc(devid_chip_persist(world_store(w), esys, primary, handle, &persistent, &err), DEVID_OK, err);
    devid_chip_flush(esys, &primary);
    devid_chip_close(esys, &persistent);
    devid_tpm_leave(tpm);
    assert_rc(devid_make_look(world_store(w), handle, out, &err), DEVID_OK, err);
}

static struct devid_lost lost_of(enum devid_role role, const struct devid_made *made)
{
    return (struct devid_lost){.role = role, .handle = made->handle, .spki = devid_slice_of(made->pub.spki)};
}

/* Recovered, and to the bit what it was. */
static const char *assert_recovers(struct world *w, const struct devid_lost *lost, const struct devid_made *was)
{
    struct devid_made made = {0};
    struct devid_error err = {0};
    const char *how = NULL;

    assert_rc(devid_recover(world_store(w), lost, &made, &how, &err), DEVID_OK, err);
    assert_int_equal(made.handle, lost->handle);
    assert_true(devid_slice_eq(devid_slice_of(made.pub.area), devid_slice_of(was->pub.area)));
    devid_made_free(&made);
    return how;
}

static void idevid_made(struct world *w, struct devid_made *out)
{
    struct devid_error err = {0};

    assert_rc(devid_make_primary(world_store(w), DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, out, &err), DEVID_OK, err);
    world_forget_commands(w);
}

static void what_its_owner_evicted_comes_back_by_one_primary(void **state)
{
    struct world *w = *state;
    struct devid_made was = {0};
    struct devid_lost lost;

    idevid_made(w, &was);
    lost = lost_of(DEVID_ROLE_IDEVID, &was);
    assert_null(assert_recovers(w, &lost, &was)); /* it is there */
    assert_commands(w, "ReadPublic ReadPublic");
    by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81020000");
    assert_string_equal(assert_recovers(w, &lost, &was), "TCG template, unique in x");
    assert_commands(w, "ReadPublic(0x18b) CreatePrimary EvictControl FlushContext");
    devid_made_free(&was);
}

static void what_tpm2_clear_took_comes_back(void **state)
{
    struct world *w = *state;
    struct devid_made was = {0};
    struct devid_lost lost;

    idevid_made(w, &was);
    lost = lost_of(DEVID_ROLE_IDEVID, &was);
    by_hand(w, "tpm2_clear -c p");
    (void)assert_recovers(w, &lost, &was);
    by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81020000 && tpm2_clear -c l");
    (void)assert_recovers(w, &lost, &was);
    devid_made_free(&was);
}

/* A maker's key by each template in turn, for a device that knows its certificate, and nothing else. */
static void every_variant_is_found_by_the_key_alone(struct world *w, enum devid_role role, enum devid_alg alg, unsigned bits,
                                                    uint32_t handle, size_t n_expected)
{
    const struct devid_public pub = {.alg = alg, .bits = bits};
    const struct devid_lost any = {.role = role, .handle = handle};
    TPM2B_PUBLIC template;
    const char *how;
    size_t n = 0;

    for (; devid_variant(&any, &pub, n, &template, &how); n++) {
        struct devid_made was = {0};
        struct devid_lost lost;

        make_by(w, &template, handle, &was);
        lost = lost_of(role, &was);
        by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x%08x", handle);
        assert_non_null(assert_recovers(w, &lost, &was));
        by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x%08x", handle);
        lost.area = devid_slice_of(was.pub.area); /* with the public area as it was seen, a few of them will do */
        assert_string_equal(assert_recovers(w, &lost, &was), "public area as it was seen");
        by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x%08x", handle);
        devid_made_free(&was);
    }
    assert_int_equal(n, n_expected);
}

static void each_maker_s_idevid_is_found(void **state)
{
    every_variant_is_found_by_the_key_alone(*state, DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, 10);
    every_variant_is_found_by_the_key_alone(*state, DEVID_ROLE_IDEVID, DEVID_EC, 384, IDEVID, 10);
}

static void each_maker_s_iak_is_found(void **state)
{
    every_variant_is_found_by_the_key_alone(*state, DEVID_ROLE_IAK, DEVID_EC, 256, 0x81020001, 7);
}

static void each_chip_vendor_s_ek_is_found(void **state)
{
    every_variant_is_found_by_the_key_alone(*state, DEVID_ROLE_EK, DEVID_EC, 256, 0x81010002, 2);
    every_variant_is_found_by_the_key_alone(*state, DEVID_ROLE_EK, DEVID_EC, 384, 0x81010002, 1);
    every_variant_is_found_by_the_key_alone(*state, DEVID_ROLE_EK, DEVID_RSA, 2048, 0x81010001, 2);
}

static void rsa_keys_are_found_too(void **state)
{
    static const size_t tried[] = {2, 4, 9}; /* RSASSA, padded, and a tool's */
    const struct devid_public pub = {.alg = DEVID_RSA, .bits = 2048};
    const struct devid_lost any = {.role = DEVID_ROLE_IDEVID, .handle = IDEVID};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++) {
        struct devid_made was = {0};
        struct devid_lost lost;
        TPM2B_PUBLIC template;
        const char *how;

        assert_true(devid_variant(&any, &pub, tried[i], &template, &how));
        make_by(w, &template, IDEVID, &was);
        lost = lost_of(DEVID_ROLE_IDEVID, &was);
        by_hand(w, "tpm2_clear -c p");
        assert_string_equal(assert_recovers(w, &lost, &was), how);
        by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81020000");
        devid_made_free(&was);
    }
}

/* What tpm2-tools make, by their own templates. */
static void an_ek_of_tpm2_tools_is_found(void **state)
{
    static const char *const types[] = {"rsa", "ecc"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct devid_made was = {0};
        struct devid_error err = {0};
        struct devid_lost lost;

        by_hand(w, "tpm2_createek -Q -c 0x81010001 -G %s -u ek.pub && tpm2_flushcontext -Q -t", types[i]);
        assert_rc(devid_make_look(world_store(w), 0x81010001, &was, &err), DEVID_OK, err);
        lost = lost_of(DEVID_ROLE_EK, &was);
        by_hand(w, "tpm2_clear -c p");
        assert_string_equal(assert_recovers(w, &lost, &was), "EK template, unique of zeros");
        by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81010001");
        devid_made_free(&was);
    }
}

static void a_recorded_template_is_tried_before_all_others(void **state)
{
    struct world *w = *state;
    struct devid_made was = {0};
    TPM2B_PUBLIC template;
    unsigned char marshalled[sizeof template];
    struct devid_error err = {0};
    struct devid_lost lost;
    size_t len = 0;

    assert_rc(devid_template_devid(DEVID_ROLE_IDEVID, DEVID_EC, 256, &template, &err), DEVID_OK, err);
    template.publicArea.unique.ecc.x.size = 3; /* a maker's own */
    make_by(w, &template, IDEVID, &was);
    assert_int_equal(Tss2_MU_TPMT_PUBLIC_Marshal(&template.publicArea, marshalled, sizeof marshalled, &len), TSS2_RC_SUCCESS);
    by_hand(w, "tpm2_clear -c p");
    lost = lost_of(DEVID_ROLE_IDEVID, &was);
    lost.recorded = (struct devid_slice){marshalled, len};
    assert_string_equal(assert_recovers(w, &lost, &was), "recorded template");
    devid_made_free(&was);
}

static void another_key_at_the_handle_is_left_alone(void **state)
{
    struct world *w = *state;
    struct devid_made was = {0}, made = {0};
    struct devid_error err = {0};
    struct devid_lost lost;
    char before[2048], after[2048];
    const char *how;

    idevid_made(w, &was);
    lost = lost_of(DEVID_ROLE_IDEVID, &was);
    by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81020000 && tpm2_createprimary -Q -C o -c other.ctx && "
               "tpm2_evictcontrol -Q -C o -c other.ctx 0x81020000 && tpm2_flushcontext -Q -t");
    by_hand_says(w, before, sizeof before, "tpm2_readpublic -c 0x81020000");
    assert_int_equal(devid_recover(world_store(w), &lost, &made, &how, &err), DEVID_E_EXISTS);
    assert_non_null(strstr(err.text, "0x81020000 holds another key, which is left alone"));
    by_hand_says(w, after, sizeof after, "tpm2_readpublic -c 0x81020000");
    assert_string_equal(before, after);
    devid_made_free(&was);
}

static void after_change_eps_it_is_gone_for_ever(void **state)
{
    struct world *w = *state;
    struct devid_made was = {0}, made = {0};
    struct devid_error err = {0};
    struct devid_lost lost;
    const char *how;

    idevid_made(w, &was);
    lost = lost_of(DEVID_ROLE_IDEVID, &was);
    by_hand(w, "tpm2_changeeps");
    assert_int_equal(devid_recover(world_store(w), &lost, &made, &how, &err), DEVID_E_KEY);
    assert_non_null(strstr(err.text, "this idevid is gone for ever"));
    assert_int_equal(devid_make_look(world_store(w), IDEVID, &made, NULL), DEVID_E_ABSENT);
    devid_made_free(&was);
}

static void recover_by(struct devid_store *store, void *arg)
{
    struct devid_made made = {0};
    const char *how;

    (void)devid_recover(store, arg, &made, &how, NULL);
    devid_made_free(&made);
}

static void killed_after_each_command_it_is_finished_by_the_next(void **state)
{
    struct world *w = *state;
    const struct devid_public pub = {.alg = DEVID_EC, .bits = 256};
    struct devid_made was = {0};
    struct devid_lost lost = {.role = DEVID_ROLE_IDEVID};
    TPM2B_PUBLIC template;
    const char *how;
    unsigned n = 1;

    assert_true(devid_variant(&lost, &pub, 2, &template, &how)); /* so that two are made for nothing */
    make_by(w, &template, IDEVID, &was);
    lost = lost_of(DEVID_ROLE_IDEVID, &was);
    by_hand(w, "tpm2_clear -c p");
    while (killed_after(n, recover_by, &lost)) {
        n++;
        assert_int_equal(devid_make_sweep(world_store(w), NULL), DEVID_OK);
        (void)assert_recovers(w, &lost, &was);
        world_assert_clean(w);
        by_hand(w, "tpm2_clear -c p");
    }
    assert_int_equal(n - 1, 8); /* look, three primaries, two flushes, persist, flush */
    (void)assert_recovers(w, &lost, &was);
    devid_made_free(&was);
}

/* ---- standing ---- */

static enum devid_standing standing_of(struct world *w, const char *label)
{
    const struct devid_query query = {.label = label};
    enum devid_standing standing = DEVID_STANDING_OTHER;
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_error err = {0};

    assert_rc(devid_store_find(world_store(w), &query, &snap, &identity, &err), DEVID_OK, err);
    assert_rc(devid_standing_ask(world_store(w), snap, identity, &standing, &err), DEVID_OK, err);
    devid_snapshot_free(snap);
    return standing;
}

static void keys_stand_until_they_are_cleared(void **state)
{
    struct devid_error err = {0};
    struct world *w = *state;

    keys_make(world_store(w), "wrapped", DEVID_EC, 256, 0);
    keys_make(world_store(w), "persistent", DEVID_EC, 256, 0x81000002);
    assert_int_equal(standing_of(w, "wrapped"), DEVID_STANDING_THERE);
    assert_int_equal(standing_of(w, "persistent"), DEVID_STANDING_THERE);
    by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81000001");
    assert_int_equal(standing_of(w, "wrapped"), DEVID_STANDING_ROOTLESS);
    assert_rc(devid_recover_root(world_store(w), &err), DEVID_OK, err);
    assert_int_equal(standing_of(w, "wrapped"), DEVID_STANDING_THERE);
    by_hand(w, "tpm2_clear -c p");
    assert_int_equal(standing_of(w, "wrapped"), DEVID_STANDING_GONE);
    assert_int_equal(standing_of(w, "persistent"), DEVID_STANDING_GONE);
    keys_make(world_store(w), "third", DEVID_EC, 256, 0);
    assert_int_equal(standing_of(w, "wrapped"), DEVID_STANDING_GONE); /* another root key's */
    assert_int_equal(standing_of(w, "third"), DEVID_STANDING_THERE);
    by_hand(w, "tpm2_createprimary -Q -C o -c other.ctx && tpm2_evictcontrol -Q -C o -c other.ctx 0x81000002 && "
               "tpm2_flushcontext -Q -t");
    assert_int_equal(standing_of(w, "persistent"), DEVID_STANDING_OTHER);
}

/* As other TPM programs write their key files: the parent is a hierarchy, whose primary is made for each use. */
static void a_key_under_a_hierarchy_stands_until_that_is_cleared(void **state)
{
    const struct devid_wanted wanted = {.alg = DEVID_EC, .bits = 256, .signs = true, .parent = 0x40000001};
    struct devid_handles handles = {0};
    struct devid_made made = {0};
    struct devid_error err = {0};
    struct world *w = *state;
    struct devid_identity identity;

    assert_rc(devid_make_key(world_store(w), &wanted, &made, &err), DEVID_OK, err);
    identity = (struct devid_identity){.token = "owner", .label = "x", .role = DEVID_ROLE_CLIENT, .pub = made.pub,
                                       .key_place = DEVID_PLACE_BLOB, .parent = made.parent, .blob = devid_slice_of(made.blob)};
    assert_rc(put_identity(world_store(w), &identity, &err), DEVID_OK, err);
    assert_int_equal(standing_of(w, "x"), DEVID_STANDING_THERE);
    assert_rc(devid_handles_read(world_store(w), &handles, &err), DEVID_OK, err);
    assert_false(devid_handles_lack(&handles, &identity));
    by_hand(w, "tpm2_clear -c p");
    assert_int_equal(standing_of(w, "x"), DEVID_STANDING_GONE);
    devid_handles_free(&handles);
    devid_made_free(&made);
}

static void a_tpm_that_is_away_has_lost_nothing(void **state)
{
    const struct devid_query query = {.label = "wrapped"};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct world *w = *state;
    enum devid_standing standing = DEVID_STANDING_THERE;
    struct devid_handles handles = {0};
    struct devid_error err = {0};

    keys_make(world_store(w), "wrapped", DEVID_EC, 256, 0);
    world_stop_tpm(w);
    world_connect_by(w, world_tcti(w));
    assert_rc(devid_store_find(world_store(w), &query, &snap, &identity, &err), DEVID_OK, err);
    assert_int_equal(devid_standing_ask(world_store(w), snap, identity, &standing, &err), DEVID_E_AWAY);
    assert_int_equal(standing, DEVID_STANDING_THERE);
    assert_int_equal(devid_handles_read(world_store(w), &handles, &err), DEVID_E_AWAY);
    assert_null(handles.list);
    devid_snapshot_free(snap);
    world_start_tpm(w);
}

static void one_command_tells_which_handles_are_in_use(void **state)
{
    struct world *w = *state;
    const struct devid_identity ldevid = {.key_place = DEVID_PLACE_HANDLE, .handle = 0x81000002},
                                wrapped = {.key_place = DEVID_PLACE_BLOB, .parent = 0x81000001};
    struct devid_handles handles = {0};
    struct devid_error err = {0};

    assert_rc(devid_handles_read(world_store(w), &handles, &err), DEVID_OK, err);
    assert_int_equal(handles.n, 0);
    assert_true(devid_handles_lack(&handles, &wrapped));
    devid_handles_free(&handles);
    keys_make(world_store(w), "persistent", DEVID_EC, 256, 0x81000002);
    world_forget_commands(w);
    assert_rc(devid_handles_read(world_store(w), &handles, &err), DEVID_OK, err);
    assert_commands(w, "GetCapability");
    assert_int_equal(handles.n, 2);
    assert_false(devid_handles_lack(&handles, &wrapped));
    assert_false(devid_handles_lack(&handles, &ldevid));
    devid_handles_free(&handles);
}

static void keys_behind_a_pin_stand_as_their_token_does(void **state)
{
    const struct devid_slice pin = devid_slice_text("123456");
    const struct devid_wanted wanted = {.token = "vault", .alg = DEVID_EC, .bits = 256, .signs = true};
    struct world *w = *state;
    struct devid_identity identity = {.token = "vault", .label = "mine", .role = DEVID_ROLE_CLIENT,
                                      .key_place = DEVID_PLACE_BLOB, .parent = DEVID_PARENT_PIN};
    struct devid_made made = {0};
    struct devid_error err = {0};

    assert_rc(devid_token_init(world_store(w), NULL, "vault", devid_slice_text("87654321"), &err), DEVID_OK, err);
    assert_rc(devid_login(world_store(w), "vault", DEVID_SO, devid_slice_text("87654321"), &err), DEVID_OK, err);
    assert_rc(devid_token_set_user(world_store(w), "vault", pin, &err), DEVID_OK, err);
    devid_logout(world_store(w), "vault");
    assert_rc(devid_login(world_store(w), "vault", DEVID_USER, pin, &err), DEVID_OK, err);
    assert_rc(devid_make_key(world_store(w), &wanted, &made, &err), DEVID_OK, err);
    identity.pub = made.pub;
    identity.blob = devid_slice_of(made.blob);
    assert_rc(put_identity(world_store(w), &identity, &err), DEVID_OK, err);
    devid_logout(world_store(w), "vault");
    assert_int_equal(standing_of(w, "mine"), DEVID_STANDING_THERE);
    by_hand(w, "tpm2_clear -c p");
    assert_int_equal(standing_of(w, "mine"), DEVID_STANDING_GONE);
    devid_made_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_its_owner_evicted_comes_back_by_one_primary, start, world_end_clean),
        cmocka_unit_test_setup_teardown(what_tpm2_clear_took_comes_back, start, world_end_clean),
        cmocka_unit_test_setup_teardown(each_maker_s_idevid_is_found, start, world_end_clean),
        cmocka_unit_test_setup_teardown(each_maker_s_iak_is_found, start, world_end_clean),
        cmocka_unit_test_setup_teardown(each_chip_vendor_s_ek_is_found, start, world_end_clean),
        cmocka_unit_test_setup_teardown(rsa_keys_are_found_too, start, world_end_clean),
        cmocka_unit_test_setup_teardown(an_ek_of_tpm2_tools_is_found, start, world_end_clean),
        cmocka_unit_test_setup_teardown(a_recorded_template_is_tried_before_all_others, start, world_end_clean),
        cmocka_unit_test_setup_teardown(another_key_at_the_handle_is_left_alone, start, world_end_clean),
        cmocka_unit_test_setup_teardown(after_change_eps_it_is_gone_for_ever, start, world_end_clean),
        cmocka_unit_test_setup_teardown(killed_after_each_command_it_is_finished_by_the_next, start, world_end_clean),
        cmocka_unit_test_setup_teardown(keys_stand_until_they_are_cleared, start, world_end_clean),
        cmocka_unit_test_setup_teardown(a_key_under_a_hierarchy_stands_until_that_is_cleared, start, world_end_clean),
        cmocka_unit_test_setup_teardown(a_tpm_that_is_away_has_lost_nothing, start, world_end_clean),
        cmocka_unit_test_setup_teardown(one_command_tells_which_handles_are_in_use, start, world_end_clean),
        cmocka_unit_test_setup_teardown(keys_behind_a_pin_stand_as_their_token_does, start, world_end_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
