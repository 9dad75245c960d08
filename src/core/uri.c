/* SPDX-License-Identifier: BSD-2-Clause */
/* One name for a key everywhere: RFC 7512 by p11-kit's parser, and two short forms. */
#include "core/uri.h"

#include <openssl/crypto.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/about.h"

#define URI_MAX 1024

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* RFC 3986, 3.1: in either case. */
static bool is_of(const char *text, const char *scheme)
{
    return strncasecmp(text, scheme, strlen(scheme)) == 0;
}

size_t devid_uri_shown(const char *text)
{
    return is_of(text, "devid:") ? strlen(text) : strcspn(text, "?");
}

void devid_uri_free(struct devid_uri *uri)
{
    if (uri == NULL)
        return;
    devid_bytes_free(&uri->token);
    devid_bytes_free(&uri->label);
    devid_bytes_free(&uri->serial);
    devid_bytes_free(&uri->id);
    devid_secret_free(&uri->pin);
    *uri = (struct devid_uri){0};
}

static devid_rc copy_text(const char *text, struct devid_bytes *out, struct devid_error *err)
{
    return devid_bytes_copy(devid_slice_text(text), out, err);
}

static devid_rc fail_other(const char *what, struct devid_error *err)
{
    return devid_fail(err, DEVID_E_ABSENT, "the PKCS#11 URI asks for another %s than this device's", what);
}

/* Fields of the structures that p11-kit fills are padded with spaces; zeros: it was not asked for. */
static devid_rc copy_field(const unsigned char *field, size_t len, struct devid_bytes *out, struct devid_error *err)
{
    while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == 0))
        len--;
    return len == 0 ? DEVID_OK : devid_bytes_copy((struct devid_slice){field, len}, out, err);
}

static devid_rc take_token(P11KitUri *p11, struct devid_uri *out, struct devid_error *err)
{
    CK_TOKEN_INFO token = *p11_kit_uri_get_token_info(p11);
    devid_rc rc = copy_field(token.label, sizeof token.label, &out->token, err);

    if (rc == DEVID_OK)
        rc = copy_field(token.serialNumber, sizeof token.serialNumber, &out->serial, err);
    devid_about_pad(token.manufacturerID, sizeof token.manufacturerID, DEVID_ABOUT_MANUFACTURER);
    devid_about_pad(token.model, sizeof token.model, DEVID_ABOUT_MODEL);
    return rc == DEVID_OK && p11_kit_uri_match_token_info(p11, &token) != 1 ? fail_other("manufacturer or model", err) : rc;
}

static devid_rc check_library(P11KitUri *p11, struct devid_error *err)
{
    CK_INFO info = {.libraryVersion = {DEVID_ABOUT_MAJOR, DEVID_ABOUT_MINOR}};

    devid_about_pad(info.manufacturerID, sizeof info.manufacturerID, DEVID_ABOUT_MANUFACTURER);
    devid_about_pad(info.libraryDescription, sizeof info.libraryDescription, DEVID_ABOUT_LIBRARY);
    return p11_kit_uri_match_module_info(p11, &info) == 1 ? DEVID_OK : fail_other("library", err);
}

/* A slot's name is its token's. Its number is the module's, which nobody else knows. */
static devid_rc take_slot(P11KitUri *p11, struct devid_uri *out, struct devid_error *err)
{
    CK_SLOT_INFO slot = *p11_kit_uri_get_slot_info(p11);
    char text[sizeof slot.slotDescription + 1];

    if (p11_kit_uri_get_slot_id(p11) != (CK_SLOT_ID)-1)
        return devid_fail(err, DEVID_E_ABSENT, "slot-id= of the PKCS#11 URI is for programs that load the module: use token=");
    devid_about_pad(slot.manufacturerID, sizeof slot.manufacturerID, DEVID_ABOUT_MANUFACTURER);
    if (slot.slotDescription[0] != 0 && out->token.data == NULL)
        return devid_fail(err, DEVID_E_ABSENT, "slot-description= of the PKCS#11 URI says nothing without token=");
    (void)snprintf(text, sizeof text, DEVID_ABOUT_SLOT "%s", out->token.data != NULL ? (const char *)out->token.data : "");
    devid_about_pad(slot.slotDescription, sizeof slot.slotDescription, text);
    return p11_kit_uri_match_slot_info(p11, &slot) == 1 ? DEVID_OK : fail_other("slot", err);
}

static devid_rc take_pin(P11KitUri *p11, struct devid_uri *out, struct devid_error *err)
{
    const char *value = p11_kit_uri_get_pin_value(p11), *source = p11_kit_uri_get_pin_source(p11);

    if (value != NULL)
        return devid_secret_copy(devid_slice_text(value), &out->pin, err);
    if (source == NULL)
        return DEVID_OK;
    return devid_secret_read(begins(source, "file:") ? source + 5 : source, &out->pin, err);
}

static devid_rc take_object(P11KitUri *p11, struct devid_uri *out, struct devid_error *err)
{
    const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(p11, CKA_LABEL), *id = p11_kit_uri_get_attribute(p11, CKA_ID);
    const CK_ATTRIBUTE *class = p11_kit_uri_get_attribute(p11, CKA_CLASS);
    CK_OBJECT_CLASS value;
    devid_rc rc = DEVID_OK;

    /* labels are texts here: one that goes on behind a NUL is nobody's */
    if (label != NULL && memchr(label->pValue, 0, label->ulValueLen) != NULL)
        rc = devid_fail(err, DEVID_E_DATA, "the PKCS#11 URI has a NUL in object=");
    else if (label != NULL)
        rc = devid_bytes_copy((struct devid_slice){label->pValue, label->ulValueLen}, &out->label, err);
    if (rc == DEVID_OK && id != NULL)
        rc = devid_bytes_copy((struct devid_slice){id->pValue, id->ulValueLen}, &out->id, err);
    if (rc == DEVID_OK && class != NULL && class->ulValueLen == sizeof value) {
        memcpy(&value, class->pValue, sizeof value);
        out->wants_private = value == CKO_PRIVATE_KEY;
        out->wants_public = value == CKO_PUBLIC_KEY;
        out->wants_cert = value == CKO_CERTIFICATE;
        if (!out->wants_private && !out->wants_public && !out->wants_cert)
            rc = devid_fail(err, DEVID_E_ABSENT, "type= of the PKCS#11 URI: only private, public and cert can be found");
    }
    return rc;
}

