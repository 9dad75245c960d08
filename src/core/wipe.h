/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ends keys by hierarchies. TPM 2.0 Library, Part 3, TPM2_Clear, TPM2_ChangeEPS.
 */
#ifndef DEVID_CORE_WIPE_H
#define DEVID_CORE_WIPE_H

#include "core/store.h"

/* Who authorises it. */
enum devid_authority {
    DEVID_BY_LOCKOUT,
    DEVID_BY_PLATFORM,
};

/**
 * Whether TPM2_Clear, or with changes_seed TPM2_ChangeEPS, would be refused, as far as the TPM tells: switched off, locked out,
 * a password that is there and was not given, or is not and was. TPM2_GetCapability; nothing is tried, so nothing is counted.
 *
 * \return DEVID_E_DENIED, DEVID_E_LOCKED, DEVID_E_AUTH with the reason and what to do
 */
devid_rc devid_wipe_check(struct devid_store *store, enum devid_authority by, bool has_auth, bool changes_seed,
                          struct devid_error *err);

/**
 * TPM2_Clear: the end of all keys of owner and endorsement hierarchy but those that are primaries made again by their template
 * (devid_recover), of the owner's NV indices, and of the passwords of owner, endorsement and lockout. Certificates that the platform
 * keeps in NV stay.
 *
 * \param auth  the hierarchy's; lent, may be empty
 * \return DEVID_E_AUTH if it is wrong: the TPM counts that for lockout, so it is not tried again
 */
devid_rc devid_wipe_clear(struct devid_store *store, enum devid_authority by, struct devid_slice auth,
                          struct devid_error *err);

/** TPM2_ChangeEPS, by the platform: the end of EK, IDevID and IAK for ever; no certificate of them is of use any more. */
devid_rc devid_wipe_seed(struct devid_store *store, struct devid_slice auth, struct devid_error *err);

/**
 * Remove the file of a manufacturer's identity whose key went with the seed. TPM2_ReadPublic.
 * \return DEVID_E_EXISTS if the TPM still has the key
 */
devid_rc devid_wipe_forget(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err);

#endif
