/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What making keys and writing NV have in common at the chip. Core's own; all calls between
 * devid_tpm_enter and _leave, hierarchies with an empty auth value (password session).
 */
#ifndef DEVID_CORE_CHIP_H
#define DEVID_CORE_CHIP_H

#include "core/make.h"
#include "core/tpm.h"


/**
 * ESYS_TR of what is at a persistent handle or NV index. Sends TPM2_ReadPublic or TPM2_NV_ReadPublic; for a
 * persistent handle once more after a sweep if a killed process filled the TPM and the bracket is DEVID_TPM_TRANSIENT.
 * \param out  freed with Esys_TR_Close
 * \return DEVID_E_ABSENT if nothing is there
 */
devid_rc devid_chip_find(struct devid_tpm *tpm, ESYS_CONTEXT *esys, uint32_t handle, ESYS_TR *out,
                         struct devid_error *err);

/**
 * devid_fail_tss, but a hierarchy that has a password or is switched off becomes a sentence that names it and says what
 * to do. What the platform's mean for NV is nv.c's.
 * \param hierarchy  ESYS_TR_RH_OWNER, _ENDORSEMENT or _PLATFORM
 * \param what       what was tried, "make a primary key"
 */
devid_rc devid_chip_fail(struct devid_error *err, TSS2_RC r, ESYS_TR hierarchy, uint32_t handle, const char *what);

/** One number of TPM2_GetCapability(TPM_CAP_TPM_PROPERTIES). */
devid_rc devid_chip_property(ESYS_CONTEXT *esys, TPM2_PT property, uint32_t *value, struct devid_error *err);

/**
 * True if r says that the TPM's slots of objects or sessions are full and the sweep of what a killed process left succeeded:
 * worth one more try.
 */
bool devid_chip_made_room(struct devid_tpm *tpm, TSS2_RC r);

/** True if the template asked for a size, curve or algorithm that the TPM does not have. */
bool devid_chip_lacks_type(TSS2_RC r);
/** The sentence for it. \return DEVID_E_KEY */
devid_rc devid_chip_no_type(struct devid_error *err, TSS2_RC r);

/**
 * Make a primary key. TPM2_CreatePrimary; once more after a sweep if a killed process filled the TPM.
 * \param out  transient, to be flushed by the caller
 */
devid_rc devid_chip_primary(struct devid_tpm *tpm, ESYS_CONTEXT *esys, ESYS_TR hierarchy,
                            const TPM2B_PUBLIC *template, ESYS_TR *out, TPM2B_PUBLIC **area, struct devid_error *err);

/**
 * Persist a loaded object at an empty handle. TPM2_EvictControl. What the cache says of the handle is dropped.
 * \param out  ESYS_TR of the persistent one
 * \return DEVID_E_EXISTS if another key is there; the same key, persisted by a process that was faster, is given
 */
devid_rc devid_chip_persist(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR object, uint32_t handle,
                            ESYS_TR *out, struct devid_error *err);

/** True if both have one Name, that is, the same public area. Sends nothing. */
devid_rc devid_chip_same(ESYS_CONTEXT *esys, ESYS_TR a, ESYS_TR b, bool *same, struct devid_error *err);

/** The sentence for a handle that another key is at. \return DEVID_E_EXISTS */
devid_rc devid_chip_taken(uint32_t handle, struct devid_error *err);

/** TPM2B_PUBLIC to the made key's public half. */
devid_rc devid_chip_public(const TPM2B_PUBLIC *area, struct devid_public *out, struct devid_error *err);

/** TPM2B_PRIVATE, marshalled; freed by the caller. */
devid_rc devid_chip_blob(const TPM2B_PRIVATE *private, struct devid_bytes *out, struct devid_error *err);

/** Flush if there is something; ESYS_TR_NONE afterwards. A failure is logged: it must not hide the error before it. */
void devid_chip_flush(ESYS_CONTEXT *esys, ESYS_TR *object);
/** Forget if there is something; ESYS_TR_NONE afterwards. Sends nothing. */
void devid_chip_close(ESYS_CONTEXT *esys, ESYS_TR *object);
/** devid_tpm_leave; drops the connection before if rc says that the TPM is gone. */
void devid_chip_leave(struct devid_tpm *tpm, devid_rc rc);

#endif
