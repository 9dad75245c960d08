/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TPM's own cryptography, as far as a session needs it on our side, in core's library context: ESYS computes its sessions
 * in the process's default one, and fails there when an OpenSSL engine has taken over EC or RSA keys. Core's own.
 */
#ifndef DEVID_CORE_SALT_H
#define DEVID_CORE_SALT_H

#include <tss2/tss2_tpm2_types.h>

#include "core/public.h"

/**
 * A secret that only the TPM with that storage key will know.
 *
 * \param pub    the storage key, from its public area
 * \param sent   for TPM2_StartAuthSession
 * \param salt   the secret itself; wiped by the caller
 * \return DEVID_E_KEY for a key that is named by another hash than SHA-1 or SHA-2
 * TPM 2.0 Library, Part 1, B.10.2 (RSA) and C.6.1 (ECC).
 */
devid_rc devid_salt_make(const struct devid_public *pub, TPM2B_ENCRYPTED_SECRET *sent, TPM2B_DIGEST *salt,
                         struct devid_error *err);

/** KDFa with SHA-256. \param len bytes of out; Part 1, 11.4.10.2 */
devid_rc devid_kdfa(struct devid_slice key, const char *label, struct devid_slice u, struct devid_slice v,
                    unsigned char *out, size_t len, struct devid_error *err);

/** HMAC-SHA-256 of the parts, one after the other. \param mac 32 bytes */
devid_rc devid_hmac(struct devid_slice key, const struct devid_slice *parts, size_t n, unsigned char *mac,
                    struct devid_error *err);

/** AES-128-CFB in place. */
devid_rc devid_cfb(const unsigned char key[16], const unsigned char iv[16], unsigned char *data, size_t len,
                   struct devid_error *err);

/** PBKDF2 with HMAC-SHA-256. RFC 8018, section 5.2 */
devid_rc devid_pbkdf2(struct devid_slice password, struct devid_slice salt, unsigned rounds, unsigned char *out, size_t len,
                      struct devid_error *err);

#endif
