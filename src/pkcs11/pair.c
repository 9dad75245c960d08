/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PKCS#11 2.40, 4.4 to 4.9 and 5.14, C_GenerateKeyPair; mechanisms, 2.1.2, 2.3.3. What clients really send is tolerated where
 * it does no harm: Azure's key service and NSS want EC keys that encrypt and wrap, which no EC key does.
 */
#include "pkcs11/pair.h"

#include <string.h>

#include "pkcs11/module.h"

#define F4 65537

enum half { PUBLIC = 1, PRIVATE = 2, BOTH = 3, SECRET = 4, ALL = 7 };

enum shape { BOOL, ULONG, BYTES, TEXT, DATE, LIST, NEVER };

/* What is looked at again after it was checked. The others have no number. */
enum item {
    I_IGNORED, I_CLASS, I_KEY_TYPE, I_TOKEN, I_PRIVATE, I_LABEL, I_ID, I_MODIFIABLE, I_COPYABLE, I_DESTROYABLE,
    I_SENSITIVE, I_EXTRACTABLE, I_ASKS, I_TRUSTED, I_SIGN, I_VERIFY, I_DECRYPT, I_ENCRYPT, I_DERIVE, I_EC_PARAMS,
    I_MODULUS_BITS, I_EXPONENT, I_ALLOWED, I_VALUE_LEN, N_ITEMS
};

static const struct {
    CK_ATTRIBUTE_TYPE type;
    enum shape shape;
    unsigned halves; /* enum half */
    enum item item;
} rows[] = {
    {CKA_CLASS, ULONG, ALL, I_CLASS},
    {CKA_KEY_TYPE, ULONG, ALL, I_KEY_TYPE},
    {CKA_TOKEN, BOOL, ALL, I_TOKEN},
    {CKA_PRIVATE, BOOL, ALL, I_PRIVATE},
    {CKA_LABEL, TEXT, ALL, I_LABEL},
    {CKA_ID, BYTES, ALL, I_ID},
    {CKA_MODIFIABLE, BOOL, ALL, I_MODIFIABLE},
    {CKA_COPYABLE, BOOL, ALL, I_COPYABLE},
    {CKA_DESTROYABLE, BOOL, ALL, I_DESTROYABLE},
    {CKA_SUBJECT, BYTES, BOTH, I_IGNORED}, /* it is the certificate's, when there is one */
    {CKA_START_DATE, DATE, ALL, I_IGNORED},
    {CKA_END_DATE, DATE, ALL, I_IGNORED},
    {CKA_SENSITIVE, BOOL, PRIVATE | SECRET, I_SENSITIVE},
    {CKA_EXTRACTABLE, BOOL, PRIVATE | SECRET, I_EXTRACTABLE},
    {CKA_ALWAYS_AUTHENTICATE, BOOL, PRIVATE, I_ASKS},
    {CKA_WRAP_WITH_TRUSTED, BOOL, PRIVATE | SECRET, I_IGNORED}, /* it is wrapped with nothing at all */
    {CKA_TRUSTED, BOOL, PUBLIC | SECRET, I_TRUSTED},
    {CKA_ALLOWED_MECHANISMS, LIST, ALL, I_ALLOWED},
    /* uses, where NSS puts them: on either half */
    {CKA_SIGN, BOOL, ALL, I_SIGN},
    {CKA_VERIFY, BOOL, ALL, I_VERIFY},
    {CKA_DECRYPT, BOOL, ALL, I_DECRYPT},
    {CKA_ENCRYPT, BOOL, ALL, I_ENCRYPT},
    {CKA_DERIVE, BOOL, ALL, I_DERIVE},
    {CKA_WRAP, BOOL, ALL, I_IGNORED},
    {CKA_UNWRAP, BOOL, ALL, I_IGNORED},
    {CKA_SIGN_RECOVER, BOOL, BOTH, I_IGNORED},
    {CKA_VERIFY_RECOVER, BOOL, BOTH, I_IGNORED},
    {CKA_EC_PARAMS, BYTES, PUBLIC, I_EC_PARAMS},
    {CKA_MODULUS_BITS, ULONG, PUBLIC, I_MODULUS_BITS},
    {CKA_PUBLIC_EXPONENT, BYTES, PUBLIC, I_EXPONENT},
    {CKA_VALUE_LEN, ULONG, SECRET, I_VALUE_LEN},
    /* what the token alone can say */
    {CKA_CHECK_VALUE, NEVER, ALL, I_IGNORED},
    {CKA_LOCAL, NEVER, ALL, I_IGNORED},
    {CKA_KEY_GEN_MECHANISM, NEVER, ALL, I_IGNORED},
    {CKA_ALWAYS_SENSITIVE, NEVER, ALL, I_IGNORED},
    {CKA_NEVER_EXTRACTABLE, NEVER, ALL, I_IGNORED},
    {CKA_UNIQUE_ID, NEVER, ALL, I_IGNORED},
    {CKA_PUBLIC_KEY_INFO, NEVER, ALL, I_IGNORED},
    {CKA_MODULUS, NEVER, ALL, I_IGNORED},
    {CKA_EC_POINT, NEVER, ALL, I_IGNORED},
    {CKA_VALUE, NEVER, ALL, I_IGNORED},
    {CKA_PRIVATE_EXPONENT, NEVER, ALL, I_IGNORED},
    {CKA_PRIME_1, NEVER, ALL, I_IGNORED},
    {CKA_PRIME_2, NEVER, ALL, I_IGNORED},
    {CKA_EXPONENT_1, NEVER, ALL, I_IGNORED},
    {CKA_EXPONENT_2, NEVER, ALL, I_IGNORED},
    {CKA_COEFFICIENT, NEVER, ALL, I_IGNORED},
};

