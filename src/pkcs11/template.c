/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates, checked by a table: PKCS#11 2.40, 4.1.1, and the tables of 4.4 to 4.9. */
#include "pkcs11/template.h"

#include <string.h>

enum { DATA = 1, CERT = 2, PUBLIC = 4, STORED = DATA | CERT | PUBLIC };
enum size { ANY = 0, BOOL = sizeof(CK_BBOOL), ULONG = sizeof(CK_ULONG), DATE = 1000, LABEL, ID };

static const struct row {
    CK_ATTRIBUTE_TYPE type;
    unsigned classes; /* that a client may give it to; 0: the token says it */
    enum size size;
} rows[] = {
    {CKA_CLASS, STORED, ULONG},
    {CKA_TOKEN, STORED, BOOL},
    {CKA_PRIVATE, STORED, BOOL},
    {CKA_MODIFIABLE, STORED, BOOL},
    {CKA_COPYABLE, STORED, BOOL},
    {CKA_DESTROYABLE, STORED, BOOL},
    {CKA_LABEL, STORED, LABEL},
    {CKA_APPLICATION, DATA, LABEL},
    {CKA_OBJECT_ID, DATA, ID},
    {CKA_VALUE, DATA | CERT, ANY},
    {CKA_ID, CERT | PUBLIC, ID},
    {CKA_SUBJECT, CERT | PUBLIC, ANY},
    {CKA_START_DATE, CERT | PUBLIC, DATE},
    {CKA_END_DATE, CERT | PUBLIC, DATE},
    {CKA_PUBLIC_KEY_INFO, CERT | PUBLIC, ANY},
    {CKA_TRUSTED, CERT | PUBLIC, BOOL},
    {CKA_CERTIFICATE_TYPE, CERT, ULONG},
    {CKA_CERTIFICATE_CATEGORY, CERT, ULONG},
    {CKA_CHECK_VALUE, CERT, ANY},
    {CKA_ISSUER, CERT, ANY},
    {CKA_SERIAL_NUMBER, CERT, ANY},
    {CKA_URL, CERT, ANY},
    {CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CERT, ANY},
    {CKA_HASH_OF_ISSUER_PUBLIC_KEY, CERT, ANY},
    {CKA_NAME_HASH_ALGORITHM, CERT, ULONG},
    {CKA_JAVA_MIDP_SECURITY_DOMAIN, CERT, ULONG},
    {CKA_KEY_TYPE, PUBLIC, ULONG},
    {CKA_DERIVE, PUBLIC, BOOL},
    {CKA_ENCRYPT, PUBLIC, BOOL},
    {CKA_VERIFY, PUBLIC, BOOL},
    {CKA_VERIFY_RECOVER, PUBLIC, BOOL},
    {CKA_WRAP, PUBLIC, BOOL},
    {CKA_MODULUS, PUBLIC, ANY},
    {CKA_PUBLIC_EXPONENT, PUBLIC, ANY},
    {CKA_EC_PARAMS, PUBLIC, ANY},
    {CKA_EC_POINT, PUBLIC, ANY},
    {CKA_ALLOWED_MECHANISMS, 0, ANY},
    {CKA_LOCAL, 0, BOOL},
    {CKA_KEY_GEN_MECHANISM, 0, ULONG},
    {CKA_MODULUS_BITS, 0, ULONG},
    {CKA_UNIQUE_ID, 0, ANY},
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

const CK_ATTRIBUTE *template_find(const struct template *t, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < t->n; i++)
        if (t->list[i].type == type)
            return &t->list[i];
    return NULL;
}

struct devid_slice template_bytes(const struct template *t, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *a = template_find(t, type);

    return a != NULL ? (struct devid_slice){a->pValue, a->ulValueLen} : (struct devid_slice){0};
}

