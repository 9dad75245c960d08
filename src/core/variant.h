/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The templates that a primary of the endorsement hierarchy may have been made by. Makers disagree: over what is in unique of
 * an EC key, its padding, and the scheme of an RSA key; each makes another key. Core's own.
 * TCG "TPM 2.0 Keys for Device Identity and Attestation" 1.00, section 7.3.4; TCG "EK Credential Profile" 2.5, annex B.
 */
#ifndef DEVID_CORE_VARIANT_H
#define DEVID_CORE_VARIANT_H

#include <tss2/tss2_tpm2_types.h>

#include "core/recover.h"

/**
 * The i-th template to try, the likeliest first: the recorded one, the public area that was seen with each unique, then what is
 * in use for keys of that role and type. Sends nothing.
 *
 * \param pub  the key that is looked for
 * \param how  what it is, for a person; a literal
 * \return false after the last
 */
bool devid_variant(const struct devid_lost *lost, const struct devid_public *pub, size_t i, TPM2B_PUBLIC *out,
                   const char **how);

#endif
