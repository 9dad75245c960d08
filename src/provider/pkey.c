/* SPDX-License-Identifier: BSD-2-Clause */
/* The key object: the public half first, the TPM's key when a signature needs it. */
#include <openssl/core_names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/keyfile.h"
#include "core/ref.h"
#include "core/uri.h"
#include "provider/provider.h"

static enum pkey_type type_of(const EVP_PKEY *soft)
{
    if (EVP_PKEY_is_a(soft, "EC"))
        return PKEY_EC;
    return EVP_PKEY_is_a(soft, "RSA-PSS") ? PKEY_RSA_PSS : PKEY_RSA;
}

struct pkey *pkey_new(struct provider *p, enum pkey_type type)
{
    struct pkey *pk = calloc(1, sizeof *pk);

    if (pk == NULL)
        return NULL;
    atomic_init(&pk->holders, 1);
    atomic_init(&pk->key, NULL);
    pk->prov = provider_hold(p);
    pk->type = type;
    pk->alg = type == PKEY_EC ? DEVID_EC : DEVID_RSA;
    return pk;
}

struct pkey *pkey_hold(struct pkey *pk)
{
    atomic_fetch_add(&pk->holders, 1);
    return pk;
}

void pkey_free(struct pkey *pk)
{
    if (pk == NULL || atomic_fetch_sub(&pk->holders, 1) != 1)
        return;
    if (pk->origin == NULL)
        devid_key_free(atomic_load(&pk->key));
    pkey_free(pk->origin);
    EVP_PKEY_free(pk->soft);
    devid_secret_free(&(struct devid_secret){pk->where.data, pk->where.len}); /* a URI may have a PIN */
    devid_secret_free(&pk->auth);
    devid_bytes_free(&pk->made);
    provider_free(pk->prov);
    free(pk);
}

devid_rc pkey_of_spki(struct provider *p, struct devid_slice spki, struct pkey **out, struct devid_error *err)
{
    EVP_PKEY *soft = NULL;
    struct pkey *pk = NULL;
    devid_rc rc = devid_libctx_pkey(spki, &soft, err);

    if (rc == DEVID_OK && (pk = pkey_new(p, type_of(soft))) == NULL)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    if (rc == DEVID_OK) {
        pk->soft = soft;
        *out = pk;
    } else {
        EVP_PKEY_free(soft);
    }
    return rc;
}