bool template_bool(const struct template *t, CK_ATTRIBUTE_TYPE type, bool usual)
{
    const CK_ATTRIBUTE *a = template_find(t, type);

    return a != NULL ? *(const CK_BBOOL *)a->pValue != CK_FALSE : usual;
}

CK_ULONG template_ulong(const struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG usual)
{
    const CK_ATTRIBUTE *a = template_find(t, type);

    if (a != NULL)
        memcpy(&usual, a->pValue, sizeof usual);
    return usual;
}

CK_RV template_text(const struct template *t, CK_ATTRIBUTE_TYPE type, const char *usual, struct devid_bytes *out)
{
    const CK_ATTRIBUTE *a = template_find(t, type);
    struct devid_slice text = devid_slice_text(usual);
    struct devid_error err = {0};

    if (a != NULL)
        text = (struct devid_slice){a->pValue, a->ulValueLen};
    for (size_t i = 0; a != NULL && i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return CKR_ATTRIBUTE_VALUE_INVALID;
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
                 {CKA_DESTROYABLE, false, DEVID_FLAG_KEPT}};

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

static CK_RV check_size(const CK_ATTRIBUTE *a, enum size size)
{
    bool is_good = true;

    switch (size) {
    case ANY:   break;
    case BOOL:
    case ULONG: is_good = a->ulValueLen == (CK_ULONG)size; break;
    case DATE:  is_good = a->ulValueLen == 0 || a->ulValueLen == sizeof(CK_DATE); break;
    case LABEL: is_good = a->ulValueLen <= LABEL_MAX; break;
    case ID:    is_good = a->ulValueLen <= ID_MAX; break;
    }
    return is_good ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static bool is_twice(const struct template *t, CK_ULONG i)
{
    for (CK_ULONG j = 0; j < i; j++)
        if (t->list[j].type == t->list[i].type)
            return true;
    return false;
}

static unsigned class_bit(CK_OBJECT_CLASS class)
{
    return class == CKO_DATA ? DATA : class == CKO_CERTIFICATE ? CERT : class == CKO_PUBLIC_KEY ? PUBLIC : 0;
}

CK_RV template_check_new(const struct template *t, CK_OBJECT_CLASS class)
{
    CK_RV rv = CKR_OK;

    for (CK_ULONG i = 0; rv == CKR_OK && i < t->n; i++) {
        const struct row *row = row_of(t->list[i].type);

        if (row == NULL)
            rv = attr_is_known(t->list[i].type) ? CKR_TEMPLATE_INCONSISTENT : CKR_ATTRIBUTE_TYPE_INVALID;
        else if (row->classes == 0)
            rv = CKR_ATTRIBUTE_READ_ONLY;
        else if ((row->classes & class_bit(class)) == 0 || is_twice(t, i))
            rv = CKR_TEMPLATE_INCONSISTENT;
        else
            rv = check_size(&t->list[i], row->size);
    }
    if (rv == CKR_OK && template_bool(t, CKA_TRUSTED, false)) /* only a security officer may say so: 4.6.2 */
        rv = CKR_ATTRIBUTE_READ_ONLY;
    return rv;
}

CK_RV template_check_copy(const struct template *t)
{
    static const CK_ATTRIBUTE_TYPE may[] = {CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE,
                                            CKA_LABEL, CKA_ID};
    CK_RV rv = CKR_OK;

    for (CK_ULONG i = 0; rv == CKR_OK && i < t->n; i++) {
        const struct row *row = row_of(t->list[i].type);
        bool is_free = false;

        for (size_t j = 0; j < sizeof may / sizeof may[0]; j++)
            is_free |= may[j] == t->list[i].type;
        if (!is_free)
            rv = attr_is_known(t->list[i].type) ? CKR_ATTRIBUTE_READ_ONLY : CKR_ATTRIBUTE_TYPE_INVALID;
        else if (is_twice(t, i))
            rv = CKR_TEMPLATE_INCONSISTENT;
        else
            rv = check_size(&t->list[i], row->size);
    }
    return rv;
}
