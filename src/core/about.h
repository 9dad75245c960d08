/* SPDX-License-Identifier: BSD-2-Clause */
/* What the module, its slots and tokens say of themselves, and a PKCS#11 URI may ask for: PKCS#11 2.40, 3.1 and 3.2; RFC 7512. */
#ifndef DEVID_CORE_ABOUT_H
#define DEVID_CORE_ABOUT_H

#include "core/store.h"

#define DEVID_ABOUT_MANUFACTURER "devid" /* of the library, the slots, the tokens */
#define DEVID_ABOUT_MODEL "TPM 2.0"      /* of the tokens */
#define DEVID_ABOUT_SLOT "TPM 2.0: "     /* before the token's name */
#define DEVID_ABOUT_LIBRARY "Device identities in a TPM 2.0"
#define DEVID_ABOUT_MAJOR 0
#define DEVID_ABOUT_MINOR 1
#define DEVID_ABOUT_SERIAL 16 /* characters */

/** A text as such a field: cut after a whole UTF-8 character, filled up with spaces, no NUL. */
void devid_about_pad(unsigned char *field, size_t room, const char *text);

/**
 * The serial number of a token: hex digits that tell two TPMs, and two tokens of one, apart; from the EK, else from the IDevID, else
 * from any key. Sends nothing.
 * \param snap  of devid_store_snapshot, which knows the manufacturer's keys
 */
void devid_about_serial(const struct devid_snapshot *snap, const char *token, char out[DEVID_ABOUT_SERIAL + 1]);

#endif
