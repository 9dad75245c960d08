/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making keys: what the command line does to a TPM, and nothing else does. Each call may be
 * killed at any instruction and made again: it looks before it acts.
 */
#ifndef DEVID_CORE_MAKE_H
#define DEVID_CORE_MAKE_H

#include "core/store.h"

/* A key just made or found. Freed by devid_made_free. */
struct devid_made {
    struct devid_public pub;
    struct devid_bytes blob;   /* wrapped key: TPM2B_PRIVATE; empty for a primary or a key found */
    struct devid_bytes object; /* saved ESYS object of a persistent handle; else empty */
    struct devid_bytes made_by; /* TPMT_PUBLIC that a primary was made by, marshalled; else empty */
    uint32_t handle, parent;
};

void devid_made_free(struct devid_made *made);

/**
 * Look at a persistent handle. TPM2_ReadPublic; nothing is changed.
 * \return DEVID_E_ABSENT if it is empty
 */
devid_rc devid_make_look(struct devid_store *store, uint32_t handle, struct devid_made *out, struct devid_error *err);

/** Has the owner hierarchy a password, which keeps us from making keys and from moving them to handles? TPM2_GetCapability. */
devid_rc devid_make_is_barred(struct devid_store *store, bool *is_barred, struct devid_error *err);

/**
 * The IDevID (or IAK) key: a primary of the endorsement hierarchy by the TCG template of its type,
 * persisted at handle. If the handle holds that very key already, it is given; the template
 * makes the same key each time, so a killed run cannot leave a second one.
 *
 * Sends TPM2_CreatePrimary, and TPM2_EvictControl, TPM2_FlushContext where the handle was empty.
 *
 * \param role  DEVID_ROLE_IDEVID or DEVID_ROLE_IAK
 * \param alg, bits  EC 256 (H-2), EC 384 (H-3), EC 521 (H-4), RSA 2048 (H-1)
 * \return DEVID_E_EXISTS if the handle holds another key, which is not touched; DEVID_E_KEY for a type without template
 * TCG "TPM 2.0 Keys for Device Identity and Attestation" 1.00, section 7.3.4.
 */
devid_rc devid_make_primary(struct devid_store *store, enum devid_role role, enum devid_alg alg, unsigned bits,
                            uint32_t handle, struct devid_made *out, struct devid_error *err);

/**
 * What the chip's maker wrote into NV of how to make the EK again: a template of his own, or a nonce that goes into the usual one's
 * unique field. Sends TPM2_NV_ReadPublic, TPM2_NV_Read.
 *
 * \param nv_index  of the EK certificate: 0x01c00002, 0x01c0000a, 0x01c00012 to 0x01c0001e
 * \param made_by   receives the TPMT_PUBLIC, marshalled; freed by the caller
 * \return DEVID_E_ABSENT if he wrote neither, as most, or that is no such index; DEVID_E_DATA for a nonce that is too long
 * TCG "EK Credential Profile" 2.5, section 2.2.1.4 and B.3.2.
 */
devid_rc devid_make_ek_template(struct devid_store *store, uint32_t nv_index, struct devid_bytes *made_by,
                                struct devid_error *err);

/** The NV indices for EK certificates that the TCG has named, the i-th; 0 at the end. Pure: no TPM. */
uint32_t devid_make_ek_index(size_t i);

/* What a new key of the owner shall be. */
struct devid_wanted {
    const char *token;   /* it is made for: behind the PIN, if that has one. NULL: none */
    enum devid_alg alg;
    unsigned bits;       /* EC 256, 384, 521; RSA 2048, 3072, 4096: what of it the TPM has, it says when asked */
    bool signs;          /* TPMA_OBJECT sign */
    bool decrypts;       /* TPMA_OBJECT decrypt: RSA decryption, raw blocks and PSS of any salt; EC: ECDH */
    bool has_scheme;     /* it signs by ECDSA (RSA: PKCS#1) with SHA-256 and by nothing else; it does not decrypt */
    enum devid_hash pss_hash; /* RSA that signs and does not decrypt: PSS with this hash alone; DEVID_HASH_NONE: any scheme */
    uint32_t parent;     /* as of parent.h; 0: the storage root key. Of a key that is in no token */
    struct devid_slice auth; /* its own auth value, lent; empty: none. Wrong ones are counted. Of a key that is in no token */
};

