/* SPDX-License-Identifier: BSD-2-Clause */
/* What is signed, verified or digested, in one part or many. */
#ifndef DEVID_PKCS11_MESSAGE_H
#define DEVID_PKCS11_MESSAGE_H

#include "core/public.h"
#include "pkcs11/p11v3.h"

struct message {
    enum devid_hash hash;        /* DEVID_HASH_NONE: the bytes themselves */
    struct devid_hasher *hasher;
    struct devid_secret raw;
    bool is_begun;               /* a part has been added */
};

/** What the parts of one that is not hashed have put together; lent. */
static inline struct devid_slice message_raw(const struct message *m)
{
    return (struct devid_slice){m->raw.data, m->raw.len};
}

CK_RV message_add(struct message *m, struct devid_slice part);
/**
 * The digest, or the bytes.
 * \param whole   all of it, of which no part was added before; NULL: what the parts have put together
 * \param digest  room for it; *out refers to that, or to whole, or to m
 */
CK_RV message_end(struct message *m, const struct devid_slice *whole, unsigned char digest[DEVID_HASH_MAX],
                  struct devid_slice *out);
void message_free(struct message *m);
/** Bytes that a scheme cannot take are refused before the TPM is asked: CKR_DATA_LEN_RANGE, CKR_DATA_INVALID. */
CK_RV message_fits(const struct devid_public *pub, const struct devid_scheme *scheme, struct devid_slice data);
/** Whether a key of that size has room for the salt of PSS (RFC 8017, 9.1.1); true of all else. */
bool message_salt_fits(const struct devid_public *pub, const struct devid_scheme *scheme);
/**
 * A raw RSA block shorter than the modulus gets zeros in front (PKCS#11, "X.509 (raw) RSA"); all else is given back.
 * \param block room for DEVID_BLOCK_MAX bytes
 */
struct devid_slice message_block(const struct devid_public *pub, const struct devid_scheme *scheme,
                                 struct devid_slice data, unsigned char *block);
#define DEVID_BLOCK_MAX 1024

#endif
