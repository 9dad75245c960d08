/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ECDH (provider-keyexch(7)). As for signatures, each of our contexts drives one of the default provider: a software key's
 * secret is its work; for a TPM key it keeps the parameters, the TPM gives the shared point and the KDF is software's.
 */
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "provider/keymgmt.h"

#define NAME_MAX_LEN 64
#define POINT_MAX 133 /* bytes of a point of P-521, uncompressed */

struct agreement {
    struct provider *prov;
    struct pkey *key, *peer;
    EVP_PKEY_CTX *inner;
};

static void *agreement_new(void *provctx)
{
    struct agreement *a = OPENSSL_zalloc(sizeof *a);

    if (a != NULL)
        a->prov = provider_hold(provctx);
    return a;
}

static void agreement_free(void *ctx)
{
    struct agreement *a = ctx;

    if (a == NULL)
        return;
    EVP_PKEY_CTX_free(a->inner);
    pkey_free(a->key);
    pkey_free(a->peer);
    provider_free(a->prov);
    OPENSSL_free(a);
}

static void *agreement_dup(void *ctx)
{
    struct agreement *from = ctx, *to = agreement_new(from->prov);

    if (to == NULL)
        return NULL;
    if (from->key != NULL)
        to->key = pkey_hold(from->key);
    if (from->peer != NULL)
        to->peer = pkey_hold(from->peer);
    if (from->inner != NULL && (to->inner = EVP_PKEY_CTX_dup(from->inner)) == NULL) {
        agreement_free(to);
        return NULL;
    }
    return to;
}

static int set_params(void *ctx, const OSSL_PARAM params[])
{
    struct agreement *a = ctx;

    return params == NULL || params[0].key == NULL || (a->inner != NULL && EVP_PKEY_CTX_set_params(a->inner, params) == 1);
}

static int get_params(void *ctx, OSSL_PARAM params[])
{
    struct agreement *a = ctx;

    return a->inner != NULL && EVP_PKEY_CTX_get_params(a->inner, params) == 1;
}

/* What every version of the default provider takes: provider-keyexch(7). A context that has begun says what its version does. */
static const OSSL_PARAM known[] = {
    OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
    OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
    OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
    OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *settable(void *ctx, void *provctx)
{
    const struct agreement *a = ctx;

    (void)provctx;
    return a == NULL || a->inner == NULL ? known : EVP_PKEY_CTX_settable_params(a->inner);
}

static const OSSL_PARAM *gettable(void *ctx, void *provctx)
{
    const struct agreement *a = ctx;

    (void)provctx;
    return a == NULL || a->inner == NULL ? known : EVP_PKEY_CTX_gettable_params(a->inner);
}

static int init(void *ctx, void *key, const OSSL_PARAM params[])
{
    struct agreement *a = ctx;
    struct pkey *pk = key;

    if (pk == NULL || pk->soft == NULL)
        return 0;
    EVP_PKEY_CTX_free(a->inner);
    pkey_free(a->key);
    pkey_free(a->peer);
    a->peer = NULL;
    a->key = pkey_hold(pk);
    a->inner = EVP_PKEY_CTX_new_from_pkey(devid_libctx(), pk->soft, NULL);
    return a->inner != NULL && EVP_PKEY_derive_init(a->inner) == 1 && set_params(a, params);
}

static int set_peer(void *ctx, void *key)
{
    struct agreement *a = ctx;
    struct devid_error err = {0};
    struct pkey *peer = key;

    if (a->inner == NULL || peer == NULL || peer->soft == NULL)
        return 0;
    if (a->key->place == PKEY_SOFTWARE)
        return EVP_PKEY_derive_set_peer(a->inner, peer->soft) == 1;
    if (EVP_PKEY_parameters_eq(a->key->soft, peer->soft) != 1)
        return RAISE(a->prov, devid_fail(&err, DEVID_E_KEY, "the peer's key is on another curve"), &err);
    pkey_free(a->peer);
    a->peer = pkey_hold(peer);
    return 1;
}

/* The x coordinate that both sides share. One TPM2_ECDH_ZGen. */
static devid_rc shared_x(struct agreement *a, struct devid_secret *z, struct devid_error *err)
{
    KEEPS_ERRNO;
    unsigned char point[POINT_MAX];
    struct devid_key *key = NULL;
    size_t len = 0;
    devid_rc rc;

    if (a->peer == NULL)
        return devid_fail(err, DEVID_E_ARG, "there is no peer's key");
    /* this one is uncompressed, whatever form the peer's own encoding has */
    if (EVP_PKEY_get_octet_string_param(a->peer->soft, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &len) != 1)
        return devid_fail(err, DEVID_E_DATA, "the peer's public key cannot be read");
    rc = pkey_private(a->key, &key, err);
    return rc == DEVID_OK ? devid_key_ecdh(key, (struct devid_slice){point, len}, z, err) : rc;
}

struct kdf {
    char type[NAME_MAX_LEN], digest[NAME_MAX_LEN];
    size_t len;
    unsigned char *ukm; /* the inner context's */
    size_t ukm_len;
};

static devid_rc kdf_of(EVP_PKEY_CTX *inner, struct kdf *out, struct devid_error *err)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, out->type, sizeof out->type),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, out->digest, sizeof out->digest),
        OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, &out->len),
        OSSL_PARAM_octet_ptr(OSSL_EXCHANGE_PARAM_KDF_UKM, &out->ukm, 0),
        OSSL_PARAM_END,
    };

    if (EVP_PKEY_CTX_get_params(inner, params) != 1)
        return devid_fail(err, DEVID_E_ARG, "the parameters of the key derivation cannot be read");
    out->ukm_len = params[3].return_size == OSSL_PARAM_UNMODIFIED ? 0 : params[3].return_size;
    return DEVID_OK;
}

