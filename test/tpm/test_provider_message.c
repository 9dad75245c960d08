/* SPDX-License-Identifier: BSD-2-Clause */
/* What later versions of OpenSSL have added to signatures: kinds of nonces (3.2), algorithms that name their digest (3.4). */
#include "tpm/provider_face.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

static const unsigned char message[] = "to be signed";

static bool sign_with_nonce(struct face *f, EVP_PKEY *key, unsigned kind, unsigned char sig[512], size_t *len)
{
    OSSL_PARAM params[] = {OSSL_PARAM_uint("nonce-type", &kind), OSSL_PARAM_END};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool ok = EVP_DigestSignInit_ex(ctx, &pctx, "SHA256", f->ctx, NULL, key, NULL) == 1 &&
              EVP_PKEY_CTX_set_params(pctx, params) > 0;

    *len = 512;
    ok = ok && EVP_DigestSign(ctx, sig, len, message, sizeof message) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool knows_nonces(struct face *f, EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);
    bool knows;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    knows = OSSL_PARAM_locate_const(EVP_PKEY_CTX_settable_params(ctx), "nonce-type") != NULL;
    EVP_PKEY_CTX_free(ctx);
    return knows;
}

static void assert_last_error_says(const char *words)
{
    const char *data = NULL;
    int flags = 0;

    assert_int_not_equal(ERR_peek_last_error_data(&data, &flags), 0);
    if (data == NULL || strstr(data, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", data, words);
    ERR_clear_error();
}

/* A program that wants RFC 6979 gets it from software, and a refusal from the TPM, which would not do it. */
static void a_deterministic_nonce_is_refused_by_the_tpm_alone(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid), *software = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256");
    unsigned char one[512], two[512];
    size_t one_len, two_len;

    assert_int_equal(knows_nonces(f, key), knows_nonces(f, software));
    assert_true(sign_with_nonce(f, key, 0, one, &one_len));
    assert_commands(f, "Sign");
    assert_true(sign_with_nonce(f, software, 1, one, &one_len));
    assert_true(sign_with_nonce(f, software, 1, two, &two_len));
    if (knows_nonces(f, software)) {
        assert_int_equal(one_len, two_len);
        assert_memory_equal(one, two, one_len);
        assert_false(sign_with_nonce(f, key, 1, one, &one_len));
        assert_last_error_says("leave out nonce-type, or set it to 0");
        assert_commands(f, "");
    } else {
        assert_true(sign_with_nonce(f, key, 1, one, &one_len)); /* 3.0 passes over what it does not know */
        face_forget_commands(f);
    }
    EVP_PKEY_free(software);
    EVP_PKEY_free(key);
}

#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT

/* The ways to sign by such an algorithm: the message in one part, in two, and its digest. */
enum way { WHOLE, PARTS, DIGEST, N_WAYS };

struct signature {
    unsigned char hash[EVP_MAX_MD_SIZE], bytes[512];
    size_t hash_len, len;
};

static bool signs(EVP_PKEY_CTX *ctx, EVP_SIGNATURE *by, enum way way, struct signature *sig)
{
    size_t len = 0;

    sig->len = sizeof sig->bytes;
    switch (way) {
    case WHOLE:
        return EVP_PKEY_sign_message_init(ctx, by, NULL) == 1 && EVP_PKEY_sign(ctx, NULL, &len, message, sizeof message) == 1 &&
               len <= sig->len && EVP_PKEY_sign(ctx, sig->bytes, &sig->len, message, sizeof message) == 1;
    case PARTS:
        return EVP_PKEY_sign_message_init(ctx, by, NULL) == 1 && EVP_PKEY_sign_message_update(ctx, message, 3) == 1 &&
               EVP_PKEY_sign_message_update(ctx, message + 3, sizeof message - 3) == 1 &&
               EVP_PKEY_sign_message_final(ctx, NULL, &len) == 1 && len <= sig->len &&
               EVP_PKEY_sign_message_final(ctx, sig->bytes, &sig->len) == 1;
    default:
        return EVP_PKEY_sign_init_ex2(ctx, by, NULL) == 1 && EVP_PKEY_sign(ctx, sig->bytes, &sig->len, sig->hash, sig->hash_len) == 1;
    }
}

static bool verifies(EVP_PKEY_CTX *ctx, EVP_SIGNATURE *by, enum way way, const struct signature *sig)
{
    switch (way) {
    case WHOLE:
        return EVP_PKEY_verify_message_init(ctx, by, NULL) == 1 &&
               EVP_PKEY_verify(ctx, sig->bytes, sig->len, message, sizeof message) == 1;
    case PARTS:
        return EVP_PKEY_verify_message_init(ctx, by, NULL) == 1 && EVP_PKEY_CTX_set_signature(ctx, sig->bytes, sig->len) == 1 &&
               EVP_PKEY_verify_message_update(ctx, message, 3) == 1 &&
               EVP_PKEY_verify_message_update(ctx, message + 3, sizeof message - 3) == 1 &&
               EVP_PKEY_verify_message_final(ctx) == 1;
    default:
        return EVP_PKEY_verify_init_ex2(ctx, by, NULL) == 1 &&
               EVP_PKEY_verify(ctx, sig->bytes, sig->len, sig->hash, sig->hash_len) == 1;
    }
}

/* One context serves way after way, and its copy verifies. query: who makes the signature. */
static void assert_round_trips(struct face *f, EVP_PKEY *key, const char *type, const char *md, const char *query, size_t n_commands)
{
    EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL), *check = EVP_PKEY_CTX_dup(sign);
    struct signature sig = {0};
    EVP_SIGNATURE *by;
    char name[32];

    (void)snprintf(name, sizeof name, "%s-%s", type, md);
    by = EVP_SIGNATURE_fetch(f->ctx, name, query);
    assert_non_null(by);
    assert_int_equal(EVP_Q_digest(f->ctx, md, NULL, message, sizeof message, sig.hash, &sig.hash_len), 1);
    for (enum way way = WHOLE; way < N_WAYS; way++) {
        if (!signs(sign, by, way, &sig))
            fail_msg("%s, way %d: %s", name, way, ERR_reason_error_string(ERR_peek_last_error()));
        assert_int_equal(face_commands(f, NULL), n_commands);
        for (enum way other = WHOLE; other < N_WAYS; other++)
            assert_true(verifies(check, by, other, &sig));
        sig.bytes[sig.len - 1] ^= 1;
        for (enum way other = WHOLE; other < N_WAYS; other++)
            assert_false(verifies(check, by, other, &sig));
        ERR_clear_error();
        assert_int_equal(face_commands(f, NULL), n_commands);
        face_forget_commands(f);
    }
    EVP_SIGNATURE_free(by);
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_CTX_free(sign);
}

