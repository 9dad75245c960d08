/* SPDX-License-Identifier: BSD-2-Clause */
/* Contexts as programs treat them: copied in each state, used for one thing after another, and again after a refusal. */
#include "tpm/provider_face.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

static const unsigned char text[] = "to be signed, or kept to oneself";

struct digest {
    unsigned char bytes[32];
};

static struct digest digest_of_text(void)
{
    struct digest d;

    assert_int_equal(EVP_Digest(text, sizeof text, d.bytes, NULL, EVP_sha256(), NULL), 1);
    return d;
}

static EVP_PKEY_CTX *context(struct face *f, EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(f->ctx, key, NULL);

    assert_non_null(ctx);
    return ctx;
}

/* Takes the copy. Verified with the key itself, which is software's work. */
static void assert_copy_signs(struct face *f, EVP_PKEY_CTX *first, bool is_pss)
{
    EVP_PKEY_CTX *copy = EVP_PKEY_CTX_dup(first), *check = context(f, EVP_PKEY_CTX_get0_pkey(first));
    struct digest d = digest_of_text();
    unsigned char sig[512];
    size_t len = sizeof sig;

    assert_non_null(copy);
    assert_int_equal(EVP_PKEY_sign(copy, sig, &len, d.bytes, sizeof d.bytes), 1);
    assert_int_equal(EVP_PKEY_verify_init(check), 1);
    if (is_pss)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(check, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(check, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_verify(check, sig, len, d.bytes, sizeof d.bytes), 1);
    EVP_PKEY_CTX_free(copy);
    EVP_PKEY_CTX_free(check);
}

static void assert_signing_is_copied(struct face *f, EVP_PKEY *key)
{
    EVP_PKEY_CTX *fresh = context(f, key), *ctx = EVP_PKEY_CTX_dup(fresh);
    bool is_rsa = EVP_PKEY_is_a(key, "RSA");

    assert_non_null(ctx);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
    assert_copy_signs(f, ctx, false);
    if (is_rsa)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_copy_signs(f, ctx, is_rsa);
    assert_copy_signs(f, ctx, is_rsa); /* the first is as it was */
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_CTX_free(fresh);
}

static void a_signature_is_copied_in_each_state(void **state)
{
    struct face *f = *state;
    EVP_PKEY *keys[] = {face_key(f, &f->ids.ldevid), face_key(f, &f->ids.rsa), EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256"),
                        EVP_PKEY_Q_keygen(f->ctx, NULL, "RSA", (size_t)2048)};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_signing_is_copied(f, keys[i]);
        assert_int_equal(face_commands(f, NULL), i < 2 ? 3 : 0);
        face_forget_commands(f);
        EVP_PKEY_free(keys[i]);
    }
}

/* EVP_DigestSign: before a word, in the middle, and after the end, where it goes on. */
static void a_hash_is_copied_in_each_state(void **state)
{
    static const size_t ends[] = {0, 16, sizeof text};
    struct face *f = *state;
    EVP_PKEY *keys[] = {face_key(f, &f->ids.ldevid), face_key(f, &f->ids.rsa), EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256")};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", f->ctx, NULL, keys[i], NULL), 1);
        for (size_t j = 0, at = 0; j < sizeof ends / sizeof ends[0]; j++) {
            EVP_MD_CTX *copy = EVP_MD_CTX_new(), *check = EVP_MD_CTX_new();
            unsigned char sig[512];
            size_t len = sizeof sig;

            assert_int_equal(EVP_DigestSignUpdate(ctx, text + at, ends[j] - at), 1);
            at = ends[j];
            assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
            assert_int_equal(EVP_DigestSignUpdate(copy, text + at, sizeof text - at), 1);
            assert_int_equal(EVP_DigestSignFinal(copy, sig, &len), 1);
            assert_int_equal(EVP_DigestVerifyInit_ex(check, NULL, "SHA256", f->ctx, NULL, keys[i], NULL), 1);
            assert_int_equal(EVP_DigestVerify(check, sig, len, text, sizeof text), 1);
            EVP_MD_CTX_free(copy);
            EVP_MD_CTX_free(check);
        }
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(keys[i]);
    }
    face_forget_commands(f);
}

