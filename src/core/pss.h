/* SPDX-License-Identifier: BSD-2-Clause */
/* RSA paddings that are done before the TPM sees the block. Core's own. RFC 8017. */
#ifndef DEVID_CORE_PSS_H
#define DEVID_CORE_PSS_H

#include "core/hash.h"

/**
 * EMSA-PSS-ENCODE, RFC 8017 section 9.1.1, with a fresh random salt.
 * \param bits   of the modulus
 * \param block  receives (bits + 7) / 8 bytes
 * \return DEVID_E_ARG if digest and salt do not fit into the modulus
 */
devid_rc devid_pss_encode(const struct devid_scheme *scheme, struct devid_slice digest, unsigned bits,
                          unsigned char *block, struct devid_error *err);

/** Random bytes of the kernel's; false if it gives none. */
bool devid_entropy(unsigned char *out, size_t len);

/** MGF1 of seed, XORed onto out. RFC 8017, appendix B.2.1. */
devid_rc devid_mgf1_xor(enum devid_hash hash, struct devid_slice seed, unsigned char *out, size_t len,
                        struct devid_error *err);

/** EMSA-PKCS1-v1_5 around any bytes: 00 01 ff .. ff 00 || data. \param len of the modulus, bytes */
devid_rc devid_type1_encode(struct devid_slice data, size_t len, unsigned char *block, struct devid_error *err);
/** The data of such a block; false if it is none. */
bool devid_type1_decode(struct devid_slice block, struct devid_slice *data);

#define DEVID_DIGEST_INFO_MAX (19 + DEVID_HASH_MAX)

/** The DigestInfo of a digest of the hash's length, in info. */
struct devid_slice devid_digest_info_make(enum devid_hash hash, struct devid_slice digest,
                                          unsigned char info[DEVID_DIGEST_INFO_MAX]);
/** A DigestInfo of SHA-1 or SHA-2: its hash, and the digest inside; false for anything else. */
bool devid_digest_info(struct devid_slice info, enum devid_hash *hash, struct devid_slice *digest);

#endif
