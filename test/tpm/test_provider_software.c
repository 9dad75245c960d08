/* SPDX-License-Identifier: BSD-2-Clause */
/* What programs do with software keys goes on as without us, whatever provider is asked first. */
#include "tpm/provider_face.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

#ifdef OSSL_KEM_PARAM_OPERATION_DHKEM
#include <openssl/hpke.h>
#endif

/* A context for one more key like this one, before anything is said about it. */
static EVP_PKEY_CTX *one_more(struct face *f, EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);

    assert_non_null(ctx);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    return ctx;
}

static EVP_PKEY *made(EVP_PKEY_CTX *ctx)
{
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    assert_int_equal(ERR_peek_error(), 0);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void a_key_like_another_is_also_as_was_said(void **state)
{
    struct face *f = *state;
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-384"), *rsa = EVP_PKEY_Q_keygen(f->ctx, NULL, "RSA", (size_t)2048);
    EVP_PKEY_CTX *ctx = one_more(f, ec);
    char encoding[16] = "";
    EVP_PKEY *key;

    assert_int_equal(EVP_PKEY_CTX_set_ec_param_enc(ctx, OPENSSL_EC_EXPLICIT_CURVE), 1);
    key = made(ctx);
    assert_int_equal(EVP_PKEY_get_bits(key), 384);
    assert_int_equal(EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding, sizeof encoding, NULL), 1);
    assert_string_equal(encoding, "explicit");
    assert_true(face_signs(f, key));
    EVP_PKEY_free(key);

    ctx = one_more(f, rsa);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 3072), 1);
    key = made(ctx);
    assert_int_equal(EVP_PKEY_get_bits(key), 3072);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    assert_commands(f, "");
}

/* One like a key of the TPM is software, for nothing else was said. */
static void a_key_like_one_of_the_tpm_is_software(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid), *other = made(one_more(f, key));

    assert_int_equal(EVP_PKEY_get_bits(other), EVP_PKEY_get_bits(key));
    assert_int_equal(EVP_PKEY_eq(key, other), 0);
    assert_true(face_signs(f, other));
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
    assert_commands(f, "");
}

static void assert_same_params(const OSSL_PARAM *ours, const OSSL_PARAM *theirs)
{
    assert_true(ours != NULL && theirs != NULL);
    for (const OSSL_PARAM *p = theirs; p->key != NULL; p++)
        if (OSSL_PARAM_locate_const(ours, p->key) == NULL)
            fail_msg("%s is missing", p->key);
    for (const OSSL_PARAM *p = ours; p->key != NULL; p++)
        if (OSSL_PARAM_locate_const(theirs, p->key) == NULL)
            fail_msg("%s is too much", p->key);
}

static void a_context_has_the_parameters_of_the_default_provider(void **state)
{
    static const struct {
        const char *type;
        int (*init)(EVP_PKEY_CTX *ctx);
    } cases[] = {
        {"EC", EVP_PKEY_sign_init}, {"EC", EVP_PKEY_verify_init}, {"EC", EVP_PKEY_derive_init},
        {"RSA", EVP_PKEY_sign_init}, {"RSA", EVP_PKEY_verify_init}, {"RSA", EVP_PKEY_verify_recover_init},
        {"RSA", EVP_PKEY_encrypt_init}, {"RSA", EVP_PKEY_decrypt_init},
    };
    struct face *f = *state;
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256"), *rsa = EVP_PKEY_Q_keygen(f->ctx, NULL, "RSA", (size_t)2048);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EVP_PKEY *key = strcmp(cases[i].type, "EC") == 0 ? ec : rsa;
        EVP_PKEY_CTX *ours = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, "provider=devid");
        EVP_PKEY_CTX *theirs = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, "provider=default");

        assert_true(cases[i].init(ours) == 1 && cases[i].init(theirs) == 1);
        assert_same_params(EVP_PKEY_CTX_settable_params(ours), EVP_PKEY_CTX_settable_params(theirs));
        assert_same_params(EVP_PKEY_CTX_gettable_params(ours), EVP_PKEY_CTX_gettable_params(theirs));
        EVP_PKEY_CTX_free(ours);
        EVP_PKEY_CTX_free(theirs);
    }
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    assert_commands(f, "");
}

/* As a program would name them in text; and what it would make a key of. */
static void a_key_is_made_of_what_the_default_provider_makes_it_of(void **state)
{
    static const char *const types[] = {"EC", "RSA", "RSA-PSS"};
    static const int selections[] = {EVP_PKEY_PUBLIC_KEY, EVP_PKEY_KEYPAIR};
    struct face *f = *state;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        EVP_PKEY_CTX *ours = EVP_PKEY_CTX_new_from_name(f->ctx, types[i], "provider=devid");
        EVP_PKEY_CTX *theirs = EVP_PKEY_CTX_new_from_name(f->ctx, types[i], "provider=default");

        for (size_t j = 0; j < sizeof selections / sizeof selections[0]; j++)
            assert_same_params(EVP_PKEY_fromdata_settable(ours, selections[j]), EVP_PKEY_fromdata_settable(theirs, selections[j]));
        EVP_PKEY_CTX_free(ours);
        EVP_PKEY_CTX_free(theirs);
    }
    assert_commands(f, "");
}

