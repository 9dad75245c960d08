/* SPDX-License-Identifier: BSD-2-Clause */
/* What this device has of each identity of devid.conf: the store's word, and the TPM's. */
#include <stdlib.h>

#include "core/files.h"
#include "core/recover.h"
#include "schedule.h"
#include "seed.h"
#include "tool.h"

static const struct devid_identity *of_role(const struct devid_snapshot *snap, enum devid_role role)
{
    const struct devid_identity *identity = NULL;

    while ((identity = devid_snapshot_next(snap, identity)) != NULL && identity->role != role)
        continue;
    return identity;
}

/* The EK is the device's for life; the others are what is left where its maker gave it none. */
uint64_t tool_seed(struct tool *tool, const struct devid_identity *identity)
{
    struct devid_slice device = {0};
    const struct devid_identity *from;
    struct devid_snapshot *snap = NULL;
    uint64_t seed = 0;

    if (devid_store_snapshot(tool->store, &snap, NULL) == DEVID_OK) {
        from = of_role(snap, DEVID_ROLE_EK);
        if (from == NULL)
            from = of_role(snap, DEVID_ROLE_IDEVID);
        if (from != NULL)
            device = devid_slice_of(from->pub.spki);
        else if (devid_store_conf(tool->store)->serial != NULL)
            device = devid_slice_text(devid_store_conf(tool->store)->serial);
        else
            device = devid_slice_of(identity->pub.spki);
    }
    if (seed_of(device, identity->token, identity->label, &seed, NULL) != DEVID_OK)
        seed = 0;
    devid_snapshot_free(snap);
    return seed;
}

static bool has_pem(const struct devid_identity *identity, const char *path)
{
    struct devid_bytes pem = {0}, file = {0};
    bool is_same = devid_file_read(path, 1U << 20, &file, NULL) == DEVID_OK &&
                   tool_reference_pem(identity, true, &pem, NULL) == DEVID_OK &&
                   devid_slice_eq(devid_slice_of(pem), devid_slice_of(file));

    devid_bytes_free(&pem);
    devid_bytes_free(&file);
    return is_same;
}

static void found_cert(const struct devid_cert *leaf, bool in_nv, struct plan_found *found)
{
    found->has_cert = true;
    found->cert_in_nv = in_nv;
    found->not_before = leaf->not_before;
    found->not_after = leaf->not_after;
}

/* Only what the TPM answered counts: a key is not lost because the TPM is away. */
static void found_standing(struct tool *tool, const struct devid_snapshot *snap, const struct devid_identity *identity,
                           struct plan_found *found)
{
    enum devid_standing standing = DEVID_STANDING_THERE;

    if (devid_standing_ask(tool->store, snap, identity, &standing, NULL) != DEVID_OK)
        return;
    found->is_gone = standing == DEVID_STANDING_GONE;
    found->is_rootless = standing == DEVID_STANDING_ROOTLESS;
    found->is_other = standing == DEVID_STANDING_OTHER;
}

static void found_renewal(struct tool *tool, const struct devid_identity *identity, const struct devid_conf_identity *want,
                          struct plan_found *found)
{
    unsigned n_failures;

    found->due = schedule_due(found->not_before, found->not_after, want->renew_after, tool_seed(tool, identity));
    found->retry = tool_retry(tool, want, found->not_after, &n_failures);
    found->has_told = want->on_renew == NULL || tool_has_told(tool, want, identity);
    if (identity->previous != NULL) {
        found->has_previous = true;
        found->previous_handle = identity->previous->key_place == DEVID_PLACE_HANDLE ? identity->previous->handle : 0;
        found->replaced = identity->replaced;
    }
}

static void found_of(struct tool *tool, const struct devid_snapshot *snap, const struct devid_identity *identity,
                     const struct devid_conf_identity *want, struct plan_found *found)
{
    found->has_key = true;
    found->handle = identity->key_place == DEVID_PLACE_HANDLE ? identity->handle : 0;
    found->alg = identity->pub.alg;
    found->bits = identity->pub.bits;
    found->is_for_spire = identity->key_place == DEVID_PLACE_BLOB && tool_is_for_spire(&identity->pub, identity->parent);
    if (identity->n_chain != 0) {
        found_cert(&identity->chain[0], identity->cert_place == DEVID_PLACE_NV, found);
        found_renewal(tool, identity, want, found);
    }
    found->has_pem = want->pem != NULL && has_pem(identity, want->pem);
    found->is_disabled = !devid_identity_key_enabled(identity);
    found_standing(tool, snap, identity, found);
}

/* No file, and an empty handle: a certificate in NV means that there was a key. */
static void found_lost(struct tool *tool, const struct devid_conf_identity *want, const struct devid_snapshot *snap,
                       struct plan_found *found)
{
    struct devid_public pub = {0};
    struct devid_bytes der = {0};
    struct devid_cert leaf = {0};
    struct devid_slice spki;

    if (devid_role_is_manufacturers(want->role) && tool_known_key(tool, want, snap, &der, &leaf, &spki, NULL) == DEVID_OK &&
        devid_public_from_spki(spki, &pub, NULL) == DEVID_OK) {
        found->has_key = found->is_gone = true;
        found->handle = want->handle;
        found->alg = pub.alg;
        found->bits = pub.bits;
        found_cert(&leaf, true, found);
        found->due = INT64_MAX; /* it is brought back first */
    }
    devid_public_free(&pub);
    devid_bytes_free(&der);
}

devid_rc tool_found(struct tool *tool, struct plan_found **out, struct devid_error *err)
{
    const struct devid_conf *conf = devid_store_conf(tool->store);
    struct plan_found *found = calloc(conf->n_identities + 1, sizeof *found);
    struct devid_snapshot *snap = NULL;
    devid_rc rc;

    if (found == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = devid_store_snapshot(tool->store, &snap, err);
    if (rc != DEVID_OK) {
        free(found);
        return rc;
    }
    for (size_t i = 0; i < conf->n_identities; i++) {
        const struct devid_conf_identity *want = &conf->identities[i];
        const struct devid_query query = {.token = want->token, .label = want->name};
        const struct devid_identity *identity;

        if (devid_snapshot_find(snap, &query, &identity, NULL) == DEVID_OK)
            found_of(tool, snap, identity, want, &found[i]);
        else
            found_lost(tool, want, snap, &found[i]);
    }
    devid_snapshot_free(snap);
    *out = found;
    return DEVID_OK;
}
