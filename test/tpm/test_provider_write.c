/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing keys: what comes out can be opened again, or nothing comes out. */
#include "tpm/provider_face.h"

#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

static EVP_PKEY *read_pem(struct face *f, BIO *in)
{
    return PEM_read_bio_PrivateKey_ex(in, NULL, NULL, (char *)(uintptr_t)"open sesame", f->ctx, NULL);
}

static bool holds(BIO *bio, const char *text)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    return len > 0 && memmem(data, (size_t)len, text, strlen(text)) != NULL;
}

/* openssl pkey -in ref.pem -out copy.pem */
static void a_reference_is_written_as_a_reference(void **state)
{
    struct face *f = *state;
    struct sample *samples[] = {&f->ids.ldevid, &f->ids.rsa, &f->ids.wrapped};

    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *key = face_key(f, samples[i]), *again;
        BIO *out = BIO_new(BIO_s_mem());

        assert_non_null(key);
        face_forget_commands(f);
        assert_int_equal(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
        assert_true(holds(out, "-----BEGIN DEVID KEY REFERENCE-----"));
        again = read_pem(f, out);
        assert_non_null(again);
        assert_int_equal(EVP_PKEY_eq(key, again), 1);
        assert_commands(f, "");
        assert_true(face_signs(f, again));
        EVP_PKEY_free(again);
        EVP_PKEY_free(key);
        BIO_free(out);
    }
    face_forget_commands(f);
}

static void a_wrapped_key_is_written_as_it_was_read(void **state)
{
    struct face *f = *state;
    BIO *in = BIO_new_mem_buf(f->ids.wrapped.tss2_pem, -1), *out = BIO_new(BIO_s_mem());
    EVP_PKEY *key = read_pem(f, in);
    char *data = NULL;

    assert_non_null(key);
    assert_int_equal(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(BIO_get_mem_data(out, &data), strlen(f->ids.wrapped.tss2_pem));
    assert_memory_equal(data, f->ids.wrapped.tss2_pem, strlen(f->ids.wrapped.tss2_pem));
    assert_commands(f, "");
    EVP_PKEY_free(key);
    BIO_free(in);
    BIO_free(out);
}

static void der_is_read_back(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid), *again;
    unsigned char *der = NULL;
    const unsigned char *at;
    int len = i2d_PrivateKey(key, &der);

    assert_true(len > 0);
    at = der;
    again = d2i_AutoPrivateKey_ex(NULL, &at, len, f->ctx, NULL);
    assert_non_null(again);
    assert_int_equal(EVP_PKEY_eq(key, again), 1);
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    face_forget_commands(f);
}

/* A file with no secret, asked to be encrypted: to write it in clear would surprise, to write nothing too. */
static void a_cipher_is_refused_with_the_reason(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid);
    BIO *out = BIO_new(BIO_s_mem());
    char *pass = (char *)(uintptr_t)"open sesame", *data = NULL, line[300];

    ERR_clear_error();
    assert_int_equal(PEM_write_bio_PrivateKey(out, key, EVP_aes_128_cbc(), NULL, 0, NULL, pass), 0);
    assert_int_equal(BIO_get_mem_data(out, &data), 0);
    ERR_error_string_n(ERR_peek_error(), line, sizeof line);
    assert_non_null(strstr(line, "devid"));
    ERR_clear_error();
    EVP_PKEY_free(key);
    BIO_free(out);
    face_forget_commands(f);
}

static void the_text_says_where_the_key_is(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid);
    BIO *out = BIO_new(BIO_s_mem());

    assert_int_equal(EVP_PKEY_print_private(out, key, 0, NULL), 1);
    assert_true(holds(out, "Private-Key in the TPM: pkcs11:"));
    assert_true(holds(out, "NIST CURVE: P-256"));
    EVP_PKEY_free(key);
    BIO_free(out);
    face_forget_commands(f);
}

static void a_public_half_is_written_by_the_default_provider(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.rsa), *again;
    BIO *out = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PUBKEY(out, key), 1);
    assert_true(holds(out, "-----BEGIN PUBLIC KEY-----"));
    again = PEM_read_bio_PUBKEY_ex(out, NULL, NULL, NULL, f->ctx, NULL);
    assert_int_equal(EVP_PKEY_eq(key, again), 1);
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    BIO_free(out);
    face_forget_commands(f);
}

/* Listed first we are asked to write any program's own keys, in clear and under a passphrase. */
static void software_keys_are_written_as_without_us(void **state)
{
    static const char *const types[] = {"EC", "RSA"};
    char *pass = (char *)(uintptr_t)"open sesame";
    struct face *f = *state;

    for (size_t i = 0; i < 4; i++) {
        bool is_encrypted = i >= 2;
        EVP_PKEY *again, *key = i % 2 == 0 ? EVP_PKEY_Q_keygen(f->ctx, NULL, types[0], "P-256")
                                           : EVP_PKEY_Q_keygen(f->ctx, NULL, types[1], (size_t)2048);
        BIO *out = BIO_new(BIO_s_mem());

        assert_non_null(key);
        assert_int_equal(PEM_write_bio_PrivateKey(out, key, is_encrypted ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL, pass), 1);
        assert_true(holds(out, is_encrypted ? "-----BEGIN ENCRYPTED PRIVATE KEY-----" : "-----BEGIN PRIVATE KEY-----"));
        again = read_pem(f, out);
        assert_non_null(again);
        assert_int_equal(EVP_PKEY_eq(key, again), 1);
        EVP_PKEY_free(again);
        EVP_PKEY_free(key);
        BIO_free(out);
    }
    assert_commands(f, "");
}

