/* SPDX-License-Identifier: BSD-2-Clause */
/* Tokens with a PIN, as core knows them: what is sent, what is counted, what is left. */
#include <stdio.h>
#include <string.h>

#include "core/hash.h"
#include "core/key.h"
#include "core/login.h"
#include "core/make.h"
#include "core/recover.h"
#include "put.h"
#include "tpm/by_hand.h"
#include "tpm/keys.h"

static const char so[] = "87654321", user[] = "123456", other[] = "another PIN";

static struct devid_slice pin(const char *text)
{
    return devid_slice_text(text);
}

#define ok(call) do { struct devid_error err = {0}; if ((call) != DEVID_OK) fail_msg("%s: %s", #call, err.text); } while (0)

static int start(void **state)
{
    *state = world_start();
    return 0;
}

static void make_token(struct world *w)
{
    ok(devid_token_init(world_store(w), NULL, "vault", pin(so), &err));
    ok(devid_login(world_store(w), "vault", DEVID_SO, pin(so), &err));
    ok(devid_token_set_user(world_store(w), "vault", pin(user), &err));
    devid_logout(world_store(w), "vault");
    world_forget_commands(w);
}

static void make_key(struct world *w, const char *label, enum devid_alg alg, unsigned bits)
{
    const struct devid_wanted wanted = {.token = "vault", .alg = alg, .bits = bits, .signs = true};
    struct devid_identity identity = {.token = "vault", .label = label, .role = DEVID_ROLE_CLIENT, .key_place = DEVID_PLACE_BLOB};
    struct devid_made made = {0};

    ok(devid_make_key(world_store(w), &wanted, &made, &err));
    assert_int_equal(made.parent, DEVID_PARENT_PIN);
    identity.pub = made.pub;
    identity.parent = made.parent;
    identity.blob = devid_slice_of(made.blob);
    ok(put_identity(world_store(w), &identity, &err));
    devid_made_free(&made);
    world_forget_commands(w);
}

static struct devid_key *open_key(struct world *w, const char *label)
{
    const struct devid_query query = {.token = "vault", .label = label};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_key *key = NULL;

    ok(devid_store_find(world_store(w), &query, &snap, &identity, &err));
    ok(devid_key_open(world_store(w), snap, identity, &key, &err));
    devid_snapshot_free(snap);
    return key;
}

static devid_rc sign(struct devid_key *key, struct devid_error *why)
{
    const struct devid_scheme scheme = {.padding = devid_key_public(key)->alg == DEVID_EC ? DEVID_ECDSA : DEVID_PKCS1,
                                        .hash = DEVID_SHA256};
    unsigned char sig[512], digest[32] = {1, 2, 3};
    size_t len = sizeof sig;
    devid_rc rc = devid_key_sign(key, &scheme, (struct devid_slice){digest, sizeof digest}, sig, &len, why);

    if (rc == DEVID_OK)
        ok(devid_verify(devid_slice_of(devid_key_public(key)->spki), &scheme, (struct devid_slice){digest, sizeof digest},
                        (struct devid_slice){sig, len}, &err));
    return rc;
}

static void assert_failed_tries(struct world *w, uint32_t n)
{
    struct devid_tries tries;

    ok(devid_token_tries(world_store(w), &tries, &err));
    assert_int_equal(tries.failed, n);
    world_forget_commands(w);
}

static void a_token_is_made_and_logged_in_to_with_four_commands(void **state)
{
    struct world *w = *state;

    make_token(w);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    assert_commands(w, "Load StartAuthSession ObjectChangeAuth FlushContext");
    world_assert_clean(w);
}

static void a_key_behind_the_pin_costs_no_more_than_another_after_its_first_use(void **state)
{
    struct world *w = *state;
    struct devid_key *key;

    make_token(w);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    make_key(w, "k", DEVID_EC, 256);
    key = open_key(w, "k");
    ok(sign(key, &err));
    assert_commands(w, "Load StartAuthSession Load ReadPublic ContextSave FlushContext Sign FlushContext");
    world_forget_commands(w);
    ok(sign(key, &err));
    assert_commands(w, "ContextLoad Sign FlushContext");
    devid_logout(world_store(w), "vault");
    world_forget_commands(w);
    assert_int_equal(sign(key, NULL), DEVID_E_AUTH);
    assert_int_equal(world_count(w, NULL), 0);
    devid_key_free(key);
    world_assert_clean(w);
}

