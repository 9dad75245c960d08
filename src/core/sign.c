/* SPDX-License-Identifier: BSD-2-Clause */
/* How a signature is asked of the TPM: scheme and digest against the public area, then one command. */
#include "core/key.h"

#include <openssl/crypto.h>
#include <string.h>

#include "core/alg.h"
#include "core/proof.h"
#include "core/pss.h"
#include "core/use.h"

#define MODULUS_MAX 512

/* The key may do RSA without a scheme, so that any padding can be made in software. */
static bool is_raw_rsa(const struct devid_public *pub)
{
    return pub->alg == DEVID_RSA && pub->can_decrypt && !pub->has_scheme && !pub->is_restricted;
}

/* The longest salt that fits: what a TPM of a revision before 1.38 puts into its PSS. */
static size_t longest_salt(const struct devid_public *pub, enum devid_hash hash)
{
    return pub->modulus.len - devid_hash_len(hash) - 2;
}

/* What TPM2_Sign by RSAPSS leaves to the caller: nothing. */
static devid_rc can_chip_pss(const struct devid_key *key, const struct devid_scheme *scheme, struct devid_error *err)
{
    size_t longest = longest_salt(devid_key_facts(key), scheme->hash);

    if (scheme->mgf != DEVID_HASH_NONE && scheme->mgf != scheme->hash)
        return devid_fail(err, DEVID_E_KEY,
                          "the TPM makes PSS with one hash only, and the key may not be used without a scheme");
    if (((struct devid_key *)(uintptr_t)key)->salts_longest && scheme->salt_len != longest)
        return devid_fail(err, DEVID_E_KEY,
                          "this TPM salts PSS with %zu bytes, not %zu, and the key may not be used without its scheme",
                          longest, scheme->salt_len);
    return DEVID_OK;
}

static devid_rc can_sign(const struct devid_key *key, const struct devid_scheme *scheme, bool is_message,
                         struct devid_error *err)
{
    const struct devid_public *pub = devid_key_facts(key);

    if ((scheme->padding == DEVID_ECDSA) != (pub->alg == DEVID_EC))
        return devid_fail(err, DEVID_E_KEY, "an %s key cannot sign so", devid_public_name(pub));
    if (pub->area.len == 0)
        return DEVID_OK; /* the TPM is asked when it comes to it */
    if (pub->is_restricted && !is_message)
        return devid_fail(err, DEVID_E_KEY, "the key is restricted: it signs only what the TPM made itself");
    if (pub->is_restricted && (!pub->has_scheme || scheme->hash != pub->hash))
        return devid_fail(err, DEVID_E_KEY, "the key is restricted, and its scheme is fixed to %s",
                          pub->has_scheme ? devid_hash_name(pub->hash) : "one that is not known");
    if (!pub->can_sign)
        return devid_fail(err, DEVID_E_KEY, "the key is not for signing");
    if (pub->alg == DEVID_EC || is_raw_rsa(pub))
        return DEVID_OK;
    if (scheme->hash != DEVID_HASH_NONE && devid_alg_of_hash(scheme->hash) == TPM2_ALG_NULL)
        return devid_fail(err, DEVID_E_KEY, "a TPM does not know %s, and the key may not be used without a scheme",
                          devid_hash_name(scheme->hash));
    if (pub->has_scheme && scheme->padding != DEVID_RAW &&
        (scheme->padding != pub->padding || (scheme->hash != pub->hash && scheme->hash != DEVID_HASH_NONE)))
        return devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to %s with %s",
                          pub->padding == DEVID_PSS ? "PSS" : "PKCS#1", devid_hash_name(pub->hash));
    return scheme->padding == DEVID_PSS ? can_chip_pss(key, scheme, err) : DEVID_OK;
}

devid_rc devid_key_can_sign(const struct devid_key *key, const struct devid_scheme *scheme, struct devid_error *err)
{
    return can_sign(key, scheme, false, err);
}

