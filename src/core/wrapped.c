/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The owner's keys: made under the storage root key, which the first of them brings about. TCG "TPM v2.0
 * Provisioning Guidance" 1.0, section 7.5.1.
 */
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include "core/cache.h"
#include "core/chip.h"
#include "core/make.h"
#include "core/object.h"
#include "core/template.h"
#include "core/tpm.h"

#define SRK 0x81000001U

/* The storage root key as it is; one that firmware or an installer made will do. */
static devid_rc srk_ready(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR *srk, struct devid_error *err)
{
    ESYS_TR primary = ESYS_TR_NONE;
    TPM2B_PUBLIC template;
    devid_rc rc = devid_chip_find(devid_store_tpm(store), esys, SRK, srk, err);

    if (rc != DEVID_E_ABSENT)
        return rc;
    devid_template_srk(&template);
    rc = devid_chip_primary(devid_store_tpm(store), esys, ESYS_TR_RH_OWNER, &template, &primary, NULL, err);
    if (rc == DEVID_OK)
        rc = devid_chip_persist(store, esys, primary, SRK, srk, err);
    devid_chip_flush(esys, &primary);
    return rc;
}

/* What was seen just now is what later loads go by: one command less, and never a root key from before a clear. */
static devid_rc srk_keep(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, struct devid_error *err)
{
    struct devid_bytes saved = {0};
    devid_rc rc = devid_object_save(esys, srk, &saved, err);

    if (rc == DEVID_OK)
        devid_cache_put(store, SRK, (struct devid_slice){0}, devid_slice_of(saved));
    devid_bytes_free(&saved);
    return rc;
}

static devid_rc create_fail(struct devid_error *err, TSS2_RC r)
{
    devid_rc rc;

    if (devid_chip_lacks_type(r))
        return devid_chip_no_type(err, r);
    if (devid_chip_says(r, TPM2_RC_BAD_AUTH) || devid_chip_says(r, TPM2_RC_AUTH_FAIL))
        rc = devid_fail(err, DEVID_E_AUTH,
                        "the storage root key 0x%08x has a password and devid needs it empty: "
                        "run \"tpm2_changeauth\" on it, or \"tpm2_evictcontrol -C o -c 0x%08x\" if nothing uses it",
                        SRK, SRK);
    else if (devid_chip_says(r, TPM2_RC_TYPE))
        rc = devid_fail(err, DEVID_E_KEY,
                        "0x%08x holds a key that is no storage key: move it with \"tpm2_evictcontrol\", then try again",
                        SRK);
    else
        return devid_fail_tss(err, r, SRK, "make a key under 0x%08x", SRK);
    return devid_error_about(err, rc, r, SRK);
}

static devid_rc blob_of(const TPM2B_PRIVATE *private, struct devid_bytes *out, struct devid_error *err)
{
    unsigned char buffer[sizeof *private];
    size_t len = 0;
    TSS2_RC r = Tss2_MU_TPM2B_PRIVATE_Marshal(private, buffer, sizeof buffer, &len);

    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "encode a wrapped key");
    return devid_bytes_copy((struct devid_slice){buffer, len}, out, err);
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
        return create_fail(err, r);
    rc = devid_chip_public(area, &made->pub, err);
    if (rc == DEVID_OK)
        rc = blob_of(private, &made->blob, err);
    Esys_Free(private);
    Esys_Free(area);
    return rc;
}

devid_rc devid_make_key(struct devid_store *store, const struct devid_wanted *wanted, struct devid_made *out,
                        struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct devid_made made = {.parent = SRK};
    ESYS_TR srk = ESYS_TR_NONE;
    TPM2B_PUBLIC template;
    ESYS_CONTEXT *esys;
    devid_rc rc;

    rc = devid_template_owner(wanted, &template, err);
    if (rc != DEVID_OK)
        return rc;
    rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
    if (rc != DEVID_OK)
        return rc;
    rc = srk_ready(store, esys, &srk, err);
    if (rc == DEVID_OK)
        rc = srk_keep(store, esys, srk, err);
    if (rc == DEVID_OK)
        rc = create(tpm, esys, srk, &template, &made, err);
    devid_chip_close(esys, &srk);
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

/* Name = nameAlg || H(TPMT_PUBLIC). TPM 2.0 Library, Part 1, "Names". */
static devid_rc name_of_area(struct devid_slice area, TPM2B_NAME *name, struct devid_error *err)
{
    enum devid_hash hash = DEVID_HASH_NONE;
    unsigned alg = area.len < 6 ? 0 : (unsigned)area.data[4] << 8 | area.data[5]; /* after size and type */

    if (alg == TPM2_ALG_SHA256)
        hash = DEVID_SHA256;
    else if (alg == TPM2_ALG_SHA384)
        hash = DEVID_SHA384;
    else if (alg == TPM2_ALG_SHA512)
        hash = DEVID_SHA512;
    else if (alg == TPM2_ALG_SHA1)
        hash = DEVID_SHA1;
    if (hash == DEVID_HASH_NONE)
        return devid_fail(err, DEVID_E_DATA, "the key's public area is damaged, or named by an unknown hash");
    memcpy(name->name, area.data + 4, 2);
    name->size = (uint16_t)(2 + devid_hash_len(hash));
    return devid_hash_once(hash, (struct devid_slice){area.data + 2, area.len - 2}, name->name + 2, err);
}

static devid_rc is_that_key(ESYS_CONTEXT *esys, ESYS_TR found, struct devid_slice area, uint32_t handle,
                            struct devid_error *err)
{
    TPM2B_NAME wanted, *name = NULL;
    devid_rc rc = name_of_area(area, &wanted, err);
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
