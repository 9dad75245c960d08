/* SPDX-License-Identifier: BSD-2-Clause */
/* DEVID KEY REFERENCE, both ways: the ASN.1 in ref.h. */
#include "core/ref.h"

#include "core/cert.h"
#include "core/der.h"
#include "core/libctx.h"

#define URI_MAX 1024
#define REF_MAX (64 * 1024)

/* A URI is shown to people and put into messages: no control characters, C1's included, and valid UTF-8. */
static bool is_plain_text(struct devid_slice text)
{
    bool is_control;

    while (text.len != 0)
        if (devid_char_next(&text, &is_control) == DEVID_NO_CHAR || is_control)
            return false;
    return true;
}

static bool is_uri(struct devid_slice uri)
{
    return uri.len != 0 && uri.len <= URI_MAX && is_plain_text(uri);
}

devid_rc devid_ref_read_der(struct devid_slice der, struct devid_ref *out, struct devid_error *err)
{
    struct devid_slice body, version, uri, spki = {0};
    struct devid_ref made = {0};
    devid_rc rc;

    if (der.len > REF_MAX)
        return devid_fail(err, DEVID_E_DATA, "%zu bytes are too long for a key reference", der.len);
    if (!devid_der_enter(&der, DEVID_DER_SEQUENCE, &body) || der.len != 0 ||
        !devid_der_enter(&body, DEVID_DER_INTEGER, &version))
        return devid_fail(err, DEVID_E_DATA, "the key reference is malformed");
    if (version.len != 1 || version.data[0] != 0)
        return devid_fail(err, DEVID_E_DATA, "the key reference is of a later version: a newer devid is needed");
    if (!devid_der_enter(&body, DEVID_DER_UTF8, &uri) ||
        (devid_der_is(body, DEVID_DER_SEQUENCE) && devid_der_next(&body, &spki, NULL) < 0))
        return devid_fail(err, DEVID_E_DATA, "the key reference is malformed");
    while (body.len != 0)
        if (devid_der_next(&body, NULL, NULL) < 0)
            return devid_fail(err, DEVID_E_DATA, "the key reference is malformed");
    if (!is_uri(uri) || spki.len > DEVID_SPKI_MAX)
        return devid_fail(err, DEVID_E_DATA, "the key reference's URI is empty, too long or no plain text");

    rc = devid_bytes_copy(uri, &made.uri, err);
    if (rc == DEVID_OK && spki.len != 0)
        rc = devid_bytes_copy(spki, &made.spki, err);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_ref_free(&made);
    return rc;
}

devid_rc devid_ref_write_der(const struct devid_ref *ref, struct devid_bytes *der, struct devid_error *err)
{
    static const unsigned char version[] = {0};
    struct devid_slice spki = devid_slice_of(ref->spki);
    struct devid_bytes made = {0};
    devid_rc rc;

    if (!is_uri(devid_slice_of(ref->uri)))
        return devid_fail(err, DEVID_E_DATA, "a key reference's URI is 1 to %d bytes of plain text", URI_MAX);
    if (spki.len != 0 && (!devid_der_is(spki, DEVID_DER_SEQUENCE) || devid_der_len(spki) != spki.len ||
                          spki.len > DEVID_SPKI_MAX))
        return devid_fail(err, DEVID_E_DATA, "the public key (SubjectPublicKeyInfo) is malformed");

    rc = devid_der_put(&made, DEVID_DER_INTEGER, (struct devid_slice){version, sizeof version}, err);
    if (rc == DEVID_OK)
        rc = devid_der_put(&made, DEVID_DER_UTF8, devid_slice_of(ref->uri), err);
    if (rc == DEVID_OK && spki.len != 0)
        rc = devid_bytes_append(&made, spki, err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(&made, DEVID_DER_SEQUENCE, err);
    if (rc == DEVID_OK)
        *der = made;
    else
        devid_bytes_free(&made);
    return rc;
}

void devid_ref_free(struct devid_ref *ref)
{
    if (ref == NULL)
        return;
    devid_bytes_free(&ref->uri);
    devid_bytes_free(&ref->spki);
}
