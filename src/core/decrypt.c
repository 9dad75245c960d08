/* SPDX-License-Identifier: BSD-2-Clause */
/* What a key with the decrypt attribute does: RSA decryption and ECDH, one command each. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "core/unpad.h"
#include "core/use.h"

#define UNCOMPRESSED 0x04 /* SEC 1, section 2.3.3 */
#define LABEL_MAX (sizeof ((TPM2B_DATA *)NULL)->buffer)

static devid_rc may_decrypt(const struct devid_key *key, enum devid_alg alg, const char *what, struct devid_error *err)
{
    const struct devid_public *pub = devid_key_facts(key);

    if (pub->alg != alg)
        return devid_fail(err, DEVID_E_KEY, "an %s key cannot %s", devid_public_name(pub), what);
    if (pub->area.len == 0)
        return DEVID_OK; /* the TPM is asked when it comes to it */
    if (pub->is_restricted)
        return devid_fail(err, DEVID_E_KEY, "the key is restricted: it works on what the TPM made itself only");
    if (!pub->can_decrypt)
        return devid_fail(err, DEVID_E_KEY, "the key only signs: it cannot %s", what);
    return DEVID_OK;
}

/* What the TPM does by a scheme that is fixed: Part 1, B.4 and B.5. */
static devid_rc fits_scheme(const struct devid_public *pub, const struct devid_cipher *cipher, struct devid_error *err)
{
    struct devid_slice label = cipher->label;
    bool is_oaep = cipher->padding == DEVID_CIPHER_OAEP;

    if (pub->has_rsaes && cipher->padding == DEVID_CIPHER_TLS)
        return devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to PKCS#1 encryption, of which the TPM tells what is wrong: "
                          "use ECDHE in TLS, with a key that signs");
    if (pub->has_rsaes)
        return cipher->padding == DEVID_CIPHER_PKCS1
                   ? DEVID_OK
                   : devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to PKCS#1 encryption");
    if (pub->oaep == DEVID_HASH_NONE)
        return devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to one that is not known");
    if (!is_oaep || (cipher->hash != DEVID_HASH_NONE && cipher->hash != pub->oaep) ||
        (cipher->mgf != DEVID_HASH_NONE && cipher->mgf != pub->oaep))
        return devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to OAEP with %s, and MGF1 with the same",
                          devid_hash_name(pub->oaep));
    if (label.len != 0 && (label.data[label.len - 1] != 0 || label.len > LABEL_MAX))
        return devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to OAEP, with which a TPM takes labels of up to %zu bytes that end "
                          "with a zero byte", LABEL_MAX);
    return DEVID_OK;
}

devid_rc devid_key_can_decrypt(const struct devid_key *key, const struct devid_cipher *cipher, struct devid_error *err)
{
    devid_rc rc = may_decrypt(key, DEVID_RSA, "decrypt", err);

    return rc == DEVID_OK && devid_key_facts(key)->has_scheme ? fits_scheme(devid_key_facts(key), cipher, err) : rc;
}

devid_rc devid_key_can_ecdh(const struct devid_key *key, struct devid_error *err)
{
    return may_decrypt(key, DEVID_EC, "derive", err);
}

static devid_rc unpad(const struct devid_cipher *cipher, unsigned char *block, size_t *len, struct devid_error *err)
{
    switch (cipher->padding) {
    case DEVID_CIPHER_PKCS1: return devid_type2_decode(block, len, err);
    case DEVID_CIPHER_OAEP:  return devid_oaep_decode(cipher, block, len, err);
    case DEVID_CIPHER_TLS:   return devid_premaster_decode(cipher, block, len, err);
    case DEVID_CIPHER_RAW:   break;
    }
    return DEVID_OK;
}

/* Both texts are made, whichever is given. */
static devid_rc decrypt_hiding(struct devid_key *key, struct devid_slice block, unsigned char *plain, size_t *len,
                               struct devid_error *err)
{
    unsigned char secret[DEVID_INSTEAD_SECRET];
    struct devid_instead instead = {0};
    devid_rc rc = devid_key_rsa_raw(key, block, plain, err);

    if (rc == DEVID_OK)
        rc = devid_instead_secret(key, secret, err);
    if (rc == DEVID_OK)
        rc = devid_instead_make(secret, block, &instead, err);
    if (rc == DEVID_OK)
        devid_type2_decode_or(plain, len, &instead);
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(&instead, sizeof instead);
    return rc;
}

