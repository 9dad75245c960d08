/* SPDX-License-Identifier: BSD-2-Clause */
/* What a command needs in the TPM, and what becomes of it afterwards. */
#include "core/object.h"

#include <inttypes.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/alg.h"
#include "core/behind.h"
#include "core/cache.h"
#include "core/kept.h"
#include "core/parent.h"
#include "core/token.h"

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

enum devid_hash devid_object_name_hash(struct devid_slice area)
{
    /* after size and type */
    return area.len < 6 ? DEVID_HASH_NONE : devid_hash_of_alg((TPM2_ALG_ID)(area.data[4] << 8 | area.data[5]));
}

devid_rc devid_object_name(struct devid_slice area, TPM2B_NAME *name, struct devid_error *err)
{
    enum devid_hash hash = devid_object_name_hash(area);

    if (hash == DEVID_HASH_NONE)
        return devid_fail(err, DEVID_E_DATA, "the key's public area is damaged, or named by an unknown hash");
    memcpy(name->name, area.data + 4, 2);
    name->size = (uint16_t)(2 + devid_hash_len(hash));
    return devid_hash_once(hash, (struct devid_slice){area.data + 2, area.len - 2}, name->name + 2, err);
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

devid_rc devid_object_ask(ESYS_CONTEXT *esys, uint32_t handle, ESYS_TR *out, struct devid_error *err)
{
    TSS2_RC tss = Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out);

    if (tss != TSS2_RC_SUCCESS && devid_rc_of_tss(tss) == DEVID_E_ABSENT) {
        (void)devid_fail(err, DEVID_E_ABSENT, "0x%08" PRIx32 " is not in this TPM: run \"devid provision\"", handle);
        return devid_error_about(err, DEVID_E_ABSENT, tss, handle);
    }
    return tss == TSS2_RC_SUCCESS ? DEVID_OK : devid_fail_tss(err, tss, handle, "look at 0x%08" PRIx32, handle);
}

devid_rc devid_object_of_handle(struct devid_store *store, ESYS_CONTEXT *esys, uint32_t handle,
                                struct devid_slice saved, ESYS_TR *out, struct devid_error *err)
{
    struct devid_bytes cached = {0};
    bool is_known;
    devid_rc rc;

    if (saved.len == 0 && devid_cache_get(store, handle, NULL, &cached, NULL) == DEVID_OK)
        saved = devid_slice_of(cached);
    is_known = restore(esys, handle, saved, out);
    devid_bytes_free(&cached);
    if (is_known)
        return DEVID_OK;
    rc = devid_object_ask(esys, handle, out, err);
    if (rc == DEVID_OK && devid_object_save(esys, *out, &cached, NULL) == DEVID_OK)
        devid_cache_put(store, handle, (struct devid_slice){0}, devid_slice_of(cached));
    devid_bytes_free(&cached);
    return rc;
}

devid_rc devid_object_parts(struct devid_slice area, struct devid_slice blob, TPM2B_PUBLIC *public, TPM2B_PRIVATE *private,
                            struct devid_error *err)
{
    size_t used = 0;

    *public = (TPM2B_PUBLIC){0};
    *private = (TPM2B_PRIVATE){0};
    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(area.data, area.len, &used, public) != TSS2_RC_SUCCESS)
        return devid_fail(err, DEVID_E_DATA, "the key file's public area is damaged");
    used = 0;
    if (Tss2_MU_TPM2B_PRIVATE_Unmarshal(blob.data, blob.len, &used, private) != TSS2_RC_SUCCESS)
        return devid_fail(err, DEVID_E_DATA, "the key file's private area is damaged");
    return DEVID_OK;
}

