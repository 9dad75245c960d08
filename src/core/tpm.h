/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process's one conversation with the chip. Core's own: no face includes this.
 *
 * One bracket an operation: enter, make the object ready, command, flush if there is no resource
 * manager, leave. Core calls nobody back inside a bracket.
 */
#ifndef DEVID_CORE_TPM_H
#define DEVID_CORE_TPM_H

#include <tss2/tss2_esys.h>

#include "core/bytes.h"

struct devid_tpm;

/**
 * \param tcti    as Tss2_TctiLdr_Initialize takes it; NULL: /dev/tpmrm0, else tabrmd, else /dev/tpm0
 * \param folder  what processes without a resource manager lock (devid_flock_wait), unless the kernel lets one alone have the device
 * Opens nothing.
 */
devid_rc devid_tpm_new(const char *tcti, const char *folder, struct devid_tpm **out, struct devid_error *err);
/**
 * Let children of a fork go on with this process's connection where they may not open one of their own (a server that changes its
 * user). It connects now; from then on it takes its turn with them, and keeps no key loaded, resource manager or not.
 * \return as devid_tpm_enter
 */
devid_rc devid_tpm_share(struct devid_tpm *tpm, struct devid_error *err);
/** Closes the connection if this process opened it; a child of a fork only frees memory. */
void devid_tpm_free(struct devid_tpm *tpm);

enum devid_tpm_use {
    DEVID_TPM_PERSISTENT, /* nothing transient will be made: no lock between processes */
    DEVID_TPM_TRANSIENT,  /* an object or session will be made: without a resource manager this waits for the other processes,
                             with one there is room for it */
    DEVID_TPM_KEY,        /* the same, but it may be loaded already: who loads makes room (devid_tpm_make_room) */
};

/**
 * Wait for this thread's turn, and connect if this process has not yet, or no longer.
 *
 * \param esys  the context to use until devid_tpm_leave
 * \return DEVID_E_AWAY with the TCTI and what the user can do (group tss, tcti =). On failure
 *         nothing is held. DEVID_E_BUSY if another process held the folder for a minute
 */
devid_rc devid_tpm_enter(struct devid_tpm *tpm, enum devid_tpm_use use, ESYS_CONTEXT **esys, struct devid_error *err);
void devid_tpm_leave(struct devid_tpm *tpm);

/* The next ten only between enter and leave. */

/** True behind /dev/tpmrm* or tabrmd, unless the connection is shared: loaded objects are this process's own and may stay. */
bool devid_tpm_has_manager(const struct devid_tpm *tpm);
/** Grows at fork, reconnect and loss: an object loaded under another number is forgotten, never flushed. */
uint64_t devid_tpm_generation(const struct devid_tpm *tpm);
/** After a TCTI I/O error: drop the connection, so that the next enter makes a new one. */
void devid_tpm_lost(struct devid_tpm *tpm);
/** The sentence for it, which names the TCTI. \return DEVID_E_AWAY */
devid_rc devid_tpm_away(const struct devid_tpm *tpm, TSS2_RC tss, struct devid_error *err);
/** Flush what has been discarded, and of what is kept what was not used for longest, so that a parent and its child can be loaded. */
void devid_tpm_make_room(struct devid_tpm *tpm);
/** Behind a resource manager: it stays loaded, as long as there is room, and was used just now. */
void devid_tpm_keep(struct devid_tpm *tpm, ESYS_TR object);
/** Whether it is still there. */
bool devid_tpm_keeps(const struct devid_tpm *tpm, ESYS_TR object);
/** Flush it, kept or not. */
void devid_tpm_release(struct devid_tpm *tpm, ESYS_TR object);
/**
 * Flush every transient object and loaded session, without a resource manager only (else nothing is done): what a
 * killed process left. The file lock is held (DEVID_TPM_TRANSIENT), so none is in use by devid.
 * \return DEVID_E_BUSY in another bracket: then one may be
 */
devid_rc devid_tpm_sweep(struct devid_tpm *tpm, struct devid_error *err);

/**
 * After the use of a key that the TPM counts failures for (devid_public_is_counted). The TPM cannot tell a power cut from somebody who
 * guesses and pulls the plug, so a cut at any later time would count as a wrong auth value, and some of them would lock the
 * chip. Sends TPM2_Shutdown(CLEAR), which writes down that all is in order; the TPM goes on. A failure is logged.
 * TPM 2.0 Library, Part 1, "Dictionary Attack Protection"; Part 3, TPM2_Shutdown.
 */
void devid_tpm_settle(struct devid_tpm *tpm);

/**
 * At any time, from any thread, without waiting: what is loaded behind a resource manager, and nobody uses any more. It is flushed
 * before the next load, or goes with its connection.
 * \param generation  of the connection that loaded it
 */
void devid_tpm_discard(struct devid_tpm *tpm, ESYS_TR object, uint64_t generation);

/** Commands sent by this connection since it was made. */
uint64_t devid_tpm_commands(const struct devid_tpm *tpm);

/** The store's connection. */
struct devid_store;
struct devid_tpm *devid_store_tpm(struct devid_store *store);

#endif
