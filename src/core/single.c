/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot of one identity or item, which is in no folder: what lives as long as a session. */
#include "core/snapshot.h"

devid_rc devid_snapshot_of_item(const struct devid_item *item, struct devid_snapshot **out, struct devid_error *err)
{
    struct devid_item_entry *entry = NULL;
    struct devid_snapshot *snap = NULL;
    struct devid_bytes file = {0};
    devid_rc rc = devid_snapshot_new(1, &snap, err);

    if (rc == DEVID_OK)
        rc = devid_item_write(item, (struct devid_slice){0}, &file, err);
    if (rc == DEVID_OK)
        rc = devid_item_read(item->token, item->name, devid_slice_of(file), &entry, err);
    if (rc == DEVID_OK)
        rc = devid_snapshot_add_item(snap, entry, err);
    devid_bytes_free(&file);
    if (rc == DEVID_OK)
        *out = snap;
    else
        devid_snapshot_free(snap);
    return rc;
}

devid_rc devid_snapshot_of(struct devid_store *store, const struct devid_identity *identity,
                           struct devid_snapshot **out, struct devid_error *err)
{
    struct devid_snapshot *snap = NULL;
    struct devid_entry *entry = NULL;
    struct devid_bytes file = {0};
    devid_rc rc = devid_snapshot_new(1, &snap, err);

    if (rc == DEVID_OK)
        rc = devid_entry_write(identity, (struct devid_slice){0}, &file, err);
    if (rc == DEVID_OK)
        rc = devid_entry_read(store, identity->token, devid_slice_of(file), &entry, err);
    if (rc == DEVID_OK)
        rc = devid_snapshot_add(snap, entry, err);
    devid_bytes_free(&file);
    if (rc == DEVID_OK)
        *out = snap;
    else
        devid_snapshot_free(snap);
    return rc;
}
