/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A software TPM of a test's own, with a devid.conf, a store, and the TCTI that counts. world.sh is the same for
 * scripts.
 */
#ifndef DEVID_TEST_WORLD_H
#define DEVID_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/store.h"

struct world;

/* Fails the test if there is no swtpm. DEVID_CONF names the configuration from then on. */
struct world *world_start(void);
void world_stop(struct world *w);
/* As if it were unplugged. */
void world_stop_tpm(struct world *w);
/* And plugged in again, with what it keeps over a power cut. */
void world_start_tpm(struct world *w);
/* Another TPM in its place, which nobody has used; the next time the first one again. */
void world_change_tpm(struct world *w);

/* swtpm's TCTI: what goes by it is not counted. */
const char *world_tcti(struct world *w);
/* Write devid.conf anew and open the store anew, with the counting TCTI before this one. */
void world_connect_by(struct world *w, const char *tcti);

struct devid_store *world_store(struct world *w);
const char *world_folder(struct world *w);

/* Commands of all processes since they were last forgotten, "Load Sign FlushContext". */
void world_commands(struct world *w, char *text, size_t room);
/* How many of that name, or with NULL in all. */
size_t world_count(struct world *w, const char *name);
void world_forget_commands(struct world *w);

/* Nothing is loaded in the TPM, and nobody failed to authorise. Not counted. */
void world_assert_clean(struct world *w);

/* For cmocka, where the state is a world: its end, and that of one that is as it was. */
int world_end(void **state);
int world_end_clean(void **state);

#endif
