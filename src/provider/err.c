/* SPDX-License-Identifier: BSD-2-Clause */
/* devid_rc in OpenSSL's words: a reason, and the sentence as its data. */
#include <openssl/err.h>
#include <openssl/proverr.h>
#include <stdarg.h>

#include "provider/provider.h"

/* No default: a new error does not build until OpenSSL has a name for it. */
static uint32_t reason_of(devid_rc rc)
{
    switch (rc) {
    case DEVID_OK:
        return ERR_R_INTERNAL_ERROR;
    case DEVID_E_ARG:
        return ERR_R_PASSED_INVALID_ARGUMENT;
    case DEVID_E_MEM:
        return ERR_R_MALLOC_FAILURE;
    case DEVID_E_ROOM:
    case DEVID_E_ABSENT:
    case DEVID_E_EXISTS:
    case DEVID_E_AUTH:
    case DEVID_E_LOCKED:
    case DEVID_E_DENIED:
    case DEVID_E_KEY:
    case DEVID_E_DATA:
    case DEVID_E_BUSY:
    case DEVID_E_AWAY:
    case DEVID_E_TPM:
    case DEVID_E_FILE:
    case DEVID_E_NET:
        return (uint32_t)rc;
    }
    return ERR_R_INTERNAL_ERROR;
}

const OSSL_ITEM provider_reasons[] = {
    {DEVID_E_ROOM, (void *)(uintptr_t) "buffer too small"},
    {DEVID_E_ABSENT, (void *)(uintptr_t) "no such key or certificate"},
    {DEVID_E_EXISTS, (void *)(uintptr_t) "exists already"},
    {DEVID_E_AUTH, (void *)(uintptr_t) "wrong PIN or auth value"},
    {DEVID_E_LOCKED, (void *)(uintptr_t) "TPM is in lockout"},
    {DEVID_E_DENIED, (void *)(uintptr_t) "denied"},
    {DEVID_E_KEY, (void *)(uintptr_t) "key cannot do that"},
    {DEVID_E_DATA, (void *)(uintptr_t) "malformed data"},
    {DEVID_E_BUSY, (void *)(uintptr_t) "TPM is busy"},
    {DEVID_E_AWAY, (void *)(uintptr_t) "no TPM"},
    {DEVID_E_TPM, (void *)(uintptr_t) "TPM error"},
    {DEVID_E_FILE, (void *)(uintptr_t) "file error"},
    {DEVID_E_NET, (void *)(uintptr_t) "network error"},
    {0, NULL},
};

static void set_error(struct provider *p, uint32_t reason, const char *fmt, ...) DEVID_PRINTF(3, 4);

static void set_error(struct provider *p, uint32_t reason, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    p->vset_error(p->core, reason, fmt, args);
    va_end(args);
}

int provider_raise(struct provider *p, devid_rc rc, const struct devid_error *err, const char *file, int line,
                   const char *func)
{
    p->new_error(p->core);
    p->set_error_debug(p->core, file, line, func);
    set_error(p, reason_of(rc), "%s", err->text);
    return 0;
}
