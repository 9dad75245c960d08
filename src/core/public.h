/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public half of a key: what everybody may know of it, in the words of X.509. TSS2's and
 * OpenSSL's types stay inside public.c.
 */
#ifndef DEVID_CORE_PUBLIC_H
#define DEVID_CORE_PUBLIC_H

#include "core/bytes.h"
#include "core/hash.h"

enum devid_alg { DEVID_EC, DEVID_RSA };

struct devid_public {
    enum devid_alg alg;
    unsigned bits;                  /* EC: 256, 384, 521 (NIST prime curves); RSA: modulus bits */
    struct devid_bytes spki;        /* SubjectPublicKeyInfo, DER */
    struct devid_bytes point;       /* EC: 0x04 || X || Y, coordinates padded to the curve's size */
    struct devid_bytes modulus;     /* RSA: big-endian, bits / 8 bytes */
    uint32_t exponent;              /* RSA: 65537 */
    /* The rest is known only where a TPM public area was the source; area.len != 0 says so. */
    struct devid_bytes area;        /* TPM2B_PUBLIC as marshalled, its 2-byte size included */
    bool can_sign, can_decrypt;     /* TPMA_OBJECT sign / decrypt */
    bool is_noda;                   /* TPMA_OBJECT noDA */
    bool is_restricted;             /* signs only what the TPM hashed itself (an IAK, an EK) */
    bool is_fixed;                  /* fixedTPM and fixedParent and sensitiveDataOrigin */
    bool has_scheme;                /* the key works by one scheme only. It signs by the next two, */
    enum devid_padding padding;
    enum devid_hash hash;
    bool has_rsaes;                 /* or it decrypts: by PKCS#1, */
    enum devid_hash oaep;           /* by OAEP with that hash; DEVID_HASH_NONE: it does not */
};

/**
 * Does the TPM count wrong auth values for this key towards its lockout, and power that is cut after its use? false if no public area
 * tells.
 */
static inline bool devid_public_is_counted(const struct devid_public *pub)
{
    return pub->area.len != 0 && !pub->is_noda;
}

/**
 * From a TPM's public area.
 *
 * \param area  TPM2B_PUBLIC, marshalled; lent. No byte may follow it
 * \return DEVID_E_DATA if it is malformed or too long; DEVID_E_KEY if it is no RSA or NIST EC key
 */
devid_rc devid_public_from_area(struct devid_slice area, struct devid_public *out, struct devid_error *err);

/** From a SubjectPublicKeyInfo; area stays empty and the TPM attributes false. Errors as above. */
devid_rc devid_public_from_spki(struct devid_slice spki, struct devid_public *out, struct devid_error *err);

/**
 * From a point of a NIST curve, as devid_public_from_spki.
 * \param bits   256, 384, 521
 * \param point  0x04 || X || Y
 * \return DEVID_E_KEY for another curve; DEVID_E_DATA if the point is not on it
 */
devid_rc devid_public_from_point(unsigned bits, struct devid_slice point, struct devid_public *out,
                                 struct devid_error *err);

/**
 * From the numbers of an RSA key, big-endian; zeros in front are allowed.
 * \return DEVID_E_DATA if no RSA key has them; DEVID_E_KEY for a size that is not supported
 */
devid_rc devid_public_from_modulus(struct devid_slice modulus, struct devid_slice exponent, struct devid_public *out,
                                   struct devid_error *err);

/**
 * The SubjectPublicKeyInfo that programs are to see. A key whose certificate says RSASSA-PSS (RFC 4055, 3.1) is of that type, in its very
 * words. One without certificate is, if it signs PSS alone and any message: with that hash, and a salt as long. A restricted one
 * (an IAK) is not, nor what a certificate calls rsaEncryption: makers certify their IAKs so.
 *
 * \param certified  the SPKI of the key's certificate; empty: it has none
 * \param out        freed by the caller
 */
devid_rc devid_public_as_certified(const struct devid_public *pub, struct devid_slice certified, struct devid_bytes *out,
                                   struct devid_error *err);
/** RSASSA-PSS, with or without parameters? */
bool devid_spki_is_pss(struct devid_slice spki);
/** Are they of one key? An RSA key is the same whatever its OID says that it is for. */
bool devid_spki_same(struct devid_slice a, struct devid_slice b);

devid_rc devid_public_copy(const struct devid_public *in, struct devid_public *out, struct devid_error *err);
void devid_public_free(struct devid_public *p);

/** Bytes of a signature by this key: 64, 96 or 132 (r || s), or the modulus's. */
size_t devid_public_sig_len(const struct devid_public *p);
/** "EC P-256", "RSA 2048": for people. A literal. */
const char *devid_public_name(const struct devid_public *p);

#endif
