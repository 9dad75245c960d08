/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of persistent handles: public area and saved ESYS object, in STATE/.cache/0x81000001 and in this
 * process. May be deleted at any time: the TPM is asked again. Core's own.
 */
#ifndef DEVID_CORE_CACHE_H
#define DEVID_CORE_CACHE_H

#include "core/lock.h"
#include "core/store.h"

struct devid_known; /* a handle of which this process knows something */

struct devid_cache {
    struct devid_mutex mutex; /* the last in the order of locks: nothing is called with it held */
    struct devid_known *known;
    char *folder; /* STATE/.cache */
};

devid_rc devid_cache_init(struct devid_cache *cache, const char *state, struct devid_error *err);
void devid_cache_free(struct devid_cache *cache);

/** The store's. */
struct devid_cache *devid_store_cache(struct devid_store *store);

/**
 * Either may be empty on success.
 * \param area    TPM2B_PUBLIC; NULL: not wanted
 * \param object  saved ESYS object; NULL: not wanted
 * \return DEVID_E_ABSENT if nothing is known. Nothing is sent to the TPM. Any thread.
 */
devid_rc devid_cache_get(struct devid_store *store, uint32_t handle, struct devid_bytes *area,
                         struct devid_bytes *object, struct devid_error *err);
/** Keep for this process, and for others if the folder can be written; a failure is only logged. Empty: as it was. */
void devid_cache_put(struct devid_store *store, uint32_t handle, struct devid_slice area, struct devid_slice object);
/** Forget it: the handle holds another key now. */
void devid_cache_drop(struct devid_store *store, uint32_t handle);

#endif
