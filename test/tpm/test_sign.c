/* SPDX-License-Identifier: BSD-2-Clause */
/* What each type of key signs, by how many commands, and what it refuses without any. */
#include "tpm/keys.h"

#include <stdlib.h>
#include <string.h>

#define EC256 "ec256"
#define EC384 "ec384"
#define RSA "rsa"
#define WRAPPED "wrapped"

struct fixture {
    struct world *world;
    struct devid_key *ec256, *ec384, *rsa, *wrapped;
};

static const struct devid_scheme ecdsa = {.padding = DEVID_ECDSA};
static const struct devid_scheme raw = {.padding = DEVID_RAW};

static struct devid_scheme pkcs1(enum devid_hash hash)
{
    return (struct devid_scheme){.padding = DEVID_PKCS1, .hash = hash};
}

static struct devid_scheme pss(enum devid_hash hash, enum devid_hash mgf, size_t salt_len)
{
    return (struct devid_scheme){.padding = DEVID_PSS, .hash = hash, .mgf = mgf, .salt_len = salt_len};
}

static int start(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct devid_store *store;

    assert_non_null(f);
    f->world = world_start();
    store = world_store(f->world);
    keys_make(store, EC256, DEVID_EC, 256, 0x81000002);
    keys_make(store, EC384, DEVID_EC, 384, 0x81000003);
    keys_make(store, RSA, DEVID_RSA, 2048, 0x81000004);
    keys_make(store, WRAPPED, DEVID_EC, 256, 0);
    f->ec256 = keys_open(store, EC256);
    f->ec384 = keys_open(store, EC384);
    f->rsa = keys_open(store, RSA);
    f->wrapped = keys_open(store, WRAPPED);
    world_forget_commands(f->world);
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;

    devid_key_free(f->ec256);
    devid_key_free(f->ec384);
    devid_key_free(f->rsa);
    devid_key_free(f->wrapped);
    world_stop(f->world);
    free(f);
    return 0;
}

static int nothing_left(void **state)
{
    struct fixture *f = *state;

    world_assert_clean(f->world);
    world_forget_commands(f->world);
    return 0;
}

static void signs(struct fixture *f, struct devid_key *key, struct devid_scheme scheme, size_t len, const char *sent)
{
    struct devid_error err = {0};

    assert_rc(keys_sign(key, &scheme, keys_digest(len), &err), DEVID_OK, err);
    assert_sent(f->world, sent);
}

static void refuses(struct fixture *f, struct devid_key *key, struct devid_scheme scheme, size_t len, devid_rc rc)
{
    struct devid_error err = {0};

    assert_rc(keys_sign(key, &scheme, keys_digest(len), &err), rc, err);
    assert_true(err.text[0] != 0);
    assert_sent(f->world, "");
}

static void a_key_at_a_handle_signs_with_one_command(void **state)
{
    struct fixture *f = *state;

    signs(f, f->ec256, (struct devid_scheme){.padding = DEVID_ECDSA, .hash = DEVID_SHA256}, 32, "Sign");
    signs(f, f->ec384, (struct devid_scheme){.padding = DEVID_ECDSA, .hash = DEVID_SHA384}, 48, "Sign");
    signs(f, f->rsa, pkcs1(DEVID_SHA256), 32, "Sign");
}

static void a_wrapped_key_is_loaded_and_flushed(void **state)
{
    struct fixture *f = *state;

    signs(f, f->wrapped, ecdsa, 32, "Load Sign FlushContext");
    signs(f, f->wrapped, ecdsa, 32, "Load Sign FlushContext");
}

/* FIPS 186-4, 6.4. CKM_ECDSA is given whatever a program hashed. */
static void an_ec_key_signs_digests_of_any_length(void **state)
{
    static const size_t lengths[] = {1, 19, 20, 21, 28, 31, 32, 33, 47, 48, 49, 64, 100, 512};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        signs(f, f->ec256, ecdsa, lengths[i], "Sign");
        signs(f, f->ec384, ecdsa, lengths[i], "Sign");
    }
    refuses(f, f->ec256, ecdsa, 0, DEVID_E_DATA);
}

