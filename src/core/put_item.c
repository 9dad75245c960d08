/* SPDX-License-Identifier: BSD-2-Clause */
/* Items are written as identities are: one writer over all processes, and a rename as the instant of change. */
#include <stdio.h>
#include <string.h>

#include "core/item_entry.h"
#include "core/lock.h"
#include "core/put.h"

#define PATH_ROOM 4096

struct item_place {
    struct devid_bytes folder;
    char name[DEVID_ITEM_NAME + 8];
};

static devid_rc place_of(const struct devid_store *store, const char *token, const char *name, struct item_place *place,
                         struct devid_error *err)
{
    devid_rc rc = devid_put_token(token, err);

    if (rc == DEVID_OK &&
        (strlen(name) != DEVID_ITEM_NAME || strspn(name, "0123456789abcdef") != DEVID_ITEM_NAME))
        rc = devid_fail(err, DEVID_E_ARG, "\"%s\" is no name of an item", name);
    (void)snprintf(place->name, sizeof place->name, "%.*s.obj", DEVID_ITEM_NAME, name);
    return rc == DEVID_OK ? devid_store_token_folder(store, token, &place->folder, err) : rc;
}

static devid_rc check_unchanged(const struct item_place *place, const struct devid_item_entry *old,
                                struct devid_error *err)
{
    struct devid_bytes now = {0};
    char path[PATH_ROOM];
    devid_rc rc;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", (const char *)place->folder.data, place->name) >= sizeof path)
        return devid_fail(err, DEVID_E_ARG, "the path of the state folder is too long");
    rc = devid_file_read(path, DEVID_RECORD_MAX, &now, err);
    if (rc == DEVID_E_ABSENT || (rc == DEVID_OK && !devid_slice_eq(devid_slice_of(now), devid_slice_of(old->file))))
        rc = devid_fail(err, DEVID_E_BUSY, "\"%s\" was changed meanwhile", old->item.label);
    devid_bytes_free(&now);
    return rc;
}

/* Only its owner reads what a client calls private. */
static devid_rc write_item(const struct item_place *place, const struct devid_item *next, struct devid_slice old,
                           struct devid_error *err)
{
    struct devid_bytes file = {0};
    devid_rc rc = devid_item_write(next, old, &file, err);

    if (rc == DEVID_OK)
        rc = devid_files_replace((const char *)place->folder.data, place->name, devid_slice_of(file),
                                 (next->flags & DEVID_FLAG_PRIVATE) != 0 ? 0600 : 0644, err);
    devid_bytes_free(&file);
    return rc;
}

devid_rc devid_store_put_item(struct devid_store *store, const struct devid_item *old, const struct devid_item *next,
                              struct devid_error *err)
{
    const struct devid_item_entry *entry = (const struct devid_item_entry *)(const void *)old; /* its first member */
    const struct devid_item *any = next != NULL ? next : old;
    struct item_place place = {0};
    int fd = -1;
    devid_rc rc = place_of(store, any->token, any->name, &place, err);

    if (rc == DEVID_OK)
        rc = devid_files_make_folder((const char *)place.folder.data, err);
    if (rc == DEVID_OK)
        rc = devid_flock_enter((const char *)place.folder.data, &fd, err);
    if (rc == DEVID_OK && old != NULL)
        rc = check_unchanged(&place, entry, err);
    if (rc == DEVID_OK && next != NULL)
        rc = write_item(&place, next, old != NULL ? devid_slice_of(entry->file) : (struct devid_slice){0}, err);
    else if (rc == DEVID_OK)
        rc = devid_files_remove((const char *)place.folder.data, place.name, err);
    devid_flock_leave(fd);
    devid_bytes_free(&place.folder);
    return rc;
}

devid_rc devid_store_remove_item(struct devid_store *store, const char *token, const char *name, struct devid_error *err)
{
    struct item_place place = {0};
    int fd = -1;
    devid_rc rc = place_of(store, token, name, &place, err);

    if (rc == DEVID_OK)
        rc = devid_flock_enter((const char *)place.folder.data, &fd, err);
    if (rc == DEVID_OK)
        rc = devid_files_remove((const char *)place.folder.data, place.name, err);
    devid_flock_leave(fd);
    devid_bytes_free(&place.folder);
    return rc;
}
