/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TCG's certificate request of a device, TCG_CSR_IDEVID: what its CA must know, in one structure that its key has signed.
 * TCG "TPM 2.0 Keys for Device Identity and Attestation" 1.00, section 13.1. Numbers are of 4 bytes, big-endian:
 *
 *   structVer, contents, sigSz   sizes of the next two
 *   csrContents                  structVer, hashAlgoId, hashSz, hash (of all that follows here), 13 sizes, 13 parts
 *   signature                    over csrContents: DER, SEQUENCE { AlgorithmIdentifier, BIT STRING }
 */
#ifndef DEVID_CORE_TCG_CSR_H
#define DEVID_CORE_TCG_CSR_H

#include "core/evidence.h"
#include "core/public.h"

#define DEVID_TCG_CSR_MAX (1U << 20) /* bytes that are accepted */

/* In this order. */
enum devid_tcg_part {
    DEVID_TCG_MODEL,          /* prodModel: text, without an end */
    DEVID_TCG_SERIAL,         /* prodSerial: the same */
    DEVID_TCG_CA_DATA,        /* prodCaData: what a CA wants */
    DEVID_TCG_BOOT_LOG,       /* bootEvntLog */
    DEVID_TCG_EK_CERT,        /* ekCert: DER */
    DEVID_TCG_ATTEST_PUB,     /* attestPub: TPMT_PUBLIC of the attestation key */
    DEVID_TCG_CREATE_TICKET,  /* atCreateTkt */
    DEVID_TCG_ATTEST_INFO,    /* atCertifyInfo */
    DEVID_TCG_ATTEST_SIG,     /* atCertifyInfoSignature */
    DEVID_TCG_SIGNING_PUB,    /* signingPub: TPMT_PUBLIC of the IDevID; empty: the request is for the attestation key alone */
    DEVID_TCG_SIGNING_INFO,   /* sgnCertifyInfo: TPMS_ATTEST of TPM2_Certify by the attestation key */
    DEVID_TCG_SIGNING_SIG,    /* sgnCertifyInfoSignature: TPMT_SIGNATURE */
    DEVID_TCG_PAD,            /* any bytes: csrContents is a multiple of 16 long */
    DEVID_TCG_PARTS,
};

/* All slices are lent from the file that was read. */
struct devid_tcg_csr {
    struct devid_slice contents, signature;
    enum devid_hash hash;             /* DEVID_HASH_NONE: it has none, and digest is empty */
    struct devid_slice digest, hashed; /* what it says, and of which bytes */
    struct devid_slice parts[DEVID_TCG_PARTS];
};

/**
 * Make csrContents.
 *
 * \param parts  all but the padding; each may be empty
 * \param hash   SHA-256, -384, -512
 * \param noise  what is taken for padding
 * \param out    freed by the caller
 */
devid_rc devid_tcg_csr_contents(const struct devid_slice parts[DEVID_TCG_PAD], enum devid_hash hash, const unsigned char noise[16],
                                struct devid_bytes *out, struct devid_error *err);

/**
 * Make the whole of csrContents and its signature.
 *
 * \param scheme     it was made by: ECDSA, PKCS#1 or PSS (salted as long as the hash), with SHA-256, -384, -512
 * \param signature  r || s, or the modulus's size
 * \param out        freed by the caller
 * \return DEVID_E_KEY for another scheme
 */
devid_rc devid_tcg_csr_write(struct devid_slice contents, const struct devid_scheme *scheme, struct devid_slice signature,
                             struct devid_bytes *out, struct devid_error *err);

/** The signature alone, as it stands there. Appended to *out. Errors as above. */
devid_rc devid_tcg_csr_encode(const struct devid_scheme *scheme, struct devid_slice sig, struct devid_bytes *out,
                              struct devid_error *err);

/**
 * The reverse of devid_tcg_csr_write. Only the form is judged; all sizes together are the file's.
 * \param file  lent, and referred to by *out
 * \return DEVID_E_DATA
 */
devid_rc devid_tcg_csr_read(struct devid_slice file, struct devid_tcg_csr *out, struct devid_error *err);

/**
 * The signature of a request, as r || s or the modulus's size. Besides the standard's form those are taken that others write:
 * TPMT_SIGNATURE, or bare.
 *
 * \param key     that is to have made it
 * \param hash    that is meant where neither key nor signature say it
 * \param scheme  it is to be checked by
 * \param sig     room for *len bytes
 * \return DEVID_E_DATA if it cannot be that key's
 */
devid_rc devid_tcg_csr_signature(const struct devid_tcg_csr *csr, const struct devid_public *key, struct devid_scheme *scheme,
                                 unsigned char *sig, size_t *len, struct devid_error *err);

/**
 * Check a request as its CA would, but for the challenge. No TPM, no store. That one thing is wrong ends it.
 * \param out, return  as devid_evidence_verify
 */
devid_rc devid_tcg_csr_verify(const struct devid_tcg_csr *csr, const struct devid_evidence_wish *wish,
                              struct devid_evidence_verdict *out, struct devid_error *err);

#endif
