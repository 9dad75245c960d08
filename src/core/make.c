/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Primaries, and what is at a handle. TCG "TPM 2.0 Keys for Device Identity and Attestation" 1.00,
 * section 7.3.4. Wrapped keys are in wrapped.c.
 */
#include "core/make.h"

#include <tss2/tss2_esys.h>

#include "core/chip.h"
#include "core/object.h"
#include "core/template.h"
#include "core/tpm.h"

void devid_made_free(struct devid_made *made)
{
    if (made == NULL)
        return;
    devid_public_free(&made->pub);
    devid_bytes_free(&made->blob);
    devid_bytes_free(&made->object);
    devid_bytes_free(&made->made_by);
    *made = (struct devid_made){0};
}

devid_rc devid_make_look(struct devid_store *store, uint32_t handle, struct devid_made *out, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct devid_made made = {.handle = handle};
    ESYS_TR object = ESYS_TR_NONE;
    TPM2B_PUBLIC *area = NULL;
    ESYS_CONTEXT *esys;
    devid_rc rc;
    TSS2_RC r;

    rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
    if (rc != DEVID_OK)
        return rc;
    rc = devid_chip_find(tpm, esys, handle, &object, err);
    if (rc != DEVID_OK)
        goto out;
    r = Esys_ReadPublic(esys, object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, NULL, NULL);
    rc = r == TSS2_RC_SUCCESS ? devid_chip_public(area, &made.pub, err)
                              : devid_fail_tss(err, r, handle, "look at 0x%08x", handle);
    if (rc == DEVID_OK)
        rc = devid_object_save(esys, object, &made.object, err);
out:
    Esys_Free(area);
    devid_chip_close(esys, &object);
    devid_chip_leave(tpm, rc);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_made_free(&made);
    return rc;
}

devid_rc devid_make_is_barred(struct devid_store *store, bool *is_barred, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    uint32_t permanent = 0;
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_chip_property(esys, TPM2_PT_PERMANENT, &permanent, err);
    devid_chip_leave(tpm, rc);
    if (rc == DEVID_OK)
        *is_barred = (permanent & TPMA_PERMANENT_OWNERAUTHSET) != 0;
    return rc;
}

/*
 * The primary is at handle, or another key is, or it is put there. The template is no proof that a key found
 * is this one, so the primary is made each time and the Names are compared.
 */
static devid_rc settle(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR primary, ESYS_TR found, uint32_t handle,
                       struct devid_bytes *saved, struct devid_error *err)
{
    ESYS_TR persistent = ESYS_TR_NONE;
    bool same = true;
    devid_rc rc;

    if (found != ESYS_TR_NONE)
        rc = devid_chip_same(esys, primary, found, &same, err);
    else
        rc = devid_chip_persist(store, esys, primary, handle, &persistent, err);
    if (rc == DEVID_OK && !same)
        rc = devid_chip_taken(handle, err);
    if (rc == DEVID_OK)
        rc = devid_object_save(esys, found != ESYS_TR_NONE ? found : persistent, saved, err);
    devid_chip_close(esys, &persistent);
    return rc;
}

static devid_rc make_by(struct devid_store *store, const TPM2B_PUBLIC *template, uint32_t handle,
                        struct devid_made *out, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_TR found = ESYS_TR_NONE, primary = ESYS_TR_NONE;
    struct devid_made made = {.handle = handle};
    TPM2B_PUBLIC *area = NULL;
    ESYS_CONTEXT *esys;
    devid_rc rc;

    rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
    if (rc != DEVID_OK)
        return rc;
    rc = devid_chip_find(tpm, esys, handle, &found, err);
    if (rc == DEVID_OK || rc == DEVID_E_ABSENT)
        rc = devid_chip_primary(tpm, esys, ESYS_TR_RH_ENDORSEMENT, template, &primary, &area, err);
    if (rc == DEVID_OK)
        rc = devid_chip_public(area, &made.pub, err);
    if (rc == DEVID_OK)
        rc = settle(store, esys, primary, found, handle, &made.object, err);
    if (rc == DEVID_OK)
        rc = devid_template_marshal(template, &made.made_by, err);
    Esys_Free(area);
    devid_chip_flush(esys, &primary);
    devid_chip_close(esys, &found);
    devid_chip_leave(tpm, rc);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_made_free(&made);
    return rc;
}

void devid_make_settled(struct devid_store *store)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_CONTEXT *esys;

    if (devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, NULL) != DEVID_OK)
        return; /* whoever needs the TPM next says why */
    devid_tpm_settle(tpm);
    devid_tpm_leave(tpm);
}

devid_rc devid_make_primary(struct devid_store *store, enum devid_role role, enum devid_alg alg, unsigned bits,
                            uint32_t handle, struct devid_made *out, struct devid_error *err)
{
    TPM2B_PUBLIC template;
    devid_rc rc = devid_template_devid(role, alg, bits, &template, err);

    return rc == DEVID_OK ? make_by(store, &template, handle, out, err) : rc;
}

devid_rc devid_make_sweep(struct devid_store *store, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_tpm_sweep(tpm, err);
    devid_chip_leave(tpm, rc);
    return rc;
}
