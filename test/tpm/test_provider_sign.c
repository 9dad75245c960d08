/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way to sign that OpenSSL's programs know, checked by the default provider with the certificate's key. */
#include "tpm/provider_face.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

static const unsigned char message[] = "to be signed";

/* Set up a context from strings, as the command line does. */
static bool set_all(EVP_PKEY_CTX *ctx, const char *const options[][2])
{
    bool ok = true;

    for (size_t i = 0; options != NULL && options[i][0] != NULL; i++)
        ok = ok && EVP_PKEY_CTX_ctrl_str(ctx, options[i][0], options[i][1]) > 0;
    return ok;
}

static bool verified(EVP_PKEY *public, const char *md, const char *const options[][2], const unsigned char *sig,
                     size_t len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool ok = EVP_DigestVerifyInit_ex(ctx, &pctx, md, NULL, NULL, public, NULL) == 1 && set_all(pctx, options) &&
              EVP_DigestVerify(ctx, sig, len, message, sizeof message) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

/* Sign a message in two parts, then verify it by software and with the key itself. */
static void assert_round_trip(struct face *f, struct sample *sample, const char *md, const char *const options[][2])
{
    EVP_PKEY *key = face_key(f, sample), *public = X509_get_pubkey(sample->cert);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    unsigned char sig[512];
    size_t len = 0;

    assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, md, f->ctx, NULL, key, NULL), 1);
    assert_true(set_all(pctx, options));
    assert_int_equal(EVP_DigestSignUpdate(ctx, message, 5), 1);
    assert_int_equal(EVP_DigestSignUpdate(ctx, message + 5, sizeof message - 5), 1);
    assert_int_equal(EVP_DigestSignFinal(ctx, NULL, &len), 1);
    assert_true(len <= sizeof sig);
    assert_int_equal(face_commands(f, NULL), 0);
    assert_int_equal(EVP_DigestSignFinal(ctx, sig, &len), 1);
    EVP_MD_CTX_free(ctx);

    assert_true(verified(public, md, options, sig, len));
    assert_true(verified(key, md, options, sig, len));
    sig[len - 1] ^= 1;
    assert_false(verified(key, md, options, sig, len));
    ERR_clear_error();
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
}

static void ecdsa_signs_by_every_digest(void **state)
{
    static const char *const digests[] = {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA3-256"};
    struct face *f = *state;

    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        assert_round_trip(f, &f->ids.ldevid, digests[i], NULL);
        assert_commands(f, "Sign");
    }
}

static void pkcs1_signs_by_every_digest_that_the_tpm_knows(void **state)
{
    static const char *const digests[] = {"SHA1", "SHA256", "SHA384", "SHA512"};
    struct face *f = *state;

    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        assert_round_trip(f, &f->ids.rsa, digests[i], NULL);
        assert_commands(f, "Sign");
    }
}

static void pkcs1_signs_other_digests_with_padding_made_here(void **state)
{
    static const char *const digests[] = {"SHA224", "SHA3-256", "MD5-SHA1"};
    struct face *f = *state;

    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        assert_round_trip(f, &f->ids.rsa, digests[i], NULL);
        assert_commands(f, "RSA_Decrypt");
    }
}

/* RFC 8446, 4.2.3: the salt is as long as the digest. Old chips use another. */
static void pss_signs_with_the_salt_that_was_asked_for(void **state)
{
    static const char *const salts[] = {"digest", "auto", "max", "20", "0"};
    static const int lengths[] = {32, 32, 222, 20, 0};
    struct face *f = *state;

    for (size_t i = 0; i < sizeof salts / sizeof salts[0]; i++) {
        const char *const sign[][2] = {{"rsa_padding_mode", "pss"}, {"rsa_pss_saltlen", salts[i]}, {NULL, NULL}};
        EVP_PKEY *key = face_key(f, &f->ids.rsa), *public = X509_get_pubkey(f->ids.rsa.cert);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pctx = NULL;
        unsigned char sig[256];
        size_t len = sizeof sig;
        char number[8];
        const char *const exact[][2] = {{"rsa_padding_mode", "pss"}, {"rsa_pss_saltlen", number}, {NULL, NULL}};

        (void)snprintf(number, sizeof number, "%d", lengths[i]);
        assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, "SHA256", f->ctx, NULL, key, NULL), 1);
        assert_true(set_all(pctx, sign));
        assert_int_equal(EVP_DigestSign(ctx, sig, &len, message, sizeof message), 1);
        assert_true(verified(public, "SHA256", exact, sig, len));
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(public);
        EVP_PKEY_free(key);
        assert_int_equal(face_commands(f, NULL), 1);
        face_forget_commands(f);
    }
}

