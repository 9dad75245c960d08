/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes: PKCS#11 2.40, 4.4 to 4.9 and 5.7, and 3.0's CKA_UNIQUE_ID. One table says what there is, on
 * which objects, and who knows the value.
 */
#include <string.h>

#include "pkcs11/attr.h"

#define KEYS (VIEW_PUBLICS | VIEW_PRIVATE)
#define CERTS VIEW_CERTS
#define STORED (KEYS | CERTS | VIEW_DATA | VIEW_SECRET)
#define ALL (STORED | VIEW_PROFILE)

struct attr_row {
    CK_ATTRIBUTE_TYPE type;
    unsigned kinds; /* of views that have it */
    attr_getter get;
    CK_ULONG arg;
};

static const struct attr_row rows[] = {
    {CKA_CLASS, ALL, attr_get_class, 0},
    {CKA_LABEL, STORED, attr_get_label, 0}, /* these two first: nearly every search asks for them */
    {CKA_ID, KEYS | CERTS | VIEW_SECRET, attr_get_id, 0},
    {CKA_TOKEN, ALL, attr_get_token, 0},
    {CKA_PRIVATE, ALL, attr_get_flag, DEVID_FLAG_PRIVATE},
    {CKA_MODIFIABLE, ALL, attr_get_may, DEVID_FLAG_FIXED},
    {CKA_COPYABLE, ALL, attr_get_may, DEVID_FLAG_UNCOPYABLE},
    {CKA_DESTROYABLE, ALL, attr_get_may, DEVID_FLAG_KEPT},
    {CKA_UNIQUE_ID, ALL, attr_get_unique_id, 0},
    {CKA_SUBJECT, KEYS | CERTS, attr_get_subject, 0},
    {CKA_PUBLIC_KEY_INFO, KEYS | CERTS, attr_get_spki, 0},
    {CKA_START_DATE, KEYS | CERTS | VIEW_SECRET, attr_get_empty, 0},
    {CKA_END_DATE, KEYS | CERTS | VIEW_SECRET, attr_get_empty, 0},
    {CKA_TRUSTED, VIEW_PUBLICS | CERTS, attr_get_bool, false},

    {CKA_KEY_TYPE, KEYS, attr_get_key_type, 0},
    {CKA_SIGN, VIEW_PRIVATE, attr_get_can, CKF_SIGN},
    {CKA_VERIFY, VIEW_PUBLICS, attr_get_can, CKF_VERIFY},
    {CKA_ENCRYPT, VIEW_PUBLICS, attr_get_can, CKF_ENCRYPT},
    {CKA_DECRYPT, VIEW_PRIVATE, attr_get_can, CKF_DECRYPT},
    {CKA_DERIVE, VIEW_PRIVATE, attr_get_can, CKF_DERIVE},
    {CKA_DERIVE, VIEW_PUBLICS, attr_get_bool, false},
    {CKA_WRAP, VIEW_PUBLICS, attr_get_bool, false},
    {CKA_UNWRAP, VIEW_PRIVATE, attr_get_bool, false},
    {CKA_SIGN_RECOVER, VIEW_PRIVATE, attr_get_bool, false},
    {CKA_VERIFY_RECOVER, VIEW_PUBLICS, attr_get_bool, false},
    {CKA_ALLOWED_MECHANISMS, KEYS, attr_get_allowed, 0},
    {CKA_LOCAL, KEYS, attr_get_fixed, 0},
    {CKA_KEY_GEN_MECHANISM, KEYS, attr_get_gen_mechanism, 0},
    {CKA_MODULUS, KEYS, attr_get_modulus, 0},
    {CKA_MODULUS_BITS, KEYS, attr_get_modulus_bits, 0}, /* pkcs11-tool asks the private half too */
    {CKA_PUBLIC_EXPONENT, KEYS, attr_get_exponent, 0},
    {CKA_EC_PARAMS, KEYS, attr_get_ec_params, 0},
    {CKA_EC_POINT, KEYS, attr_get_ec_point, 0},
    {CKA_SENSITIVE, VIEW_PRIVATE, attr_get_bool, true},
    {CKA_ALWAYS_SENSITIVE, VIEW_PRIVATE, attr_get_fixed, 0},
    {CKA_EXTRACTABLE, VIEW_PRIVATE, attr_get_bool, false},
    {CKA_NEVER_EXTRACTABLE, VIEW_PRIVATE, attr_get_fixed, 0},
    {CKA_ALWAYS_AUTHENTICATE, VIEW_PRIVATE, attr_get_flag, DEVID_FLAG_ASKS},
    {CKA_WRAP_WITH_TRUSTED, VIEW_PRIVATE, attr_get_bool, false},
    {CKA_VALUE, VIEW_PRIVATE, attr_get_sensitive, DEVID_EC},
    {CKA_PRIVATE_EXPONENT, VIEW_PRIVATE, attr_get_sensitive, DEVID_RSA},
    {CKA_PRIME_1, VIEW_PRIVATE, attr_get_sensitive, DEVID_RSA},
    {CKA_PRIME_2, VIEW_PRIVATE, attr_get_sensitive, DEVID_RSA},
    {CKA_EXPONENT_1, VIEW_PRIVATE, attr_get_sensitive, DEVID_RSA},
    {CKA_EXPONENT_2, VIEW_PRIVATE, attr_get_sensitive, DEVID_RSA},
    {CKA_COEFFICIENT, VIEW_PRIVATE, attr_get_sensitive, DEVID_RSA},

    {CKA_KEY_TYPE, VIEW_SECRET, attr_get_secret, CKA_KEY_TYPE},
    {CKA_VALUE, VIEW_SECRET, attr_get_secret, CKA_VALUE},
    {CKA_VALUE_LEN, VIEW_SECRET, attr_get_secret, CKA_VALUE_LEN},
    {CKA_SENSITIVE, VIEW_SECRET, attr_get_secret, CKA_SENSITIVE},
    {CKA_EXTRACTABLE, VIEW_SECRET, attr_get_secret, CKA_EXTRACTABLE},
    {CKA_ALWAYS_SENSITIVE, VIEW_SECRET, attr_get_secret, CKA_ALWAYS_SENSITIVE},
    {CKA_NEVER_EXTRACTABLE, VIEW_SECRET, attr_get_secret, CKA_NEVER_EXTRACTABLE},
    {CKA_LOCAL, VIEW_SECRET, attr_get_bool, false},
    {CKA_SIGN, VIEW_SECRET, attr_get_bool, false},
    {CKA_VERIFY, VIEW_SECRET, attr_get_bool, false},
    {CKA_ENCRYPT, VIEW_SECRET, attr_get_bool, false},
    {CKA_DECRYPT, VIEW_SECRET, attr_get_bool, false},
    {CKA_DERIVE, VIEW_SECRET, attr_get_bool, false},
    {CKA_WRAP, VIEW_SECRET, attr_get_bool, false},
    {CKA_UNWRAP, VIEW_SECRET, attr_get_bool, false},
    {CKA_WRAP_WITH_TRUSTED, VIEW_SECRET, attr_get_bool, false},
    {CKA_TRUSTED, VIEW_SECRET, attr_get_bool, false},
    {CKA_KEY_GEN_MECHANISM, VIEW_SECRET, attr_get_ulong, CK_UNAVAILABLE_INFORMATION},
    {CKA_ALLOWED_MECHANISMS, VIEW_SECRET, attr_get_empty, 0},

    {CKA_CERTIFICATE_TYPE, CERTS, attr_get_ulong, CKC_X_509},
    {CKA_CERTIFICATE_CATEGORY, CERTS, attr_get_category, 0},
    {CKA_VALUE, CERTS, attr_get_cert_value, 0},
    {CKA_ISSUER, CERTS, attr_get_issuer, 0},
    {CKA_SERIAL_NUMBER, CERTS, attr_get_serial, 0},
    {CKA_CHECK_VALUE, CERTS, attr_get_check_value, 0},
    {CKA_URL, CERTS, attr_get_empty, 0},
    {CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CERTS, attr_get_empty, 0},
    {CKA_HASH_OF_ISSUER_PUBLIC_KEY, CERTS, attr_get_empty, 0},
    {CKA_NAME_HASH_ALGORITHM, CERTS, attr_get_ulong, CKM_SHA_1},
    {CKA_JAVA_MIDP_SECURITY_DOMAIN, CERTS, attr_get_ulong, 0},

    {CKA_APPLICATION, VIEW_DATA, attr_get_application, 0},
    {CKA_OBJECT_ID, VIEW_DATA, attr_get_object_id, 0},
    {CKA_VALUE, VIEW_DATA, attr_get_data, 0},
    {CKA_PROFILE_ID, VIEW_PROFILE, attr_get_profile, 0},
};

