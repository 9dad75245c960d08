/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Templates, checked by a table: PKCS#11 2.40, 4.1.1, and the tables of 4.4 to 4.9. What clients really send is tolerated where it
 * does no harm: Azure's key service and NSS want EC keys that encrypt and wrap, and NSS names the uses of either half on both.
 */
#include "pkcs11/template.h"

#include <string.h>

enum {
    DATA = TEMPLATE_DATA,
    CERT = TEMPLATE_CERT,
    KEY = TEMPLATE_KEY,
    PUBLIC = TEMPLATE_PUBLIC,
    PRIVATE = TEMPLATE_PRIVATE,
    SECRET = TEMPLATE_SECRET,
    COPY = TEMPLATE_COPY,
    CHANGE_DATA = TEMPLATE_CHANGE_DATA,
    CHANGE_KEY = TEMPLATE_CHANGE_KEY,
    CREATED = DATA | CERT | KEY,
    PAIR = PUBLIC | PRIVATE,
    MADE = PAIR | SECRET,
    NEW = CREATED | MADE,
    CHANGE_ID = TEMPLATE_CHANGE_CERT | CHANGE_KEY,
    CHANGE = CHANGE_DATA | CHANGE_ID,
};

enum shape { BOOL, ULONG, DATE, TEXT, ID, NAME, VALUE, LIST, BYTES };

static const struct row {
    CK_ATTRIBUTE_TYPE type;
    enum shape shape;
    unsigned may;  /* enum template_for */
    unsigned says; /* the token says it, not the client */
} rows[] = {
    {CKA_CLASS, ULONG, NEW, 0},
    {CKA_TOKEN, BOOL, NEW | COPY, 0},
    {CKA_PRIVATE, BOOL, NEW | COPY, 0},
    {CKA_MODIFIABLE, BOOL, NEW | COPY, 0},
    {CKA_COPYABLE, BOOL, NEW | COPY, 0},
    {CKA_DESTROYABLE, BOOL, NEW | COPY, 0},
    {CKA_LABEL, TEXT, NEW | COPY | CHANGE, 0},
    {CKA_APPLICATION, TEXT, DATA | CHANGE_DATA, 0},
    {CKA_OBJECT_ID, ID, DATA | CHANGE_DATA, 0},
    {CKA_VALUE, VALUE, DATA | CERT | CHANGE_DATA, MADE},
    {CKA_ID, ID, CERT | KEY | MADE | COPY | CHANGE_ID, 0},
    {CKA_SUBJECT, NAME, CERT | KEY | PAIR | CHANGE_KEY, 0},
    {CKA_START_DATE, DATE, CERT | KEY | MADE, 0},
    {CKA_END_DATE, DATE, CERT | KEY | MADE, 0},
    {CKA_TRUSTED, BOOL, CERT | KEY | PUBLIC | SECRET, 0},
    {CKA_CERTIFICATE_TYPE, ULONG, CERT, 0},
    {CKA_CERTIFICATE_CATEGORY, ULONG, CERT, 0},
    {CKA_CHECK_VALUE, BYTES, CERT, MADE},
    {CKA_ISSUER, BYTES, CERT, 0},
    {CKA_SERIAL_NUMBER, BYTES, CERT, 0},
    {CKA_URL, BYTES, CERT, 0},
    {CKA_HASH_OF_SUBJECT_PUBLIC_KEY, BYTES, CERT, 0},
    {CKA_HASH_OF_ISSUER_PUBLIC_KEY, BYTES, CERT, 0},
    {CKA_NAME_HASH_ALGORITHM, ULONG, CERT, 0},
    {CKA_JAVA_MIDP_SECURITY_DOMAIN, ULONG, CERT, 0},
    {CKA_KEY_TYPE, ULONG, KEY | MADE, 0},
    {CKA_ALLOWED_MECHANISMS, LIST, KEY | PAIR, 0},
    {CKA_VERIFY, BOOL, KEY | MADE, 0},
    {CKA_ENCRYPT, BOOL, KEY | MADE, 0},
    {CKA_DERIVE, BOOL, KEY | MADE, 0},
    {CKA_WRAP, BOOL, KEY | MADE, 0},
    {CKA_VERIFY_RECOVER, BOOL, KEY | PAIR, 0},
    {CKA_SIGN, BOOL, MADE, 0},
    {CKA_DECRYPT, BOOL, MADE, 0},
    {CKA_UNWRAP, BOOL, MADE, 0},
    {CKA_SIGN_RECOVER, BOOL, PAIR, 0},
    {CKA_SENSITIVE, BOOL, PRIVATE | SECRET, 0},
    {CKA_EXTRACTABLE, BOOL, PRIVATE | SECRET, 0},
    {CKA_WRAP_WITH_TRUSTED, BOOL, PRIVATE | SECRET, 0}, /* it is wrapped with nothing at all */
    {CKA_ALWAYS_AUTHENTICATE, BOOL, PRIVATE, 0},
    {CKA_EC_PARAMS, BYTES, KEY | PUBLIC, 0},
    {CKA_EC_POINT, BYTES, KEY, MADE},
    {CKA_MODULUS, BYTES, KEY, MADE},
    {CKA_MODULUS_BITS, ULONG, PUBLIC, KEY},
    {CKA_PUBLIC_EXPONENT, BYTES, KEY | PUBLIC, 0},
    {CKA_PUBLIC_KEY_INFO, BYTES, CERT | KEY, MADE},
    {CKA_VALUE_LEN, ULONG, SECRET, 0},
    {CKA_LOCAL, BOOL, 0, NEW},
    {CKA_KEY_GEN_MECHANISM, ULONG, 0, NEW},
    {CKA_UNIQUE_ID, BYTES, 0, NEW},
    {CKA_ALWAYS_SENSITIVE, BOOL, 0, MADE},
    {CKA_NEVER_EXTRACTABLE, BOOL, 0, MADE},
    {CKA_PRIVATE_EXPONENT, BYTES, 0, MADE},
    {CKA_PRIME_1, BYTES, 0, MADE},
    {CKA_PRIME_2, BYTES, 0, MADE},
    {CKA_EXPONENT_1, BYTES, 0, MADE},
    {CKA_EXPONENT_2, BYTES, 0, MADE},
    {CKA_COEFFICIENT, BYTES, 0, MADE},
    {CKA_PROFILE_ID, ULONG, 0, NEW},
};

