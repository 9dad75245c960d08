/* SPDX-License-Identifier: BSD-2-Clause */
/* What a server wants to be in a request. RFC 8951 section 3, RFC 9908. libcrypto takes each level apart; here is what it means. */
#include "est/attrs.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <string.h>

#include "core/log.h"

#define OID_TEMPLATE "1.2.840.113549.1.9.16.2.61"            /* id-aa-certificationRequestInfoTemplate */
#define OID_EXTENSION_TEMPLATE "1.2.840.113549.1.9.16.2.62"  /* id-aa-extensionReqTemplate */
#define LIST_MAX 256                                         /* items of a list: no server has so many wishes */

typedef STACK_OF(ASN1_TYPE) any_list;

static void list_free(any_list *list)
{
    sk_ASN1_TYPE_pop_free(list, ASN1_TYPE_free);
}

/* The items of a whole SEQUENCE or SET; NULL if it is none, or one of too many. */
static any_list *list_of(const unsigned char *der, long len, bool is_set)
{
    const unsigned char *at = der;
    any_list *list = is_set ? d2i_ASN1_SET_ANY(NULL, &at, len) : d2i_ASN1_SEQUENCE_ANY(NULL, &at, len);

    ERR_clear_error();
    if (list == NULL || (at == der + len && sk_ASN1_TYPE_num(list) <= LIST_MAX))
        return list;
    list_free(list);
    return NULL;
}

static any_list *list_in(const ASN1_TYPE *item, int tag)
{
    if (item == NULL || ASN1_TYPE_get(item) != tag)
        return NULL;
    return list_of(ASN1_STRING_get0_data(item->value.asn1_string), ASN1_STRING_length(item->value.asn1_string),
                   tag == V_ASN1_SET);
}

static const ASN1_OBJECT *oid_in(const any_list *list, int i)
{
    const ASN1_TYPE *item = i < sk_ASN1_TYPE_num(list) ? sk_ASN1_TYPE_value(list, i) : NULL;

    return item != NULL && ASN1_TYPE_get(item) == V_ASN1_OBJECT ? item->value.object : NULL;
}

static bool is_oid(const ASN1_OBJECT *oid, const char *dotted)
{
    char text[64];

    return OBJ_obj2txt(text, sizeof text, oid, 1) > 0 && strcmp(text, dotted) == 0;
}

static void add_key(struct attrs *a, struct attrs_key key)
{
    if (a->n_keys < ATTRS_CHOICES_MAX)
        a->keys[a->n_keys++] = key;
}

static void pass_over(const ASN1_OBJECT *oid)
{
    char text[64] = "";

    (void)OBJ_obj2txt(text, sizeof text, oid, 1);
    devid_log(DEVID_LOG_INFO, "est/attrs", "the server's wish for %s is not known here and passed over", text);
}

/* An OID by itself: the name of a signature, of a digest or of a key type. */
static void take_oid(struct attrs *a, const ASN1_OBJECT *oid)
{
    static const int digests[] = {NID_sha256, NID_sha384, NID_sha512};
    static const int curves[] = {NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1};
    int nid = OBJ_obj2nid(oid), digest = NID_undef, type = NID_undef;

    if (nid == NID_pkcs9_challengePassword) {
        a->wants_proof = true;
        return;
    }
    if (nid == NID_X9_62_id_ecPublicKey || nid == NID_rsaEncryption) {
        add_key(a, (struct attrs_key){.type = nid == NID_rsaEncryption ? EVP_PKEY_RSA : EVP_PKEY_EC});
        return;
    }
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (nid == curves[i]) {
            add_key(a, (struct attrs_key){.type = EVP_PKEY_EC, .curve = nid});
            return;
        }
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
        if (nid == digests[i])
            digest = nid;
    if (digest == NID_undef && (nid == NID_undef || OBJ_find_sigid_algs(nid, &digest, &type) != 1 || digest == NID_undef))
        pass_over(oid);
    else if (a->n_signatures < ATTRS_CHOICES_MAX)
        a->signatures[a->n_signatures++] = (struct attrs_signature){digest, type};
}

/* An EC key's curves, or the sizes of an RSA modulus. What else stands there is passed over. */
static void take_key(struct attrs *a, int type, const any_list *values)
{
    if (sk_ASN1_TYPE_num(values) == 0)
        add_key(a, (struct attrs_key){.type = type});
    for (int i = 0; i < sk_ASN1_TYPE_num(values); i++) {
        const ASN1_TYPE *value = sk_ASN1_TYPE_value(values, i);

        if (type == EVP_PKEY_EC && ASN1_TYPE_get(value) == V_ASN1_OBJECT)
            add_key(a, (struct attrs_key){.type = type, .curve = OBJ_obj2nid(value->value.object)});
        else if (type == EVP_PKEY_RSA && ASN1_TYPE_get(value) == V_ASN1_INTEGER)
            add_key(a, (struct attrs_key){.type = type, .bits = ASN1_INTEGER_get(value->value.integer)});
    }
}