/* The TCG's templates bind an IDevID to one hash; TLS and requests come with others. */
static void a_key_with_a_fixed_scheme_signs_other_digests_too(void **state)
{
    struct fixture *f = *state;
    struct devid_error err = {0};
    struct devid_key *key;

    keys_make_device(world_store(f->world), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, 0x81020000);
    keys_make_device(world_store(f->world), "idevid384", DEVID_ROLE_IDEVID, DEVID_EC, 384, 0x81020001);
    key = keys_open(world_store(f->world), "idevid");
    /* not NODA: before the first such use after a start the TPM writes that down, and says RC_RETRY meanwhile */
    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    world_forget_commands(f->world);
    for (size_t len = 20; len <= 64; len += 4)
        signs(f, key, ecdsa, len, "Sign");
    devid_key_free(key);
    key = keys_open(world_store(f->world), "idevid384");
    for (size_t len = 20; len <= 64; len += 4)
        signs(f, key, ecdsa, len, "Sign");
    devid_key_free(key);
}

static void rsa_pads_by_pkcs1_what_it_is_given(void **state)
{
    static const unsigned char info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    struct fixture *f = *state;
    struct devid_scheme scheme = pkcs1(DEVID_HASH_NONE);
    unsigned char ready[sizeof info + 32];
    struct devid_error err = {0};

    signs(f, f->rsa, pkcs1(DEVID_SHA1), 20, "Sign");
    signs(f, f->rsa, pkcs1(DEVID_SHA384), 48, "Sign");
    signs(f, f->rsa, pkcs1(DEVID_SHA512), 64, "Sign");
    memcpy(ready, info, sizeof info);
    memcpy(ready + sizeof info, keys_digest(32).data, 32);
    assert_rc(keys_sign(f->rsa, &scheme, (struct devid_slice){ready, sizeof ready}, &err), DEVID_OK, err);
    assert_sent(f->world, "Sign");
    signs(f, f->rsa, scheme, 36, "RSA_Decrypt"); /* MD5 and SHA-1 together, as TLS 1.1 has it */
    signs(f, f->rsa, scheme, 245, "RSA_Decrypt");
    refuses(f, f->rsa, scheme, 246, DEVID_E_DATA);
    refuses(f, f->rsa, pkcs1(DEVID_SHA256), 48, DEVID_E_DATA);
}

static void rsa_salts_pss_as_it_is_told(void **state)
{
    struct fixture *f = *state;

    signs(f, f->rsa, pss(DEVID_SHA256, DEVID_HASH_NONE, 32), 32, "RSA_Decrypt");
    signs(f, f->rsa, pss(DEVID_SHA256, DEVID_SHA256, 0), 32, "RSA_Decrypt");
    signs(f, f->rsa, pss(DEVID_SHA256, DEVID_SHA256, 222), 32, "RSA_Decrypt");
    signs(f, f->rsa, pss(DEVID_SHA384, DEVID_SHA384, 48), 48, "RSA_Decrypt");
    signs(f, f->rsa, pss(DEVID_SHA512, DEVID_SHA1, 20), 64, "RSA_Decrypt");
    refuses(f, f->rsa, pss(DEVID_SHA256, DEVID_SHA256, 223), 32, DEVID_E_ARG);
    refuses(f, f->rsa, pss(DEVID_SHA256, DEVID_SHA256, 32), 31, DEVID_E_DATA);
}

/* CKM_RSA_X_509. */
static void rsa_takes_a_block_as_it_is(void **state)
{
    struct fixture *f = *state;
    unsigned char block[256] = {0, 1}, out[256];
    struct devid_error err = {0};

    memcpy(block + 2, keys_digest(254).data, 254);
    assert_rc(keys_sign(f->rsa, &raw, (struct devid_slice){block, sizeof block}, &err), DEVID_OK, err);
    assert_sent(f->world, "RSA_Decrypt");
    assert_rc(devid_key_rsa_raw(f->rsa, (struct devid_slice){block, sizeof block}, out, &err), DEVID_OK, err);
    assert_sent(f->world, "RSA_Decrypt");
    refuses(f, f->rsa, raw, 255, DEVID_E_DATA);
}