/* ANSI X9.63, as RFC 5753 has it for CMS. */
static devid_rc derive_by_kdf(const struct kdf *kdf, struct devid_slice z, unsigned char *out, struct devid_error *err)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)kdf->digest, strlen(kdf->digest)),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)z.data, z.len),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, kdf->ukm, kdf->ukm_len),
        OSSL_PARAM_END,
    };
    EVP_KDF *method = EVP_KDF_fetch(devid_libctx(), kdf->type, NULL);
    EVP_KDF_CTX *ctx = method == NULL ? NULL : EVP_KDF_CTX_new(method);
    devid_rc rc = DEVID_OK;

    if (kdf->ukm_len == 0)
        params[2] = OSSL_PARAM_construct_end();
    if (ctx == NULL || EVP_KDF_derive(ctx, out, kdf->len, params) != 1)
        rc = devid_fail(err, DEVID_E_ARG, "%s with %s cannot be computed", kdf->type, kdf->digest);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(method);
    return rc;
}

static int derive_by_tpm(struct agreement *a, unsigned char *secret, size_t *len, size_t room)
{
    struct devid_secret z = {0};
    struct devid_error err = {0};
    struct kdf kdf = {0};
    size_t need;
    devid_rc rc = kdf_of(a->inner, &kdf, &err);

    if (rc != DEVID_OK)
        return RAISE(a->prov, rc, &err);
    need = kdf.type[0] != 0 ? kdf.len : (size_t)(EVP_PKEY_get_bits(a->key->soft) + 7) / 8;
    if (secret == NULL) {
        *len = need;
        return 1;
    }
    if (room < need)
        rc = devid_fail(&err, DEVID_E_ROOM, "the secret needs %zu bytes", need);
    if (rc == DEVID_OK)
        rc = shared_x(a, &z, &err);
    if (rc == DEVID_OK && kdf.type[0] != 0)
        rc = derive_by_kdf(&kdf, (struct devid_slice){z.data, z.len}, secret, &err);
    else if (rc == DEVID_OK)
        memcpy(secret, z.data, need = z.len);
    devid_secret_free(&z);
    if (rc != DEVID_OK)
        return RAISE(a->prov, rc, &err);
    *len = need;
    return 1;
}

static int derive(void *ctx, unsigned char *secret, size_t *len, size_t room)
{
    struct agreement *a = ctx;
    int ok;

    if (a->inner == NULL)
        return 0;
    if (a->key->place != PKEY_SOFTWARE)
        return derive_by_tpm(a, secret, len, room);
    ok = EVP_PKEY_derive(a->inner, secret, secret == NULL ? len : &room);
    if (ok == 1 && secret != NULL)
        *len = room;
    return ok == 1;
}

static const OSSL_DISPATCH functions[] = {
    ENTRY(OSSL_FUNC_KEYEXCH_NEWCTX, agreement_new),
    ENTRY(OSSL_FUNC_KEYEXCH_FREECTX, agreement_free),
    ENTRY(OSSL_FUNC_KEYEXCH_DUPCTX, agreement_dup),
    ENTRY(OSSL_FUNC_KEYEXCH_INIT, init),
    ENTRY(OSSL_FUNC_KEYEXCH_SET_PEER, set_peer),
    ENTRY(OSSL_FUNC_KEYEXCH_DERIVE, derive),
    ENTRY(OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, set_params),
    ENTRY(OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS, settable),
    ENTRY(OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS, get_params),
    ENTRY(OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS, gettable),
    {0, NULL},
};

const OSSL_ALGORITHM provider_keyexch[] = {
    {"ECDH", PROVIDER_PROPERTY, functions, "ECDH by this device's TPM"},
    {NULL, NULL, NULL, NULL},
};
