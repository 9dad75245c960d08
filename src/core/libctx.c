/* SPDX-License-Identifier: BSD-2-Clause */
/* The library context of our own, and public keys in it. */
#include "core/libctx.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdatomic.h>

#include "core/der.h"
#include "core/public.h"

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

/* Why OpenSSL would not have it: a sound key of another kind, or no key at all. */
static devid_rc fail_decode(struct devid_slice spki, struct devid_error *err)
{
    static const unsigned char ec[] = {DEVID_DER_OID_EC}, rsa[] = {DEVID_DER_OID_RSA};
    struct devid_slice all = spki, body, algorithm, oid;

    if (devid_der_enter(&all, DEVID_DER_SEQUENCE, &body) && all.len == 0 &&
        devid_der_enter(&body, DEVID_DER_SEQUENCE, &algorithm) && devid_der_enter(&algorithm, DEVID_DER_OID, &oid) &&
        !devid_slice_eq(oid, (struct devid_slice){ec, sizeof ec}) &&
        !devid_slice_eq(oid, (struct devid_slice){rsa, sizeof rsa}) && !devid_spki_is_pss(spki))
        return devid_fail(err, DEVID_E_KEY, "the public key is neither RSA nor EC");
    return devid_fail(err, DEVID_E_DATA, "the public key (SubjectPublicKeyInfo) is malformed");
}

/* Parameters that spell a curve out can be made to look like a named one: CVE-2020-0601. */
static bool is_usable(const EVP_PKEY *key)
{
    int is_explicit = 0;
    char group[64];
    size_t len = 0;

    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
        return true;
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof group, &len) != 1)
        return false;
    return EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
           !is_explicit;
}

/*
 * d2i_PUBKEY_ex asks the engines first, whatever the context: where one has taken over EC or RSA keys, as libp11's does, the key comes
 * back without a provider and nothing can be read of it. A decoder knows of no engines, but takes much longer to be put together.
 */
static EVP_PKEY *decode(struct devid_slice spki)
{
    const unsigned char *at = spki.data;
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &at, (long)spki.len, devid_libctx(), NULL);
    OSSL_DECODER_CTX *ctx;
    size_t left = spki.len;

    if (key != NULL && EVP_PKEY_get0_provider(key) == NULL) {
        EVP_PKEY_free(key);
        key = NULL;
        at = spki.data;
        ctx = OSSL_DECODER_CTX_new_for_pkey(&key, "DER", "SubjectPublicKeyInfo", NULL, EVP_PKEY_PUBLIC_KEY, devid_libctx(),
                                            NULL);
        if (ctx == NULL || OSSL_DECODER_from_data(ctx, &at, &left) != 1)
            at = NULL;
        OSSL_DECODER_CTX_free(ctx);
    }
    if (key != NULL && at == spki.data + spki.len)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

devid_rc devid_libctx_pkey(struct devid_slice spki, EVP_PKEY **out, struct devid_error *err)
{
    OSSL_LIB_CTX *ctx = devid_libctx();
    EVP_PKEY *key = NULL;
    devid_rc rc;

    if (ctx == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    if (spki.len == 0 || spki.len > DEVID_SPKI_MAX)
        return devid_fail(err, DEVID_E_DATA, "%zu bytes are no public key", spki.len);
    (void)ERR_set_mark();
    key = decode(spki);
    if (key == NULL)
        rc = fail_decode(spki, err);
    else if (!is_usable(key))
        rc = devid_fail(err, DEVID_E_KEY, "the public key is neither RSA nor EC on a named curve");
    else
        rc = DEVID_OK;
    (void)ERR_pop_to_mark();
    if (rc == DEVID_OK)
        *out = key;
    else
        EVP_PKEY_free(key);
    return rc;
}