/* 00 01 ff .. 00 DigestInfo: what a program that pads itself hands to CKM_RSA_X_509. */
static void a_key_that_only_signs_finds_the_digest_in_a_block(void **state)
{
    static const unsigned char info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    struct fixture *f = *state;
    TPM2B_PUBLIC template = keys_rsa_template(TPMA_OBJECT_SIGN_ENCRYPT);
    struct devid_key *key = keys_by_template(f->world, &template);
    unsigned char block[256];
    struct devid_error err = {0};

    memset(block, 0xff, sizeof block);
    block[0] = 0;
    block[1] = 1;
    block[256 - 52] = 0;
    memcpy(block + 256 - 51, info, sizeof info);
    memcpy(block + 256 - 32, keys_digest(32).data, 32);
    assert_rc(keys_sign(key, &raw, (struct devid_slice){block, sizeof block}, &err), DEVID_OK, err);
    assert_sent(f->world, "Load Sign FlushContext");
    block[100] = 0;
    assert_rc(keys_sign(key, &raw, (struct devid_slice){block, sizeof block}, &err), DEVID_E_KEY, err);
    refuses(f, key, pkcs1(DEVID_HASH_NONE), 36, DEVID_E_KEY);
    signs(f, key, pkcs1(DEVID_SHA256), 32, "Load Sign FlushContext");
    devid_key_free(key);
}

/* The chip chooses the salt: what it makes is looked at before it is given out, and remembered. */
static void a_chips_own_pss_is_given_out_only_with_the_salt_asked_for(void **state)
{
    struct fixture *f = *state;
    TPM2B_PUBLIC template = keys_rsa_template(TPMA_OBJECT_SIGN_ENCRYPT);
    struct devid_key *key = keys_by_template(f->world, &template);
    struct devid_scheme wanted[] = {pss(DEVID_SHA256, DEVID_SHA256, 32), pss(DEVID_SHA256, DEVID_SHA256, 222)};
    unsigned n_good = 0;

    for (size_t i = 0; i < 2; i++) {
        struct devid_error err = {0};
        devid_rc rc = keys_sign(key, &wanted[i], keys_digest(32), &err);

        n_good += rc == DEVID_OK;
        assert_true(rc == DEVID_OK || rc == DEVID_E_KEY);
        assert_true(rc == DEVID_OK || strstr(err.text, "PSS") != NULL);
    }
    assert_int_equal(n_good, 1);
    world_forget_commands(f->world);
    refuses(f, key, pss(DEVID_SHA256, DEVID_SHA1, 32), 32, DEVID_E_KEY);
    devid_key_free(key);
}

static void what_a_key_cannot_do_is_said_without_a_command(void **state)
{
    struct fixture *f = *state;
    TPM2B_PUBLIC template = keys_rsa_template(TPMA_OBJECT_DECRYPT);
    struct devid_key *decrypts = keys_by_template(f->world, &template), *restricted;
    struct devid_scheme scheme = pkcs1(DEVID_SHA256);
    struct devid_error err = {0};

    keys_make_device(world_store(f->world), "iak", DEVID_ROLE_IAK, DEVID_EC, 256, 0x81020002);
    restricted = keys_open(world_store(f->world), "iak");
    world_forget_commands(f->world);
    refuses(f, restricted, ecdsa, 32, DEVID_E_KEY);
    refuses(f, decrypts, pkcs1(DEVID_SHA256), 32, DEVID_E_KEY);
    refuses(f, f->ec256, pkcs1(DEVID_SHA256), 32, DEVID_E_KEY);
    refuses(f, f->rsa, ecdsa, 32, DEVID_E_KEY);
    assert_rc(devid_key_can_sign(f->rsa, &scheme, &err), DEVID_OK, err);
    assert_rc(devid_key_can_sign(restricted, &ecdsa, &err), DEVID_E_KEY, err);
    assert_sent(f->world, "");
    devid_key_free(decrypts);
    devid_key_free(restricted);
}

static void signs_message(struct fixture *f, struct devid_key *key, struct devid_scheme scheme, size_t len, const char *commands)
{
    static unsigned char message[DEVID_MESSAGE_MAX];
    unsigned char sig[256], digest[DEVID_HASH_MAX];
    struct devid_error err = {0};
    size_t n = sizeof sig;

    memset(message, 'm', sizeof message);
    assert_rc(devid_key_sign_message(key, &scheme, (struct devid_slice){message, len}, sig, &n, &err), DEVID_OK, err);
    assert_sent(f->world, commands);
    assert_rc(devid_hash_once(scheme.hash, (struct devid_slice){message, len}, digest, &err), DEVID_OK, err);
    assert_rc(devid_verify(devid_slice_of(devid_key_public(key)->spki), &scheme,
                           (struct devid_slice){digest, devid_hash_len(scheme.hash)}, (struct devid_slice){sig, n}, &err),
              DEVID_OK, err);
}

