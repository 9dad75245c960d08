/* SPDX-License-Identifier: BSD-2-Clause */
/* A key of the TPM that signs PSS alone is of libcrypto's type RSA-PSS, and passes where such a key of software does. */
#include "tpm/provider_face.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "core/ref.h"

/* Made by genpkey's way; the commands for it are forgotten. */
static EVP_PKEY *new_key_at(struct face *f, const char *digest, const char *place)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(f->ctx, "RSA-PSS", "provider=devid");
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string("devid", (char *)(uintptr_t)place, strlen(place)),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_DIGEST, (char *)(uintptr_t)digest, strlen(digest)),
        OSSL_PARAM_END,
    };
    EVP_PKEY *key = NULL;

    assert_true(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_params(ctx, params) == 1 && EVP_PKEY_generate(ctx, &key) == 1);
    EVP_PKEY_CTX_free(ctx);
    assert_true(EVP_PKEY_is_a(key, "RSA-PSS") && !EVP_PKEY_is_a(key, "RSA"));
    face_forget_commands(f);
    return key;
}

static EVP_PKEY *new_key(struct face *f, const char *digest)
{
    return new_key_at(f, digest, "wrapped");
}

/* The same as the default provider has it. */
static EVP_PKEY *public_of(struct face *f, EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(f->ctx, "RSA-PSS", "provider=default");
    OSSL_PARAM *params = NULL;
    EVP_PKEY *public = NULL;

    assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
    assert_true(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &public, EVP_PKEY_PUBLIC_KEY, params) == 1);
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return public;
}

static bool signs_by(struct face *f, EVP_PKEY *key, EVP_PKEY *public, const char *digest)
{
    static const unsigned char message[] = "a message";
    EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
    unsigned char sig[512];
    size_t len = sizeof sig;
    bool ok = EVP_DigestSignInit_ex(ctx, NULL, digest, f->ctx, NULL, key, NULL) == 1 &&
              EVP_DigestSignUpdate(ctx, message, 4) == 1 && EVP_MD_CTX_copy_ex(copy, ctx) == 1 &&
              EVP_DigestSignUpdate(copy, message + 4, sizeof message - 4) == 1 && EVP_DigestSignFinal(copy, sig, &len) == 1;

    EVP_MD_CTX_free(copy);
    EVP_MD_CTX_free(ctx);
    ctx = EVP_MD_CTX_new();
    ok = ok && EVP_DigestVerifyInit_ex(ctx, NULL, digest, f->ctx, NULL, public, NULL) == 1 &&
         EVP_DigestVerify(ctx, sig, len, message, sizeof message) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static void it_signs_by_its_digest_alone(void **state)
{
    static const struct {
        const char *digest, *other;
    } cases[] = {{"SHA256", "SHA384"}, {"SHA384", "SHA256"}};
    struct face *f = *state;

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = new_key(f, cases[i].digest), *public = public_of(f, key);
        char only[64] = "";

        assert_int_equal(EVP_PKEY_get_default_digest_name(key, only, sizeof only), 2);
        assert_string_equal(only, cases[i].digest);
        assert_commands(f, "");
        assert_true(signs_by(f, key, public, cases[i].digest));
        assert_commands(f, "Load Sign FlushContext");
        assert_true(signs_by(f, key, key, NULL));
        assert_commands(f, "Load Sign FlushContext");
        assert_false(signs_by(f, key, public, cases[i].other));
        assert_commands(f, "");
        ERR_clear_error();
        EVP_PKEY_free(public);
        EVP_PKEY_free(key);
    }
}

static void it_is_equal_to_its_public_half_with_restrictions_and_all(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = new_key(f, "SHA256"), *public = public_of(f, key), *other = new_key(f, "SHA256");
    unsigned char *ours = NULL, *theirs = NULL;
    int len = i2d_PUBKEY(key, &ours);

    assert_true(EVP_PKEY_eq(key, public) == 1 && EVP_PKEY_eq(public, key) == 1);
    assert_int_not_equal(EVP_PKEY_eq(key, other), 1);
    assert_true(len > 0);
    assert_int_equal(i2d_PUBKEY(public, &theirs), len);
    assert_memory_equal(ours, theirs, (size_t)len);
    assert_commands(f, "");
    OPENSSL_free(ours);
    OPENSSL_free(theirs);
    EVP_PKEY_free(other);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
}

static void it_is_written_and_read_again(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = new_key(f, "SHA256"), *again;
    BIO *file = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    again = PEM_read_bio_PrivateKey_ex(file, NULL, NULL, NULL, f->ctx, NULL);
    assert_non_null(again);
    assert_true(EVP_PKEY_is_a(again, "RSA-PSS"));
    assert_int_equal(EVP_PKEY_eq(key, again), 1);
    assert_commands(f, "");
    assert_true(signs_by(f, again, key, "SHA256"));
    assert_commands(f, "Load Sign FlushContext");
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    BIO_free(file);
}

/* PKCS#1 and decryption are another type's; the TPM is not asked. */
static void it_does_nothing_else(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = new_key(f, "SHA256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);

    assert_int_not_equal(EVP_PKEY_decrypt_init(ctx), 1);
    assert_int_not_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) <= 0);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) <= 0);
    ERR_clear_error();
    assert_commands(f, "");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* RFC 8446, 4.2.3: rsa_pss_pss_*; and X509_sign chooses PSS by itself. */
