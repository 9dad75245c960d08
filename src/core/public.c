/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Public keys: a TPM's public area or a SubjectPublicKeyInfo in, one form out. RFC 5480, RFC 8017,
 * TPM 2.0 Library, Part 2, section 12.2.
 *
 * The SubjectPublicKeyInfo of a TPM's key is put together here and not by EVP_PKEY_fromdata, which
 * fails in a process where an engine has taken over EC keys, and costs more than all of this file.
 */
#include "core/public.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/alg.h"
#include "core/curve.h"
#include "core/der.h"
#include "core/libctx.h"
#include "core/quiet.h"

#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 16384
#define F4 65537

static bool is_zero(struct devid_slice number)
{
    unsigned char all = 0;

    for (size_t i = 0; i < number.len; i++)
        all |= number.data[i];
    return all == 0;
}

/* SEQUENCE { SEQUENCE { oid, parameters }, BIT STRING key } */
static devid_rc spki_put(struct devid_slice oid, unsigned parameters_tag, struct devid_slice parameters,
                         struct devid_slice key, struct devid_bytes *out, struct devid_error *err)
{
    static const unsigned char no_unused_bits[1];
    struct devid_bytes spki = {0}, bits = {0};
    devid_rc rc = devid_der_put(&spki, DEVID_DER_OID, oid, err);

