/* SPDX-License-Identifier: BSD-2-Clause */
/* An immutable list of identities, counted. Core's own; store.h has what faces see. */
#ifndef DEVID_CORE_SNAPSHOT_H
#define DEVID_CORE_SNAPSHOT_H

#include "core/item_entry.h"
#include "core/missed.h"
#include "core/token.h"

/** An empty one, held once. number: never 0. */
devid_rc devid_snapshot_new(uint64_t number, struct devid_snapshot **out, struct devid_error *err);
/** Take an entry over, also on failure. Only before the snapshot is given to anybody. */
devid_rc devid_snapshot_add(struct devid_snapshot *snap, struct devid_entry *entry, struct devid_error *err);
/** The same for an item. */
devid_rc devid_snapshot_add_item(struct devid_snapshot *snap, struct devid_item_entry *entry, struct devid_error *err);
/** The same for a token that has a PIN; *token is empty afterwards. One that has only a name has a damaged file. */
devid_rc devid_snapshot_add_token(struct devid_snapshot *snap, struct devid_token *token, struct devid_error *err);
/** NULL if it has no PIN. */
const struct devid_token *devid_snapshot_token(const struct devid_snapshot *snap, const char *name);
/** The entry that was read from that file ("NAME.pem"), NULL if there is none or no snapshot. */
struct devid_entry *devid_snapshot_entry(const struct devid_snapshot *snap, const char *token, const char *file);
struct devid_item_entry *devid_snapshot_item_entry(const struct devid_snapshot *snap, const char *token,
                                                   const char *name);
/** What is missing in it. */
struct devid_missed_list *devid_snapshot_missed(struct devid_snapshot *snap);
/** Put into order; after the last add. */
void devid_snapshot_sort(struct devid_snapshot *snap);
/** True if both, put into order, hold the same. */
bool devid_snapshot_same(const struct devid_snapshot *a, const struct devid_snapshot *b);

#endif
