/* SPDX-License-Identifier: BSD-2-Clause */
/* A server's wishes, held against what this device has: its key, its subject. RFC 8951 section 3, RFC 9908. */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "est/attrs.h"
#include "est/ossl.h"

#define KEY_TEXT_MAX 40

static int type_of(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "EC"))
        return EVP_PKEY_EC;
    return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") ? EVP_PKEY_RSA : NID_undef;
}

static int curve_of(const EVP_PKEY *key)
{
    char group[64];
    size_t len;

    return EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 ? OBJ_txt2nid(group) : NID_undef;
}

static bool is_wanted(const struct attrs_key *wish, EVP_PKEY *key)
{
    if (wish->type != type_of(key))
        return false;
    if (wish->type == EVP_PKEY_RSA)
        return wish->bits == 0 || wish->bits == EVP_PKEY_get_bits(key);
    return wish->curve == NID_undef || wish->curve == curve_of(key);
}

/* As devid.conf writes it, where it can. */
static void key_text(int type, int curve, long bits, char text[KEY_TEXT_MAX])
{
    const char *name = type == EVP_PKEY_EC ? EC_curve_nid2nist(curve) : NULL;

    if (type == EVP_PKEY_RSA && bits != 0)
        (void)snprintf(text, KEY_TEXT_MAX, "rsa-%ld", bits);
    else if (type == EVP_PKEY_RSA || (type == EVP_PKEY_EC && curve == NID_undef))
        (void)snprintf(text, KEY_TEXT_MAX, "%s", type == EVP_PKEY_RSA ? "rsa" : "ec");
    else if (name != NULL)
        (void)snprintf(text, KEY_TEXT_MAX, "ec-p%s", name + 2);
    else
        (void)snprintf(text, KEY_TEXT_MAX, "%.30s", OBJ_nid2sn(type == EVP_PKEY_EC ? curve : type));
}

static void keys_text(const struct attrs *attrs, char *text, size_t room)
{
    char one[KEY_TEXT_MAX];
    size_t used = 0;

    text[0] = 0;
    for (size_t i = 0; i < attrs->n_keys && used + sizeof one + 4 < room; i++) {
        key_text(attrs->keys[i].type, attrs->keys[i].curve, attrs->keys[i].bits, one);
        used += (size_t)snprintf(text + used, room - used, "%s%s", i > 0 ? " or " : "", one);
    }
}

devid_rc attrs_check_key(const struct attrs *attrs, EVP_PKEY *key, struct devid_error *err)
{
    char wanted[160], ours[KEY_TEXT_MAX];

    if (attrs->n_keys == 0)
        return DEVID_OK;
    for (size_t i = 0; i < attrs->n_keys; i++)
        if (is_wanted(&attrs->keys[i], key))
            return DEVID_OK;
    keys_text(attrs, wanted, sizeof wanted);
    key_text(type_of(key), curve_of(key), EVP_PKEY_get_bits(key), ours);
    return devid_fail(err, DEVID_E_KEY,
                      "the server takes a key of %s, and this one is %s: an identity with \"key =\" of that type is needed",
                      wanted, ours);
}

devid_rc attrs_digest(const struct attrs *attrs, EVP_PKEY *key, const EVP_MD *usual, const EVP_MD **out,
                      struct devid_error *err)
{
    const EVP_MD *first = NULL;

    *out = usual;
    if (attrs->n_signatures == 0)
        return DEVID_OK;
    for (size_t i = 0; i < attrs->n_signatures; i++) {
        const struct attrs_signature *s = &attrs->signatures[i];
        const EVP_MD *digest = s->type == NID_undef || s->type == type_of(key) ? EVP_get_digestbynid(s->digest) : NULL;

        if (digest != NULL && EVP_MD_get_type(digest) == EVP_MD_get_type(usual))
            return DEVID_OK;
        /* SHA-1 is no signature for a request, whoever asks for it */
        if (first == NULL && digest != NULL && EVP_MD_get_size(digest) >= 32)
            first = digest;
    }
    if (first == NULL)
        return devid_fail(err, DEVID_E_KEY, "the server takes none of the signatures that this key can make (its first is %s)",
                          OBJ_nid2sn(attrs->signatures[0].digest));
    *out = first;
    return DEVID_OK;
}

/* The value of a string type goes into the name as it came. */
static X509_NAME_ENTRY *entry_of(const struct attrs_part *part)
{
    int type = ASN1_TYPE_get(part->value);

    if (type == V_ASN1_BOOLEAN || type == V_ASN1_NULL || type == V_ASN1_OBJECT)
        return NULL;
    return X509_NAME_ENTRY_create_by_OBJ(NULL, part->type, type, ASN1_STRING_get0_data(part->value->value.asn1_string),
                                         ASN1_STRING_length(part->value->value.asn1_string));
}

/* For a blank, the first attribute of ours of that type that was not used yet. */
static X509_NAME_ENTRY *ours_for(const struct attrs_part *part, const X509_NAME *ours, uint64_t *used)
{
    int at = -1;

    while ((at = X509_NAME_get_index_by_OBJ(ours, part->type, at)) >= 0)
        if (at < 64 && (*used >> at & 1) == 0) {
            *used |= UINT64_C(1) << at;
            return X509_NAME_ENTRY_dup(X509_NAME_get_entry(ours, at));
        }
    return NULL;
}

