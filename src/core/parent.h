/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a wrapped key is loaded under: a persistent handle, or the primary key of a hierarchy that is made for it.
 * draft-bottomley-tpm2-keys. Core's own; between devid_tpm_enter (transient) and _leave.
 */
#ifndef DEVID_CORE_PARENT_H
#define DEVID_CORE_PARENT_H

#include "core/store.h"
#include "core/tpm.h"

/* Zero-initialised is "none". */
struct devid_parent {
    ESYS_TR tr;
    bool is_open, is_transient;
};

/** True for a hierarchy, whose primary is made anew each time; 0 is the owner's, as other programs have it. */
bool devid_parent_is_hierarchy(uint32_t parent);

/**
 * Nothing is sent for a persistent handle that the cache knows, else TPM2_ReadPublic; TPM2_CreatePrimary for a hierarchy.
 *
 * \param parent  0x81...; 0x40000001 owner, 0x4000000B endorsement, 0x4000000C platform, 0x40000007 null
 * \param is_rsa  a hierarchy's primary is RSA 2048, not EC P-256
 * \return DEVID_E_KEY for any other parent; DEVID_E_ABSENT; DEVID_E_AUTH for a hierarchy that has a password
 */
devid_rc devid_parent_open(struct devid_store *store, ESYS_CONTEXT *esys, uint32_t parent, bool is_rsa,
                           struct devid_parent *out, struct devid_error *err);

/**
 * A storage key to salt a session with: the storage root key, or where there is none the null hierarchy's primary, which
 * nobody can have put a password on.
 */
devid_rc devid_parent_salting(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_parent *out, struct devid_error *err);

/**
 * What a TPM's answer to a command under a storage key means, if that has a password: devid knows none of those.
 * \return DEVID_E_KEY with err->handle: it will not do, until who put the password there takes it away; DEVID_OK if it is another answer
 */
devid_rc devid_parent_refused(uint32_t tss, uint32_t parent, struct devid_error *err);

/** TPM2_FlushContext for a primary. */
void devid_parent_close(ESYS_CONTEXT *esys, struct devid_parent *parent);

#endif
