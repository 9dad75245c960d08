/* SPDX-License-Identifier: BSD-2-Clause */
/* RSA decryption and ECDH: one command each, the answers checked by software, and what is refused without any. */
#include "tpm/keys.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_sys.h>

#include "core/tpm.h"

struct fixture {
    struct world *world;
    struct devid_key *rsa, *signs, *decrypts, *ec, *ec384, *ec_both, *ec_signs;
};

static const struct devid_cipher pkcs1 = {.padding = DEVID_CIPHER_PKCS1};
static const struct devid_cipher raw = {.padding = DEVID_CIPHER_RAW};
static const struct devid_cipher oaep = {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256};

static struct devid_key *make(struct devid_store *store, const char *label, enum devid_alg alg, unsigned bits,
                              const char *uses, uint32_t handle)
{
    const struct devid_wanted wanted = {.alg = alg, .bits = bits, .signs = strchr(uses, 's') != NULL,
                                        .decrypts = strchr(uses, 'd') != NULL};

    keys_make_wanted(store, label, &wanted, handle);
    return keys_open(store, label);
}

static int start(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct devid_store *store;

    assert_non_null(f);
    f->world = world_start();
    store = world_store(f->world);
    f->rsa = make(store, "rsa", DEVID_RSA, 2048, "sd", 0x81000002);
    f->signs = make(store, "signs", DEVID_RSA, 2048, "s", 0);
    f->decrypts = make(store, "decrypts", DEVID_RSA, 2048, "d", 0);
    f->ec = make(store, "ec", DEVID_EC, 256, "d", 0x81000003);
    f->ec384 = make(store, "ec384", DEVID_EC, 384, "d", 0x81000004);
    f->ec_both = make(store, "ec_both", DEVID_EC, 256, "sd", 0);
    f->ec_signs = make(store, "ec_signs", DEVID_EC, 256, "s", 0);
    world_forget_commands(f->world);
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;

    devid_key_free(f->rsa);
    devid_key_free(f->signs);
    devid_key_free(f->decrypts);
    devid_key_free(f->ec);
    devid_key_free(f->ec384);
    devid_key_free(f->ec_both);
    devid_key_free(f->ec_signs);
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

static void decrypts(struct fixture *f, struct devid_key *key, const struct devid_cipher *cipher, size_t len,
                     const char *sent)
{
    struct devid_slice spki = devid_slice_of(devid_key_public(key)->spki), in = keys_digest(len);
    unsigned char block[256];
    struct devid_secret text = {0};
    struct devid_error err = {0};

    assert_rc(devid_encrypt(spki, cipher, in, block, &err), DEVID_OK, err);
    assert_rc(devid_key_decrypt(key, cipher, (struct devid_slice){block, sizeof block}, &text, &err), DEVID_OK, err);
    assert_int_equal(text.len, len);
    assert_memory_equal(text.data, in.data, len);
    devid_secret_free(&text);
    assert_sent(f->world, sent);
}

static void an_rsa_key_decrypts_with_one_command(void **state)
{
    struct devid_cipher label = {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA1, .mgf = DEVID_SHA512,
                                 .label = keys_digest(20)};
    struct fixture *f = *state;

    decrypts(f, f->rsa, &pkcs1, 48, "RSA_Decrypt");
    decrypts(f, f->rsa, &pkcs1, 0, "RSA_Decrypt");
    decrypts(f, f->rsa, &pkcs1, 245, "RSA_Decrypt");
    decrypts(f, f->rsa, &oaep, 190, "RSA_Decrypt");
    decrypts(f, f->rsa, &oaep, 0, "RSA_Decrypt");
    decrypts(f, f->rsa, &label, 32, "RSA_Decrypt");
    decrypts(f, f->decrypts, &oaep, 32, "Load RSA_Decrypt FlushContext");
}

static void a_raw_block_comes_back_whole(void **state)
{
    struct fixture *f = *state;
    struct devid_slice spki = devid_slice_of(devid_key_public(f->rsa)->spki);
    unsigned char text[256] = {0, 0, 1, 2, 3}, block[256];
    struct devid_secret out = {0};
    struct devid_error err = {0};

    assert_rc(devid_encrypt(spki, &raw, (struct devid_slice){text, sizeof text}, block, &err), DEVID_OK, err);
    assert_rc(devid_key_decrypt(f->rsa, &raw, (struct devid_slice){block, sizeof block}, &out, &err), DEVID_OK, err);
    assert_int_equal(out.len, sizeof text);
    assert_memory_equal(out.data, text, sizeof text);
    devid_secret_free(&out);
    assert_sent(f->world, "RSA_Decrypt");
}

/* tpm2-tss wipes nothing of what it was told. */
static void nothing_of_the_text_stays_behind(void **state)
{
    struct fixture *f = *state;
    struct devid_tpm *tpm = devid_store_tpm(world_store(f->world));
    unsigned char block[256] = {0, 2};
    struct devid_secret text = {0};
    struct devid_error err = {0};
    TSS2_SYS_CONTEXT *sys = NULL;
    const uint8_t *answer = NULL;
    ESYS_CONTEXT *esys;
    size_t len = 0;

    assert_rc(devid_key_decrypt(f->rsa, &raw, (struct devid_slice){block, sizeof block}, &text, &err), DEVID_OK, err);
    assert_rc(devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, &err), DEVID_OK, err);
    assert_int_equal(Esys_GetSysContext(esys, &sys), TSS2_RC_SUCCESS);
    assert_int_equal(Tss2_Sys_GetRpBuffer(sys, &len, &answer), TSS2_RC_SUCCESS);
    assert_int_equal(len, 2 + sizeof block);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(answer[i], 0);
    devid_tpm_leave(tpm);
    devid_secret_free(&text);
    assert_sent(f->world, "RSA_Decrypt");
}