/* A software key of the type, with restrictions: made of numbers by us, copied, compared, and taken apart again. */
static void a_pss_key_of_software_keeps_its_restrictions(void **state)
{
    struct face *f = *state;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(f->ctx, "RSA-PSS", f->order == DEFAULT_FIRST ? "provider=default" : NULL);
    EVP_PKEY *made = NULL, *ours = NULL, *copy;
    OSSL_PARAM *params = NULL;
    unsigned char *expected = NULL, *found = NULL;
    int len;

    assert_true(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(ctx, "SHA384", NULL) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(ctx, "SHA384") == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, 24) == 1 && EVP_PKEY_generate(ctx, &made) == 1);
    assert_int_equal(EVP_PKEY_todata(made, EVP_PKEY_KEYPAIR, &params), 1);
    EVP_PKEY_CTX_free(ctx);
    ctx = EVP_PKEY_CTX_new_from_name(f->ctx, "RSA-PSS", "provider=devid");
    assert_true(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &ours, EVP_PKEY_KEYPAIR, params) == 1);
    copy = EVP_PKEY_dup(ours);
    assert_non_null(copy);
    assert_true(EVP_PKEY_is_a(ours, "RSA-PSS") && EVP_PKEY_is_a(copy, "RSA-PSS"));
    assert_true(EVP_PKEY_eq(ours, copy) == 1 && EVP_PKEY_eq(made, ours) == 1 && EVP_PKEY_eq(ours, made) == 1);
    len = i2d_PrivateKey(made, &expected);
    assert_true(len > 0);
    assert_int_equal(i2d_PrivateKey(copy, &found), len);
    assert_memory_equal(found, expected, (size_t)len); /* the AlgorithmIdentifier with the restrictions is in it */
    assert_false(face_signs(f, copy));         /* by SHA-256 */
    ERR_clear_error();
    assert_commands(f, "");
    OPENSSL_free(expected);
    OPENSSL_free(found);
    OSSL_PARAM_free(params);
    EVP_PKEY_free(copy);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(made);
    EVP_PKEY_CTX_free(ctx);
}

static bool sets_form(EVP_PKEY *key, const char *form)
{
    return EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form) == 1;
}

static int public_len(EVP_PKEY *key)
{
    return i2d_PUBKEY(key, NULL);
}

/* A copy has the private half of the key that it was made of, also when that is freed; and the form of its public half is its own. */
static void a_copy_is_written_in_a_form_of_its_own(void **state)
{
    struct face *f = *state;
    struct sample *samples[] = {&f->ids.ldevid, &f->ids.wrapped};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = face_key(f, samples[i]), *copy = EVP_PKEY_dup(key), *third;
        int len = public_len(key);

        assert_true(len > 0 && copy != NULL && sets_form(copy, "compressed"));
        assert_int_equal(public_len(copy), len - 32);
        assert_int_equal(public_len(key), len);
        assert_true(sets_form(key, "hybrid") && sets_form(key, "uncompressed"));
        assert_int_equal(public_len(copy), len - 32);
        assert_int_equal(EVP_PKEY_eq(key, copy), 1);
        third = EVP_PKEY_dup(copy);
        EVP_PKEY_free(key);
        EVP_PKEY_free(copy);
        assert_int_equal(public_len(third), len - 32);
        assert_true(face_signs(f, third));
        assert_commands(f, i == 0 ? "Sign" : "Load Sign FlushContext");
        EVP_PKEY_free(third);
    }
}

static void a_key_of_the_tpm_is_not_changed(void **state)
{
    static const unsigned char point[65] = {4};
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid), *rsa = face_key(f, &f->ids.rsa);
    const char *data = "";

    assert_int_not_equal(EVP_PKEY_set1_encoded_public_key(key, point, sizeof point), 1);
    assert_int_not_equal(ERR_get_error_all(NULL, NULL, NULL, &data, NULL), 0);
    assert_non_null(strstr(data, "a key of the TPM cannot be changed"));
    assert_int_not_equal(EVP_PKEY_set_int_param(rsa, OSSL_PKEY_PARAM_RSA_BITS, 1024), 1);
    ERR_clear_error();
    assert_false(sets_form(key, "round"));
    ERR_clear_error();
    assert_true(face_signs(f, key));
    assert_commands(f, "Sign");
    EVP_PKEY_free(key);
    EVP_PKEY_free(rsa);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(a_reference_is_written_as_a_reference),
        FACE_TEST(a_wrapped_key_is_written_as_it_was_read),
        FACE_TEST(der_is_read_back),
        FACE_TEST(a_cipher_is_refused_with_the_reason),
        FACE_TEST(the_text_says_where_the_key_is),
        FACE_TEST(a_public_half_is_written_by_the_default_provider),
        FACE_TEST(software_keys_are_written_as_without_us),
        FACE_TEST(a_pss_key_of_software_keeps_its_restrictions),
        FACE_TEST(a_copy_is_written_in_a_form_of_its_own),
        FACE_TEST(a_key_of_the_tpm_is_not_changed),
    };

    return FACE_RUN(tests);
}
