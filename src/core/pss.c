/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSS by hand: OpenSSL's own RSA_padding_add_PKCS1_PSS_mgf1 is deprecated and wants an RSA object,
 * and its provider pads only what it signs itself.
 */
#include "core/pss.h"

#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#define MODULUS_MAX 512

static const struct {
    enum devid_hash hash;
    unsigned char prefix[19];
    size_t len;
} infos[] = {
    {DEVID_SHA1, {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14}, 15},
    {DEVID_SHA224,
     {0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04, 0x05, 0x00, 0x04, 0x1c}, 19},
    {DEVID_SHA256,
     {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, 19},
    {DEVID_SHA384,
     {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30}, 19},
    {DEVID_SHA512,
     {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40}, 19},
};

struct devid_slice devid_digest_info_make(enum devid_hash hash, struct devid_slice digest,
                                          unsigned char info[DEVID_DIGEST_INFO_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++)
        if (infos[i].hash == hash) {
            len = infos[i].len;
            memcpy(info, infos[i].prefix, len);
        }
    memcpy(info + len, digest.data, digest.len);
    return (struct devid_slice){info, len + digest.len};
}

bool devid_digest_info(struct devid_slice info, enum devid_hash *hash, struct devid_slice *digest)
{
    for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++) {
        size_t len = infos[i].len;

        if (info.len == len + devid_hash_len(infos[i].hash) && memcmp(info.data, infos[i].prefix, len) == 0) {
            *hash = infos[i].hash;
            *digest = (struct devid_slice){info.data + len, info.len - len};
            return true;
        }
    }
    return false;
}

devid_rc devid_type1_encode(struct devid_slice data, size_t len, unsigned char *block, struct devid_error *err)
{
    if (len < 11 || data.len > len - 11)
        return devid_fail(err, DEVID_E_DATA, "%zu bytes do not fit into a PKCS#1 block of %zu", data.len, len);
    memset(block, 0xff, len);
    block[0] = 0;
    block[1] = 1;
    block[len - data.len - 1] = 0;
    if (data.len != 0)
        memcpy(block + len - data.len, data.data, data.len);
    return DEVID_OK;
}

bool devid_type1_decode(struct devid_slice block, struct devid_slice *data)
{
    size_t i = 2;

    if (block.len < 11 || block.data[0] != 0 || block.data[1] != 1)
        return false;
    while (i < block.len && block.data[i] == 0xff)
        i++;
    if (i < 10 || i == block.len || block.data[i] != 0)
        return false;
    *data = (struct devid_slice){block.data + i + 1, block.len - i - 1};
    return true;
}

devid_rc devid_mgf1_xor(enum devid_hash hash, struct devid_slice seed, unsigned char *out, size_t len,
                        struct devid_error *err)
{
    size_t step = devid_hash_len(hash);
    unsigned char digest[DEVID_HASH_MAX];
    devid_rc rc = DEVID_OK;

    for (uint32_t counter = 0; rc == DEVID_OK && counter * step < len; counter++) {
        const unsigned char be[4] = {(unsigned char)(counter >> 24), (unsigned char)(counter >> 16),
                                     (unsigned char)(counter >> 8), (unsigned char)counter};
        struct devid_hasher *h = NULL;

        rc = devid_hasher_new(hash, &h, err);
        if (rc == DEVID_OK)
            rc = devid_hasher_update(h, seed, err);
        if (rc == DEVID_OK)
            rc = devid_hasher_update(h, (struct devid_slice){be, sizeof be}, err);
        if (rc == DEVID_OK)
            rc = devid_hasher_final(h, digest, err);
        devid_hasher_free(h);
        for (size_t i = 0; rc == DEVID_OK && i < step && counter * step + i < len; i++)
            out[counter * step + i] ^= digest[i];
    }
    OPENSSL_cleanse(digest, sizeof digest);
    return rc;
}

/* H = Hash(eight zero bytes || digest || salt) */
static devid_rc hash_m_prime(enum devid_hash hash, struct devid_slice digest, struct devid_slice salt,
                             unsigned char *out, struct devid_error *err)
{
    static const unsigned char zeros[8] = {0};
    struct devid_hasher *h = NULL;
    devid_rc rc = devid_hasher_new(hash, &h, err);

    if (rc == DEVID_OK)
        rc = devid_hasher_update(h, (struct devid_slice){zeros, sizeof zeros}, err);
    if (rc == DEVID_OK)
        rc = devid_hasher_update(h, digest, err);
    if (rc == DEVID_OK)
        rc = devid_hasher_update(h, salt, err);
    if (rc == DEVID_OK)
        rc = devid_hasher_final(h, out, err);
    devid_hasher_free(h);
    return rc;
}

/*
 * From the kernel: OpenSSL's generator belongs to a thread, and is lost if its library context is freed at exit, as
 * the provider's is.
 */
bool devid_entropy(unsigned char *out, size_t len)
{
    for (size_t n; len > 0; out += n, len -= n) {
        n = len < 256 ? len : 256; /* as much as getentropy(3) gives at once */
        if (getentropy(out, n) != 0)
            return false;
    }
    return true;
}

devid_rc devid_pss_encode(const struct devid_scheme *scheme, struct devid_slice digest, unsigned bits,
                          unsigned char *block, struct devid_error *err)
{
    enum devid_hash mgf = scheme->mgf != DEVID_HASH_NONE ? scheme->mgf : scheme->hash;
    size_t h_len = devid_hash_len(scheme->hash), k = (bits + 7U) / 8U, em_len = (bits - 1U + 7U) / 8U, db_len;
    unsigned char salt[MODULUS_MAX];
    unsigned char *em = block + (k - em_len), *h;
    devid_rc rc;

    if (k > MODULUS_MAX || h_len == 0 || scheme->salt_len > em_len || em_len < h_len + scheme->salt_len + 2)
        return devid_fail(err, DEVID_E_ARG, "a PSS salt of %zu bytes does not fit into an RSA key of %u bits",
                          scheme->salt_len, bits);
    if (!devid_entropy(salt, scheme->salt_len))
        return devid_fail(err, DEVID_E_MEM, "no random bytes for the salt");
    db_len = em_len - h_len - 1;
    h = em + db_len;
    memset(block, 0, k);
    rc = hash_m_prime(scheme->hash, digest, (struct devid_slice){salt, scheme->salt_len}, h, err);
    if (rc != DEVID_OK)
        return rc;
    em[db_len - scheme->salt_len - 1] = 1;
    memcpy(em + db_len - scheme->salt_len, salt, scheme->salt_len);
    rc = devid_mgf1_xor(mgf, (struct devid_slice){h, h_len}, em, db_len, err);
    em[0] &= (unsigned char)(0xff >> (8 * em_len - (bits - 1U)));
    em[em_len - 1] = 0xbc;
    return rc;
}
