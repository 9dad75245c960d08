/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request says beside subject and key. hardwareModuleName: RFC 4108 section 5, TCG's hwType. */
#include "est/extensions.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "est/ossl.h"

#define OID_HARDWARE_MODULE_NAME "1.3.6.1.5.5.7.8.4"
#define OID_TCG_HW_TYPE "2.23.133.1.2"

static const struct {
    enum est_usage usage;
    int nid;
    const char *value;
} extensions[] = {
    {EST_USAGE_CLIENT, NID_key_usage, "critical,digitalSignature"},
    {EST_USAGE_CLIENT, NID_ext_key_usage, "clientAuth"},
    {EST_USAGE_CA, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
    {EST_USAGE_CA, NID_key_usage, "critical,digitalSignature,keyCertSign"},
    {EST_USAGE_DEVID, NID_key_usage, "critical,digitalSignature"},
};

static bool push(STACK_OF(X509_EXTENSION) *list, X509_EXTENSION *extension)
{
    if (extension != NULL && sk_X509_EXTENSION_push(list, extension) > 0)
        return true;
    X509_EXTENSION_free(extension);
    return false;
}

static bool add_usage(enum est_usage usage, STACK_OF(X509_EXTENSION) *list)
{
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
        if (extensions[i].usage == usage &&
            !push(list, X509V3_EXT_nconf_nid(NULL, NULL, extensions[i].nid, extensions[i].value)))
            return false;
    return true;
}

/* HardwareModuleName ::= SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING }; NULL without memory. */
static ASN1_TYPE *hardware_module_name(const char *serial)
{
    unsigned char content[32 + 4 + HW_SERIAL_MAX], whole[sizeof content + 8], *at = content;
    ASN1_OBJECT *hw_type = OBJ_txt2obj(OID_TCG_HW_TYPE, 1);
    int serial_len = (int)strlen(serial), content_len;
    ASN1_STRING *sequence = ASN1_STRING_new();
    ASN1_TYPE *type = ASN1_TYPE_new();

    if (hw_type == NULL || sequence == NULL || type == NULL)
        goto failed;
    (void)i2d_ASN1_OBJECT(hw_type, &at);
    ASN1_put_object(&at, 0, serial_len, V_ASN1_OCTET_STRING, V_ASN1_UNIVERSAL);
    memcpy(at, serial, (size_t)serial_len);
    content_len = (int)(at - content) + serial_len;
    at = whole;
    ASN1_put_object(&at, 1, content_len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(at, content, (size_t)content_len);
    if (ASN1_STRING_set(sequence, whole, (int)(at - whole) + content_len) != 1)
        goto failed;
    ASN1_OBJECT_free(hw_type);
    ASN1_TYPE_set(type, V_ASN1_SEQUENCE, sequence);
    return type;
failed:
    ASN1_OBJECT_free(hw_type);
    ASN1_STRING_free(sequence);
    ASN1_TYPE_free(type);
    return NULL;
}

static bool add_hw_serial(const char *serial, bool is_critical, STACK_OF(X509_EXTENSION) *list)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    ASN1_OBJECT *oid = OBJ_txt2obj(OID_HARDWARE_MODULE_NAME, 1);
    ASN1_TYPE *value = hardware_module_name(serial);
    GENERAL_NAME *name = GENERAL_NAME_new();
    bool good = false;

    if (names == NULL || oid == NULL || value == NULL || name == NULL ||
        GENERAL_NAME_set0_othername(name, oid, value) != 1)
        goto out;
    oid = NULL; /* the name has both now */
    value = NULL;
    if (sk_GENERAL_NAME_push(names, name) < 1)
        goto out;
    name = NULL;
    good = push(list, X509V3_EXT_i2d(NID_subject_alt_name, is_critical ? 1 : 0, names));
out:
    GENERAL_NAME_free(name);
    ASN1_TYPE_free(value);
    ASN1_OBJECT_free(oid);
    GENERAL_NAMES_free(names);
    return good;
}

/* Those that a client may ask for; the rest of a certificate is its CA's. */
static bool add_as(const X509 *cert, STACK_OF(X509_EXTENSION) *list)
{
    static const int nids[] = {NID_basic_constraints, NID_key_usage, NID_ext_key_usage, NID_subject_alt_name};

    for (size_t i = 0; i < sizeof nids / sizeof nids[0]; i++) {
        int at = X509_get_ext_by_NID(cert, nids[i], -1);

        if (at >= 0 && !push(list, X509_EXTENSION_dup(X509_get_ext(cert, at))))
            return false;
    }
    return true;
}

devid_rc extensions_of(const struct est_csr *request, const X509 *as, bool is_nameless, STACK_OF(X509_EXTENSION) **out,
                       struct devid_error *err)
{
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    bool good = list != NULL;

    if (as != NULL)
        good = good && add_as(as, list);
    else
        good = good && add_usage(request->usage, list) &&
               (request->hw_serial == NULL || add_hw_serial(request->hw_serial, is_nameless, list));
    if (good) {
        *out = list;
        return DEVID_OK;
    }
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return ossl_fail(err, DEVID_E_MEM, "cannot make the extensions of the request");
}
