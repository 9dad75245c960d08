/* SPDX-License-Identifier: BSD-2-Clause */
/* Private keys by URI, through the providers of the default library context. */
#ifndef DEVID_EST_KEYS_H
#define DEVID_EST_KEYS_H

#include <openssl/evp.h>

#include "core/error.h"

/**
 * The key that a URI names: pkcs11:, devid: and handle: through our provider (est_keys_load comes
 * first), anything else (file:, a path) as libcrypto opens it. Never asks for a passphrase.
 *
 * \param out  the caller frees it
 * \return DEVID_E_ABSENT if the URI names no private key; DEVID_E_KEY if it cannot be opened
 */
devid_rc est_key_open(const char *uri, EVP_PKEY **out, struct devid_error *err);

/** How much of a URI may be shown, for "%.*s": not its query, which may hold a PIN (RFC 7512 section 2.4). */
int est_key_shown(const char *uri);

#endif
