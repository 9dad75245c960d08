/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Certificates in the TPM's NV memory: defined, written, locked; read and trimmed. TPM 2.0 Library,
 * Part 2, "TPMA_NV", Part 3, "Non-Volatile Storage".
 */
#include "core/nv.h"

#include <stdio.h>
#include <string.h>
#include <tss2/tss2_esys.h>

#include "core/chip.h"
#include "core/tpm.h"

/* Readable by everybody; written once: the lock outlives resets, and TPM2_Clear leaves the platform's indices. */
#define CERTIFICATE                                                                                          \
    (TPMA_NV_PLATFORMCREATE | TPMA_NV_PPWRITE | TPMA_NV_PPREAD | TPMA_NV_OWNERREAD | TPMA_NV_AUTHREAD |      \
     TPMA_NV_NO_DA | TPMA_NV_WRITEDEFINE)
/* What the TPM itself sets while an index lives. */
#define STATE (TPMA_NV_WRITTEN | TPMA_NV_WRITELOCKED | TPMA_NV_READLOCKED)

struct nv_index {
    ESYS_TR tr;
    uint32_t index;
    uint16_t size;
    TPMA_NV attributes;
    TPM2_ALG_ID name_alg;
};

static devid_rc index_find(struct devid_tpm *tpm, ESYS_CONTEXT *esys, uint32_t index, struct nv_index *out,
                           struct devid_error *err)
{
    TPM2B_NV_PUBLIC *public = NULL;
    ESYS_TR tr = ESYS_TR_NONE;
    devid_rc rc = devid_chip_find(tpm, esys, index, &tr, err);
    TSS2_RC r;

    if (rc != DEVID_OK)
        return rc;
    r = Esys_NV_ReadPublic(esys, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL);
    if (r != TSS2_RC_SUCCESS) {
        devid_chip_close(esys, &tr);
        return devid_fail_tss(err, r, index, "look at NV index 0x%08x", index);
    }
    *out = (struct nv_index){tr, index, public->nvPublic.dataSize, public->nvPublic.attributes,
                             public->nvPublic.nameAlg};
    Esys_Free(public);
    return DEVID_OK;
}

/* Most bytes of one TPM2_NV_Read or TPM2_NV_Write. */
static devid_rc chunk_size(ESYS_CONTEXT *esys, uint16_t *out, struct devid_error *err)
{
    uint32_t max = 0;
    devid_rc rc = devid_chip_property(esys, TPM2_PT_NV_BUFFER_MAX, &max, err);

    if (rc != DEVID_OK)
        return rc;
    if (max == 0)
        return devid_fail(err, DEVID_E_TPM, "the TPM says that it has no NV buffer");
    *out = (uint16_t)(max < TPM2_MAX_NV_BUFFER_SIZE ? max : TPM2_MAX_NV_BUFFER_SIZE);
    return DEVID_OK;
}

/* Who may read, by the attributes: an attempt that must fail could count against the lockout. */
static devid_rc reader_of(const struct nv_index *nv, ESYS_TR *out, struct devid_error *err)
{
    if (((nv->attributes & TPMA_NV_TPM2_NT_MASK) >> TPMA_NV_TPM2_NT_SHIFT) != TPM2_NT_ORDINARY)
        return devid_fail(err, DEVID_E_DATA, "NV index 0x%08x is a counter or the like and holds no certificate",
                          nv->index);
    if ((nv->attributes & TPMA_NV_WRITTEN) == 0)
        return devid_fail(err, DEVID_E_ABSENT, "NV index 0x%08x was never written", nv->index);
    if (nv->attributes & TPMA_NV_AUTHREAD)
        *out = nv->tr;
    else if (nv->attributes & TPMA_NV_OWNERREAD)
        *out = ESYS_TR_RH_OWNER;
    else
        return devid_fail(err, DEVID_E_DENIED, "NV index 0x%08x is not for its owner to read: only a policy or the "
                          "platform may", nv->index);
    return DEVID_OK;
}

