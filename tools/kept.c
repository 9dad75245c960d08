/* SPDX-License-Identifier: BSD-2-Clause */
/* Anchors and requests between runs: records whose fields say for what they are good. */
#include "kept.h"

#include <stdio.h>
#include <string.h>

#include "core/files.h"

#define PEM_MAX (1U << 20)
#define FIELDS_MAX 3

static const struct {
    const char *folder, *extension;
    unsigned mode;
} kinds[] = {[KEPT_TRUST] = {".trust", "pem", 0644}, [KEPT_PENDING] = {".pending", "csr", 0644},
             [KEPT_RENEWAL] = {".pending", "renewal", 0644}};

/* Name and value of each condition under which a file is good; value NULL: the field must be missing. */
struct condition {
    const char *name, *value;
};

static void conditions_of(const struct devid_conf_identity *want, enum kept_kind kind, struct condition c[FIELDS_MAX])
{
    c[0] = (struct condition){"est", want->est};
    c[1] = (struct condition){"fingerprint", kind == KEPT_TRUST ? want->fingerprint : NULL};
    c[2] = (struct condition){"subject", kind == KEPT_PENDING ? want->subject : NULL};
}

static bool is_met(const struct devid_record *record, const struct condition *c)
{
    const char *value = devid_record_get(record, c->name);

    return c->value == NULL ? value == NULL : value != NULL && strcmp(value, c->value) == 0;
}

/* The folder, and the file's name in it. */
static devid_rc place_of(struct tool *tool, const struct devid_conf_identity *want, enum kept_kind kind,
                         struct devid_bytes *folder, struct devid_bytes *name, struct devid_error *err)
{
    devid_rc rc = devid_store_folder(tool->store, kinds[kind].folder, folder, err);

    if (rc == DEVID_OK)
        rc = devid_files_name(want->name, name, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(name, (struct devid_slice){(const unsigned char *)".", 1}, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(name, (struct devid_slice){(const unsigned char *)kinds[kind].extension,
                                                           strlen(kinds[kind].extension)}, err);
    return rc;
}

static devid_rc read_whole(const struct devid_bytes *folder, const struct devid_bytes *name, struct devid_bytes *text,
                           struct devid_error *err)
{
    struct devid_bytes path = {0};
    devid_rc rc = devid_bytes_append(&path, devid_slice_of(*folder), err);

    if (rc == DEVID_OK)
        rc = devid_bytes_append(&path, (struct devid_slice){(const unsigned char *)"/", 1}, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(&path, devid_slice_of(*name), err);
    if (rc == DEVID_OK)
        rc = devid_file_read((const char *)path.data, PEM_MAX, text, err);
    devid_bytes_free(&path);
    return rc;
}

devid_rc kept_read(struct tool *tool, const struct devid_conf_identity *want, enum kept_kind kind, struct devid_bytes *pem,
                   struct devid_error *err)
{
    struct devid_bytes folder = {0}, name = {0}, text = {0};
    struct condition conditions[FIELDS_MAX];
    struct devid_record record = {0};
    devid_rc rc = place_of(tool, want, kind, &folder, &name, err);

    if (rc == DEVID_OK)
        rc = read_whole(&folder, &name, &text, err);
    if (rc == DEVID_OK && devid_record_parse(devid_slice_of(text), &record, err) != DEVID_OK)
        rc = DEVID_E_ABSENT; /* a file that is none is made again */
    conditions_of(want, kind, conditions);
    for (size_t i = 0; rc == DEVID_OK && i < FIELDS_MAX; i++)
        if (!is_met(&record, &conditions[i]))
            rc = devid_fail(err, DEVID_E_ABSENT, "what is kept is of another %s", conditions[i].name);
    if (rc == DEVID_OK) {
        *pem = record.rest;
        record.rest = (struct devid_bytes){0};
    }
    devid_record_free(&record);
    devid_bytes_free(&folder);
    devid_bytes_free(&name);
    devid_bytes_free(&text);
    return rc;
}

devid_rc kept_write(struct tool *tool, const struct devid_conf_identity *want, enum kept_kind kind, struct devid_slice pem,
                    struct devid_error *err)
{
    struct devid_bytes folder = {0}, name = {0}, text = {0};
    struct condition conditions[FIELDS_MAX];
    struct devid_record record = {0};
    devid_rc rc = place_of(tool, want, kind, &folder, &name, err);

    conditions_of(want, kind, conditions);
    for (size_t i = 0; rc == DEVID_OK && i < FIELDS_MAX; i++)
        if (conditions[i].value != NULL)
            rc = devid_record_set(&record, conditions[i].name, conditions[i].value, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(pem, &record.rest, err);
    if (rc == DEVID_OK)
        rc = devid_record_write(&record, &text, err);
    if (rc == DEVID_OK)
        rc = devid_files_replace((const char *)folder.data, (const char *)name.data, devid_slice_of(text), kinds[kind].mode, err);
    devid_record_free(&record);
    devid_bytes_free(&folder);
    devid_bytes_free(&name);
    devid_bytes_free(&text);
    return rc;
}

devid_rc kept_drop(struct tool *tool, const struct devid_conf_identity *want, enum kept_kind kind, struct devid_error *err)
{
    struct devid_bytes folder = {0}, name = {0};
    devid_rc rc = place_of(tool, want, kind, &folder, &name, err);

    if (rc == DEVID_OK)
        rc = devid_files_remove((const char *)folder.data, (const char *)name.data, err);
    devid_bytes_free(&folder);
    devid_bytes_free(&name);
    return rc;
}
