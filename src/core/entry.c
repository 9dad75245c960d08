/* SPDX-License-Identifier: BSD-2-Clause */
/* An identity's file, read and written. */
#include "core/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cache.h"
#include "core/files.h"
#include "core/keyfile.h"
#include "core/log.h"
#include "core/ref.h"
#include "core/uri.h"

void devid_entry_free(struct devid_entry *entry)
{
    if (entry == NULL || atomic_fetch_sub(&entry->holders, 1) > 1)
        return;
    devid_bytes_free(&entry->token);
    devid_bytes_free(&entry->label);
    devid_marks_free(entry);
    devid_bytes_free(&entry->id);
    devid_bytes_free(&entry->blob);
    devid_bytes_free(&entry->object);
    devid_bytes_free(&entry->made_by);
    devid_bytes_free(&entry->file);
    devid_entry_free(entry->previous);
    for (size_t i = 0; i < DEVID_CHAIN_MAX; i++)
        devid_bytes_free(&entry->der[i]);
    devid_public_free(&entry->identity.pub);
    free(entry);
}

/* ---- reading ---- */

static devid_rc read_wrapped(struct devid_entry *e, struct devid_slice der, struct devid_error *err)
{
    struct devid_keyfile file = {0};
    devid_rc rc = devid_keyfile_read(der, &file, err);

    if (rc == DEVID_OK && file.handle != 0)
        rc = devid_fail(err, DEVID_E_DATA, "its " DEVID_KEYFILE_LABEL " names a handle and has no key");
    if (rc == DEVID_OK)
        rc = devid_public_from_area(devid_slice_of(file.area), &e->identity.pub, err);
    if (rc == DEVID_OK) {
        e->blob = file.blob;
        file.blob = (struct devid_bytes){0};
        e->identity.key_place = DEVID_PLACE_BLOB;
        e->identity.parent = file.parent;
        e->identity.has_rsa_parent = file.has_rsa_parent;
    }
    devid_keyfile_free(&file);
    return rc;
}

/* Attributes and ESYS object come from the cache, if it speaks of the same key. */
static devid_rc read_handle(struct devid_store *store, struct devid_entry *e, struct devid_slice der,
                            struct devid_error *err)
{
    struct devid_identity *identity = &e->identity;
    struct devid_bytes area = {0}, object = {0};
    struct devid_ref ref = {0};
    devid_rc rc = devid_ref_read_der(der, &ref, err);

    if (rc == DEVID_OK)
        rc = devid_public_from_spki(devid_slice_of(ref.spki), &identity->pub, err);
    if (rc == DEVID_OK && devid_cache_get(store, identity->handle, &area, &object, NULL) == DEVID_OK) {
        struct devid_public cached = {0};

        if (area.len != 0 && devid_public_from_area(devid_slice_of(area), &cached, NULL) == DEVID_OK &&
            devid_slice_eq(devid_slice_of(cached.spki), devid_slice_of(identity->pub.spki))) {
            devid_public_free(&identity->pub);
            identity->pub = cached;
            e->object = object;
            object = (struct devid_bytes){0};
        } else {
            devid_public_free(&cached);
        }
    }
    identity->key_place = DEVID_PLACE_HANDLE;
    devid_bytes_free(&area);
    devid_bytes_free(&object);
    devid_ref_free(&ref);
    return rc;
}

static devid_rc read_key(struct devid_store *store, struct devid_entry *e, const struct devid_record *record,
                         struct devid_error *err)
{
    struct devid_slice rest = devid_slice_of(record->rest);
    const char *handle = devid_record_get(record, "handle");
    struct devid_bytes der = {0};
    devid_rc rc;

    e->identity.handle = devid_hex_number(handle, 0x81000000, 0x81ffffff);
    if (handle != NULL && e->identity.handle == 0)
        return devid_fail(err, DEVID_E_DATA, "its handle is none of a persistent key");
    if (handle != NULL) {
        rc = devid_pem_find(rest, DEVID_REF_LABEL, 0, &der, err);
        if (rc == DEVID_OK)
            rc = read_handle(store, e, devid_slice_of(der), err);
    } else {
        rc = devid_pem_find(rest, DEVID_KEYFILE_LABEL, 0, &der, err);
        if (rc == DEVID_OK)
            rc = read_wrapped(e, devid_slice_of(der), err);
    }
    devid_bytes_free(&der);
    return rc == DEVID_E_ABSENT ? DEVID_E_DATA : rc;
}