#define N_ROWS (sizeof rows / sizeof rows[0])

/* A half as it was checked: what was given, by item. */
struct given {
    const CK_ATTRIBUTE *item[N_ITEMS];
};

static struct devid_slice bytes_of(const CK_ATTRIBUTE *a)
{
    return a != NULL && a->pValue != NULL ? (struct devid_slice){a->pValue, a->ulValueLen} : (struct devid_slice){0};
}

static bool is_shaped(enum shape shape, const CK_ATTRIBUTE *a)
{
    struct devid_slice v = bytes_of(a);

    switch (shape) {
    case BOOL:  return v.len == sizeof(CK_BBOOL) && v.data[0] <= CK_TRUE;
    case ULONG: return v.len == sizeof(CK_ULONG);
    case BYTES: return true;
    case DATE:  return v.len == 0 || v.len == sizeof(CK_DATE);
    case LIST:  return v.len != 0 && v.len % sizeof(CK_MECHANISM_TYPE) == 0;
    case TEXT:
        for (size_t i = 0; i < v.len; i++)
            if (v.data[i] == 0 || v.data[i] == '\r' || v.data[i] == '\n') /* it becomes a line of a file */
                return false;
        return v.len <= PAIR_LABEL_MAX;
    case NEVER: break;
    }
    return false;
}

static CK_RV take_one(const CK_ATTRIBUTE *a, enum half half, struct given *out)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        const CK_ATTRIBUTE **seen = &out->item[rows[i].item];

        if (rows[i].type != a->type)
            continue;
        if (rows[i].shape == NEVER)
            return CKR_ATTRIBUTE_READ_ONLY;
        if ((rows[i].halves & half) == 0)
            return CKR_TEMPLATE_INCONSISTENT;
        if (!is_shaped(rows[i].shape, a))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        if (rows[i].item != I_IGNORED && *seen != NULL && !devid_slice_eq(bytes_of(*seen), bytes_of(a)))
            return CKR_TEMPLATE_INCONSISTENT;
        *seen = a;
        return CKR_OK;
    }
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV take_half(struct pair_template t, enum half half, struct given *out)
{
    CK_RV rv = CKR_OK;

    *out = (struct given){0};
    if ((t.attributes == NULL && t.n != 0) || t.n > TEMPLATE_MAX)
        return CKR_ARGUMENTS_BAD;
    for (CK_ULONG i = 0; rv == CKR_OK && i < t.n; i++) {
        const CK_ATTRIBUTE *a = &t.attributes[i];

        rv = is_wild(a->pValue, a->ulValueLen) ? CKR_ARGUMENTS_BAD : take_one(a, half, out);
    }
    return rv;
}

static bool bool_or(const struct given *g, enum item item, bool otherwise)
{
    return g->item[item] != NULL ? bytes_of(g->item[item]).data[0] == CK_TRUE : otherwise;
}

static bool is_false(const struct given *g, enum item item)
{
    return !bool_or(g, item, true);
}

