/* SPDX-License-Identifier: BSD-2-Clause */
/* Decryption and key agreement: by the TPM for its own keys, by software for all others. */
#include "tpm/provider_face.h"

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>
#include <string.h>

static const unsigned char text[] = "thirty-two bytes, as a key would";
#define TEXT_LEN 32

struct padding {
    int mode;
    const char *md, *mgf, *label;
};

static void pad(EVP_PKEY_CTX *ctx, const struct padding *p)
{
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, p->mode), 1);
    if (p->md != NULL)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, p->md, NULL), 1);
    if (p->mgf != NULL)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, p->mgf, NULL), 1);
    if (p->label != NULL) {
        char *label = OPENSSL_strdup(p->label);

        assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, (int)strlen(label)), 1);
    }
}

static size_t encrypt(struct face *f, EVP_PKEY *key, const struct padding *p, unsigned char out[256])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);
    size_t len = 256;

    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    pad(ctx, p);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len, text, TEXT_LEN), 1);
    EVP_PKEY_CTX_free(ctx);
    return len;
}

/* OpenSSL 3.2 and later: a text in the place of an error where PKCS#1 is wrong. */
static void hide(EVP_PKEY_CTX *ctx, unsigned is_wanted)
{
    const OSSL_PARAM params[] = {OSSL_PARAM_uint("implicit-rejection", &is_wanted), OSSL_PARAM_END};

    assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
}

static bool decrypts(struct face *f, EVP_PKEY *key, const struct padding *p, const unsigned char *in, size_t in_len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL), *copy;
    unsigned char out[256];
    size_t len = 0;
    bool ok;

    assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
    hide(ctx, 0);
    pad(ctx, p);
    copy = EVP_PKEY_CTX_dup(ctx);
    EVP_PKEY_CTX_free(ctx);
    assert_int_equal(EVP_PKEY_decrypt(copy, NULL, &len, in, in_len), 1);
    assert_int_equal(len, 256);
    ok = EVP_PKEY_decrypt(copy, out, &len, in, in_len) == 1;
    if (ok)
        ok = len == TEXT_LEN && memcmp(out, text, TEXT_LEN) == 0;
    EVP_PKEY_CTX_free(copy);
    return ok;
}

static const struct padding paddings[] = {
    {RSA_PKCS1_PADDING, NULL, NULL, NULL},        {RSA_PKCS1_OAEP_PADDING, NULL, NULL, NULL},
    {RSA_PKCS1_OAEP_PADDING, "SHA256", NULL, NULL}, {RSA_PKCS1_OAEP_PADDING, "SHA384", "SHA1", "a label"},
    {RSA_PKCS1_OAEP_PADDING, "SHA512", NULL, NULL}, {RSA_PKCS1_OAEP_PADDING, "SHA224", "SHA3-384", "a label"},
    {RSA_PKCS1_OAEP_PADDING, "SHA3-256", NULL, NULL}, {RSA_PKCS1_OAEP_PADDING, "SHA512-256", NULL, NULL},
};

static void each_padding_costs_one_command(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.rsa);
    unsigned char block[256];

    face_forget_commands(f);
    for (size_t i = 0; i < sizeof paddings / sizeof paddings[0]; i++) {
        size_t len = encrypt(f, key, &paddings[i], block);

        assert_commands(f, "");
        assert_true(decrypts(f, key, &paddings[i], block, len));
        assert_commands(f, "RSA_Decrypt");
    }
    EVP_PKEY_free(key);
}

static void another_padding_is_refused(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.rsa);
    unsigned char block[256];
    size_t len = encrypt(f, key, &paddings[0], block);

    ERR_clear_error();
    assert_false(decrypts(f, key, &paddings[1], block, len));
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), DEVID_E_DATA);
    len = encrypt(f, key, &paddings[2], block);
    assert_false(decrypts(f, key, &paddings[4], block, len));
    ERR_clear_error();
    EVP_PKEY_free(key);
    face_forget_commands(f);
}

static bool decrypts_hiding(struct face *f, EVP_PKEY *key, unsigned is_wanted, const unsigned char *in, unsigned char *out, size_t *len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);
    bool ok;

    assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
    if (is_wanted != 2)
        hide(ctx, is_wanted);
    *len = 256;
    ok = EVP_PKEY_decrypt(ctx, out, len, in, 256) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* The same text each time, in each process: else who asks twice knows. */
