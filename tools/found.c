/* SPDX-License-Identifier: BSD-2-Clause */
/* What the store has of each identity of the file: what the plan starts from. */
#include <stdlib.h>

#include "core/files.h"
#include "tool.h"

static void found_of(const struct devid_identity *identity, const struct devid_conf_identity *want,
                     struct plan_found *found)
{
    struct devid_bytes pem = {0}, file = {0};

    found->has_key = true;
    found->handle = identity->key_place == DEVID_PLACE_HANDLE ? identity->handle : 0;
    found->alg = identity->pub.alg;
    found->bits = identity->pub.bits;
    if (identity->n_chain != 0) {
        found->has_cert = true;
        found->cert_in_nv = identity->cert_place == DEVID_PLACE_NV;
        found->not_before = identity->chain[0].not_before;
        found->not_after = identity->chain[0].not_after;
    }
    if (want->pem != NULL && devid_file_read(want->pem, 1U << 20, &file, NULL) == DEVID_OK &&
        tool_reference_pem(identity, true, &pem, NULL) == DEVID_OK)
        found->has_pem = devid_slice_eq(devid_slice_of(pem), devid_slice_of(file));
    devid_bytes_free(&pem);
    devid_bytes_free(&file);
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
        const struct devid_query query = {.token = conf->identities[i].token, .label = conf->identities[i].name};
        const struct devid_identity *identity;

        if (devid_snapshot_find(snap, &query, &identity, NULL) == DEVID_OK)
            found_of(identity, &conf->identities[i], &found[i]);
    }
    devid_snapshot_free(snap);
    *out = found;
    return DEVID_OK;
}
