/* SPDX-License-Identifier: BSD-2-Clause */
/* Writers: one at a time over all processes, and a rename as the instant of change. */
#include "core/put.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cache.h"
#include "core/counters.h"
#include "core/entry.h"
#include "core/files.h"
#include "core/lock.h"
#include "core/token.h"

#define PATH_ROOM 4096
#define LIKE_MAX 72 /* bytes of a label that gets a number behind it: escaped it is still a name */

/* Where an identity is kept. */
struct place {
    struct devid_bytes folder;
    char name[256], path[PATH_ROOM];
};

devid_rc devid_put_name(const char *label, char name[256], struct devid_error *err)
{
    struct devid_bytes escaped = {0};
    devid_rc rc = devid_files_name(label, &escaped, err);

    if (rc == DEVID_OK && (escaped.len == 0 || snprintf(name, 256, "%s.pem", (const char *)escaped.data) > 255))
        rc = devid_fail(err, DEVID_E_ARG, "a label of 1 to 251 bytes is expected, with 3 for each that is no letter, digit, "
                                          "'.', '_' or '-'");
    devid_bytes_free(&escaped);
    return rc;
}

devid_rc devid_put_token(const char *token, struct devid_error *err)
{
    struct devid_bytes folder = {0};
    devid_rc rc = devid_files_name(token, &folder, err);

    if (rc == DEVID_OK && (folder.len == 0 || folder.len > 255 || strpbrk(token, "\r\n") != NULL))
        rc = devid_fail(err, DEVID_E_ARG, "\"%s\" is no name of a token", token);
    devid_bytes_free(&folder);
    return rc;
}

static devid_rc place_of(const struct devid_store *store, const char *token, const char *label, struct place *place,
                         struct devid_error *err)
{
    devid_rc rc = devid_put_token(token, err);

    if (rc == DEVID_OK)
        rc = devid_put_name(label, place->name, err);
    if (rc == DEVID_OK)
        rc = devid_store_token_folder(store, token, &place->folder, err);
    if (rc == DEVID_OK && (size_t)snprintf(place->path, sizeof place->path, "%s/%s", (const char *)place->folder.data,
                                           place->name) >= sizeof place->path)
        rc = devid_fail(err, DEVID_E_ARG, "the path of the state folder is too long");
    return rc;
}

/* The folder is made first, so that there is something to lock. */
static devid_rc writer_enter(const struct place *place, int *fd, struct devid_error *err)
{
    devid_rc rc = devid_files_make_folder((const char *)place->folder.data, err);

    return rc == DEVID_OK ? devid_flock_enter((const char *)place->folder.data, fd, err) : rc;
}

/* With the folder locked: a token with a PIN has keys that are behind it, and no others. */
static devid_rc check_parent(const struct place *place, const struct devid_identity *identity, struct devid_error *err)
{
    bool is_behind = identity->key_place == DEVID_PLACE_BLOB && identity->parent == DEVID_PARENT_PIN, has_pin;
    char path[PATH_ROOM];

    if ((size_t)snprintf(path, sizeof path, "%s/%s", (const char *)place->folder.data, DEVID_TOKEN_FILE) >= sizeof path)
        return devid_fail(err, DEVID_E_ARG, "the path of the state folder is too long");
    has_pin = access(path, F_OK) == 0;
    if (has_pin && !is_behind)
        return devid_fail(err, DEVID_E_DENIED,
                          "token \"%s\" has a PIN, and the key of %s is not behind it: keep it in another token, or let a "
                          "client that is logged in make it", identity->token, identity->label);
    return has_pin || !is_behind ? DEVID_OK
                                 : devid_fail(err, DEVID_E_DENIED, "the key of %s is behind a PIN, and token \"%s\" has none",
                                              identity->label, identity->token);
}

static devid_rc write_file(const struct place *place, struct devid_slice file, struct devid_error *err)
{
    return devid_files_replace((const char *)place->folder.data, place->name, file, 0644, err);
}

static devid_rc fail_changed(const char *label, struct devid_error *err)
{
    return devid_fail(err, DEVID_E_BUSY, "%s was changed meanwhile: try again", label);
}

/* Nothing is replaced but what cannot be read. */
static devid_rc put_file(struct devid_store *store, const struct place *place, const struct devid_identity *identity,
                         struct devid_error *err)
{
    struct devid_bytes old = {0}, file = {0};
    struct devid_entry *before = NULL;
    devid_rc rc = devid_file_read(place->path, DEVID_RECORD_MAX, &old, err);

    if (rc == DEVID_OK)
        (void)devid_entry_read(store, identity->token, devid_slice_of(old), &before, NULL);
    if (before != NULL)
        rc = fail_changed(identity->label, err);
    else if (rc == DEVID_OK || rc == DEVID_E_ABSENT)
        rc = devid_entry_write(identity, devid_slice_of(old), &file, err);
    if (rc == DEVID_OK)
        rc = write_file(place, devid_slice_of(file), err);
    if (rc == DEVID_OK)
        devid_counters_count(store, NULL, identity);
    devid_entry_free(before);
    devid_bytes_free(&old);
    devid_bytes_free(&file);
    return rc;
}

