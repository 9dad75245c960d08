/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a key: nothing is sent before it is used. */
#include "core/key.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/cache.h"
#include "core/instead.h"
#include "core/kept.h"
#include "core/keyfile.h"
#include "core/proof.h"
#include "core/snapshot.h"
#include "core/use.h"

static void made_free(struct devid_made *made)
{
    devid_made_free(made);
    free(made);
}

const struct devid_public *devid_key_facts(const struct devid_key *key)
{
    const struct devid_made *learned = atomic_load(&((struct devid_key *)(uintptr_t)key)->learned);

    return learned != NULL ? &learned->pub : &key->identity.pub;
}

static devid_rc key_new(struct devid_store *store, struct devid_key **out, struct devid_error *err)
{
    struct devid_key *key = calloc(1, sizeof *key);

    if (key == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    key->store = store;
    *out = key;
    return DEVID_OK;
}

static devid_rc fail_disabled(const struct devid_identity *identity, struct devid_error *err)
{
    return devid_fail(err, DEVID_E_DENIED, "%s is disabled: \"devid enable %s\" switches it on", identity->label,
                      identity->label);
}

/* Its key, or the one before, which a renewal replaced. */
static bool is_of(const struct devid_identity *identity, struct devid_slice spki)
{
    return devid_slice_eq(devid_slice_of(identity->pub.spki), spki) ||
           (identity->previous != NULL && devid_slice_eq(devid_slice_of(identity->previous->pub.spki), spki));
}

devid_rc devid_key_check_enabled(struct devid_key *key, const struct devid_snapshot *snap, struct devid_error *err)
{
    struct devid_slice spki = devid_slice_of(devid_key_facts(key)->spki);
    const struct devid_identity *identity = NULL;
    devid_rc rc = DEVID_OK;

    while (rc == DEVID_OK && (identity = devid_snapshot_next(snap, identity)) != NULL)
        if (!devid_identity_key_enabled(identity) && is_of(identity, spki))
            rc = fail_disabled(identity, err);
    return rc;
}

devid_rc devid_key_open(struct devid_store *store, struct devid_snapshot *snap, const struct devid_identity *identity,
                        struct devid_key **out, struct devid_error *err)
{
    devid_rc rc = devid_identity_key_enabled(identity) ? key_new(store, out, err) : fail_disabled(identity, err);

    if (rc == DEVID_OK) {
        (*out)->snap = devid_snapshot_hold(snap);
        (*out)->identity = *identity;
    }
    return rc;
}

devid_rc devid_key_open_file(struct devid_store *store, struct devid_slice der, struct devid_key **out,
                             struct devid_error *err)
{
    struct devid_keyfile file = {0};
    struct devid_key *key = NULL;
    devid_rc rc = key_new(store, &key, err);

    if (rc == DEVID_OK)
        rc = devid_keyfile_read(der, &file, err);
    if (rc == DEVID_OK && file.handle != 0)
        rc = devid_fail(err, DEVID_E_ARG, "the key is at handle 0x%08x, not in the file", file.handle);
    if (rc == DEVID_OK)
        rc = devid_public_from_area(devid_slice_of(file.area), &key->own_pub, err);
    if (rc == DEVID_OK) {
        key->own_blob = file.blob;
        file.blob = (struct devid_bytes){0};
        key->identity = (struct devid_identity){.pub = key->own_pub,
                                                .key_place = DEVID_PLACE_BLOB,
                                                .parent = file.parent,
                                                .has_rsa_parent = file.has_rsa_parent,
                                                .blob = devid_slice_of(key->own_blob)};
        key->lacks_auth = !file.is_empty_auth;
        *out = key;
    } else {
        devid_key_free(key);
    }
    devid_keyfile_free(&file);
    return rc;
}

devid_rc devid_key_open_handle(struct devid_store *store, uint32_t handle, struct devid_key **out,
                               struct devid_error *err)
{
    struct devid_key *key = NULL;
    devid_rc rc = key_new(store, &key, err);

    if (rc != DEVID_OK)
        return rc;
    key->identity = (struct devid_identity){.key_place = DEVID_PLACE_HANDLE, .handle = handle};
    rc = devid_key_learn(key, err);
    if (rc == DEVID_OK)
        *out = key;
    else
        devid_key_free(key);
    return rc;
}

devid_rc devid_key_authorise(struct devid_key *key, struct devid_slice auth, struct devid_error *err)
{
    enum devid_hash hash = devid_object_name_hash(devid_slice_of(devid_key_facts(key)->area));
    size_t most = hash == DEVID_HASH_NONE ? devid_hash_len(DEVID_SHA256) : devid_hash_len(hash);

    if (auth.len > most)
        return devid_fail(err, DEVID_E_AUTH, "a password of %zu bytes cannot be right: a TPM keeps %zu at most", auth.len, most);
    while (auth.len > 0 && auth.data[auth.len - 1] == 0)
        auth.len--; /* as the TPM does: Part 1, 19.6.4.3 */
    key->auth.size = (uint16_t)auth.len;
    if (auth.len != 0)
        memcpy(key->auth.buffer, auth.data, auth.len);
    key->lacks_auth = false;
    return DEVID_OK;
}

/*
 * Threads share a key: what one learns is put up once, and never changes again.
 */
devid_rc devid_key_learn(struct devid_key *key, struct devid_error *err)
{
    struct devid_made *found, *none = NULL;
    devid_rc rc;

    if (devid_key_facts(key)->area.len != 0 || key->identity.key_place != DEVID_PLACE_HANDLE)
        return DEVID_OK;
    found = calloc(1, sizeof *found);
    if (found == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = devid_make_look(key->store, key->identity.handle, found, err);
    if (rc == DEVID_OK && key->identity.pub.spki.len != 0 &&
        !devid_slice_eq(devid_slice_of(key->identity.pub.spki), devid_slice_of(found->pub.spki)))
        rc = devid_proof_fail(key, err);
    if (rc == DEVID_OK) {
        devid_cache_put(key->store, key->identity.handle, devid_slice_of(found->pub.area),
                        devid_slice_of(found->object));
        if (atomic_compare_exchange_strong(&key->learned, &none, found))
            found = NULL;
    }
    made_free(found);
    return rc;
}

void devid_key_free(struct devid_key *key)
{
    if (key == NULL)
        return;
    if (key->object.is_ready) /* it stayed loaded: behind a resource manager */
        devid_tpm_discard(devid_store_tpm(key->store), key->object.tr, key->object.generation);
    devid_kept_free(&key->object.kept);
    devid_snapshot_free(key->snap);
    devid_bytes_free(&key->own_blob);
    devid_public_free(&key->own_pub);
    made_free(atomic_load(&key->learned));
    OPENSSL_clear_free(atomic_load(&key->instead), DEVID_INSTEAD_SECRET);
    OPENSSL_cleanse(&key->auth, sizeof key->auth);
    free(key);
}

const struct devid_public *devid_key_public(const struct devid_key *key)
{
    return devid_key_facts(key);
}

devid_rc devid_key_as_certified(const struct devid_key *key, struct devid_bytes *spki, struct devid_error *err)
{
    const struct devid_identity *identity = &key->identity;
    struct devid_slice certified = identity->n_chain == 0 ? (struct devid_slice){0} : identity->chain[0].spki;

    return devid_public_as_certified(devid_key_facts(key), certified, spki, err);
}

size_t devid_key_sig_len(const struct devid_key *key)
{
    return devid_public_sig_len(devid_key_facts(key));
}
