/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saved ESYS objects of persistent handles that no identity owns (the storage root key), in
 * STATE/.cache/0x81000001. May be deleted at any time. Core's own.
 */
#ifndef DEVID_CORE_CACHE_H
#define DEVID_CORE_CACHE_H

#include "core/store.h"

/** \return DEVID_E_ABSENT if it is not there; nothing is sent to the TPM. Any thread. */
devid_rc devid_cache_object_get(struct devid_store *store, uint32_t handle, struct devid_bytes *out,
                                struct devid_error *err);
/** Keep it for this process, and for others if the folder can be written; a failure is only logged. */
void devid_cache_object_put(struct devid_store *store, uint32_t handle, struct devid_slice object);
/** Forget it: the handle holds another key now. */
void devid_cache_object_drop(struct devid_store *store, uint32_t handle);

#endif