static void pss_signs_by_other_digests_and_mask_digests(void **state)
{
    static const char *const by_name[][2] = {{"rsa_padding_mode", "pss"}, {"rsa_pss_saltlen", "digest"}, {NULL, NULL}};
    static const char *const other_mgf[][2] = {
        {"rsa_padding_mode", "pss"}, {"rsa_pss_saltlen", "digest"}, {"rsa_mgf1_md", "SHA256"}, {NULL, NULL}};
    struct face *f = *state;

    assert_round_trip(f, &f->ids.rsa, "SHA384", by_name);
    face_forget_commands(f);
    assert_round_trip(f, &f->ids.rsa, "SHA512", by_name);
    face_forget_commands(f);
    assert_round_trip(f, &f->ids.rsa, "SHA512", other_mgf);
    assert_commands(f, "RSA_Decrypt");
    assert_round_trip(f, &f->ids.rsa, "SHA224", by_name);
    assert_commands(f, "RSA_Decrypt");
    assert_round_trip(f, &f->ids.rsa, "SHA3-256", by_name);
    assert_commands(f, "RSA_Decrypt");
}

/* The AlgorithmIdentifier in the request says which padding, digest and salt: a CA checks by it. */
static void a_request_with_pss_verifies(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.rsa), *public = X509_get_pubkey(f->ids.rsa.cert);
    X509_REQ *req = X509_REQ_new_ex(f->ctx, NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;

    assert_int_equal(X509_REQ_set_version(req, X509_REQ_VERSION_1), 1);
    assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
    assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, "SHA256", f->ctx, NULL, key, NULL), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
    assert_true(X509_REQ_sign_ctx(req, ctx) > 0);
    assert_int_equal(X509_REQ_verify(req, public), 1);
    assert_int_equal(X509_REQ_verify(req, key), 1);
    X509_REQ_free(req);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
    assert_commands(f, "RSA_Decrypt");
}

static bool signs_digest(struct face *f, EVP_PKEY *key, EVP_PKEY *public, const char *md, size_t len)
{
    EVP_PKEY_CTX *s = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL), *v = EVP_PKEY_CTX_new(public, NULL);
    const char *const options[][2] = {{md == NULL ? NULL : "digest", md}, {NULL, NULL}};
    unsigned char digest[64] = {1, 2, 3}, sig[256];
    size_t sig_len = sizeof sig;
    bool ok = EVP_PKEY_sign_init(s) == 1 && set_all(s, options) && EVP_PKEY_sign(s, sig, &sig_len, digest, len) == 1 &&
              EVP_PKEY_verify_init(v) == 1 && set_all(v, options) &&
              EVP_PKEY_verify(v, sig, sig_len, digest, len) == 1;

    EVP_PKEY_CTX_free(s);
    EVP_PKEY_CTX_free(v);
    return ok;
}

static void a_ready_digest_is_signed_whatever_its_length(void **state)
{
    static const size_t lengths[] = {20, 28, 32, 48, 64};
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid), *public = X509_get_pubkey(f->ids.ldevid.cert);

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_true(signs_digest(f, key, public, NULL, lengths[i]));
        assert_commands(f, "Sign");
    }
    assert_true(signs_digest(f, key, public, "SHA384", 48));
    face_forget_commands(f);
    assert_false(signs_digest(f, key, public, "SHA256", 48));
    ERR_clear_error();
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
    assert_commands(f, "");
}

static void rsa_signs_a_ready_digest(void **state)
{
    static const struct {
        const char *name;
        size_t len;
    } digests[] = {{"SHA1", 20}, {"SHA224", 28}, {"SHA384", 48}, {"SHA512", 64}, {"SHA3-256", 32}, {"MD5-SHA1", 36}};
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.rsa), *public = X509_get_pubkey(f->ids.rsa.cert);

    assert_true(signs_digest(f, key, public, "SHA256", 32));
    assert_commands(f, "Sign");
    assert_true(signs_digest(f, key, public, NULL, 20));
    assert_int_equal(face_commands(f, NULL), 1);
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
        assert_true(signs_digest(f, key, public, digests[i].name, digests[i].len));
    face_forget_commands(f);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
}

