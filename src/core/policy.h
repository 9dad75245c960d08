/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TCG's policies of device and endorsement keys: their digests, and sessions that satisfy them. Core's own.
 * TCG "TPM 2.0 Keys for Device Identity and Attestation" 1.00, section 7.3.4; "EK Credential Profile" 2.5, B.6.
 *
 * A device key's policy is TPM2_PolicyOR of
 *   A  PolicySecret(endorsement)                     the owner of the endorsement hierarchy uses the key
 *   B  A, then PolicyCommandCode(Certify)            another key attests it
 *   C  A, then PolicyCommandCode(ActivateCredential) a CA's challenge
 *   D  PolicyAuthorizeNV(index)                      the policy that who has A wrote to 0x01c9001x
 * that of an EK of the low range is A, of the high range PolicyOR of A and PolicyAuthorizeNV(0x01c07f0x).
 *
 * By D the owner of the endorsement hierarchy, which has a password then, delegates a use of the key: whoever satisfies the policy
 * in the index may. Those are satisfied here that ask for no secret: PolicyCommandCode of the command alone and, where the key's
 * USER role is wanted, the empty policy.
 */
#ifndef DEVID_CORE_POLICY_H
#define DEVID_CORE_POLICY_H

#include <tss2/tss2_esys.h>

#include "core/error.h"
#include "core/tpm.h"

enum devid_policy { DEVID_POLICY_EK_LOW, DEVID_POLICY_EK_HIGH, DEVID_POLICY_IDEVID, DEVID_POLICY_IAK };

#define DEVID_POLICIES 4

/**
 * The digest, computed from the definition. Pure: no TPM.
 * \param hash  of the session, which is the key's nameAlg: SHA-256, -384, -512
 * \return DEVID_E_KEY for another hash
 */
devid_rc devid_policy_digest(enum devid_policy policy, TPM2_ALG_ID hash, TPM2B_DIGEST *out, struct devid_error *err);

/**
 * What authorises one command with a key that may have one of these policies: a policy session, unsalted, for nothing
 * secret is in it; or the password session (auth value empty) if the key's attributes let it do. Between devid_tpm_enter and
 * _leave. Sends TPM2_StartAuthSession, TPM2_PolicySecret, and what the branch needs of TPM2_PolicyCommandCode, TPM2_PolicyOR.
 * If the endorsement hierarchy has a password: TPM2_NV_ReadPublic and TPM2_NV_Read of branch D's index; if that delegates the command,
 * TPM2_PolicyAuthorizeNV instead of TPM2_PolicySecret.
 *
 * \param area      the key's public area
 * \param command   TPM2_CC_Certify or TPM2_CC_ActivateCredential
 * \param is_admin  the command wants the ADMIN role of this key, not USER
 * \param session   ESYS_TR_PASSWORD, or a session that lasts until devid_policy_end
 * \return DEVID_E_KEY if only a policy will do, and it is none that is known; DEVID_E_AUTH if the endorsement
 *         hierarchy has a password, and the command is not delegated. Nothing is left in the TPM then
 */
devid_rc devid_policy_session(struct devid_tpm *tpm, ESYS_CONTEXT *esys, const TPM2B_PUBLIC *area, TPM2_CC command, bool is_admin,
                              ESYS_TR *session, struct devid_error *err);

/** TPM2_FlushContext of a policy session; ESYS_TR_NONE afterwards. The password session and none are let be. */
void devid_policy_end(ESYS_CONTEXT *esys, ESYS_TR *session);

#endif
