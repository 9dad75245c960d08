/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evidence that a key lives in a TPM: a file for CAs and auditors, who check it without one. PEM blocks, in this order:
 *
 *   TPM ATTEST             TPMS_ATTEST of TPM2_Certify, as it was signed
 *   TPM SIGNATURE          TPMT_SIGNATURE over it, by the attestation key
 *   TPM KEY PUBLIC         TPM2B_PUBLIC of the key that is attested
 *   TPM IAK PUBLIC         TPM2B_PUBLIC of the attestation key
 *   TPM EK PUBLIC          TPM2B_PUBLIC of the endorsement key; may be missing, as all below
 *   TPM EK CERTIFICATE     the EK's certificate, then its chain
 *   TPM IAK CERTIFICATE    the attestation key's, then its chain
 *   CERTIFICATE            the key's, then its chain
 */
#ifndef DEVID_CORE_EVIDENCE_H
#define DEVID_CORE_EVIDENCE_H

#include "core/cert.h"

#define DEVID_EVIDENCE_MAX (256U * 1024U) /* bytes of a file that is accepted */

struct devid_evidence_chain {
    struct devid_bytes der[DEVID_CHAIN_MAX]; /* leaf first */
    size_t n;
};

/* Freed by devid_evidence_free. */
struct devid_evidence {
    struct devid_bytes attest, signature, key_area, iak_area, ek_area;
    struct devid_evidence_chain ek, iak, key;
};

void devid_evidence_free(struct devid_evidence *evidence);

/** One more certificate of a chain. \return DEVID_E_DATA if it is full */
devid_rc devid_evidence_add(struct devid_evidence_chain *chain, struct devid_slice der, struct devid_error *err);

/** The file; freed by the caller. */
devid_rc devid_evidence_write(const struct devid_evidence *evidence, struct devid_bytes *pem, struct devid_error *err);

/**
 * The reverse. Only the form is judged.
 * \return DEVID_E_DATA for a file that is too long, lacks one of the first four, or has one of the first five twice
 */
devid_rc devid_evidence_read(struct devid_slice pem, struct devid_evidence *out, struct devid_error *err);

/* What it is checked against. Slices are lent; empty: not known, and what needs it is told as not checked. */
struct devid_evidence_wish {
    struct devid_slice nonce;    /* that the verifier gave */
    struct devid_slice ek_roots; /* PEM: CAs of chip makers */
    struct devid_slice roots;    /* PEM: CAs of the certificates of key and attestation key */
};

/* What was found, in words. */
struct devid_evidence_verdict {
    struct devid_evidence_finding {
        bool was_checked; /* and is good; else it was not checked */
        char text[160];
    } findings[20];
    size_t n;
};

/**
 * Check evidence. No TPM, no store. That one thing is wrong ends it.
 *
 * \param out  what was checked until then, and what was not
 * \return DEVID_OK if all that was checked is good; DEVID_E_DATA, DEVID_E_DENIED with what is wrong
 */
devid_rc devid_evidence_verify(const struct devid_evidence *evidence, const struct devid_evidence_wish *wish,
                               struct devid_evidence_verdict *out, struct devid_error *err);

#endif
