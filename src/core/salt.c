/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. All of it is libcrypto's; what is ours is the order of the bytes. */
#include "core/salt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <tss2/tss2_mu.h>

#include "core/cipher.h"
#include "core/libctx.h"
#include "core/object.h"
#include "core/pss.h"

/* What is wrong then is memory: all inputs are ours. */
static devid_rc fail(struct devid_error *err, const char *what)
{
    return devid_fail(err, DEVID_E_MEM, "%s cannot be computed: out of memory", what);
}

devid_rc devid_kdfa(struct devid_slice key, const char *label, struct devid_slice u, struct devid_slice v,
                    unsigned char *out, size_t len, struct devid_error *err)
{
    struct devid_bytes context = {0};
    OSSL_PARAM params[7];
    devid_rc rc;

    rc = devid_bytes_copy(u, &context, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(&context, v, err);
    params[0] = devid_libctx_text(OSSL_KDF_PARAM_MODE, "counter");
    params[1] = devid_libctx_text(OSSL_KDF_PARAM_MAC, "HMAC");
    params[2] = devid_libctx_text(OSSL_KDF_PARAM_DIGEST, "SHA256");
    params[3] = devid_libctx_bytes(OSSL_KDF_PARAM_KEY, key);
    params[4] = devid_libctx_bytes(OSSL_KDF_PARAM_SALT, devid_slice_text(label)); /* the method puts the NUL behind it */
    params[5] = devid_libctx_bytes(OSSL_KDF_PARAM_INFO, devid_slice_of(context));
    params[6] = OSSL_PARAM_construct_end();
    if (rc == DEVID_OK)
        rc = devid_libctx_derive(OSSL_KDF_NAME_KBKDF, params, out, len, err);
    devid_bytes_free(&context);
    return rc;
}

devid_rc devid_pbkdf2(struct devid_slice password, struct devid_slice salt, unsigned rounds, unsigned char *out, size_t len,
                      struct devid_error *err)
{
    OSSL_PARAM params[5];

    params[0] = devid_libctx_text(OSSL_KDF_PARAM_DIGEST, "SHA256");
    params[1] = devid_libctx_bytes(OSSL_KDF_PARAM_PASSWORD, password);
    params[2] = devid_libctx_bytes(OSSL_KDF_PARAM_SALT, salt);
    params[3] = OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &rounds);
    params[4] = OSSL_PARAM_construct_end();
    return devid_libctx_derive(OSSL_KDF_NAME_PBKDF2, params, out, len, err);
}

devid_rc devid_hmac(struct devid_slice key, const struct devid_slice *parts, size_t n, unsigned char *mac,
                    struct devid_error *err)
{
    OSSL_PARAM params[2] = {devid_libctx_text(OSSL_MAC_PARAM_DIGEST, "SHA256"), OSSL_PARAM_construct_end()};
    size_t len = 0;
    EVP_MAC *method;
    EVP_MAC_CTX *ctx;
    bool is_good;

    (void)ERR_set_mark();
    method = EVP_MAC_fetch(devid_libctx(), "HMAC", NULL);
    ctx = EVP_MAC_CTX_new(method);
    is_good = ctx != NULL && EVP_MAC_init(ctx, key.data, key.len, params) == 1;
    for (size_t i = 0; is_good && i < n; i++)
        is_good = parts[i].len == 0 || EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1;
    is_good = is_good && EVP_MAC_final(ctx, mac, &len, devid_hash_len(DEVID_SHA256)) == 1;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(method);
    (void)ERR_pop_to_mark();
    return is_good ? DEVID_OK : fail(err, "HMAC");
}

devid_rc devid_cfb(const unsigned char key[16], const unsigned char iv[16], unsigned char *data, size_t len,
                   struct devid_error *err)
{
    EVP_CIPHER_CTX *ctx;
    EVP_CIPHER *cipher;
    int done = 0;
    bool is_good;

    (void)ERR_set_mark();
    cipher = EVP_CIPHER_fetch(devid_libctx(), "AES-128-CFB", NULL);
    ctx = EVP_CIPHER_CTX_new();
    is_good = ctx != NULL && EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) == 1 &&
              EVP_EncryptUpdate(ctx, data, &done, data, (int)len) == 1 && (size_t)done == len;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    (void)ERR_pop_to_mark();
    return is_good ? DEVID_OK : fail(err, "AES-CFB");
}

static const char secret_label[] = "SECRET"; /* with its NUL */

/* A random secret, encrypted by OAEP. */
static devid_rc salt_rsa(const struct devid_public *pub, enum devid_hash hash, TPM2B_ENCRYPTED_SECRET *sent, TPM2B_DIGEST *salt,
                         struct devid_error *err)
{
    const struct devid_cipher oaep = {.padding = DEVID_CIPHER_OAEP, .hash = hash, /* MGF1's is the same */
                                      .label = {(const unsigned char *)secret_label, sizeof secret_label}};

    salt->size = (uint16_t)devid_hash_len(hash);
    sent->size = (uint16_t)pub->modulus.len;
    if (pub->modulus.len > sizeof sent->secret || !devid_entropy(salt->buffer, salt->size))
        return fail(err, "a session's salt");
    return devid_encrypt(devid_slice_of(pub->spki), &oaep, (struct devid_slice){salt->buffer, salt->size}, sent->secret, err);
}