/* EVP_MD_CTX_copy: TLS 1.2 and programs that hash a common beginning once. */
static void a_signature_begun_can_be_copied(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid), *public = X509_get_pubkey(f->ids.ldevid.cert);
    EVP_MD_CTX *one = EVP_MD_CTX_new(), *two = EVP_MD_CTX_new();
    unsigned char sig[80];
    size_t len = sizeof sig;

    assert_int_equal(EVP_DigestSignInit_ex(one, NULL, "SHA256", f->ctx, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSignUpdate(one, message, 4), 1);
    assert_int_equal(EVP_MD_CTX_copy_ex(two, one), 1);
    assert_int_equal(EVP_DigestSignUpdate(one, "else", 4), 1);
    assert_int_equal(EVP_DigestSignUpdate(two, message + 4, sizeof message - 4), 1);
    EVP_MD_CTX_free(one);
    assert_int_equal(EVP_DigestSignFinal(two, sig, &len), 1);
    assert_true(verified(public, "SHA256", NULL, sig, len));
    EVP_MD_CTX_free(two);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
    assert_commands(f, "Sign");
}

/* Its AlgorithmIdentifier is the one of who verifies, whenever it is asked for. */
static void assert_answers(struct face *f, const struct sample *sample, const char *md)
{
    EVP_PKEY *key = face_key(f, sample), *public = X509_get_pubkey(sample->cert);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *software = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL, *theirs = NULL;
    unsigned char sig[256], id[2][128];
    char name[64] = "", other[] = "SHA224";
    OSSL_PARAM get[2][3] = {
        {OSSL_PARAM_utf8_string("digest", name, sizeof name), OSSL_PARAM_octet_string("algorithm-id", id[0], sizeof id[0]), OSSL_PARAM_END},
        {OSSL_PARAM_octet_string("algorithm-id", id[1], sizeof id[1]), OSSL_PARAM_END},
    };
    OSSL_PARAM set[] = {OSSL_PARAM_construct_utf8_string("digest", name, 0), OSSL_PARAM_END},
               set_other[] = {OSSL_PARAM_construct_utf8_string("digest", other, 0), OSSL_PARAM_END};
    size_t len = sizeof sig;

    assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, md, f->ctx, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSignUpdate(ctx, message, 4), 1);
    assert_int_equal(EVP_PKEY_CTX_get_params(pctx, get[0]), 1);
    assert_true(EVP_MD_is_a(EVP_MD_CTX_get0_md(ctx), name));
    assert_int_equal(EVP_DigestVerifyInit_ex(software, &theirs, md, NULL, NULL, public, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_get_params(theirs, get[1]), 1);
    assert_int_equal(get[0][1].return_size, get[1][0].return_size);
    assert_memory_equal(id[0], id[1], get[1][0].return_size);
    assert_non_null(OSSL_PARAM_locate_const(EVP_PKEY_CTX_gettable_params(pctx), "algorithm-id"));
    assert_non_null(OSSL_PARAM_locate_const(EVP_PKEY_CTX_settable_params(pctx), "digest"));
    set[0].data_size = strlen(name);
    assert_true(EVP_PKEY_CTX_set_params(pctx, set) > 0);
    assert_true(EVP_PKEY_CTX_set_params(pctx, set_other) <= 0);
    ERR_clear_error();
    assert_int_equal(EVP_DigestSignUpdate(ctx, message + 4, sizeof message - 4), 1);
    assert_int_equal(EVP_DigestSignFinal(ctx, sig, &len), 1);
    assert_true(verified(public, md, NULL, sig, len));
    EVP_MD_CTX_free(software);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
}

static void a_signature_begun_answers_what_it_is_asked(void **state)
{
    static const char *const digests[] = {"SHA256", "SHA2-384", "SHA1"};
    struct face *f = *state;

    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        assert_answers(f, &f->ids.ldevid, digests[i]);
        assert_answers(f, &f->ids.rsa, digests[i]);
    }
    face_forget_commands(f);
}

static void a_short_buffer_is_refused(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.rsa);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sig[10];
    size_t len = sizeof sig;

    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", f->ctx, NULL, key, NULL), 1);
    assert_int_not_equal(EVP_DigestSign(ctx, sig, &len, message, sizeof message), 1);
    ERR_clear_error();
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    face_forget_commands(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(ecdsa_signs_by_every_digest),
        FACE_TEST(pkcs1_signs_by_every_digest_that_the_tpm_knows),
        FACE_TEST(pkcs1_signs_other_digests_with_padding_made_here),
        FACE_TEST(pss_signs_with_the_salt_that_was_asked_for),
        FACE_TEST(pss_signs_by_other_digests_and_mask_digests),
        FACE_TEST(a_request_with_pss_verifies),
        FACE_TEST(a_ready_digest_is_signed_whatever_its_length),
        FACE_TEST(rsa_signs_a_ready_digest),
        FACE_TEST(a_signature_begun_can_be_copied),
        FACE_TEST(a_signature_begun_answers_what_it_is_asked),
        FACE_TEST(a_short_buffer_is_refused),
    };

    return FACE_RUN(tests);
}
