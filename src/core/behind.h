/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys behind a PIN: children of their token's storage key. The PIN's auth value is proven when a key is loaded for the first time in
 * a login, in a session; then the TPM's own saved context of the loaded key serves, so that a signature costs no more than
 * with any wrapped key. Core's own; between devid_tpm_enter (transient) and _leave.
 */
#ifndef DEVID_CORE_BEHIND_H
#define DEVID_CORE_BEHIND_H

#include "core/make.h"
#include "core/object.h"

/**
 * Load a key whose parent is DEVID_PARENT_PIN. First time in a login: Load (of the storage key), StartAuthSession, Load, ReadPublic,
 * FlushContext, and without a resource manager ContextSave; later ContextLoad.
 * \return DEVID_E_AUTH if nobody is logged in
 */
devid_rc devid_behind_load(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                           struct devid_object *object, struct devid_error *err);

/** Make one. Load, StartAuthSession, Create, FlushContext. \param made pub, blob and parent are set */
devid_rc devid_behind_create(struct devid_store *store, ESYS_CONTEXT *esys, const char *token, const TPM2B_PUBLIC *template,
                             struct devid_made *made, struct devid_error *err);

#endif
