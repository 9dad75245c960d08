/* SPDX-License-Identifier: BSD-2-Clause */
/* Digests in software. FIPS 180-4. */
#include "core/hash.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "core/libctx.h"

struct devid_hasher {
    EVP_MD_CTX *ctx;
};

static const struct {
    const char *name;
    size_t len;
} hashes[] = {
    [DEVID_HASH_NONE] = {NULL, 0},
    [DEVID_SHA1] = {"SHA1", 20},
    [DEVID_SHA256] = {"SHA256", 32},
    [DEVID_SHA384] = {"SHA384", 48},
    [DEVID_SHA512] = {"SHA512", 64},
    [DEVID_SHA224] = {"SHA224", 28},
    [DEVID_SHA512_224] = {"SHA512-224", 28},
    [DEVID_SHA512_256] = {"SHA512-256", 32},
    [DEVID_SHA3_224] = {"SHA3-224", 28},
    [DEVID_SHA3_256] = {"SHA3-256", 32},
    [DEVID_SHA3_384] = {"SHA3-384", 48},
    [DEVID_SHA3_512] = {"SHA3-512", 64},
};

#define N_HASHES (sizeof hashes / sizeof hashes[0])

size_t devid_hash_len(enum devid_hash hash)
{
    return (size_t)hash < N_HASHES ? hashes[hash].len : 0;
}

const char *devid_hash_name(enum devid_hash hash)
{
    return (size_t)hash < N_HASHES ? hashes[hash].name : NULL;
}

devid_rc devid_hasher_new(enum devid_hash hash, struct devid_hasher **out, struct devid_error *err)
{
    struct devid_hasher *h;
    const EVP_MD *md;
    devid_rc rc = DEVID_OK;

    if (devid_hash_name(hash) == NULL)
        return devid_fail(err, DEVID_E_ARG, "no hash is chosen");
    h = calloc(1, sizeof *h);
    if (h == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    (void)ERR_set_mark();
    md = devid_libctx_md(hash);
    h->ctx = EVP_MD_CTX_new();
    if (md == NULL || h->ctx == NULL || EVP_DigestInit_ex2(h->ctx, md, NULL) != 1)
        rc = devid_fail(err, DEVID_E_MEM, "%s cannot be started: out of memory", devid_hash_name(hash));
    (void)ERR_pop_to_mark();
    if (rc == DEVID_OK)
        *out = h;
    else
        devid_hasher_free(h);
    return rc;
}

devid_rc devid_hasher_update(struct devid_hasher *h, struct devid_slice data, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    if (data.len == 0)
        return DEVID_OK;
    (void)ERR_set_mark();
    if (EVP_DigestUpdate(h->ctx, data.data, data.len) != 1)
        rc = devid_fail(err, DEVID_E_ARG, "the hash takes no more data");
    (void)ERR_pop_to_mark();
    return rc;
}

devid_rc devid_hasher_final(struct devid_hasher *h, unsigned char *digest, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    (void)ERR_set_mark();
    if (EVP_DigestFinal_ex(h->ctx, digest, NULL) != 1)
        rc = devid_fail(err, DEVID_E_ARG, "the hash is finished already");
    (void)ERR_pop_to_mark();
    return rc;
}

void devid_hasher_free(struct devid_hasher *h)
{
    if (h == NULL)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

devid_rc devid_hash_once(enum devid_hash hash, struct devid_slice data, unsigned char *digest,
                         struct devid_error *err)
{
    struct devid_hasher *h = NULL;
    devid_rc rc = devid_hasher_new(hash, &h, err);

    if (rc == DEVID_OK)
        rc = devid_hasher_update(h, data, err);
    if (rc == DEVID_OK)
        rc = devid_hasher_final(h, digest, err);
    devid_hasher_free(h);
    return rc;
}

void devid_hash_end(void)
{
    (void)ERR_set_mark();
    /* 0 after OPENSSL_cleanup: a program may well finalise from a handler that atexit calls later */
    if (OPENSSL_init_crypto(0, NULL) == 1)
        devid_libctx_drop();
    (void)ERR_pop_to_mark();
}
