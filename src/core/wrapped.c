/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The owner's keys: made under the storage root key, which the first of them brings about. TCG "TPM v2.0
 * Provisioning Guidance" 1.0, section 7.5.1.
 */
#include <openssl/crypto.h>
#include <string.h>
#include <tss2/tss2_esys.h>

#include "core/behind.h"
#include "core/chip.h"
#include "core/guarded.h"
#include "core/login.h"
#include "core/make.h"
#include "core/object.h"
#include "core/parent.h"
#include "core/snapshot.h"
#include "core/srk.h"
#include "core/template.h"
#include "core/tpm.h"

static devid_rc create_fail(struct devid_error *err, TSS2_RC r, uint32_t parent)
{
    devid_rc rc = devid_parent_refused(r, parent, err);

    if (rc != DEVID_OK)
        return rc;
    if (devid_chip_lacks_type(r))
        return devid_chip_no_type(err, r);
    if (devid_tss_says(r, TPM2_RC_TYPE))
        rc = devid_fail(err, DEVID_E_KEY,
                        "0x%08x holds a key that is no storage key: move it with \"tpm2_evictcontrol\", then try again",
                        parent);
    else
        return devid_fail_tss(err, r, parent, "make a key under 0x%08x", parent);
    return devid_error_about(err, rc, r, parent);
}

static devid_rc create(struct devid_tpm *tpm, ESYS_CONTEXT *esys, ESYS_TR parent, const TPM2B_PUBLIC *template,
                       struct devid_made *made, struct devid_error *err)
{
    static const TPM2B_SENSITIVE_CREATE no_auth;
    static const TPM2B_DATA no_data;
    static const TPML_PCR_SELECTION no_pcrs;
    TPM2B_PRIVATE *private = NULL;
    TPM2B_PUBLIC *area = NULL;
    devid_rc rc;
    TSS2_RC r;

    r = Esys_Create(esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, template, &no_data, &no_pcrs,
                    &private, &area, NULL, NULL, NULL);
    if (devid_chip_made_room(tpm, r))
        r = Esys_Create(esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, template, &no_data,
                        &no_pcrs, &private, &area, NULL, NULL, NULL);
    if (r != TSS2_RC_SUCCESS)
        return create_fail(err, r, made->parent);
    rc = devid_chip_public(area, &made->pub, err);
    if (rc == DEVID_OK)
        rc = devid_chip_blob(private, &made->blob, err);
    Esys_Free(private);
    Esys_Free(area);
    return rc;
}

/* An auth value goes to the TPM encrypted, in a session salted by the parent. */
static devid_rc create_with(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR parent, struct devid_slice auth,
                            const TPM2B_PUBLIC *template, struct devid_made *made, struct devid_error *err)
{
    static const TPM2B_AUTH none;
    TPM2B_AUTH own = {0};
    devid_rc rc;

    while (auth.len > 0 && auth.data[auth.len - 1] == 0)
        auth.len--; /* as the TPM does: Part 1, 19.6.4.3 */
    if (auth.len == 0)
        return create(devid_store_tpm(store), esys, parent, template, made, err);
    if (auth.len > devid_hash_len(DEVID_SHA256)) /* which names the key */
        return devid_fail(err, DEVID_E_ARG, "a password of %zu bytes is too long: a TPM keeps %zu at most", auth.len,
                          devid_hash_len(DEVID_SHA256));
    own.size = (uint16_t)auth.len;
    memcpy(own.buffer, auth.data, auth.len);
    rc = devid_guarded_create(store, esys, parent, parent, &none, &own, template, made, err);
    OPENSSL_cleanse(&own, sizeof own);
    return rc;
}

static devid_rc create_under(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_wanted *wanted,
                             const TPM2B_PUBLIC *template, struct devid_made *made, struct devid_error *err)
{
    struct devid_parent parent = {.tr = ESYS_TR_NONE};
    devid_rc rc;

    made->parent = wanted->parent != 0 ? wanted->parent : DEVID_SRK;
    if (made->parent == DEVID_SRK) {
        rc = devid_srk_ready(store, esys, &parent.tr, err);
        parent.is_open = rc == DEVID_OK;
    } else {
        rc = devid_parent_open(store, esys, made->parent, false, &parent, err);
    }
    if (rc == DEVID_OK)
        rc = create_with(store, esys, parent.tr, wanted->auth, template, made, err);
    devid_parent_close(esys, &parent);
    return rc;
}

static devid_rc create_behind(struct devid_store *store, ESYS_CONTEXT *esys, const char *token, const TPM2B_PUBLIC *template,
                              struct devid_made *made, struct devid_error *err)
{
    struct devid_error why = {0};
    devid_rc rc = devid_behind_create(store, esys, token, template, made, &why);

