/* SPDX-License-Identifier: BSD-2-Clause */
/* A digest with the TPM's word that it made it: what a restricted key signs. Core's own; between devid_tpm_enter and _leave. */
#ifndef DEVID_CORE_TICKET_H
#define DEVID_CORE_TICKET_H

#include <tss2/tss2_esys.h>

#include "core/bytes.h"

/**
 * Hash a message in the TPM. TPM2_Hash for up to 1,024 bytes; else TPM2_HashSequenceStart, TPM2_SequenceUpdate for each 1,024
 * bytes but the last, TPM2_SequenceComplete. Nothing is left in the TPM.
 *
 * \param message  must not begin with TPM_GENERATED_VALUE (ff 54 43 47), for which a TPM gives no ticket
 * \return the TPM's answer
 * TPM 2.0 Library, Part 3, TPM2_Hash, TPM2_SequenceComplete.
 */
TSS2_RC devid_ticket_hash(ESYS_CONTEXT *esys, TPM2_ALG_ID hash, struct devid_slice message, TPM2B_DIGEST *digest,
                          TPMT_TK_HASHCHECK *ticket);

#endif