    if (rc == DEVID_OK)
        rc = devid_der_put(&spki, parameters_tag, parameters, err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(&spki, DEVID_DER_SEQUENCE, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(&bits, (struct devid_slice){no_unused_bits, 1}, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(&bits, key, err);
    if (rc == DEVID_OK)
        rc = devid_der_put(&spki, DEVID_DER_BIT_STRING, devid_slice_of(bits), err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(&spki, DEVID_DER_SEQUENCE, err);
    devid_bytes_free(&bits);
    if (rc == DEVID_OK)
        *out = spki;
    else
        devid_bytes_free(&spki);
    return rc;
}

/* point: 0x04 || X || Y of the curve's size */
static devid_rc set_ec(const struct devid_curve *curve, struct devid_slice point, struct devid_public *out,
                       struct devid_error *err)
{
    static const unsigned char oid[] = {DEVID_DER_OID_EC};
    devid_rc rc = devid_bytes_copy(point, &out->point, err);

    out->alg = DEVID_EC;
    out->bits = curve->bits;
    if (rc == DEVID_OK)
        rc = spki_put((struct devid_slice){oid, sizeof oid}, DEVID_DER_OID,
                      (struct devid_slice){curve->oid, curve->oid_len}, point, &out->spki, err);
    return rc;
}

static devid_rc set_rsa(struct devid_slice modulus, uint32_t exponent, struct devid_public *out,
                        struct devid_error *err)
{
    static const unsigned char oid[] = {DEVID_DER_OID_RSA};
    const unsigned char e[] = {(unsigned char)(exponent >> 24), (unsigned char)(exponent >> 16),
                               (unsigned char)(exponent >> 8), (unsigned char)exponent};
    struct devid_bytes key = {0};
    devid_rc rc = devid_bytes_copy(modulus, &out->modulus, err);

    out->alg = DEVID_RSA;
    out->bits = (unsigned)modulus.len * 8;
    out->exponent = exponent;
    if (rc == DEVID_OK)
        rc = devid_der_put_unsigned(&key, modulus, err);
    if (rc == DEVID_OK)
        rc = devid_der_put_unsigned(&key, (struct devid_slice){e, sizeof e}, err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(&key, DEVID_DER_SEQUENCE, err);
    if (rc == DEVID_OK)
        rc = spki_put((struct devid_slice){oid, sizeof oid}, DEVID_DER_NULL, (struct devid_slice){0},
                      devid_slice_of(key), &out->spki, err);
    devid_bytes_free(&key);
    return rc;
}

/* A TPM may leave out leading zeros, or pad to more than the curve's size. */
static bool put_coordinate(const TPM2B_ECC_PARAMETER *in, unsigned char *out, size_t size)
{
    size_t skip = in->size > size ? in->size - size : 0, len = in->size - skip;

    if (!is_zero((struct devid_slice){in->buffer, skip}))
        return false;
    memcpy(out + size - len, in->buffer + skip, len);
    return true;
}

static devid_rc from_ecc(const TPMT_PUBLIC *in, struct devid_public *out, struct devid_error *err)
{
    const struct devid_curve *curve = devid_curve_of_tpm(in->parameters.eccDetail.curveID);
    const TPM2B_ECC_PARAMETER *x = &in->unique.ecc.x, *y = &in->unique.ecc.y;
    unsigned char point[1 + 2 * DEVID_COORDINATE_MAX] = {0x04};

    if (curve == NULL)
        return devid_fail(err, DEVID_E_KEY, "EC curve 0x%04x of the TPM is not P-256, P-384 or P-521",
                          in->parameters.eccDetail.curveID);
    if (is_zero((struct devid_slice){x->buffer, x->size}) && is_zero((struct devid_slice){y->buffer, y->size}))
        return devid_fail(err, DEVID_E_DATA, "the public area is a template: it has no public key in it");
    if (!put_coordinate(x, point + 1, curve->coordinate) ||
        !put_coordinate(y, point + 1 + curve->coordinate, curve->coordinate))
        return devid_fail(err, DEVID_E_DATA, "the public area's point is longer than its curve");
    return set_ec(curve, (struct devid_slice){point, 1 + 2 * curve->coordinate}, out, err);
}

static devid_rc from_rsa(const TPMT_PUBLIC *in, struct devid_public *out, struct devid_error *err)
{
    const TPMS_RSA_PARMS *parms = &in->parameters.rsaDetail;
    struct devid_slice modulus = {in->unique.rsa.buffer, in->unique.rsa.size};

    if (is_zero(modulus))
        return devid_fail(err, DEVID_E_DATA, "the public area is a template: it has no public key in it");
    if (parms->keyBits < RSA_BITS_MIN || parms->keyBits % 8 != 0 || modulus.len != parms->keyBits / 8U ||
        (modulus.data[0] & 0x80) == 0)
        return devid_fail(err, DEVID_E_DATA, "the public area's RSA modulus has %zu bytes, and its size says %u bits",
                          modulus.len, (unsigned)parms->keyBits);
    return set_rsa(modulus, parms->exponent == 0 ? F4 : parms->exponent, out, err);
}

/* The scheme that is built into the key. In one that we have no word for, it cannot sign for us. */
static void set_scheme(const TPMT_PUBLIC *in, struct devid_public *out)
{
    TPMI_ALG_ASYM_SCHEME scheme;
    TPMI_ALG_HASH hash;

    if (in->type == TPM2_ALG_ECC) {
        scheme = in->parameters.eccDetail.scheme.scheme;
        hash = in->parameters.eccDetail.scheme.details.ecdsa.hashAlg; /* every scheme begins with it */
    } else {
        scheme = in->parameters.rsaDetail.scheme.scheme;
        hash = in->parameters.rsaDetail.scheme.details.rsassa.hashAlg;
    }
    if (scheme == TPM2_ALG_NULL)
        return;
    out->has_scheme = true;
    if (in->type == TPM2_ALG_ECC && scheme == TPM2_ALG_ECDSA)
        out->padding = DEVID_ECDSA;
    else if (in->type == TPM2_ALG_RSA && scheme == TPM2_ALG_RSASSA)
        out->padding = DEVID_PKCS1;
    else if (in->type == TPM2_ALG_RSA && scheme == TPM2_ALG_RSAPSS)
        out->padding = DEVID_PSS;
    else
        out->can_sign = false;
    out->has_rsaes = in->type == TPM2_ALG_RSA && scheme == TPM2_ALG_RSAES;
    if (in->type == TPM2_ALG_RSA && scheme == TPM2_ALG_OAEP)
        out->oaep = devid_hash_of_alg(hash);
    if (out->can_sign)
        out->hash = devid_hash_of_alg(hash);
    if (out->hash == DEVID_HASH_NONE)
        out->can_sign = false;
}

static void set_attributes(const TPMT_PUBLIC *in, struct devid_public *out)
{
    const TPMA_OBJECT fixed = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN;

    out->can_sign = (in->objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT) != 0;
    out->can_decrypt = (in->objectAttributes & TPMA_OBJECT_DECRYPT) != 0;
    out->is_noda = (in->objectAttributes & TPMA_OBJECT_NODA) != 0;
    out->is_restricted = (in->objectAttributes & TPMA_OBJECT_RESTRICTED) != 0;
    out->is_fixed = (in->objectAttributes & fixed) == fixed;
    set_scheme(in, out);
}

devid_rc devid_public_from_area(struct devid_slice area, struct devid_public *out, struct devid_error *err)
{
    TPM2B_PUBLIC in = {0};
    struct devid_public made = {0};
    size_t used = 0;
    devid_rc rc;

    devid_quiet_tss();
    if (area.len < 2 || area.len > sizeof in || ((size_t)area.data[0] << 8 | area.data[1]) != area.len - 2 ||
        Tss2_MU_TPM2B_PUBLIC_Unmarshal(area.data, area.len, &used, &in) != TSS2_RC_SUCCESS || used != area.len)
        return devid_fail(err, DEVID_E_DATA, "the TPM public area of %zu bytes is malformed", area.len);

    switch (in.publicArea.type) {
    case TPM2_ALG_ECC:
        rc = from_ecc(&in.publicArea, &made, err);
        break;
    case TPM2_ALG_RSA:
        rc = from_rsa(&in.publicArea, &made, err);
        break;
    default:
        rc = devid_fail(err, DEVID_E_KEY, "TPM object of type 0x%04x is neither an EC nor an RSA key",
                        in.publicArea.type);
    }
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(area, &made.area, err);
    if (rc == DEVID_OK) {
        set_attributes(&in.publicArea, &made);
        *out = made;
    } else {
        devid_public_free(&made);
    }
    return rc;
}

static devid_rc from_ec_key(const EVP_PKEY *key, struct devid_public *out, struct devid_error *err)
{
    unsigned char x[DEVID_COORDINATE_MAX], y[DEVID_COORDINATE_MAX], point[1 + 2 * DEVID_COORDINATE_MAX] = {0x04};
    const struct devid_curve *curve = devid_curve_of_bits((unsigned)EVP_PKEY_get_bits(key));
    BIGNUM *bx = NULL, *by = NULL;
    char group[64] = "";
    size_t len = 0;
    devid_rc rc;

    if (curve == NULL || EVP_PKEY_get_group_name(key, group, sizeof group, &len) != 1 ||
        strcmp(group, curve->openssl) != 0)
        return devid_fail(err, DEVID_E_KEY, "EC curve %s is not P-256, P-384 or P-521", group);
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &bx) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &by) != 1 ||
        BN_bn2binpad(bx, x, (int)curve->coordinate) < 0 || BN_bn2binpad(by, y, (int)curve->coordinate) < 0) {
        rc = devid_fail(err, DEVID_E_DATA, "the public key's point cannot be read");
        goto out;
    }
    memcpy(point + 1, x, curve->coordinate);
    memcpy(point + 1 + curve->coordinate, y, curve->coordinate);
    rc = set_ec(curve, (struct devid_slice){point, 1 + 2 * curve->coordinate}, out, err);
out:
    BN_free(bx);
    BN_free(by);
    return rc;
}

static devid_rc from_rsa_key(const EVP_PKEY *key, struct devid_public *out, struct devid_error *err)
{
    unsigned char modulus[RSA_BITS_MAX / 8];
    BIGNUM *n = NULL, *e = NULL;
    devid_rc rc;
    int bits;

    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1) {
        rc = devid_fail(err, DEVID_E_DATA, "the public key's modulus cannot be read");
        goto out;
    }
    bits = BN_num_bits(n);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || bits % 8 != 0 || BN_num_bits(e) > 32) {
        rc = devid_fail(err, DEVID_E_KEY, "an RSA key of %d bits, with an exponent of %d, is not supported", bits,
                        BN_num_bits(e));
        goto out;
    }
    (void)BN_bn2binpad(n, modulus, bits / 8);
    rc = set_rsa((struct devid_slice){modulus, (size_t)bits / 8}, (uint32_t)BN_get_word(e), out, err);
out:
    BN_free(n);
    BN_free(e);
    return rc;
}

