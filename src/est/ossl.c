/* SPDX-License-Identifier: BSD-2-Clause */
/* What libcrypto says went wrong, in a sentence of ours. */
#include "est/ossl.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool ossl_rc_of(unsigned long code, devid_rc *rc)
{
    const char *library = ERR_lib_error_string(code);
    int reason = ERR_GET_REASON(code);

    if (library == NULL || strcmp(library, "devid") != 0 || reason < DEVID_E_ARG || reason > DEVID_E_NET)
        return false;
    *rc = (devid_rc)reason;
    return true;
}

/*
 * The last error with data tells most: libcrypto adds errors of its own on the way up. Without any
 * data the first error is the cause.
 */
static const char *reason_of_queue(devid_rc *rc)
{
    const char *data = NULL, *best = NULL, *first = NULL;
    unsigned long code;
    bool is_ours = false;
    int flags = 0;

    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        if (!is_ours && ossl_rc_of(code, rc)) {
            is_ours = true; /* core knew what it was about: no one knows better */
            best = data;
        }
        if (first == NULL)
            first = ERR_reason_error_string(code);
        if (!is_ours && (flags & ERR_TXT_STRING) != 0 && data != NULL && data[0] != 0)
            best = data;
    }
    return best != NULL ? best : first;
}

devid_rc ossl_fail(struct devid_error *err, devid_rc rc, const char *fmt, ...)
{
    const char *reason = reason_of_queue(&rc);
    va_list args;
    size_t used;

    if (err == NULL)
        return rc;
    err->tss = 0;
    err->handle = 0;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    used = strlen(err->text);
    if (reason != NULL)
        (void)snprintf(err->text + used, sizeof err->text - used, ": %s", reason);
    return rc;
}
