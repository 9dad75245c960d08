/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys that stay loaded behind a resource manager, the one that was used last at the end: a manager keeps a few objects for each
 * connection, and one more is an error. Core's own; between devid_tpm_enter and _leave.
 */
#ifndef DEVID_CORE_LOADED_H
#define DEVID_CORE_LOADED_H

#include <stdbool.h>
#include <stddef.h>
#include <tss2/tss2_esys.h>

#define DEVID_LOADED_MAX 32

/* Zero-initialised is empty. */
struct devid_loaded {
    ESYS_TR list[DEVID_LOADED_MAX];
    size_t n;
};

/** It was used just now. \return false: there is no room, and it is not in the list */
bool devid_loaded_use(struct devid_loaded *loaded, ESYS_TR object);
bool devid_loaded_has(const struct devid_loaded *loaded, ESYS_TR object);
/** No longer in the list, if it was. */
void devid_loaded_remove(struct devid_loaded *loaded, ESYS_TR object);

#endif
