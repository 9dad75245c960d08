/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "provider/search.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <string.h>

void search_free(struct search *s)
{
    X509_NAME_free(s->subject);
    X509_NAME_free(s->issuer);
    BN_free(s->serial);
    EVP_MD_free(s->digest);
    devid_bytes_free(&s->fingerprint);
    OPENSSL_free(s->alias);
    *s = (struct search){0};
}

static X509_NAME *name_of(struct devid_slice der)
{
    const unsigned char *at = der.data;
    X509_NAME *name;

    ERR_set_mark();
    name = d2i_X509_NAME(NULL, &at, (long)der.len);
    ERR_pop_to_mark();
    return name;
}

static bool take_octets(const OSSL_PARAM *p, struct devid_slice *out)
{
    const void *data = NULL;

    return OSSL_PARAM_get_octet_string_ptr(p, &data, &out->len) == 1 && (out->data = data) != NULL;
}

static bool take_name(const OSSL_PARAM *p, X509_NAME **out)
{
    struct devid_slice der;

    X509_NAME_free(*out);
    *out = take_octets(p, &der) ? name_of(der) : NULL;
    return *out != NULL;
}

static bool take_one(struct search *s, const OSSL_PARAM *p)
{
    struct devid_slice octets;
    const char *text = NULL;

    if (strcmp(p->key, OSSL_STORE_PARAM_SUBJECT) == 0)
        return take_name(p, &s->subject);
    if (strcmp(p->key, OSSL_STORE_PARAM_ISSUER) == 0)
        return take_name(p, &s->issuer);
    if (strcmp(p->key, OSSL_STORE_PARAM_SERIAL) == 0)
        return OSSL_PARAM_get_BN(p, &s->serial) == 1;
    if (strcmp(p->key, OSSL_STORE_PARAM_FINGERPRINT) == 0) {
        devid_bytes_free(&s->fingerprint);
        return take_octets(p, &octets) && devid_bytes_copy(octets, &s->fingerprint, NULL) == DEVID_OK;
    }
    if (strcmp(p->key, OSSL_STORE_PARAM_DIGEST) == 0) {
        EVP_MD_free(s->digest);
        s->digest = OSSL_PARAM_get_utf8_string_ptr(p, &text) == 1 ? EVP_MD_fetch(devid_libctx(), text, NULL) : NULL;
        return s->digest != NULL;
    }
    if (strcmp(p->key, OSSL_STORE_PARAM_ALIAS) == 0) {
        OPENSSL_free(s->alias);
        s->alias = OSSL_PARAM_get_utf8_string_ptr(p, &text) == 1 ? OPENSSL_strdup(text) : NULL;
        return s->alias != NULL;
    }
    return true;
}

bool search_take(struct search *s, const OSSL_PARAM params[])
{
    static const OSSL_PARAM ours[] = {SEARCH_PARAMS, OSSL_PARAM_END};

    for (const OSSL_PARAM *p = params; p->key != NULL; p++) {
        if (OSSL_PARAM_locate_const(ours, p->key) == NULL)
            continue;
        if (!take_one(s, p))
            return false;
        s->is_set = true;
    }
    return true;
}

static bool is_name(const X509_NAME *wanted, struct devid_slice der)
{
    X509_NAME *name;
    bool is_same;

    if (wanted == NULL)
        return true;
    name = name_of(der);
    is_same = name != NULL && X509_NAME_cmp(wanted, name) == 0;
    X509_NAME_free(name);
    return is_same;
}

static bool is_serial(const BIGNUM *wanted, struct devid_slice der)
{
    const unsigned char *at = der.data;
    ASN1_INTEGER *number;
    BIGNUM *serial;
    bool is_same;

    if (wanted == NULL)
        return true;
    number = d2i_ASN1_INTEGER(NULL, &at, (long)der.len);
    serial = number == NULL ? NULL : ASN1_INTEGER_to_BN(number, NULL);
    is_same = serial != NULL && BN_cmp(wanted, serial) == 0;
    BN_free(serial);
    ASN1_INTEGER_free(number);
    return is_same;
}

static bool is_fingerprint(const struct search *s, struct devid_slice der)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;

    return s->digest != NULL && EVP_Digest(der.data, der.len, digest, &len, s->digest, NULL) == 1 &&
           devid_slice_eq((struct devid_slice){digest, len}, devid_slice_of(s->fingerprint));
}

static bool is_alias(const struct search *s, const struct devid_identity *identity)
{
    return s->alias == NULL || strcmp(s->alias, identity->label) == 0;
}

static bool says(const struct search *s, const struct devid_cert *cert)
{
    return is_name(s->subject, cert->subject) && is_name(s->issuer, cert->issuer) && is_serial(s->serial, cert->serial);
}

bool search_wants_cert(const struct search *s, const struct devid_identity *identity, const struct devid_cert *cert)
{
    return !s->is_set || (is_alias(s, identity) && says(s, cert) &&
                          (s->fingerprint.len == 0 || is_fingerprint(s, cert->der) || is_fingerprint(s, cert->spki)));
}

bool search_wants_key(const struct search *s, const struct devid_identity *identity)
{
    const struct devid_cert *leaf = identity != NULL && identity->n_chain > 0 ? &identity->chain[0] : NULL;
    bool by_leaf = s->subject != NULL || s->issuer != NULL || s->serial != NULL;

    if (!s->is_set || identity == NULL)
        return !s->is_set;
    if (!is_alias(s, identity) || (by_leaf && (leaf == NULL || !says(s, leaf))))
        return false;
    return s->fingerprint.len == 0 || is_fingerprint(s, devid_slice_of(identity->pub.spki)) ||
           (leaf != NULL && is_fingerprint(s, leaf->der));
}