/* Some TPMs say "failure" to that, and are well: one that failed would give no random number. */
static bool is_wrong_padding(const struct devid_key *key, devid_rc rc, uint32_t tss)
{
    unsigned char byte;

    return rc == DEVID_E_DATA || (devid_tss_says(tss, TPM2_RC_FAILURE) && devid_random(key->store, &byte, 1, NULL) == DEVID_OK);
}

/* The padding is taken off by the TPM. */
static devid_rc decrypt_by_scheme(struct devid_key *key, const struct devid_cipher *cipher, struct devid_slice block,
                                  unsigned char *plain, size_t *len, struct devid_error *err)
{
    struct devid_use use = {.command = DEVID_USE_OPEN, .text_len = len};
    struct devid_error why = {0};
    devid_rc rc = DEVID_OK;

    if (cipher->padding == DEVID_CIPHER_OAEP && cipher->hash == DEVID_HASH_NONE)
        return devid_fail(err, DEVID_E_ARG, "OAEP needs a hash");
    if (cipher->padding == DEVID_CIPHER_OAEP && cipher->label.len != 0) { /* not longer than fits: devid_key_can_decrypt */
        use.label.size = (UINT16)cipher->label.len;
        memcpy(use.label.buffer, cipher->label.data, cipher->label.len);
    }
    rc = devid_use_block(devid_key_facts(key), block, &use, err);
    if (rc != DEVID_OK)
        return rc;
    rc = devid_use_key(key, &use, plain, &why);
    if (rc != DEVID_OK && is_wrong_padding(key, rc, why.tss))
        rc = devid_not_for_this_key(&why);
    if (rc != DEVID_OK && err != NULL)
        *err = why;
    return rc;
}

static devid_rc decrypt(struct devid_key *key, const struct devid_cipher *cipher, struct devid_slice block, unsigned char *plain,
                        size_t *len, struct devid_error *err)
{
    devid_rc rc;

    if (devid_key_facts(key)->has_scheme)
        return decrypt_by_scheme(key, cipher, block, plain, len, err);
    if (cipher->padding == DEVID_CIPHER_PKCS1 && cipher->hides_wrong)
        return decrypt_hiding(key, block, plain, len, err);
    rc = devid_key_rsa_raw(key, block, plain, err);
    return rc == DEVID_OK ? unpad(cipher, plain, len, err) : rc;
}

devid_rc devid_key_decrypt(struct devid_key *key, const struct devid_cipher *cipher, struct devid_slice block,
                           struct devid_secret *text, struct devid_error *err)
{
    struct devid_secret plain = {0};
    size_t room, len;
    devid_rc rc = devid_key_learn(key, err);

    if (rc == DEVID_OK)
        rc = devid_key_can_decrypt(key, cipher, err);
    if (rc != DEVID_OK)
        return rc;
    room = len = devid_key_facts(key)->modulus.len;
    plain.data = calloc(1, room);
    if (plain.data == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    plain.len = room;
    rc = decrypt(key, cipher, block, plain.data, &len, err);
    if (rc == DEVID_OK) {
        plain.len = len; /* zeros follow it */
        *text = plain;
    } else {
        devid_secret_free(&plain);
    }
    return rc;
}

devid_rc devid_key_ecdh(struct devid_key *key, struct devid_slice peer, struct devid_secret *z, struct devid_error *err)
{
    struct devid_use use = {.command = DEVID_USE_ECDH};
    TPMS_ECC_POINT *point = &use.point.point;
    unsigned char x[TPM2_MAX_ECC_KEY_BYTES];
    size_t size;
    devid_rc rc = devid_key_learn(key, err);

    if (rc == DEVID_OK)
        rc = devid_key_can_ecdh(key, err);
    if (rc != DEVID_OK)
        return rc;
    size = (devid_key_facts(key)->bits + 7U) / 8U;
    if (size > sizeof x || peer.len != 1 + 2 * size || peer.data[0] != UNCOMPRESSED)
        return devid_fail(err, DEVID_E_DATA, "the other side's point is no uncompressed point on %s",
                          devid_public_name(devid_key_facts(key)));
    point->x.size = point->y.size = (UINT16)size;
    memcpy(point->x.buffer, peer.data + 1, size);
    memcpy(point->y.buffer, peer.data + 1 + size, size);
    rc = devid_use_key(key, &use, x, err);
    if (rc == DEVID_OK)
        rc = devid_secret_copy((struct devid_slice){x, size}, z, err);
    OPENSSL_cleanse(x, sizeof x);
    return rc;
}
