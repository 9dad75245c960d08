/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Digests and signature checks in software, in a library context of our own: an OpenSSL
 * engine or configuration that took over the process's default context does not reach here.
 * The PKCS#11 module, which may not include OpenSSL, hashes and verifies by this.
 */
#ifndef DEVID_CORE_HASH_H
#define DEVID_CORE_HASH_H

#include "core/bytes.h"

enum devid_hash {
    DEVID_HASH_NONE,
    DEVID_SHA1,
    DEVID_SHA256,
    DEVID_SHA384,
    DEVID_SHA512,
    /* in paddings that are made or taken off here; no TPM signs by them under their own name */
    DEVID_SHA224,
    DEVID_SHA512_224,
    DEVID_SHA512_256,
    DEVID_SHA3_224,
    DEVID_SHA3_256,
    DEVID_SHA3_384,
    DEVID_SHA3_512,
    DEVID_HASH_END,
};

#define DEVID_HASH_MAX 64 /* bytes of the longest digest */

/** Bytes of a digest; 0 for DEVID_HASH_NONE. */
size_t devid_hash_len(enum devid_hash hash);
/** One that every caller of a TPM may name to it: SHA-1, SHA-256, SHA-384, SHA-512. */
static inline bool devid_hash_is_tpm(enum devid_hash hash)
{
    return hash >= DEVID_SHA1 && hash <= DEVID_SHA512;
}

/** OpenSSL's name, "SHA256"; NULL for DEVID_HASH_NONE. */
const char *devid_hash_name(enum devid_hash hash);

/** One-shot. digest has room for devid_hash_len(hash) bytes. */
devid_rc devid_hash_once(enum devid_hash hash, struct devid_slice data, unsigned char *digest,
                         struct devid_error *err);

struct devid_hasher; /* a running digest; one thread at a time */

devid_rc devid_hasher_new(enum devid_hash hash, struct devid_hasher **out, struct devid_error *err);
devid_rc devid_hasher_update(struct devid_hasher *h, struct devid_slice data, struct devid_error *err);
/** digest has room for the hash's length. The hasher is then only good for free. */
devid_rc devid_hasher_final(struct devid_hasher *h, unsigned char *digest, struct devid_error *err);
void devid_hasher_free(struct devid_hasher *h);

/**
 * The key derivation function of ANSI X9.63, which follows ECDH. SEC 1, section 3.6.1.
 *
 * \param z       what both sides share; lent
 * \param shared  SharedInfo; may be empty
 * \param out     receives len bytes, which may be any number but 0
 * \return DEVID_E_ARG without a hash; DEVID_E_MEM. Any thread
 */
devid_rc devid_x963(enum devid_hash hash, struct devid_slice z, struct devid_slice shared, unsigned char *out, size_t len,
                    struct devid_error *err);

/* How a signature is made or checked. One value serves devid_key_sign and devid_verify. */
enum devid_padding {
    DEVID_ECDSA, /* signature is r || s, each padded on the left to the curve's size */
    DEVID_PKCS1, /* RSASSA-PKCS1-v1_5 */
    DEVID_PSS,   /* RSASSA-PSS */
    DEVID_RAW,   /* RSA private operation on a block of the modulus's size (CKM_RSA_X_509) */
};

struct devid_scheme {
    enum devid_padding padding;
    enum devid_hash hash; /* of the input, which is a digest. DEVID_HASH_NONE: with ECDSA any
                             bytes (the leftmost that fit are used); with PKCS1 a ready
                             DigestInfo or any bytes to be padded by type 1 */
    enum devid_hash mgf;  /* PSS: hash of MGF1; DEVID_HASH_NONE means the same as hash */
    size_t salt_len;      /* PSS: bytes of salt wanted in the signature */
};

/** ECDSA: r || s as the SEQUENCE that OpenSSL and X.509 have; RFC 3279, section 2.2.3. *out is freed by the caller. */
devid_rc devid_ecdsa_der(struct devid_slice sig, struct devid_bytes *out, struct devid_error *err);

/**
 * Check a signature in software.
 *
 * \param spki    SubjectPublicKeyInfo, DER
 * \param digest  what devid_key_sign was given
 * \param sig     r || s for ECDSA, else modulus-sized block
 * \return DEVID_OK; DEVID_E_DATA if the signature is not good; DEVID_E_KEY if scheme and key
 *         do not fit. Any thread.
 */
devid_rc devid_verify(struct devid_slice spki, const struct devid_scheme *scheme, struct devid_slice digest,
                      struct devid_slice sig, struct devid_error *err);

/**
 * Free what all digests and checks of this module share. For a face that may be unloaded and loaded again, when nobody is
 * inside and no hasher, key or store is left; the next call makes it anew. Does nothing once libcrypto has
 * cleaned up after a process that ends.
 */
void devid_hash_end(void);

#endif
