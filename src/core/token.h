/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token with a PIN: a storage key under the storage root key, whose auth value is derived from the PIN; the token's keys are its
 * children. The user's PIN and the security officer's are two auth values of the same key: two private parts, one public area.
 * Core's own; login.h has what faces see.
 *
 * On disk: STATE/TOKEN/.token, "field: value" lines (format, rounds, so-salt, user-salt), then a TSS2 PRIVATE KEY for the
 * security officer, and one for the user if there is one. A token without that file has no PIN.
 */
#ifndef DEVID_CORE_TOKEN_H
#define DEVID_CORE_TOKEN_H


#include <tss2/tss2_tpm2_types.h>

#include "core/lock.h"
#include "core/login.h"
#include "core/tpm.h"

#define DEVID_TOKEN_FILE ".token"
#define DEVID_PIN_SALT 32 /* bytes */

/* A private part of the storage key; salt empty: that PIN was never set. */
struct devid_pin {
    struct devid_bytes salt, blob; /* blob: TPM2B_PRIVATE, marshalled */
};

/* Zero-initialised is empty. */
struct devid_token {
    char *name;
    struct devid_bytes file; /* what it was read from */
    struct devid_bytes area; /* TPM2B_PUBLIC, marshalled */
    unsigned rounds;         /* of PBKDF2 */
    struct devid_pin pins[2]; /* by enum devid_who */
};

/** \return DEVID_E_DATA with what is wrong in it */
devid_rc devid_token_read(const char *name, struct devid_slice file, struct devid_token *out, struct devid_error *err);
devid_rc devid_token_write(const struct devid_token *token, struct devid_bytes *file, struct devid_error *err);
void devid_token_free(struct devid_token *token);

/* token_end.c */

/** The file of an object in a token's folder; false if there is none. */
bool devid_token_object(const char *folder, char name[256]);
/** Remove the files of all objects of a token, whose folder the caller has locked; what is removed is counted. */
devid_rc devid_token_empty(struct devid_store *store, const char *folder, const char *token, struct devid_error *err);

/* pin.c */

/** A new salt for a PIN, and the auth value that they make: PBKDF2. Sends nothing. */
devid_rc devid_pin_new(struct devid_token *token, enum devid_who who, struct devid_slice pin, TPM2B_AUTH *auth,
                       struct devid_error *err);
/** The auth value of a PIN that has its salt. No zeros are at its end: a TPM would not keep them. Sends nothing. */
devid_rc devid_pin_derive(const struct devid_token *token, enum devid_who who, struct devid_slice pin, TPM2B_AUTH *auth,
                          struct devid_error *err);

/**
 * A new storage key with an auth value: area and the security officer's blob of token are set. TPM2_ReadPublic (of the SRK; what makes
 * it if it is not there), StartAuthSession, Create.
 */
devid_rc devid_pin_create(struct devid_store *store, const TPM2B_AUTH *auth, struct devid_token *token, struct devid_error *err);

/**
 * The key's private part with another auth value; with the same one it is a proof that it is right. Load, StartAuthSession,
 * ObjectChangeAuth, FlushContext. A storage root key that was evicted is made again before.
 * \param who   whose auth is
 * \param blob  freed by the caller
 * \return DEVID_E_AUTH if it is wrong (the TPM has counted that), DEVID_E_LOCKED
 */
devid_rc devid_pin_change(struct devid_store *store, const struct devid_token *token, enum devid_who who,
                          const TPM2B_AUTH *auth, const TPM2B_AUTH *next, struct devid_bytes *blob, struct devid_error *err);

/* login.c */

struct devid_login;

/* Who is logged in, to what. */
struct devid_logins {
    struct devid_mutex mutex; /* nothing is called with it held */
    struct devid_login *first;
    uint64_t last; /* number given */
};

/** The store's. */
struct devid_logins *devid_store_logins(struct devid_store *store);
void devid_logins_init(struct devid_logins *logins);
void devid_logins_free(struct devid_logins *logins);

/* A login's means, as they were when it began: another process may have changed the PIN since. */
struct devid_opened {
    uint64_t number;
    TPM2B_PUBLIC area;
    TPM2B_PRIVATE private;
    TPM2B_AUTH auth;
};

/** Wiped by the caller. \return DEVID_E_AUTH if nobody is logged in as that */
devid_rc devid_login_open(struct devid_store *store, const char *token, enum devid_who who, struct devid_opened *out,
                          struct devid_error *err);
/** True if that login has not ended. */
bool devid_login_lasts(struct devid_store *store, uint64_t number);

#endif
