/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of a certificate that this device has had before, RFC 5280, section 4.1: a store of a thousand is read
 * in the time that OpenSSL takes for twenty-five.
 */
#include <string.h>
#include <time.h>

#include "core/cert.h"
#include "core/der.h"

enum { UTC_TIME = 0x17, GENERALIZED_TIME = 0x18, EXTENSIONS = DEVID_DER_CONTEXT_0 + 3 };

static bool two_digits(const unsigned char *at, int *out)
{
    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return false;
    *out = (at[0] - '0') * 10 + (at[1] - '0');
    return true;
}

/* YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ: 4.1.2.5. */
static bool read_time(struct devid_slice *in, int64_t *out)
{
    struct tm tm = {0};
    struct devid_slice text;
    int tag = devid_der_next(in, NULL, &text), century = -1, year, month;

    if (tag == GENERALIZED_TIME && text.len == 15 && two_digits(text.data, &century)) {
        text.data += 2;
        text.len -= 2;
    } else if (tag != UTC_TIME) {
        return false;
    }
    if (text.len != 13 || text.data[12] != 'Z' || !two_digits(text.data, &year) || !two_digits(text.data + 2, &month) ||
        !two_digits(text.data + 4, &tm.tm_mday) || !two_digits(text.data + 6, &tm.tm_hour) ||
        !two_digits(text.data + 8, &tm.tm_min) || !two_digits(text.data + 10, &tm.tm_sec))
        return false;
    if (century < 0)
        century = year < 50 ? 20 : 19;
    tm.tm_year = century * 100 + year - 1900;
    tm.tm_mon = month - 1;
    if (month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
        return false;
    *out = (int64_t)timegm(&tm);
    return true;
}

/* Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING } */
static bool read_basic(struct devid_slice extension, bool *is_ca)
{
    static const unsigned char basic_constraints[] = {0x55, 0x1d, 0x13};
    struct devid_slice oid, value, body, flag;

    if (!devid_der_enter(&extension, DEVID_DER_OID, &oid))
        return false;
    (void)devid_der_enter(&extension, DEVID_DER_BOOLEAN, NULL);
    if (!devid_der_enter(&extension, DEVID_DER_OCTET_STRING, &value) || extension.len != 0)
        return false;
    if (!devid_slice_eq(oid, (struct devid_slice){basic_constraints, sizeof basic_constraints}))
        return true;
    if (!devid_der_enter(&value, DEVID_DER_SEQUENCE, &body))
        return false;
    *is_ca = devid_der_enter(&body, DEVID_DER_BOOLEAN, &flag) && flag.len == 1 && flag.data[0] != 0;
    return true;
}

static bool read_extensions(struct devid_slice tbs, bool *is_ca)
{
    struct devid_slice wrapped, list, extension;

    while (tbs.len != 0 && !devid_der_is(tbs, EXTENSIONS)) /* the unique ids of version 2 */
        if (devid_der_next(&tbs, NULL, NULL) < 0)
            return false;
    if (tbs.len == 0)
        return true;
    if (!devid_der_enter(&tbs, EXTENSIONS, &wrapped) || tbs.len != 0 ||
        !devid_der_enter(&wrapped, DEVID_DER_SEQUENCE, &list))
        return false;
    while (list.len != 0)
        if (!devid_der_enter(&list, DEVID_DER_SEQUENCE, &extension) || !read_basic(extension, is_ca))
            return false;
    return true;
}

static bool read_tbs(struct devid_slice tbs, struct devid_cert *out)
{
    struct devid_slice validity;

    if (devid_der_is(tbs, DEVID_DER_CONTEXT_0) && devid_der_next(&tbs, NULL, NULL) < 0) /* version */
        return false;
    return devid_der_next(&tbs, &out->serial, NULL) == DEVID_DER_INTEGER &&
           devid_der_enter(&tbs, DEVID_DER_SEQUENCE, NULL) && /* signature */
           devid_der_next(&tbs, &out->issuer, NULL) == DEVID_DER_SEQUENCE &&
           devid_der_enter(&tbs, DEVID_DER_SEQUENCE, &validity) && read_time(&validity, &out->not_before) &&
           read_time(&validity, &out->not_after) && validity.len == 0 &&
           devid_der_next(&tbs, &out->subject, NULL) == DEVID_DER_SEQUENCE &&
           devid_der_next(&tbs, &out->spki, NULL) == DEVID_DER_SEQUENCE && read_extensions(tbs, &out->is_ca);
}

devid_rc devid_cert_look(struct devid_slice der, struct devid_cert *out, struct devid_error *err)
{
    struct devid_slice rest = der, body, tbs;
    struct devid_cert made = {.der = der};

    if (der.len > DEVID_CERT_MAX || !devid_der_enter(&rest, DEVID_DER_SEQUENCE, &body) || rest.len != 0 ||
        !devid_der_enter(&body, DEVID_DER_SEQUENCE, &tbs) || !read_tbs(tbs, &made) ||
        !devid_der_enter(&body, DEVID_DER_SEQUENCE, NULL) || !devid_der_enter(&body, DEVID_DER_BIT_STRING, NULL) ||
        body.len != 0)
        return devid_cert_parse(der, out, err); /* BER and other liberties: OpenSSL's word counts, and has the sentence */
    *out = made;
    return DEVID_OK;
}