CK_RV attr_get(const struct object *o, CK_ATTRIBUTE_TYPE type, struct attr_value *out)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].type == type && (rows[i].kinds & o->view->kind) != 0)
            return rows[i].get(o, rows[i].arg, out);
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

void attr_free(struct attr_value *v)
{
    devid_bytes_free(&v->owned);
}

bool attr_match(const struct object *o, const CK_ATTRIBUTE *template, CK_ULONG n)
{
    bool is_same = true;

    for (CK_ULONG i = 0; is_same && i < n; i++) {
        struct attr_value v = {0};

        is_same = attr_get(o, template[i].type, &v) == CKR_OK && v.len == template[i].ulValueLen &&
                  (v.len == 0 || memcmp(v.data, template[i].pValue, v.len) == 0);
        attr_free(&v);
    }
    return is_same;
}

/* One line of a template; the answer stands in it as well. 5.7, C_GetAttributeValue, the five cases. */
static CK_RV attr_answer(const struct object *o, CK_ATTRIBUTE *a)
{
    struct attr_value v = {0};
    CK_RV rv = attr_get(o, a->type, &v);

    /* a length that says "no value" is what a caller has of an earlier answer, and no room */
    if (rv == CKR_OK && a->pValue != NULL && (a->ulValueLen < v.len || a->ulValueLen > LENGTH_MAX))
        rv = CKR_BUFFER_TOO_SMALL;
    if (rv == CKR_OK && a->pValue != NULL && v.len != 0)
        memcpy(a->pValue, v.data, v.len);
    a->ulValueLen = rv == CKR_OK ? v.len : CK_UNAVAILABLE_INFORMATION;
    attr_free(&v);
    return rv;
}

/* All lines are answered, whatever becomes of one. */
CK_RV C_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n)
{
    struct object o = {0};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = object_find(s, object, &o);
    if (rv == CKR_OK && ((template == NULL && n != 0) || n > TEMPLATE_MAX))
        rv = CKR_ARGUMENTS_BAD;
    else if (rv == CKR_OK)
        for (CK_ULONG i = 0; i < n; i++) {
            CK_RV one = attr_answer(&o, &template[i]);

            if (one != CKR_OK)
                rv = one;
        }
    object_free(&o);
    return session_leave(s, rv);
}

CK_ULONG attr_sum(const struct object *o)
{
    CK_ULONG sum = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct attr_value v = {0};

        if ((rows[i].kinds & o->view->kind) != 0 && rows[i].get(o, rows[i].arg, &v) == CKR_OK)
            sum += v.len;
        attr_free(&v);
    }
    return sum;
}
