/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether keys are still what the files say. */
#include "core/recover.h"

#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_esys.h>

#include "core/chip.h"
#include "core/object.h"
#include "core/parent.h"
#include "core/snapshot.h"
#include "core/srk.h"
#include "core/template.h"

static devid_rc at_handle(struct devid_store *store, const struct devid_identity *identity, enum devid_standing *out,
                          struct devid_error *err)
{
    struct devid_made made = {0};
    devid_rc rc = devid_make_look(store, identity->handle, &made, err);

    if (rc == DEVID_OK)
        *out = devid_slice_eq(devid_slice_of(made.pub.spki), devid_slice_of(identity->pub.spki)) ? DEVID_STANDING_THERE
                                                                                                  : DEVID_STANDING_OTHER;
    if (rc == DEVID_E_ABSENT)
        *out = DEVID_STANDING_GONE;
    devid_made_free(&made);
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}

/* What the parent of before a clear wrapped, the one of today does not take: TPM2_RC_INTEGRITY, and no other answer. */
static devid_rc load(struct devid_tpm *tpm, ESYS_CONTEXT *esys, ESYS_TR parent, struct devid_slice area,
                     struct devid_slice blob, bool *is_taken, struct devid_error *err)
{
    struct devid_error why = {0};
    ESYS_TR key = ESYS_TR_NONE;
    devid_rc rc = devid_object_load(esys, parent, area, blob, &key, &why);

    if (rc != DEVID_OK && devid_chip_made_room(tpm, why.tss))
        rc = devid_object_load(esys, parent, area, blob, &key, &why);
    *is_taken = rc == DEVID_OK;
    if (rc != DEVID_OK && devid_tss_says(why.tss, TPM2_RC_INTEGRITY))
        rc = DEVID_OK;
    else if (rc != DEVID_OK && err != NULL)
        *err = why;
    devid_chip_flush(esys, &key);
    return rc;
}

/* The root key's handle is empty: after an eviction the template makes it again, after a clear another one. */
static devid_rc load_rootless(struct devid_tpm *tpm, ESYS_CONTEXT *esys, struct devid_slice area, struct devid_slice blob,
                              enum devid_standing *out, struct devid_error *err)
{
    ESYS_TR root = ESYS_TR_NONE;
    TPM2B_PUBLIC template;
    bool is_taken = false;
    devid_rc rc;

    devid_template_srk(&template);
    rc = devid_chip_primary(tpm, esys, ESYS_TR_RH_OWNER, &template, &root, NULL, err);
    if (rc == DEVID_OK)
        rc = load(tpm, esys, root, area, blob, &is_taken, err);
    if (rc == DEVID_OK)
        *out = is_taken ? DEVID_STANDING_ROOTLESS : DEVID_STANDING_GONE;
    devid_chip_flush(esys, &root);
    return rc;
}

static devid_rc look_under(struct devid_tpm *tpm, ESYS_CONTEXT *esys, uint32_t parent, struct devid_slice area,
                           struct devid_slice blob, enum devid_standing *out, struct devid_error *err)
{
    ESYS_TR above = ESYS_TR_NONE;
    bool is_taken = false;
    devid_rc rc = devid_chip_find(tpm, esys, parent, &above, err);

    if (rc == DEVID_E_ABSENT && parent == DEVID_SRK)
        return load_rootless(tpm, esys, area, blob, out, err);
    if (rc == DEVID_OK)
        rc = load(tpm, esys, above, area, blob, &is_taken, err);
    if (rc == DEVID_OK || rc == DEVID_E_ABSENT)
        *out = is_taken ? DEVID_STANDING_THERE : DEVID_STANDING_GONE;
    devid_chip_close(esys, &above);
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}

/* A hierarchy's primary is made for the question, as it is for each use. */
static devid_rc look_in_hierarchy(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                                  enum devid_standing *out, struct devid_error *err)
{
    struct devid_parent parent = {0};
    bool is_taken = false;
    devid_rc rc = devid_parent_open(store, esys, identity->parent, identity->has_rsa_parent, &parent, err);

    if (rc == DEVID_OK)
        rc = load(devid_store_tpm(store), esys, parent.tr, devid_slice_of(identity->pub.area), identity->blob, &is_taken, err);
    if (rc == DEVID_OK)
        *out = is_taken ? DEVID_STANDING_THERE : DEVID_STANDING_GONE;
    devid_parent_close(esys, &parent);
    return rc;
}

