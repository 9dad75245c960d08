/* SPDX-License-Identifier: BSD-2-Clause */
/* tpm2-abrmd between a world's TPM and its users, on a message bus of its own. */
#ifndef DEVID_TEST_MANAGER_H
#define DEVID_TEST_MANAGER_H

#include "tpm/world.h"

#define MANAGER_TCTI "tabrmd:bus_type=session,bus_name=com.intel.tss2.Tabrmd"

struct manager;

/* NULL if tpm2-abrmd, its TCTI or dbus-daemon is not installed. The world's store goes through it from then on. */
struct manager *manager_start(struct world *w);
void manager_stop(struct manager *m);
/* Until it has cleared away what the last command needed: it answers before it does. */
void manager_settle(struct manager *m);
/* As after a crash: its users' connections are gone, and what they loaded. */
void manager_restart(struct manager *m);

#endif