static void a_wrong_padding_can_be_hidden(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.rsa), *again = face_key(f, &f->ids.rsa);
    unsigned char block[256], first[256], second[256];
    size_t first_len, second_len;

    (void)encrypt(f, key, &paddings[0], block);
    face_forget_commands(f);
    assert_true(decrypts_hiding(f, key, 1, block, first, &first_len));
    assert_int_equal(first_len, TEXT_LEN);
    assert_memory_equal(first, text, TEXT_LEN);
    assert_commands(f, "RSA_Decrypt RSA_Decrypt");

    (void)encrypt(f, key, &paddings[1], block);
    assert_true(decrypts_hiding(f, key, 1, block, first, &first_len));
    assert_commands(f, "RSA_Decrypt");
    assert_true(decrypts_hiding(f, again, 1, block, second, &second_len));
    assert_commands(f, "RSA_Decrypt RSA_Decrypt");
    assert_int_equal(first_len, second_len);
    assert_memory_equal(first, second, first_len);

    (void)encrypt(f, key, &paddings[1], block); /* another block */
    assert_true(decrypts_hiding(f, key, 1, block, second, &second_len));
    assert_true(first_len != second_len || memcmp(first, second, first_len) != 0);
    assert_int_equal(decrypts_hiding(f, key, 2, block, second, &second_len), face_hides_by_default());
    ERR_clear_error();
    assert_false(decrypts_hiding(f, key, 0, block, second, &second_len));
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), DEVID_E_DATA);
    ERR_clear_error();
    EVP_PKEY_free(key);
    EVP_PKEY_free(again);
    face_forget_commands(f);
}

static void software_keys_decrypt_in_software(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(f->ctx, NULL, "RSA", (size_t)2048);
    unsigned char block[256];

    assert_non_null(key);
    for (size_t i = 0; i < sizeof paddings / sizeof paddings[0]; i++) {
        size_t len = encrypt(f, key, &paddings[i], block);

        assert_true(decrypts(f, key, &paddings[i], block, len));
    }
    EVP_PKEY_free(key);
    assert_commands(f, "");
}

/* A server that only has RSA key exchange to offer: the premaster secret is decrypted by the TPM. */
static void tls_with_rsa_key_exchange(void **state)
{
    struct face *f = *state;
    SSL_CTX *server = face_server_of(f, &f->ids.rsa), *client = face_client(f, &f->ids.ldevid, TLS1_2_VERSION);

    assert_int_equal(SSL_CTX_set_cipher_list(client, "AES128-GCM-SHA256"), 1);
    face_forget_commands(f);
    assert_true(tls_handshake(client, server));
    assert_int_equal(face_commands(f, "RSA_Decrypt"), 1);
    face_forget_commands(f);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

/* RFC 5246, 7.4.7.1: a block that holds no premaster secret looks like one that does. */
static void a_wrong_premaster_secret_is_not_told_of(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.rsa);
    unsigned char block[256], out[2][48];
    unsigned version = TLS1_2_VERSION;
    OSSL_PARAM params[] = {OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &version), OSSL_PARAM_END};
    size_t len = encrypt(f, key, &paddings[0], block);

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);
        size_t out_len = sizeof out[i];

        assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_WITH_TLS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
        assert_int_equal(EVP_PKEY_decrypt(ctx, out[i], &out_len, block, len), 1);
        assert_int_equal(out_len, 48);
        EVP_PKEY_CTX_free(ctx);
    }
    assert_memory_not_equal(out[0], out[1], 48);
    EVP_PKEY_free(key);
    face_forget_commands(f);
}

static size_t derive(struct face *f, EVP_PKEY *key, EVP_PKEY *peer, const char *md, unsigned char out[64])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);
    size_t len = 0;

    assert_non_null(ctx);
    if (EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1)
        goto out;
    if (md != NULL) {
        unsigned char *ukm = OPENSSL_memdup("salt", 4);

        assert_int_equal(EVP_PKEY_CTX_set_ecdh_kdf_type(ctx, EVP_PKEY_ECDH_KDF_X9_63), 1);
        assert_int_equal(EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_get_digestbyname(md)), 1);
        assert_int_equal(EVP_PKEY_CTX_set_ecdh_kdf_outlen(ctx, 48), 1);
        assert_int_equal(EVP_PKEY_CTX_set0_ecdh_kdf_ukm(ctx, ukm, 4), 1);
    }
    assert_int_equal(EVP_PKEY_derive(ctx, NULL, &len), 1);
    assert_int_equal(len, md == NULL ? 32 : 48);
    if (EVP_PKEY_derive(ctx, out, &len) != 1)
        len = 0;