static void assert_encapsulates(struct face *f, EVP_PKEY *key, const char *operation)
{
    EVP_PKEY_CTX *give = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL), *take = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);
    unsigned char wrapped[512], secret[512], same[512];
    size_t wrapped_len = sizeof wrapped, secret_len = sizeof secret, same_len = sizeof same;

    assert_int_equal(EVP_PKEY_encapsulate_init(give, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_kem_op(give, operation), 1);
    assert_int_equal(EVP_PKEY_encapsulate(give, wrapped, &wrapped_len, secret, &secret_len), 1);
    assert_int_equal(EVP_PKEY_decapsulate_init(take, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_kem_op(take, operation), 1);
    assert_int_equal(EVP_PKEY_decapsulate(take, same, &same_len, wrapped, wrapped_len), 1);
    assert_int_equal(same_len, secret_len);
    assert_memory_equal(same, secret, secret_len);
    assert_int_equal(ERR_peek_error(), 0);
    EVP_PKEY_CTX_free(give);
    EVP_PKEY_CTX_free(take);
}

static void secrets_are_encapsulated(void **state)
{
    struct face *f = *state;
    EVP_PKEY *rsa = EVP_PKEY_Q_keygen(f->ctx, NULL, "RSA", (size_t)2048);

    assert_encapsulates(f, rsa, "RSASVE");
    EVP_PKEY_free(rsa);
#ifdef OSSL_KEM_PARAM_OPERATION_DHKEM
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256");

    assert_encapsulates(f, ec, OSSL_KEM_PARAM_OPERATION_DHKEM);
    EVP_PKEY_free(ec);
#endif
    assert_commands(f, "");
}

#ifdef OSSL_KEM_PARAM_OPERATION_DHKEM

/* RFC 9180 over P-256, as a program has it from libcrypto alone. */
static void hpke_goes_on(void **state)
{
    static const unsigned char text[] = "a text";
    OSSL_HPKE_SUITE suite = {OSSL_HPKE_KEM_ID_P256, OSSL_HPKE_KDF_ID_HKDF_SHA256, OSSL_HPKE_AEAD_ID_AES_GCM_128};
    struct face *f = *state;
    OSSL_HPKE_CTX *from = OSSL_HPKE_CTX_new(OSSL_HPKE_MODE_BASE, suite, OSSL_HPKE_ROLE_SENDER, f->ctx, NULL);
    OSSL_HPKE_CTX *to = OSSL_HPKE_CTX_new(OSSL_HPKE_MODE_BASE, suite, OSSL_HPKE_ROLE_RECEIVER, f->ctx, NULL);
    unsigned char public[128], point[128], sealed[64], seen[64];
    size_t public_len = sizeof public, point_len = sizeof point, sealed_len = sizeof sealed, seen_len = sizeof seen;
    EVP_PKEY *key = NULL;

    assert_true(from != NULL && to != NULL);
    assert_int_equal(OSSL_HPKE_keygen(suite, public, &public_len, &key, NULL, 0, f->ctx, NULL), 1);
    assert_int_equal(OSSL_HPKE_encap(from, point, &point_len, public, public_len, NULL, 0), 1);
    assert_int_equal(OSSL_HPKE_seal(from, sealed, &sealed_len, NULL, 0, text, sizeof text), 1);
    assert_int_equal(OSSL_HPKE_decap(to, point, point_len, key, NULL, 0), 1);
    assert_int_equal(OSSL_HPKE_open(to, seen, &seen_len, NULL, 0, sealed, sealed_len), 1);
    assert_int_equal(seen_len, sizeof text);
    assert_memory_equal(seen, text, sizeof text);
    EVP_PKEY_free(key);
    OSSL_HPKE_CTX_free(from);
    OSSL_HPKE_CTX_free(to);
    assert_commands(f, "");
}

#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(a_key_like_another_is_also_as_was_said),
        FACE_TEST(a_key_like_one_of_the_tpm_is_software),
        FACE_TEST(a_context_has_the_parameters_of_the_default_provider),
        FACE_TEST(a_key_is_made_of_what_the_default_provider_makes_it_of),
        FACE_TEST(secrets_are_encapsulated),
#ifdef OSSL_KEM_PARAM_OPERATION_DHKEM
        FACE_TEST(hpke_goes_on),
#endif
    };

    return FACE_RUN(tests);
}
