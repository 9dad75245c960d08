/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. What is secret is neither branched on nor used as an index. */
#include "core/instead.h"

#include <openssl/crypto.h>
#include <string.h>

#include "core/mask.h"
#include "core/pss.h"
#include "core/salt.h"
#include "core/unpad.h"
#include "core/use.h"

#define LENGTHS 128 /* candidates, of two bytes: that none of them fits is less likely than that a key is guessed */

/* As large as any block, and no number that a padding could be or be made of: nobody is given its signature. */
static devid_rc block_of(const struct devid_public *pub, unsigned char *block, struct devid_error *err)
{
    static const char label[] = "devid: in the place of a wrong text";
    struct devid_bytes seed = {0};
    devid_rc rc = devid_bytes_copy((struct devid_slice){(const unsigned char *)label, sizeof label}, &seed, err);

    if (rc == DEVID_OK)
        rc = devid_bytes_append(&seed, devid_slice_of(pub->modulus), err);
    memset(block, 0, pub->modulus.len); /* the first byte stays: it is below the modulus */
    if (rc == DEVID_OK)
        rc = devid_mgf1_xor(DEVID_SHA256, devid_slice_of(seed), block + 1, pub->modulus.len - 1, err);
    devid_bytes_free(&seed);
    return rc;
}

static devid_rc ask(struct devid_key *key, unsigned char *secret, struct devid_error *err)
{
    const struct devid_public *pub = devid_key_facts(key);
    unsigned char block[DEVID_INSTEAD_MAX], made[DEVID_INSTEAD_MAX];
    devid_rc rc = DEVID_OK;

    if (pub->modulus.len > sizeof block || pub->modulus.len == 0)
        return devid_fail(err, DEVID_E_KEY, "a modulus of %zu bytes is not expected", pub->modulus.len);
    rc = block_of(pub, block, err);
    if (rc == DEVID_OK)
        rc = devid_key_rsa_raw(key, (struct devid_slice){block, pub->modulus.len}, made, err);
    if (rc == DEVID_OK)
        rc = devid_hash_once(DEVID_SHA256, (struct devid_slice){made, pub->modulus.len}, secret, err);
    OPENSSL_cleanse(made, sizeof made);
    return rc;
}

devid_rc devid_instead_secret(struct devid_key *key, unsigned char *secret, struct devid_error *err)
{
    unsigned char *known = atomic_load(&key->instead), *none = NULL;
    devid_rc rc;

    if (known != NULL) {
        memcpy(secret, known, DEVID_INSTEAD_SECRET);
        return DEVID_OK;
    }
    rc = ask(key, secret, err);
    if (rc != DEVID_OK)
        return rc;
    known = OPENSSL_memdup(secret, DEVID_INSTEAD_SECRET); /* without it the next call asks again */
    if (known != NULL && !atomic_compare_exchange_strong(&key->instead, &none, known)) /* another thread's is the same */
        OPENSSL_clear_free(known, DEVID_INSTEAD_SECRET);
    return DEVID_OK;
}

/* The last candidate that is a length of a text in a block of len bytes. */
static size_t pick_length(const unsigned char *candidates, size_t len)
{
    size_t longest = len - DEVID_TYPE2_MIN, mask = longest, found = 0;

    for (size_t shift = 1; shift < 16; shift <<= 1)
        mask |= mask >> shift;
    for (size_t i = 0; i < LENGTHS; i++) {
        size_t candidate = (((size_t)candidates[2 * i] << 8) | candidates[2 * i + 1]) & mask;

        found = choose(mask_less(candidate, longest + 1), candidate, found);
    }
    return found;
}

devid_rc devid_instead_make(const unsigned char *secret, struct devid_slice block, struct devid_instead *out,
                            struct devid_error *err)
{
    static const struct devid_slice none;
    unsigned char key_bytes[32], candidates[2 * LENGTHS];
    struct devid_slice key = {key_bytes, sizeof key_bytes};
    devid_rc rc;

    if (block.len > sizeof out->block || block.len < DEVID_TYPE2_MIN)
        return devid_fail(err, DEVID_E_DATA, "a block of %zu bytes is not expected", block.len);
    rc = devid_hmac((struct devid_slice){secret, DEVID_INSTEAD_SECRET}, &block, 1, key_bytes, err);
    if (rc == DEVID_OK)
        rc = devid_kdfa(key, "message", none, none, out->block, block.len, err);
    if (rc == DEVID_OK)
        rc = devid_kdfa(key, "length", none, none, candidates, sizeof candidates, err);
    if (rc == DEVID_OK)
        out->from = block.len - pick_length(candidates, block.len);
    OPENSSL_cleanse(key_bytes, sizeof key_bytes);
    OPENSSL_cleanse(candidates, sizeof candidates);
    return rc;
}
