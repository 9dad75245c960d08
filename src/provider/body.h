/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The provider is two files. Every program that reads openssl.cnf loads devid.so, and hardly one of them has a key in the TPM: that file needs
 * nothing but libcrypto. devid-provider.so, the body, has the algorithms, and brings tpm2-tss and p11-kit; it lies beside
 * devid.so, which loads it when libcrypto first asks for an operation of keys.
 */
#ifndef DEVID_PROVIDER_BODY_H
#define DEVID_PROVIDER_BODY_H

#include <stdlib.h>

#include "provider/provider.h"

/* What devid.so calls in the body. libcrypto gives the algorithms the struct provider that devid.so has made. */
struct body {
    /* Both files are of one build, or the body is not used: after an update under a running program they may not be. */
    const char *version;
    size_t provider_size;

    /** OSSL_FUNC_provider_query_operation. */
    const OSSL_ALGORITHM *(*query)(struct provider *p, int operation);
    /** TPM commands so far. */
    uint64_t (*commands)(struct provider *p);
    /** devid_random_all. */
    devid_rc (*random)(struct provider *p, unsigned char *out, size_t len, struct devid_error *err);
    /** provider_free. */
    void (*free)(struct provider *p);
};

/* The body's only symbol (dist/body.map). */
#define BODY_SYMBOL "devid_provider_body"

/** What devid.so has put into it, and p. */
static inline void body_free_front(struct provider *p)
{
    provider_forget_reasons(p);
    free(p->auth_path);
    free(p->own_file);
    free(p);
}

/* load.c */

/** Remember where devid.so is, if a program that leaves its folder could not find it again. False if memory is short. */
bool body_locate(struct provider *p);
/**
 * The body, loaded by the first caller. Any thread, also after fork. It is never unloaded: keys are freed late, and a thread may be in it.
 * \return DEVID_E_FILE if it cannot be loaded; the next call tries again
 */
devid_rc body_load(struct provider *p, const struct body **out, struct devid_error *err);

#endif
