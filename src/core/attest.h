/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proofs that a key lives in this TPM: of one key by another (TPM2_Certify), and against a secret that only this TPM can
 * open (TPM2_ActivateCredential). What authorises them is found by the keys' policies.
 */
#ifndef DEVID_CORE_ATTEST_H
#define DEVID_CORE_ATTEST_H

#include "core/store.h"

/* Freed by devid_attested_free. */
struct devid_attested {
    struct devid_bytes attest;    /* TPMS_ATTEST, as signed */
    struct devid_bytes signature; /* TPMT_SIGNATURE */
    struct devid_bytes key_area, iak_area; /* TPM2B_PUBLIC of both, as the TPM has them now */
};

void devid_attested_free(struct devid_attested *attested);

/**
 * Let the attestation key say that a key is loaded in its TPM. TPM2_Certify; before it TPM2_ReadPublic of both and, for a device
 * key, the commands of policy branch B; after it TPM2_FlushContext of the session.
 *
 * \param key    any identity's; its auth value is empty
 * \param iak    a restricted signing key; its auth value is empty. NULL: the TCG's IAK of type EC 256, made by its template
 *               (TPM2_CreatePrimary) and flushed afterwards: it is the same key each time
 * \param nonce  qualifyingData: at most 64 bytes, may be empty
 * \return DEVID_E_KEY if iak is no such key, or key's policy is not known; as devid_key_sign
 * TPM 2.0 Library, Part 3, TPM2_Certify.
 */
devid_rc devid_attest_certify(struct devid_store *store, const struct devid_identity *key,
                              const struct devid_identity *iak, struct devid_slice nonce, struct devid_attested *out,
                              struct devid_error *err);

/**
 * Open what was encrypted to the EK and to the Name of a key. TPM2_ActivateCredential; before it TPM2_ReadPublic of both, the
 * commands of the EK's policy and, for a device key, of policy branch C.
 *
 * \param blob        contents of TPM2B_ID_OBJECT, without its size
 * \param secret      contents of TPM2B_ENCRYPTED_SECRET, without its size
 * \param credential  what was in it; freed by the caller, which wipes it
 * \return DEVID_E_DATA if it is for another EK, another key, or was changed; DEVID_E_KEY as devid_attest_certify
 * TPM 2.0 Library, Part 1, section 24, Part 3, TPM2_ActivateCredential.
 */
devid_rc devid_attest_activate(struct devid_store *store, const struct devid_identity *key,
                               const struct devid_identity *ek, struct devid_slice blob, struct devid_slice secret,
                               struct devid_secret *credential, struct devid_error *err);

#endif