devid_rc pkey_public(const struct pkey *pk, struct pkey **out, struct devid_error *err)
{
    struct pkey *half = pkey_new(pk->prov, pk->type);

    if (half == NULL || (half->soft = EVP_PKEY_dup(pk->soft)) == NULL) {
        pkey_free(half);
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    *out = half;
    return DEVID_OK;
}

devid_rc pkey_copy(struct pkey *from, struct pkey **out, struct devid_error *err)
{
    struct pkey *copy = NULL;
    devid_rc rc = pkey_public(from, &copy, err);

    if (rc == DEVID_OK)
        rc = devid_bytes_copy(devid_slice_of(from->where), &copy->where, err);
    if (rc != DEVID_OK) {
        pkey_free(copy);
        return rc;
    }
    copy->place = from->place;
    copy->has_auth = from->has_auth;
    copy->origin = pkey_hold(from->origin != NULL ? from->origin : from); /* never a chain, however often a copy is copied */
    atomic_store(&copy->key, atomic_load(&from->key));
    *out = copy;
    return rc;
}

/* The public half, and a name for the private one. */
static devid_rc pkey_of_half(struct provider *p, struct devid_slice spki, enum pkey_place place,
                             struct devid_slice where, struct pkey **out, struct devid_error *err)
{
    struct pkey *pk = NULL;
    devid_rc rc = pkey_of_spki(p, spki, &pk, err);

    if (rc == DEVID_OK)
        rc = devid_bytes_copy(where, &pk->where, err);
    if (rc == DEVID_OK) {
        pk->place = place;
        *out = pk;
    } else {
        pkey_free(pk);
    }
    return rc;
}

static bool has_modulus(const EVP_PKEY *soft, const struct devid_public *pub)
{
    BIGNUM *n = NULL, *e = NULL, *wanted = BN_bin2bn(pub->modulus.data, (int)pub->modulus.len, NULL);
    bool has = wanted != NULL && EVP_PKEY_get_bn_param(soft, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
               EVP_PKEY_get_bn_param(soft, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_cmp(n, wanted) == 0 &&
               BN_is_word(e, pub->exponent);

    BN_free(n);
    BN_free(e);
    BN_free(wanted);
    return has;
}

/* An RSA key is the same under either of its types, which EVP_PKEY_eq denies. */
static bool is_half_of(const struct pkey *pk, const struct devid_public *pub)
{
    struct pkey *other = NULL;
    bool is_same;

    if (pub->alg == DEVID_RSA)
        return pk->alg == DEVID_RSA && has_modulus(pk->soft, pub);
    is_same = pkey_of_spki(pk->prov, devid_slice_of(pub->spki), &other, NULL) == DEVID_OK && EVP_PKEY_eq(pk->soft, other->soft) == 1;
    pkey_free(other);
    return is_same;
}

/* By what the URI has, or who read the file; pk NULL: there is none. An empty one is not tried where the TPM would count it. */
static devid_rc authorise(const struct pkey *pk, struct devid_key *key, struct devid_slice pin, struct devid_error *err)
{
    if (pk != NULL && pk->auth.len != 0)
        pin = (struct devid_slice){pk->auth.data, pk->auth.len};
    if (pk != NULL && pk->has_auth && pin.len == 0 && !devid_key_public(key)->is_noda)
        return devid_fail(err, DEVID_E_AUTH, "the key has a password, and none was given: pass it to the program, or name a "
                                             "file with it (auth = in openssl.cnf)");
    return devid_key_authorise(key, pin, err);
}

/*
 * The store's key of that name; a persistent handle need not be in the store. Who knows the public half (pk, else NULL) from
 * before a renewal gets the key that was renewed.
 */
static devid_rc open_uri(struct provider *p, const char *text, struct pkey *pk, struct devid_key **out,
                         struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;
    struct devid_store *store = NULL;
    struct devid_key *key = NULL;
    struct devid_uri uri = {0};
    struct devid_slice pin;
    devid_rc rc = devid_uri_parse(text, &uri, err);

    if (rc == DEVID_OK)
        rc = provider_store(p, &store, err);
    if (rc == DEVID_OK)
        rc = devid_store_find(store, &uri.query, &snap, &identity, err);
    pin = (struct devid_slice){uri.pin.data, uri.pin.len};
    if (rc == DEVID_OK)
        rc = provider_log_in(p, identity, pin, NULL, NULL, err);
    if (rc == DEVID_OK && pk != NULL && identity->previous != NULL && is_half_of(pk, &identity->previous->pub))
        identity = identity->previous;
    if (rc == DEVID_OK)
        rc = devid_key_open(store, snap, identity, &key, err);
    else if (rc == DEVID_E_ABSENT && store != NULL && uri.query.handle != 0)
        rc = devid_key_open_handle(store, uri.query.handle, &key, err);
    if (rc == DEVID_OK && uri.query.handle != 0)
        rc = authorise(pk, key, pin, err);
    if (rc == DEVID_OK)
        *out = key;
    else
        devid_key_free(key);

    devid_snapshot_free(snap);
    devid_uri_free(&uri);
    return rc;
}

static devid_rc open_file(const struct pkey *pk, struct devid_key **out, struct devid_error *err)
{
    struct devid_store *store = NULL;
    struct devid_key *key = NULL;
    devid_rc rc = provider_store(pk->prov, &store, err);

    if (rc == DEVID_OK)
        rc = devid_key_open_file(store, devid_slice_of(pk->where), &key, err);
    if (rc == DEVID_OK && pk->auth.len != 0)
        rc = devid_key_authorise(key, (struct devid_slice){pk->auth.data, pk->auth.len}, err);
    if (rc == DEVID_OK)
        *out = key;
    else
        devid_key_free(key);
    return rc;
}

devid_rc pkey_of_uri(struct provider *p, const char *uri, struct pkey **out, struct devid_error *err)
{
    struct devid_slice where = devid_slice_text(uri);
    struct devid_bytes spki = {0};
    struct devid_key *key = NULL;
    struct pkey *pk = NULL;
    devid_rc rc = open_uri(p, uri, NULL, &key, err);

    if (rc == DEVID_OK)
        rc = devid_key_as_certified(key, &spki, err);
    if (rc == DEVID_OK)
        rc = pkey_of_half(p, devid_slice_of(spki), PKEY_URI, where, &pk, err);
    if (rc == DEVID_OK) {
        atomic_store(&pk->key, key);
        *out = pk;
    } else {
        devid_key_free(key);
    }
    devid_bytes_free(&spki);
    return rc;
}

devid_rc pkey_of_ref(struct provider *p, struct devid_slice der, struct pkey **out, struct devid_error *err)
{
    struct devid_ref ref = {0};
    devid_rc rc = devid_ref_read_der(der, &ref, err);

    if (rc == DEVID_OK && ref.spki.len == 0)
        rc = pkey_of_uri(p, (const char *)ref.uri.data, out, err);
    else if (rc == DEVID_OK)
        rc = pkey_of_half(p, devid_slice_of(ref.spki), PKEY_URI, devid_slice_of(ref.uri), out, err);
    devid_ref_free(&ref);
    return rc;
}

devid_rc pkey_of_file(struct provider *p, struct devid_slice der, struct pkey **out, struct devid_error *err)
{
    struct devid_keyfile file = {0};
    struct devid_public pub = {0};
    struct devid_bytes spki = {0};
    struct pkey *pk = NULL;
    char uri[32];
    devid_rc rc = devid_keyfile_read(der, &file, err);

    if (rc == DEVID_OK)
        rc = devid_public_from_area(devid_slice_of(file.area), &pub, err);
    if (rc == DEVID_OK)
        rc = devid_public_as_certified(&pub, (struct devid_slice){0}, &spki, err);
    (void)snprintf(uri, sizeof uri, "handle:0x%08x", (unsigned)file.handle);
    if (rc == DEVID_OK && file.handle != 0)
        rc = pkey_of_half(p, devid_slice_of(spki), PKEY_URI, devid_slice_text(uri), &pk, err);
    else if (rc == DEVID_OK)
        rc = pkey_of_half(p, devid_slice_of(spki), PKEY_FILE, der, &pk, err);
    if (rc == DEVID_OK) {
        pk->has_auth = !file.is_empty_auth;
        *out = pk;
    }
    devid_bytes_free(&spki);
    devid_public_free(&pub);
    devid_keyfile_free(&file);
    return rc;
}

static devid_rc same_key(const struct pkey *pk, const struct devid_key *key, struct devid_error *err)
{
    const char *uri = (const char *)pk->where.data;

    if (is_half_of(pk, devid_key_public(key)))
        return DEVID_OK;
    return devid_fail(err, DEVID_E_KEY, "%.*s is not the key that this reference was made for: write it anew with "
                      "\"devid ref\"", (int)devid_uri_shown(uri), uri);
}

devid_rc pkey_private(struct pkey *pk, struct devid_key **out, struct devid_error *err)
{
    KEEPS_ERRNO;
    struct devid_key *mine = NULL, *there = atomic_load(&pk->key);
    devid_rc rc = DEVID_OK;

    if (there == NULL) {
        if (pk->origin != NULL) {
            rc = pkey_private(pk->origin, out, err);
            if (rc == DEVID_OK)
                atomic_store(&pk->key, *out);
            return rc;
        }
        switch (pk->place) {
        case PKEY_SOFTWARE:
            return devid_fail(err, DEVID_E_KEY, "no TPM key is behind this public key");
        case PKEY_URI:
            rc = open_uri(pk->prov, (const char *)pk->where.data, pk, &mine, err);
            if (rc == DEVID_OK)
                rc = same_key(pk, mine, err);
            break;
        case PKEY_FILE:
            rc = open_file(pk, &mine, err);
            break;
        }
        if (rc == DEVID_OK && atomic_compare_exchange_strong(&pk->key, &there, mine)) {
            there = mine;
            mine = NULL;
        }
        devid_key_free(mine);
    }
    if (rc == DEVID_OK)
        *out = there;
    return rc;
}

void pkey_preconnect(struct pkey *pk)
{
    struct devid_store *store = NULL;
    struct devid_key *key = NULL;

    if (!pk->prov->preconnects || pkey_private(pk, &key, NULL) != DEVID_OK ||
        provider_store(pk->prov, &store, NULL) != DEVID_OK)
        return;
    (void)devid_store_preconnect(store, NULL);
}