/*
 * extensionReq: a SET of exactly one Extensions. RFC 7030's own example has an OID in its place, and a server sends just
 * that: it is no more than a hint.
 */
static devid_rc take_extensions(struct attrs *a, const any_list *values, struct devid_error *err)
{
    const ASN1_TYPE *one = sk_ASN1_TYPE_num(values) == 1 ? sk_ASN1_TYPE_value(values, 0) : NULL;
    const unsigned char *at, *end;

    for (int i = 0; i < sk_ASN1_TYPE_num(values); i++)
        if (oid_in(values, i) != NULL)
            pass_over(oid_in(values, i));
        else if (one == NULL)
            return devid_fail(err, DEVID_E_DATA, "it asks for extensions more than once");
    if (one == NULL || ASN1_TYPE_get(one) != V_ASN1_SEQUENCE)
        return DEVID_OK;
    if (a->extensions != NULL)
        return devid_fail(err, DEVID_E_DATA, "it asks for extensions more than once");
    at = ASN1_STRING_get0_data(one->value.sequence);
    end = at + ASN1_STRING_length(one->value.sequence);
    a->extensions = d2i_X509_EXTENSIONS(NULL, &at, end - at);
    ERR_clear_error();
    if (a->extensions == NULL || at != end || sk_X509_EXTENSION_num(a->extensions) > ATTRS_EXTENSIONS_MAX)
        return devid_fail(err, DEVID_E_DATA, "the extensions that it asks for are malformed");
    return DEVID_OK;
}

/* ExtensionTemplate ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue OPTIONAL } */
static bool take_extension_template(struct attrs *a, const ASN1_TYPE *item)
{
    any_list *fields = list_in(item, V_ASN1_SEQUENCE);
    int last = sk_ASN1_TYPE_num(fields) - 1;
    const ASN1_TYPE *value = last > 0 ? sk_ASN1_TYPE_value(fields, last) : NULL;
    const ASN1_TYPE *critical = last > 0 ? sk_ASN1_TYPE_value(fields, 1) : NULL;
    const ASN1_OBJECT *oid = oid_in(fields, 0);
    X509_EXTENSION *extension = NULL;
    ASN1_OBJECT *copy = NULL;
    bool is_critical = critical != NULL && ASN1_TYPE_get(critical) == V_ASN1_BOOLEAN && critical->value.boolean != 0;
    bool good = oid != NULL && last < 3;

    if (good && value != NULL && ASN1_TYPE_get(value) == V_ASN1_OCTET_STRING) {
        extension = X509_EXTENSION_create_by_OBJ(NULL, oid, is_critical, value->value.octet_string);
        good = extension != NULL && sk_X509_EXTENSION_push(a->extensions, extension) > 0;
        extension = good ? NULL : extension;
    } else if (good) {
        copy = OBJ_dup(oid);
        good = copy != NULL && sk_ASN1_OBJECT_push(a->blanks, copy) > 0;
        copy = good ? NULL : copy;
    }
    X509_EXTENSION_free(extension);
    ASN1_OBJECT_free(copy);
    list_free(fields);
    return good;
}

static devid_rc take_extension_templates(struct attrs *a, const any_list *values, struct devid_error *err)
{
    any_list *list = sk_ASN1_TYPE_num(values) == 1 ? list_in(sk_ASN1_TYPE_value(values, 0), V_ASN1_SEQUENCE) : NULL;
    bool good = list != NULL && a->extensions == NULL && sk_ASN1_TYPE_num(list) <= ATTRS_EXTENSIONS_MAX;

    if (good) {
        a->extensions = sk_X509_EXTENSION_new_null();
        a->blanks = sk_ASN1_OBJECT_new_null();
        good = a->extensions != NULL && a->blanks != NULL;
    }
    for (int i = 0; good && i < sk_ASN1_TYPE_num(list); i++)
        good = take_extension_template(a, sk_ASN1_TYPE_value(list, i));
    list_free(list);
    ERR_clear_error();
    return good ? DEVID_OK : devid_fail(err, DEVID_E_DATA, "the extensions of its template are malformed");
}

static devid_rc take_template(struct attrs *a, const any_list *values, struct devid_error *err);