static void nobody_makes_or_uses_a_key_without_the_pin(void **state)
{
    const struct devid_wanted wanted = {.token = "vault", .alg = DEVID_EC, .bits = 256, .signs = true};
    struct world *w = *state;
    struct devid_made made = {0};

    make_token(w);
    assert_int_equal(devid_make_key(world_store(w), &wanted, &made, NULL), DEVID_E_AUTH);
    ok(devid_login(world_store(w), "vault", DEVID_SO, pin(so), &err));
    assert_int_equal(devid_make_key(world_store(w), &wanted, &made, NULL), DEVID_E_AUTH);
    assert_failed_tries(w, 0);
    world_assert_clean(w);
}

/* Nothing else would make it where no identity is wrapped by it. */
static void an_evicted_storage_root_key_is_made_again(void **state)
{
    struct world *w = *state;
    struct devid_error why = {0};

    make_token(w);
    by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81000001");
    world_forget_commands(w);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    assert_commands(w, "Load(0x18b) ReadPublic(0x18b) CreatePrimary EvictControl FlushContext Load ReadPublic StartAuthSession "
                       "ObjectChangeAuth FlushContext");
    devid_logout(world_store(w), "vault");
    by_hand(w, "tpm2_clear -Q -c p");
    assert_rc(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &why), DEVID_E_DATA, why);
    assert_non_null(strstr(why.text, "its owner was cleared"));
    assert_failed_tries(w, 0);
    world_assert_clean(w);
}

static void a_wrong_pin_is_counted_once_and_a_pin_that_cannot_be_is_not(void **state)
{
    struct world *w = *state;

    make_token(w);
    assert_int_equal(devid_login(world_store(w), "vault", DEVID_USER, pin("123"), NULL), DEVID_E_AUTH);
    assert_int_equal(devid_login(world_store(w), "vault", DEVID_USER, pin(""), NULL), DEVID_E_AUTH);
    assert_int_equal(world_count(w, NULL), 0);
    assert_int_equal(devid_login(world_store(w), "vault", DEVID_USER, pin("654321"), NULL), DEVID_E_AUTH);
    assert_failed_tries(w, 1);
    assert_int_equal(devid_login(world_store(w), "vault", DEVID_SO, pin(user), NULL), DEVID_E_AUTH);
    assert_failed_tries(w, 2);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    assert_failed_tries(w, 2);
    assert_int_equal(devid_login(world_store(w), "vault", DEVID_USER, pin("654321"), NULL), DEVID_E_AUTH);
    assert_int_equal(devid_login(world_store(w), "vault", DEVID_USER, pin(user), NULL), DEVID_E_LOCKED);
}

/* A chip whose vendor made the storage root key of another type. */
static void an_rsa_storage_root_key_salts_the_session_too(void **state)
{
    struct world *w = *state;
    struct devid_key *key;

    by_hand(w, "tpm2_createprimary -Q -C o -G rsa2048 -a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|"
               "userwithauth|noda' -c srk && tpm2_evictcontrol -Q -C o -c srk 0x81000001 && tpm2_flushcontext -t");
    make_token(w);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    make_key(w, "k", DEVID_EC, 384);
    key = open_key(w, "k");
    assert_int_equal(devid_login(world_store(w), "vault", DEVID_USER, pin(other), NULL), DEVID_E_AUTH);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    devid_key_free(key);
    assert_failed_tries(w, 1);
}

/* The same key, for a password is no part of what a primary is made from. Nobody may think that his PIN is wrong, and try others. */
static void a_password_of_the_storage_root_key_is_no_wrong_pin(void **state)
{
    const struct devid_wanted wanted = {.token = "vault", .alg = DEVID_EC, .bits = 256, .signs = true};
    const struct devid_wanted guarded = {.alg = DEVID_EC, .bits = 256, .signs = true, .auth = {(const unsigned char *)"secret", 6}};
    struct world *w = *state;
    struct devid_made made = {0};
    struct devid_error why = {0};
    struct devid_key *wrapped;

    make_token(w);
    ok(devid_login(world_store(w), "vault", DEVID_SO, pin(so), &err));
    keys_make(world_store(w), "wrapped", DEVID_EC, 256, 0);
    wrapped = keys_open(world_store(w), "wrapped");
    by_hand(w, "for i in x y; do printf '\\040\\0'; head -c 128 /dev/zero; done >unique && tpm2_evictcontrol -Q -C o -c 0x81000001 && "
               "tpm2_createprimary -Q -C o -G ecc256:null:aes128cfb -g sha256 -u unique -p secret -c srk "
               "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt' && "
               "tpm2_evictcontrol -Q -C o -c srk 0x81000001 && tpm2_flushcontext -t");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &why), DEVID_E_KEY);
        assert_non_null(strstr(why.text, "the storage key 0x81000001 has a password"));
        assert_non_null(strstr(why.text, "devid recover"));
        assert_int_equal(devid_token_change(world_store(w), "vault", DEVID_USER, pin(user), pin(other), NULL), DEVID_E_KEY);
        assert_int_equal(devid_token_init(world_store(w), NULL, "another", pin(so), NULL), DEVID_E_KEY);
        assert_int_equal(devid_make_key(world_store(w), &guarded, &made, NULL), DEVID_E_KEY);
        assert_int_equal(keys_sign(wrapped, &(struct devid_scheme){.padding = DEVID_ECDSA}, keys_digest(32), &why), DEVID_E_KEY);
        assert_non_null(strstr(why.text, "the storage key 0x81000001 has a password"));
    }
    devid_key_free(wrapped);
    assert_failed_tries(w, 0);
    by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81000001");
    ok(devid_recover_root(world_store(w), &err));
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    ok(devid_make_key(world_store(w), &wanted, &made, &err));
    devid_made_free(&made);
    assert_failed_tries(w, 0);
    world_assert_clean(w);
}

