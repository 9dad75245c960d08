/* SPDX-License-Identifier: BSD-2-Clause */
/* What is signed, verified or digested: in one part or in many, hashed on the way or kept as it is. */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/module.h"

/* In one piece from the first part on: what grows leaves copies behind, and it may be what is to be encrypted. */
static CK_RV raw_add(struct devid_secret *raw, struct devid_slice part)
{
    if (raw->data == NULL)
        raw->data = malloc(DEVID_BLOCK_MAX);
    if (raw->data == NULL)
        return CKR_HOST_MEMORY;
    if (part.len != 0)
        memcpy(raw->data + raw->len, part.data, part.len);
    raw->len += part.len;
    return CKR_OK;
}

CK_RV message_add(struct message *m, struct devid_slice part)
{
    struct devid_error err = {0};
    devid_rc rc = DEVID_OK;

    m->is_begun = true;
    if (m->hash == DEVID_HASH_NONE) {
        /* Nothing that is signed unhashed is longer than the longest modulus. */
        if (part.len > DEVID_BLOCK_MAX || m->raw.len + part.len > DEVID_BLOCK_MAX)
            return CKR_DATA_LEN_RANGE;
        return raw_add(&m->raw, part);
    }
    if (m->hasher == NULL)
        rc = devid_hasher_new(m->hash, &m->hasher, &err);
    if (rc == DEVID_OK && part.len != 0)
        rc = devid_hasher_update(m->hasher, part, &err);
    return rv_of(rc, &err);
}

CK_RV message_end(struct message *m, const struct devid_slice *whole, unsigned char digest[DEVID_HASH_MAX],
                  struct devid_slice *out)
{
    static const struct devid_slice nothing = {(const unsigned char *)"", 0};
    struct devid_error err = {0};
    devid_rc rc;

    if (m->hash == DEVID_HASH_NONE) {
        *out = whole != NULL ? *whole : message_raw(m);
        return CKR_OK;
    }
    if (whole == NULL && m->hasher != NULL)
        rc = devid_hasher_final(m->hasher, digest, &err);
    else /* no part at all is the empty message */
        rc = devid_hash_once(m->hash, whole != NULL ? *whole : nothing, digest, &err);
    *out = (struct devid_slice){digest, devid_hash_len(m->hash)};
    return rv_of(rc, &err);
}

void message_free(struct message *m)
{
    devid_hasher_free(m->hasher);
    devid_secret_free(&m->raw);
    *m = (struct message){0};
}

CK_RV message_fits(const struct devid_public *pub, const struct devid_scheme *scheme, struct devid_slice data)
{
    size_t modulus = devid_public_sig_len(pub);
    bool fits = true;

    switch (scheme->padding) {
    case DEVID_ECDSA: fits = data.len <= DEVID_BLOCK_MAX; break; /* the leftmost bits are used */
    case DEVID_PKCS1: fits = scheme->hash != DEVID_HASH_NONE || data.len + 11 <= modulus; break; /* RFC 8017, 9.2 */
    case DEVID_PSS:   fits = data.len == devid_hash_len(scheme->hash); break;
    case DEVID_RAW:   fits = data.len <= modulus && modulus <= DEVID_BLOCK_MAX; break;
    }
    if (!fits)
        return CKR_DATA_LEN_RANGE;
    /* A block is a number below the modulus: the TPM's word for a larger one says nothing. */
    if (scheme->padding == DEVID_RAW && data.len == pub->modulus.len && data.len != 0 &&
        memcmp(data.data, pub->modulus.data, data.len) >= 0)
        return CKR_DATA_INVALID;
    return CKR_OK;
}

bool message_salt_fits(const struct devid_public *pub, const struct devid_scheme *scheme)
{
    return pub->alg != DEVID_RSA || scheme->padding != DEVID_PSS ||
           devid_hash_len(scheme->hash) + scheme->salt_len + 2 <= devid_public_sig_len(pub);
}

struct devid_slice message_block(const struct devid_public *pub, const struct devid_scheme *scheme,
                                 struct devid_slice data, unsigned char *block)
{
    size_t modulus = devid_public_sig_len(pub);

    if (scheme->padding != DEVID_RAW || data.len >= modulus || modulus > DEVID_BLOCK_MAX)
        return data;
    memset(block, 0, modulus - data.len);
    if (data.len != 0)
        memcpy(block + modulus - data.len, data.data, data.len);
    return (struct devid_slice){block, modulus};
}