static const struct row *row_of(CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].type == type)
            return &rows[i];
    return NULL;
}

CK_RV template_is_sane(const struct template *t)
{
    if ((t->list == NULL && t->n != 0) || t->n > TEMPLATE_MAX)
        return CKR_ARGUMENTS_BAD;
    for (CK_ULONG i = 0; i < t->n; i++)
        if (is_wild(t->list[i].pValue, t->list[i].ulValueLen))
            return CKR_ARGUMENTS_BAD;
    return CKR_OK;
}

static struct devid_slice bytes_of(const CK_ATTRIBUTE *a)
{
    return a != NULL && a->pValue != NULL ? (struct devid_slice){a->pValue, a->ulValueLen} : (struct devid_slice){0};
}

/* It becomes a line of a file. */
static bool is_line(struct devid_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return true;
}

static bool is_shaped(enum shape shape, const CK_ATTRIBUTE *a)
{
    struct devid_slice v = bytes_of(a);

    switch (shape) {
    case BOOL:  return v.len == sizeof(CK_BBOOL) && v.data[0] <= CK_TRUE;
    case ULONG: return v.len == sizeof(CK_ULONG);
    case DATE:  return v.len == 0 || v.len == sizeof(CK_DATE);
    case TEXT:  return v.len <= LABEL_MAX && is_line(v);
    case ID:    return v.len <= ID_MAX;
    case NAME:  return v.len == 0 || (v.len <= DEVID_SUBJECT_MAX && v.data[0] == 0x30 && devid_der_len(v) == v.len);
    case VALUE: return v.len <= DEVID_ITEM_DATA_MAX;
    case LIST:  return v.len % sizeof(CK_MECHANISM_TYPE) == 0;
    case BYTES: break;
    }
    return true;
}