static devid_rc read_chain(struct devid_entry *e, const struct devid_record *record, struct devid_error *err)
{
    const char *place = devid_record_get(record, "certificate");
    devid_rc rc = DEVID_OK;
    size_t n = 0;

    while (rc == DEVID_OK && n < DEVID_CHAIN_MAX) {
        rc = devid_pem_find(devid_slice_of(record->rest), "CERTIFICATE", (unsigned)n, &e->der[n], err);
        if (rc == DEVID_OK)
            rc = devid_cert_look(devid_slice_of(e->der[n]), &e->chain[n], err);
        if (rc == DEVID_OK)
            n++;
    }
    if (rc != DEVID_OK && rc != DEVID_E_ABSENT)
        return rc;
    if (n != 0 && !devid_cert_is_for(&e->chain[0], devid_slice_of(e->identity.pub.spki)))
        return devid_fail(err, DEVID_E_DATA, "its certificate is for another key");
    e->identity.chain = n != 0 ? e->chain : NULL;
    e->identity.n_chain = n;
    if (place != NULL && strncmp(place, "nv:", 3) == 0) {
        e->identity.cert_place = DEVID_PLACE_NV;
        e->identity.nv_index = devid_hex_number(place + 3, 0x01000000, 0x01ffffff);
        if (e->identity.nv_index == 0)
            return devid_fail(err, DEVID_E_DATA, "the place of its certificate is no NV index");
    } else {
        e->identity.cert_place = n != 0 ? DEVID_PLACE_FILE : DEVID_PLACE_NONE;
    }
    return DEVID_OK;
}

static devid_rc read_template(struct devid_entry *e, const struct devid_record *record, struct devid_error *err)
{
    const char *hex = devid_record_get(record, "template");
    devid_rc rc;

    if (hex == NULL)
        return DEVID_OK;
    rc = devid_hex_decode(hex, &e->made_by, err);
    if (rc == DEVID_OK && e->made_by.len > DEVID_TEMPLATE_MAX)
        rc = devid_fail(err, DEVID_E_DATA, "longer than %d bytes", DEVID_TEMPLATE_MAX);
    return rc == DEVID_OK ? rc : devid_error_in(err, rc, "its template");
}

static devid_rc read_id(struct devid_entry *e, const struct devid_record *record, struct devid_error *err)
{
    unsigned char id[20];
    devid_rc rc = devid_entry_default_id(&e->identity.pub, id, err);

    return rc == DEVID_OK ? devid_id_read(record, "id", (struct devid_slice){id, sizeof id}, &e->id, err) : rc;
}

/* A newer version may mean something else by the fields that this one knows. */
static devid_rc check_format(const struct devid_record *record, struct devid_error *err)
{
    const char *format = devid_record_get(record, "format");

    return format == NULL || strcmp(format, "1") == 0
               ? DEVID_OK
               : devid_fail(err, DEVID_E_DATA, "a newer devid wrote it, in format %s", format);
}

static devid_rc read_names(struct devid_entry *e, const char *token, const struct devid_record *record,
                           struct devid_error *err)
{
    const char *label = devid_record_get(record, "label"), *role = devid_record_get(record, "role");
    devid_rc rc;

    if (label == NULL || label[0] == 0)
        return devid_fail(err, DEVID_E_DATA, "it has no label");
    if (role == NULL || !devid_role_of(role, &e->identity.role))
        e->identity.role = DEVID_ROLE_CLIENT;
    rc = devid_bytes_copy(devid_slice_text(label), &e->label, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(devid_slice_text(token), &e->token, err);
    return rc;
}

static void point_identity(struct devid_entry *e)
{
    struct devid_identity *identity = &e->identity;

    identity->token = (const char *)e->token.data;
    identity->label = (const char *)e->label.data;
    identity->id = devid_slice_of(e->id);
    identity->blob = devid_slice_of(e->blob);
    identity->object = devid_slice_of(e->object);
    identity->made_by = devid_slice_of(e->made_by);
    identity->is_read_only = devid_is_manufacturers(identity->role, identity->token);
}

devid_rc devid_entry_read(struct devid_store *store, const char *token, struct devid_slice file,
                          struct devid_entry **out, struct devid_error *err)
{
    struct devid_entry *e = calloc(1, sizeof *e);
    struct devid_record record = {0};
    devid_rc rc;