devid_rc devid_put_found(struct devid_store *store, const struct devid_conf_identity *want, struct devid_slice file,
                         struct devid_error *err)
{
    struct place place = {0};
    int fd = -1;
    devid_rc rc = place_of(store, want->token, want->name, &place, err);

    if (rc == DEVID_OK)
        rc = writer_enter(&place, &fd, err);
    if (rc == DEVID_OK && access(place.path, F_OK) != 0)
        rc = write_file(&place, file, err);
    devid_flock_leave(fd);
    devid_bytes_free(&place.folder);
    return rc;
}

static devid_rc check_chain(const struct devid_identity *identity, struct devid_error *err)
{
    if (identity->n_chain > DEVID_CHAIN_MAX)
        return devid_fail(err, DEVID_E_DATA, "%s: a chain of more than %d certificates", identity->label, DEVID_CHAIN_MAX);
    if (identity->n_chain != 0 && !devid_cert_is_for(&identity->chain[0], devid_slice_of(identity->pub.spki)))
        return devid_fail(err, DEVID_E_DATA, "%s: the certificate is for another key", identity->label);
    return DEVID_OK;
}

/* After the file: a cache that is older than it speaks of another key and is not believed. */
static void put_cache(struct devid_store *store, const struct devid_identity *identity)
{
    if (identity->key_place == DEVID_PLACE_HANDLE)
        devid_cache_put(store, identity->handle, devid_slice_of(identity->pub.area), identity->object);
}

static devid_rc put(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    struct place place = {0};
    int fd = -1;
    devid_rc rc = check_chain(identity, err);

    if (rc == DEVID_OK)
        rc = place_of(store, identity->token, identity->label, &place, err);
    if (rc == DEVID_OK)
        rc = writer_enter(&place, &fd, err);
    if (rc == DEVID_OK)
        rc = check_parent(&place, identity, err);
    if (rc == DEVID_OK)
        rc = put_file(store, &place, identity, err);
    devid_flock_leave(fd);
    if (rc == DEVID_OK)
        put_cache(store, identity);
    devid_bytes_free(&place.folder);
    return rc;
}

/* With the folder locked: the first name like the wanted one that no file has. */
static devid_rc free_place(const struct devid_store *store, const char *token, const char *wanted, struct place *place,
                           char name[256], struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    if (wanted[0] == 0 || devid_put_name(wanted, name, NULL) != DEVID_OK || strlen(wanted) > LIKE_MAX)
        wanted = "key";
    for (unsigned i = 1; i < 1000000; i++) {
        (void)snprintf(name, 256, i == 1 ? "%s" : "%s-%u", wanted, i);
        devid_bytes_free(&place->folder);
        rc = place_of(store, token, name, place, err);
        if (rc != DEVID_OK || access(place->path, F_OK) != 0)
            return rc;
    }
    return devid_fail(err, DEVID_E_EXISTS, "all names like \"%s\" are taken", wanted);
}

/* The identity under a name that is free. */
static devid_rc add(const struct devid_store *store, const struct devid_identity *identity, struct devid_slice old,
                    const char *was, struct place *place, struct devid_bytes *file, char name[256],
                    struct devid_error *err)
{
    struct devid_identity named = *identity;
    devid_rc rc = free_place(store, identity->token, identity->label, place, name, err);

    named.private_label = identity->private_label != NULL ? identity->private_label : identity->label;
    named.label = name;
    if (rc == DEVID_OK)
        rc = devid_entry_write(&named, old, file, err);
    if (rc == DEVID_OK)
        rc = devid_entry_set_was(file, was, err);
    return rc == DEVID_OK ? write_file(place, devid_slice_of(*file), err) : rc;
}

devid_rc devid_store_add(struct devid_store *store, const struct devid_identity *identity, struct devid_bytes *name,
                         struct devid_error *err)
{
    struct place place = {0};
    struct devid_bytes file = {0};
    struct devid_identity first = *identity;
    char chosen[256];
    int fd = -1;
    devid_rc rc = check_chain(identity, err);

    first.previous = NULL; /* that is the original's, if this is a copy */
    if (rc == DEVID_OK)
        rc = place_of(store, identity->token, "key", &place, err);
    if (rc == DEVID_OK)
        rc = writer_enter(&place, &fd, err);
    if (rc == DEVID_OK)
        rc = check_parent(&place, identity, err);
    if (rc == DEVID_OK)
        rc = add(store, &first, (struct devid_slice){0}, NULL, &place, &file, chosen, err);
    if (rc == DEVID_OK)
        devid_counters_count(store, NULL, identity);
    devid_flock_leave(fd);
    if (rc == DEVID_OK)
        put_cache(store, identity);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(devid_slice_text(chosen), name, err);
    devid_bytes_free(&file);
    devid_bytes_free(&place.folder);
    return rc;
}

