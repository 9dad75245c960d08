/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ESYS objects that nobody uses any more: whoever frees a key puts its object here and waits for nobody; whoever has the next turn at the
 * TPM takes it out. Core's own.
 */
#ifndef DEVID_CORE_DISCARD_H
#define DEVID_CORE_DISCARD_H

#include <stdbool.h>
#include <stdint.h>
#include <tss2/tss2_esys.h>

struct devid_discarded;

/* Zero-initialised is empty. */
struct devid_discards {
    _Atomic(struct devid_discarded *) first;
};

/**
 * From any thread, without a lock. Without memory nothing is added: the object then goes with its connection.
 * \param generation  of the connection that made it
 */
void devid_discard_add(struct devid_discards *discards, ESYS_TR tr, uint64_t generation);
/**
 * Take one out: only by one thread at a time. Those of another generation went with their connection, and are dropped.
 * \return false: there is none of that generation
 */
bool devid_discard_take(struct devid_discards *discards, uint64_t generation, ESYS_TR *out);
void devid_discard_free(struct devid_discards *discards);

#endif