/* \param token  that has a PIN, whose storage key stands for its keys; else NULL */
static devid_rc under_parent(struct devid_store *store, const struct devid_identity *identity, const struct devid_token *token,
                             enum devid_standing *out, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    if (token != NULL)
        rc = look_under(tpm, esys, DEVID_SRK, devid_slice_of(token->area), devid_slice_of(token->pins[DEVID_SO].blob), out, err);
    else if (identity->parent >> 24 != TPM2_HT_PERSISTENT)
        rc = look_in_hierarchy(store, esys, identity, out, err);
    else
        rc = look_under(tpm, esys, identity->parent, devid_slice_of(identity->pub.area), identity->blob, out, err);
    devid_chip_leave(tpm, rc);
    return rc;
}

devid_rc devid_standing_ask(struct devid_store *store, const struct devid_snapshot *snap,
                            const struct devid_identity *identity, enum devid_standing *out, struct devid_error *err)
{
    const struct devid_token *token;

    if (identity->key_place == DEVID_PLACE_HANDLE)
        return at_handle(store, identity, out, err);
    if (identity->parent != DEVID_PARENT_PIN)
        return under_parent(store, identity, NULL, out, err);
    token = devid_snapshot_token(snap, identity->token);
    if (token == NULL || token->area.len == 0)
        return devid_fail(err, DEVID_E_DATA, "the file of token \"%s\" is damaged", identity->token);
    return under_parent(store, identity, token, out, err);
}

devid_rc devid_recover_root(struct devid_store *store, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_TR root = ESYS_TR_NONE;
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_srk_ready(store, esys, &root, err);
    devid_chip_close(esys, &root);
    devid_chip_leave(tpm, rc);
    return rc;
}

/* ---- all at once ---- */

static devid_rc read_some(ESYS_CONTEXT *esys, struct devid_handles *handles, uint32_t *next, struct devid_error *err)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more = TPM2_NO;
    uint32_t *grown;
    TSS2_RC r = Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, *next,
                                   TPM2_MAX_CAP_HANDLES, &more, &data);
    size_t n;

    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "list the persistent handles");
    n = data->data.handles.count;
    grown = realloc(handles->list, (handles->n + n + 1) * sizeof *grown);
    if (grown == NULL) {
        Esys_Free(data);
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    handles->list = grown;
    memcpy(grown + handles->n, data->data.handles.handle, n * sizeof *grown);
    handles->n += n;
    *next = more == TPM2_YES && n != 0 ? grown[handles->n - 1] + 1 : 0;
    Esys_Free(data);
    return DEVID_OK;
}

devid_rc devid_handles_read(struct devid_store *store, struct devid_handles *out, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct devid_handles handles = {0};
    uint32_t next = UINT32_C(0x81000000); /* TPM2_PERSISTENT_FIRST shifts a signed number */
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    while (rc == DEVID_OK && next != 0)
        rc = read_some(esys, &handles, &next, err);
    devid_chip_leave(tpm, rc);
    if (rc == DEVID_OK)
        *out = handles;
    else
        devid_handles_free(&handles);
    return rc;
}

void devid_handles_free(struct devid_handles *handles)
{
    free(handles->list);
    *handles = (struct devid_handles){0};
}

bool devid_handles_lack(const struct devid_handles *handles, const struct devid_identity *identity)
{
    uint32_t needed = identity->key_place == DEVID_PLACE_HANDLE      ? identity->handle
                      : identity->parent == DEVID_PARENT_PIN ? DEVID_SRK
                                                             : identity->parent;

    if (devid_parent_is_hierarchy(needed))
        return false; /* its primary is made again each time */
    for (size_t i = 0; i < handles->n; i++)
        if (handles->list[i] == needed)
            return false;
    return true;
}
