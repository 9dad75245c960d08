/* SPDX-License-Identifier: BSD-2-Clause */
/* DER in and out, ITU-T X.690. Every length is compared with what is really there. */
#include "core/der.h"

#include "core/cert.h"

#define HEADER_MAX (2 + sizeof(size_t)) /* tag, length of length, length */

int devid_der_next(struct devid_slice *in, struct devid_slice *whole, struct devid_slice *content)
{
    const unsigned char *p = in->data;
    size_t header = 2, len;

    if (in->len < 2 || (p[0] & 0x1f) == 0x1f)
        return -1;
    len = p[1];
    if (len >= 0x80) {
        size_t n = len & 0x7f;

        /* 0 is BER's indefinite length; four bytes are more than anything we read has */
        if (n == 0 || n > 4 || in->len - 2 < n || p[2] == 0)
            return -1;
        len = 0;
        for (size_t i = 0; i < n; i++)
            len = len << 8 | p[2 + i];
        if (len < 0x80)
            return -1;
        header += n;
    }
    if (len > in->len - header)
        return -1;
    if (whole != NULL)
        *whole = (struct devid_slice){p, header + len};
    if (content != NULL)
        *content = (struct devid_slice){p + header, len};
    *in = (struct devid_slice){p + header + len, in->len - header - len};
    return p[0];
}

bool devid_der_enter(struct devid_slice *in, unsigned tag, struct devid_slice *content)
{
    return devid_der_is(*in, tag) && devid_der_next(in, NULL, content) >= 0;
}

bool devid_der_is(struct devid_slice in, unsigned tag)
{
    return in.len != 0 && in.data[0] == tag;
}

size_t devid_der_len(struct devid_slice data)
{
    struct devid_slice whole = {0};

    return devid_der_next(&data, &whole, NULL) < 0 ? 0 : whole.len;
}

static size_t header_of(unsigned tag, size_t len, unsigned char out[HEADER_MAX])
{
    size_t n = 0;

    out[0] = (unsigned char)tag;
    if (len < 0x80) {
        out[1] = (unsigned char)len;
        return 2;
    }
    for (size_t rest = len; rest != 0; rest >>= 8)
        n++;
    out[1] = (unsigned char)(0x80 | n);
    for (size_t i = 0; i < n; i++)
        out[2 + i] = (unsigned char)(len >> 8 * (n - 1 - i));
    return 2 + n;
}

devid_rc devid_der_put(struct devid_bytes *out, unsigned tag, struct devid_slice content, struct devid_error *err)
{
    unsigned char header[HEADER_MAX];
    size_t len = header_of(tag, content.len, header);
    devid_rc rc = devid_bytes_append(out, (struct devid_slice){header, len}, err);

    if (rc == DEVID_OK && content.len != 0)
        rc = devid_bytes_append(out, content, err);
    return rc;
}

devid_rc devid_der_put_unsigned(struct devid_bytes *out, struct devid_slice number, struct devid_error *err)
{
    static const unsigned char zero[1];
    unsigned char header[HEADER_MAX + 1];
    bool is_high;
    size_t len;
    devid_rc rc;

    while (number.len > 1 && number.data[0] == 0) {
        number.data++;
        number.len--;
    }
    if (number.len == 0)
        number = (struct devid_slice){zero, 1};
    is_high = (number.data[0] & 0x80) != 0; /* would read as a negative number */
    len = header_of(DEVID_DER_INTEGER, number.len + is_high, header);
    if (is_high)
        header[len++] = 0;
    rc = devid_bytes_append(out, (struct devid_slice){header, len}, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(out, number, err);
    return rc;
}

devid_rc devid_der_wrap(struct devid_bytes *out, unsigned tag, struct devid_error *err)
{
    struct devid_bytes element = {0};
    devid_rc rc = devid_der_put(&element, tag, devid_slice_of(*out), err);

    if (rc == DEVID_OK) {
        devid_bytes_free(out);
        *out = element;
    } else {
        devid_bytes_free(&element);
    }
    return rc;
}
