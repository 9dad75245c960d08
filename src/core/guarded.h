/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands that carry or prove an auth value, each in a session of its own: TPM2_StartAuthSession, then the command. Core's own;
 * between devid_tpm_enter (transient) and _leave. srk, or another storage key, salts the session.
 */
#ifndef DEVID_CORE_GUARDED_H
#define DEVID_CORE_GUARDED_H

#include "core/make.h"
#include "core/tpm.h"
#include "core/use.h"

/**
 * TPM2_Create.
 * \param auth  the parent's
 * \param own   the new key's
 * \param made  pub and blob are set; freed by the caller
 */
devid_rc devid_guarded_create(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, ESYS_TR parent,
                              const TPM2B_AUTH *auth, const TPM2B_AUTH *own, const TPM2B_PUBLIC *template,
                              struct devid_made *made, struct devid_error *err);

/** TPM2_Load, and TPM2_ReadPublic, which ESYS wants. \param out flushed by the caller */
devid_rc devid_guarded_load(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, ESYS_TR parent,
                            const TPM2B_AUTH *auth, struct devid_slice area, struct devid_slice blob, ESYS_TR *out,
                            struct devid_error *err);

/** TPM2_ObjectChangeAuth of a child of srk. \param blob TPM2B_PRIVATE, marshalled; freed by the caller */
devid_rc devid_guarded_change(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, ESYS_TR object,
                              const TPM2B_AUTH *auth, const TPM2B_AUTH *next, struct devid_bytes *blob,
                              struct devid_error *err);

/* A loaded key that has an auth value of its own. */
struct devid_guarded_key {
    ESYS_TR tr;
    const TPM2B_AUTH *auth;
    const char *verb; /* for people: "sign" */
};

/** TPM2_Sign, _RSA_Decrypt or _ECDH_ZGen. \param answer wiped by the caller */
devid_rc devid_guarded_use(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, const struct devid_guarded_key *key,
                           const struct devid_use *use, struct devid_answer *answer, struct devid_error *err);

#endif
