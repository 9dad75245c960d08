/* SPDX-License-Identifier: BSD-2-Clause */
/* The structure; no library has it. What is in it is judged in tcg_csr_verify.c. */
#include "core/tcg_csr.h"

#include <string.h>

#include "core/alg.h"

#define STRUCT_VERSION 0x00000100U
#define STRUCT_VERSION_OF_OTHERS 0x01000100U /* what others write before csrContents */
#define BLOCK 16

/* ---- writing ---- */

static devid_rc put_number(struct devid_bytes *out, size_t number, struct devid_error *err)
{
    const unsigned char bytes[4] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16), (unsigned char)(number >> 8),
                                    (unsigned char)number};

    if (number > DEVID_TCG_CSR_MAX)
        return devid_fail(err, DEVID_E_DATA, "a request of more than %u bytes", DEVID_TCG_CSR_MAX);
    return devid_bytes_append(out, (struct devid_slice){bytes, sizeof bytes}, err);
}

/* Sizes and parts: what the hash is of. \param before  bytes of csrContents that precede it */
static devid_rc put_parts(const struct devid_slice parts[DEVID_TCG_PAD], size_t before, const unsigned char noise[BLOCK],
                          struct devid_bytes *out, struct devid_error *err)
{
    size_t len = before + (size_t)DEVID_TCG_PARTS * 4, pad;
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; i < DEVID_TCG_PAD; i++)
        len += parts[i].len;
    pad = (BLOCK - len % BLOCK) % BLOCK;
    for (size_t i = 0; rc == DEVID_OK && i < DEVID_TCG_PAD; i++)
        rc = put_number(out, parts[i].len, err);
    if (rc == DEVID_OK)
        rc = put_number(out, pad, err);
    for (size_t i = 0; rc == DEVID_OK && i < DEVID_TCG_PAD; i++)
        rc = devid_bytes_append(out, parts[i], err);
    return rc == DEVID_OK ? devid_bytes_append(out, (struct devid_slice){noise, pad}, err) : rc;
}

devid_rc devid_tcg_csr_contents(const struct devid_slice parts[DEVID_TCG_PAD], enum devid_hash hash, const unsigned char noise[BLOCK],
                                struct devid_bytes *out, struct devid_error *err)
{
    unsigned char digest[DEVID_HASH_MAX];
    size_t hash_len = devid_hash_len(hash);
    struct devid_bytes rest = {0};
    devid_rc rc = put_parts(parts, 12 + hash_len, noise, &rest, err);

    if (rc == DEVID_OK)
        rc = devid_hash_once(hash, devid_slice_of(rest), digest, err);
    if (rc == DEVID_OK)
        rc = put_number(out, STRUCT_VERSION, err);
    if (rc == DEVID_OK)
        rc = put_number(out, devid_alg_of_hash(hash), err);
    if (rc == DEVID_OK)
        rc = put_number(out, hash_len, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(out, (struct devid_slice){digest, hash_len}, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(out, devid_slice_of(rest), err);
    devid_bytes_free(&rest);
    return rc;
}

devid_rc devid_tcg_csr_write(struct devid_slice contents, const struct devid_scheme *scheme, struct devid_slice signature,
                             struct devid_bytes *out, struct devid_error *err)
{
    struct devid_bytes sig = {0};
    devid_rc rc = devid_tcg_csr_encode(scheme, signature, &sig, err);

    if (rc == DEVID_OK)
        rc = put_number(out, STRUCT_VERSION, err);
    if (rc == DEVID_OK)
        rc = put_number(out, contents.len, err);
    if (rc == DEVID_OK)
        rc = put_number(out, sig.len, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(out, contents, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(out, devid_slice_of(sig), err);
    devid_bytes_free(&sig);
    return rc;
}

/* ---- reading ---- */

static bool take(struct devid_slice *in, size_t len, struct devid_slice *out)
{
    if (in->len < len)
        return false;
    *out = (struct devid_slice){in->data, len};
    *in = (struct devid_slice){in->data + len, in->len - len};
    return true;
}

static bool take_number(struct devid_slice *in, size_t *out)
{
    struct devid_slice n;

    if (!take(in, 4, &n))
        return false;
    *out = (size_t)n.data[0] << 24 | (size_t)n.data[1] << 16 | (size_t)n.data[2] << 8 | n.data[3];
    return true;
}

static devid_rc read_contents(struct devid_slice in, struct devid_tcg_csr *out, struct devid_error *err)
{
    size_t version, alg, hash_len, sizes[DEVID_TCG_PARTS];

    if (!take_number(&in, &version) || version != STRUCT_VERSION || !take_number(&in, &alg) || !take_number(&in, &hash_len) ||
        hash_len > DEVID_HASH_MAX || !take(&in, hash_len, &out->digest))
        return devid_fail(err, DEVID_E_DATA, "its csrContents are malformed, or of another version than 1.0");
    out->hash = alg <= UINT16_MAX ? devid_hash_of_alg((TPM2_ALG_ID)alg) : DEVID_HASH_NONE;
    if (hash_len != 0 && (out->hash < DEVID_SHA256 || devid_hash_len(out->hash) != hash_len))
        return devid_fail(err, DEVID_E_DATA, "its hash is none that is known, or of another length");
    out->hashed = in;
    for (size_t i = 0; i < DEVID_TCG_PARTS; i++)
        if (!take_number(&in, &sizes[i]))
            return devid_fail(err, DEVID_E_DATA, "it ends within its sizes");
    for (size_t i = 0; i < DEVID_TCG_PARTS; i++)
        if (!take(&in, sizes[i], &out->parts[i]))
            return devid_fail(err, DEVID_E_DATA, "it ends within its parts");
    return in.len == 0 ? DEVID_OK : devid_fail(err, DEVID_E_DATA, "%zu bytes follow its last part", in.len);
}

devid_rc devid_tcg_csr_read(struct devid_slice file, struct devid_tcg_csr *out, struct devid_error *err)
{
    size_t version, contents, sig;

    *out = (struct devid_tcg_csr){0};
    if (file.len > DEVID_TCG_CSR_MAX)
        return devid_fail(err, DEVID_E_DATA, "it is longer than %u bytes", DEVID_TCG_CSR_MAX);
    if (!take_number(&file, &version) || (version != STRUCT_VERSION && version != STRUCT_VERSION_OF_OTHERS))
        return devid_fail(err, DEVID_E_DATA, "it is no TCG_CSR_IDEVID of version 1.0");
    if (!take_number(&file, &contents) || !take_number(&file, &sig) || !take(&file, contents, &out->contents) ||
        !take(&file, sig, &out->signature) || file.len != 0)
        return devid_fail(err, DEVID_E_DATA, "its sizes are not those of the file");
    return read_contents(out->contents, out, err);
}