/* The hash that the digest is given out as: the key's own, else the shortest that every TPM has and that holds it. */
static enum devid_hash hash_for(const struct devid_public *pub, size_t len)
{
    static const enum devid_hash by_len[] = {DEVID_SHA256, DEVID_SHA384, DEVID_SHA512};

    if (pub->has_scheme)
        return pub->hash;
    for (size_t i = 0; i < sizeof by_len / sizeof by_len[0]; i++)
        if (devid_hash_len(by_len[i]) >= len)
            return by_len[i];
    return DEVID_HASH_NONE;
}

/*
 * FIPS 186-4, 6.4: a digest longer than the order counts by its leftmost bits, a shorter one as the
 * number it is; so cutting on the right and zeros on the left change nothing.
 */
static devid_rc use_ecdsa(const struct devid_public *pub, enum devid_hash wanted, struct devid_slice digest,
                          struct devid_use *use, struct devid_error *err)
{
    size_t order = (pub->bits + 7U) / 8U, len = digest.len < order ? digest.len : order;
    enum devid_hash hash = hash_for(pub, len);
    size_t size = devid_hash_len(hash), counted = size < order ? size : order;

    if (digest.len == 0)
        return devid_fail(err, DEVID_E_DATA, "there is nothing to sign");
    if (wanted != DEVID_HASH_NONE && digest.len != devid_hash_len(wanted))
        return devid_fail(err, DEVID_E_DATA, "a digest of %zu bytes is expected, not %zu", devid_hash_len(wanted),
                          digest.len);
    if (len > counted)
        return devid_fail(err, DEVID_E_DATA, "%zu bytes are no digest that this TPM signs with an %s key", digest.len,
                          devid_public_name(pub));
    use->scheme.scheme = TPM2_ALG_ECDSA;
    use->scheme.details.ecdsa.hashAlg = devid_alg_of_hash(hash);
    use->digest.size = (UINT16)size;
    memset(use->digest.buffer, 0, size); /* bytes after those that count are cut off by the TPM */
    memcpy(use->digest.buffer + counted - len, digest.data, len);
    return DEVID_OK;
}

static devid_rc use_scheme(TPM2_ALG_ID alg, enum devid_hash hash, struct devid_slice digest, struct devid_use *use,
                           struct devid_error *err)
{
    if (digest.len != devid_hash_len(hash))
        return devid_fail(err, DEVID_E_DATA, "a digest of %zu bytes is expected, not %zu", devid_hash_len(hash),
                          digest.len);
    use->scheme.scheme = alg;
    use->scheme.details.any.hashAlg = devid_alg_of_hash(hash);
    use->digest.size = (UINT16)digest.len;
    memcpy(use->digest.buffer, digest.data, digest.len);
    return DEVID_OK;
}

devid_rc devid_use_block(const struct devid_public *pub, struct devid_slice block, struct devid_use *use, struct devid_error *err)
{
    if (block.len != pub->modulus.len)
        return devid_fail(err, DEVID_E_DATA, "a block of %zu bytes is expected, not %zu", pub->modulus.len, block.len);
    if (memcmp(block.data, pub->modulus.data, block.len) >= 0) /* a TPM's own word for it may be that it is broken */
        return devid_fail(err, DEVID_E_DATA, "the block is no number below the key's modulus");
    use->block.size = (UINT16)block.len;
    memcpy(use->block.buffer, block.data, block.len);
    return DEVID_OK;
}

static devid_rc use_block(const struct devid_public *pub, struct devid_slice block, struct devid_use *use,
                          struct devid_error *err)
{
    if (!is_raw_rsa(pub))
        return devid_fail(err, DEVID_E_KEY, "the key signs digests only: it may not be used without a scheme");
    use->command = DEVID_USE_DECRYPT;
    return devid_use_block(pub, block, use, err);
}