out:
    EVP_PKEY_CTX_free(ctx);
    return len;
}

static void both_sides_derive_the_same_secret(void **state)
{
    static const char *const digests[] = {NULL, "SHA256", "SHA384"};
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.wrapped), *peer = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256");
    unsigned char ours[64], theirs[64];

    face_forget_commands(f);
    for (size_t i = 0; i < 3; i++) {
        size_t len = derive(f, key, peer, digests[i], ours);

        assert_commands(f, "Load ECDH_ZGen FlushContext");
        assert_int_not_equal(len, 0);
        /* the other side has our certificate */
        assert_int_equal(derive(f, peer, X509_get0_pubkey(f->ids.wrapped.cert), digests[i], theirs), len);
        assert_memory_equal(ours, theirs, len);
        assert_commands(f, "");
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(peer);
}

static void a_key_that_only_signs_says_so(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid), *peer = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256");
    unsigned char out[64];

    face_forget_commands(f);
    ERR_clear_error();
    assert_int_equal(derive(f, key, peer, NULL, out), 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), DEVID_E_KEY);
    assert_int_equal(face_commands(f, "ECDH_ZGen"), 0);
    ERR_clear_error();
    EVP_PKEY_free(key);
    EVP_PKEY_free(peer);
    face_forget_commands(f);
}

static void a_peer_on_another_curve_is_told_of(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.wrapped), *peer = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-384");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);

    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_true(EVP_PKEY_derive_set_peer(ctx, peer) <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), DEVID_E_KEY);
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    EVP_PKEY_free(peer);
    assert_commands(f, "");
}

/* openssl cms -encrypt to the certificate, -decrypt with the key: key transport and key agreement. */
static void cms_is_decrypted(void **state)
{
    struct face *f = *state;
    struct sample *samples[] = {&f->ids.rsa, &f->ids.wrapped};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = face_key(f, samples[i]);
        BIO *in = BIO_new_mem_buf(text, TEXT_LEN), *out = BIO_new(BIO_s_mem());
        STACK_OF(X509) *to = sk_X509_new_null();
        CMS_ContentInfo *cms;
        char *data = NULL;

        assert_true(sk_X509_push(to, samples[i]->cert) > 0);
        cms = CMS_encrypt_ex(to, in, EVP_aes_128_cbc(), CMS_BINARY, f->ctx, NULL);
        assert_non_null(cms);
        assert_int_equal(CMS_decrypt(cms, key, samples[i]->cert, NULL, out, CMS_BINARY), 1);
        assert_int_equal(BIO_get_mem_data(out, &data), TEXT_LEN);
        assert_memory_equal(data, text, TEXT_LEN);
        CMS_ContentInfo_free(cms);
        sk_X509_free(to);
        BIO_free(in);
        BIO_free(out);
        EVP_PKEY_free(key);
    }
    assert_in_range(face_commands(f, "RSA_Decrypt"), 1, face_hides_by_default() ? 2 : 1); /* releases differ about CMS */
    assert_int_equal(face_commands(f, "ECDH_ZGen"), 1);
    face_forget_commands(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(each_padding_costs_one_command),
        FACE_TEST(another_padding_is_refused),
        FACE_TEST(a_wrong_padding_can_be_hidden),
        FACE_TEST(software_keys_decrypt_in_software),
        FACE_TEST(tls_with_rsa_key_exchange),
        FACE_TEST(a_wrong_premaster_secret_is_not_told_of),
        FACE_TEST(both_sides_derive_the_same_secret),
        FACE_TEST(a_key_that_only_signs_says_so),
        FACE_TEST(a_peer_on_another_curve_is_told_of),
        FACE_TEST(cms_is_decrypted),
    };

    return FACE_RUN(tests);
}