static void assert_copy_decrypts(EVP_PKEY_CTX *first, const unsigned char *block, size_t block_len)
{
    EVP_PKEY_CTX *copy = EVP_PKEY_CTX_dup(first);
    unsigned char seen[512];
    size_t len = sizeof seen;

    assert_non_null(copy);
    assert_int_equal(EVP_PKEY_decrypt(copy, seen, &len, block, block_len), 1);
    assert_int_equal(len, sizeof text);
    assert_memory_equal(seen, text, sizeof text);
    EVP_PKEY_CTX_free(copy);
}

static void a_decryption_is_copied_in_each_state(void **state)
{
    struct face *f = *state;
    EVP_PKEY *keys[] = {face_key(f, &f->ids.rsa), EVP_PKEY_Q_keygen(f->ctx, NULL, "RSA", (size_t)2048)};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        EVP_PKEY_CTX *give = context(f, keys[i]), *take = context(f, keys[i]);
        unsigned char block[512];
        size_t len = sizeof block;

        assert_int_equal(EVP_PKEY_encrypt_init(give), 1);
        assert_int_equal(EVP_PKEY_encrypt(give, block, &len, text, sizeof text), 1);
        assert_int_equal(EVP_PKEY_decrypt_init(take), 1);
        assert_copy_decrypts(take, block, len);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(give, RSA_PKCS1_OAEP_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(give, EVP_sha384()), 1);
        len = sizeof block;
        assert_int_equal(EVP_PKEY_encrypt(give, block, &len, text, sizeof text), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(take, RSA_PKCS1_OAEP_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(take, EVP_sha384()), 1);
        assert_copy_decrypts(take, block, len);
        assert_int_equal(face_commands(f, NULL), i == 0 ? 2 + face_hides_by_default() : 0);
        face_forget_commands(f);
        EVP_PKEY_CTX_free(give);
        EVP_PKEY_CTX_free(take);
        EVP_PKEY_free(keys[i]);
    }
}

static size_t secret_of(EVP_PKEY_CTX *ctx, EVP_PKEY *peer, unsigned char secret[64])
{
    size_t len = 64;

    assert_non_null(ctx);
    if (peer != NULL)
        assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, secret, &len), 1);
    EVP_PKEY_CTX_free(ctx);
    return len;
}

static void an_agreement_is_copied_in_each_state(void **state)
{
    struct face *f = *state;
    EVP_PKEY *keys[] = {face_key(f, &f->ids.wrapped), EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256")};
    EVP_PKEY *peer = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256");

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        EVP_PKEY_CTX *ctx = context(f, keys[i]), *early, *late;
        unsigned char secrets[3][64];

        assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
        early = EVP_PKEY_CTX_dup(ctx);
        assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
        late = EVP_PKEY_CTX_dup(ctx);
        assert_int_equal(secret_of(ctx, NULL, secrets[0]), 32);
        assert_int_equal(secret_of(late, NULL, secrets[1]), 32);
        assert_int_equal(secret_of(early, peer, secrets[2]), 32);
        assert_memory_equal(secrets[0], secrets[1], 32);
        assert_memory_equal(secrets[0], secrets[2], 32);
        EVP_PKEY_free(keys[i]);
    }
    EVP_PKEY_free(peer);
    assert_commands(f, "Load ECDH_ZGen FlushContext Load ECDH_ZGen FlushContext Load ECDH_ZGen FlushContext");
}