static devid_rc read_fail(struct devid_error *err, TSS2_RC r, const struct nv_index *nv, ESYS_TR reader)
{
    if (reader == nv->tr && (devid_tss_says(r, TPM2_RC_AUTH_FAIL) || devid_tss_says(r, TPM2_RC_BAD_AUTH)))
        return devid_fail_tss(err, r, nv->index, "read NV index 0x%08x, which has a password", nv->index);
    if (reader == nv->tr)
        return devid_fail_tss(err, r, nv->index, "read NV index 0x%08x", nv->index);
    return devid_chip_fail(err, r, reader, nv->index, "read a certificate from NV");
}

static devid_rc index_read(ESYS_CONTEXT *esys, const struct nv_index *nv, struct devid_bytes *out,
                           struct devid_error *err)
{
    struct devid_bytes raw = {0};
    ESYS_TR reader = ESYS_TR_NONE;
    uint16_t chunk = 0;
    devid_rc rc = reader_of(nv, &reader, err);

    if (rc == DEVID_OK)
        rc = chunk_size(esys, &chunk, err);
    while (rc == DEVID_OK && raw.len < nv->size) {
        size_t left = nv->size - raw.len;
        TPM2B_MAX_NV_BUFFER *data = NULL;
        TSS2_RC r = Esys_NV_Read(esys, reader, nv->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                 left < chunk ? (uint16_t)left : chunk, (uint16_t)raw.len, &data);

        if (r != TSS2_RC_SUCCESS)
            rc = read_fail(err, r, nv, reader);
        else if (data->size == 0 || data->size > left)
            rc = devid_fail(err, DEVID_E_TPM, "the TPM gave another length of NV index 0x%08x than asked", nv->index);
        else
            rc = devid_bytes_append(&raw, (struct devid_slice){data->buffer, data->size}, err);
        Esys_Free(data);
    }
    if (rc == DEVID_OK)
        *out = raw;
    else
        devid_bytes_free(&raw);
    return rc;
}

static devid_rc about(struct devid_error *err, devid_rc rc, uint32_t index)
{
    char noun[32];

    if (rc != DEVID_E_DATA)
        return rc;
    (void)snprintf(noun, sizeof noun, "NV index 0x%08x", index);
    return devid_error_in(err, rc, noun);
}

devid_rc devid_nv_read_raw(struct devid_store *store, uint32_t index, struct devid_bytes *out, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct nv_index nv = {.tr = ESYS_TR_NONE};
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    rc = index_find(tpm, esys, index, &nv, err);
    if (rc == DEVID_OK)
        rc = index_read(esys, &nv, out, err);
    devid_chip_close(esys, &nv.tr);
    devid_chip_leave(tpm, rc);
    return rc;
}

devid_rc devid_nv_read(struct devid_store *store, uint32_t index, struct devid_bytes *out, struct devid_error *err)
{
    struct devid_bytes raw = {0};
    devid_rc rc = devid_nv_read_raw(store, index, &raw, err);

    if (rc == DEVID_OK)
        rc = about(err, devid_nv_certificates(devid_slice_of(raw), out, err), index);
    devid_bytes_free(&raw);
    return rc;
}

/* The platform hierarchy said no: firmware gives it a random password, or switches it off, before the system starts. */
static bool is_closed(TSS2_RC r)
{
    return devid_tss_says(r, TPM2_RC_BAD_AUTH) || devid_tss_says(r, TPM2_RC_AUTH_FAIL) || devid_tss_says(r, TPM2_RC_HIERARCHY) ||
           devid_tss_says(r, TPM2_RC_AUTH_UNAVAILABLE);
}

