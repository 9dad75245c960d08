/* SPDX-License-Identifier: BSD-2-Clause */
/* An item's file, read and written. */
#include "core/item_entry.h"

#include <stdlib.h>
#include <string.h>

#include "core/cert.h"
#include "core/ref.h"

static const struct {
    enum devid_item_kind kind;
    const char *name, *block;
} kinds[] = {
    {DEVID_ITEM_DATA, "data", "DEVID DATA"},
    {DEVID_ITEM_CERTIFICATE, "certificate", "CERTIFICATE"},
    {DEVID_ITEM_PUBLIC, "public-key", "PUBLIC KEY"},
};

#define N_KINDS (sizeof kinds / sizeof kinds[0])

static const char *block_of(enum devid_item_kind kind)
{
    return kinds[kind].block;
}

void devid_item_free(struct devid_item_entry *e)
{
    if (e == NULL || atomic_fetch_sub(&e->holders, 1) > 1)
        return;
    devid_bytes_free(&e->token);
    devid_bytes_free(&e->label);
    devid_bytes_free(&e->id);
    devid_bytes_free(&e->application);
    devid_bytes_free(&e->object_id);
    devid_bytes_free(&e->content);
    devid_bytes_free(&e->file);
    devid_said_free(&e->kept);
    devid_public_free(&e->item.pub);
    free(e);
}

static devid_rc read_text(const struct devid_record *record, const char *field, struct devid_bytes *out,
                          struct devid_error *err)
{
    const char *text = devid_record_get(record, field);

    return devid_bytes_copy((struct devid_slice){(const unsigned char *)text, text != NULL ? strlen(text) : 0}, out, err);
}

static devid_rc read_kind(const struct devid_record *record, enum devid_item_kind *out, struct devid_error *err)
{
    const char *kind = devid_record_get(record, "kind"), *format = devid_record_get(record, "format");

    if (format == NULL || strcmp(format, "1") != 0)
        return devid_fail(err, DEVID_E_DATA, "a newer devid wrote it, in format %s", format != NULL ? format : "-");
    for (size_t i = 0; kind != NULL && i < N_KINDS; i++)
        if (strcmp(kinds[i].name, kind) == 0) {
            *out = kinds[i].kind;
            return DEVID_OK;
        }
    return devid_fail(err, DEVID_E_DATA, "it is of a kind that is not known");
}

/* Data may be empty, and then has no block: PEM has none for nothing. A file that was cut off has neither. */
static devid_rc read_content(struct devid_item_entry *e, const struct devid_record *record, struct devid_error *err)
{
    devid_rc rc;

    if (e->item.kind == DEVID_ITEM_DATA && devid_record_get(record, "empty") != NULL)
        return DEVID_OK;
    rc = devid_pem_find(devid_slice_of(record->rest), block_of(e->item.kind), 0, &e->content, err);
    if (rc == DEVID_OK && e->item.kind == DEVID_ITEM_CERTIFICATE)
        rc = devid_cert_look(devid_slice_of(e->content), &e->item.cert, err);
    if (rc == DEVID_OK && e->item.kind == DEVID_ITEM_PUBLIC)
        rc = devid_public_from_spki(devid_slice_of(e->content), &e->item.pub, err);
    return rc == DEVID_E_ABSENT ? DEVID_E_DATA : rc;
}

static void point_item(struct devid_item_entry *e)
{
    struct devid_item *item = &e->item;

    item->token = (const char *)e->token.data;
    item->name = e->name;
    item->label = (const char *)e->label.data;
    item->application = (const char *)e->application.data;
    item->id = devid_slice_of(e->id);
    item->object_id = devid_slice_of(e->object_id);
    item->content = devid_slice_of(e->content);
}

devid_rc devid_item_read(const char *token, const char *name, struct devid_slice file, struct devid_item_entry **out,
                         struct devid_error *err)
{
    struct devid_item_entry *e = calloc(1, sizeof *e);
    const struct devid_slice none = {NULL, 0};
    struct devid_record record = {0};
    devid_rc rc;

