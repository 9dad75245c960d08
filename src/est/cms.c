/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "est/cms.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "est/message.h"

#define NONCE 12 /* bytes, of GCM; RFC 5084 section 3.2 */
#define TAG_MIN 12
#define TAG_MAX 16
#define IV 16

/* First byte of an element: class, constructed bit, number. */
enum { INTEGER = 0x02, OCTETS = 0x04, OID = 0x06, SEQUENCE = 0x30, SEQUENCE_LAX = 0x10, NONCE_LAX = 0x84, CONTENT = 0xa0, CONTENT_PLAIN = 0x80 };

static const unsigned char encrypted_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06};
static const unsigned char data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};

/* 2.16.840.1.101.3.4.1.n */
static const unsigned char aes[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01};
static const struct cipher {
    unsigned char n;
    size_t key_len;
    bool is_gcm;
    const EVP_CIPHER *(*evp)(void);
} ciphers[] = {
    {2, 16, false, EVP_aes_128_cbc},
    {6, 16, true, EVP_aes_128_gcm},
    {42, 32, false, EVP_aes_256_cbc},
    {46, 32, true, EVP_aes_256_gcm},
};

/* The message, taken apart. Slices point into it. */
struct parts {
    const struct cipher *cipher;
    struct devid_slice iv;
    size_t tag_len;
    struct devid_bytes text; /* its octets, in one piece; GCM: the tag last */
};

/* Takes the element that in begins with. */
static int take(struct devid_slice *in, struct devid_slice *content)
{
    const unsigned char *at = in->data;
    int number, class, first, flags;
    long len;

    if (in->len == 0)
        return -1;
    first = in->data[0];
    flags = ASN1_get_object(&at, &len, &number, &class, (long)in->len);
    if ((flags & 0x81) != 0 || (first & 0x1f) == 0x1f || len < 0) /* an error, or an indefinite length */
        return -1;
    *content = (struct devid_slice){at, (size_t)len};
    len += at - in->data;
    *in = (struct devid_slice){in->data + len, in->len - (size_t)len};
    return first;
}

static bool enter(struct devid_slice *in, int first, struct devid_slice *content)
{
    return in->len != 0 && in->data[0] == first && take(in, content) == first;
}

static bool is_oid(struct devid_slice *in, const unsigned char *oid, size_t len)
{
    struct devid_slice found;

    return enter(in, OID, &found) && devid_slice_eq(found, (struct devid_slice){oid, len});
}

/* GCMParameters ::= SEQUENCE { aes-nonce OCTET STRING, aes-ICVlen INTEGER DEFAULT 12 } */
static bool read_gcm(struct devid_slice in, struct parts *p)
{
    struct devid_slice body, inner, number;

    if ((!enter(&in, SEQUENCE, &body) && !enter(&in, SEQUENCE_LAX, &body)) || in.len != 0)
        return false;
    if (enter(&body, SEQUENCE, &inner)) {
        if (body.len != 0)
            return false;
        body = inner;
    }
    if (!enter(&body, OCTETS, &p->iv) && !enter(&body, NONCE_LAX, &p->iv))
        return false;
    p->tag_len = TAG_MIN;
    if (enter(&body, INTEGER, &number))
        p->tag_len = number.len == 1 ? number.data[0] : 0;
    return body.len == 0 && p->iv.len == NONCE && p->tag_len >= TAG_MIN && p->tag_len <= TAG_MAX;
}

static bool read_algorithm(struct devid_slice in, struct parts *p)
{
    struct devid_slice oid;

    if (!enter(&in, OID, &oid) || oid.len != sizeof aes + 1 || memcmp(oid.data, aes, sizeof aes) != 0)
        return false;
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++)
        if (ciphers[i].n == oid.data[sizeof aes])
            p->cipher = &ciphers[i];
    if (p->cipher == NULL)
        return false;
    if (p->cipher->is_gcm)
        return read_gcm(in, p);
    return enter(&in, OCTETS, &p->iv) && in.len == 0 && p->iv.len == IV;
}

/* [0] IMPLICIT OCTET STRING: primitive, or in pieces. */
static bool read_text(struct devid_slice in, struct parts *p)
{
    struct devid_slice body, piece;

    if (enter(&in, CONTENT_PLAIN, &body))
        return in.len == 0 && devid_bytes_append(&p->text, body, NULL) == DEVID_OK;
    if (!enter(&in, CONTENT, &body) || in.len != 0)
        return false;
    while (body.len != 0)
        if (!enter(&body, OCTETS, &piece) || devid_bytes_append(&p->text, piece, NULL) != DEVID_OK)
            return false;
    return true;
}

static bool read_message(struct devid_slice in, struct parts *p)
{
    struct devid_slice body, wrapped, encrypted, version, info, algorithm;

    if (!enter(&in, SEQUENCE, &body) || in.len != 0 || !is_oid(&body, encrypted_data, sizeof encrypted_data) ||
        !enter(&body, CONTENT, &wrapped) || body.len != 0 || !enter(&wrapped, SEQUENCE, &encrypted) || wrapped.len != 0 ||
        !enter(&encrypted, INTEGER, &version) || version.len != 1 || version.data[0] != 0 ||
        !enter(&encrypted, SEQUENCE, &info) || encrypted.len != 0)
        return false;
    return is_oid(&info, data, sizeof data) && enter(&info, SEQUENCE, &algorithm) && read_algorithm(algorithm, p) &&
           read_text(info, p) && p->text.len >= p->tag_len;
}

static bool open_text(const struct parts *p, const unsigned char *key, unsigned char *out, size_t *out_len)
{
    size_t len = p->text.len - p->tag_len;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool good;

    good = ctx != NULL && EVP_DecryptInit_ex(ctx, p->cipher->evp(), NULL, key, p->iv.data) == 1 &&
           EVP_DecryptUpdate(ctx, out, &n, p->text.data, (int)len) == 1 &&
           (!p->cipher->is_gcm ||
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, (int)p->tag_len, p->text.data + len) == 1) &&
           EVP_DecryptFinal_ex(ctx, out + n, &last) == 1;
    EVP_CIPHER_CTX_free(ctx);
    *out_len = good ? (size_t)n + (size_t)last : 0;
    return good;
}

devid_rc cms_decrypt(struct devid_slice der, struct devid_slice key, struct devid_bytes *plain, struct devid_error *err)
{
    struct devid_bytes out = {0};
    struct parts p = {0};
    size_t len = 0;
    devid_rc rc = DEVID_OK;

    if (der.len > MESSAGE_MAX || !read_message(der, &p))
        rc = devid_fail(err, DEVID_E_DATA, "it is no CMS message encrypted with AES that is understood here");
    else if (key.len != p.cipher->key_len)
        rc = devid_fail(err, DEVID_E_DATA, "it is encrypted with a key of %zu bytes, and the one for it has %zu",
                        p.cipher->key_len, key.len);
    else
        rc = devid_bytes_copy(devid_slice_of(p.text), &out, err); /* of the length that it needs at most */
    if (rc == DEVID_OK && !open_text(&p, key.data, out.data, &len))
        rc = devid_fail(err, DEVID_E_DATA, "it was encrypted with another key, or changed on its way");
    out.len = len;
    if (rc == DEVID_OK) {
        *plain = out;
        out = (struct devid_bytes){0};
    }
    ERR_clear_error();
    devid_bytes_free(&out);
    devid_bytes_free(&p.text);
    return rc;
}
