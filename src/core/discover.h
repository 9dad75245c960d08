/* SPDX-License-Identifier: BSD-2-Clause */
/* What chip and maker put into the TPM, seen for the first time. Core's own. */
#ifndef DEVID_CORE_DISCOVER_H
#define DEVID_CORE_DISCOVER_H

#include "core/store.h"

/**
 * Look for a manufacturer identity of the configuration in the TPM: TPM2_ReadPublic, and for its certificate
 * TPM2_NV_ReadPublic and TPM2_NV_Read.
 *
 * \param file  receives its identity file's content; what the cache wants is put there
 * \return DEVID_E_ABSENT if its handle is empty; DEVID_E_AWAY without a TPM
 */
devid_rc devid_discover(struct devid_store *store, const struct devid_conf_identity *want, struct devid_bytes *file,
                        struct devid_error *err);

#endif
