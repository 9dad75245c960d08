/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TPM's own saved context of a loaded key, where loading it is dear: behind a PIN, or under a primary that has to be made. Without
 * a resource manager each signature then costs ContextLoad and FlushContext. Of no use to another TPM, nor to this one
 * after it was reset. Core's own; between devid_tpm_enter (transient) and _leave.
 */
#ifndef DEVID_CORE_KEPT_H
#define DEVID_CORE_KEPT_H

#include "core/object.h"

/**
 * TPM2_ContextLoad, if there is something of a login that lasts. What does not load is forgotten.
 * \return whether object is loaded
 */
bool devid_kept_load(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_object *object);

/** TPM2_ContextSave of a loaded object. Who cannot keep it loads it anew the next time: no error. */
void devid_kept_save(ESYS_CONTEXT *esys, struct devid_object *object);

/** Wipe, free, and NULL. */
void devid_kept_free(struct devid_kept **kept);

#endif
