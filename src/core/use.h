/* SPDX-License-Identifier: BSD-2-Clause */
/* One private operation of a key, from its turn at the TPM to the answer. Core's own. */
#ifndef DEVID_CORE_USE_H
#define DEVID_CORE_USE_H

#include <stdatomic.h>

#include "core/key.h"
#include "core/make.h"
#include "core/object.h"

struct devid_key {
    struct devid_store *store;
    struct devid_snapshot *snap;    /* NULL: the key is of no store, and the next two own its parts */
    struct devid_bytes own_blob;
    struct devid_public own_pub;
    struct devid_identity identity; /* a copy; what it points to is the snapshot's, or the two above */
    _Atomic uint64_t seen_in;       /* number of the last snapshot that says nothing against its use; 0: of none yet */
    struct devid_made *_Atomic learned; /* by devid_key_learn; NULL: not yet */
    unsigned char *_Atomic instead; /* secret by which wrong paddings are hidden; NULL: not asked for yet. instead.h */
    struct devid_object object;     /* touched between devid_tpm_enter and _leave only */
    TPM2B_AUTH auth;                /* of its own; empty: none. Set before the first use */
    bool lacks_auth;                /* its file says that there is one, and nobody has told it */
    _Atomic uint64_t proven_in;     /* connection over which the handle was last seen to hold it; 0: none yet. proof.h */
    _Atomic int64_t proven_at;      /* second of CLOCK_MONOTONIC */
    atomic_bool is_doubted;         /* the handle was seen to hold another key, or none */
    atomic_bool salts_longest;      /* the chip was seen to put the longest salt that fits into its own PSS */
};

enum devid_command {
    DEVID_USE_SIGN,    /* TPM2_Sign of digest by scheme; of message, which the TPM hashes before, if that is given */
    DEVID_USE_DECRYPT, /* TPM2_RSA_Decrypt of block, without a scheme */
    DEVID_USE_OPEN,    /* the same by the key's own scheme, with label: the text comes back */
    DEVID_USE_ECDH,    /* TPM2_ECDH_ZGen with point */
};

/* What is sent. */
struct devid_use {
    enum devid_command command;
    TPMT_SIG_SCHEME scheme;
    TPM2B_DIGEST digest;
    struct devid_slice message; /* data NULL: none; lent */
    const TPMT_TK_HASHCHECK *ticket; /* that the TPM made digest itself; NULL: it did not */
    TPM2B_PUBLIC_KEY_RSA block;
    TPM2B_DATA label;
    size_t *text_len; /* OPEN: receives how long the text is; lent */
    TPM2B_ECC_POINT point;
};

/* What is answered, by the command. */
struct devid_answer {
    TPMT_SIGNATURE signature;
    TPM2B_PUBLIC_KEY_RSA block;
    TPM2B_ECC_POINT point;
};

/**
 * Send it, in one bracket: object ready, command, object at rest. What a second try can heal is tried
 * again: a busy TPM, a lost connection, an object that the TPM no longer knows, slots full of a killed process's objects.
 *
 * \param out  room for devid_public_sig_len bytes, written on success only; ECDH: of the curve's size, the x coordinate
 */
devid_rc devid_use_key(struct devid_key *key, const struct devid_use *use, unsigned char *out, struct devid_error *err);

/** \param block  to be decrypted \return DEVID_E_DATA if it has not the modulus's size, or is no number below it */
devid_rc devid_use_block(const struct devid_public *pub, struct devid_slice block, struct devid_use *use, struct devid_error *err);

/**
 * Whether nobody has disabled the key since, in whatever process. Keys are told by their public half, so a key file or a handle is no way
 * around it. Sends nothing.
 * \param snap  the store as it is now
 * \return DEVID_E_DENIED if somebody has
 */
devid_rc devid_key_check_enabled(struct devid_key *key, const struct devid_snapshot *snap, struct devid_error *err);

/** What is known of the public half: as the identity has it, or as learned. Lives as long as the key. */
const struct devid_public *devid_key_facts(const struct devid_key *key);

/** Attributes of the key, asked of the TPM if neither store nor cache knew them (TPM2_ReadPublic, once). */
devid_rc devid_key_learn(struct devid_key *key, struct devid_error *err);

#endif