static void a_changed_pin_opens_the_same_keys(void **state)
{
    struct world *w = *state;
    struct devid_key *key;

    make_token(w);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    make_key(w, "ec", DEVID_EC, 256);
    make_key(w, "rsa", DEVID_RSA, 2048);
    assert_int_equal(devid_token_change(world_store(w), "vault", DEVID_USER, pin("wrong one"), pin(other), NULL), DEVID_E_AUTH);
    world_forget_commands(w);
    ok(devid_token_change(world_store(w), "vault", DEVID_USER, pin(user), pin(other), &err));
    assert_commands(w, "Load StartAuthSession ObjectChangeAuth FlushContext");
    key = open_key(w, "ec"); /* who was logged in stays so */
    ok(sign(key, &err));
    devid_key_free(key);
    devid_logout(world_store(w), "vault");
    assert_int_equal(devid_login(world_store(w), "vault", DEVID_USER, pin(user), NULL), DEVID_E_AUTH);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(other), &err));
    key = open_key(w, "rsa");
    ok(sign(key, &err));
    devid_key_free(key);
    ok(devid_token_change(world_store(w), "vault", DEVID_SO, pin(so), pin("officer's"), &err));
    ok(devid_login(world_store(w), "vault", DEVID_SO, pin("officer's"), &err));
    assert_failed_tries(w, 2);
}

static void a_token_made_anew_has_neither_keys_nor_a_user(void **state)
{
    struct world *w = *state;
    const struct devid_query query = {.token = "vault", .label = "k"}, renamed = {.token = "safe"};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    bool has_user = true;

    make_token(w);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    make_key(w, "k", DEVID_EC, 256);
    assert_int_equal(devid_token_init(world_store(w), NULL, "vault", pin(so), NULL), DEVID_E_EXISTS);
    assert_int_equal(devid_token_init(world_store(w), "vault", "vault", pin("not this"), NULL), DEVID_E_AUTH);
    assert_int_equal(devid_store_find(world_store(w), &query, &snap, &identity, NULL), DEVID_OK);
    devid_snapshot_free(snap);
    ok(devid_token_init(world_store(w), "vault", "safe", pin(so), &err));
    assert_int_equal(devid_store_find(world_store(w), &query, &snap, &identity, NULL), DEVID_E_ABSENT);
    assert_int_equal(devid_store_find(world_store(w), &renamed, &snap, &identity, NULL), DEVID_E_ABSENT);
    ok(devid_store_snapshot(world_store(w), &snap, &err));
    assert_false(devid_snapshot_has_pin(snap, "vault", NULL));
    assert_true(devid_snapshot_has_pin(snap, "safe", &has_user));
    assert_false(has_user);
    assert_string_equal(devid_snapshot_pin_token(snap, 0), "safe");
    assert_null(devid_snapshot_pin_token(snap, 1));
    devid_snapshot_free(snap);
    assert_int_equal(devid_login(world_store(w), "safe", DEVID_USER, pin(user), NULL), DEVID_E_ABSENT);
    ok(devid_login(world_store(w), "safe", DEVID_SO, pin(so), &err));
    assert_failed_tries(w, 1);
}

static void what_cannot_be_a_token_is_not_made(void **state)
{
    struct world *w = *state;

    assert_int_equal(devid_token_init(world_store(w), NULL, "a\nb", pin(so), NULL), DEVID_E_ARG);
    assert_int_equal(devid_token_init(world_store(w), NULL, "", pin(so), NULL), DEVID_E_ARG);
    assert_int_equal(devid_token_init(world_store(w), NULL, "vault", pin("123"), NULL), DEVID_E_ARG);
    assert_int_equal(devid_token_init(world_store(w), NULL, "manufacturer", pin(so), NULL), DEVID_E_DENIED);
    assert_int_equal(devid_login(world_store(w), "owner", DEVID_USER, pin(user), NULL), DEVID_E_ABSENT);
    assert_int_equal(devid_token_set_user(world_store(w), "owner", pin(user), NULL), DEVID_E_AUTH);
    assert_int_equal(devid_token_change(world_store(w), "owner", DEVID_USER, pin(user), pin(other), NULL), DEVID_E_ABSENT);
    world_assert_clean(w);
}

