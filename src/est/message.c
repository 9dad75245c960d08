/* SPDX-License-Identifier: BSD-2-Clause */
/* Base64 and certs-only PKCS#7. RFC 7030 section 4.1.3 and 4.2.3, RFC 8951. */
#include "est/message.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "est/ossl.h"

#define LINE_BYTES 48 /* 64 characters */

devid_rc message_base64_encode(struct devid_slice in, struct devid_bytes *out, struct devid_error *err)
{
    unsigned char *text;
    size_t len = 0;

    if (in.len > MESSAGE_MAX)
        return devid_fail(err, DEVID_E_ARG, "a message of %zu bytes is too long", in.len);
    text = malloc((in.len / LINE_BYTES + 1) * 65 + 1);
    if (text == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    for (size_t at = 0; at < in.len; at += LINE_BYTES) {
        size_t n = in.len - at < LINE_BYTES ? in.len - at : LINE_BYTES;

        len += (size_t)EVP_EncodeBlock(text + len, in.data + at, (int)n);
        text[len++] = '\n';
    }
    text[len] = 0;
    *out = (struct devid_bytes){text, len};
    return DEVID_OK;
}

static bool is_space(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int value_of(unsigned char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == 0 ? NULL : strchr(digits, c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* White space anywhere, padding only at the end and complete. */
static devid_rc base64_decode(struct devid_slice in, struct devid_bytes *out, struct devid_error *err)
{
    unsigned char *der = malloc(in.len / 4 * 3 + 4);
    size_t len = 0, n_digits = 0, n_pads = 0;
    uint32_t bits = 0;

    if (der == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = in.data[i];
        int value = value_of(c);

        if (is_space(c))
            continue;
        if (c == '=' ? ++n_pads > 2 : value < 0 || n_pads > 0)
            goto malformed;
        if (c == '=')
            continue;
        bits = bits << 6 | (uint32_t)value;
        if (++n_digits % 4 != 1)
            der[len++] = (unsigned char)(bits >> (6 - 2 * ((n_digits - 1) % 4)));
    }
    if (n_digits % 4 == 1 || (n_digits + n_pads) % 4 != 0)
        goto malformed;
    *out = (struct devid_bytes){der, len};
    return DEVID_OK;
malformed:
    free(der);
    return devid_fail(err, DEVID_E_DATA, "its base64 is malformed");
}

/* The lines between -----BEGIN and -----END; headers are not for us. */
static bool unarmoured(struct devid_slice *text)
{
    const unsigned char *end, *begin = memmem(text->data, text->len, "-----BEGIN ", 11);
    size_t rest;

    if (begin == NULL)
        return false;
    rest = text->len - (size_t)(begin - text->data);
    begin = memchr(begin, '\n', rest);
    if (begin == NULL)
        return false;
    rest = text->len - (size_t)(begin - text->data);
    end = memmem(begin, rest, "-----END ", 9);
    if (end == NULL)
        return false;
    *text = (struct devid_slice){begin, (size_t)(end - begin)};
    return true;
}

devid_rc message_der(struct devid_slice body, struct devid_bytes *out, struct devid_error *err)
{
    if (body.len > MESSAGE_MAX)
        return devid_fail(err, DEVID_E_DATA, "it is longer than %d bytes", MESSAGE_MAX);
    /* a SEQUENCE of more than 127 bytes; '0' starts base64 as well, but no base64 has this second byte */
    if (body.len > 2 && body.data[0] == 0x30 && body.data[1] >= 0x80) {
        devid_log(DEVID_LOG_INFO, "est/message", "the reply is bare DER, not base64 (RFC 8951): taken as it is");
        return devid_bytes_copy(body, out, err);
    }
    if (unarmoured(&body))
        devid_log(DEVID_LOG_INFO, "est/message", "the reply is PEM, not base64 (RFC 8951): armour removed");
    return base64_decode(body, out, err);
}

static bool starts_with(struct devid_slice text, const char *word)
{
    return text.len >= strlen(word) && strncasecmp((const char *)text.data, word, strlen(word)) == 0;
}

static bool is_media_type(const char *type, const char *wanted)
{
    size_t len = strlen(wanted);

    type += strspn(type, " \t");
    return strncasecmp(type, wanted, len) == 0 && (type[len] == 0 || strchr("; \t\r\n", type[len]) != NULL);
}

static devid_rc check_type(const char *type, const char *const *wanted, struct devid_slice body, struct devid_error *err)
{
    while (body.len > 0 && is_space(body.data[0]))
        body = (struct devid_slice){body.data + 1, body.len - 1};
    if (body.len == 0)
        return devid_fail(err, DEVID_E_DATA, "it has no content");
    if ((type != NULL && is_media_type(type, "text/html")) || starts_with(body, "<!doctype") || starts_with(body, "<html"))
        return devid_fail(err, DEVID_E_DATA, "an HTML page instead of an answer: is the URL that of an EST service?");
    if (type == NULL)
        return devid_fail(err, DEVID_E_DATA, "it does not say what it is: no Content-Type");
    for (const char *const *w = wanted; *w != NULL; w++)
        if (is_media_type(type, *w))
            return DEVID_OK;
    return devid_fail(err, DEVID_E_DATA, "%.60s instead of %s", type, wanted[0]);
}

static devid_rc certs_of_pkcs7(struct devid_slice der, STACK_OF(X509) **out, struct devid_error *err)
{
    const unsigned char *at = der.data;
    PKCS7 *p7 = d2i_PKCS7(NULL, &at, (long)der.len);
    STACK_OF(X509) *certs = NULL;
    devid_rc rc = DEVID_OK;

    if (p7 == NULL || at != der.data + der.len)
        rc = devid_fail(err, DEVID_E_DATA, "it is no PKCS#7 message");
    else if (!PKCS7_type_is_signed(p7) || p7->d.sign == NULL)
        rc = devid_fail(err, DEVID_E_DATA, "it is another kind of PKCS#7 message than certs-only");
    else if (sk_X509_num(p7->d.sign->cert) < 1)
        rc = devid_fail(err, DEVID_E_DATA, "there is no certificate in it");
    else if (sk_X509_num(p7->d.sign->cert) > MESSAGE_CERTS_MAX)
        rc = devid_fail(err, DEVID_E_DATA, "there are more than %d certificates in it", MESSAGE_CERTS_MAX);
    else if ((certs = X509_chain_up_ref(p7->d.sign->cert)) == NULL)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    else
        *out = certs;
    PKCS7_free(p7);
    ERR_clear_error();
    return rc;
}

devid_rc message_certs(const char *type, struct devid_slice body, STACK_OF(X509) **out, struct devid_error *err)
{
    static const char *const types[] = {"application/pkcs7-mime", "application/x-pkcs7-mime", NULL};
    struct devid_bytes der = {0};
    devid_rc rc = check_type(type, types, body, err);

    if (rc == DEVID_OK)
        rc = message_der(body, &der, err);
    if (rc == DEVID_OK)
        rc = certs_of_pkcs7(devid_slice_of(der), out, err);
    devid_bytes_free(&der);
    return rc;
}

devid_rc message_attrs(const char *type, struct devid_slice body, struct attrs *out, struct devid_error *err)
{
    static const char *const types[] = {"application/csrattrs", NULL};
    struct devid_bytes der = {0};
    devid_rc rc = check_type(type, types, body, err);

    *out = (struct attrs){0};
    if (rc == DEVID_OK)
        rc = message_der(body, &der, err);
    if (rc == DEVID_OK)
        rc = attrs_parse(devid_slice_of(der), out, err);
    devid_bytes_free(&der);
    return rc;
}

/* No one is there to type a passphrase. */
static int no_passphrase(char *buf, int size, int rwflag, void *u)
{
    (void)buf, (void)size, (void)rwflag, (void)u;
    return -1;
}

devid_rc message_certs_of_pem(struct devid_slice pem, STACK_OF(X509) **out, struct devid_error *err)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    BIO *in = pem.len > MESSAGE_MAX ? NULL : BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *cert = NULL;
    devid_rc rc = DEVID_OK;

    if (pem.len > MESSAGE_MAX)
        rc = devid_fail(err, DEVID_E_DATA, "longer than %d bytes", MESSAGE_MAX);
    else if (certs == NULL || in == NULL)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    ERR_clear_error();
    while (rc == DEVID_OK && (cert = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL)
        if (sk_X509_push(certs, cert) < 1) {
            X509_free(cert);
            rc = devid_fail(err, DEVID_E_MEM, "out of memory");
        }
    if (rc == DEVID_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        rc = ossl_fail(err, DEVID_E_DATA, "certificate %d in it is malformed", sk_X509_num(certs) + 1);
    else if (rc == DEVID_OK && sk_X509_num(certs) == 0)
        rc = devid_fail(err, DEVID_E_DATA, "there is no certificate in it: PEM is expected");
    ERR_clear_error();
    BIO_free(in);
    if (rc == DEVID_OK)
        *out = certs;
    else
        message_certs_free(certs);
    return rc;
}

devid_rc message_certs_to_pem(STACK_OF(X509) *certs, struct devid_bytes *out, struct devid_error *err)
{
    BIO *mem = BIO_new(BIO_s_mem());
    bool good = mem != NULL;
    char *data = NULL;
    devid_rc rc;
    long len;

    for (int i = 0; good && i < sk_X509_num(certs); i++)
        good = PEM_write_bio_X509(mem, sk_X509_value(certs, i)) == 1;
    if (!good) {
        rc = ossl_fail(err, DEVID_E_MEM, "cannot write certificates as PEM");
    } else {
        len = BIO_get_mem_data(mem, &data);
        rc = devid_bytes_copy((struct devid_slice){(unsigned char *)data, (size_t)len}, out, err);
    }
    BIO_free(mem);
    return rc;
}

void message_certs_free(STACK_OF(X509) *certs)
{
    sk_X509_pop_free(certs, X509_free);
}