devid_rc attrs_subject(const struct attrs *attrs, const X509_NAME *ours, X509_NAME **out, struct devid_error *err)
{
    X509_NAME *name = attrs->has_subject ? X509_NAME_new() : X509_NAME_dup(ours);
    X509_NAME_ENTRY *entry = NULL;
    uint64_t used = 0;
    devid_rc rc = DEVID_OK;
    char type[64];

    if (name == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    for (size_t i = 0; rc == DEVID_OK && attrs->has_subject && i < attrs->n_parts; i++) {
        const struct attrs_part *part = &attrs->parts[i];

        (void)OBJ_obj2txt(type, sizeof type, part->type, 0);
        entry = part->value != NULL ? entry_of(part) : ours_for(part, ours, &used);
        if (entry == NULL && part->value != NULL)
            rc = devid_fail(err, DEVID_E_DATA, "the server's wish for %s in the subject is malformed", type);
        else if (entry == NULL)
            rc = devid_fail(err, DEVID_E_DATA, "the server wants a %s in the subject: add it to \"subject =\"", type);
        else if (X509_NAME_add_entry(name, entry, -1, part->is_joined ? -1 : 0) != 1)
            rc = ossl_fail(err, DEVID_E_DATA, "the server's wish for a subject cannot be met");
        X509_NAME_ENTRY_free(entry);
        entry = NULL;
    }
    ERR_clear_error();
    if (rc == DEVID_OK)
        *out = name;
    else
        X509_NAME_free(name);
    return rc;
}

static int place_of(STACK_OF(X509_EXTENSION) *list, const ASN1_OBJECT *oid)
{
    return X509v3_get_ext_by_OBJ(list, oid, -1);
}

devid_rc attrs_extend(const struct attrs *attrs, bool keeps_names, STACK_OF(X509_EXTENSION) *list, struct devid_error *err)
{
    char type[64];

    for (int i = 0; i < sk_X509_EXTENSION_num(attrs->extensions); i++) {
        X509_EXTENSION *wish = sk_X509_EXTENSION_value(attrs->extensions, i), *copy;
        const ASN1_OBJECT *oid = X509_EXTENSION_get_object(wish);
        int at = place_of(list, oid);

        if (keeps_names && OBJ_obj2nid(oid) == NID_subject_alt_name)
            continue; /* RFC 7030 section 4.2.2 */
        copy = X509_EXTENSION_dup(wish);
        if (copy == NULL)
            return devid_fail(err, DEVID_E_MEM, "out of memory");
        if (at >= 0) {
            X509_EXTENSION_free(sk_X509_EXTENSION_value(list, at));
            (void)sk_X509_EXTENSION_set(list, at, copy);
        } else if (sk_X509_EXTENSION_push(list, copy) < 1) {
            X509_EXTENSION_free(copy);
            return devid_fail(err, DEVID_E_MEM, "out of memory");
        }
    }
    for (int i = 0; i < sk_ASN1_OBJECT_num(attrs->blanks); i++)
        if (place_of(list, sk_ASN1_OBJECT_value(attrs->blanks, i)) < 0) {
            (void)OBJ_obj2txt(type, sizeof type, sk_ASN1_OBJECT_value(attrs->blanks, i), 0);
            devid_log(DEVID_LOG_INFO, "est/attrs_use", "the server wants the extension %s, and there is nothing to put into it",
                      type);
        }
    return DEVID_OK;
}

/* ---- for a person ---- */

static devid_rc say(struct devid_bytes *out, const char *words, const char *what, struct devid_error *err)
{
    char line[256];
    int len = snprintf(line, sizeof line, "%s%s\n", words, what);

    return devid_bytes_append(out, (struct devid_slice){(unsigned char *)line, (size_t)len}, err);
}

devid_rc attrs_text(const struct attrs *attrs, struct devid_bytes *out, struct devid_error *err)
{
    char what[160];
    devid_rc rc = DEVID_OK;

    if (attrs->has_template)
        rc = say(out, "a template (RFC 9908)", "", err);
    if (rc == DEVID_OK && attrs->wants_proof)
        rc = say(out, "a proof of possession: tls-unique as challengePassword", "", err);
    keys_text(attrs, what, sizeof what);
    if (rc == DEVID_OK && attrs->n_keys != 0)
        rc = say(out, "a key: ", what, err);
    for (size_t i = 0; rc == DEVID_OK && i < attrs->n_signatures; i++)
        rc = say(out, "a signature with ", OBJ_nid2sn(attrs->signatures[i].digest), err);
    for (size_t i = 0; rc == DEVID_OK && i < attrs->n_parts; i++) {
        (void)OBJ_obj2txt(what, sizeof what, attrs->parts[i].type, 0);
        rc = say(out, attrs->parts[i].value != NULL ? "in the subject, its own value of " : "in the subject ", what, err);
    }
    for (int i = 0; rc == DEVID_OK && i < sk_X509_EXTENSION_num(attrs->extensions); i++) {
        (void)OBJ_obj2txt(what, sizeof what, X509_EXTENSION_get_object(sk_X509_EXTENSION_value(attrs->extensions, i)), 0);
        rc = say(out, "an extension with its own value: ", what, err);
    }
    for (int i = 0; rc == DEVID_OK && i < sk_ASN1_OBJECT_num(attrs->blanks); i++) {
        (void)OBJ_obj2txt(what, sizeof what, sk_ASN1_OBJECT_value(attrs->blanks, i), 0);
        rc = say(out, "an extension: ", what, err);
    }
    if (rc == DEVID_OK && out->len == 0)
        rc = say(out, "nothing in particular", "", err);
    return rc;
}
