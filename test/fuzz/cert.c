/* SPDX-License-Identifier: BSD-2-Clause */
/* A certificate from NV, a file or a server: every field lies in it, every text is one line. */
#include <stdlib.h>
#include <string.h>

#include "core/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_lies_in(struct devid_slice part, struct devid_slice whole)
{
    if (part.len != 0 && (part.data < whole.data || part.data + part.len > whole.data + whole.len))
        abort();
}

static void check_text(devid_rc rc, struct devid_bytes *text)
{
    if (rc != DEVID_OK)
        return;
    if (strlen((const char *)text->data) != text->len)
        abort();
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] < 0x20 || text->data[i] == 0x7f)
            abort();
    devid_bytes_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct devid_slice der = {data, len};
    struct devid_bytes text = {0};
    struct devid_cert cert;
    char time[24];

    if (devid_der_len(der) > len)
        abort();
    check_text(devid_cert_name_text(der, &text, NULL), &text);
    check_text(devid_cert_name_cn(der, &text, NULL), &text);
    if (devid_cert_parse(der, &cert, NULL) != DEVID_OK)
        return 0;
    check_lies_in(cert.subject, der);
    check_lies_in(cert.issuer, der);
    check_lies_in(cert.serial, der);
    check_lies_in(cert.spki, der);
    check_lies_in(devid_cert_authority_key_id(&cert), der);
    if (devid_der_len(der) != len || cert.spki.len == 0 || !devid_cert_is_for(&cert, cert.spki))
        abort();
    check_text(devid_cert_name_text(cert.subject, &text, NULL), &text);
    check_text(devid_cert_name_cn(cert.issuer, &text, NULL), &text);
    devid_cert_time_text(cert.not_before, time);
    devid_cert_time_text(cert.not_after, time);
    return 0;
}