static void an_algorithm_may_name_its_digest(void **state)
{
    static const char *const mds[] = {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512",
                                      "SHA512-224", "SHA512-256"};
    enum { N_RSA = sizeof mds / sizeof mds[0], N_EC = N_RSA - 2 };
    struct face *f = *state;
    EVP_PKEY *ec = face_key(f, &f->ids.ldevid), *wrapped = face_key(f, &f->ids.wrapped), *rsa = face_key(f, &f->ids.rsa);

    for (size_t i = 0; i < N_RSA; i++) {
        if (i < N_EC)
            assert_round_trips(f, ec, "ECDSA", mds[i], "provider=devid", 1);
        assert_round_trips(f, rsa, "RSA", mds[i], "provider=devid", 1);
    }
    assert_round_trips(f, wrapped, "ECDSA", "SHA256", "provider=devid", 3);
    if (f->order != DEFAULT_FIRST) { /* an algorithm fetched is its provider's, which cannot have our key */
        assert_round_trips(f, ec, "ECDSA", "SHA256", NULL, 1);
        assert_round_trips(f, rsa, "RSA", "SHA256", NULL, 1);
    }
    assert_round_trips(f, ec, "ECDSA", "SHA256", "?provider=devid", 1);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(wrapped);
    EVP_PKEY_free(rsa);
}

static void software_keys_sign_by_such_algorithms_of_either_provider(void **state)
{
    static const char *const queries[] = {NULL, "provider=devid", "provider=default"};
    struct face *f = *state;
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256"), *rsa = EVP_PKEY_Q_keygen(f->ctx, NULL, "RSA", (size_t)2048);

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        assert_round_trips(f, ec, "ECDSA", "SHA384", queries[i], 0);
        assert_round_trips(f, rsa, "RSA", "SHA384", queries[i], 0);
    }
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

/* 1: yes. Not the key's kind, not that kind of signature, no key of that provider: each says why. */
static int begins(struct face *f, EVP_PKEY *key, const char *algorithm, const char *query, const OSSL_PARAM params[])
{
    EVP_SIGNATURE *by = EVP_SIGNATURE_fetch(f->ctx, algorithm, query);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);
    int ok;

    assert_non_null(by);
    ok = EVP_PKEY_sign_message_init(ctx, by, params);
    if (ok != 1)
        assert_int_not_equal(ERR_peek_error(), 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(by);
    return ok;
}

static void what_such_an_algorithm_does_not_do_is_refused(void **state)
{
    struct face *f = *state;
    EVP_PKEY *ec = face_key(f, &f->ids.ldevid), *rsa = face_key(f, &f->ids.rsa), *software = X509_get_pubkey(f->ids.rsa.cert);
    EVP_PKEY *pss = EVP_PKEY_Q_keygen(f->ctx, NULL, "RSA-PSS", (size_t)2048);
    unsigned kind = 1;
    OSSL_PARAM nonce[] = {OSSL_PARAM_uint("nonce-type", &kind), OSSL_PARAM_END};

    assert_int_equal(begins(f, ec, "ECDSA-SHA256", "provider=devid", NULL), 1);
    assert_int_not_equal(begins(f, ec, "RSA-SHA256", "provider=devid", NULL), 1);
    assert_int_not_equal(begins(f, rsa, "ECDSA-SHA256", "provider=devid", NULL), 1);
    assert_int_not_equal(begins(f, pss, "RSA-SHA256", "provider=devid", NULL), 1); /* PKCS#1 */
    assert_int_not_equal(begins(f, ec, "ECDSA-SHA256", "provider=default", NULL), 1);
    ERR_clear_error();
    assert_int_not_equal(begins(f, ec, "ECDSA-SHA256", "provider=devid", nonce), 1);
    assert_last_error_says("leave out nonce-type, or set it to 0");
    for (int i = 0; i < 2; i++) { /* without a digest in its name it is as the default provider's */
        const char *query = i == 0 ? "provider=default" : "provider=devid";

        assert_int_not_equal(begins(f, software, "RSA", query, NULL), 1);
        assert_int_not_equal(begins(f, software, "ECDSA", query, NULL), 1);
    }
    ERR_clear_error();
    EVP_PKEY_free(software);
    EVP_PKEY_free(pss);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    assert_commands(f, "");
}

#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(a_deterministic_nonce_is_refused_by_the_tpm_alone),
#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT
        FACE_TEST(an_algorithm_may_name_its_digest),
        FACE_TEST(software_keys_sign_by_such_algorithms_of_either_provider),
        FACE_TEST(what_such_an_algorithm_does_not_do_is_refused),
#endif
    };

    return FACE_RUN(tests);
}