/**
 * A new wrapped key under the storage root key 0x81000001, which is used as it is if it exists, else made
 * by the TCG template (NODA, no auth) and persisted. The new key is not in the TPM afterwards.
 * Unrestricted, scheme NULL unless another is wanted, NODA, no auth. For a token with a PIN: under that token's storage key (made->parent is
 * DEVID_PARENT_PIN), and somebody is logged in.
 *
 * \return DEVID_E_KEY if the type is not offered, or if the TPM does not have it (then err->tss is its answer);
 *         DEVID_E_ARG for a key that does nothing, or a pss_hash that is no TPM's or for no such key; DEVID_E_KEY with err->handle if the root key will not do; DEVID_E_AUTH
 *         if nobody is logged in
 */
devid_rc devid_make_key(struct devid_store *store, const struct devid_wanted *wanted, struct devid_made *out,
                        struct devid_error *err);
/** The same for what identities usually are: EC keys sign; RSA keys sign and decrypt (so that PSS and raw work). */
devid_rc devid_make_wrapped(struct devid_store *store, enum devid_alg alg, unsigned bits, struct devid_made *out,
                            struct devid_error *err);

/**
 * Persist a wrapped key. If the handle holds that key already, it is given.
 *
 * \param identity  a blob identity (key_place BLOB)
 * \param out       handle and saved ESYS object; blob empty
 * \return DEVID_E_EXISTS if the handle holds another key, which is not touched
 */
devid_rc devid_make_persistent(struct devid_store *store, const struct devid_identity *identity, uint32_t handle,
                               struct devid_made *out, struct devid_error *err);

/**
 * After keys were used that the TPM counts failures for (devid_public_is_counted), before a wait: a power cut from then on is no
 * wrong auth value. TPM2_Shutdown(CLEAR), after which the TPM goes on; a failure is logged. Not after each signature of
 * such a key: the TPM writes to NV before its next use.
 */
void devid_make_settled(struct devid_store *store);

/**
 * Give an identity a new pair at one instant: its file names the new key, wrapped, with its chain, and keeps the pair until now as
 * the previous one. That is not touched in the TPM: at a handle it stays, until devid_store_end_grace. Label, id and
 * what clients chose stay. Nothing is sent.
 *
 * \param old   of a snapshot of this store
 * \param made  by devid_make_key; lent
 * \param now   seconds since 1970
 * \return DEVID_E_BUSY if the identity was changed since the snapshot: look again; DEVID_E_DATA if the leaf is not for the key
 */
devid_rc devid_store_renew(struct devid_store *store, const struct devid_identity *old, const struct devid_made *made,
                           const struct devid_cert *chain, size_t n_chain, int64_t now, struct devid_error *err);

/**
 * Forget the previous pair of an identity: its key goes out of its handle, if it had one (TPM2_ReadPublic, TPM2_EvictControl), then out of
 * the file. May be killed between the two and called again. Where there is none, nothing is done but the file written.
 * \return DEVID_E_BUSY as devid_store_renew
 */
devid_rc devid_store_end_grace(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err);

/** Flush what a killed process left in a TPM without resource manager (devid_tpm_sweep). */
devid_rc devid_make_sweep(struct devid_store *store, struct devid_error *err);

/**
 * What TCG calls the hwSerialNum of this TPM: "MANUFACTURER:EK AKI:EK certificate serial", in hex, from
 * TPM2_GetCapability and the EK certificate of the snapshot; without an EK certificate "MANUFACTURER:SHA-256 of the
 * EK's SPKI".
 * \param out  ASCII, NUL-terminated
 * \return DEVID_E_ABSENT if there is no EK in the store
 * TCG "TPM 2.0 Keys for Device Identity and Attestation" 1.00, section 8.
 */
devid_rc devid_make_hw_serial(struct devid_store *store, struct devid_bytes *out, struct devid_error *err);

#endif
