/* SPDX-License-Identifier: BSD-2-Clause */
/* A token's folder, read into a snapshot. Core's own. */
#ifndef DEVID_CORE_FOLDER_H
#define DEVID_CORE_FOLDER_H

#include "core/snapshot.h"

/**
 * Read all files of a token. What is damaged, of a later version, or may not be read is passed over and logged: it must
 * not hide the others. A file that is the one that before was made from is not read again.
 *
 * \param before  the last snapshot, or NULL
 */
devid_rc devid_folder_read(struct devid_store *store, const char *token, const struct devid_snapshot *before,
                           struct devid_snapshot *snap, struct devid_error *err);
/** Of the state folder: if it may not be listed, there may be more tokens than are known, and the snapshot says so to who finds nothing. */
devid_rc devid_folder_look(const char *state, struct devid_snapshot *snap, struct devid_error *err);

#endif
