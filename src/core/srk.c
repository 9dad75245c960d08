/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/srk.h"

#include <string.h>

#include "core/cache.h"
#include "core/chip.h"
#include "core/object.h"
#include "core/template.h"

static devid_rc find_or_make(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR *srk, struct devid_error *err)
{
    ESYS_TR primary = ESYS_TR_NONE;
    TPM2B_PUBLIC template;
    devid_rc rc = devid_chip_find(devid_store_tpm(store), esys, DEVID_SRK, srk, err);

    if (rc != DEVID_E_ABSENT)
        return rc;
    devid_template_srk(&template);
    rc = devid_chip_primary(devid_store_tpm(store), esys, ESYS_TR_RH_OWNER, &template, &primary, NULL, err);
    if (rc == DEVID_OK)
        rc = devid_chip_persist(store, esys, primary, DEVID_SRK, srk, err);
    devid_chip_flush(esys, &primary);
    return rc;
}

/* What was seen just now is what later loads go by: one command less, and never a root key from before a clear. */
devid_rc devid_srk_ready(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR *out, struct devid_error *err)
{
    struct devid_bytes saved = {0};
    devid_rc rc = find_or_make(store, esys, out, err);

    if (rc == DEVID_OK)
        rc = devid_object_save(esys, *out, &saved, err);
    if (rc == DEVID_OK)
        devid_cache_put(store, DEVID_SRK, (struct devid_slice){0}, devid_slice_of(saved));
    devid_bytes_free(&saved);
    return rc;
}

static bool is_of(ESYS_CONTEXT *esys, ESYS_TR srk, struct devid_slice area)
{
    TPM2B_NAME wanted, *name = NULL;
    bool is_same = devid_object_name(area, &wanted, NULL) == DEVID_OK &&
                   Esys_TR_GetName(esys, srk, &name) == TSS2_RC_SUCCESS && name->size == wanted.size &&
                   memcmp(name->name, wanted.name, wanted.size) == 0;

    Esys_Free(name);
    return is_same;
}

devid_rc devid_srk_public(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, struct devid_public *out,
                          struct devid_error *err)
{
    struct devid_bytes cached = {0};
    TPM2B_PUBLIC *area = NULL;
    TPM2_HANDLE handle = 0;
    devid_rc rc = devid_cache_get(store, DEVID_SRK, &cached, NULL, NULL);
    TSS2_RC r;

    if (rc == DEVID_OK && is_of(esys, srk, devid_slice_of(cached)) &&
        devid_public_from_area(devid_slice_of(cached), out, NULL) == DEVID_OK)
        goto out;
    r = Esys_ReadPublic(esys, srk, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, NULL, NULL);
    rc = r == TSS2_RC_SUCCESS ? devid_chip_public(area, out, err)
                              : devid_fail_tss(err, r, DEVID_SRK, "look at 0x%08x", DEVID_SRK);
    if (rc == DEVID_OK && Esys_TR_GetTpmHandle(esys, srk, &handle) == TSS2_RC_SUCCESS && handle == DEVID_SRK)
        devid_cache_put(store, DEVID_SRK, devid_slice_of(out->area), (struct devid_slice){0});
    Esys_Free(area);
out:
    devid_bytes_free(&cached);
    return rc;
}
