/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/counters.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files.h"
#include "core/lock.h"
#include "core/log.h"

#define FOLDER ".counters"
#define NAME "counters"

static const struct field {
    const char *name;
    size_t at;
} fields[] = {
    {"key-generations", offsetof(struct devid_counters, key_generations)},
    {"key-deletions", offsetof(struct devid_counters, key_deletions)},
    {"certificate-insertions", offsetof(struct devid_counters, certificate_insertions)},
    {"certificate-deletions", offsetof(struct devid_counters, certificate_deletions)},
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

static uint64_t *value_of(struct devid_counters *counters, const struct field *field)
{
    return (uint64_t *)(void *)((char *)counters + field->at);
}

static devid_rc parse(const struct devid_record *record, struct devid_counters *out, struct devid_error *err)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        const char *text = devid_record_get(record, fields[i].name);
        char *end = NULL;

        if (text == NULL)
            continue;
        *value_of(out, &fields[i]) = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != 0)
            return devid_fail(err, DEVID_E_DATA, "the counters are damaged: %s is no number", fields[i].name);
    }
    return DEVID_OK;
}

/* \param record  as it is on disk, so that unknown fields are kept; freed by the caller */
static devid_rc read_file(const char *folder, struct devid_record *record, struct devid_counters *out, struct devid_error *err)
{
    size_t room = strlen(folder) + sizeof "/" NAME;
    char *path = malloc(room);
    struct devid_bytes file = {0};
    devid_rc rc;

    if (path == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    (void)snprintf(path, room, "%s/" NAME, folder);
    *out = (struct devid_counters){0};
    rc = devid_file_read(path, DEVID_RECORD_MAX, &file, err);
    if (rc == DEVID_OK)
        rc = devid_record_parse(devid_slice_of(file), record, err);
    if (rc == DEVID_OK)
        rc = parse(record, out, err);
    devid_bytes_free(&file);
    free(path);
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}

devid_rc devid_counters_read(const struct devid_store *store, struct devid_counters *out, struct devid_error *err)
{
    struct devid_record record = {0};
    struct devid_counters counters;
    struct devid_bytes folder = {0};
    devid_rc rc = devid_store_folder(store, FOLDER, &folder, err);

    if (rc == DEVID_OK)
        rc = read_file((const char *)folder.data, &record, &counters, err);
    devid_record_free(&record);
    devid_bytes_free(&folder);
    if (rc == DEVID_OK)
        *out = counters;
    return rc;
}

static devid_rc write_file(const char *folder, struct devid_record *record, struct devid_counters *counters,
                           struct devid_error *err)
{
    struct devid_bytes file = {0};
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < N_FIELDS; i++) {
        char text[24];

        (void)snprintf(text, sizeof text, "%" PRIu64, *value_of(counters, &fields[i]));
        rc = devid_record_set(record, fields[i].name, text, err);
    }
    if (rc == DEVID_OK)
        rc = devid_record_write(record, &file, err);
    if (rc == DEVID_OK)
        rc = devid_files_replace(folder, NAME, devid_slice_of(file), 0644, err);
    devid_bytes_free(&file);
    return rc;
}

/* A damaged file begins anew: it is no reason to count nothing any more. */
static devid_rc add(struct devid_store *store, struct devid_counters *more, struct devid_error *err)
{
    struct devid_record record = {0};
    struct devid_counters counters = {0};
    struct devid_bytes folder = {0};
    int fd = -1;
    devid_rc rc = devid_store_folder(store, FOLDER, &folder, err);

    if (rc == DEVID_OK)
        rc = devid_files_make_folder((const char *)folder.data, err);
    if (rc == DEVID_OK)
        rc = devid_flock_enter((const char *)folder.data, &fd, err);
    if (rc == DEVID_OK)
        rc = read_file((const char *)folder.data, &record, &counters, err);
    for (size_t i = 0; i < N_FIELDS; i++)
        *value_of(&counters, &fields[i]) += *value_of(more, &fields[i]);
    if (rc == DEVID_OK || rc == DEVID_E_DATA)
        rc = write_file((const char *)folder.data, &record, &counters, err);
    devid_flock_leave(fd);
    devid_record_free(&record);
    devid_bytes_free(&folder);
    return rc;
}

static bool is_counted(const struct devid_identity *identity)
{
    return identity != NULL && !devid_is_manufacturers(identity->role, identity->token);
}

static bool has_same_leaf(const struct devid_identity *a, const struct devid_identity *b)
{
    return a->n_chain != 0 && b->n_chain != 0 && devid_slice_eq(a->chain[0].der, b->chain[0].der);
}

void devid_counters_count(struct devid_store *store, const struct devid_identity *before,
                          const struct devid_identity *after)
{
    const struct devid_identity *old = is_counted(before) ? before : NULL, *new = is_counted(after) ? after : NULL;
    bool same_key = old != NULL && new != NULL &&
                    devid_slice_eq(devid_slice_of(old->pub.spki), devid_slice_of(new->pub.spki));
    bool same_leaf = old != NULL && new != NULL && has_same_leaf(old, new);
    struct devid_counters more = {
        .key_generations = new != NULL && !same_key,
        .key_deletions = old != NULL && !same_key,
        .certificate_insertions = new != NULL && new->n_chain != 0 && !same_leaf,
        .certificate_deletions = old != NULL && old->n_chain != 0 && !same_leaf,
    };
    struct devid_error err = {0};

    if (more.key_generations + more.key_deletions + more.certificate_insertions + more.certificate_deletions != 0 &&
        add(store, &more, &err) != DEVID_OK)
        devid_log(DEVID_LOG_ERROR, "core/counters", "not counted: %s", err.text);
}