static devid_rc platform_fail(struct devid_error *err, TSS2_RC r, uint32_t index, size_t len)
{
    devid_rc rc;

    if (is_closed(r))
        rc = devid_fail(err, DEVID_E_DENIED,
                        "the platform hierarchy is closed (firmware did that), so no certificate can be made "
                        "permanent at NV index 0x%08x: run this in the factory, before firmware closes it, or set "
                        "\"certificate = file\"", index);
    else if (devid_tss_says(r, TPM2_RC_SIZE) || devid_tss_says(r, TPM2_RC_NV_SIZE))
        rc = devid_fail(err, DEVID_E_DATA,
                        "a certificate of %zu bytes is larger than an NV index of this TPM: set \"certificate = file\"",
                        len);
    else
        return devid_fail_tss(err, r, index, "write NV index 0x%08x", index);
    return devid_error_about(err, rc, r, index);
}

static devid_rc index_define(ESYS_CONTEXT *esys, uint32_t index, struct devid_slice der, ESYS_TR *tr,
                             struct devid_error *err)
{
    static const TPM2B_AUTH no_auth;
    TPM2B_NV_PUBLIC public = {0};
    TSS2_RC r;

    public.nvPublic.nvIndex = index;
    public.nvPublic.nameAlg = TPM2_ALG_SHA256;
    public.nvPublic.attributes = CERTIFICATE;
    public.nvPublic.dataSize = (uint16_t)der.len;
    r = Esys_NV_DefineSpace(esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &public,
                            tr);
    if (r == TSS2_RC_SUCCESS)
        return DEVID_OK;
    *tr = ESYS_TR_NONE;
    return platform_fail(err, r, index, der.len);
}

/*
 * Define, write, lock. Locking is last, so a killed run leaves an index that the next one knows for its own. The
 * first bytes are written last, so no reader takes a half-written index for a certificate.
 */
static devid_rc index_make(ESYS_CONTEXT *esys, uint32_t index, struct devid_slice der, struct devid_error *err)
{
    ESYS_TR tr = ESYS_TR_NONE;
    uint16_t chunk = 0;
    devid_rc rc = chunk_size(esys, &chunk, err);
    TSS2_RC r;

    if (rc == DEVID_OK)
        rc = index_define(esys, index, der, &tr, err);
    for (size_t left = der.len; rc == DEVID_OK && left > 0;) {
        TPM2B_MAX_NV_BUFFER data = {0};

        data.size = left < chunk ? (uint16_t)left : chunk;
        left -= data.size;
        memcpy(data.buffer, der.data + left, data.size);
        r = Esys_NV_Write(esys, ESYS_TR_RH_PLATFORM, tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data,
                          (uint16_t)left);
        if (r != TSS2_RC_SUCCESS)
            rc = platform_fail(err, r, index, der.len);
    }
    if (rc == DEVID_OK) {
        r = Esys_NV_WriteLock(esys, ESYS_TR_RH_PLATFORM, tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
        if (r != TSS2_RC_SUCCESS)
            rc = platform_fail(err, r, index, der.len);
    }
    devid_chip_close(esys, &tr);
    return rc;
}

/* Defined as we define it. */
static bool is_by_us(const struct nv_index *nv)
{
    return (nv->attributes & ~(TPMA_NV)STATE) == CERTIFICATE && nv->name_alg == TPM2_ALG_SHA256;
}

/* And not locked: an earlier run of ours was killed. */
static bool is_unfinished(const struct nv_index *nv)
{
    return is_by_us(nv) && (nv->attributes & TPMA_NV_WRITELOCKED) == 0;
}

static devid_rc index_undefine(ESYS_CONTEXT *esys, struct nv_index *nv, struct devid_error *err)
{
    TSS2_RC r = Esys_NV_UndefineSpace(esys, ESYS_TR_RH_PLATFORM, nv->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);

    if (is_closed(r))
        return devid_error_about(err, devid_fail(err, DEVID_E_DENIED, "the platform hierarchy is closed (firmware did that), so "
                                                 "NV index 0x%08x stays", nv->index), r, nv->index);
    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, nv->index, "delete NV index 0x%08x", nv->index);
    nv->tr = ESYS_TR_NONE; /* ESYS closed it */
    return DEVID_OK;
}