    if (e == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    atomic_store(&e->holders, 1);
    if (strlen(name) != DEVID_ITEM_NAME || strspn(name, "0123456789abcdef") != DEVID_ITEM_NAME) {
        free(e);
        return devid_fail(err, DEVID_E_DATA, "its name is not of %d digits", DEVID_ITEM_NAME);
    }
    memcpy(e->name, name, DEVID_ITEM_NAME);
    rc = devid_bytes_copy(file, &e->file, err);
    if (rc == DEVID_OK)
        rc = devid_record_parse(file, &record, err);
    if (rc == DEVID_OK)
        rc = read_kind(&record, &e->item.kind, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(devid_slice_text(token), &e->token, err);
    if (rc == DEVID_OK)
        rc = read_text(&record, "label", &e->label, err);
    if (rc == DEVID_OK)
        rc = read_text(&record, "application", &e->application, err);
    if (rc == DEVID_OK)
        rc = devid_id_read(&record, "id", none, &e->id, err);
    if (rc == DEVID_OK)
        rc = devid_id_read(&record, "object-id", none, &e->object_id, err);
    if (rc == DEVID_OK)
        rc = devid_said_read(&record, "", &e->kept, &e->item.said, err);
    if (rc == DEVID_OK)
        rc = read_content(e, &record, err);
    e->item.flags = devid_flags_read(devid_record_get(&record, "flags"));
    e->item.not_for = devid_uses_read(devid_record_get(&record, "not-for"));
    devid_record_free(&record);
    if (rc == DEVID_OK) {
        point_item(e);
        *out = e;
    } else {
        devid_item_free(e);
    }
    return rc;
}

static devid_rc set_text(struct devid_record *record, const char *field, const char *text, struct devid_error *err)
{
    return devid_record_set(record, field, text != NULL && text[0] != 0 ? text : NULL, err);
}

devid_rc devid_item_write(const struct devid_item *item, struct devid_slice old, struct devid_bytes *file,
                          struct devid_error *err)
{
    const struct devid_slice none = {NULL, 0};
    bool is_empty = item->kind == DEVID_ITEM_DATA && item->content.len == 0;
    struct devid_record record = {0};
    devid_rc rc = old.len != 0 ? devid_record_parse(old, &record, err) : DEVID_OK;

    if (rc == DEVID_OK && item->content.len > DEVID_ITEM_DATA_MAX)
        rc = devid_fail(err, DEVID_E_ARG, "%zu bytes are too many: at most %d are kept", item->content.len,
                        DEVID_ITEM_DATA_MAX);
    if (rc == DEVID_OK)
        rc = devid_record_set(&record, "format", "1", err);
    if (rc == DEVID_OK)
        rc = devid_record_set(&record, "kind", kinds[item->kind].name, err);
    if (rc == DEVID_OK)
        rc = set_text(&record, "label", item->label, err);
    if (rc == DEVID_OK)
        rc = set_text(&record, "application", item->application, err);
    if (rc == DEVID_OK)
        rc = devid_id_write(&record, "id", item->id, none, err);
    if (rc == DEVID_OK)
        rc = devid_id_write(&record, "object-id", item->object_id, none, err);
    if (rc == DEVID_OK)
        rc = devid_flags_write(&record, "flags", item->flags, err);
    if (rc == DEVID_OK)
        rc = devid_uses_write(&record, item->not_for, err);
    if (rc == DEVID_OK)
        rc = devid_said_write(&record, "", &item->said, err);
    if (rc == DEVID_OK)
        rc = devid_record_set(&record, "empty", is_empty ? "yes" : NULL, err);
    devid_bytes_free(&record.rest);
    if (rc == DEVID_OK && !is_empty)
        rc = devid_pem_append(&record.rest, block_of(item->kind), item->content, err);
    if (rc == DEVID_OK)
        rc = devid_record_write(&record, file, err);
    devid_record_free(&record);
    return rc;
}
