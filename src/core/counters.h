/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often LDevID keys and certificates came and went on this device: IEEE 802.1AR, 7.2; IEEE8021-DEVID-MIB. The
 * manufacturer's are not counted. On disk: STATE/.counters/counters, "field: value" lines, replaced by one rename.
 */
#ifndef DEVID_CORE_COUNTERS_H
#define DEVID_CORE_COUNTERS_H

#include "core/store.h"

struct devid_counters {
    uint64_t key_generations, key_deletions;
    uint64_t certificate_insertions, certificate_deletions;
};

/** All 0 if nothing was counted yet. \return DEVID_E_DATA if the file is damaged */
devid_rc devid_counters_read(const struct devid_store *store, struct devid_counters *out, struct devid_error *err);

/**
 * Count what was done to an identity, after it was done. What cannot be written is logged: a full disk must not undo the change.
 * Takes a lock between processes of its own; a writer's folder may be locked meanwhile.
 *
 * \param before  NULL: there was none
 * \param after   NULL: it was removed
 */
void devid_counters_count(struct devid_store *store, const struct devid_identity *before,
                          const struct devid_identity *after);

#endif
