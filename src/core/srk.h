/* SPDX-License-Identifier: BSD-2-Clause */
/* The storage root key, which the first wrapped key brings about. TCG "TPM v2.0 Provisioning Guidance" 1.0, 7.5.1. Core's own. */
#ifndef DEVID_CORE_SRK_H
#define DEVID_CORE_SRK_H

#include "core/tpm.h"
#include "core/public.h"
#include "core/store.h"

#define DEVID_SRK 0x81000001U

/**
 * The key as it is (one that firmware or an installer made will do), or made by the TCG template and persisted. Between
 * devid_tpm_enter (transient) and _leave.
 * \param out  freed with Esys_TR_Close
 */
devid_rc devid_srk_ready(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR *out, struct devid_error *err);

/**
 * Its public half, of the cache if that speaks of the same key; else TPM2_ReadPublic.
 * \param srk  or another loaded storage key
 * \param out  freed by the caller
 */
devid_rc devid_srk_public(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, struct devid_public *out,
                          struct devid_error *err);

#endif
