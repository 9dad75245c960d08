/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RSA encryption paddings taken off in constant time: neither time nor memory accesses tell where the text
 * begins or what was wrong with a block, only whether something was. Core's own. RFC 8017, section 7; the attacks are
 * Bleichenbacher's (1998) and Manger's (2001).
 */
#ifndef DEVID_CORE_UNPAD_H
#define DEVID_CORE_UNPAD_H

#include "core/cipher.h"
#include "core/instead.h"

#define DEVID_TYPE2_MIN 11 /* bytes of a PKCS#1 block that holds no text */

/** What is told of a wrong padding. \return DEVID_E_DATA */
devid_rc devid_not_for_this_key(struct devid_error *err);

/**
 * EME-PKCS1-v1_5: 00 02, at least eight bytes other than 00, 00, text.
 *
 * \param block  of the modulus's size; its content is destroyed
 * \param len    bytes of block; out: of the text, which then stands at the front, zeros after it
 * \return DEVID_E_DATA if it is no such block
 */
devid_rc devid_type2_decode(unsigned char *block, size_t *len, struct devid_error *err);

/**
 * The same without an error: what the block holds, or what stands in for it, and nobody can tell which.
 * \param instead  made of this very block
 */
void devid_type2_decode_or(unsigned char *block, size_t *len, const struct devid_instead *instead);

/** EME-OAEP, as above. \return also DEVID_E_ARG without a hash, DEVID_E_MEM */
devid_rc devid_oaep_decode(const struct devid_cipher *cipher, unsigned char *block, size_t *len,
                           struct devid_error *err);

/**
 * The premaster secret of TLS: what the block holds if its padding and version are right, else random bytes, and nobody can
 * tell which. It stands at the end of the block, so no position is secret. RFC 5246, section 7.4.7.1.
 *
 * \param len  as above; out: DEVID_PREMASTER_LEN
 * \return DEVID_E_ARG without the client's version; DEVID_E_DATA for a block too short for it; DEVID_E_MEM without random bytes
 */
devid_rc devid_premaster_decode(const struct devid_cipher *cipher, unsigned char *block, size_t *len,
                                struct devid_error *err);

#endif
