/* SPDX-License-Identifier: BSD-2-Clause */
/* A primary of the endorsement hierarchy back at its handle. TPM 2.0 Library, Part 3, TPM2_Clear, TPM2_CreatePrimary. */
#include "core/recover.h"

#include <tss2/tss2_esys.h>

#include "core/cache.h"
#include "core/chip.h"
#include "core/log.h"
#include "core/object.h"
#include "core/template.h"
#include "core/variant.h"

static bool is_wanted(const struct devid_public *wanted, const struct devid_made *made)
{
    return devid_slice_eq(devid_slice_of(wanted->spki), devid_slice_of(made->pub.spki));
}

/* One primary: persisted if it is the key. Each try is a bracket of its own: others need not wait for all of them. */
static devid_rc try_one(struct devid_store *store, const TPM2B_PUBLIC *template, const struct devid_public *wanted,
                        uint32_t handle, bool *found, struct devid_made *out, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_TR primary = ESYS_TR_NONE, persistent = ESYS_TR_NONE;
    struct devid_made made = {.handle = handle};
    TPM2B_PUBLIC *area = NULL;
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_chip_primary(tpm, esys, ESYS_TR_RH_ENDORSEMENT, template, &primary, &area, err);
    if (rc == DEVID_OK)
        rc = devid_chip_public(area, &made.pub, err);
    *found = rc == DEVID_OK && is_wanted(wanted, &made);
    if (*found)
        rc = devid_chip_persist(store, esys, primary, handle, &persistent, err);
    if (rc == DEVID_OK && *found)
        rc = devid_object_save(esys, persistent, &made.object, err);
    if (rc == DEVID_OK && *found)
        rc = devid_template_marshal(template, &made.made_by, err);
    Esys_Free(area);
    devid_chip_flush(esys, &primary);
    devid_chip_close(esys, &persistent);
    devid_chip_leave(tpm, rc);
    if (rc == DEVID_OK && *found)
        *out = made;
    else
        devid_made_free(&made);
    return rc;
}

static devid_rc gone(const struct devid_lost *lost, size_t n_tried, struct devid_error *err)
{
    return devid_fail(err, DEVID_E_KEY,
                      "none of %zu templates makes its key: the TPM's endorsement seed is another one (TPM2_ChangeEPS, or "
                      "another TPM), then this %s is gone for ever; or its maker has a template of its own",
                      n_tried, devid_role_name(lost->role));
}

static devid_rc try_all(struct devid_store *store, const struct devid_lost *lost, const struct devid_public *wanted,
                        struct devid_made *out, const char **how, struct devid_error *err)
{
    TPM2B_PUBLIC template;
    bool found = false;
    devid_rc rc;
    size_t i = 0;

    for (; devid_variant(lost, wanted, i, &template, how); i++) {
        rc = try_one(store, &template, wanted, lost->handle, &found, out, err);
        if (rc == DEVID_OK && found)
            return DEVID_OK;
        if (rc != DEVID_OK && rc != DEVID_E_KEY) /* a type that the TPM does not have is no reason to stop */
            return rc;
        devid_log(DEVID_LOG_DEBUG, "core/recover", "0x%08x: not by the %s", lost->handle, *how);
    }
    return gone(lost, i, err);
}

devid_rc devid_recover(struct devid_store *store, const struct devid_lost *lost, struct devid_made *out, const char **how,
                       struct devid_error *err)
{
    struct devid_public wanted = {0};
    struct devid_made made = {0};
    devid_rc rc = devid_public_from_spki(lost->spki, &wanted, err);

    *how = NULL;
    if (rc == DEVID_OK)
        rc = devid_make_look(store, lost->handle, &made, err);
    if (rc == DEVID_OK && !is_wanted(&wanted, &made))
        rc = devid_chip_taken(lost->handle, err);
    else if (rc == DEVID_E_ABSENT)
        rc = try_all(store, lost, &wanted, &made, how, err);
    if (rc == DEVID_OK) {
        devid_cache_put(store, lost->handle, devid_slice_of(made.pub.area), devid_slice_of(made.object));
        *out = made;
    } else {
        devid_made_free(&made);
    }
    devid_public_free(&wanted);
    return rc;
}