/* \param text behind the scheme */
static devid_rc parse_pkcs11(const char *text, struct devid_uri *out, struct devid_error *err)
{
    P11KitUri *p11 = p11_kit_uri_new();
    char uri[URI_MAX + sizeof "pkcs11:"];
    devid_rc rc;
    int result;

    if (p11 == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    (void)snprintf(uri, sizeof uri, "pkcs11:%s", text);
    result = p11_kit_uri_parse(uri, P11_KIT_URI_FOR_ANY, p11);
    OPENSSL_cleanse(uri, sizeof uri);
    if (result != P11_KIT_URI_OK) {
        rc = devid_fail(err, DEVID_E_DATA, "not a PKCS#11 URI (RFC 7512): %s", p11_kit_uri_message(result));
    } else if (p11_kit_uri_any_unrecognized(p11)) {
        rc = devid_fail(err, DEVID_E_DATA, "the PKCS#11 URI has an attribute that is not known, so nothing can match it");
    } else {
        rc = take_token(p11, out, err);
        if (rc == DEVID_OK)
            rc = take_slot(p11, out, err);
        if (rc == DEVID_OK)
            rc = check_library(p11, err);
        if (rc == DEVID_OK)
            rc = take_object(p11, out, err);
        if (rc == DEVID_OK)
            rc = take_pin(p11, out, err);
    }
    p11_kit_uri_free(p11);
    return rc;
}

/*
 * 0x and no more than eight digits, as every TPM tool writes a handle; behind '?' what RFC 7512 has for a PIN, which is the auth
 * value of the key there.
 */
static devid_rc parse_handle(const char *text, struct devid_uri *out, struct devid_error *err)
{
    size_t len = strcspn(text, "?");
    char number[2 + 8 + 1] = "";
    devid_rc rc = DEVID_OK;

    out->asks_pin = strcmp(text + len, "?pass") == 0; /* as tpm2-openssl has it */
    if (text[len] == '?' && !out->asks_pin)
        rc = parse_pkcs11(text + len, out, err);
    if (rc == DEVID_OK && begins(text, "0x") && len < sizeof number) {
        memcpy(number, text, len);
        out->query.handle = devid_hex_number(number, 0x81000000, 0x81ffffff);
    }
    if (rc == DEVID_OK && out->query.handle == 0)
        rc = devid_fail(err, DEVID_E_DATA, "\"handle:%.*s\": a persistent handle is expected, 0x81000000 to 0x81ffffff", (int)len,
                        text);
    return rc;
}

devid_rc devid_uri_parse(const char *text, struct devid_uri *out, struct devid_error *err)
{
    struct devid_uri uri = {0};
    devid_rc rc;

    if (strlen(text) > URI_MAX)
        return devid_fail(err, DEVID_E_DATA, "a URI of more than %d bytes", URI_MAX);
    if (is_of(text, "handle:"))
        rc = parse_handle(text + 7, &uri, err);
    else if (is_of(text, "devid:"))
        rc = text[6] != 0 ? copy_text(text + 6, &uri.label, err) : DEVID_OK;
    else if (is_of(text, "pkcs11:"))
        rc = parse_pkcs11(text + 7, &uri, err);
    else
        rc = devid_fail(err, DEVID_E_DATA, "pkcs11:, devid: or handle: is expected");
    if (rc != DEVID_OK) {
        devid_uri_free(&uri);
        return rc;
    }
    uri.query.token = (const char *)uri.token.data;
    uri.query.label = (const char *)uri.label.data;
    uri.query.serial = (const char *)uri.serial.data;
    uri.query.id = devid_slice_of(uri.id);
    *out = uri;
    return DEVID_OK;
}

static devid_rc append_escaped(struct devid_bytes *out, const char *attribute, const char *value,
                               struct devid_error *err)
{
    /* RFC 7512 section 2.3: pk11-path-res-avail and unreserved, less what would end the value */
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:[]@!$'()*+,=&";
    devid_rc rc = devid_bytes_append(out, devid_slice_text(attribute), err);

    for (const char *c = value; rc == DEVID_OK && *c != 0; c++) {
        char text[4] = {*c};

        if (strchr(plain, *c) == NULL)
            (void)snprintf(text, sizeof text, "%%%02X", (unsigned)(unsigned char)*c);
        rc = devid_bytes_append(out, devid_slice_text(text), err);
    }
    return rc;
}

devid_rc devid_uri_of(const struct devid_identity *identity, struct devid_bytes *out, struct devid_error *err)
{
    struct devid_bytes uri = {0};
    devid_rc rc = append_escaped(&uri, "pkcs11:token=", identity->token, err);

    if (rc == DEVID_OK)
        rc = append_escaped(&uri, ";object=", identity->label, err);
    if (rc == DEVID_OK)
        rc = append_escaped(&uri, ";type=", "private", err);
    if (rc == DEVID_OK)
        *out = uri;
    else
        devid_bytes_free(&uri);
    return rc;
}