static void refuses(struct devid_key *key, const struct devid_cipher *cipher, struct devid_slice block, devid_rc rc)
{
    struct devid_secret text = {0};
    struct devid_error err = {0};

    assert_rc(devid_key_decrypt(key, cipher, block, &text, &err), rc, err);
    assert_null(text.data);
    assert_true(err.text[0] != 0);
}

static void what_was_not_encrypted_for_the_key_is_refused(void **state)
{
    struct fixture *f = *state;
    unsigned char block[257];
    struct devid_error err = {0};

    assert_rc(devid_encrypt(devid_slice_of(devid_key_public(f->rsa)->spki), &pkcs1, keys_digest(32), block, &err), DEVID_OK,
              err);
    refuses(f->rsa, &oaep, (struct devid_slice){block, 256}, DEVID_E_DATA);
    assert_sent(f->world, "RSA_Decrypt");
    memset(block, 0xff, sizeof block); /* not below the modulus */
    refuses(f->rsa, &pkcs1, (struct devid_slice){block, 256}, DEVID_E_DATA);
    refuses(f->rsa, &raw, devid_slice_of(devid_key_public(f->rsa)->modulus), DEVID_E_DATA);
    refuses(f->rsa, &pkcs1, (struct devid_slice){block, 255}, DEVID_E_DATA);
    refuses(f->rsa, &pkcs1, (struct devid_slice){block, 257}, DEVID_E_DATA);
    assert_sent(f->world, "");
}

static void a_key_that_may_not_is_refused_without_a_command(void **state)
{
    struct fixture *f = *state;
    struct devid_slice block = keys_digest(256);
    TPM2B_PUBLIC restricted = keys_rsa_template(TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_RESTRICTED);
    struct devid_key *key;

    restricted.publicArea.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
    restricted.publicArea.parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
    refuses(f->signs, &pkcs1, block, DEVID_E_KEY);
    refuses(f->ec, &pkcs1, block, DEVID_E_KEY);
    key = keys_by_template(f->world, &restricted);
    world_forget_commands(f->world);
    refuses(key, &pkcs1, block, DEVID_E_KEY);
    devid_key_free(key);
    assert_sent(f->world, "");
}

static struct devid_key *of_scheme(struct fixture *f, TPMI_ALG_RSA_SCHEME scheme)
{
    TPM2B_PUBLIC template = keys_rsa_template(TPMA_OBJECT_DECRYPT);
    struct devid_key *key;

    template.publicArea.parameters.rsaDetail.scheme.scheme = scheme;
    if (scheme == TPM2_ALG_OAEP)
        template.publicArea.parameters.rsaDetail.scheme.details.oaep.hashAlg = TPM2_ALG_SHA256;
    key = keys_by_template(f->world, &template);
    world_forget_commands(f->world);
    return key;
}

static void a_key_with_a_fixed_scheme_decrypts_by_that(void **state)
{
    static const struct devid_cipher hiding = {.padding = DEVID_CIPHER_PKCS1, .hides_wrong = true};
    static const struct devid_cipher label = {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256, .mgf = DEVID_SHA256,
                                              .label = {(const unsigned char *)"label", sizeof "label"}};
    static const char by_tpm[] = "Load RSA_Decrypt FlushContext";
    struct fixture *f = *state;
    struct devid_key *rsaes = of_scheme(f, TPM2_ALG_RSAES), *opens = of_scheme(f, TPM2_ALG_OAEP);

    decrypts(f, rsaes, &pkcs1, 48, by_tpm);
    decrypts(f, rsaes, &pkcs1, 0, by_tpm);
    decrypts(f, rsaes, &pkcs1, 245, by_tpm);
    decrypts(f, rsaes, &hiding, 48, by_tpm);
    decrypts(f, opens, &oaep, 190, by_tpm);
    decrypts(f, opens, &oaep, 0, by_tpm);
    decrypts(f, opens, &label, 32, by_tpm);
    devid_key_free(rsaes);
    devid_key_free(opens);
}