static devid_rc use_pkcs1(const struct devid_public *pub, enum devid_hash hash, struct devid_slice data,
                          struct devid_use *use, struct devid_error *err)
{
    unsigned char block[MODULUS_MAX], info[DEVID_DIGEST_INFO_MAX];
    struct devid_slice digest = data;
    bool is_named = hash != DEVID_HASH_NONE; /* else a DigestInfo says it, or nothing does */
    devid_rc rc;

    if (is_named && devid_alg_of_hash(hash) == TPM2_ALG_NULL) {
        if (data.len != devid_hash_len(hash))
            return devid_fail(err, DEVID_E_DATA, "a digest of %zu bytes is expected, not %zu", devid_hash_len(hash), data.len);
        data = devid_digest_info_make(hash, digest, info);
    } else if (is_named || (devid_digest_info(data, &hash, &digest) && devid_alg_of_hash(hash) != TPM2_ALG_NULL)) {
        if (pub->has_scheme && pub->hash != hash)
            return devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to %s", devid_hash_name(pub->hash));
        return use_scheme(TPM2_ALG_RSASSA, hash, digest, use, err);
    }
    rc = devid_type1_encode(data, pub->modulus.len, block, err);
    return rc == DEVID_OK ? use_block(pub, (struct devid_slice){block, pub->modulus.len}, use, err) : rc;
}

static devid_rc use_raw(const struct devid_public *pub, struct devid_slice block, struct devid_use *use,
                        struct devid_error *err)
{
    struct devid_slice info, digest;
    enum devid_hash hash;

    if (!is_raw_rsa(pub) && block.len == pub->modulus.len && devid_type1_decode(block, &info) &&
        devid_digest_info(info, &hash, &digest))
        return use_pkcs1(pub, hash, digest, use, err);
    return use_block(pub, block, use, err);
}

static devid_rc use_pss(const struct devid_public *pub, const struct devid_scheme *scheme, struct devid_slice digest,
                        struct devid_use *use, struct devid_error *err)
{
    unsigned char block[MODULUS_MAX];
    devid_rc rc;

    if (digest.len != devid_hash_len(scheme->hash) || digest.len == 0)
        return devid_fail(err, DEVID_E_DATA, "a digest of %zu bytes is expected, not %zu",
                          devid_hash_len(scheme->hash), digest.len);
    if (!is_raw_rsa(pub) && !devid_hash_is_tpm(scheme->hash))
        return devid_fail(err, DEVID_E_KEY, "the TPM makes no PSS with %s, and the key may not be used without a scheme",
                          devid_hash_name(scheme->hash));
    if (!is_raw_rsa(pub))
        return use_scheme(TPM2_ALG_RSAPSS, scheme->hash, digest, use, err);
    rc = devid_pss_encode(scheme, digest, pub->bits, block, err);
    return rc == DEVID_OK ? use_block(pub, (struct devid_slice){block, pub->modulus.len}, use, err) : rc;
}

/* The chip chose the salt's length: older ones take the longest that fits, and TLS 1.3 refuses that. */
static devid_rc check_salt(struct devid_key *key, const struct devid_scheme *scheme, struct devid_slice digest,
                           struct devid_slice sig, struct devid_error *err)
{
    const struct devid_public *pub = devid_key_facts(key);
    struct devid_scheme tried = *scheme;
    devid_rc rc = devid_verify(devid_slice_of(pub->spki), scheme, digest, sig, NULL);

    if (rc == DEVID_OK)
        return rc;
    tried.salt_len = longest_salt(pub, scheme->hash);
    if (devid_verify(devid_slice_of(pub->spki), &tried, digest, sig, NULL) != DEVID_OK) {
        rc = devid_fail(err, DEVID_E_KEY,
                        "this TPM salts PSS in another way than with %zu bytes, and the key may not be used without "
                        "its scheme",
                        scheme->salt_len);
        return devid_proof_of_refusal(key, rc, err);
    }
    key->salts_longest = true;
    return can_chip_pss(key, scheme, err);
}