devid_rc devid_public_from_point(unsigned bits, struct devid_slice point, struct devid_public *out,
                                 struct devid_error *err)
{
    const struct devid_curve *curve = devid_curve_of_bits(bits);
    struct devid_public made = {0};
    devid_rc rc;

    if (curve == NULL)
        return devid_fail(err, DEVID_E_KEY, "an EC key of %u bits is not supported", bits);
    if (point.len != 1 + 2 * curve->coordinate || point.data[0] != 0x04)
        return devid_fail(err, DEVID_E_DATA, "%zu bytes are no point of %s", point.len, curve->text);
    rc = set_ec(curve, point, &made, err);
    if (rc == DEVID_OK) /* OpenSSL looks whether it is on the curve */
        rc = devid_public_from_spki(devid_slice_of(made.spki), out, err);
    devid_public_free(&made);
    return rc;
}

devid_rc devid_public_from_modulus(struct devid_slice modulus, struct devid_slice exponent, struct devid_public *out,
                                   struct devid_error *err)
{
    struct devid_public made = {0};
    uint32_t e = 0;
    devid_rc rc;

    for (; modulus.len != 0 && modulus.data[0] == 0; modulus.len--)
        modulus.data++;
    for (; exponent.len != 0 && exponent.data[0] == 0; exponent.len--)
        exponent.data++;
    for (size_t i = 0; i < exponent.len && exponent.len <= 4; i++)
        e = e << 8 | exponent.data[i];
    if (e < 3 || e % 2 == 0 || modulus.len == 0 || modulus.data[modulus.len - 1] % 2 == 0)
        return devid_fail(err, DEVID_E_DATA, "no RSA key has such a modulus and exponent");
    if (modulus.len > RSA_BITS_MAX / 8 || modulus.len < RSA_BITS_MIN / 8 || (modulus.data[0] & 0x80) == 0)
        return devid_fail(err, DEVID_E_KEY, "an RSA modulus of %zu bytes is not supported", modulus.len);
    rc = set_rsa(modulus, e, &made, err);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_public_free(&made);
    return rc;
}

