/* SPDX-License-Identifier: BSD-2-Clause */
/* Evidence while it is being judged: what files of evidence and requests of the TCG's have in common. Core's own. */
#ifndef DEVID_CORE_JUDGE_H
#define DEVID_CORE_JUDGE_H

#include <tss2/tss2_tpm2_types.h>

#include "core/evidence.h"
#include "core/public.h"

#define JUDGE_SIG_MAX 512 /* bytes: RSA 4096 */

/* What is known so far. Ended by devid_judge_end. */
struct judge {
    const struct devid_evidence *e;
    const struct devid_evidence_wish *wish;
    struct devid_evidence_verdict *verdict;
    struct devid_public key, iak;
    TPMS_ATTEST attest;
};

void devid_judge_end(struct judge *j);
/** One more finding; none when there is no room. */
void devid_judge_find(struct judge *j, bool was_checked, const char *fmt, ...) DEVID_PRINTF(3, 4);

/** The attestation key is restricted, and fixed in its TPM. Fills iak. */
devid_rc devid_judge_iak(struct judge *j, struct devid_error *err);
/** The key is fixed in its TPM; the attestation is signed by the attestation key, names the key, and has the nonce. Fills key. */
devid_rc devid_judge_key(struct judge *j, struct devid_error *err);
/** The certificates that there are, and the EK. After devid_judge_iak; after devid_judge_key if there is a certificate of the key. */
devid_rc devid_judge_certificates(struct judge *j, struct devid_error *err);

/**
 * A TPMT_SIGNATURE as r || s or the modulus's size; false if it is malformed or of another type of key.
 * \param scheme  by which it was made; its hash may be any
 */
bool devid_judge_tpm_signature(const struct devid_public *key, struct devid_slice tpmt, struct devid_scheme *scheme,
                               unsigned char sig[JUDGE_SIG_MAX], size_t *len);
/**
 * Check a signature over data, which is hashed here.
 * \param whose  "the attestation key"
 * \return DEVID_E_DENIED if it is not by that key, or by another scheme than the key has
 */
devid_rc devid_judge_signed(const struct devid_public *key, struct devid_slice data, struct devid_scheme scheme, struct devid_slice sig,
                            const char *whose, struct devid_error *err);

#endif
