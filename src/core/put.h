/* SPDX-License-Identifier: BSD-2-Clause */
/* The writer's side of the store that store.h does not show. Core's own. */
#ifndef DEVID_CORE_PUT_H
#define DEVID_CORE_PUT_H

#include "core/store.h"

/**
 * Keep the file of an identity that the TPM told of, unless there is one: another process may have written more into it
 * meanwhile.
 */
devid_rc devid_put_found(struct devid_store *store, const struct devid_conf_identity *want, struct devid_slice file,
                         struct devid_error *err);

/** A client may name tokens: by a line of text whose folder a file system takes. \return DEVID_E_ARG */
devid_rc devid_put_token(const char *token, struct devid_error *err);

/** The name of a label's file: "NAME.pem". \return DEVID_E_ARG if no folder takes a name as long */
devid_rc devid_put_name(const char *label, char name[256], struct devid_error *err);

#endif
