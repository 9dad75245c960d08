/* SPDX-License-Identifier: BSD-2-Clause */
/* Hashes in the TPM's numbers and in ours. Core's own. TCG Algorithm Registry, table 3. */
#ifndef DEVID_CORE_ALG_H
#define DEVID_CORE_ALG_H

#include <tss2/tss2_tpm2_types.h>

#include "core/hash.h"

/** DEVID_HASH_NONE for one that is not known. */
static inline enum devid_hash devid_hash_of_alg(TPM2_ALG_ID alg)
{
    switch (alg) {
    case TPM2_ALG_SHA1:   return DEVID_SHA1;
    case TPM2_ALG_SHA256: return DEVID_SHA256;
    case TPM2_ALG_SHA384: return DEVID_SHA384;
    case TPM2_ALG_SHA512: return DEVID_SHA512;
    default:              return DEVID_HASH_NONE;
    }
}

/** TPM2_ALG_NULL for none, and for one that a TPM is not asked for. */
static inline TPM2_ALG_ID devid_alg_of_hash(enum devid_hash hash)
{
    switch (hash) {
    case DEVID_SHA1:      return TPM2_ALG_SHA1;
    case DEVID_SHA256:    return TPM2_ALG_SHA256;
    case DEVID_SHA384:    return TPM2_ALG_SHA384;
    case DEVID_SHA512:    return TPM2_ALG_SHA512;
    default:              return TPM2_ALG_NULL;
    }
}

#endif
