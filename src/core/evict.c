/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a key at a persistent handle. */
#include "core/key.h"

#include "core/cache.h"
#include "core/chip.h"
#include "core/make.h"
#include "core/tpm.h"

static devid_rc evict(struct devid_store *store, uint32_t handle, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_TR object = ESYS_TR_NONE, none = ESYS_TR_NONE;
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
    TSS2_RC r;

    if (rc != DEVID_OK)
        return rc;
    rc = devid_chip_find(tpm, esys, handle, &object, err);
    if (rc == DEVID_OK) {
        r = Esys_EvictControl(esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, handle,
                              &none);
        if (r != TSS2_RC_SUCCESS)
            rc = devid_chip_fail(err, r, ESYS_TR_RH_OWNER, handle, "remove a key from the TPM");
        else
            object = ESYS_TR_NONE; /* ESYS has forgotten it */
    }
    devid_chip_close(esys, &object);
    devid_chip_leave(tpm, rc);
    return rc;
}

static devid_rc evict_key(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    struct devid_made found = {0};
    devid_rc rc;

    if (identity->key_place != DEVID_PLACE_HANDLE)
        return DEVID_OK;
    rc = devid_make_look(store, identity->handle, &found, err);
    if (rc == DEVID_OK &&
        !devid_slice_eq(devid_slice_of(found.pub.spki), devid_slice_of(identity->pub.spki)))
        rc = devid_chip_taken(identity->handle, err);
    if (rc == DEVID_OK)
        rc = evict(store, identity->handle, err);
    devid_made_free(&found);
    if (rc == DEVID_OK)
        devid_cache_drop(store, identity->handle);
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}

devid_rc devid_key_evict_previous(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    if (identity->previous != NULL && !identity->is_read_only)
        rc = evict_key(store, identity->previous, err);
    return rc == DEVID_E_EXISTS ? DEVID_OK : rc; /* another key is there by now: the old one is gone */
}

devid_rc devid_key_evict(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    devid_rc rc;

    if (identity->is_read_only)
        return devid_fail(err, DEVID_E_DENIED, "%s is the manufacturer's: it stays in the TPM", identity->label);
    rc = devid_key_evict_previous(store, identity, err);
    return rc == DEVID_OK ? evict_key(store, identity, err) : rc;
}
