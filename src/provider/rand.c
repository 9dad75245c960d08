/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers (provider-rand(7)), under a name that nobody else has: libcrypto takes them from here only where a configuration or a
 * program says DEVID-RAND. They are made anew for each request, so there is no state but "instantiated". The body is loaded by the first of them.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <string.h>

#include "provider/body.h"

#define STRENGTH 256        /* bits, as the DRBG in every TPM has */
#define REQUEST_MAX 65536U  /* bytes; libcrypto asks again for more */

struct generator {
    struct provider *prov; /* libcrypto keeps it for as long */
    atomic_int state;
};

/* A parent, which libcrypto gives its public and private generators, has nothing that we need. */
static void *generator_new(void *provctx, void *parent, const OSSL_DISPATCH *parent_calls)
{
    struct generator *g = OPENSSL_zalloc(sizeof *g);

    (void)parent;
    (void)parent_calls;
    if (g == NULL)
        return NULL;
    g->prov = provctx;
    atomic_init(&g->state, EVP_RAND_STATE_UNINITIALISED);
    return g;
}

static void generator_free(void *ctx)
{
    OPENSSL_free(ctx);
}

static int instantiate(void *ctx, unsigned strength, int is_fresh, const unsigned char *text, size_t len,
                       const OSSL_PARAM params[])
{
    struct generator *g = ctx;

    (void)is_fresh; /* they always are */
    (void)text;
    (void)len;
    (void)params; /* a DRBG's, given to whatever generator is named */
    if (strength > STRENGTH)
        return 0;
    atomic_store(&g->state, EVP_RAND_STATE_READY);
    return 1;
}

static int uninstantiate(void *ctx)
{
    struct generator *g = ctx;

    atomic_store(&g->state, EVP_RAND_STATE_UNINITIALISED);
    return 1;
}

/* After a failure it is ready still: a TPM may come back. */
static int give(struct generator *g, unsigned char *out, size_t len)
{
    const struct body *body = NULL;
    struct devid_error err = {0};
    devid_rc rc = DEVID_OK;

    if (atomic_load(&g->state) != EVP_RAND_STATE_READY)
        rc = devid_fail(&err, DEVID_E_ARG, "DEVID-RAND is used before it is instantiated");
    if (rc == DEVID_OK)
        rc = body_load(g->prov, &body, &err);
    if (rc == DEVID_OK)
        rc = body->random(g->prov, out, len, &err);
    return rc == DEVID_OK ? 1 : RAISE(g->prov, rc, &err);
}

static int generate(void *ctx, unsigned char *out, size_t len, unsigned strength, int is_fresh, const unsigned char *more,
                    size_t more_len)
{
    (void)is_fresh;
    (void)more;
    (void)more_len;
    return strength <= STRENGTH && len <= REQUEST_MAX && give(ctx, out, len);
}

/* There is no state that could be stirred. */
static int reseed(void *ctx, int is_fresh, const unsigned char *entropy, size_t len, const unsigned char *more, size_t more_len)
{
    struct generator *g = ctx;

    (void)is_fresh;
    (void)entropy;
    (void)len;
    (void)more;
    (void)more_len;
    return atomic_load(&g->state) == EVP_RAND_STATE_READY;
}

/* out NULL: how long it will be. */
static size_t nonce(void *ctx, unsigned char *out, unsigned strength, size_t min_len, size_t max_len)
{
    (void)max_len;
    return strength <= STRENGTH && (out == NULL || give(ctx, out, min_len)) ? min_len : 0;
}

/* What a DRBG that has us for its parent starts from. */
static size_t get_seed(void *ctx, unsigned char **out, int entropy, size_t min_len, size_t max_len, int is_fresh,
                       const unsigned char *more, size_t more_len)
{
    size_t len = entropy <= 0 ? 0 : ((size_t)entropy + 7) / 8;
    unsigned char *seed;

    (void)is_fresh;
    (void)more;
    (void)more_len;
    len = len < min_len ? min_len : len;
    if (len == 0 || len > max_len || len > REQUEST_MAX || (seed = OPENSSL_secure_malloc(len)) == NULL)
        return 0;
    if (!give(ctx, seed, len)) {
        OPENSSL_secure_clear_free(seed, len);
        return 0;
    }
    *out = seed;
    return len;
}

static void clear_seed(void *ctx, unsigned char *seed, size_t len)
{
    (void)ctx;
    OPENSSL_secure_clear_free(seed, len);
}

static const OSSL_PARAM *gettable(void *ctx, void *provctx)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
        OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
        OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provctx;
    return known;
}

static int get_params(void *ctx, OSSL_PARAM params[])
{
    struct generator *g = ctx;
    OSSL_PARAM *at;

    if ((at = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE)) != NULL && !OSSL_PARAM_set_int(at, atomic_load(&g->state)))
        return 0;
    if ((at = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH)) != NULL && !OSSL_PARAM_set_uint(at, STRENGTH))
        return 0;
    at = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
    return at == NULL || OSSL_PARAM_set_size_t(at, REQUEST_MAX);
}

/* Threads are served by the TPM's own queue. */
static int enable_locking(void *ctx)
{
    (void)ctx;
    return 1;
}

static int lock(void *ctx)
{
    (void)ctx;
    return 1;
}

static void unlock(void *ctx)
{
    (void)ctx;
}

/* Nothing that was given is kept. */
static int verify_zeroization(void *ctx)
{
    (void)ctx;
    return 1;
}

static const OSSL_DISPATCH functions[] = {
    ENTRY(OSSL_FUNC_RAND_NEWCTX, generator_new),
    ENTRY(OSSL_FUNC_RAND_FREECTX, generator_free),
    ENTRY(OSSL_FUNC_RAND_INSTANTIATE, instantiate),
    ENTRY(OSSL_FUNC_RAND_UNINSTANTIATE, uninstantiate),
    ENTRY(OSSL_FUNC_RAND_GENERATE, generate),
    ENTRY(OSSL_FUNC_RAND_RESEED, reseed),
    ENTRY(OSSL_FUNC_RAND_NONCE, nonce),
    ENTRY(OSSL_FUNC_RAND_GET_SEED, get_seed),
    ENTRY(OSSL_FUNC_RAND_CLEAR_SEED, clear_seed),
    ENTRY(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, gettable),
    ENTRY(OSSL_FUNC_RAND_GET_CTX_PARAMS, get_params),
    ENTRY(OSSL_FUNC_RAND_ENABLE_LOCKING, enable_locking),
    ENTRY(OSSL_FUNC_RAND_LOCK, lock),
    ENTRY(OSSL_FUNC_RAND_UNLOCK, unlock),
    ENTRY(OSSL_FUNC_RAND_VERIFY_ZEROIZATION, verify_zeroization),
    {0, NULL},
};

const OSSL_ALGORITHM provider_rand[] = {
    {"DEVID-RAND", PROVIDER_PROPERTY, functions, "random numbers of this device's TPM"},
    {NULL, NULL, NULL, NULL},
};
