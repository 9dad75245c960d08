/* SPDX-License-Identifier: BSD-2-Clause */
/* Distinguished names for people. RFC 4514. Declared in cert.h. */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "core/cert.h"

/* UTF-8 stays as it is, control characters become \XX: a certificate does not steer a terminal. */
#define TEXT_FLAGS (ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_ESC_CTRL)
#define NAME_FLAGS ((XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) | TEXT_FLAGS)

static X509_NAME *name_decode(struct devid_slice name)
{
    const unsigned char *at = name.data;
    X509_NAME *decoded;

    if (name.len == 0 || name.len > DEVID_CERT_MAX)
        return NULL;
    decoded = d2i_X509_NAME(NULL, &at, (long)name.len);
    if (decoded != NULL && at != name.data + name.len) {
        X509_NAME_free(decoded);
        decoded = NULL;
    }
    return decoded;
}

/* C1 control characters, U+0080 to U+009F, are C2 80 to C2 9F in UTF-8; OpenSSL does not escape them. */
static devid_rc take_text(BIO *text, struct devid_bytes *out, struct devid_error *err)
{
    struct devid_bytes made = {0};
    char *data = NULL;
    size_t len = (size_t)BIO_get_mem_data(text, &data), from = 0;
    const unsigned char *p = (const unsigned char *)data;
    devid_rc rc = devid_bytes_append(&made, (struct devid_slice){NULL, 0}, err);

    for (size_t i = 0; rc == DEVID_OK && i + 1 < len; i++) {
        char escaped[8];

        if (p[i] != 0xc2 || p[i + 1] >= 0xa0)
            continue;
        (void)snprintf(escaped, sizeof escaped, "\\C2\\%02X", p[i + 1]);
        rc = devid_bytes_append(&made, (struct devid_slice){p + from, i - from}, err);
        if (rc == DEVID_OK)
            rc = devid_bytes_append(&made, (struct devid_slice){(unsigned char *)escaped, 6}, err);
        from = i + 2;
        i++;
    }
    if (rc == DEVID_OK && from < len)
        rc = devid_bytes_append(&made, (struct devid_slice){p + from, len - from}, err);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_bytes_free(&made);
    return rc;
}

/* One value, or the whole name if value is NULL. A string that is not what its type says is shown byte by byte. */
static bool print(BIO *text, const X509_NAME *name, const ASN1_STRING *value)
{
    const unsigned long bytes = ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_ESC_MSB;

    if (value != NULL ? ASN1_STRING_print_ex(text, value, TEXT_FLAGS) >= 0
                      : X509_NAME_print_ex(text, name, 0, NAME_FLAGS) >= 0)
        return true;
    (void)BIO_reset(text);
    return value != NULL ? ASN1_STRING_print_ex(text, value, bytes) >= 0
                         : X509_NAME_print_ex(text, name, 0, (NAME_FLAGS & ~TEXT_FLAGS) | bytes) >= 0;
}

/* The last one: the most specific, RFC 6125, section 2.3.1. */
static const ASN1_STRING *common_name(const X509_NAME *name)
{
    int at = -1, next;

    while ((next = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        at = next;
    return at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
}

static devid_rc name_text(struct devid_slice der, bool is_cn_enough, struct devid_bytes *out, struct devid_error *err)
{
    X509_NAME *name = NULL;
    BIO *text = NULL;
    devid_rc rc;

    (void)ERR_set_mark();
    name = name_decode(der);
    text = BIO_new(BIO_s_mem());
    if (text == NULL)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    else if (name == NULL || !print(text, name, is_cn_enough ? common_name(name) : NULL))
        rc = devid_fail(err, DEVID_E_DATA, "the name in the certificate is malformed");
    else
        rc = take_text(text, out, err);
    BIO_free(text);
    X509_NAME_free(name);
    (void)ERR_pop_to_mark();
    return rc;
}

devid_rc devid_cert_name_text(struct devid_slice name, struct devid_bytes *out, struct devid_error *err)
{
    return name_text(name, false, out, err);
}

devid_rc devid_cert_name_cn(struct devid_slice name, struct devid_bytes *out, struct devid_error *err)
{
    return name_text(name, true, out, err);
}
