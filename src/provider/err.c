/* SPDX-License-Identifier: BSD-2-Clause */
/* devid_rc in OpenSSL's words: a reason, and the sentence as its data. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/proverr.h>
#include <stdarg.h>

#include "core/log.h"
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

static const char *const names[DEVID_E_NET + 1] = {
    [DEVID_E_ROOM] = "buffer too small",
    [DEVID_E_ABSENT] = "no such key or certificate",
    [DEVID_E_EXISTS] = "exists already",
    [DEVID_E_AUTH] = "wrong PIN or auth value",
    [DEVID_E_LOCKED] = "TPM is in lockout",
    [DEVID_E_DENIED] = "denied",
    [DEVID_E_KEY] = "key cannot do that",
    [DEVID_E_DATA] = "malformed data",
    [DEVID_E_BUSY] = "TPM is busy",
    [DEVID_E_AWAY] = "no TPM",
    [DEVID_E_TPM] = "TPM error",
    [DEVID_E_FILE] = "file error",
    [DEVID_E_NET] = "network error",
};

/*
 * libcrypto would take the names by OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, and forget them when the provider is freed; which crashes after
 * OPENSSL_cleanup, when a program frees the last key late. So they are given with the first error, whose code tells our number.
 */
static void name_reasons(struct provider *p)
{
    int lib = ERR_GET_LIB(ERR_peek_last_error()), none = 0;
    size_t n = 0;

    if (lib < ERR_LIB_USER || atomic_load(&p->error_lib) != 0 || !atomic_compare_exchange_strong(&p->error_lib, &none, lib))
        return;
    p->reasons[n++] = (ERR_STRING_DATA){ERR_PACK(lib, 0, 0), PROVIDER_NAME};
    for (size_t rc = 0; rc < sizeof names / sizeof names[0]; rc++)
        if (names[rc] != NULL)
            p->reasons[n++] = (ERR_STRING_DATA){rc, names[rc]};
    (void)ERR_load_strings(lib, p->reasons);
}

void provider_forget_reasons(struct provider *p)
{
    int lib = atomic_load(&p->error_lib);

    (void)ERR_set_mark();
    if (lib != 0 && OPENSSL_init_crypto(0, NULL) == 1) /* 0 after OPENSSL_cleanup */
        (void)ERR_unload_strings(lib, p->reasons);
    (void)ERR_pop_to_mark();
}

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
    name_reasons(p);
    devid_log(DEVID_LOG_ERROR, "provider", "%s", err->text); /* libcrypto's readers of files may drop it */
    return 0;
}
