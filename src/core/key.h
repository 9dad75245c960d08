/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The means to use one identity's private key. Nothing is sent to the TPM before the first
 * operation.
 */
#ifndef DEVID_CORE_KEY_H
#define DEVID_CORE_KEY_H

#include "core/cipher.h"
#include "core/store.h"

struct devid_key;

/**
 * Make the key of an identity usable. Sends nothing.
 *
 * \param store     outlives the key
 * \param snap      snapshot that identity came from; the key holds it
 * \param identity  of that snapshot
 */
devid_rc devid_key_open(struct devid_store *store, struct devid_snapshot *snap, const struct devid_identity *identity,
                        struct devid_key **out, struct devid_error *err);

/**
 * A wrapped key that is in no store: a TSS2 PRIVATE KEY file given to a program. Sends nothing.
 *
 * \param der  TPMKey, DER (keyfile.h); lent, copied
 */
devid_rc devid_key_open_file(struct devid_store *store, struct devid_slice der, struct devid_key **out,
                             struct devid_error *err);

/** A persistent handle that no identity of the store names. Sends TPM2_ReadPublic. */
devid_rc devid_key_open_handle(struct devid_store *store, uint32_t handle, struct devid_key **out,
                               struct devid_error *err);

/**
 * The auth value of its own that the key has: what it does from now on is proven in a session, salted so that the value cannot be had
 * from the bus. Two commands more a signature: StartAuthSession, and without a storage root key CreatePrimary.
 * Before the first use; sends nothing.
 *
 * \param auth  lent
 * \return DEVID_E_AUTH if it is longer than any can be
 */
devid_rc devid_key_authorise(struct devid_key *key, struct devid_slice auth, struct devid_error *err);

/**
 * Remove an owner's key from its persistent handle, for good. Sends TPM2_ReadPublic, and TPM2_EvictControl if the handle holds this
 * very key; one that is not there any more is no error. A wrapped key is in no handle: nothing is sent. The key that its last renewal
 * replaced goes with it.
 *
 * \return DEVID_E_EXISTS if the handle holds another key, which is not touched; DEVID_E_DENIED for a manufacturer's
 */
devid_rc devid_key_evict(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err);

/** The same for the key that its last renewal replaced alone, if it is at a handle still. */
devid_rc devid_key_evict_previous(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err);

/** NULL allowed. Sends nothing: behind a resource manager a loaded key is flushed before the next one is loaded. */
void devid_key_free(struct devid_key *key);

/** Its public half; lives as long as the key. Sends nothing. */
const struct devid_public *devid_key_public(const struct devid_key *key);

/** devid_public_as_certified of it and its certificate. Sends nothing. */
devid_rc devid_key_as_certified(const struct devid_key *key, struct devid_bytes *spki, struct devid_error *err);

/** Bytes of a signature. Sends nothing. */
size_t devid_key_sig_len(const struct devid_key *key);

/**
 * Whether the key could sign so at all: for C_SignInit, before there is data. Sends nothing.
 *
 * \return DEVID_E_KEY with the reason: wrong type, fixed scheme, restricted, sign bit clear, PSS
 *         salt that the chip cannot make
 */
devid_rc devid_key_can_sign(const struct devid_key *key, const struct devid_scheme *scheme, struct devid_error *err);

/**
 * Sign. One TPM command: TPM2_Sign, or TPM2_RSA_Decrypt of a block padded in software (PSS with
 * a salt length that a chip may not choose, PKCS#1 with bytes that are no DigestInfo, RAW);
 * before it TPM2_Load if the key is a wrapped blob not loaded yet, after it TPM2_FlushContext
 * of such a blob if there is no resource manager.
 *
 * \param digest   scheme->hash's length; any length up to the modulus less 11 for PKCS1 without
 *                 hash, the modulus's for RAW
 * \param sig      room for *sig_len bytes
 * \param sig_len  in: room; out: devid_key_sig_len(key). Written on success only
 * \return DEVID_E_ROOM; DEVID_E_KEY; DEVID_E_DATA for a digest of a wrong length; DEVID_E_AUTH;
 *         DEVID_E_ABSENT if the handle is empty, or another key was put there: the first signature over a connection is verified in
 *         software, and one a second from then on; DEVID_E_AWAY; DEVID_E_TPM
 *
 * Any thread. The TPM serves callers one by one, in order of arrival. TPM 2.0 Library, Part 3, TPM2_Sign.
 */
