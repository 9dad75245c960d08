/* SPDX-License-Identifier: BSD-2-Clause */
/* A subject as people write it; the escapes are those of RFC 4514, the order is that of the certificate. */
#include "est/subject.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

#include "est/ossl.h"

#define NAME_MAX_LEN 64
#define SUBJECT_MAX 4096

/* "cn" is meant as CN: libcrypto's names are case-sensitive. */
static ASN1_OBJECT *object_of(const char *name)
{
    char upper[NAME_MAX_LEN];
    ASN1_OBJECT *object = OBJ_txt2obj(name, 0);
    size_t i = 0;

    if (object != NULL)
        return object;
    for (; name[i] != 0; i++)
        upper[i] = (char)toupper((unsigned char)name[i]);
    upper[i] = 0;
    return OBJ_txt2obj(upper, 0);
}

/* Name up to '=', without spaces around it. */
static devid_rc read_name(const char *text, size_t *at, char name[NAME_MAX_LEN], struct devid_error *err)
{
    size_t start = *at + strspn(text + *at, " "), len = strcspn(text + start, "=,");

    if (text[start + len] != '=')
        return devid_fail(err, DEVID_E_ARG, "subject \"%.80s\": NAME=VALUE is expected at character %zu", text, start + 1);
    *at = start + len + 1;
    while (len > 0 && text[start + len - 1] == ' ')
        len--;
    if (len == 0 || len >= NAME_MAX_LEN)
        return devid_fail(err, DEVID_E_ARG, "subject \"%.80s\": a name such as CN is expected at character %zu", text,
                          start + 1);
    memcpy(name, text + start, len);
    name[len] = 0;
    return DEVID_OK;
}

/* Value up to a ',' that is not escaped; value has room for the whole text. */
static devid_rc read_value(const char *text, size_t *at, unsigned char *value, size_t *len, struct devid_error *err)
{
    size_t n = 0, keep = 0; /* keep: what must not be trimmed */

    *at += strspn(text + *at, " ");
    while (text[*at] != 0 && text[*at] != ',') {
        const char *c = text + *at;

        if (c[0] == '\\' && isxdigit((unsigned char)c[1]) && isxdigit((unsigned char)c[2])) {
            value[n++] = (unsigned char)(OPENSSL_hexchar2int((unsigned char)c[1]) << 4 |
                                         OPENSSL_hexchar2int((unsigned char)c[2]));
            *at += 3;
            keep = n;
        } else if (c[0] == '\\' && c[1] != 0) {
            value[n++] = (unsigned char)c[1];
            *at += 2;
            keep = n;
        } else if (c[0] == '\\') {
            return devid_fail(err, DEVID_E_ARG, "subject \"%.80s\": nothing follows the '\\' at its end", text);
        } else {
            value[n++] = (unsigned char)c[0];
            *at += 1;
        }
    }
    while (n > keep && value[n - 1] == ' ')
        n--;
    *len = n;
    return DEVID_OK;
}

static devid_rc read_attribute(const char *text, size_t *at, unsigned char *value, X509_NAME *subject,
                               struct devid_error *err)
{
    ASN1_OBJECT *object = NULL;
    char name[NAME_MAX_LEN];
    size_t start = *at, len = 0;
    devid_rc rc = read_name(text, at, name, err);

    if (rc == DEVID_OK)
        rc = read_value(text, at, value, &len, err);
    if (rc != DEVID_OK)
        return rc;
    if (len == 0)
        return devid_fail(err, DEVID_E_ARG, "subject \"%.80s\": %s has no value", text, name);
    object = object_of(name);
    ERR_clear_error();
    if (object == NULL)
        rc = devid_fail(err, DEVID_E_ARG, "subject \"%.80s\": no attribute is called %s (at character %zu)", text, name,
                        start + 1);
    else if (X509_NAME_add_entry_by_OBJ(subject, object, MBSTRING_UTF8, value, (int)len, -1, 0) != 1)
        rc = ossl_fail(err, DEVID_E_ARG, "subject \"%.80s\": %s cannot have this value", text, name);
    ASN1_OBJECT_free(object);
    return rc;
}

devid_rc subject_parse(const char *text, X509_NAME **out, struct devid_error *err)
{
    X509_NAME *subject = NULL;
    unsigned char *value;
    size_t at = 0, len = strlen(text);
    devid_rc rc = DEVID_OK;

    if (len > SUBJECT_MAX)
        return devid_fail(err, DEVID_E_ARG, "the subject is longer than %d bytes", SUBJECT_MAX);
    subject = X509_NAME_new();
    value = malloc(len + 1);
    if (subject == NULL || value == NULL)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    if (text[strspn(text, " ")] == 0)
        at = len;
    while (rc == DEVID_OK && at < len) {
        rc = read_attribute(text, &at, value, subject, err);
        if (rc == DEVID_OK && text[at] == ',' && text[++at] == 0)
            rc = devid_fail(err, DEVID_E_ARG, "subject \"%.80s\": nothing follows its last ','", text);
    }
    free(value);
    if (rc == DEVID_OK)
        *out = subject;
    else
        X509_NAME_free(subject);
    return rc;
}
