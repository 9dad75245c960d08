/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#11 2.40, 5.14, C_GenerateKeyPair; mechanisms, 2.1.2, 2.3.3. */
#include "pkcs11/pair.h"

#define F4 65537

static const struct {
    unsigned bits;
    unsigned char params[10];
    size_t len;
} curves[] = { /* OBJECT IDENTIFIER: SEC 2 */
    {256, {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 10},
    {384, {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}, 7},
    {521, {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}, 7},
};

#define N_CURVES (sizeof curves / sizeof curves[0])

struct devid_slice curve_params(unsigned bits)
{
    for (size_t i = 0; i < N_CURVES; i++)
        if (curves[i].bits == bits)
            return (struct devid_slice){curves[i].params, curves[i].len};
    return (struct devid_slice){0};
}

CK_RV curve_take(struct devid_slice params, unsigned *bits)
{
    for (size_t i = 0; i < N_CURVES; i++)
        if (devid_slice_eq(params, (struct devid_slice){curves[i].params, curves[i].len})) {
            *bits = curves[i].bits;
            return CKR_OK;
        }
    /* an OBJECT IDENTIFIER, a PrintableString (3.0) or explicit parameters, whole: a curve, but none of ours */
    if (params.len > 2 && devid_der_len(params) == params.len &&
        (params.data[0] == 0x06 || params.data[0] == 0x13 || params.data[0] == 0x30))
        return CKR_CURVE_NOT_SUPPORTED;
    return CKR_DOMAIN_PARAMS_INVALID;
}

struct devid_slice point_take(struct devid_slice in, size_t len)
{
    size_t header = len > 127 ? 3 : 2;

    if (in.len == len + header && in.data[0] == 0x04 && devid_der_len(in) == in.len)
        return (struct devid_slice){in.data + header, len};
    return in;
}

/* A TPM makes keys with the exponent 65537 and no other. */
static bool is_f4(struct devid_slice exponent)
{
    unsigned long e = 0;

    for (size_t i = 0; i < exponent.len; i++) {
        if (e > F4)
            return false;
        e = e << 8 | exponent.data[i];
    }
    return e == F4;
}

static CK_RV take_type(enum devid_alg alg, const struct template *public, unsigned *bits)
{
    CK_ULONG modulus = template_ulong(public, CKA_MODULUS_BITS, 0);
    bool has_bits = template_find(public, CKA_MODULUS_BITS) != NULL;
    bool has_exponent = template_find(public, CKA_PUBLIC_EXPONENT) != NULL;
    bool has_params = template_find(public, CKA_EC_PARAMS) != NULL;

    if (alg == DEVID_EC) {
        if (has_bits || has_exponent)
            return CKR_TEMPLATE_INCONSISTENT;
        return has_params ? curve_take(template_bytes(public, CKA_EC_PARAMS), bits) : CKR_TEMPLATE_INCOMPLETE;
    }
    if (has_params)
        return CKR_TEMPLATE_INCONSISTENT;
    if (!has_bits)
        return CKR_TEMPLATE_INCOMPLETE;
    if (has_exponent && !is_f4(template_bytes(public, CKA_PUBLIC_EXPONENT)))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (modulus != 2048 && modulus != 3072 && modulus != 4096)
        return CKR_KEY_SIZE_RANGE;
    *bits = (unsigned)modulus;
    return CKR_OK;
}

/* A use, and how a template names it. */
struct use {
    CK_ATTRIBUTE_TYPE type;
    enum devid_usage usage;
};

/* Who names a use wants that; who names none wants all. Returns enum devid_usage. */
static unsigned uses_wanted(const struct template *t, const struct use *uses, size_t n)
{
    unsigned wanted = 0;
    bool has_named = false;

    for (size_t i = 0; i < n; i++)
        has_named = has_named || template_bool(t, uses[i].type, false);
    for (size_t i = 0; i < n; i++)
        if (template_bool(t, uses[i].type, !has_named))
            wanted |= (unsigned)uses[i].usage;
    return wanted;
}

/*
 * The chip is held to what was said of the private half. An RSA key that was not forbidden to decrypt may do so there, for
 * raw blocks and PSS need it, and is shown as one that does not.
 */
static CK_RV take_uses(enum devid_alg alg, const struct template *public, const struct template *private,
                       struct pair_wanted *out)
{
    static const struct use of_rsa[] = {{CKA_SIGN, DEVID_FOR_SIGN}, {CKA_DECRYPT, DEVID_FOR_DECRYPT}};
    static const struct use of_ec[] = {{CKA_SIGN, DEVID_FOR_SIGN}, {CKA_DERIVE, DEVID_FOR_DERIVE}};
    static const struct use of_public[] = {{CKA_VERIFY, DEVID_FOR_VERIFY}, {CKA_ENCRYPT, DEVID_FOR_ENCRYPT}};
    bool is_ec = alg == DEVID_EC;
    unsigned wanted = uses_wanted(private, is_ec ? of_ec : of_rsa, 2);

    out->key.signs = (wanted & DEVID_FOR_SIGN) != 0;
    if (is_ec)
        out->key.decrypts = (wanted & DEVID_FOR_DERIVE) != 0;
    else
        out->key.decrypts = template_bool(private, CKA_DECRYPT, true);
    if (wanted == 0)
        return CKR_TEMPLATE_INCONSISTENT;
    wanted |= uses_wanted(public, of_public, is_ec ? 1 : 2);
    out->not_for = ~wanted & (DEVID_FOR_SIGN | DEVID_FOR_VERIFY | (is_ec ? DEVID_FOR_DERIVE : DEVID_FOR_DECRYPT | DEVID_FOR_ENCRYPT));
    return CKR_OK;
}

/* What every key has. */
static CK_RV take_half(CK_OBJECT_CLASS class, CK_KEY_TYPE type, const struct template *t, struct half_wanted *out)
{
    if (template_ulong(t, CKA_CLASS, class) != class || template_ulong(t, CKA_KEY_TYPE, type) != type)
        return CKR_TEMPLATE_INCONSISTENT;
    out->label = template_bytes(t, CKA_LABEL);
    out->id = template_bytes(t, CKA_ID);
    out->subject = template_bytes(t, CKA_SUBJECT);
    out->mechanisms = template_bytes(t, CKA_ALLOWED_MECHANISMS);
    out->flags = template_flags(t, class == CKO_PUBLIC_KEY ? 0 : DEVID_FLAG_PRIVATE);
    return CKR_OK;
}

static CK_RV take_place(const struct template *public, const struct template *private, struct pair_wanted *out)
{
    bool has_both = template_find(public, CKA_TOKEN) != NULL && template_find(private, CKA_TOKEN) != NULL;

    /* one file holds the pair: where one half is, there is the other */
    if (has_both && template_bool(public, CKA_TOKEN, false) != template_bool(private, CKA_TOKEN, false))
        return CKR_TEMPLATE_INCONSISTENT;
    out->is_token = template_bool(public, CKA_TOKEN, false) || template_bool(private, CKA_TOKEN, false);
    /* no key leaves the TPM */
    if (!template_bool(private, CKA_SENSITIVE, true) || template_bool(private, CKA_EXTRACTABLE, false))
        return CKR_TEMPLATE_INCONSISTENT;
    if ((out->private.flags & DEVID_FLAG_ASKS) != 0 && (out->private.flags & DEVID_FLAG_PRIVATE) == 0)
        return CKR_TEMPLATE_INCONSISTENT;
    return CKR_OK;
}

CK_RV pair_take(enum devid_alg alg, struct template public, struct template private, struct pair_wanted *out)
{
    struct pair_wanted wanted = {.key = {.alg = alg}};
    CK_KEY_TYPE type = alg == DEVID_EC ? CKK_EC : CKK_RSA;
    CK_RV rv = template_check(&public, TEMPLATE_PUBLIC);

    if (rv == CKR_OK)
        rv = template_check(&private, TEMPLATE_PRIVATE);
    if (rv == CKR_OK)
        rv = take_half(CKO_PUBLIC_KEY, type, &public, &wanted.public);
    if (rv == CKR_OK)
        rv = take_half(CKO_PRIVATE_KEY, type, &private, &wanted.private);
    if (rv == CKR_OK)
        rv = take_type(alg, &public, &wanted.key.bits);
    if (rv == CKR_OK)
        rv = take_place(&public, &private, &wanted);
    if (rv == CKR_OK)
        rv = take_uses(alg, &public, &private, &wanted);
    if (rv == CKR_OK)
        *out = wanted;
    return rv;
}

CK_RV secret_take(struct template t, struct secret_wanted *out)
{
    struct secret_wanted wanted = {0};
    CK_RV rv = template_check(&t, TEMPLATE_SECRET);

    if (rv != CKR_OK)
        return rv;
    wanted.type = template_ulong(&t, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    if (wanted.type != CKK_GENERIC_SECRET && wanted.type != CKK_AES)
        return CKR_TEMPLATE_INCONSISTENT;
    if (template_bool(&t, CKA_TOKEN, false)) /* the TPM keeps no secret keys for others */
        return CKR_TEMPLATE_INCONSISTENT;
    wanted.has_len = template_find(&t, CKA_VALUE_LEN) != NULL;
    wanted.len = template_ulong(&t, CKA_VALUE_LEN, 0);
    wanted.is_sensitive = template_bool(&t, CKA_SENSITIVE, false);
    wanted.is_extractable = template_bool(&t, CKA_EXTRACTABLE, true);
    rv = take_half(CKO_SECRET_KEY, wanted.type, &t, &wanted.half);
    wanted.half.flags |= DEVID_FLAG_FIXED | DEVID_FLAG_UNCOPYABLE; /* it is used up, not kept */
    if (rv == CKR_OK)
        *out = wanted;
    return rv;
}