static void what_a_fixed_scheme_does_not_do_is_refused_without_a_command(void **state)
{
    static const unsigned char too_long[200];
    static const struct devid_cipher no[] = {
        {.padding = DEVID_CIPHER_PKCS1},
        {.padding = DEVID_CIPHER_RAW},
        {.padding = DEVID_CIPHER_TLS, .tls_client = 0x0303},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA1},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256, .mgf = DEVID_SHA1},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256, .label = {(const unsigned char *)"label", 5}},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256, .label = {too_long, sizeof too_long}},
    };
    struct fixture *f = *state;
    struct devid_key *rsaes = of_scheme(f, TPM2_ALG_RSAES), *opens = of_scheme(f, TPM2_ALG_OAEP);
    struct devid_slice block = keys_digest(256);

    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        refuses(opens, &no[i], block, DEVID_E_KEY);
    for (size_t i = 1; i < sizeof no / sizeof no[0]; i++)
        refuses(rsaes, &no[i], block, DEVID_E_KEY);
    refuses(rsaes, &pkcs1, (struct devid_slice){block.data, 255}, DEVID_E_DATA);
    assert_sent(f->world, "");
    devid_key_free(rsaes);
    devid_key_free(opens);
}

/* The TPM says so, and it is told in the same words as of keys whose padding software takes off. */
static void a_wrong_padding_is_told_of_by_a_fixed_scheme(void **state)
{
    static const struct devid_cipher other_label = {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256,
                                                    .label = {(const unsigned char *)"other", sizeof "other"}};
    struct fixture *f = *state;
    struct devid_key *keys[] = {of_scheme(f, TPM2_ALG_RSAES), of_scheme(f, TPM2_ALG_OAEP)};
    const struct devid_cipher *as[] = {&pkcs1, &oaep};
    bool hides = OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= 2; /* swtpm's RSA is libcrypto's */
    devid_rc rc;

    for (size_t i = 0; i < 2; i++) {
        struct devid_slice spki = devid_slice_of(devid_key_public(keys[i])->spki);
        const struct devid_cipher *others[] = {as[1 - i], &other_label};
        struct devid_secret text = {0};
        struct devid_error err = {0};
        unsigned char block[256];

        for (size_t n = 0; n < 2; n++) {
            assert_rc(devid_encrypt(spki, others[n], keys_digest(32), block, &err), DEVID_OK, err);
            rc = devid_key_decrypt(keys[i], as[i], (struct devid_slice){block, sizeof block}, &text, &err);
            if (rc == DEVID_OK && i == 0 && hides) { /* a text in its place */
                assert_false(devid_slice_eq((struct devid_slice){text.data, text.len}, keys_digest(32)));
                devid_secret_free(&text);
                world_forget_commands(f->world);
                continue;
            }
            assert_rc(rc, DEVID_E_DATA, err);
            assert_string_equal(err.text, "this was not encrypted for this key, or in another way");
            assert_sent(f->world, "Load RSA_Decrypt(0x101) FlushContext GetRandom"); /* swtpm calls it a failure */
        }
        devid_key_free(keys[i]);
    }
}

/* The other side: a key in software, its point, and the secret as OpenSSL computes it. */
static void derives(struct fixture *f, struct devid_key *key, const char *curve, const char *sent)
{
    struct devid_slice spki = devid_slice_of(devid_key_public(key)->spki);
    size_t size = (devid_key_public(key)->bits + 7) / 8, peer_len = 0, len = 66;
    const unsigned char *der = spki.data;
    EVP_PKEY *peer = EVP_EC_gen(curve), *ours = d2i_PUBKEY(NULL, &der, (long)spki.len);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(peer, NULL);
    unsigned char point[133], expected[66];
    struct devid_secret z = {0};
    struct devid_error err = {0};

    assert_int_equal(EVP_PKEY_get_octet_string_param(peer, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point,
                                                     &peer_len), 1);
    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(ctx, ours), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, expected, &len), 1);
    assert_rc(devid_key_ecdh(key, (struct devid_slice){point, peer_len}, &z, &err), DEVID_OK, err);
    assert_int_equal(z.len, size);
    assert_int_equal(len, size);
    assert_memory_equal(z.data, expected, size);
    assert_sent(f->world, sent);
    devid_secret_free(&z);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(peer);
}