static void tls_takes_it_for_what_it_is(void **state)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    struct face *f = *state;
    EVP_PKEY *key = new_key(f, "SHA256"), *public = public_of(f, key);
    X509 *cert = identities_certificate("pss", public, f->ids.ca, f->ids.ca_key);

    for (size_t i = 0; i < 2; i++) {
        SSL_CTX *ctx = SSL_CTX_new_ex(f->ctx, NULL, TLS_client_method());

        assert_true(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1);
        assert_true(SSL_CTX_set1_groups_list(ctx, "P-256:P-384") == 1 &&
                    SSL_CTX_set1_sigalgs_list(ctx, "rsa_pss_pss_sha256:rsa_pss_pss_sha384:ECDSA+SHA256") == 1);
        assert_true(SSL_CTX_set_min_proto_version(ctx, versions[i]) == 1 && SSL_CTX_set_max_proto_version(ctx, versions[i]) == 1);
        assert_true(tls_handshake(ctx, f->server));
        assert_commands(f, "Load Sign FlushContext");
        SSL_CTX_free(ctx);
    }
    X509_free(cert);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
}

/* A reference of the type RSA, as for a certificate that calls the key rsaEncryption. */
static EVP_PKEY *as_rsa(struct face *f, EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(f->ctx, "RSA", "provider=default");
    struct devid_ref ref = {0}, other = {0};
    struct devid_bytes der = {0}, pem = {0};
    unsigned char *spki = NULL;
    EVP_PKEY *public = NULL;
    OSSL_PARAM *params = NULL;
    BIO *file = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len;

    assert_int_equal(PEM_write_bio_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(file, &text);
    assert_int_equal(devid_pem_find((struct devid_slice){(unsigned char *)text, (size_t)len}, DEVID_REF_LABEL, 0, &der, NULL), DEVID_OK);
    assert_int_equal(devid_ref_read_der(devid_slice_of(der), &ref, NULL), DEVID_OK);
    devid_bytes_free(&der);

    assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
    for (OSSL_PARAM *p = params; p->key != NULL; p++) /* the restrictions are of the other type */
        if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_N) != 0 && strcmp(p->key, OSSL_PKEY_PARAM_RSA_E) != 0)
            p->key = "";
    assert_true(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &public, EVP_PKEY_PUBLIC_KEY, params) == 1);
    len = i2d_PUBKEY(public, &spki);
    other = (struct devid_ref){.uri = ref.uri, .spki = {spki, (size_t)len}};
    assert_int_equal(devid_ref_write_der(&other, &der, NULL), DEVID_OK);
    assert_int_equal(devid_pem_append(&pem, DEVID_REF_LABEL, devid_slice_of(der), NULL), DEVID_OK);
    BIO_free(file);
    file = BIO_new_mem_buf(pem.data, (int)pem.len);
    key = PEM_read_bio_PrivateKey_ex(file, NULL, NULL, NULL, f->ctx, NULL);
    assert_true(key != NULL && EVP_PKEY_is_a(key, "RSA"));

    BIO_free(file);
    OSSL_PARAM_free(params);
    OPENSSL_free(spki);
    EVP_PKEY_free(public);
    EVP_PKEY_CTX_free(ctx);
    devid_bytes_free(&der);
    devid_bytes_free(&pem);
    devid_ref_free(&ref);
    return key;
}

static int begins_padded(struct face *f, EVP_PKEY *key, const char *digest, int padding)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    int ok = EVP_DigestSignInit_ex(ctx, &pctx, digest, f->ctx, NULL, key, NULL) == 1 && EVP_PKEY_CTX_set_rsa_padding(pctx, padding) == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

/* Before there is anything to sign. */
static void under_the_other_name_it_refuses_at_once_what_it_cannot(void **state)
{
    struct face *f = *state;
    EVP_PKEY *pss = new_key_at(f, "SHA256", "label=fixed"), *key = as_rsa(f, pss);

    assert_true(begins_padded(f, key, "SHA256", RSA_PKCS1_PSS_PADDING));
    assert_false(begins_padded(f, key, "SHA256", RSA_PKCS1_PADDING));
    assert_false(begins_padded(f, key, "SHA384", RSA_PKCS1_PSS_PADDING));
#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT
    EVP_SIGNATURE *by = EVP_SIGNATURE_fetch(f->ctx, "RSA-SHA256", "provider=devid");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);

    assert_int_not_equal(EVP_PKEY_sign_message_init(ctx, by, NULL), 1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), DEVID_E_KEY);
    assert_int_not_equal(EVP_PKEY_sign_init_ex2(ctx, by, NULL), 1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), DEVID_E_KEY);
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(by);
#endif
    EVP_PKEY_free(key);
    EVP_PKEY_free(pss);
    assert_commands(f, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(it_signs_by_its_digest_alone),
        FACE_TEST(it_is_equal_to_its_public_half_with_restrictions_and_all),
        FACE_TEST(it_is_written_and_read_again),
        FACE_TEST(it_does_nothing_else),
        FACE_TEST(tls_takes_it_for_what_it_is),
        FACE_TEST(under_the_other_name_it_refuses_at_once_what_it_cannot),
    };

    return FACE_RUN(tests);
}