/* What went before leaves nothing: a padding, a digest, a refusal. */
static void a_context_serves_one_use_after_another(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.rsa);
    EVP_PKEY_CTX *ctx = context(f, key);
    struct digest d = digest_of_text();
    unsigned char sig[256], seen[256];
    size_t len, seen_len;

    for (int round = 0; round < 2; round++) {
        len = sizeof sig;
        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
        assert_int_equal(EVP_PKEY_sign(ctx, sig, &len, d.bytes, sizeof d.bytes), 1);
        assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
        assert_int_equal(EVP_PKEY_verify(ctx, sig, len, d.bytes, sizeof d.bytes), 1);
        assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) <= 0);
        ERR_clear_error();
        assert_int_equal(EVP_PKEY_verify_recover_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
        seen_len = sizeof seen;
        assert_int_equal(EVP_PKEY_verify_recover(ctx, seen, &seen_len, sig, len), 1);
        assert_int_equal(seen_len, sizeof d.bytes);
        assert_memory_equal(seen, d.bytes, sizeof d.bytes);
        assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
        len = sizeof sig;
        assert_int_equal(EVP_PKEY_encrypt(ctx, sig, &len, text, sizeof text), 1);
        assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
        assert_copy_decrypts(ctx, sig, len);
        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1); /* and the next begins anew */
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, -99) <= 0);
        ERR_clear_error();
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    assert_int_equal(face_commands(f, NULL), 4 + face_hides_by_default());
    face_forget_commands(f);
}

static void nothing_is_signed_as_well(void **state)
{
    struct face *f = *state;
    EVP_PKEY *keys[] = {face_key(f, &f->ids.ldevid), face_key(f, &f->ids.rsa)};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *check = EVP_MD_CTX_new();
        unsigned char sig[256];
        size_t len = sizeof sig;

        assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, NULL, f->ctx, NULL, keys[i], NULL), 1);
        assert_int_equal(EVP_DigestSign(ctx, sig, &len, NULL, 0), 1);
        assert_int_equal(EVP_DigestVerifyInit_ex(check, NULL, "SHA256", f->ctx, NULL, keys[i], NULL), 1);
        assert_int_equal(EVP_DigestVerify(check, sig, len, NULL, 0), 1);
        EVP_MD_CTX_free(ctx);
        EVP_MD_CTX_free(check);
        EVP_PKEY_free(keys[i]);
    }
    assert_int_equal(face_commands(f, NULL), 2);
    face_forget_commands(f);
}

/* A program looks at it when libssl has failed for another reason. */
static void errno_stays_what_it_was(void **state)
{
    struct face *f = *state;
    EVP_PKEY *peer = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256"), *ec, *rsa;
    EVP_PKEY_CTX *give, *take, *agree;
    unsigned char block[512], secret[64];
    size_t len = sizeof block;

    errno = EXDEV; /* which nobody sets */
    ec = face_key(f, &f->ids.wrapped);
    rsa = face_key(f, &f->ids.rsa);
    assert_int_equal(errno, EXDEV);
    assert_true(face_signs(f, ec) && face_signs(f, rsa));
    assert_int_equal(errno, EXDEV);
    give = context(f, rsa);
    take = context(f, rsa);
    assert_int_equal(EVP_PKEY_encrypt_init(give), 1);
    assert_int_equal(EVP_PKEY_encrypt(give, block, &len, text, sizeof text), 1);
    assert_int_equal(EVP_PKEY_decrypt_init(take), 1);
    assert_copy_decrypts(take, block, len);
    assert_int_equal(errno, EXDEV);
    agree = context(f, ec);
    assert_int_equal(EVP_PKEY_derive_init(agree), 1);
    assert_int_equal(secret_of(agree, peer, secret), 32);
    assert_int_equal(errno, EXDEV);
    face_forget_commands(f);
    EVP_PKEY_CTX_free(give);
    EVP_PKEY_CTX_free(take);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(a_signature_is_copied_in_each_state),
        FACE_TEST(a_hash_is_copied_in_each_state),
        FACE_TEST(a_decryption_is_copied_in_each_state),
        FACE_TEST(an_agreement_is_copied_in_each_state),
        FACE_TEST(a_context_serves_one_use_after_another),
        FACE_TEST(nothing_is_signed_as_well),
        FACE_TEST(errno_stays_what_it_was),
    };

    return FACE_RUN(tests);
}
