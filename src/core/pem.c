/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PEM blocks by label, RFC 7468. Declared in ref.h.
 *
 * The block's lines are found here, and only they are given to OpenSSL: PEM_read_bio would not say
 * whose base64 is broken, and a stranger's block must not hide ours.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "core/keyfile.h"
#include "core/ref.h"

#define DASHES 5

/* Take a line, without its end. */
static struct devid_slice next_line(struct devid_slice *in)
{
    const unsigned char *end = memchr(in->data, '\n', in->len);
    size_t len = end != NULL ? (size_t)(end - in->data) + 1 : in->len;
    struct devid_slice line = {in->data, len};

    in->data += len;
    in->len -= len;
    while (line.len != 0 && strchr(" \t\r\n", line.data[line.len - 1]) != NULL && line.data[line.len - 1] != 0)
        line.len--;
    return line;
}

/* "-----BEGIN LABEL-----", or END */
static bool is_boundary(struct devid_slice line, const char *word, const char *label)
{
    size_t word_len = strlen(word), label_len = strlen(label);
    const unsigned char *p = line.data;

    return line.len == DASHES + word_len + 1 + label_len + DASHES && memcmp(p, "-----", DASHES) == 0 &&
           memcmp(p + DASHES, word, word_len) == 0 && p[DASHES + word_len] == ' ' &&
           memcmp(p + DASHES + word_len + 1, label, label_len) == 0 &&
           memcmp(p + line.len - DASHES, "-----", DASHES) == 0;
}

/* The n-th block of that label, boundaries included; empty if there is none, or its end is missing. */
static struct devid_slice find_block(struct devid_slice file, const char *label, unsigned n, bool *found)
{
    *found = false;
    while (file.len != 0) {
        struct devid_slice from = file, line = next_line(&file);

        if (!is_boundary(line, "BEGIN", label) || n-- != 0)
            continue;
        *found = true;
        while (file.len != 0) {
            line = next_line(&file);
            if (is_boundary(line, "END", label))
                return (struct devid_slice){from.data, from.len - file.len};
        }
    }
    return (struct devid_slice){0};
}

static devid_rc decode_block(struct devid_slice block, const char *label, struct devid_bytes *der,
                             struct devid_error *err)
{
    BIO *in = BIO_new_mem_buf(block.data, (int)block.len);
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;
    devid_rc rc;

    if (in == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    if (PEM_read_bio(in, &name, &header, &data, &len) != 1 || strcmp(name, label) != 0 || len <= 0)
        rc = devid_fail(err, DEVID_E_DATA, "the base64 of %s is broken", label);
    else if (header[0] != 0)
        rc = devid_fail(err, DEVID_E_DATA, "%s is encrypted or has PEM headers, which are not supported", label);
    else
        rc = devid_bytes_copy((struct devid_slice){data, (size_t)len}, der, err);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    BIO_free(in);
    return rc;
}

devid_rc devid_pem_find(struct devid_slice file, const char *label, unsigned n, struct devid_bytes *der,
                        struct devid_error *err)
{
    struct devid_slice block;
    bool found;
    devid_rc rc;

    if (file.len > DEVID_PEM_MAX)
        return devid_fail(err, DEVID_E_DATA, "the file is longer than %d bytes", DEVID_PEM_MAX);
    block = find_block(file, label, n, &found);
    if (!found)
        return devid_fail(err, DEVID_E_ABSENT, n == 0 ? "there is no %s in the file" : "there is no further %s in the file",
                          label);
    if (block.len == 0)
        return devid_fail(err, DEVID_E_DATA, "%s has no end: the file was cut off", label);
    (void)ERR_set_mark();
    rc = decode_block(block, label, der, err);
    (void)ERR_pop_to_mark();
    return rc;
}

devid_rc devid_pem_append(struct devid_bytes *out, const char *label, struct devid_slice der, struct devid_error *err)
{
    const char *text = NULL;
    long len = 0;
    BIO *bio = NULL;
    devid_rc rc;

    if (der.len > DEVID_PEM_MAX)
        return devid_fail(err, DEVID_E_DATA, "%zu bytes are too long for a PEM file", der.len);
    (void)ERR_set_mark();
    bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio(bio, label, "", der.data, (long)der.len) <= 0 ||
        (len = BIO_get_mem_data(bio, &text)) <= 0)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    else
        rc = devid_bytes_append(out, (struct devid_slice){(const unsigned char *)text, (size_t)len}, err);
    BIO_free(bio);
    (void)ERR_pop_to_mark();
    return rc;
}