    if (e == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    atomic_store(&e->holders, 1);
    rc = devid_bytes_copy(file, &e->file, err);
    if (rc == DEVID_OK)
        rc = devid_record_parse(file, &record, err);
    if (rc == DEVID_OK)
        rc = check_format(&record, err);
    if (rc == DEVID_OK)
        rc = read_names(e, token, &record, err);
    if (rc == DEVID_OK)
        rc = read_key(store, e, &record, err);
    if (rc == DEVID_OK)
        rc = read_chain(e, &record, err);
    if (rc == DEVID_OK)
        rc = read_template(e, &record, err);
    if (rc == DEVID_OK)
        rc = read_id(e, &record, err);
    if (rc == DEVID_OK)
        rc = devid_marks_read(e, &record, err);
    if (rc == DEVID_OK)
        rc = devid_previous_read(store, e, &record, err);
    devid_record_free(&record);
    if (rc == DEVID_OK) {
        point_identity(e);
        *out = e;
    } else {
        devid_entry_free(e);
    }
    return rc;
}

/* ---- writing ---- */

static devid_rc set_names(struct devid_record *record, const struct devid_identity *identity, struct devid_error *err)
{
    devid_rc rc = devid_record_set(record, "format", "1", err);

    if (rc == DEVID_OK)
        rc = devid_record_set(record, "label", identity->label, err);
    if (rc == DEVID_OK)
        rc = devid_record_set(record, "role", devid_role_name(identity->role), err);
    return rc;
}

static devid_rc set_id(struct devid_record *record, const struct devid_identity *identity, struct devid_error *err)
{
    unsigned char id[20];
    struct devid_slice usual = {id, sizeof id};
    devid_rc rc = devid_entry_default_id(&identity->pub, id, err);

    if (rc == DEVID_OK)
        rc = devid_id_write(record, "id", identity->id, usual, err);
    return rc == DEVID_OK ? devid_marks_write(record, identity, identity->id.len != 0 ? identity->id : usual, err) : rc;
}

static devid_rc set_places(struct devid_record *record, const struct devid_identity *identity, struct devid_error *err)
{
    bool is_handle = identity->key_place == DEVID_PLACE_HANDLE;
    char text[32];
    devid_rc rc;

    (void)snprintf(text, sizeof text, "0x%08" PRIx32, is_handle ? identity->handle : identity->parent);
    rc = devid_record_set(record, "handle", is_handle ? text : NULL, err);
    if (rc == DEVID_OK)
        rc = devid_record_set(record, "parent", is_handle ? NULL : text, err);
    (void)snprintf(text, sizeof text, "file");
    if (identity->cert_place == DEVID_PLACE_NV)
        (void)snprintf(text, sizeof text, "nv:0x%08" PRIx32, identity->nv_index);
    if (rc == DEVID_OK)
        rc = devid_record_set(record, "certificate", identity->n_chain != 0 ? text : NULL, err);
    return rc;
}

static devid_rc set_template(struct devid_record *record, const struct devid_identity *identity, struct devid_error *err)
{
    struct devid_bytes hex = {0};
    devid_rc rc = DEVID_OK;

    if (identity->made_by.len > DEVID_TEMPLATE_MAX)
        return devid_fail(err, DEVID_E_ARG, "%s: a template of at most %d bytes is expected", identity->label,
                          DEVID_TEMPLATE_MAX);
    if (identity->made_by.len != 0)
        rc = devid_hex_encode(identity->made_by, &hex, err);
    if (rc == DEVID_OK)
        rc = devid_record_set(record, "template", (const char *)hex.data, err);
    devid_bytes_free(&hex);
    return rc;
}

static devid_rc write_key(const struct devid_identity *identity, struct devid_bytes *out, struct devid_error *err)
{
    struct devid_keyfile file = {.parent = identity->parent, .is_empty_auth = true, .has_rsa_parent = identity->has_rsa_parent};
    struct devid_bytes der = {0};
    struct devid_ref ref = {0};
    devid_rc rc;

    if (identity->key_place == DEVID_PLACE_HANDLE) {
        rc = devid_uri_of(identity, &ref.uri, err);
        if (rc == DEVID_OK)
            rc = devid_bytes_copy(devid_slice_of(identity->pub.spki), &ref.spki, err);
        if (rc == DEVID_OK)
            rc = devid_ref_write_der(&ref, &der, err);
    } else {
        rc = devid_bytes_copy(devid_slice_of(identity->pub.area), &file.area, err);
        if (rc == DEVID_OK)
            rc = devid_bytes_copy(identity->blob, &file.blob, err);
        if (rc == DEVID_OK)
            rc = devid_keyfile_write(&file, &der, err);
    }
    if (rc == DEVID_OK)
        rc = devid_pem_append(out, identity->key_place == DEVID_PLACE_HANDLE ? DEVID_REF_LABEL : DEVID_KEYFILE_LABEL,
                              devid_slice_of(der), err);
    devid_ref_free(&ref);
    devid_keyfile_free(&file);
    devid_bytes_free(&der);
    return rc;
}

/* A PEM block of a newer version's is kept as it is. */
static devid_rc keep_unknown(struct devid_slice rest, struct devid_bytes *out, struct devid_error *err)
{
    static const char *const ours[] = {DEVID_REF_LABEL, DEVID_KEYFILE_LABEL, "CERTIFICATE", DEVID_PREVIOUS_LABEL};
    const char *at = rest.len != 0 ? (const char *)rest.data : "", *end = at + rest.len;
    bool is_ours = false;
    devid_rc rc = DEVID_OK;

    while (rc == DEVID_OK && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *next = newline != NULL ? newline + 1 : end;
        bool is_end = (size_t)(next - at) > 9 && memcmp(at, "-----END ", 9) == 0;

        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
            char begin[64];
            int len = snprintf(begin, sizeof begin, "-----BEGIN %s-----", ours[i]);

            is_ours |= next - at >= len && memcmp(at, begin, (size_t)len) == 0;
        }
        if (!is_ours)
            rc = devid_bytes_append(out, (struct devid_slice){(const unsigned char *)at, (size_t)(next - at)}, err);
        is_ours = is_ours && !is_end;
        at = next;
    }
    return rc;
}

devid_rc devid_entry_write(const struct devid_identity *identity, struct devid_slice old, struct devid_bytes *file,
                           struct devid_error *err)
{
    struct devid_record record = {0};
    struct devid_bytes rest = {0};
    devid_rc rc = DEVID_OK;

