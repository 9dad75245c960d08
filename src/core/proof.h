/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a persistent handle holds the key that it was opened for. A command names the handle alone, so that another
 * that somebody put there would serve in this one's name. What it gives proves it, in software and without a command: what was signed is
 * verified, what was decrypted is encrypted again, with the first use over a connection and once in a second. Core's own.
 */
#ifndef DEVID_CORE_PROOF_H
#define DEVID_CORE_PROOF_H

#include "core/use.h"

/**
 * Whether the handle is to be looked at before this use: it proves nothing (ECDH), and the connection is new; another key was seen
 * there; or the key has a password, and a failure with the key of somebody else would be counted.
 */
bool devid_proof_is_due(const struct devid_key *key, const struct devid_use *use);

/**
 * The key's object, as the TPM has it now. Sends TPM2_ReadPublic. Between devid_tpm_enter and _leave; devid_object_rest closes it.
 * \return DEVID_E_ABSENT if another key is there, or none
 */
devid_rc devid_proof_open(struct devid_key *key, ESYS_CONTEXT *esys, struct devid_error *err);

/**
 * After what the TPM gave. Sends nothing, but TPM2_ReadPublic if it is wrong, to tell why.
 * \param out  of devid_use_key; wiped if it is wrong
 * \return DEVID_E_ABSENT if another key is there; DEVID_E_TPM if not
 */
devid_rc devid_proof_after(struct devid_key *key, const struct devid_use *use, unsigned char *out, struct devid_error *err);

/**
 * After what the TPM refused: another key may have. Sends TPM2_ReadPublic, unless rc has nothing to do with the key.
 * \param err  in and out; NULL allowed
 * \return rc, or DEVID_E_ABSENT if another key is there
 */
devid_rc devid_proof_of_refusal(struct devid_key *key, devid_rc rc, struct devid_error *err);

/** That another key is at the key's handle, for a person. \return DEVID_E_ABSENT */
devid_rc devid_proof_fail(const struct devid_key *key, struct devid_error *err);

#endif
