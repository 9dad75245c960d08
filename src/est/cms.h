/* SPDX-License-Identifier: BSD-2-Clause */
/* CMS EncryptedData, as GlobalSign's engine writes it and as RFC 5652 and 5084 want it. */
#ifndef DEVID_EST_CMS_H
#define DEVID_EST_CMS_H

#include "core/bytes.h"

/**
 * Decrypt a message: AES-128 or AES-256, GCM or CBC.
 *
 * The engine's form is not that of the RFCs: the algorithm's parameters are a SEQUENCE in a SEQUENCE whose tag lacks the constructed
 * bit, and the nonce is [4] instead of an OCTET STRING. OpenSSL's CMS_EncryptedData_decrypt refuses it ("type not constructed"),
 * so this reads both forms, and nothing else: definite lengths, no attributes, no bytes behind.
 *
 * \param der    at most MESSAGE_MAX bytes
 * \param key    16 bytes for AES-128, 32 for AES-256
 * \param plain  freed by the caller
 * \return DEVID_E_DATA if it is malformed, another cipher, for another key, or was changed
 * RFC 5652 section 8, RFC 5084 section 3.2, RFC 3565 section 4.1.
 */
devid_rc cms_decrypt(struct devid_slice der, struct devid_slice key, struct devid_bytes *plain, struct devid_error *err);

#endif
