/* SPDX-License-Identifier: BSD-2-Clause */
/* An item and the file it is kept in. Core's own. */
#ifndef DEVID_CORE_ITEM_ENTRY_H
#define DEVID_CORE_ITEM_ENTRY_H

#include <stdatomic.h>

#include "core/entry.h"
#include "core/item.h"

/* The owner of what an item points to. */
struct devid_item_entry {
    struct devid_item item;
    atomic_uint holders; /* snapshots that have it */
    struct devid_stamp stamp;
    char name[DEVID_ITEM_NAME + 1];
    struct devid_bytes token, label, id, application, object_id, content;
    struct devid_said_owned kept;
    struct devid_bytes file; /* what it was read from */
};

/**
 * \param name  of the file, without ".obj"
 * \param file  its content
 * \param out   held once, until devid_item_free
 * \return DEVID_E_DATA with what is wrong in it
 */
devid_rc devid_item_read(const char *token, const char *name, struct devid_slice file, struct devid_item_entry **out,
                         struct devid_error *err);
void devid_item_free(struct devid_item_entry *entry);

/** The file of an item. \param old  what it holds now, or empty: unknown fields are kept */
devid_rc devid_item_write(const struct devid_item *item, struct devid_slice old, struct devid_bytes *file,
                          struct devid_error *err);

#endif