static bool has_same_key(struct devid_store *store, const struct devid_entry *e, const char *path)
{
    struct devid_bytes file = {0};
    struct devid_entry *other = NULL;
    bool is_same = devid_file_read(path, DEVID_RECORD_MAX, &file, NULL) == DEVID_OK &&
                   devid_entry_read(store, e->identity.token, devid_slice_of(file), &other, NULL) == DEVID_OK &&
                   devid_slice_eq(devid_slice_of(other->identity.pub.spki), devid_slice_of(e->identity.pub.spki));

    devid_entry_free(other);
    devid_bytes_free(&file);
    return is_same;
}

/* The manufacturer's identity that the TPM told of, where no file could be written. */
static bool has_no_file(const struct devid_entry *e)
{
    return e->identity.is_read_only && e->stamp.inode == 0;
}

/* With the folder locked. What a rename that was cut off left goes first: it would come back to life. */
static devid_rc check_unchanged(struct devid_store *store, const struct devid_entry *old,
                                const struct place *place, struct devid_error *err)
{
    struct devid_bytes now = {0};
    struct place was = {0};
    devid_rc rc = devid_file_read(place->path, DEVID_RECORD_MAX, &now, err);

    if (rc == DEVID_E_ABSENT && has_no_file(old))
        rc = DEVID_OK;
    else if (rc == DEVID_E_ABSENT || (rc == DEVID_OK && !devid_slice_eq(devid_slice_of(now), devid_slice_of(old->file))))
        rc = fail_changed(old->identity.label, err);
    if (rc == DEVID_OK && old->was.len != 0) {
        rc = place_of(store, old->identity.token, (const char *)old->was.data, &was, err);
        if (rc == DEVID_OK && has_same_key(store, old, was.path))
            rc = devid_files_remove((const char *)was.folder.data, was.name, err);
        devid_bytes_free(&was.folder);
    }
    devid_bytes_free(&now);
    return rc;
}

/* The new name is there before the old one goes, and says whose it is: a reader never sees two, or none. */
static devid_rc rename_identity(const struct devid_store *store, const struct devid_entry *old,
                                const struct devid_identity *next, const struct place *from, struct devid_error *err)
{
    struct devid_bytes file = {0};
    struct place to = {0};
    char name[256];
    devid_rc rc = add(store, next, devid_slice_of(old->file), old->identity.label, &to, &file, name, err);

    if (rc == DEVID_OK)
        rc = devid_files_remove((const char *)from->folder.data, from->name, err);
    if (rc == DEVID_OK)
        rc = devid_entry_set_was(&file, NULL, err);
    if (rc == DEVID_OK)
        rc = write_file(&to, devid_slice_of(file), err);
    devid_bytes_free(&file);
    devid_bytes_free(&to.folder);
    return rc;
}

/* next NULL: it is removed */
static devid_rc change(struct devid_store *store, const struct devid_identity *old, const struct devid_identity *next,
                       struct devid_error *err)
{
    const struct devid_entry *entry = (const struct devid_entry *)(const void *)old; /* its first member */
    struct place place = {0};
    struct devid_bytes file = {0};
    int fd = -1;
    devid_rc rc = next != NULL ? check_chain(next, err) : DEVID_OK;

    if (rc == DEVID_OK)
        rc = place_of(store, old->token, old->label, &place, err);
    if (rc == DEVID_OK)
        rc = writer_enter(&place, &fd, err);
    if (rc == DEVID_OK)
        rc = check_unchanged(store, entry, &place, err);
    if (rc == DEVID_OK && next != NULL)
        rc = check_parent(&place, next, err);
    if (rc == DEVID_OK && next == NULL) {
        rc = devid_files_remove((const char *)place.folder.data, place.name, err);
    } else if (rc == DEVID_OK && strcmp(next->label, old->label) != 0) {
        rc = rename_identity(store, entry, next, &place, err);
    } else if (rc == DEVID_OK) {
        rc = devid_entry_write(next, devid_slice_of(entry->file), &file, err);
        if (rc == DEVID_OK)
            rc = devid_entry_set_was(&file, NULL, err);
        if (rc == DEVID_OK)
            rc = write_file(&place, devid_slice_of(file), err);
    }
    if (rc == DEVID_OK)
        devid_counters_count(store, old, next);
    devid_flock_leave(fd);
    if (rc == DEVID_OK && next == NULL && old->key_place == DEVID_PLACE_HANDLE)
        devid_cache_drop(store, old->handle);
    if (rc == DEVID_OK && next != NULL)
        put_cache(store, next);
    devid_bytes_free(&file);
    devid_bytes_free(&place.folder);
    return rc;
}

devid_rc devid_store_replace(struct devid_store *store, const struct devid_identity *old,
                             const struct devid_identity *next, struct devid_error *err)
{
    if (old->is_read_only)
        return devid_fail(err, DEVID_E_DENIED, "%s is the manufacturer's: it is not changed", old->label);
    return change(store, old, next, err);
}

devid_rc devid_store_change(struct devid_store *store, const struct devid_identity *old, const struct devid_identity *next,
                            struct devid_error *err)
{
    return old != NULL ? change(store, old, next, err) : put(store, next, err);
}
