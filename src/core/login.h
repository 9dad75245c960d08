/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tokens with a PIN, and logging in to them. A token has one if it was made with it (devid_token_init); its keys can then be made
 * and used by a process only while that is logged in. Wrong PINs are counted by the TPM, over all tokens and all other
 * objects that it protects so; a power cut after a PIN was used counts as one more. PINs are UTF-8, DEVID_PIN_MIN to _MAX bytes.
 * All functions: any thread.
 */
#ifndef DEVID_CORE_LOGIN_H
#define DEVID_CORE_LOGIN_H

#include "core/store.h"

#define DEVID_PIN_MIN 4
#define DEVID_PIN_MAX 255

enum devid_who {
    DEVID_SO,   /* the security officer: sets the user's PIN */
    DEVID_USER, /* uses the keys */
};

/** True if the token has a PIN; *has_user (NULL allowed): and the user's is set. */
bool devid_snapshot_has_pin(const struct devid_snapshot *snap, const char *token, bool *has_user);
/** The i-th token that has a PIN, in order of name; NULL after the last. Lives as long as the snapshot. */
const char *devid_snapshot_pin_token(const struct devid_snapshot *snap, size_t i);

/**
 * Log this process in, until devid_logout. Sends TPM2_Load, _StartAuthSession, _ObjectChangeAuth, _FlushContext; nothing for
 * a PIN that cannot be right, because it is too short or too long.
 *
 * \param pin  lent; not kept (what is derived from it is, and wiped at logout)
 * \return DEVID_E_AUTH if it is wrong; DEVID_E_LOCKED after too many wrong ones; DEVID_E_ABSENT if that PIN was never set, or the
 *         token has none
 */
devid_rc devid_login(struct devid_store *store, const char *token, enum devid_who who, struct devid_slice pin,
                     struct devid_error *err);
/** True between the two. Sends nothing. */
bool devid_is_logged_in(struct devid_store *store, const char *token, enum devid_who who);
/** As devid_login, but nobody is logged in by it: for a single operation that asks. */
devid_rc devid_login_check(struct devid_store *store, const char *token, enum devid_who who, struct devid_slice pin,
                           struct devid_error *err);
/** Forget what devid_login keeps. Sends nothing. */
void devid_logout(struct devid_store *store, const char *token);

/**
 * Make a token, or make one anew: all that it holds is destroyed, the user's PIN is gone. One that has no PIN yet must be empty.
 *
 * \param token  the one that is there; NULL: none
 * \param name   what it is called from now on: no '/', line end or leading '.'
 * \param pin    the security officer's; of a token that has one, that very PIN
 * \return DEVID_E_AUTH, DEVID_E_LOCKED as devid_login; DEVID_E_DENIED if it has no PIN and is not empty, or is the
 *         manufacturer's; DEVID_E_EXISTS if another token has the name; DEVID_E_ARG for a name or PIN that cannot be
 */
devid_rc devid_token_init(struct devid_store *store, const char *token, const char *name, struct devid_slice pin,
                          struct devid_error *err);
/** Set the user's PIN. The security officer is logged in (else DEVID_E_AUTH). DEVID_E_ARG for one that cannot be. */
devid_rc devid_token_set_user(struct devid_store *store, const char *token, struct devid_slice pin, struct devid_error *err);
/** Change a PIN: one rename, and keys stay as they are. Errors as devid_login; DEVID_E_ARG for a new one that cannot be. */
devid_rc devid_token_change(struct devid_store *store, const char *token, enum devid_who who, struct devid_slice pin,
                            struct devid_slice next, struct devid_error *err);

/* The TPM's own counter of wrong PINs. */
struct devid_tries {
    uint32_t failed, max;
    bool is_locked;
};

/** One TPM2_GetCapability. */
devid_rc devid_token_tries(struct devid_store *store, struct devid_tries *out, struct devid_error *err);

/**
 * Remove a token with all that is in its folder; keys at handles are in the TPM still (devid_key_evict before). One that is not
 * there is no error. May be killed and called again.
 * \return DEVID_E_DENIED for the manufacturer's
 */
devid_rc devid_token_remove(struct devid_store *store, const char *token, struct devid_error *err);

#endif
