/* SPDX-License-Identifier: BSD-2-Clause */
/* RSA encryption: how a text is encrypted, and the public half of it, which is software's. RFC 8017, section 7. */
#ifndef DEVID_CORE_CIPHER_H
#define DEVID_CORE_CIPHER_H

#include "core/hash.h"

enum devid_cipher_padding {
    DEVID_CIPHER_PKCS1, /* RSAES-PKCS1-v1_5 */
    DEVID_CIPHER_OAEP,  /* RSAES-OAEP */
    DEVID_CIPHER_RAW,   /* a block of the modulus's size, no padding (CKM_RSA_X_509) */
    DEVID_CIPHER_TLS,   /* decryption only: the premaster secret of TLS up to 1.2 */
};

#define DEVID_PREMASTER_LEN 48 /* bytes */

/* One value serves devid_encrypt and devid_key_decrypt. */
struct devid_cipher {
    enum devid_cipher_padding padding;
    enum devid_hash hash;     /* OAEP: of the label */
    enum devid_hash mgf;      /* OAEP: hash of MGF1; DEVID_HASH_NONE means the same as hash */
    struct devid_slice label; /* OAEP: lent; empty is the usual */
    bool hides_wrong;         /* PKCS1, decryption: a text that looks like any other in the place of an error */
    unsigned tls_client;      /* TLS: the version that the client offered, 0x0303 */
    unsigned tls_negotiated;  /* TLS: one that is taken instead; 0: none */
};

/**
 * The longest text that one block holds, 0 if not even an empty one does.
 * \param modulus_len  bytes
 */
size_t devid_cipher_room(const struct devid_cipher *cipher, size_t modulus_len);

/**
 * Encrypt in software. Nothing is sent to a TPM.
 *
 * \param spki  SubjectPublicKeyInfo of an RSA key, DER; lent
 * \param text  up to devid_cipher_room bytes; exactly the modulus's for RAW, as a number below it
 * \param out   the modulus's size; written on success only
 * \return DEVID_E_KEY if this is no RSA key; DEVID_E_DATA for a text that does not fit; DEVID_E_ARG for OAEP without
 *         hash. Any thread.
 */
devid_rc devid_encrypt(struct devid_slice spki, const struct devid_cipher *cipher, struct devid_slice text,
                       unsigned char *out, struct devid_error *err);

#endif