devid_rc devid_key_sign(struct devid_key *key, const struct devid_scheme *scheme, struct devid_slice digest,
                        unsigned char *sig, size_t *sig_len, struct devid_error *err);

#define DEVID_MESSAGE_MAX 65536

/**
 * Sign a message. A restricted key (an IAK) signs only what its TPM hashed itself: TPM2_Hash, or for more than 1,024 bytes
 * TPM2_HashSequenceStart, TPM2_SequenceUpdate and TPM2_SequenceComplete, go before TPM2_Sign. For other keys the message is hashed
 * here, and the rest is as devid_key_sign.
 *
 * \param scheme   with a hash; for a restricted key that of the key
 * \param message  at most DEVID_MESSAGE_MAX bytes
 * \return as devid_key_sign; DEVID_E_DATA for a message that is too long, or begins with ff 54 43 47 as what TPMs say of
 *         themselves: no key may be made to say that
 */
devid_rc devid_key_sign_message(struct devid_key *key, const struct devid_scheme *scheme, struct devid_slice message,
                                unsigned char *sig, size_t *sig_len, struct devid_error *err);

/**
 * RSA private operation without a scheme: a modulus-sized block in, the same out. One
 * TPM2_RSA_Decrypt. The caller takes the padding off, in constant time.
 * \param out  the modulus's size
 */
devid_rc devid_key_rsa_raw(struct devid_key *key, struct devid_slice block, unsigned char *out,
                           struct devid_error *err);

/**
 * Whether the key could decrypt so: for C_DecryptInit, before there is data. Sends nothing.
 *
 * \param cipher  OAEP without a hash: with any
 * \return DEVID_E_KEY with the reason: no RSA key, restricted, decrypt bit clear, a scheme that is fixed to another padding
 */
devid_rc devid_key_can_decrypt(const struct devid_key *key, const struct devid_cipher *cipher, struct devid_error *err);

/**
 * Decrypt by RSA. One TPM2_RSA_Decrypt without a scheme, as devid_key_rsa_raw; before it TPM2_Load if the key is a wrapped
 * blob not loaded yet. The padding is taken off here: any hash, any label, in constant time. That there was
 * something wrong with it is told all the same, unless the cipher hides it (hides_wrong; one TPM2_RSA_Decrypt more, once a
 * key); a server of TLS 1.2, which must not tell, takes DEVID_CIPHER_TLS.
 *
 * A key with a fixed scheme decrypts by that alone, and the TPM takes the padding off: that it was wrong is told, whatever
 * hides_wrong says, so there is no DEVID_CIPHER_TLS. Of labels it takes those that end with a zero byte (Part 1, B.4), and MGF1
 * is by the same hash.
 *
 * \param block  the modulus's size
 * \param text   may be empty; the caller frees it, which wipes it. Written on success only
 * \return DEVID_E_KEY as devid_key_can_decrypt; DEVID_E_DATA for a block of another size, not below the modulus, or with
 *         another padding; DEVID_E_ARG for OAEP without hash; as devid_key_sign
 *
 * Any thread. RFC 8017, section 7; TPM 2.0 Library, Part 3, TPM2_RSA_Decrypt.
 */
devid_rc devid_key_decrypt(struct devid_key *key, const struct devid_cipher *cipher, struct devid_slice block,
                           struct devid_secret *text, struct devid_error *err);

/** The same for devid_key_ecdh: DEVID_E_KEY if this is no EC key, restricted, or one that only signs. */
devid_rc devid_key_can_ecdh(const struct devid_key *key, struct devid_error *err);

/**
 * Compute an ECDH shared secret. One TPM2_ECDH_ZGen; before it TPM2_Load if the key is a wrapped blob not loaded yet, or at a handle
 * TPM2_ReadPublic, the first time over a connection: nothing in the answer shows whose it is.
 *
 * \param peer  the other side's point on the same curve: 0x04 || X || Y; lent
 * \param z     receives the x coordinate, padded on the left to the curve's size (P-256: 32 bytes); the caller frees
 *              it, which wipes it. Written on success only
 * \return DEVID_E_KEY as devid_key_can_ecdh; DEVID_E_DATA if peer is no point of the curve (the TPM decides); as
 *         devid_key_sign
 *
 * Any thread. TPM 2.0 Library, Part 3, TPM2_ECDH_ZGen.
 */
devid_rc devid_key_ecdh(struct devid_key *key, struct devid_slice peer, struct devid_secret *z,
                        struct devid_error *err);

#endif