/* A key that anybody could load would be in the token for nothing. */
static void a_token_with_a_pin_takes_no_key_that_is_not_behind_it(void **state)
{
    struct devid_identity identity = {.token = "vault", .label = "k", .role = DEVID_ROLE_CLIENT, .key_place = DEVID_PLACE_BLOB};
    struct world *w = *state;
    struct devid_made made = {0};

    make_token(w);
    ok(devid_make_wrapped(world_store(w), DEVID_EC, 256, &made, &err));
    identity.pub = made.pub;
    identity.parent = made.parent;
    identity.blob = devid_slice_of(made.blob);
    assert_int_equal(put_identity(world_store(w), &identity, NULL), DEVID_E_DENIED);
    identity.token = "owner";
    ok(put_identity(world_store(w), &identity, &err));
    assert_int_equal(devid_token_init(world_store(w), NULL, "owner", pin(so), NULL), DEVID_E_DENIED);
    identity.parent = DEVID_PARENT_PIN;
    assert_int_equal(put_identity(world_store(w), &identity, NULL), DEVID_E_DENIED);
    devid_made_free(&made);
    world_assert_clean(w);
}

static void log_in_and_sign(struct devid_store *store, void *arg)
{
    const struct devid_query query = {.token = "vault", .label = "k"};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_key *key = NULL;

    (void)arg;
    ok(devid_login(store, "vault", DEVID_USER, pin(user), &err));
    ok(devid_store_find(store, &query, &snap, &identity, &err));
    ok(devid_key_open(store, snap, identity, &key, &err));
    ok(sign(key, &err));
    ok(sign(key, &err));
    devid_key_free(key);
    devid_snapshot_free(snap);
}

/* Objects and sessions that it leaves go when the next one needs their room: nobody clears up for them here. */
static void who_is_killed_at_a_pin_stands_in_nobodys_way(void **state)
{
    struct world *w = *state;
    unsigned n = 1;

    make_token(w);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    make_key(w, "k", DEVID_EC, 256);
    for (; killed_after(n, log_in_and_sign, NULL); n++) {
        devid_logout(world_store(w), "vault");
        log_in_and_sign(world_store(w), NULL);
    }
    assert_int_equal(n - 1, 4 + 8 + 3);
    ok(devid_make_sweep(world_store(w), &err));
    world_assert_clean(w);
}

/* After a power cut the saved context is nothing: the key is loaded as if for the first time. */
static void a_restarted_tpm_is_noticed(void **state)
{
    struct world *w = *state;
    struct devid_key *key;

    make_token(w);
    ok(devid_login(world_store(w), "vault", DEVID_USER, pin(user), &err));
    make_key(w, "k", DEVID_EC, 256);
    key = open_key(w, "k");
    ok(sign(key, &err));
    world_stop_tpm(w);
    world_start_tpm(w);
    ok(sign(key, &err));
    ok(sign(key, &err));
    devid_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_is_made_and_logged_in_to_with_four_commands, start, world_end),
        cmocka_unit_test_setup_teardown(a_key_behind_the_pin_costs_no_more_than_another_after_its_first_use, start, world_end),
        cmocka_unit_test_setup_teardown(nobody_makes_or_uses_a_key_without_the_pin, start, world_end),
        cmocka_unit_test_setup_teardown(a_password_of_the_storage_root_key_is_no_wrong_pin, start, world_end),
        cmocka_unit_test_setup_teardown(an_evicted_storage_root_key_is_made_again, start, world_end),
        cmocka_unit_test_setup_teardown(a_wrong_pin_is_counted_once_and_a_pin_that_cannot_be_is_not, start, world_end),
        cmocka_unit_test_setup_teardown(an_rsa_storage_root_key_salts_the_session_too, start, world_end),
        cmocka_unit_test_setup_teardown(a_changed_pin_opens_the_same_keys, start, world_end),
        cmocka_unit_test_setup_teardown(a_token_made_anew_has_neither_keys_nor_a_user, start, world_end),
        cmocka_unit_test_setup_teardown(what_cannot_be_a_token_is_not_made, start, world_end),
        cmocka_unit_test_setup_teardown(a_token_with_a_pin_takes_no_key_that_is_not_behind_it, start, world_end),
        cmocka_unit_test_setup_teardown(who_is_killed_at_a_pin_stands_in_nobodys_way, start, world_end),
        cmocka_unit_test_setup_teardown(a_restarted_tpm_is_noticed, start, world_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
