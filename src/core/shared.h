/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection that the children of a fork may go on with: whose turn it is among the processes, and what one that died in
 * mid-command left behind. In memory that they share, made before the fork. Core's own.
 */
#ifndef DEVID_CORE_SHARED_H
#define DEVID_CORE_SHARED_H

#include <stdatomic.h>
#include <tss2/tss2_tcti.h>

#include "core/error.h"

struct devid_shared;

devid_rc devid_shared_new(struct devid_shared **out, struct devid_error *err);
/** This process's view of it. NULL allowed. */
void devid_shared_free(struct devid_shared *shared);

/**
 * Wait for this process's turn. An answer that a dead process did not fetch is read and thrown away.
 * \param real  the connection
 * \return DEVID_E_AWAY if it cannot be had: then nothing is held, and the connection is of no use
 */
devid_rc devid_shared_enter(struct devid_shared *shared, TSS2_TCTI_CONTEXT *real, struct devid_error *err);
void devid_shared_leave(struct devid_shared *shared);

/** TPM2_CC of the command that is not answered yet; 0: none. */
atomic_uint *devid_shared_in_flight(struct devid_shared *shared);

#endif
