/* SPDX-License-Identifier: BSD-2-Clause */
/* Public keys in the library context of our own. Declared in libctx.h. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "core/curve.h"
#include "core/der.h"
#include "core/libctx.h"
#include "core/public.h"

/* Why OpenSSL would not have it: a sound key of another kind, or no key at all. */
static devid_rc fail_decode(struct devid_slice spki, struct devid_error *err)
{
    static const unsigned char ec[] = {DEVID_DER_OID_EC}, rsa[] = {DEVID_DER_OID_RSA};
    struct devid_slice all = spki, body, algorithm, oid;

    if (devid_der_enter(&all, DEVID_DER_SEQUENCE, &body) && all.len == 0 &&
        devid_der_enter(&body, DEVID_DER_SEQUENCE, &algorithm) && devid_der_enter(&algorithm, DEVID_DER_OID, &oid) &&
        !devid_slice_eq(oid, (struct devid_slice){ec, sizeof ec}) &&
        !devid_slice_eq(oid, (struct devid_slice){rsa, sizeof rsa}) && !devid_spki_is_pss(spki))
        return devid_fail(err, DEVID_E_KEY, "the public key is neither RSA nor EC");
    return devid_fail(err, DEVID_E_DATA, "the public key (SubjectPublicKeyInfo) is malformed");
}

/* Parameters that spell a curve out can be made to look like a named one: CVE-2020-0601. */
static bool is_usable(const EVP_PKEY *key)
{
    int is_explicit = 0;
    char group[64];
    size_t len = 0;

    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
        return true;
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof group, &len) != 1)
        return false;
    return EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
           !is_explicit;
}

/* DER's least number of bytes. */
static bool is_positive(struct devid_slice number)
{
    return number.len != 0 && (number.data[0] & 0x80) == 0 &&
           (number.data[0] != 0 || (number.len > 1 && (number.data[1] & 0x80) != 0));
}

static EVP_PKEY *from_data(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(devid_libctx(), type, NULL);
    EVP_PKEY *key = NULL;

    if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* RFC 5480: 0x04 || X || Y. libcrypto looks whether it is on the curve. */
static EVP_PKEY *from_point(struct devid_slice oid, struct devid_slice point)
{
    const struct devid_curve *curve = devid_curve_of_oid(oid);
    OSSL_PARAM params[3];

    if (curve == NULL || point.len != 1 + 2 * curve->coordinate || point.data[0] != 0x04)
        return NULL;
    params[0] = devid_libctx_text(OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl);
    params[1] = devid_libctx_bytes(OSSL_PKEY_PARAM_PUB_KEY, point);
    params[2] = OSSL_PARAM_construct_end();
    return from_data("EC", params);
}

/* RFC 8017, A.1.1: SEQUENCE of modulus and exponent. */
static EVP_PKEY *from_numbers(struct devid_slice numbers)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    struct devid_slice both, modulus, exponent;
    OSSL_PARAM *params = NULL;
    BIGNUM *n = NULL, *e = NULL;
    EVP_PKEY *key = NULL;

    if (devid_der_enter(&numbers, DEVID_DER_SEQUENCE, &both) && numbers.len == 0 &&
        devid_der_enter(&both, DEVID_DER_INTEGER, &modulus) && devid_der_enter(&both, DEVID_DER_INTEGER, &exponent) && both.len == 0 &&
        is_positive(modulus) && is_positive(exponent)) {
        n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
        e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
    }
    if (builder != NULL && n != NULL && e != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    if (params != NULL)
        key = from_data("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}

/*
 * As nearly every key is written: put together from its parts in a tenth of the time that libcrypto's decoders take, which any program
 * that signs once would wait for. NULL: it is written otherwise, or an engine has taken over such keys.
 */
static EVP_PKEY *take_apart(struct devid_slice spki)
{
    static const unsigned char ec[] = {DEVID_DER_OID_EC}, rsa[] = {DEVID_DER_OID_RSA};
    struct devid_slice body, algorithm, oid, bits, curve;

    if (!devid_der_enter(&spki, DEVID_DER_SEQUENCE, &body) || spki.len != 0 ||
        !devid_der_enter(&body, DEVID_DER_SEQUENCE, &algorithm) || !devid_der_enter(&algorithm, DEVID_DER_OID, &oid) ||
        !devid_der_enter(&body, DEVID_DER_BIT_STRING, &bits) || body.len != 0 || bits.len < 2 || bits.data[0] != 0)
        return NULL;
    bits.data++; /* how many bits of the last byte are unused */
    bits.len--;
    if (devid_slice_eq(oid, (struct devid_slice){ec, sizeof ec}) && devid_der_enter(&algorithm, DEVID_DER_OID, &curve) &&
        algorithm.len == 0)
        return from_point(curve, bits);
    if (devid_slice_eq(oid, (struct devid_slice){rsa, sizeof rsa}) && devid_der_enter(&algorithm, DEVID_DER_NULL, &curve) &&
        curve.len == 0 && algorithm.len == 0)
        return from_numbers(bits);
    return NULL;
}

/*
 * d2i_PUBKEY_ex asks the engines first, whatever the context: where one has taken over EC or RSA keys, as libp11's does, the key comes
 * back without a provider and nothing can be read of it. A decoder knows of no engines, but takes much longer to be put together.
 */
static EVP_PKEY *decode(struct devid_slice spki)
{
    const unsigned char *at = spki.data;
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &at, (long)spki.len, devid_libctx(), NULL);
    OSSL_DECODER_CTX *ctx;
    size_t left = spki.len;

    if (key != NULL && EVP_PKEY_get0_provider(key) == NULL) {
        EVP_PKEY_free(key);
        key = NULL;
        at = spki.data;
        ctx = OSSL_DECODER_CTX_new_for_pkey(&key, "DER", "SubjectPublicKeyInfo", NULL, EVP_PKEY_PUBLIC_KEY, devid_libctx(),
                                            NULL);
        if (ctx == NULL || OSSL_DECODER_from_data(ctx, &at, &left) != 1)
            at = NULL;
        OSSL_DECODER_CTX_free(ctx);
    }
    if (key != NULL && at == spki.data + spki.len)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

devid_rc devid_libctx_pkey(struct devid_slice spki, EVP_PKEY **out, struct devid_error *err)
{
    OSSL_LIB_CTX *ctx = devid_libctx();
    EVP_PKEY *key = NULL;
    devid_rc rc;

    if (ctx == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    if (spki.len == 0 || spki.len > DEVID_SPKI_MAX)
        return devid_fail(err, DEVID_E_DATA, "%zu bytes are no public key", spki.len);
    (void)ERR_set_mark();
    key = take_apart(spki);
    if (key == NULL)
        key = decode(spki);
    if (key == NULL)
        rc = fail_decode(spki, err);
    else if (!is_usable(key))
        rc = devid_fail(err, DEVID_E_KEY, "the public key is neither RSA nor EC on a named curve");
    else
        rc = DEVID_OK;
    (void)ERR_pop_to_mark();
    if (rc == DEVID_OK)
        *out = key;
    else
        EVP_PKEY_free(key);
    return rc;
}
