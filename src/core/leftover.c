/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. The qualified name, by which a key tells its parent: TPM 2.0 Library, Part 1, "Names". */
#include "core/leftover.h"

#include <string.h>
#include <tss2/tss2_esys.h>

#include "core/cache.h"
#include "core/chip.h"
#include "core/hash.h"
#include "core/srk.h"
#include "core/template.h"

#define DIGEST_LEN 32U /* SHA-256, the name algorithm of the owner's keys */

/* Not the owner's, whatever is there. TCG "Registry of Reserved TPM 2.0 Handles and Localities". */
static bool is_others(uint32_t handle)
{
    static const struct {
        uint32_t first, last;
    } others[] = {
        {DEVID_SRK, DEVID_SRK},
        {0x81000100, 0x81000100}, /* Azure's tpmd */
        {0x81010000, 0x8101ffff}, /* EKs */
        {0x81020000, 0x8102ffff}, /* IDevID, IAK */
    };

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (handle >= others[i].first && handle <= others[i].last)
            return true;
    return false;
}

static devid_rc read_public(ESYS_CONTEXT *esys, ESYS_TR object, uint32_t handle, TPM2B_PUBLIC **area, TPM2B_NAME **name,
                            TPM2B_NAME **qualified, struct devid_error *err)
{
    TSS2_RC r = Esys_ReadPublic(esys, object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, area, name, qualified);

    return r == TSS2_RC_SUCCESS ? DEVID_OK : devid_fail_tss(err, r, handle, "look at 0x%08x", handle);
}

/* All of the template but what it is: the key itself, and what it may do. */
static devid_rc by_template(const TPM2B_PUBLIC *area, bool *is, struct devid_error *err)
{
    struct devid_bytes wanted = {0}, found = {0};
    struct devid_public pub = {0};
    TPM2B_PUBLIC template;
    devid_rc rc = devid_chip_public(area, &pub, NULL);

    if (rc == DEVID_OK)
        rc = devid_template_owner(&(struct devid_wanted){.alg = pub.alg, .bits = pub.bits, .signs = pub.can_sign,
                                                         .decrypts = pub.can_decrypt}, &template, NULL);
    if (rc != DEVID_OK) { /* of no type that devid makes */
        devid_public_free(&pub);
        return rc == DEVID_E_MEM ? devid_fail(err, rc, "out of memory") : DEVID_OK;
    }
    template.publicArea.unique = area->publicArea.unique;
    rc = devid_template_marshal(&template, &wanted, err);
    if (rc == DEVID_OK)
        rc = devid_template_marshal(area, &found, err);
    *is = rc == DEVID_OK && devid_slice_eq(devid_slice_of(wanted), devid_slice_of(found));
    devid_bytes_free(&wanted);
    devid_bytes_free(&found);
    devid_public_free(&pub);
    return rc;
}

/* Qualified name := nameAlg || H(qualified name of the parent || name). */
static devid_rc is_child(const TPM2B_NAME *parent, const TPM2B_NAME *name, const TPM2B_NAME *qualified, bool *is,
                         struct devid_error *err)
{
    unsigned char both[2 * sizeof parent->name], digest[DIGEST_LEN];
    devid_rc rc;

    memcpy(both, parent->name, parent->size);
    memcpy(both + parent->size, name->name, name->size);
    rc = devid_hash_once(DEVID_SHA256, (struct devid_slice){both, (size_t)parent->size + name->size}, digest, err);
    *is = rc == DEVID_OK && qualified->size == 2 + DIGEST_LEN && memcmp(qualified->name + 2, digest, DIGEST_LEN) == 0;
    return rc;
}

static devid_rc under_root(struct devid_tpm *tpm, ESYS_CONTEXT *esys, const TPM2B_NAME *name, const TPM2B_NAME *qualified, bool *is,
                           struct devid_error *err)
{
    TPM2B_NAME *root_qualified = NULL;
    ESYS_TR root = ESYS_TR_NONE;
    devid_rc rc = devid_chip_find(tpm, esys, DEVID_SRK, &root, err);

    if (rc == DEVID_OK)
        rc = read_public(esys, root, DEVID_SRK, NULL, NULL, &root_qualified, err);
    if (rc == DEVID_OK)
        rc = is_child(root_qualified, name, qualified, is, err);
    Esys_Free(root_qualified);
    devid_chip_close(esys, &root);
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}

/* object: ESYS_TR_NONE if the handle is empty */
static devid_rc look(struct devid_tpm *tpm, ESYS_CONTEXT *esys, uint32_t handle, ESYS_TR *object, bool *is_ours, struct devid_error *err)
{
    TPM2B_NAME *name = NULL, *qualified = NULL;
    TPM2B_PUBLIC *area = NULL;
    devid_rc rc = devid_chip_find(tpm, esys, handle, object, err);

    if (rc == DEVID_E_ABSENT)
        return DEVID_OK;
    if (rc == DEVID_OK)
        rc = read_public(esys, *object, handle, &area, &name, &qualified, err);
    if (rc == DEVID_OK)
        rc = by_template(area, is_ours, err);
    if (rc == DEVID_OK && *is_ours)
        rc = under_root(tpm, esys, name, qualified, is_ours, err);
    Esys_Free(area);
    Esys_Free(name);
    Esys_Free(qualified);
    return rc;
}

devid_rc devid_leftover_look(struct devid_store *store, uint32_t handle, bool *is_ours, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_TR object = ESYS_TR_NONE;
    ESYS_CONTEXT *esys;
    devid_rc rc;

    *is_ours = false;
    if (is_others(handle))
        return DEVID_OK;
    rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);
    if (rc != DEVID_OK)
        return rc;
    rc = look(tpm, esys, handle, &object, is_ours, err);
    devid_chip_close(esys, &object);
    devid_chip_leave(tpm, rc);
    return rc;
}

devid_rc devid_leftover_remove(struct devid_store *store, uint32_t handle, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_TR object = ESYS_TR_NONE, none = ESYS_TR_NONE;
    ESYS_CONTEXT *esys;
    bool is_ours = false;
    devid_rc rc;
    TSS2_RC r;

    if (is_others(handle))
        return devid_fail(err, DEVID_E_DENIED, "0x%08x is no handle of an owner's key", handle);
    rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err); /* the lock: nobody else moves a key there meanwhile */
    if (rc != DEVID_OK)
        return rc;
    rc = look(tpm, esys, handle, &object, &is_ours, err);
    if (rc == DEVID_OK && object != ESYS_TR_NONE && !is_ours)
        rc = devid_chip_taken(handle, err);
    if (rc == DEVID_OK && object != ESYS_TR_NONE) {
        r = Esys_EvictControl(esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, handle, &none);
        if (r == TSS2_RC_SUCCESS)
            object = ESYS_TR_NONE; /* ESYS has forgotten it */
        else
            rc = devid_chip_fail(err, r, ESYS_TR_RH_OWNER, handle, "remove a key from the TPM");
    }
    devid_chip_close(esys, &object);
    devid_chip_leave(tpm, rc);
    if (rc == DEVID_OK)
        devid_cache_drop(store, handle);
    return rc;
}
