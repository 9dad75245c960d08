/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of a certificate, RFC 5280, section 4.1.
 *
 * OpenSSL judges whether it is a certificate. Where its fields stand is found by walking the DER:
 * OpenSSL's accessors give copies, or encode anew, and PKCS#11 must show the bytes that were signed.
 */
#include "core/cert.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/der.h"
#include "core/libctx.h"
#include "core/public.h"

static devid_rc fail_malformed(struct devid_error *err)
{
    return devid_fail(err, DEVID_E_DATA, "the certificate is malformed");
}

/* TBSCertificate's content, moved to the serial number. */
static bool enter_tbs(struct devid_slice der, struct devid_slice *tbs)
{
    struct devid_slice body;

    if (!devid_der_enter(&der, DEVID_DER_SEQUENCE, &body) || !devid_der_enter(&body, DEVID_DER_SEQUENCE, tbs))
        return false;
    return !devid_der_is(*tbs, DEVID_DER_CONTEXT_0) || devid_der_next(tbs, NULL, NULL) >= 0; /* version */
}

static bool find_fields(struct devid_slice der, struct devid_cert *out)
{
    struct devid_slice tbs;

    return enter_tbs(der, &tbs) &&
           devid_der_next(&tbs, &out->serial, NULL) == DEVID_DER_INTEGER &&
           devid_der_next(&tbs, NULL, NULL) == DEVID_DER_SEQUENCE &&          /* signature */
           devid_der_next(&tbs, &out->issuer, NULL) == DEVID_DER_SEQUENCE &&
           devid_der_next(&tbs, NULL, NULL) == DEVID_DER_SEQUENCE &&          /* validity */
           devid_der_next(&tbs, &out->subject, NULL) == DEVID_DER_SEQUENCE &&
           devid_der_next(&tbs, &out->spki, NULL) == DEVID_DER_SEQUENCE;
}

static bool seconds_of(const ASN1_TIME *time, int64_t *out)
{
    struct tm tm;

    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *out = (int64_t)timegm(&tm);
    return true;
}

static bool read_is_ca(const X509 *x, bool *out)
{
    int found = 0;
    BASIC_CONSTRAINTS *basic = X509_get_ext_d2i(x, NID_basic_constraints, &found, NULL);

    *out = basic != NULL && basic->ca != 0;
    BASIC_CONSTRAINTS_free(basic);
    return basic != NULL || found == -1; /* -1: it has none */
}

devid_rc devid_cert_parse(struct devid_slice der, struct devid_cert *out, struct devid_error *err)
{
    OSSL_LIB_CTX *ctx = devid_libctx();
    struct devid_cert made = {.der = der};
    const unsigned char *at = der.data;
    devid_rc rc = DEVID_OK;
    X509 *x = NULL;

    if (der.len == 0 || der.len > DEVID_CERT_MAX)
        return devid_fail(err, DEVID_E_DATA, "%zu bytes are no certificate", der.len);
    (void)ERR_set_mark();
    x = ctx != NULL ? X509_new_ex(ctx, NULL) : NULL;
    if (x == NULL)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    else if (d2i_X509(&x, &at, (long)der.len) == NULL) /* which then has freed x */
        rc = fail_malformed(err);
    else if (at != der.data + der.len)
        rc = devid_fail(err, DEVID_E_DATA, "bytes follow the certificate");
    else if (!find_fields(der, &made) || !seconds_of(X509_get0_notBefore(x), &made.not_before) ||
             !seconds_of(X509_get0_notAfter(x), &made.not_after) || !read_is_ca(x, &made.is_ca))
        rc = fail_malformed(err);
    X509_free(x);
    (void)ERR_pop_to_mark();
    if (rc == DEVID_OK)
        *out = made;
    return rc;
}

struct devid_slice devid_cert_serial(const struct devid_cert *cert)
{
    struct devid_slice der = cert->serial, content = {0};

    (void)devid_der_enter(&der, DEVID_DER_INTEGER, &content);
    return content;
}

void devid_cert_time_text(int64_t when, char buf[24])
{
    time_t seconds = (time_t)when;
    struct tm tm;

    if (when == DEVID_CERT_NEVER)
        (void)snprintf(buf, 24, "never");
    else if ((int64_t)seconds != when || when > DEVID_CERT_NEVER || gmtime_r(&seconds, &tm) == NULL ||
             strftime(buf, 24, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
        (void)snprintf(buf, 24, "?");
}

bool devid_cert_is_for(const struct devid_cert *cert, struct devid_slice spki)
{
    return devid_spki_same(cert->spki, spki);
}

/* The extension's value, which is DER again; false if there is none of that OID. */
static bool find_extension(struct devid_slice der, struct devid_slice wanted, struct devid_slice *value)
{
    struct devid_slice tbs, tagged = {0}, list, extension, oid;
    int tag = 0;

    if (!enter_tbs(der, &tbs))
        return false;
    while (tag >= 0 && tag != DEVID_DER_CONTEXT_0 + 3)
        tag = devid_der_next(&tbs, NULL, &tagged);
    if (tag < 0 || !devid_der_enter(&tagged, DEVID_DER_SEQUENCE, &list))
        return false;
    while (devid_der_enter(&list, DEVID_DER_SEQUENCE, &extension)) {
        if (!devid_der_enter(&extension, DEVID_DER_OID, &oid) || !devid_slice_eq(oid, wanted))
            continue;
        if (devid_der_is(extension, DEVID_DER_BOOLEAN) && devid_der_next(&extension, NULL, NULL) < 0)
            return false; /* critical */
        return devid_der_enter(&extension, DEVID_DER_OCTET_STRING, value);
    }
    return false;
}

struct devid_slice devid_cert_authority_key_id(const struct devid_cert *cert)
{
    static const unsigned char oid[] = {0x55, 0x1d, 0x23}; /* 2.5.29.35 */
    struct devid_slice value, body, id = {0};

    if (!find_extension(cert->der, (struct devid_slice){oid, sizeof oid}, &value) ||
        !devid_der_enter(&value, DEVID_DER_SEQUENCE, &body) || !devid_der_enter(&body, DEVID_DER_PLAIN_0, &id))
        return (struct devid_slice){0};
    return id;
}
