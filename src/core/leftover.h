/* SPDX-License-Identifier: BSD-2-Clause */
/* A key at a handle that no file tells of any more, for it is damaged or gone. */
#ifndef DEVID_CORE_LEFTOVER_H
#define DEVID_CORE_LEFTOVER_H

#include "core/store.h"

/**
 * Whether a handle holds a key as devid makes them for owners: a child of the storage root key, by the template to the last bit but the
 * key. TPM2_ReadPublic of both. Handles of the storage root key, of Azure's tpmd, and those that the TCG gives to manufacturers' keys
 * are not even looked at.
 *
 * \param is_ours  false if the handle is empty, too
 * \return DEVID_OK; DEVID_E_AWAY; DEVID_E_TPM
 */
devid_rc devid_leftover_look(struct devid_store *store, uint32_t handle, bool *is_ours, struct devid_error *err);

/**
 * Look again, and remove it. TPM2_EvictControl, authorised by the owner.
 * \return DEVID_OK if the handle is empty; DEVID_E_EXISTS if another key is there by now; DEVID_E_AUTH if the owner hierarchy has a password
 */
devid_rc devid_leftover_remove(struct devid_store *store, uint32_t handle, struct devid_error *err);

#endif