/* Said twice is said once (4.1.1), unless two things are said. */
static bool is_contradicted(const struct template *t, CK_ULONG i)
{
    for (CK_ULONG j = 0; j < i; j++)
        if (t->list[j].type == t->list[i].type)
            return !devid_slice_eq(bytes_of(&t->list[j]), bytes_of(&t->list[i]));
    return false;
}

static CK_RV check_one(const struct template *t, CK_ULONG i, enum template_for what)
{
    const unsigned later = COPY | CHANGE; /* what is not changed then stays as it is */
    const struct row *row = row_of(t->list[i].type);

    if (row == NULL)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    if ((row->says & (unsigned)what) != 0)
        return CKR_ATTRIBUTE_READ_ONLY;
    if ((row->may & (unsigned)what) == 0)
        return (later & (unsigned)what) != 0 ? CKR_ATTRIBUTE_READ_ONLY : CKR_TEMPLATE_INCONSISTENT;
    if (!is_shaped(row->shape, &t->list[i]))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return is_contradicted(t, i) ? CKR_TEMPLATE_INCONSISTENT : CKR_OK;
}

CK_RV template_check(const struct template *t, enum template_for what)
{
    CK_RV rv = template_is_sane(t);

    for (CK_ULONG i = 0; rv == CKR_OK && i < t->n; i++)
        rv = check_one(t, i, what);
    if (rv == CKR_OK && template_bool(t, CKA_TRUSTED, false)) /* only a security officer may say so: 4.6.2, 4.8 */
        rv = CKR_ATTRIBUTE_READ_ONLY;
    return rv;
}

const CK_ATTRIBUTE *template_find(const struct template *t, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < t->n; i++)
        if (t->list[i].type == type)
            return &t->list[i];
    return NULL;
}

struct devid_slice template_bytes(const struct template *t, CK_ATTRIBUTE_TYPE type)
{
    return bytes_of(template_find(t, type));
}

bool template_bool(const struct template *t, CK_ATTRIBUTE_TYPE type, bool usual)
{
    struct devid_slice v = template_bytes(t, type);

    return v.len != 0 ? v.data[0] != CK_FALSE : usual;
}

/* The caller's memory need not be aligned. */
CK_ULONG template_ulong(const struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG usual)
{
    struct devid_slice v = template_bytes(t, type);

    if (v.len == sizeof usual)
        memcpy(&usual, v.data, sizeof usual);
    return usual;
}

CK_RV template_text(const struct template *t, CK_ATTRIBUTE_TYPE type, const char *usual, struct devid_bytes *out)
{
    struct devid_slice text = template_find(t, type) != NULL ? template_bytes(t, type) : devid_slice_text(usual);
    struct devid_error err = {0};

    return rv_of(devid_bytes_copy(text, out, &err), &err);
}

unsigned template_flags(const struct template *t, unsigned usual)
{
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        bool set_by; /* the value that sets the flag */
        unsigned flag;
    } flags[] = {{CKA_PRIVATE, true, DEVID_FLAG_PRIVATE},
                 {CKA_MODIFIABLE, false, DEVID_FLAG_FIXED},
                 {CKA_COPYABLE, false, DEVID_FLAG_UNCOPYABLE},
                 {CKA_DESTROYABLE, false, DEVID_FLAG_KEPT},
                 {CKA_ALWAYS_AUTHENTICATE, true, DEVID_FLAG_ASKS}};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (template_find(t, flags[i].type) != NULL)
            usual = template_bool(t, flags[i].type, false) == flags[i].set_by ? usual | flags[i].flag
                                                                              : usual & ~flags[i].flag;
    return usual;
}

unsigned template_not_for(const struct template *t)
{
    unsigned not_for = 0;

    if (!template_bool(t, CKA_VERIFY, true))
        not_for |= DEVID_FOR_VERIFY;
    if (!template_bool(t, CKA_ENCRYPT, true))
        not_for |= DEVID_FOR_ENCRYPT;
    return not_for;
}
