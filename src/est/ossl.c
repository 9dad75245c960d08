/* SPDX-License-Identifier: BSD-2-Clause */
/* What libcrypto says went wrong, in a sentence of ours. */
#include "est/ossl.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

bool ossl_rc_of(unsigned long code, devid_rc *rc)
{
    const char *library = ERR_lib_error_string(code);
    int reason = ERR_GET_REASON(code);

    if (library == NULL || strcmp(library, "devid") != 0 || reason < DEVID_E_ARG || reason > DEVID_E_NET)
        return false;
    *rc = (devid_rc)reason;
    return true;
}

/* What an error queue comes to: the sentence, and the name of the reason where the sentence alone says too little. */
struct cause {
    const char *reason, *data;
};

/*
 * An error of our provider if there is one; else the last one with data tells most, for libcrypto adds errors of its own on the
 * way up; without any data the first is the cause.
 */
static struct cause cause_of_queue(devid_rc *rc)
{
    const char *data = NULL;
    struct cause best = {0};
    unsigned long code;
    int flags = 0;

    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        bool has_data = (flags & ERR_TXT_STRING) != 0 && data != NULL && data[0] != 0;

        if (ossl_rc_of(code, rc)) {
            best = (struct cause){NULL, has_data ? data : ERR_reason_error_string(code)};
            break;
        }
        if (has_data || best.reason == NULL)
            best = (struct cause){ERR_reason_error_string(code), has_data ? data : NULL};
    }
    return best;
}

devid_rc ossl_fail(struct devid_error *err, devid_rc rc, const char *fmt, ...)
{
    struct cause cause = cause_of_queue(&rc);
    char what[sizeof err->text];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    (void)devid_fail(err, rc, "%s%s%s%s%s", what, cause.reason != NULL ? ": " : "", cause.reason != NULL ? cause.reason : "",
                     cause.data != NULL ? ": " : "", cause.data != NULL ? cause.data : "");
    ERR_clear_error();
    return rc;
}

bool ossl_is_past(const ASN1_TIME *at)
{
    int order = ASN1_TIME_cmp_time_t(at, time(NULL));

    return order == -1 || order == 0; /* -2: no time */
}
