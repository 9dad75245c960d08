/* SPDX-License-Identifier: BSD-2-Clause */
/* The key object: the public half first, the TPM's key when a signature needs it. */
#include <stdlib.h>
#include <string.h>

#include "core/keyfile.h"
#include "core/login.h"
#include "core/ref.h"
#include "core/uri.h"
#include "provider/provider.h"

const char *pkey_type(enum devid_alg alg)
{
    return alg == DEVID_EC ? "EC" : "RSA";
}

struct pkey *pkey_new(struct provider *p, enum devid_alg alg)
{
    struct pkey *pk = calloc(1, sizeof *pk);

    if (pk == NULL)
        return NULL;
    atomic_init(&pk->holders, 1);
    atomic_init(&pk->key, NULL);
    pk->prov = provider_hold(p);
    pk->alg = alg;
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
    devid_key_free(atomic_load(&pk->key));
    EVP_PKEY_free(pk->soft);
    devid_bytes_free(&pk->where);
    provider_free(pk->prov);
    free(pk);
}

devid_rc pkey_of_spki(struct provider *p, struct devid_slice spki, struct pkey **out, struct devid_error *err)
{
    EVP_PKEY *soft = NULL;
    struct pkey *pk = NULL;
    devid_rc rc = devid_libctx_pkey(spki, &soft, err);

    if (rc == DEVID_OK && (pk = pkey_new(p, EVP_PKEY_is_a(soft, "EC") ? DEVID_EC : DEVID_RSA)) == NULL)
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
    struct pkey *half = pkey_new(pk->prov, pk->alg);

    if (half == NULL || (half->soft = EVP_PKEY_dup(pk->soft)) == NULL) {
        pkey_free(half);
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    *out = half;
    return DEVID_OK;
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

/* With the URI's PIN, if it has one and the key is behind one: once a process. */
static devid_rc log_in(struct devid_store *store, const struct devid_uri *uri, const struct devid_identity *identity,
                       struct devid_error *err)
{
    if (uri->pin.len == 0 || identity->parent != DEVID_PARENT_PIN || devid_is_logged_in(store, identity->token, DEVID_USER))
        return DEVID_OK;
    return devid_login(store, identity->token, DEVID_USER, (struct devid_slice){uri->pin.data, uri->pin.len}, err);
}

/* The store's key of that name; a persistent handle need not be in the store. */
static devid_rc open_uri(struct provider *p, const char *text, struct devid_key **out, struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;
    struct devid_store *store = NULL;
    struct devid_uri uri = {0};
    devid_rc rc = devid_uri_parse(text, &uri, err);

    if (rc == DEVID_OK)
        rc = provider_store(p, &store, err);
    if (rc == DEVID_OK)
        rc = devid_store_find(store, &uri.query, &snap, &identity, err);
    if (rc == DEVID_OK)
        rc = log_in(store, &uri, identity, err);
    if (rc == DEVID_OK)
        rc = devid_key_open(store, snap, identity, out, err);
    else if (rc == DEVID_E_ABSENT && store != NULL && uri.query.handle != 0)
        rc = devid_key_open_handle(store, uri.query.handle, out, err);

    devid_snapshot_free(snap);
    devid_uri_free(&uri);
    return rc;
}

static devid_rc open_file(struct provider *p, struct devid_slice der, struct devid_key **out, struct devid_error *err)
{
    struct devid_store *store = NULL;
    devid_rc rc = provider_store(p, &store, err);

    return rc == DEVID_OK ? devid_key_open_file(store, der, out, err) : rc;
}

devid_rc pkey_of_uri(struct provider *p, const char *uri, struct pkey **out, struct devid_error *err)
{
    struct devid_slice where = devid_slice_text(uri);
    struct devid_key *key = NULL;
    struct pkey *pk = NULL;
    devid_rc rc = open_uri(p, uri, &key, err);

    if (rc == DEVID_OK)
        rc = pkey_of_half(p, devid_slice_of(devid_key_public(key)->spki), PKEY_URI, where, &pk, err);
    if (rc == DEVID_OK) {
        atomic_store(&pk->key, key);
        *out = pk;
    } else {
        devid_key_free(key);
    }
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
    devid_rc rc = devid_keyfile_read(der, &file, err);

    if (rc == DEVID_OK)
        rc = devid_public_from_area(devid_slice_of(file.area), &pub, err);
    if (rc == DEVID_OK)
        rc = pkey_of_half(p, devid_slice_of(pub.spki), PKEY_FILE, der, out, err);
    devid_public_free(&pub);
    devid_keyfile_free(&file);
    return rc;
}

static devid_rc same_key(struct pkey *pk, const struct devid_key *key, struct devid_error *err)
{
    const char *uri = (const char *)pk->where.data;
    struct pkey *other = NULL;
    devid_rc rc = pkey_of_spki(pk->prov, devid_slice_of(devid_key_public(key)->spki), &other, err);

    if (rc != DEVID_OK)
        return rc;
    if (EVP_PKEY_eq(pk->soft, other->soft) != 1) /* a PIN may stand behind the '?' */
        rc = devid_fail(err, DEVID_E_KEY, "%.*s is not the key that this reference was made for: write it anew with "
                        "\"devid ref\"", (int)strcspn(uri, "?"), uri);
    pkey_free(other);
    return rc;
}

devid_rc pkey_private(struct pkey *pk, struct devid_key **out, struct devid_error *err)
{
    struct devid_key *mine = NULL, *there = atomic_load(&pk->key);
    devid_rc rc = DEVID_OK;

    if (there == NULL) {
        switch (pk->place) {
        case PKEY_SOFTWARE:
            return devid_fail(err, DEVID_E_KEY, "no TPM key is behind this public key");
        case PKEY_URI:
            rc = open_uri(pk->prov, (const char *)pk->where.data, &mine, err);
            if (rc == DEVID_OK)
                rc = same_key(pk, mine, err);
            break;
        case PKEY_FILE:
            rc = open_file(pk->prov, devid_slice_of(pk->where), &mine, err);
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