/* The caller's memory need not be aligned. */
static CK_ULONG ulong_or(const struct given *g, enum item item, CK_ULONG otherwise)
{
    CK_ULONG n = otherwise;

    if (g->item[item] != NULL)
        memcpy(&n, g->item[item]->pValue, sizeof n);
    return n;
}

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

static CK_RV take_type(enum devid_alg alg, const struct given *public, unsigned *bits)
{
    CK_ULONG modulus = ulong_or(public, I_MODULUS_BITS, 0);

    if (alg == DEVID_EC) {
        if (public->item[I_MODULUS_BITS] != NULL || public->item[I_EXPONENT] != NULL)
            return CKR_TEMPLATE_INCONSISTENT;
        if (public->item[I_EC_PARAMS] == NULL)
            return CKR_TEMPLATE_INCOMPLETE;
        return curve_take(bytes_of(public->item[I_EC_PARAMS]), bits);
    }
    if (public->item[I_EC_PARAMS] != NULL)
        return CKR_TEMPLATE_INCONSISTENT;
    if (public->item[I_MODULUS_BITS] == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    if (public->item[I_EXPONENT] != NULL && !is_f4(bytes_of(public->item[I_EXPONENT])))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (modulus != 2048 && modulus != 3072 && modulus != 4096)
        return CKR_KEY_SIZE_RANGE;
    *bits = (unsigned)modulus;
    return CKR_OK;
}

/* Who names a use wants that; who names none wants all. Returns enum devid_usage. */
static unsigned uses_wanted(const struct given *g, const enum item *items, const enum devid_usage *uses, size_t n)
{
    unsigned wanted = 0;
    bool has_named = false;

    for (size_t i = 0; i < n; i++)
        has_named = has_named || bool_or(g, items[i], false);
    for (size_t i = 0; i < n; i++)
        if (bool_or(g, items[i], !has_named))
            wanted |= (unsigned)uses[i];
    return wanted;
}

/*
 * The chip is held to what was said of the private half. An RSA key that was not forbidden to decrypt may do so there, for
 * raw blocks and PSS need it, and is shown as one that does not.
 */
static CK_RV take_uses(enum devid_alg alg, const struct given *public, const struct given *private,
                       struct pair_wanted *out)
{
    static const enum item private_items[] = {I_SIGN, I_DECRYPT}, ec_items[] = {I_SIGN, I_DERIVE};
    static const enum item public_items[] = {I_VERIFY, I_ENCRYPT};
    static const enum devid_usage private_uses[] = {DEVID_FOR_SIGN, DEVID_FOR_DECRYPT};
    static const enum devid_usage ec_uses[] = {DEVID_FOR_SIGN, DEVID_FOR_DERIVE};
    static const enum devid_usage public_uses[] = {DEVID_FOR_VERIFY, DEVID_FOR_ENCRYPT};
    bool is_ec = alg == DEVID_EC;
    unsigned wanted = uses_wanted(private, is_ec ? ec_items : private_items, is_ec ? ec_uses : private_uses, 2);

    out->key.signs = (wanted & DEVID_FOR_SIGN) != 0;
    if (is_ec)
        out->key.decrypts = (wanted & DEVID_FOR_DERIVE) != 0;
    else
        out->key.decrypts = !is_false(private, I_DECRYPT);
    if (wanted == 0)
        return CKR_TEMPLATE_INCONSISTENT;
    wanted |= uses_wanted(public, public_items, public_uses, is_ec ? 1 : 2);
    out->not_for = ~wanted & (DEVID_FOR_SIGN | DEVID_FOR_VERIFY | (is_ec ? DEVID_FOR_DERIVE : DEVID_FOR_DECRYPT | DEVID_FOR_ENCRYPT));
    return CKR_OK;
}

static unsigned flags_of(const struct given *g, bool is_private)
{
    unsigned flags = 0;

    flags |= bool_or(g, I_PRIVATE, is_private) ? DEVID_FLAG_PRIVATE : 0;
    flags |= is_false(g, I_MODIFIABLE) ? DEVID_FLAG_FIXED : 0;
    flags |= is_false(g, I_COPYABLE) ? DEVID_FLAG_UNCOPYABLE : 0;
    flags |= is_false(g, I_DESTROYABLE) ? DEVID_FLAG_KEPT : 0;
    flags |= bool_or(g, I_ASKS, false) ? DEVID_FLAG_ASKS : 0;
    return flags;
}

/* What every key has. */
static CK_RV take_object(CK_KEY_TYPE type, const struct given *g, enum half half, struct half_wanted *out)
{
    CK_OBJECT_CLASS class = half == PUBLIC ? CKO_PUBLIC_KEY : half == PRIVATE ? CKO_PRIVATE_KEY : CKO_SECRET_KEY;

    if (ulong_or(g, I_CLASS, class) != class || ulong_or(g, I_KEY_TYPE, type) != type)
        return CKR_TEMPLATE_INCONSISTENT;
    if (bool_or(g, I_TRUSTED, false)) /* 4.8: the security officer's to say */
        return CKR_ATTRIBUTE_READ_ONLY;
    if (g->item[I_ALLOWED] != NULL) /* they are the key's, and no fewer */
        return CKR_TEMPLATE_INCONSISTENT;
    out->label = bytes_of(g->item[I_LABEL]);
    out->id = bytes_of(g->item[I_ID]);
    if (out->id.len > PAIR_ID_MAX)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    out->flags = flags_of(g, half != PUBLIC);
    return CKR_OK;
}

static CK_RV take_place(const struct given *public, const struct given *private, struct pair_wanted *out)
{
    bool has_both = public->item[I_TOKEN] != NULL && private->item[I_TOKEN] != NULL;

    /* one file holds the pair: where one half is, there is the other */
    if (has_both && bool_or(public, I_TOKEN, false) != bool_or(private, I_TOKEN, false))
        return CKR_TEMPLATE_INCONSISTENT;
    out->is_token = bool_or(public, I_TOKEN, false) || bool_or(private, I_TOKEN, false);
    if (is_false(private, I_SENSITIVE) || bool_or(private, I_EXTRACTABLE, false)) /* no key leaves the TPM */
        return CKR_TEMPLATE_INCONSISTENT;
    if ((out->private.flags & DEVID_FLAG_ASKS) != 0 && (out->private.flags & DEVID_FLAG_PRIVATE) == 0)
        return CKR_TEMPLATE_INCONSISTENT;
    return CKR_OK;
}

CK_RV pair_take(enum devid_alg alg, struct pair_template public, struct pair_template private, struct pair_wanted *out)
{
    struct given of_public, of_private;
    struct pair_wanted wanted = {.key = {.alg = alg}};
    CK_KEY_TYPE type = alg == DEVID_EC ? CKK_EC : CKK_RSA;
    CK_RV rv = take_half(public, PUBLIC, &of_public);

    if (rv == CKR_OK)
        rv = take_half(private, PRIVATE, &of_private);
    if (rv == CKR_OK)
        rv = take_object(type, &of_public, PUBLIC, &wanted.public);
    if (rv == CKR_OK)
        rv = take_object(type, &of_private, PRIVATE, &wanted.private);
    if (rv == CKR_OK)
        rv = take_type(alg, &of_public, &wanted.key.bits);
    if (rv == CKR_OK)
        rv = take_place(&of_public, &of_private, &wanted);
    if (rv == CKR_OK)
        rv = take_uses(alg, &of_public, &of_private, &wanted);
    if (rv == CKR_OK)
        *out = wanted;
    return rv;
}

CK_RV secret_take(struct pair_template t, struct secret_wanted *out)
{
    struct secret_wanted wanted = {0};
    struct given given;
    CK_RV rv = take_half(t, SECRET, &given);

    if (rv != CKR_OK)
        return rv;
    wanted.type = ulong_or(&given, I_KEY_TYPE, CKK_GENERIC_SECRET);
    if (wanted.type != CKK_GENERIC_SECRET && wanted.type != CKK_AES)
        return CKR_TEMPLATE_INCONSISTENT;
    if (bool_or(&given, I_TOKEN, false)) /* the TPM keeps no secret keys for others */
        return CKR_TEMPLATE_INCONSISTENT;
    wanted.has_len = given.item[I_VALUE_LEN] != NULL;
    wanted.len = ulong_or(&given, I_VALUE_LEN, 0);
    wanted.is_sensitive = bool_or(&given, I_SENSITIVE, false);
    wanted.is_extractable = bool_or(&given, I_EXTRACTABLE, true);
    rv = take_object(wanted.type, &given, SECRET, &wanted.half);
    wanted.half.flags |= DEVID_FLAG_FIXED | DEVID_FLAG_UNCOPYABLE; /* it is used up, not kept */
    if (rv == CKR_OK)
        *out = wanted;
    return rv;
}