static devid_rc use_for(const struct devid_public *pub, const struct devid_scheme *scheme, struct devid_slice digest,
                        struct devid_use *use, struct devid_error *err)
{
    switch (scheme->padding) {
    case DEVID_ECDSA:
        return use_ecdsa(pub, scheme->hash, digest, use, err);
    case DEVID_PKCS1:
        return use_pkcs1(pub, scheme->hash, digest, use, err);
    case DEVID_PSS:
        return use_pss(pub, scheme, digest, use, err);
    case DEVID_RAW:
        return use_raw(pub, digest, use, err);
    }
    return DEVID_E_ARG;
}

/* message.data NULL: the digest is all that there is. */
static devid_rc sign(struct devid_key *key, const struct devid_scheme *scheme, struct devid_slice digest,
                     struct devid_slice message, unsigned char *sig, size_t *sig_len, struct devid_error *err)
{
    struct devid_use use = {0};
    size_t len = devid_key_sig_len(key);
    devid_rc rc;

    if (*sig_len < len)
        return devid_fail(err, DEVID_E_ROOM, "a signature by this key has %zu bytes", len);
    rc = devid_key_learn(key, err);
    if (rc == DEVID_OK)
        rc = can_sign(key, scheme, message.data != NULL, err);
    if (rc == DEVID_OK)
        rc = use_for(devid_key_facts(key), scheme, digest, &use, err);
    if (devid_key_facts(key)->is_restricted)
        use.message = message;
    if (rc == DEVID_OK)
        rc = devid_use_key(key, &use, sig, err);
    if (rc == DEVID_OK && scheme->padding == DEVID_PSS && use.command == DEVID_USE_SIGN)
        rc = check_salt(key, scheme, digest, (struct devid_slice){sig, len}, err);
    OPENSSL_cleanse(&use, sizeof use);
    if (rc == DEVID_OK)
        *sig_len = len;
    return rc;
}

devid_rc devid_key_sign(struct devid_key *key, const struct devid_scheme *scheme, struct devid_slice digest,
                        unsigned char *sig, size_t *sig_len, struct devid_error *err)
{
    return sign(key, scheme, digest, (struct devid_slice){0}, sig, sig_len, err);
}

devid_rc devid_key_sign_message(struct devid_key *key, const struct devid_scheme *scheme, struct devid_slice message,
                                unsigned char *sig, size_t *sig_len, struct devid_error *err)
{
    static const unsigned char generated[] = {0xff, 'T', 'C', 'G'};
    unsigned char digest[DEVID_HASH_MAX];
    devid_rc rc;

    if (scheme->hash == DEVID_HASH_NONE)
        return devid_fail(err, DEVID_E_ARG, "a message is signed with a hash");
    if (message.len > DEVID_MESSAGE_MAX)
        return devid_fail(err, DEVID_E_DATA, "a message of at most %d bytes is expected, not %zu", DEVID_MESSAGE_MAX, message.len);
    if (message.len >= sizeof generated && memcmp(message.data, generated, sizeof generated) == 0)
        return devid_fail(err, DEVID_E_DATA, "a message that begins as what a TPM says of itself is not signed");
    if (message.len == 0)
        message.data = generated; /* of which nothing is taken */
    rc = devid_hash_once(scheme->hash, message, digest, err);
    return rc == DEVID_OK ? sign(key, scheme, (struct devid_slice){digest, devid_hash_len(scheme->hash)}, message, sig, sig_len, err)
                          : rc;
}

devid_rc devid_key_rsa_raw(struct devid_key *key, struct devid_slice block, unsigned char *out,
                           struct devid_error *err)
{
    struct devid_use use = {0};
    devid_rc rc = devid_key_learn(key, err);

    if (rc == DEVID_OK)
        rc = use_block(devid_key_facts(key), block, &use, err);
    if (rc == DEVID_OK)
        rc = devid_use_key(key, &use, out, err);
    OPENSSL_cleanse(&use, sizeof use);
    return rc;
}
