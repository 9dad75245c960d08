/* SPDX-License-Identifier: BSD-2-Clause */
/* Signature checks in software: FIPS 186-5 (ECDSA), RFC 8017 (RSA). Declared in hash.h. */
#include <limits.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/libctx.h"
#include "core/pss.h"

static devid_rc fail_wrong(struct devid_error *err)
{
    return devid_fail(err, DEVID_E_DATA, "the signature is wrong: other data, another key, or damaged");
}

static devid_rc verify_by(EVP_PKEY_CTX *ctx, struct devid_slice sig, struct devid_slice digest,
                          struct devid_error *err)
{
    if (EVP_PKEY_verify(ctx, sig.data, sig.len, digest.data, digest.len) != 1)
        return fail_wrong(err);
    return DEVID_OK;
}

/* r || s to DER, as OpenSSL wants it; the caller frees it with OPENSSL_free. */
static int ecdsa_der(struct devid_slice sig, unsigned char **out)
{
    size_t half = sig.len / 2;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(sig.data, (int)half, NULL);
    BIGNUM *s = BN_bin2bn(sig.data + half, (int)half, NULL);
    int len = -1;

    *out = NULL;
    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* pair's now */
        len = i2d_ECDSA_SIG(pair, out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return len;
}

devid_rc devid_ecdsa_der(struct devid_slice sig, struct devid_bytes *out, struct devid_error *err)
{
    unsigned char *der;
    int len = ecdsa_der(sig, &der);
    devid_rc rc = len > 0 ? devid_bytes_copy((struct devid_slice){der, (size_t)len}, out, err)
                          : devid_fail(err, DEVID_E_MEM, "out of memory");

    OPENSSL_free(der);
    return rc;
}

static devid_rc verify_ecdsa(EVP_PKEY *key, EVP_PKEY_CTX *ctx, struct devid_slice digest, struct devid_slice sig,
                             struct devid_error *err)
{
    size_t coordinate = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
    unsigned char *der;
    devid_rc rc;
    int len;

    if (sig.len != 2 * coordinate)
        return devid_fail(err, DEVID_E_DATA, "the signature has %zu bytes, and the key makes %zu", sig.len,
                          2 * coordinate);
    len = ecdsa_der(sig, &der);
    if (len <= 0)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    if (EVP_PKEY_verify_init(ctx) == 1)
        rc = verify_by(ctx, (struct devid_slice){der, (size_t)len}, digest, err);
    else
        rc = devid_fail(err, DEVID_E_MEM, "ECDSA cannot be started: out of memory");
    OPENSSL_free(der);
    return rc;
}

/* PKCS#1 with a hash, or PSS. By functions: where an engine has taken over such keys, parameters are lost. */
static devid_rc verify_rsa(EVP_PKEY_CTX *ctx, const struct devid_scheme *scheme, struct devid_slice digest,
                           struct devid_slice sig, struct devid_error *err)
{
    bool is_pss = scheme->padding == DEVID_PSS;
    const EVP_MD *md = devid_libctx_md(scheme->hash);
    const EVP_MD *mgf = scheme->mgf != DEVID_HASH_NONE ? devid_libctx_md(scheme->mgf) : md;

    if (scheme->salt_len > INT_MAX)
        return fail_wrong(err);
    if (md == NULL || mgf == NULL || EVP_PKEY_verify_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, is_pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(ctx, md) != 1 ||
        (is_pss && (EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf) != 1 || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)scheme->salt_len) != 1)))
        return devid_fail(err, DEVID_E_KEY, "this RSA key cannot check signatures with %s", devid_hash_name(scheme->hash));
    return verify_by(ctx, sig, digest, err);
}

/* The public operation on sig gives this very block: nothing is parsed, so nothing can be parsed wrongly. */
static devid_rc verify_block(EVP_PKEY_CTX *ctx, struct devid_slice sig, const unsigned char *block,
                             unsigned char *room, struct devid_error *err)
{
    size_t len = sig.len;

    if (EVP_PKEY_encrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1)
        return devid_fail(err, DEVID_E_KEY, "this RSA key cannot check signatures");
    if (EVP_PKEY_encrypt(ctx, room, &len, sig.data, sig.len) != 1 || len != sig.len || memcmp(room, block, len) != 0)
        return fail_wrong(err);
    return DEVID_OK;
}

static devid_rc verify_bare(EVP_PKEY_CTX *ctx, const struct devid_scheme *scheme, struct devid_slice digest,
                            struct devid_slice sig, struct devid_error *err)
{
    unsigned char *block = malloc(2 * sig.len);
    devid_rc rc;

    if (block == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    if (scheme->padding == DEVID_RAW ? digest.len == sig.len : devid_type1_encode(digest, sig.len, block, NULL) == DEVID_OK) {
        if (scheme->padding == DEVID_RAW)
            memcpy(block, digest.data, sig.len);
        rc = verify_block(ctx, sig, block, block + sig.len, err);
    } else {
        rc = devid_fail(err, DEVID_E_DATA, "%zu bytes do not fit a signature of %zu", digest.len, sig.len);
    }
    free(block);
    return rc;
}

static devid_rc verify_with(EVP_PKEY *key, EVP_PKEY_CTX *ctx, const struct devid_scheme *scheme,
                            struct devid_slice digest, struct devid_slice sig, struct devid_error *err)
{
    bool is_ec = EVP_PKEY_is_a(key, "EC");
    size_t len;

    if (is_ec != (scheme->padding == DEVID_ECDSA))
        return devid_fail(err, DEVID_E_KEY, is_ec ? "an EC key makes ECDSA signatures only"
                                                  : "an RSA key makes no ECDSA signatures");
    if (scheme->padding == DEVID_PSS && scheme->hash == DEVID_HASH_NONE)
        return devid_fail(err, DEVID_E_ARG, "PSS needs a hash");
    if (scheme->padding != DEVID_RAW && scheme->hash != DEVID_HASH_NONE && digest.len != devid_hash_len(scheme->hash))
        return devid_fail(err, DEVID_E_DATA, "the digest has %zu bytes, and %s makes %zu", digest.len,
                          devid_hash_name(scheme->hash), devid_hash_len(scheme->hash));
    if (is_ec)
        return verify_ecdsa(key, ctx, digest, sig, err);

    len = (size_t)EVP_PKEY_get_size(key);
    if (sig.len != len)
        return devid_fail(err, DEVID_E_DATA, "the signature has %zu bytes, and the key makes %zu", sig.len, len);
    if (scheme->padding == DEVID_RAW || scheme->hash == DEVID_HASH_NONE)
        return verify_bare(ctx, scheme, digest, sig, err);
    return verify_rsa(ctx, scheme, digest, sig, err);
}

devid_rc devid_verify(struct devid_slice spki, const struct devid_scheme *scheme, struct devid_slice digest,
                      struct devid_slice sig, struct devid_error *err)
{
    EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *key = NULL;
    devid_rc rc = devid_libctx_pkey(spki, &key, err);

    if (rc != DEVID_OK)
        return rc;
    (void)ERR_set_mark();
    ctx = EVP_PKEY_CTX_new_from_pkey(devid_libctx(), key, NULL);
    if (ctx != NULL)
        rc = verify_with(key, ctx, scheme, digest, sig, err);
    else
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    (void)ERR_pop_to_mark();
    return rc;
}
