/* SPDX-License-Identifier: BSD-2-Clause */
/* Writers: one at a time over all processes, and a rename as the instant of change. */
#include "core/put.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cache.h"
#include "core/entry.h"
#include "core/files.h"
#include "core/lock.h"

#define FILE_MAX (1U << 20)
#define PATH_ROOM 4096

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

static devid_rc place_of(const struct devid_store *store, const char *token, const char *label, struct place *place,
                         struct devid_error *err)
{
    devid_rc rc;

    /* a client may name tokens: none of them is a path */
    if (token[0] == 0 || token[0] == '.' || strchr(token, '/') != NULL || strpbrk(token, "\r\n") != NULL)
        return devid_fail(err, DEVID_E_ARG, "\"%s\" is no name of a token", token);
    rc = devid_put_name(label, place->name, err);
    if (rc == DEVID_OK)
        rc = devid_store_folder(store, token, &place->folder, err);
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

static devid_rc write_file(const struct place *place, struct devid_slice file, struct devid_error *err)
{
    return devid_files_replace((const char *)place->folder.data, place->name, file, 0644, err);
}

static devid_rc replace(const struct place *place, const struct devid_identity *identity, struct devid_error *err)
{
    struct devid_bytes old = {0}, file = {0};
    devid_rc rc = devid_file_read(place->path, FILE_MAX, &old, err);

    if (rc == DEVID_OK || rc == DEVID_E_ABSENT)
        rc = devid_entry_write(identity, devid_slice_of(old), &file, err);
    if (rc == DEVID_OK)
        rc = write_file(place, devid_slice_of(file), err);
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

devid_rc devid_store_put(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    struct place place = {0};
    int fd = -1;
    devid_rc rc;

    if (identity->n_chain > DEVID_CHAIN_MAX)
        return devid_fail(err, DEVID_E_DATA, "%s: a chain of more than %d certificates", identity->label, DEVID_CHAIN_MAX);
    if (identity->n_chain != 0 && !devid_cert_is_for(&identity->chain[0], devid_slice_of(identity->pub.spki)))
        return devid_fail(err, DEVID_E_DATA, "%s: the certificate is for another key", identity->label);
    rc = place_of(store, identity->token, identity->label, &place, err);
    if (rc == DEVID_OK)
        rc = writer_enter(&place, &fd, err);
    if (rc == DEVID_OK)
        rc = replace(&place, identity, err);
    devid_flock_leave(fd);
    /* after the file: a cache that is older than it speaks of another key and is not believed */
    if (rc == DEVID_OK && identity->key_place == DEVID_PLACE_HANDLE)
        devid_cache_put(store, identity->handle, devid_slice_of(identity->pub.area), identity->object);
    devid_bytes_free(&place.folder);
    return rc;
}

devid_rc devid_store_remove(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    struct place place = {0};
    int fd = -1;
    devid_rc rc;

    if (identity->is_read_only)
        return devid_fail(err, DEVID_E_DENIED, "%s is the manufacturer's: it is not removed", identity->label);
    rc = place_of(store, identity->token, identity->label, &place, err);
    if (rc == DEVID_OK)
        rc = devid_flock_enter((const char *)place.folder.data, &fd, err);
    if (rc == DEVID_OK)
        rc = devid_files_remove((const char *)place.folder.data, place.name, err);
    devid_flock_leave(fd);
    if (rc == DEVID_OK && identity->key_place == DEVID_PLACE_HANDLE)
        devid_cache_drop(store, identity->handle);
    devid_bytes_free(&place.folder);
    return rc;
}