/* TPM 2.0 Library, Part 3, TPM2_Hash: the ticket is the TPM's word that the message does not pretend to be its own. */
static void a_restricted_key_signs_what_its_tpm_hashed(void **state)
{
    static const unsigned char pretends[] = {0xff, 0x54, 0x43, 0x47, 0x80, 0x17};
    const struct devid_scheme pss = {DEVID_PSS, DEVID_SHA256, DEVID_HASH_NONE, 32};
    const struct devid_scheme ecdsa_256 = {DEVID_ECDSA, DEVID_SHA256, DEVID_HASH_NONE, 0};
    const struct devid_scheme ecdsa_384 = {DEVID_ECDSA, DEVID_SHA384, DEVID_HASH_NONE, 0};
    struct fixture *f = *state;
    struct devid_error err = {0};
    struct devid_key *ec, *rsa;
    unsigned char sig[256];
    size_t n = sizeof sig;

    keys_make_device(world_store(f->world), "iak", DEVID_ROLE_IAK, DEVID_EC, 256, 0x81020002);
    keys_make_device(world_store(f->world), "iak-rsa", DEVID_ROLE_IAK, DEVID_RSA, 2048, 0x81020003);
    ec = keys_open(world_store(f->world), "iak");
    rsa = keys_open(world_store(f->world), "iak-rsa");
    world_forget_commands(f->world);
    signs_message(f, ec, ecdsa_256, 300, "Hash Sign");
    signs_message(f, ec, ecdsa_256, 1024, "Hash Sign");
    signs_message(f, ec, ecdsa_256, 0, "Hash Sign");
    signs_message(f, ec, ecdsa_256, 1025, "HashSequenceStart SequenceUpdate SequenceComplete Sign");
    signs_message(f, rsa, pss, 2048, "HashSequenceStart SequenceUpdate SequenceComplete Sign");
    signs_message(f, rsa, pss, 2049, "HashSequenceStart SequenceUpdate SequenceUpdate SequenceComplete Sign");
    signs_message(f, f->ec256, ecdsa_256, 5000, "Sign");

    assert_rc(devid_key_sign_message(ec, &ecdsa_256, (struct devid_slice){pretends, sizeof pretends}, sig, &n, &err), DEVID_E_DATA, err);
    assert_rc(devid_key_sign_message(ec, &ecdsa_384, keys_digest(32), sig, &n, &err), DEVID_E_KEY, err);
    assert_non_null(strstr(err.text, "fixed to SHA256"));
    assert_rc(devid_key_sign_message(ec, &ecdsa_256, (struct devid_slice){sig, DEVID_MESSAGE_MAX + 1}, sig, &n, &err), DEVID_E_DATA, err);
    assert_sent(f->world, "");
    devid_key_free(ec);
    devid_key_free(rsa);
}

static void a_buffer_too_small_is_left_alone(void **state)
{
    struct fixture *f = *state;
    unsigned char sig[64] = {0x5a};
    struct devid_error err = {0};
    size_t len = 63;

    assert_rc(devid_key_sign(f->ec256, &ecdsa, keys_digest(32), sig, &len, &err), DEVID_E_ROOM, err);
    assert_int_equal(len, 63);
    assert_int_equal(sig[0], 0x5a);
    assert_sent(f->world, "");
}

#define TEST(f) cmocka_unit_test_teardown(f, nothing_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_at_a_handle_signs_with_one_command),
        TEST(a_wrapped_key_is_loaded_and_flushed),
        TEST(an_ec_key_signs_digests_of_any_length),
        TEST(a_key_with_a_fixed_scheme_signs_other_digests_too),
        TEST(rsa_pads_by_pkcs1_what_it_is_given),
        TEST(rsa_salts_pss_as_it_is_told),
        TEST(rsa_takes_a_block_as_it_is),
        TEST(a_key_that_only_signs_finds_the_digest_in_a_block),
        TEST(a_chips_own_pss_is_given_out_only_with_the_salt_asked_for),
        TEST(what_a_key_cannot_do_is_said_without_a_command),
        TEST(a_restricted_key_signs_what_its_tpm_hashed),
        TEST(a_buffer_too_small_is_left_alone),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