devid_rc devid_object_load(ESYS_CONTEXT *esys, ESYS_TR parent, struct devid_slice area, struct devid_slice blob,
                           ESYS_TR *out, struct devid_error *err)
{
    TPM2B_PRIVATE private;
    TPM2B_PUBLIC public;
    TPM2_HANDLE handle = 0;
    devid_rc rc = devid_object_parts(area, blob, &public, &private, err);
    TSS2_RC tss;

    if (rc != DEVID_OK)
        return rc;
    tss = Esys_Load(esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private, &public, out);
    if (tss == TSS2_RC_SUCCESS)
        return DEVID_OK;
    (void)Esys_TR_GetTpmHandle(esys, parent, &handle);
    rc = devid_parent_refused(tss, handle, err);
    return rc != DEVID_OK ? rc : devid_fail_tss(err, tss, handle, "load the key under 0x%08" PRIx32, handle);
}

/* A primary has to be made: seconds on a slow chip, if it is RSA. */
static devid_rc load_under(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                           struct devid_object *object, struct devid_error *err)
{
    struct devid_parent parent = {0};
    devid_rc rc;

    if (devid_kept_load(store, esys, object))
        return DEVID_OK;
    rc = devid_parent_open(store, esys, identity->parent, identity->has_rsa_parent, &parent, err);
    if (rc == DEVID_OK)
        rc = devid_object_load(esys, parent.tr, devid_slice_of(identity->pub.area), identity->blob, &object->tr, err);
    devid_parent_close(esys, &parent);
    if (rc != DEVID_OK || !parent.is_transient || devid_tpm_has_manager(devid_store_tpm(store)))
        return rc;
    if (object->was_loaded) /* a process that uses it once does not pay for keeping it */
        devid_kept_save(esys, object);
    object->was_loaded = true;
    return rc;
}

static devid_rc load(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                     struct devid_object *object, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    devid_rc rc;

    devid_tpm_make_room(tpm);
    rc = identity->parent == DEVID_PARENT_PIN && identity->token != NULL ? devid_behind_load(store, esys, identity, object, err)
                                                                         : load_under(store, esys, identity, object, err);
    object->is_transient = rc == DEVID_OK;
    if (rc == DEVID_OK && devid_tpm_has_manager(tpm))
        devid_tpm_keep(tpm, object->tr);
    return rc;
}

void devid_object_forget(struct devid_object *object)
{
    *object = (struct devid_object){.kept = object->kept, .was_loaded = object->was_loaded};
}

devid_rc devid_object_ready(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                            struct devid_object *object, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    uint64_t generation = devid_tpm_generation(tpm);
    devid_rc rc;

    if (object->is_ready && object->generation == generation && object->login != 0 &&
        !devid_login_lasts(store, object->login))
        devid_object_drop(store, esys, object);
    if (object->is_ready && object->generation == generation &&
        !(object->is_transient && devid_tpm_has_manager(tpm) && !devid_tpm_keeps(tpm, object->tr)))
        return DEVID_OK;
    devid_object_forget(object); /* another connection's, never flushed, or flushed to make room */
    object->generation = generation;
    if (identity->key_place == DEVID_PLACE_HANDLE)
        rc = devid_object_of_handle(store, esys, identity->handle, identity->object, &object->tr, err);
    else
        rc = load(store, esys, identity, object, err);
    object->is_ready = rc == DEVID_OK;
    return rc;
}

/* Flush or forget, resource manager or not. */
static void put_away(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_object *object)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    bool is_ours = object->is_ready && object->generation == devid_tpm_generation(tpm);

    if (is_ours && object->is_transient)
        devid_tpm_release(tpm, object->tr);
    else if (is_ours)
        (void)Esys_TR_Close(esys, &object->tr);
    devid_object_forget(object);
}

void devid_object_drop(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_object *object)
{
    put_away(store, esys, object);
    devid_kept_free(&object->kept);
}

void devid_object_rest(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_object *object)
{
    struct devid_tpm *tpm = devid_store_tpm(store);

    if (!object->is_transient || !devid_tpm_has_manager(tpm))
        put_away(store, esys, object);
    else if (object->is_ready && object->generation == devid_tpm_generation(tpm))
        devid_tpm_keep(tpm, object->tr);
}
