/* SPDX-License-Identifier: BSD-2-Clause */
/* The library context of our own. Public keys in it are in pkey.c. */
#include "core/libctx.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdatomic.h>

/*
 * Compare and exchange, not pthread_once: a call that failed for want of memory can be made again,
 * and a fork in the middle leaves nothing locked.
 */
static _Atomic(OSSL_LIB_CTX *) the_one;
static _Atomic(EVP_MD *) digests[DEVID_HASH_END];

OSSL_LIB_CTX *devid_libctx(void)
{
    OSSL_LIB_CTX *ctx = atomic_load(&the_one), *none = NULL;

    if (ctx != NULL)
        return ctx;
    (void)ERR_set_mark();
    ctx = OSSL_LIB_CTX_new(); /* it has no configuration, so libcrypto activates "default" in it at first need */
    (void)ERR_pop_to_mark();
    if (ctx != NULL && !atomic_compare_exchange_strong(&the_one, &none, ctx)) {
        OSSL_LIB_CTX_free(ctx); /* another thread was faster */
        ctx = none;
    }
    return ctx;
}

const EVP_MD *devid_libctx_md(enum devid_hash hash)
{
    OSSL_LIB_CTX *ctx = devid_libctx();
    EVP_MD *md, *none = NULL;

    if (ctx == NULL || devid_hash_name(hash) == NULL)
        return NULL;
    md = atomic_load(&digests[hash]);
    if (md != NULL)
        return md;
    (void)ERR_set_mark();
    md = EVP_MD_fetch(ctx, devid_hash_name(hash), NULL);
    (void)ERR_pop_to_mark();
    if (md != NULL && !atomic_compare_exchange_strong(&digests[hash], &none, md)) {
        EVP_MD_free(md);
        md = none;
    }
    return md;
}

enum devid_hash devid_libctx_hash(const EVP_MD *md)
{
    for (int hash = DEVID_HASH_NONE + 1; md != NULL && hash < DEVID_HASH_END; hash++)
        if (atomic_load(&digests[hash]) == md)
            return (enum devid_hash)hash;
    return DEVID_HASH_NONE;
}

void devid_libctx_drop(void)
{
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
        EVP_MD_free(atomic_exchange(&digests[i], NULL));
    OSSL_LIB_CTX_free(atomic_exchange(&the_one, NULL));
}
