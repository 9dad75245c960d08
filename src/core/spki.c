/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One RSA key under several names: rsaEncryption, RSAES-OAEP, RSASSA-PSS (RFC 4055). Put together and compared here for the reason that
 * public.c gives.
 */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "core/der.h"
#include "core/libctx.h"
#include "core/public.h"

static const unsigned char rsa[] = {DEVID_DER_OID_RSA};
static const unsigned char oaep[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07};
static const unsigned char mgf1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08};
static const unsigned char pss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};

/* NIST's arc of hashes: 2.16.840.1.101.3.4.2.x; of SHA-1 it is none, RFC 4055's defaults are that. */
static const unsigned char last_of_hash[DEVID_HASH_END] = {
    [DEVID_SHA256] = 1,     [DEVID_SHA384] = 2,     [DEVID_SHA512] = 3,   [DEVID_SHA224] = 4,   [DEVID_SHA512_224] = 5,
    [DEVID_SHA512_256] = 6, [DEVID_SHA3_224] = 7,   [DEVID_SHA3_256] = 8, [DEVID_SHA3_384] = 9, [DEVID_SHA3_512] = 10,
};

/* Its algorithm's OID, and the BIT STRING with the key. */
static bool open(struct devid_slice spki, struct devid_slice *oid, struct devid_slice *key)
{
    struct devid_slice body, alg;

    return devid_der_enter(&spki, DEVID_DER_SEQUENCE, &body) && devid_der_enter(&body, DEVID_DER_SEQUENCE, &alg) &&
           devid_der_enter(&alg, DEVID_DER_OID, oid) && devid_der_enter(&body, DEVID_DER_BIT_STRING, key);
}

static bool is_one_of_rsa(struct devid_slice oid)
{
    return devid_slice_eq(oid, (struct devid_slice){rsa, sizeof rsa}) ||
           devid_slice_eq(oid, (struct devid_slice){oaep, sizeof oaep}) ||
           devid_slice_eq(oid, (struct devid_slice){pss, sizeof pss});
}

bool devid_spki_is_pss(struct devid_slice spki)
{
    struct devid_slice oid, key;

    return open(spki, &oid, &key) && devid_slice_eq(oid, (struct devid_slice){pss, sizeof pss});
}

bool devid_spki_same(struct devid_slice a, struct devid_slice b)
{
    struct devid_slice oid_a, oid_b, key_a, key_b;
    EVP_PKEY *left = NULL, *right = NULL;
    bool is_same = false;

    if (devid_slice_eq(a, b))
        return a.len != 0;
    if (!open(a, &oid_a, &key_a) || !open(b, &oid_b, &key_b))
        return false;
    if (is_one_of_rsa(oid_a))
        return is_one_of_rsa(oid_b) && devid_slice_eq(key_a, key_b);
    /* as a rule an EC key is in the one canonical form, too; else decode: a point may be compressed */
    (void)ERR_set_mark();
    if (devid_libctx_pkey(a, &left, NULL) == DEVID_OK && devid_libctx_pkey(b, &right, NULL) == DEVID_OK)
        is_same = EVP_PKEY_eq(left, right) == 1;
    (void)ERR_pop_to_mark();
    EVP_PKEY_free(left);
    EVP_PKEY_free(right);
    return is_same;
}

/* AlgorithmIdentifier of the hash. */
static devid_rc put_hash(struct devid_bytes *out, unsigned char last, struct devid_error *err)
{
    const unsigned char oid[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last};
    struct devid_bytes alg = {0};
    devid_rc rc = devid_der_put(&alg, DEVID_DER_OID, (struct devid_slice){oid, sizeof oid}, err);

    if (rc == DEVID_OK)
        rc = devid_der_put(&alg, DEVID_DER_NULL, (struct devid_slice){0}, err);
    if (rc == DEVID_OK)
        rc = devid_der_put(out, DEVID_DER_SEQUENCE, devid_slice_of(alg), err);
    devid_bytes_free(&alg);
    return rc;
}

/* [1] MaskGenAlgorithm: MGF1 with the same hash, as a TPM makes it. */
static devid_rc put_mgf1(struct devid_bytes *out, unsigned char last, struct devid_error *err)
{
    struct devid_bytes alg = {0};
    devid_rc rc = devid_der_put(&alg, DEVID_DER_OID, (struct devid_slice){mgf1, sizeof mgf1}, err);

    if (rc == DEVID_OK)
        rc = put_hash(&alg, last, err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(&alg, DEVID_DER_SEQUENCE, err);
    if (rc == DEVID_OK)
        rc = devid_der_put(out, DEVID_DER_CONTEXT_0 + 1, devid_slice_of(alg), err);
    devid_bytes_free(&alg);
    return rc;
}

/* RSASSA-PSS-params; what is SHA-1's is left out, as DER wants defaults to be. */
static devid_rc put_params(struct devid_bytes *out, enum devid_hash hash, struct devid_error *err)
{
    unsigned char last = last_of_hash[hash], salt_len = (unsigned char)devid_hash_len(hash);
    struct devid_bytes alg = {0}, params = {0};
    devid_rc rc = DEVID_OK;

    if (last != 0) {
        rc = put_hash(&alg, last, err);
        if (rc == DEVID_OK)
            rc = devid_der_put(&params, DEVID_DER_CONTEXT_0, devid_slice_of(alg), err);
        if (rc == DEVID_OK)
            rc = put_mgf1(&params, last, err);
        devid_bytes_free(&alg);
        if (rc == DEVID_OK)
            rc = devid_der_put_unsigned(&alg, (struct devid_slice){&salt_len, 1}, err);
        if (rc == DEVID_OK)
            rc = devid_der_put(&params, DEVID_DER_CONTEXT_0 + 2, devid_slice_of(alg), err);
    }
    if (rc == DEVID_OK)
        rc = devid_der_put(out, DEVID_DER_SEQUENCE, devid_slice_of(params), err);
    devid_bytes_free(&alg);
    devid_bytes_free(&params);
    return rc;
}

static devid_rc pss_of(const struct devid_public *pub, struct devid_bytes *out, struct devid_error *err)
{
    struct devid_slice oid, key;
    struct devid_bytes made = {0};
    devid_rc rc = DEVID_OK;

    if (!open(devid_slice_of(pub->spki), &oid, &key))
        rc = devid_fail(err, DEVID_E_DATA, "the public key (SubjectPublicKeyInfo) is malformed");
    if (rc == DEVID_OK)
        rc = devid_der_put(&made, DEVID_DER_OID, (struct devid_slice){pss, sizeof pss}, err);
    if (rc == DEVID_OK)
        rc = put_params(&made, pub->hash, err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(&made, DEVID_DER_SEQUENCE, err);
    if (rc == DEVID_OK)
        rc = devid_der_put(&made, DEVID_DER_BIT_STRING, key, err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(&made, DEVID_DER_SEQUENCE, err);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_bytes_free(&made);
    return rc;
}

devid_rc devid_public_as_certified(const struct devid_public *pub, struct devid_slice certified, struct devid_bytes *out,
                                   struct devid_error *err)
{
    bool signs_pss_alone = pub->alg == DEVID_RSA && pub->has_scheme && pub->padding == DEVID_PSS && pub->can_sign;

    if (devid_spki_is_pss(certified) && devid_spki_same(certified, devid_slice_of(pub->spki)))
        return devid_bytes_copy(certified, out, err);
    if (certified.len == 0 && signs_pss_alone && !pub->is_restricted)
        return pss_of(pub, out, err);
    return devid_bytes_copy(devid_slice_of(pub->spki), out, err);
}
