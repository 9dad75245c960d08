/* SPDX-License-Identifier: BSD-2-Clause */
/* What a command needs in the TPM, and what becomes of it afterwards. */
#include "core/object.h"

#include <inttypes.h>
#include <tss2/tss2_mu.h>

#include "core/cache.h"

devid_rc devid_object_save(ESYS_CONTEXT *esys, ESYS_TR tr, struct devid_bytes *out, struct devid_error *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    TSS2_RC tss = Esys_TR_Serialize(esys, tr, &data, &len);
    devid_rc rc;

    if (tss != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, tss, 0, "save an ESYS object");
    rc = devid_bytes_copy((struct devid_slice){data, len}, out, err);
    Esys_Free(data);
    return rc;
}

/* A saved object is a file's content: one of another handle is not taken. */
static bool restore(ESYS_CONTEXT *esys, uint32_t handle, struct devid_slice saved, ESYS_TR *out)
{
    TPM2_HANDLE of = 0;

    if (saved.len == 0 || Esys_TR_Deserialize(esys, saved.data, saved.len, out) != TSS2_RC_SUCCESS)
        return false;
    if (Esys_TR_GetTpmHandle(esys, *out, &of) == TSS2_RC_SUCCESS && of == handle)
        return true;
    (void)Esys_TR_Close(esys, out);
    return false;
}

devid_rc devid_object_of_handle(struct devid_store *store, ESYS_CONTEXT *esys, uint32_t handle,
                                struct devid_slice saved, ESYS_TR *out, struct devid_error *err)
{
    struct devid_bytes cached = {0};
    TSS2_RC tss;
    bool is_known;

    if (saved.len == 0 && devid_cache_get(store, handle, NULL, &cached, NULL) == DEVID_OK)
        saved = devid_slice_of(cached);
    is_known = restore(esys, handle, saved, out);
    devid_bytes_free(&cached);
    if (is_known)
        return DEVID_OK;

    tss = Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out);
    if (tss != TSS2_RC_SUCCESS && devid_rc_of_tss(tss) == DEVID_E_ABSENT) {
        (void)devid_fail(err, DEVID_E_ABSENT, "0x%08" PRIx32 " is not in this TPM: run \"devid provision\"", handle);
        return devid_error_about(err, DEVID_E_ABSENT, tss, handle);
    }
    if (tss != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, tss, handle, "look at 0x%08" PRIx32, handle);
    if (devid_object_save(esys, *out, &cached, NULL) == DEVID_OK)
        devid_cache_put(store, handle, (struct devid_slice){0}, devid_slice_of(cached));
    devid_bytes_free(&cached);
    return DEVID_OK;
}

static devid_rc load(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                     struct devid_object *object, struct devid_error *err)
{
    TPM2B_PUBLIC public = {0};
    TPM2B_PRIVATE private = {0};
    ESYS_TR parent;
    size_t used = 0;
    TSS2_RC tss;
    devid_rc rc;

    if (identity->parent >> 24 != TPM2_HT_PERSISTENT)
        return devid_fail(err, DEVID_E_KEY,
                          "the key's parent 0x%08" PRIx32 " is not persistent; only keys under a persistent parent can be used",
                          identity->parent);
    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(identity->pub.area.data, identity->pub.area.len, &used, &public) != TSS2_RC_SUCCESS)
        return devid_fail(err, DEVID_E_DATA, "the key file's public area is damaged");
    used = 0;
    if (Tss2_MU_TPM2B_PRIVATE_Unmarshal(identity->blob.data, identity->blob.len, &used, &private) != TSS2_RC_SUCCESS)
        return devid_fail(err, DEVID_E_DATA, "the key file's private area is damaged");
    rc = devid_tpm_flush_discarded(devid_store_tpm(store), err);
    if (rc == DEVID_OK)
        rc = devid_object_of_handle(store, esys, identity->parent, (struct devid_slice){0}, &parent, err);
    if (rc != DEVID_OK)
        return rc;
    tss = Esys_Load(esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private, &public, &object->tr);
    (void)Esys_TR_Close(esys, &parent);
    if (tss != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, tss, identity->parent, "load the key under 0x%08" PRIx32, identity->parent);
    object->is_transient = true;
    return DEVID_OK;
}

devid_rc devid_object_ready(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                            struct devid_object *object, struct devid_error *err)
{
    uint64_t generation = devid_tpm_generation(devid_store_tpm(store));
    devid_rc rc;

    if (object->is_ready && object->generation == generation)
        return DEVID_OK;
    *object = (struct devid_object){.generation = generation}; /* another connection's: forgotten, never flushed */
    if (identity->key_place == DEVID_PLACE_HANDLE)
        rc = devid_object_of_handle(store, esys, identity->handle, identity->object, &object->tr, err);
    else
        rc = load(store, esys, identity, object, err);
    object->is_ready = rc == DEVID_OK;
    return rc;
}

void devid_object_drop(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_object *object)
{
    bool is_ours = object->is_ready && object->generation == devid_tpm_generation(devid_store_tpm(store));

    /* a failed flush has nobody to tell: the next owner of the lock sweeps */
    if (is_ours && object->is_transient && Esys_FlushContext(esys, object->tr) != TSS2_RC_SUCCESS)
        (void)Esys_TR_Close(esys, &object->tr);
    else if (is_ours && !object->is_transient)
        (void)Esys_TR_Close(esys, &object->tr);
    *object = (struct devid_object){0};
}

void devid_object_rest(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_object *object)
{
    if (!object->is_transient || !devid_tpm_has_manager(devid_store_tpm(store)))
        devid_object_drop(store, esys, object);
}