/* Attribute ::= SEQUENCE { type, SET OF value } */
static devid_rc take_attribute(struct attrs *a, const ASN1_TYPE *item, struct devid_error *err)
{
    any_list *fields = list_in(item, V_ASN1_SEQUENCE);
    any_list *values = sk_ASN1_TYPE_num(fields) == 2 ? list_in(sk_ASN1_TYPE_value(fields, 1), V_ASN1_SET) : NULL;
    const ASN1_OBJECT *oid = oid_in(fields, 0);
    int nid = oid != NULL ? OBJ_obj2nid(oid) : NID_undef;
    devid_rc rc = DEVID_OK;

    if (oid == NULL || values == NULL)
        rc = devid_fail(err, DEVID_E_DATA, "an attribute in it is malformed");
    else if (nid == NID_pkcs9_challengePassword)
        a->wants_proof = true;
    else if (nid == NID_X9_62_id_ecPublicKey || nid == NID_rsaEncryption)
        take_key(a, nid == NID_rsaEncryption ? EVP_PKEY_RSA : EVP_PKEY_EC, values);
    else if (nid == NID_ext_req)
        rc = take_extensions(a, values, err);
    else if (is_oid(oid, OID_EXTENSION_TEMPLATE))
        rc = take_extension_templates(a, values, err);
    else if (is_oid(oid, OID_TEMPLATE))
        rc = take_template(a, values, err);
    else
        pass_over(oid);
    list_free(values);
    list_free(fields);
    return rc;
}

/* SingleAttributeTemplate ::= SEQUENCE { type, value OPTIONAL } */
static bool take_part(struct attrs *a, const ASN1_TYPE *item, bool is_joined)
{
    struct attrs_part *part = &a->parts[a->n_parts];
    any_list *fields = list_in(item, V_ASN1_SEQUENCE);
    const ASN1_OBJECT *oid = oid_in(fields, 0);
    bool good = oid != NULL && sk_ASN1_TYPE_num(fields) <= 2 && a->n_parts < ATTRS_PARTS_MAX;

    if (good) {
        *part = (struct attrs_part){.type = OBJ_dup(oid), .is_joined = is_joined};
        if (sk_ASN1_TYPE_num(fields) == 2)
            part->value = sk_ASN1_TYPE_pop(fields);
        a->n_parts++;
        good = part->type != NULL;
    }
    list_free(fields);
    return good;
}

static bool take_subject(struct attrs *a, const ASN1_TYPE *item)
{
    any_list *rdns = list_in(item, V_ASN1_SEQUENCE);
    bool good = rdns != NULL;

    for (int i = 0; good && i < sk_ASN1_TYPE_num(rdns); i++) {
        any_list *parts = list_in(sk_ASN1_TYPE_value(rdns, i), V_ASN1_SET);

        good = sk_ASN1_TYPE_num(parts) > 0;
        for (int j = 0; good && j < sk_ASN1_TYPE_num(parts); j++)
            good = take_part(a, sk_ASN1_TYPE_value(parts, j), j > 0);
        list_free(parts);
    }
    list_free(rdns);
    a->has_subject = good;
    return good;
}

/* The size of an RSA modulus is told by a key of that size. */
static long rsa_bits(const ASN1_TYPE *placeholder)
{
    any_list *key = NULL;
    BIGNUM *modulus = NULL;
    long bits = 0;

    if (placeholder != NULL && ASN1_TYPE_get(placeholder) == V_ASN1_BIT_STRING)
        key = list_of(ASN1_STRING_get0_data(placeholder->value.bit_string),
                      ASN1_STRING_length(placeholder->value.bit_string), false);
    if (sk_ASN1_TYPE_num(key) == 2 && ASN1_TYPE_get(sk_ASN1_TYPE_value(key, 0)) == V_ASN1_INTEGER)
        modulus = ASN1_INTEGER_to_BN(sk_ASN1_TYPE_value(key, 0)->value.integer, NULL);
    if (modulus != NULL)
        bits = BN_num_bits(modulus);
    BN_free(modulus);
    list_free(key);
    return bits;
}

/* SubjectPublicKeyInfoTemplate ::= SEQUENCE { algorithm, subjectPublicKey BIT STRING OPTIONAL } */
static bool take_public_key(struct attrs *a, const any_list *fields)
{
    any_list *algorithm = list_in(sk_ASN1_TYPE_num(fields) > 0 ? sk_ASN1_TYPE_value(fields, 0) : NULL, V_ASN1_SEQUENCE);
    const ASN1_OBJECT *oid = oid_in(algorithm, 0), *curve = oid_in(algorithm, 1);
    int nid = oid != NULL ? OBJ_obj2nid(oid) : NID_undef;

    if (nid == NID_X9_62_id_ecPublicKey)
        add_key(a, (struct attrs_key){.type = EVP_PKEY_EC, .curve = curve != NULL ? OBJ_obj2nid(curve) : NID_undef});
    else if (nid == NID_rsaEncryption)
        add_key(a, (struct attrs_key){
                       .type = EVP_PKEY_RSA,
                       .bits = rsa_bits(sk_ASN1_TYPE_num(fields) > 1 ? sk_ASN1_TYPE_value(fields, 1) : NULL)});
    else if (oid != NULL) /* of a kind that no TPM makes: it is for attrs_check_key to refuse */
        add_key(a, (struct attrs_key){.type = nid, .curve = NID_undef});
    list_free(algorithm);
    return oid != NULL;
}

