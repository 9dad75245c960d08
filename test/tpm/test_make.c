/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys as the manufacturer and the owner make them, and what others see of them. */
#include "core/make.h"
#include "core/recover.h"

#include <stdio.h>
#include <string.h>

#include "tpm/by_hand.h"

#define IDEVID 0x81020000U
#define LDEVID 0x81000002U

static int start(void **state)
{
    *state = world_start();
    return 0;
}

static void make_primary(struct world *w, enum devid_role role, enum devid_alg alg, unsigned bits, uint32_t handle,
                         struct devid_made *made)
{
    struct devid_error err = {0};

    if (devid_make_primary(world_store(w), role, alg, bits, handle, made, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    assert_int_equal(made->handle, handle);
    assert_int_equal(made->blob.len, 0);
    assert_int_not_equal(made->object.len, 0);
}

static void make_wrapped(struct world *w, enum devid_alg alg, unsigned bits, struct devid_made *made)
{
    struct devid_error err = {0};

    if (devid_make_wrapped(world_store(w), alg, bits, made, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    assert_int_equal(made->handle, 0);
    assert_int_equal(made->parent, 0x81000001);
    assert_int_not_equal(made->blob.len, 0);
    assert_int_equal(made->object.len, 0);
}

static struct devid_identity identity_of(const struct devid_made *made)
{
    struct devid_identity identity = {.token = "owner", .label = "key", .public_label = "key",
                                      .role = DEVID_ROLE_LDEVID, .pub = made->pub, .key_place = DEVID_PLACE_BLOB,
                                      .parent = made->parent, .blob = devid_slice_of(made->blob)};

    return identity;
}

static void assert_same_key(const struct devid_made *a, const struct devid_made *b)
{
    assert_true(devid_slice_eq(devid_slice_of(a->pub.area), devid_slice_of(b->pub.area)));
    assert_true(devid_slice_eq(devid_slice_of(a->pub.spki), devid_slice_of(b->pub.spki)));
}

static void the_first_call_makes_the_idevid_and_the_next_finds_it(void **state)
{
    struct world *w = *state;
    struct devid_made first = {0}, again = {0}, seen = {0};

    make_primary(w, DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, &first);
    assert_commands(w, "ReadPublic(0x18b) CreatePrimary EvictControl FlushContext");
    make_primary(w, DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, &again);
    assert_commands(w, "ReadPublic CreatePrimary FlushContext");
    assert_same_key(&first, &again);
    assert_int_equal(devid_make_look(world_store(w), IDEVID, &seen, NULL), DEVID_OK);
    assert_commands(w, "ReadPublic ReadPublic");
    assert_same_key(&first, &seen);
    assert_true(devid_slice_eq(devid_slice_of(first.object), devid_slice_of(seen.object)));
    world_assert_clean(w);
    devid_made_free(&first);
    devid_made_free(&again);
    devid_made_free(&seen);
}

static void an_empty_handle_is_absent(void **state)
{
    struct world *w = *state;
    struct devid_made seen = {0};
    struct devid_error err = {0};

    assert_int_equal(devid_make_look(world_store(w), IDEVID, &seen, &err), DEVID_E_ABSENT);
    assert_int_equal(err.handle, IDEVID);
    assert_non_null(strstr(err.text, "0x81020000"));
    assert_commands(w, "ReadPublic(0x18b)");
}

/* TPM2_Clear and any owner can evict the IDevID: it must be the same key again. */
static void an_idevid_that_was_evicted_is_made_again_as_the_same_key(void **state)
{
    static const struct {
        enum devid_alg alg;
        unsigned bits;
    } types[] = {{DEVID_EC, 256}, {DEVID_EC, 384}, {DEVID_RSA, 2048}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct devid_made first = {0}, again = {0};

        make_primary(w, DEVID_ROLE_IDEVID, types[i].alg, types[i].bits, IDEVID, &first);
        if (types[i].alg == DEVID_EC)
            by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81020000");
        else
            by_hand(w, "tpm2_clear -c p");
        make_primary(w, DEVID_ROLE_IDEVID, types[i].alg, types[i].bits, IDEVID, &again);
        assert_same_key(&first, &again);
        by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81020000");
        devid_made_free(&first);
        devid_made_free(&again);
    }
    world_assert_clean(w);
}

/* How tpm2_readpublic prints a key: on lines of their own, in this order. */
static void assert_seen(struct world *w, uint32_t handle, const char *const *lines)
{
    char text[4096], *at = text;

    by_hand_says(w, text, sizeof text, "tpm2_readpublic -c 0x%08x", handle);
    for (; *lines != NULL; lines++) {
        char *found = strstr(at, *lines);

        if (found == NULL)
            fail_msg("0x%08x: no \"%s\" in:\n%s", handle, *lines, text);
        at = found + strlen(*lines);
    }
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define DEVICE_KEY "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|"

static void others_see_device_keys_as_the_template_says(void **state)
{
    struct world *w = *state;
    struct devid_made made[6] = {0};

    make_primary(w, DEVID_ROLE_IDEVID, DEVID_RSA, 2048, 0x81020000, &made[0]);
    make_primary(w, DEVID_ROLE_IDEVID, DEVID_EC, 256, 0x81020001, &made[1]);
    make_primary(w, DEVID_ROLE_IDEVID, DEVID_EC, 384, 0x81020002, &made[2]);
    make_primary(w, DEVID_ROLE_IAK, DEVID_RSA, 2048, 0x81020003, &made[3]);
    make_primary(w, DEVID_ROLE_IAK, DEVID_EC, 256, 0x81020004, &made[4]);
    make_primary(w, DEVID_ROLE_IAK, DEVID_EC, 384, 0x81020005, &made[5]);

    assert_seen(w, 0x81020000, LINES("value: sha256", DEVICE_KEY "sign\n", "raw: 0x400f2", "value: rsa",
                                     "bits: 2048", "scheme:\n  value: null", "authorization policy: ad6b3a22"));
    assert_seen(w, 0x81020001, LINES("value: sha256", DEVICE_KEY "sign\n", "raw: 0x400f2", "value: NIST p256",
                                     "scheme:\n  value: ecdsa", "sha256", "authorization policy: ad6b3a22"));
    assert_seen(w, 0x81020002, LINES("value: sha384", DEVICE_KEY "sign\n", "raw: 0x400f2", "value: NIST p384",
                                     "scheme:\n  value: ecdsa", "sha384", "authorization policy: 4db1aa83"));
    assert_seen(w, 0x81020003, LINES("value: sha256", DEVICE_KEY "restricted|sign\n", "raw: 0x500f2", "bits: 2048",
                                     "scheme:\n  value: rsapss", "sha256", "authorization policy: 54371823"));
    assert_seen(w, 0x81020004, LINES("value: sha256", "raw: 0x500f2", "value: NIST p256", "scheme:\n  value: ecdsa",
                                     "sha256", "authorization policy: 54371823"));
    assert_seen(w, 0x81020005, LINES("value: sha384", "raw: 0x500f2", "value: NIST p384", "scheme:\n  value: ecdsa",
                                     "sha384", "authorization policy: 129d94eb"));
    for (size_t i = 0; i < 6; i++) {
        assert_true(made[i].pub.is_fixed && made[i].pub.can_sign && !made[i].pub.can_decrypt);
        assert_int_equal(made[i].pub.is_restricted, i >= 3);
        devid_made_free(&made[i]);
    }
    world_assert_clean(w);
}

static void another_key_at_the_handle_is_left_alone(void **state)
{
    struct world *w = *state;
    struct devid_made ours = {0}, made = {0}, seen = {0};
    struct devid_error err = {0};

    make_primary(w, DEVID_ROLE_IDEVID, DEVID_EC, 384, IDEVID, &ours);
    assert_int_equal(devid_make_primary(world_store(w), DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, &made, &err),
                     DEVID_E_EXISTS);
    assert_non_null(strstr(err.text, "0x81020000 holds another key"));
    assert_null(made.pub.spki.data);
    assert_int_equal(devid_make_look(world_store(w), IDEVID, &seen, NULL), DEVID_OK);
    assert_same_key(&ours, &seen);
    world_assert_clean(w);
    devid_made_free(&ours);
    devid_made_free(&seen);
}

static void a_type_without_template_reaches_no_tpm(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0};

    assert_int_equal(devid_make_primary(world_store(w), DEVID_ROLE_IDEVID, DEVID_RSA, 3072, IDEVID, &made, NULL),
                     DEVID_E_KEY);
    assert_int_equal(devid_make_wrapped(world_store(w), DEVID_EC, 224, &made, NULL), DEVID_E_KEY);
    assert_commands(w, "");
    assert_int_equal(devid_store_commands(world_store(w)), 0);
}

static void a_wrapped_key_brings_the_storage_root_key_and_can_be_kept_at_a_handle(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0}, other = {0}, kept = {0};
    struct devid_identity identity;
    struct devid_error err = {0};

    make_wrapped(w, DEVID_EC, 256, &made);
    assert_commands(w, "ReadPublic(0x18b) CreatePrimary EvictControl FlushContext Create");
    make_wrapped(w, DEVID_EC, 256, &other);
    assert_commands(w, "ReadPublic Create");
    assert_false(devid_slice_eq(devid_slice_of(made.pub.spki), devid_slice_of(other.pub.spki)));

    identity = identity_of(&made);
    assert_int_equal(devid_make_persistent(world_store(w), &identity, LDEVID, &kept, &err), DEVID_OK);
    assert_commands(w, "ReadPublic(0x18b) Load EvictControl FlushContext");
    assert_same_key(&made, &kept);
    assert_true(kept.handle == LDEVID && kept.blob.len == 0 && kept.object.len != 0);
    devid_made_free(&kept);
    assert_int_equal(devid_make_persistent(world_store(w), &identity, LDEVID, &kept, &err), DEVID_OK);
    assert_commands(w, "ReadPublic");
    assert_true(kept.handle == LDEVID && kept.object.len != 0);

    identity = identity_of(&other);
    assert_int_equal(devid_make_persistent(world_store(w), &identity, LDEVID, &kept, &err), DEVID_E_EXISTS);
    assert_commands(w, "ReadPublic");
    identity.key_place = DEVID_PLACE_HANDLE;
    assert_int_equal(devid_make_persistent(world_store(w), &identity, 0x81000003, &kept, &err), DEVID_E_ARG);
    world_assert_clean(w);
    devid_made_free(&made);
    devid_made_free(&other);
    devid_made_free(&kept);
}

static void others_see_owner_keys_as_the_template_says(void **state)
{
    static const struct {
        enum devid_alg alg;
        unsigned bits;
        const char *lines[6];
    } types[] = {
        {DEVID_EC, 256, {"raw: 0x40472", "value: NIST p256", "scheme:\n  value: null"}},
        {DEVID_EC, 384, {"raw: 0x40472", "value: NIST p384", "scheme:\n  value: null"}},
        {DEVID_RSA, 2048, {"raw: 0x60472", "bits: 2048", "scheme:\n  value: null"}},
        {DEVID_RSA, 3072, {"raw: 0x60472", "bits: 3072", "scheme:\n  value: null"}},
    };
    struct world *w = *state;

    for (uint32_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct devid_made made = {0}, kept = {0};
        struct devid_identity identity;

        make_wrapped(w, types[i].alg, types[i].bits, &made);
        identity = identity_of(&made);
        assert_int_equal(devid_make_persistent(world_store(w), &identity, LDEVID + i, &kept, NULL), DEVID_OK);
        assert_seen(w, LDEVID + i, types[i].lines);
        by_hand(w, "printf data >data && tpm2_sign -Q -c 0x%08x -g sha256 -o sig data", LDEVID + i);
        devid_made_free(&made);
        devid_made_free(&kept);
    }
    assert_seen(w, 0x81000001, LINES("raw: 0x30472", "value: NIST p256", "value: aes", "value: cfb", "bits: 128"));
    world_assert_clean(w);
}

/* The TCG's SRK: what tpm2_createprimary makes of the template with x and y of 32 zero bytes. */
static void the_storage_root_key_is_the_one_that_others_make(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0};

    make_wrapped(w, DEVID_EC, 256, &made);
    by_hand(w, "for i in x y; do printf '\\040\\0'; head -c 128 /dev/zero; done >unique && " /* two TPM2B in memory */
            "tpm2_createprimary -Q -C o -G ecc256:null:aes128cfb -g sha256 -u unique "
            "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt' -c srk.ctx && "
            "tpm2_readpublic -Q -c srk.ctx -n theirs && tpm2_readpublic -Q -c 0x81000001 -n ours && cmp ours theirs && "
            "tpm2_flushcontext -Q -t");
    devid_made_free(&made);
}

static void a_storage_root_key_that_exists_is_used_as_it_is(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0}, kept = {0};
    struct devid_identity identity;

    by_hand(w, "tpm2_createprimary -Q -C o -G rsa2048 -c srk.ctx && tpm2_evictcontrol -Q -C o -c srk.ctx 0x81000001 && "
            "tpm2_flushcontext -Q -t && tpm2_readpublic -Q -c 0x81000001 -n before");
    make_wrapped(w, DEVID_EC, 256, &made);
    assert_int_equal(world_count(w, "CreatePrimary"), 0);
    identity = identity_of(&made);
    assert_int_equal(devid_make_persistent(world_store(w), &identity, LDEVID, &kept, NULL), DEVID_OK);
    by_hand(w, "tpm2_readpublic -Q -c 0x81000001 -n after && cmp before after");
    world_assert_clean(w);
    devid_made_free(&made);
    devid_made_free(&kept);
}

static void what_is_no_storage_key_is_named_and_left_alone(void **state)
{
    struct world *w = *state;
    struct devid_made made = {0};
    struct devid_error err = {0};

    by_hand(w, "tpm2_createprimary -Q -C o -G ecc256:ecdsa-sha256 -c key.ctx -a "
            "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda' && "
            "tpm2_evictcontrol -Q -C o -c key.ctx 0x81000001 && tpm2_flushcontext -Q -t");
    assert_int_equal(devid_make_wrapped(world_store(w), DEVID_EC, 256, &made, &err), DEVID_E_KEY);
    assert_non_null(strstr(err.text, "0x81000001 holds a key that is no storage key"));
    by_hand(w, "tpm2_readpublic -Q -c 0x81000001");
    world_assert_clean(w);
}

/* As SPIRE's keys are: a primary is made for each use, and nothing of it stays. */
static void a_key_may_be_under_the_owner_hierarchy(void **state)
{
    const struct devid_wanted wanted = {.alg = DEVID_EC, .bits = 256, .signs = true, .has_scheme = true, .parent = DEVID_PARENT_OWNER};
    enum devid_standing standing = DEVID_STANDING_OTHER;
    struct devid_made made = {0};
    struct devid_identity identity;
    struct devid_handles none = {0};
    struct devid_error err = {0};
    struct world *w = *state;

    if (devid_make_key(world_store(w), &wanted, &made, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    assert_commands(w, "CreatePrimary Create FlushContext");
    assert_int_equal(made.parent, DEVID_PARENT_OWNER);
    assert_true(made.pub.has_scheme && made.pub.padding == DEVID_ECDSA && made.pub.hash == DEVID_SHA256);
    identity = identity_of(&made);
    assert_int_equal(devid_standing_ask(world_store(w), NULL, &identity, &standing, NULL), DEVID_OK);
    assert_int_equal(standing, DEVID_STANDING_THERE);
    assert_commands(w, "CreatePrimary Load FlushContext FlushContext");
    assert_false(devid_handles_lack(&none, &identity));
    by_hand(w, "tpm2_clear -Q -c p");
    assert_int_equal(devid_standing_ask(world_store(w), NULL, &identity, &standing, NULL), DEVID_OK);
    assert_int_equal(standing, DEVID_STANDING_GONE);
    assert_commands(w, "CreatePrimary Load(0x1df) FlushContext");
    devid_made_free(&made);
    world_assert_clean(w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, world_end)
    const struct CMUnitTest tests[] = {
        TEST(the_first_call_makes_the_idevid_and_the_next_finds_it),
        TEST(an_empty_handle_is_absent),
        TEST(an_idevid_that_was_evicted_is_made_again_as_the_same_key),
        TEST(others_see_device_keys_as_the_template_says),
        TEST(another_key_at_the_handle_is_left_alone),
        TEST(a_type_without_template_reaches_no_tpm),
        TEST(a_wrapped_key_brings_the_storage_root_key_and_can_be_kept_at_a_handle),
        TEST(others_see_owner_keys_as_the_template_says),
        TEST(a_key_may_be_under_the_owner_hierarchy),
        TEST(the_storage_root_key_is_the_one_that_others_make),
        TEST(a_storage_root_key_that_exists_is_used_as_it_is),
        TEST(what_is_no_storage_key_is_named_and_left_alone),
    };

    return cmocka_run_group_tests_name("make", tests, NULL, NULL);
}