/* What comes out of it does not show by which key: the handle is looked at once. */
static void an_ec_key_derives_with_one_command(void **state)
{
    struct fixture *f = *state;

    derives(f, f->ec, "P-256", "ReadPublic ECDH_ZGen");
    for (int i = 0; i < 4; i++)
        derives(f, f->ec, "P-256", "ECDH_ZGen");
    derives(f, f->ec384, "P-384", "ReadPublic ECDH_ZGen");
    derives(f, f->ec_both, "P-256", "Load ECDH_ZGen FlushContext");
}

static void a_key_for_both_signs_too(void **state)
{
    static const struct devid_scheme ecdsa = {.padding = DEVID_ECDSA};
    struct fixture *f = *state;
    struct devid_error err = {0};

    assert_rc(keys_sign(f->ec_both, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    assert_sent(f->world, "Load Sign FlushContext");
    assert_rc(keys_sign(f->ec, &ecdsa, keys_digest(32), &err), DEVID_E_KEY, err);
    assert_sent(f->world, "");
}

static void no_ecdh(struct devid_key *key, struct devid_slice peer, devid_rc rc)
{
    struct devid_secret z = {0};
    struct devid_error err = {0};

    assert_rc(devid_key_ecdh(key, peer, &z, &err), rc, err);
    assert_null(z.data);
}

static void a_point_of_another_curve_or_of_none_is_refused(void **state)
{
    struct fixture *f = *state;
    struct devid_slice own = devid_slice_of(devid_key_public(f->ec)->point);
    unsigned char point[65];

    assert_int_equal(own.len, sizeof point);
    memcpy(point, own.data, sizeof point);
    no_ecdh(f->ec384, own, DEVID_E_DATA);
    no_ecdh(f->ec, (struct devid_slice){point, 64}, DEVID_E_DATA);
    no_ecdh(f->ec, (struct devid_slice){NULL, 0}, DEVID_E_DATA);
    point[0] = 0x02;
    no_ecdh(f->ec, (struct devid_slice){point, sizeof point}, DEVID_E_DATA);
    no_ecdh(f->ec_signs, own, DEVID_E_KEY);
    no_ecdh(f->rsa, own, DEVID_E_KEY);
    assert_sent(f->world, "");
    point[0] = 0x04;
    point[64] ^= 1; /* not on the curve */
    no_ecdh(f->ec, (struct devid_slice){point, sizeof point}, DEVID_E_DATA);
    assert_sent(f->world, "ECDH_ZGen(0x1e7)");
}

static void a_type_that_the_tpm_lacks_is_its_answer(void **state)
{
    static const struct devid_wanted big = {.alg = DEVID_RSA, .bits = 4096, .signs = true};
    static const struct devid_wanted none = {.alg = DEVID_EC, .bits = 256};
    struct fixture *f = *state;
    struct devid_made made = {0};
    struct devid_error err = {0};
    devid_rc rc = devid_make_key(world_store(f->world), &big, &made, &err);

    assert_true(rc == DEVID_OK || (rc == DEVID_E_KEY && err.tss != 0 && err.handle == 0));
    devid_made_free(&made);
    world_forget_commands(f->world);
    assert_rc(devid_make_key(world_store(f->world), &none, &made, &err), DEVID_E_ARG, err);
    assert_sent(f->world, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_rsa_key_decrypts_with_one_command, nothing_left),
        cmocka_unit_test_teardown(a_raw_block_comes_back_whole, nothing_left),
        cmocka_unit_test_teardown(nothing_of_the_text_stays_behind, nothing_left),
        cmocka_unit_test_teardown(what_was_not_encrypted_for_the_key_is_refused, nothing_left),
        cmocka_unit_test_teardown(a_key_that_may_not_is_refused_without_a_command, nothing_left),
        cmocka_unit_test_teardown(a_key_with_a_fixed_scheme_decrypts_by_that, nothing_left),
        cmocka_unit_test_teardown(what_a_fixed_scheme_does_not_do_is_refused_without_a_command, nothing_left),
        cmocka_unit_test_teardown(a_wrong_padding_is_told_of_by_a_fixed_scheme, nothing_left),
        cmocka_unit_test_teardown(an_ec_key_derives_with_one_command, nothing_left),
        cmocka_unit_test_teardown(a_key_for_both_signs_too, nothing_left),
        cmocka_unit_test_teardown(a_point_of_another_curve_or_of_none_is_refused, nothing_left),
        cmocka_unit_test_teardown(a_type_that_the_tpm_lacks_is_its_answer, nothing_left),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
