/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See the header. OpenSSL has the like for keys of its own only; its bare functions are deprecated. Nothing that depends on the
 * block's content is branched on or used as an index before the last line.
 */
#include "core/unpad.h"

#include <openssl/crypto.h>
#include <string.h>

#include "core/mask.h"
#include "core/pss.h"

#define PS_MIN 8 /* bytes of a PKCS#1 padding string */

/* Bytes from position from to the front, zeros after them: by powers of two, each step taken or not by mask alone. */
static void shift_to_front(unsigned char *block, size_t len, size_t from)
{
    for (size_t step = 1; step <= len; step <<= 1) { /* from is len for an empty text */
        unsigned char keep = (unsigned char)mask_zero(from & step);

        for (size_t i = 0; i < len; i++) {
            unsigned char next = i + step < len ? block[i + step] : 0;

            block[i] = (unsigned char)((keep & block[i]) | (~keep & next));
        }
    }
}

devid_rc devid_not_for_this_key(struct devid_error *err)
{
    return devid_fail(err, DEVID_E_DATA, "this was not encrypted for this key, or in another way");
}

/* good and where are secret until here. */
static devid_rc settle(unsigned char *block, size_t *len, size_t good, size_t where, struct devid_error *err)
{
    where = choose(good, where, *len);
    shift_to_front(block, *len, where);
    if (good == 0)
        return devid_not_for_this_key(err);
    *len -= where;
    return DEVID_OK;
}

/* All ones if it is such a block. \param where the text begins then */
static size_t check_type2(const unsigned char *block, size_t len, size_t *where)
{
    size_t good = mask_zero(block[0]) & mask_eq(block[1], 2), searching = ~(size_t)0, zero = 0;

    for (size_t i = 2; i < len; i++) {
        size_t is_zero = mask_zero(block[i]);

        zero = choose(searching & is_zero, i, zero);
        searching &= ~is_zero;
    }
    *where = zero + 1;
    return good & ~searching & ~mask_less(zero, 2 + PS_MIN);
}

devid_rc devid_type2_decode(unsigned char *block, size_t *len, struct devid_error *err)
{
    size_t good, where;

    if (*len < DEVID_TYPE2_MIN)
        return devid_fail(err, DEVID_E_DATA, "a block of %zu bytes is too short", *len);
    good = check_type2(block, *len, &where);
    return settle(block, len, good, where, err);
}

void devid_type2_decode_or(unsigned char *block, size_t *len, const struct devid_instead *instead)
{
    size_t where, good = check_type2(block, *len, &where);

    where = choose(good, where, instead->from);
    for (size_t i = 0; i < *len; i++)
        block[i] = (unsigned char)choose(good, block[i], instead->block[i]);
    shift_to_front(block, *len, where);
    *len -= where;
}

static size_t mask_version(const unsigned char *at, unsigned version)
{
    return mask_eq(at[0], version >> 8 & 0xff) & mask_eq(at[1], version & 0xff);
}

devid_rc devid_premaster_decode(const struct devid_cipher *cipher, unsigned char *block, size_t *len,
                                struct devid_error *err)
{
    unsigned char instead[DEVID_PREMASTER_LEN];
    size_t text = *len - DEVID_PREMASTER_LEN, good, version;

    if (cipher->tls_client == 0)
        return devid_fail(err, DEVID_E_ARG, "the client's version of TLS is not known");
    if (*len < DEVID_PREMASTER_LEN + DEVID_TYPE2_MIN)
        return devid_fail(err, DEVID_E_DATA, "a block of %zu bytes is too short", *len);
    if (!devid_entropy(instead, sizeof instead))
        return devid_fail(err, DEVID_E_MEM, "there are no random numbers");
    good = mask_zero(block[0]) & mask_eq(block[1], 2) & mask_zero(block[text - 1]);
    for (size_t i = 2; i < text - 1; i++)
        good &= ~mask_zero(block[i]);
    version = mask_version(block + text, cipher->tls_client);
    if (cipher->tls_negotiated != 0) /* clients of old send that instead, and libssl was told to bear with them */
        version |= mask_version(block + text, cipher->tls_negotiated);
    good &= version;
    for (size_t i = 0; i < DEVID_PREMASTER_LEN; i++)
        block[i] = (unsigned char)choose(good, block[text + i], instead[i]);
    OPENSSL_cleanse(instead, sizeof instead);
    OPENSSL_cleanse(block + DEVID_PREMASTER_LEN, text);
    *len = DEVID_PREMASTER_LEN;
    return DEVID_OK;
}

/* db: hash of the label, zeros, 01, text */
static size_t check_db(const unsigned char *db, size_t db_len, const unsigned char *label_hash, size_t h_len, size_t *one)
{
    size_t wrong = 0, searching = ~(size_t)0;

    for (size_t i = 0; i < h_len; i++)
        wrong |= (size_t)(db[i] ^ label_hash[i]);
    for (size_t i = h_len; i < db_len; i++) {
        size_t is_one = mask_eq(db[i], 1);

        *one = choose(searching & is_one, i, *one);
        wrong |= searching & ~is_one & db[i];
        searching &= ~is_one;
    }
    return mask_zero(wrong) & ~searching;
}

devid_rc devid_oaep_decode(const struct devid_cipher *cipher, unsigned char *block, size_t *len,
                           struct devid_error *err)
{
    enum devid_hash mgf = cipher->mgf != DEVID_HASH_NONE ? cipher->mgf : cipher->hash;
    size_t h_len = devid_hash_len(cipher->hash), db_len, good, one = 0;
    unsigned char label_hash[DEVID_HASH_MAX], *seed = block + 1, *db = seed + h_len;
    devid_rc rc;

    if (h_len == 0)
        return devid_fail(err, DEVID_E_ARG, "OAEP needs a hash");
    if (*len < 2 * h_len + 2)
        return devid_fail(err, DEVID_E_DATA, "a block of %zu bytes is too short for OAEP with %s", *len,
                          devid_hash_name(cipher->hash));
    db_len = *len - h_len - 1;
    rc = devid_hash_once(cipher->hash, cipher->label, label_hash, err);
    if (rc == DEVID_OK)
        rc = devid_mgf1_xor(mgf, (struct devid_slice){db, db_len}, seed, h_len, err);
    if (rc == DEVID_OK)
        rc = devid_mgf1_xor(mgf, (struct devid_slice){seed, h_len}, db, db_len, err);
    if (rc != DEVID_OK)
        return rc;
    good = mask_zero(block[0]) & check_db(db, db_len, label_hash, h_len, &one);
    return settle(block, len, good, h_len + 1 + one + 1, err);
}