/*
 * A key of one use on the same curve; Z is the x coordinate of the shared point. By points and numbers: an EC_KEY, which EVP makes, would be
 * an engine's wherever one has taken them over, in this context too.
 */
static bool agree(const struct devid_public *pub, size_t size, unsigned char *point, unsigned char *z)
{
    int curve = pub->bits == 256 ? NID_X9_62_prime256v1 : pub->bits == 384 ? NID_secp384r1 : NID_secp521r1;
    EC_GROUP *group = EC_GROUP_new_by_curve_name_ex(devid_libctx(), NULL, curve);
    BN_CTX *ctx = BN_CTX_secure_new_ex(devid_libctx());
    BIGNUM *secret = BN_secure_new(), *x = BN_secure_new();
    EC_POINT *theirs = NULL, *ours = NULL, *shared = NULL;
    bool is_good = group != NULL && ctx != NULL && secret != NULL && x != NULL;

    if (is_good) {
        theirs = EC_POINT_new(group);
        ours = EC_POINT_new(group);
        shared = EC_POINT_new(group);
        BN_set_flags(secret, BN_FLG_CONSTTIME);
    }
    is_good = is_good && theirs != NULL && ours != NULL && shared != NULL &&
              EC_POINT_oct2point(group, theirs, pub->point.data, pub->point.len, ctx) == 1;
    while (is_good && BN_is_zero(secret))
        is_good = BN_priv_rand_range_ex(secret, EC_GROUP_get0_order(group), 0, ctx) == 1;
    is_good = is_good && EC_POINT_mul(group, ours, secret, NULL, NULL, ctx) == 1 &&
              EC_POINT_mul(group, shared, NULL, theirs, secret, ctx) == 1 &&
              EC_POINT_point2oct(group, ours, POINT_CONVERSION_UNCOMPRESSED, point, 2 * size + 1, ctx) == 2 * size + 1 &&
              EC_POINT_get_affine_coordinates(group, shared, x, NULL, ctx) == 1 && BN_bn2binpad(x, z, (int)size) == (int)size;
    EC_POINT_clear_free(shared);
    EC_POINT_free(ours);
    EC_POINT_free(theirs);
    BN_clear_free(secret);
    BN_clear_free(x);
    BN_CTX_free(ctx);
    EC_GROUP_free(group);
    return is_good;
}

/* KDFe(nameAlg, Z, "SECRET", x of ours, x of the key's), which is the single-step KDF of SP 800-56C. */
static devid_rc salt_ecc(const struct devid_public *pub, enum devid_hash hash, TPM2B_ENCRYPTED_SECRET *sent,
                         TPM2B_DIGEST *salt, struct devid_error *err)
{
    size_t size = (pub->bits + 7U) / 8U, n = 0;
    unsigned char point[2 * TPM2_MAX_ECC_KEY_BYTES + 1], z[TPM2_MAX_ECC_KEY_BYTES];
    unsigned char info[sizeof secret_label + 2 * TPM2_MAX_ECC_KEY_BYTES];
    TPMS_ECC_POINT ours = {0};
    OSSL_PARAM params[4];
    devid_rc rc;

    if (size > TPM2_MAX_ECC_KEY_BYTES || pub->point.len != 2 * size + 1 || !agree(pub, size, point, z))
        return fail(err, "a session's salt");
    ours.x.size = ours.y.size = (uint16_t)size;
    memcpy(ours.x.buffer, point + 1, size);
    memcpy(ours.y.buffer, point + 1 + size, size);
    memcpy(info, secret_label, sizeof secret_label);
    memcpy(info + sizeof secret_label, point + 1, size);
    memcpy(info + sizeof secret_label + size, pub->point.data + 1, size);
    params[0] = devid_libctx_text(OSSL_KDF_PARAM_DIGEST, devid_hash_name(hash));
    params[1] = devid_libctx_bytes(OSSL_KDF_PARAM_KEY, (struct devid_slice){z, size});
    params[2] = devid_libctx_bytes(OSSL_KDF_PARAM_INFO, (struct devid_slice){info, sizeof secret_label + 2 * size});
    params[3] = OSSL_PARAM_construct_end();
    salt->size = (uint16_t)devid_hash_len(hash);
    rc = devid_libctx_derive(OSSL_KDF_NAME_SSKDF, params, salt->buffer, salt->size, err);
    OPENSSL_cleanse(z, sizeof z);
    if (rc == DEVID_OK && Tss2_MU_TPMS_ECC_POINT_Marshal(&ours, sent->secret, sizeof sent->secret, &n) != TSS2_RC_SUCCESS)
        rc = fail(err, "a session's salt");
    sent->size = (uint16_t)n;
    return rc;
}

devid_rc devid_salt_make(const struct devid_public *pub, TPM2B_ENCRYPTED_SECRET *sent, TPM2B_DIGEST *salt,
                         struct devid_error *err)
{
    enum devid_hash hash = devid_object_name_hash(devid_slice_of(pub->area));
    devid_rc rc;

    if (hash == DEVID_HASH_NONE)
        return devid_fail(err, DEVID_E_KEY, "the storage root key is named by an unknown hash");
    if (pub->alg == DEVID_RSA)
        return salt_rsa(pub, hash, sent, salt, err);
    (void)ERR_set_mark();
    rc = salt_ecc(pub, hash, sent, salt, err);
    (void)ERR_pop_to_mark();
    return rc;
}