/* The index is not ours to change: well if it holds just what was to be written. */
static devid_rc index_compare(ESYS_CONTEXT *esys, const struct nv_index *nv, struct devid_slice der,
                              struct devid_error *err)
{
    struct devid_bytes raw = {0}, found = {0};
    bool same = false;
    devid_rc rc = index_read(esys, nv, &raw, err);

    if (rc == DEVID_OK && devid_nv_certificates(devid_slice_of(raw), &found, NULL) == DEVID_OK)
        same = devid_slice_eq(devid_slice_of(found), der);
    if ((rc == DEVID_OK && !same) || rc == DEVID_E_ABSENT || rc == DEVID_E_DATA || rc == DEVID_E_DENIED)
        rc = devid_fail(err, DEVID_E_EXISTS,
                        "NV index 0x%08x holds something else, which is left alone: give the identity another index "
                        "(certificate = nv:0x...), or \"certificate = file\"", nv->index);
    devid_bytes_free(&found);
    devid_bytes_free(&raw);
    return rc;
}

devid_rc devid_nv_write(struct devid_store *store, uint32_t index, struct devid_slice der, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct nv_index nv = {.tr = ESYS_TR_NONE};
    ESYS_CONTEXT *esys;
    devid_rc rc;

    if (der.len == 0 || der.len > UINT16_MAX)
        return devid_fail(err, DEVID_E_DATA, "a certificate of %zu bytes does not fit an NV index", der.len);
    /* nothing transient: it is the lock that is wanted, so that no other process is between define and lock */
    rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
    if (rc != DEVID_OK)
        return rc;
    rc = index_find(tpm, esys, index, &nv, err);
    if (rc == DEVID_OK && !is_unfinished(&nv)) {
        rc = index_compare(esys, &nv, der, err);
    } else if (rc == DEVID_OK || rc == DEVID_E_ABSENT) {
        rc = rc == DEVID_OK ? index_undefine(esys, &nv, err) : DEVID_OK;
        if (rc == DEVID_OK)
            rc = index_make(esys, index, der, err);
    }
    devid_chip_close(esys, &nv.tr);
    devid_chip_leave(tpm, rc);
    return rc;
}

/* EKs', IDevIDs' and IAKs' certificates are told by devid.conf; these are reserved. TCG EK Credential Profile 2.5, 2.2.1. */
static bool is_makers(uint32_t index)
{
    return index >= 0x01c00000U && index <= 0x01c0ffffU;
}

devid_rc devid_nv_look(struct devid_store *store, uint32_t index, bool *is_ours, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct nv_index nv = {.tr = ESYS_TR_NONE};
    ESYS_CONTEXT *esys;
    devid_rc rc;

    *is_ours = false;
    if (is_makers(index))
        return DEVID_OK;
    rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);
    if (rc != DEVID_OK)
        return rc;
    rc = index_find(tpm, esys, index, &nv, err);
    *is_ours = rc == DEVID_OK && is_by_us(&nv);
    devid_chip_close(esys, &nv.tr);
    devid_chip_leave(tpm, rc);
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}

devid_rc devid_nv_remove(struct devid_store *store, uint32_t index, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct nv_index nv = {.tr = ESYS_TR_NONE};
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err); /* the lock, as of devid_nv_write */

    if (rc != DEVID_OK)
        return rc;
    rc = index_find(tpm, esys, index, &nv, err);
    if (rc == DEVID_OK && (is_makers(index) || !is_by_us(&nv)))
        rc = devid_fail(err, DEVID_E_EXISTS, "NV index 0x%08x is not as devid defines one, and is left alone", index);
    if (rc == DEVID_OK)
        rc = index_undefine(esys, &nv, err);
    devid_chip_close(esys, &nv.tr);
    devid_chip_leave(tpm, rc);
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}