devid_rc devid_public_from_spki(struct devid_slice spki, struct devid_public *out, struct devid_error *err)
{
    struct devid_public made = {0};
    EVP_PKEY *key = NULL;
    devid_rc rc = devid_libctx_pkey(spki, &key, err);

    if (rc != DEVID_OK)
        return rc;
    (void)ERR_set_mark();
    rc = EVP_PKEY_is_a(key, "EC") ? from_ec_key(key, &made, err) : from_rsa_key(key, &made, err);
    (void)ERR_pop_to_mark();
    EVP_PKEY_free(key);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_public_free(&made);
    return rc;
}

size_t devid_public_sig_len(const struct devid_public *p)
{
    const struct devid_curve *curve = p->alg == DEVID_EC ? devid_curve_of_bits(p->bits) : NULL;

    return curve != NULL ? 2 * curve->coordinate : p->modulus.len;
}

const char *devid_public_name(const struct devid_public *p)
{
    static const struct {
        unsigned bits;
        const char *text;
    } rsa[] = {{1024, "RSA 1024"}, {2048, "RSA 2048"}, {3072, "RSA 3072"}, {4096, "RSA 4096"}};
    const struct devid_curve *curve = p->alg == DEVID_EC ? devid_curve_of_bits(p->bits) : NULL;

    if (p->alg == DEVID_EC)
        return curve != NULL ? curve->text : "EC";
    for (size_t i = 0; i < sizeof rsa / sizeof rsa[0]; i++)
        if (rsa[i].bits == p->bits)
            return rsa[i].text;
    return "RSA";
}
