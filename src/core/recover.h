/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys that went out of the TPM: whether they did, and the manufacturer's back in. TPM2_Clear removes all persistent keys of the
 * owner's and the endorsement hierarchy, and any owner may evict one; a primary of the endorsement hierarchy is made again by
 * its template until TPM2_ChangeEPS.
 */
#ifndef DEVID_CORE_RECOVER_H
#define DEVID_CORE_RECOVER_H

#include "core/make.h"

/* What the TPM says of an identity's key. */
enum devid_standing {
    DEVID_STANDING_THERE, /* it can be used */
    DEVID_STANDING_GONE,  /* its handle is empty, or the TPM does not take its wrapped part any more */
    DEVID_STANDING_ROOTLESS, /* a wrapped key: the storage root key is not there, but made again it takes it */
    DEVID_STANDING_OTHER, /* its handle holds another key */
};

/**
 * Ask the TPM, and change nothing. TPM2_ReadPublic; for a wrapped key also TPM2_Load, TPM2_FlushContext; where the storage root key
 * is missing TPM2_CreatePrimary before, TPM2_FlushContext after. A key behind a PIN stands as its token's storage key does, for
 * which nobody need log in.
 *
 * \param snap  that identity is of
 * \return DEVID_E_AWAY and other failures mean that nothing is known: *out is written on success only
 */
devid_rc devid_standing_ask(struct devid_store *store, const struct devid_snapshot *snap,
                            const struct devid_identity *identity, enum devid_standing *out, struct devid_error *err);

/** The storage root key at its handle, made if it is not there: what a DEVID_STANDING_ROOTLESS key needs. */
devid_rc devid_recover_root(struct devid_store *store, struct devid_error *err);

/* The persistent handles in use. */
struct devid_handles {
    uint32_t *list;
    size_t n;
};

/** All of them; TPM2_GetCapability. *out is freed with devid_handles_free. */
devid_rc devid_handles_read(struct devid_store *store, struct devid_handles *out, struct devid_error *err);
void devid_handles_free(struct devid_handles *handles);
/** True if one that the identity's key needs is not among them. A key may be gone all the same. */
bool devid_handles_lack(const struct devid_handles *handles, const struct devid_identity *identity);

/* A primary of the endorsement hierarchy as it was. Slices are lent. */
struct devid_lost {
    enum devid_role role;       /* DEVID_ROLE_EK, _IDEVID or _IAK */
    uint32_t handle;
    struct devid_slice spki;     /* its public key, by its certificate or its file */
    struct devid_slice area;     /* TPM2B_PUBLIC that was seen; may be empty */
    struct devid_slice recorded; /* TPMT_PUBLIC that it was made by (devid_identity.made_by); may be empty */
};

/**
 * Make it again and persist it. Nothing is sent but TPM2_ReadPublic if it is there; a handle that holds another key is not
 * touched. Else TPM2_CreatePrimary and TPM2_FlushContext for each template that is tried, at last TPM2_EvictControl. May be killed
 * and called again.
 *
 * \param how  by which template, for a person, a literal; NULL: it was there
 * \return DEVID_E_EXISTS if the handle holds another key; DEVID_E_KEY if no template makes this key: it is of another
 *         TPM, of a template that is not known, or TPM2_ChangeEPS has ended it
 */
devid_rc devid_recover(struct devid_store *store, const struct devid_lost *lost, struct devid_made *out, const char **how,
                       struct devid_error *err);

#endif