/* The items of an implicitly tagged SEQUENCE or SET, [0] or [1]: RFC 9908's module has IMPLICIT TAGS. */
static any_list *tagged_in(const ASN1_TYPE *item, int number)
{
    unsigned char *copy;
    any_list *list = NULL;
    int len;

    if (ASN1_TYPE_get(item) != V_ASN1_OTHER)
        return NULL;
    len = ASN1_STRING_length(item->value.asn1_string);
    copy = len > 0 ? OPENSSL_memdup(ASN1_STRING_get0_data(item->value.asn1_string), (size_t)len) : NULL;
    if (copy != NULL && copy[0] == (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED | number)) {
        copy[0] = V_ASN1_CONSTRUCTED | (number == 0 ? V_ASN1_SEQUENCE : V_ASN1_SET);
        list = list_of(copy, len, number != 0);
    }
    OPENSSL_free(copy);
    return list;
}

/* CertificationRequestInfoTemplate ::= SEQUENCE { version, subject OPTIONAL, subjectPKInfo [0] OPTIONAL, attributes [1] } */
static devid_rc take_template(struct attrs *a, const any_list *values, struct devid_error *err)
{
    any_list *fields = sk_ASN1_TYPE_num(values) == 1 ? list_in(sk_ASN1_TYPE_value(values, 0), V_ASN1_SEQUENCE) : NULL;
    const ASN1_TYPE *version = sk_ASN1_TYPE_num(fields) > 0 ? sk_ASN1_TYPE_value(fields, 0) : NULL;
    struct attrs inner = {.has_template = true};
    bool good = version != NULL && ASN1_TYPE_get(version) == V_ASN1_INTEGER && !a->has_template;
    devid_rc rc = DEVID_OK;

    if (good && ASN1_INTEGER_get(version->value.integer) != 0) {
        list_free(fields);
        return devid_fail(err, DEVID_E_DATA, "its template is of a version that is not known here");
    }
    for (int i = 1; good && rc == DEVID_OK && i < sk_ASN1_TYPE_num(fields); i++) {
        const ASN1_TYPE *field = sk_ASN1_TYPE_value(fields, i);
        any_list *key = tagged_in(field, 0), *attributes = tagged_in(field, 1);

        if (ASN1_TYPE_get(field) == V_ASN1_SEQUENCE)
            good = i == 1 && take_subject(&inner, field);
        else
            good = attributes != NULL || (key != NULL && take_public_key(&inner, key));
        for (int j = 0; rc == DEVID_OK && j < sk_ASN1_TYPE_num(attributes); j++)
            rc = take_attribute(&inner, sk_ASN1_TYPE_value(attributes, j), err);
        list_free(key);
        list_free(attributes);
    }
    list_free(fields);
    if (rc == DEVID_OK && !good)
        rc = devid_fail(err, DEVID_E_DATA, "its template is malformed");
    if (rc == DEVID_OK) {
        attrs_free(a);
        *a = inner;
    } else {
        attrs_free(&inner);
    }
    return rc;
}

devid_rc attrs_parse(struct devid_slice der, struct attrs *out, struct devid_error *err)
{
    any_list *list = list_of(der.data, (long)der.len, false);
    devid_rc rc = DEVID_OK;

    *out = (struct attrs){0};
    if (list == NULL)
        return devid_fail(err, DEVID_E_DATA, "it is no list of attributes (RFC 8951), or one of more than %d", LIST_MAX);
    for (int i = 0; rc == DEVID_OK && i < sk_ASN1_TYPE_num(list); i++) {
        const ASN1_TYPE *item = sk_ASN1_TYPE_value(list, i);
        struct attrs other = {0}; /* beside a template the rest does not count, but must be read */

        if (oid_in(list, i) != NULL)
            take_oid(out->has_template ? &other : out, oid_in(list, i));
        else if (ASN1_TYPE_get(item) == V_ASN1_SEQUENCE)
            rc = take_attribute(out->has_template ? &other : out, item, err);
        attrs_free(&other);
    }
    list_free(list);
    ERR_clear_error(); /* a number that is too large leaves one */
    return rc;
}

void attrs_free(struct attrs *attrs)
{
    sk_X509_EXTENSION_pop_free(attrs->extensions, X509_EXTENSION_free);
    sk_ASN1_OBJECT_pop_free(attrs->blanks, ASN1_OBJECT_free);
    for (size_t i = 0; i < attrs->n_parts; i++) {
        ASN1_OBJECT_free(attrs->parts[i].type);
        ASN1_TYPE_free(attrs->parts[i].value);
    }
    *attrs = (struct attrs){0};
}
