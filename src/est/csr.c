/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#10 requests: RFC 2986; hardwareModuleName: RFC 4108 section 5, TCG's hwType. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "est/est.h"
#include "est/keys.h"
#include "est/ossl.h"
#include "est/subject.h"

#define HW_SERIAL_MAX 255
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

/* The digest that fits the key's strength; RSA is signed by PKCS#1 with SHA-256. */
static const EVP_MD *digest_of(EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);

    if (!EVP_PKEY_is_a(key, "EC") || bits <= 256)
        return EVP_sha256();
    return bits <= 384 ? EVP_sha384() : EVP_sha512();
}

static devid_rc fill(X509_REQ *req, const struct est_csr *request, X509_NAME *subject, EVP_PKEY *key,
                     struct devid_error *err)
{
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    /* RFC 5280, 4.2.1.6: with an empty subject the alternative name is all there is */
    bool is_critical = X509_NAME_entry_count(subject) == 0;
    devid_rc rc = DEVID_OK;

    if (list == NULL || !add_usage(request->usage, list) ||
        (request->hw_serial != NULL && !add_hw_serial(request->hw_serial, is_critical, list)) ||
        X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 || X509_REQ_set_subject_name(req, subject) != 1 ||
        X509_REQ_add_extensions(req, list) != 1)
        rc = ossl_fail(err, DEVID_E_MEM, "cannot make the request");
    else if (X509_REQ_set_pubkey(req, key) != 1)
        rc = ossl_fail(err, DEVID_E_KEY, "cannot put the public key into the request");
    else if (X509_REQ_sign(req, key, digest_of(key)) <= 0)
        rc = ossl_fail(err, DEVID_E_KEY, "cannot sign the request with %.*s", est_key_shown(request->key_uri),
                       request->key_uri);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return rc;
}

devid_rc est_csr_make(const struct est_csr *request, struct devid_bytes *der, struct devid_error *err)
{
    X509_REQ *req = X509_REQ_new();
    X509_NAME *subject = NULL;
    unsigned char *out = NULL;
    EVP_PKEY *key = NULL;
    int len;
    devid_rc rc;

    ERR_clear_error();
    if (req == NULL) {
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
        goto out;
    }
    if (request->hw_serial != NULL && (request->hw_serial[0] == 0 || strlen(request->hw_serial) > HW_SERIAL_MAX)) {
        rc = devid_fail(err, DEVID_E_ARG, "the hardware serial number must have 1 to %d characters", HW_SERIAL_MAX);
        goto out;
    }
    rc = subject_parse(request->subject != NULL ? request->subject : "", &subject, err);
    if (rc == DEVID_OK)
        rc = est_key_open(request->key_uri, &key, err);
    if (rc == DEVID_OK)
        rc = fill(req, request, subject, key, err);
    if (rc != DEVID_OK)
        goto out;
    len = i2d_X509_REQ(req, &out);
    if (len <= 0)
        rc = ossl_fail(err, DEVID_E_MEM, "cannot write the request");
    else
        rc = devid_bytes_copy((struct devid_slice){out, (size_t)len}, der, err);
out:
    OPENSSL_free(out);
    EVP_PKEY_free(key);
    X509_NAME_free(subject);
    X509_REQ_free(req);
    ERR_clear_error();
    return rc;
}