    if (old.len != 0 && devid_record_parse(old, &record, NULL) != DEVID_OK)
        devid_log(DEVID_LOG_INFO, "core/entry", "the file of %s was damaged and is written anew", identity->label);
    rc = check_format(&record, err);
    if (rc == DEVID_OK)
        rc = set_names(&record, identity, err);
    if (rc == DEVID_OK)
        rc = set_id(&record, identity, err);
    if (rc == DEVID_OK)
        rc = set_places(&record, identity, err);
    if (rc == DEVID_OK)
        rc = set_template(&record, identity, err);
    if (rc == DEVID_OK)
        rc = write_key(identity, &rest, err);
    for (size_t i = 0; rc == DEVID_OK && i < identity->n_chain; i++)
        rc = devid_pem_append(&rest, "CERTIFICATE", identity->chain[i].der, err);
    if (rc == DEVID_OK)
        rc = devid_previous_write(&record, identity, &rest, err);
    if (rc == DEVID_OK)
        rc = keep_unknown(devid_slice_of(record.rest), &rest, err);
    if (rc == DEVID_OK && rest.len > DEVID_PEM_MAX) /* nobody would read it again, and the key be lost */
        rc = devid_fail(err, DEVID_E_DATA, "%s: with its certificates, and those before the last renewal, its file would have %zu "
                        "bytes: at most %d are kept", identity->label, rest.len, DEVID_PEM_MAX);
    if (rc == DEVID_OK) {
        devid_bytes_free(&record.rest);
        record.rest = rest;
        rest = (struct devid_bytes){0};
        rc = devid_record_write(&record, file, err);
    }
    devid_bytes_free(&rest);
    devid_record_free(&record);
    return rc;
}
