/* SPDX-License-Identifier: BSD-2-Clause */
/* Writers: one at a time over all processes, and a rename as the instant of change. */
#include <stdio.h>

#include "core/cache.h"
#include "core/entry.h"
#include "core/files.h"
#include "core/lock.h"
#include "core/store.h"

#define FILE_MAX (1U << 20)
#define PATH_ROOM 4096

/* Where an identity is kept. */
struct place {
    struct devid_bytes folder;
    char name[600], path[PATH_ROOM];
};

static devid_rc place_of(struct devid_store *store, const struct devid_identity *identity, struct place *place,
                         struct devid_error *err)
{
    struct devid_bytes name = {0};
    devid_rc rc = devid_store_folder(store, identity->token, &place->folder, err);

    if (rc == DEVID_OK)
        rc = devid_files_name(identity->label, &name, err);
    if (rc == DEVID_OK &&
        ((size_t)snprintf(place->name, sizeof place->name, "%s.pem", (const char *)name.data) >= sizeof place->name ||
         (size_t)snprintf(place->path, sizeof place->path, "%s/%s", (const char *)place->folder.data, place->name) >=
             sizeof place->path))
        rc = devid_fail(err, DEVID_E_ARG, "the label is too long");
    devid_bytes_free(&name);
    return rc;
}

static devid_rc replace(const struct place *place, const struct devid_identity *identity, struct devid_error *err)
{
    struct devid_bytes old = {0}, file = {0};
    devid_rc rc = devid_file_read(place->path, FILE_MAX, &old, err);

    if (rc == DEVID_OK || rc == DEVID_E_ABSENT)
        rc = devid_entry_write(identity, devid_slice_of(old), &file, err);
    if (rc == DEVID_OK)
        rc = devid_files_replace((const char *)place->folder.data, place->name, devid_slice_of(file), 0644, err);
    devid_bytes_free(&old);
    devid_bytes_free(&file);
    return rc;
}

devid_rc devid_store_put(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    struct place place = {0};
    int fd = -1;
    devid_rc rc;

    if (identity->n_chain != 0 && !devid_cert_is_for(&identity->chain[0], devid_slice_of(identity->pub.spki)))
        return devid_fail(err, DEVID_E_DATA, "%s: the certificate is for another key", identity->label);
    rc = place_of(store, identity, &place, err);
    if (rc == DEVID_OK)
        rc = devid_flock_enter((const char *)place.folder.data, &fd, err);
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
    rc = place_of(store, identity, &place, err);
    if (rc == DEVID_OK)
        rc = devid_flock_enter((const char *)place.folder.data, &fd, err);
    if (rc == DEVID_OK)
        rc = devid_files_remove((const char *)place.folder.data, place.name, err);
    devid_flock_leave(fd);
    devid_bytes_free(&place.folder);
    return rc;
}
