/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates in the TPM's NV memory. */
#ifndef DEVID_CORE_NV_H
#define DEVID_CORE_NV_H

#include "core/store.h"

/**
 * Read the certificates at an index: concatenated DER, padding of 0x00 or 0xff cut off; one PEM block will do too.
 * TPM2_NV_ReadPublic and as many TPM2_NV_Read as the TPM's buffer size needs. Auth tried: the index's own
 * (AUTHREAD), else owner (OWNERREAD), by the attributes, so that no failed attempt is sent.
 *
 * \param out  DER of all certificates, one behind the other
 * \return DEVID_E_ABSENT if there is no such index or it was never written; DEVID_E_DATA if it holds no certificate
 */
devid_rc devid_nv_read(struct devid_store *store, uint32_t index, struct devid_bytes *out, struct devid_error *err);

/** All bytes of an index, as they are. Commands and errors as devid_nv_read, but for DEVID_E_DATA. */
devid_rc devid_nv_read_raw(struct devid_store *store, uint32_t index, struct devid_bytes *out, struct devid_error *err);

/**
 * Write a certificate for good: the index is defined by the platform hierarchy with PLATFORMCREATE |
 * PPWRITE | PPREAD | OWNERREAD | AUTHREAD | NO_DA | WRITEDEFINE, written and write-locked. It survives TPM2_Clear.
 *
 * May be killed and called again: an index that is defined but not locked is an earlier run's
 * and is made anew; a locked one with the same content is done; a locked one with other content is DEVID_E_EXISTS.
 *
 * \return DEVID_E_DENIED if the platform hierarchy is closed (firmware did that): the sentence says that the
 *         factory must run this before, or "certificate = file"; DEVID_E_DATA if it is larger than the TPM takes
 * TPM 2.0 Library, Part 3, TPM2_NV_DefineSpace, TPM2_NV_WriteLock.
 */
devid_rc devid_nv_write(struct devid_store *store, uint32_t index, struct devid_slice der, struct devid_error *err);

/**
 * Whether an index is one that devid_nv_write defined, by its attributes, and none that the TCG gives to the chip's or the platform's
 * maker. TPM2_NV_ReadPublic.
 * \param is_ours  false if there is no such index, too
 */
devid_rc devid_nv_look(struct devid_store *store, uint32_t index, bool *is_ours, struct devid_error *err);

/**
 * Look again, and delete it. TPM2_NV_UndefineSpace, by the platform hierarchy.
 * \return DEVID_OK if there is none; DEVID_E_EXISTS if it is not ours; DEVID_E_DENIED if the platform hierarchy is closed
 */
devid_rc devid_nv_remove(struct devid_store *store, uint32_t index, struct devid_error *err);

/**
 * The certificates in an index's content, as devid_nv_read gives them. Pure: no TPM.
 * \return DEVID_E_DATA if there is none, or something behind them is neither certificate nor padding
 */
devid_rc devid_nv_certificates(struct devid_slice raw, struct devid_bytes *out, struct devid_error *err);

#endif