    if (rc != DEVID_OK && devid_chip_made_room(devid_store_tpm(store), why.tss))
        rc = devid_behind_create(store, esys, token, template, made, &why);
    if (rc != DEVID_OK && devid_chip_lacks_type(why.tss))
        return devid_chip_no_type(err, why.tss);
    if (rc != DEVID_OK && err != NULL)
        *err = why;
    return rc;
}

static devid_rc has_pin(struct devid_store *store, const char *token, bool *out, struct devid_error *err)
{
    struct devid_snapshot *snap = NULL;
    devid_rc rc;

    *out = false;
    if (token == NULL)
        return DEVID_OK;
    rc = devid_store_known(store, &snap, err);
    if (rc == DEVID_OK)
        *out = devid_snapshot_has_pin(snap, token, NULL);
    devid_snapshot_free(snap);
    return rc;
}

devid_rc devid_make_key(struct devid_store *store, const struct devid_wanted *wanted, struct devid_made *out,
                        struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct devid_made made = {0};
    TPM2B_PUBLIC template;
    ESYS_CONTEXT *esys;
    bool is_behind;
    devid_rc rc;

    rc = devid_template_owner(wanted, &template, err);
    if (rc == DEVID_OK)
        rc = has_pin(store, wanted->token, &is_behind, err);
    if (rc == DEVID_OK)
        rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
    if (rc != DEVID_OK)
        return rc;
    if (is_behind)
        rc = create_behind(store, esys, wanted->token, &template, &made, err);
    else
        rc = create_under(store, esys, wanted, &template, &made, err);
    devid_chip_leave(tpm, rc);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_made_free(&made);
    return rc;
}

devid_rc devid_make_wrapped(struct devid_store *store, enum devid_alg alg, unsigned bits, struct devid_made *out,
                            struct devid_error *err)
{
    const struct devid_wanted wanted = {.alg = alg, .bits = bits, .signs = true, .decrypts = alg == DEVID_RSA};

    return devid_make_key(store, &wanted, out, err);
}

static devid_rc is_that_key(ESYS_CONTEXT *esys, ESYS_TR found, struct devid_slice area, uint32_t handle,
                            struct devid_error *err)
{
    TPM2B_NAME wanted, *name = NULL;
    devid_rc rc = devid_object_name(area, &wanted, err);
    TSS2_RC r;

    if (rc != DEVID_OK)
        return rc;
    r = Esys_TR_GetName(esys, found, &name);
    if (r != TSS2_RC_SUCCESS)
        rc = devid_fail_tss(err, r, handle, "name 0x%08x", handle);
    else if (name->size != wanted.size || memcmp(name->name, wanted.name, wanted.size) != 0)
        rc = devid_chip_taken(handle, err);
    Esys_Free(name);
    return rc;
}

/* The identity's key is at handle already, or is loaded and put there. */
static devid_rc persist(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                        uint32_t handle, ESYS_TR *out, struct devid_error *err)
{
    struct devid_object object = {0};
    struct devid_error first = {0};
    devid_rc rc = devid_chip_find(devid_store_tpm(store), esys, handle, out, err);

    if (rc == DEVID_OK)
        return is_that_key(esys, *out, devid_slice_of(identity->pub.area), handle, err);
    if (rc != DEVID_E_ABSENT)
        return rc;
    rc = devid_object_ready(store, esys, identity, &object, &first);
    if (rc != DEVID_OK && devid_chip_made_room(devid_store_tpm(store), first.tss))
        rc = devid_object_ready(store, esys, identity, &object, &first);
    if (rc == DEVID_OK)
        rc = devid_chip_persist(store, esys, object.tr, handle, out, err);
    else if (err != NULL)
        *err = first;
    devid_object_drop(store, esys, &object);
    return rc;
}

devid_rc devid_make_persistent(struct devid_store *store, const struct devid_identity *identity, uint32_t handle,
                               struct devid_made *out, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct devid_made made = {.handle = handle};
    ESYS_TR persistent = ESYS_TR_NONE;
    ESYS_CONTEXT *esys;
    devid_rc rc;

    if (identity->key_place != DEVID_PLACE_BLOB)
        return devid_fail(err, DEVID_E_ARG, "%s is no wrapped key: only such a key can be given a handle",
                          identity->label);
    rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
    if (rc != DEVID_OK)
        return rc;
    rc = persist(store, esys, identity, handle, &persistent, err);
    if (rc == DEVID_OK)
        rc = devid_object_save(esys, persistent, &made.object, err);
    if (rc == DEVID_OK)
        rc = devid_public_copy(&identity->pub, &made.pub, err);
    devid_chip_close(esys, &persistent);
    devid_chip_leave(tpm, rc);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_made_free(&made);
    return rc;
}
