/* SPDX-License-Identifier: BSD-2-Clause */
/* The one connection: opened late, used in turn, never shared over fork. */
#include "core/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_sys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#include "core/discard.h"
#include "core/loaded.h"
#include "core/lock.h"
#include "core/log.h"
#include "core/shared.h"
#include "core/tcti.h"
#include "core/trace.h"

#define TRANSIENT_FIRST 0x80000000U /* TPM2_TRANSIENT_FIRST shifts a signed number */
#define IN_ONE_TURN 2 /* objects that one operation has loaded at once: a parent and its child */
#define PATIENCE_S 60 /* a chip takes so long at most for one operation: an RSA key is made */
#define SWEEP_MAX 64  /* transient handles asked for at once */

struct devid_tpm {
    char *tcti, *folder;
    struct devid_owner owner; /* of the lock and the connection */
    struct devid_fair lock;
    int flock_fd;
    _Atomic uint64_t generation;
    size_t n_slots; /* that a resource manager has for us; 0: there is none, or its objects would not be ours alone */
    struct devid_loaded loaded;
    struct devid_discards discards;
    struct devid_trace trace;
    TSS2_TCTI_CONTEXT *real;
    ESYS_CONTEXT *esys;
    bool shares, is_shared;       /* its children may have the connection; that is the one in use */
    bool is_busy, may_sweep;      /* between enter and leave; no other process of ours has anything loaded then */
    bool has_turn;                /* among the processes: kept until leave, should the connection be lost meanwhile */
    struct devid_shared *shared;
    TSS2_TCTI_CONTEXT *inherited; /* a parent's connection, for a child that gets none of its own; never finalized */
    bool has_failed;              /* a connection of its own did not answer */
};

devid_rc devid_tpm_new(const char *tcti, const char *folder, struct devid_tpm **out, struct devid_error *err)
{
    struct devid_tpm *tpm = calloc(1, sizeof *tpm);

    if (tpm == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    tpm->tcti = tcti != NULL ? strdup(tcti) : NULL;
    tpm->folder = strdup(folder);
    if (tpm->folder == NULL || (tcti != NULL && tpm->tcti == NULL)) {
        devid_tpm_free(tpm);
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    devid_fair_init(&tpm->lock);
    devid_owner_init(&tpm->owner);
    atomic_store(&tpm->generation, 1);
    tpm->flock_fd = -1;
    *out = tpm;
    return DEVID_OK;
}

static void disconnect(struct devid_tpm *tpm)
{
    ESYS_CONTEXT *esys = tpm->esys;
    TSS2_TCTI_CONTEXT *real = tpm->real;

    tpm->esys = NULL; /* first: a child forked meanwhile must not meet what is half gone */
    tpm->real = NULL;
    tpm->loaded.n = 0; /* they go with the connection */
    if (esys != NULL)
        Esys_Finalize(&esys);
    if (real != NULL && real != tpm->inherited)
        Tss2_TctiLdr_Finalize(&real);
    tpm->is_shared = false;
}

void devid_tpm_free(struct devid_tpm *tpm)
{
    if (tpm == NULL)
        return;
    /* a child's copy of the connection is its parent's: finalizing may send an end-of-session to a
       resource manager, so it is left to the kernel, which closes the descriptor at exit */
    if (devid_owner_is_self(&tpm->owner))
        disconnect(tpm);
    devid_shared_free(tpm->shared);
    devid_discard_free(&tpm->discards);
    free(tpm->tcti);
    free(tpm->folder);
    free(tpm);
}

static TSS2_RC open_own(struct devid_tpm *tpm)
{
    TSS2_RC rc = devid_tcti_open(tpm->tcti, &tpm->real, &tpm->n_slots);

    if (tpm->shares) /* its handles, too */
        tpm->n_slots = 0;
    return rc;
}

/* Those that a TCTI wants at once. Which of its calls failed it does not say, and errno may be of a later one. */
static bool has_no_files_left(void)
{
    int fds[4], n = 0;
    bool has_none;

    while (n < 4 && (fds[n] = open("/", O_PATH | O_CLOEXEC)) >= 0)
        n++;
    has_none = n < 4 && (errno == EMFILE || errno == ENFILE);
    while (n > 0)
        (void)close(fds[--n]);
    return has_none;
}

devid_rc devid_tpm_away(const struct devid_tpm *tpm, TSS2_RC tss, struct devid_error *err)
{
    if (tss == DEVID_TCTI_FORKED)
        (void)devid_fail(err, DEVID_E_AWAY,
                         "tpm2-abrmd cannot be used in a child of a process that has used it: "
                         "set \"tcti = device:/dev/tpmrm0\"");
    else if (has_no_files_left())
        (void)devid_fail(err, DEVID_E_AWAY, "the TPM cannot be opened: this process has too many open files: let it close some, or have more (ulimit -n, LimitNOFILE=)");
    else
        (void)devid_fail(err, DEVID_E_AWAY,
                         "no TPM at %s (0x%" PRIx32
                         "): is it there, may this user open it (group tss), is \"tcti =\" right?",
                         tpm->tcti != NULL ? tpm->tcti : "/dev/tpmrm0, tabrmd or /dev/tpm0", tss);
    return devid_error_about(err, DEVID_E_AWAY, tss, 0);
}

/* ESYS over tpm->real. */
static TSS2_RC speak(struct devid_tpm *tpm)
{
    TSS2_RC rc;

    devid_trace_wrap(&tpm->trace, tpm->real);
    if (tpm->is_shared)
        tpm->trace.in_flight = devid_shared_in_flight(tpm->shared);
    rc = Esys_Initialize(&tpm->esys, (TSS2_TCTI_CONTEXT *)(void *)&tpm->trace, NULL);
    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_SetTimeout(tpm->esys, TSS2_TCTI_TIMEOUT_BLOCK);
    if (rc == TSS2_RC_SUCCESS)
        atomic_fetch_add(&tpm->generation, 1);
    return rc;
}

static TSS2_RC take_inherited(struct devid_tpm *tpm)
{
    tpm->real = tpm->inherited;
    tpm->n_slots = 0;
    tpm->is_shared = true;
    return speak(tpm);
}

static devid_rc connect_tpm(struct devid_tpm *tpm, struct devid_error *err)
{
    TSS2_RC rc = DEVID_TCTI_FORKED;

    if (!tpm->has_failed)
        rc = open_own(tpm);
    if (rc == TSS2_RC_SUCCESS) {
        tpm->is_shared = tpm->shares && tpm->shared != NULL;
        rc = speak(tpm);
    }
    if (rc != TSS2_RC_SUCCESS && tpm->inherited != NULL) {
        disconnect(tpm);
        rc = take_inherited(tpm);
    }
    if (rc == TSS2_RC_SUCCESS) {
        devid_log(DEVID_LOG_DEBUG, "core/tpm", "connected to %s%s", tpm->tcti != NULL ? tpm->tcti : "the default TPM",
                  tpm->is_shared ? ", shared" : "");
        return DEVID_OK;
    }
    disconnect(tpm);
    return devid_tpm_away(tpm, rc, err);
}

/* In a child of fork: fresh locks, and a connection of its own when it needs one. */
static void follow_fork(struct devid_tpm *tpm)
{
    if (!devid_owner_moved(&tpm->owner))
        return;
    devid_fair_init(&tpm->lock);
    /* one in the middle of a command is of no use: its answer is another process's */
    tpm->inherited = tpm->is_shared && !tpm->is_busy ? tpm->real : NULL;
    tpm->shares = tpm->is_shared = tpm->is_busy = tpm->has_failed = false;
    tpm->esys = NULL; /* abandoned, not finalized: it is the parent's, and its end may be told to a resource manager */
    tpm->real = NULL;
    tpm->loaded.n = 0;
    if (tpm->flock_fd >= 0)
        (void)close(tpm->flock_fd); /* our copy; the parent's holds the lock on */
    tpm->flock_fd = -1;
    atomic_fetch_add(&tpm->generation, 1);
    devid_owner_settle(&tpm->owner);
}

/* The folder, or the nearest one above it that there is: a key file may be used where nothing was provisioned. */
static devid_rc lock_folder(struct devid_tpm *tpm, struct devid_error *err)
{
    char *folder = strdup(tpm->folder), *slash;
    devid_rc rc;

    if (folder == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = devid_flock_wait(folder, PATIENCE_S, &tpm->flock_fd, err);
    while (rc == DEVID_OK && tpm->flock_fd < 0 && (slash = strrchr(folder, '/')) != NULL && slash != folder) {
        *slash = 0;
        rc = devid_flock_wait(folder, PATIENCE_S, &tpm->flock_fd, err);
    }
    free(folder);
    return rc;
}

static void unlock_folder(struct devid_tpm *tpm)
{
    int fd = tpm->flock_fd;

    tpm->flock_fd = -1; /* first: a child forked meanwhile would close a number that is another file's by then */
    devid_flock_leave(fd);
}

void devid_tpm_discard(struct devid_tpm *tpm, ESYS_TR object, uint64_t generation)
{
    devid_discard_add(&tpm->discards, object, generation);
}

void devid_tpm_release(struct devid_tpm *tpm, ESYS_TR object)
{
    devid_loaded_remove(&tpm->loaded, object);
    /* a failed flush has nobody to tell: a manager has flushed it already, the connection is lost, or the next owner of the lock sweeps */
    if (Esys_FlushContext(tpm->esys, object) != TSS2_RC_SUCCESS)
        (void)Esys_TR_Close(tpm->esys, &object);
}

void devid_tpm_keep(struct devid_tpm *tpm, ESYS_TR object)
{
    while (!devid_loaded_use(&tpm->loaded, object))
        devid_tpm_release(tpm, tpm->loaded.list[0]);
}

bool devid_tpm_keeps(const struct devid_tpm *tpm, ESYS_TR object)
{
    return devid_loaded_has(&tpm->loaded, object);
}

void devid_tpm_make_room(struct devid_tpm *tpm)
{
    ESYS_TR object;

    while (devid_discard_take(&tpm->discards, atomic_load(&tpm->generation), &object))
        devid_tpm_release(tpm, object);
    while (tpm->n_slots != 0 && tpm->loaded.n > tpm->n_slots - IN_ONE_TURN)
        devid_tpm_release(tpm, tpm->loaded.list[0]);
}

devid_rc devid_tpm_enter(struct devid_tpm *tpm, enum devid_tpm_use use, ESYS_CONTEXT **esys, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    follow_fork(tpm);
    devid_fair_enter(&tpm->lock);
    if (tpm->esys == NULL)
        rc = connect_tpm(tpm, err);
    if (rc == DEVID_OK && use != DEVID_TPM_PERSISTENT && tpm->n_slots == 0 && !devid_tcti_is_alone(tpm->tcti))
        rc = lock_folder(tpm, err);
    if (rc == DEVID_OK && tpm->is_shared && (rc = devid_shared_enter(tpm->shared, tpm->real, err)) != DEVID_OK)
        unlock_folder(tpm);
    if (rc != DEVID_OK) {
        devid_fair_leave(&tpm->lock);
        return rc;
    }
    tpm->is_busy = true;
    tpm->may_sweep = use != DEVID_TPM_PERSISTENT;
    tpm->has_turn = tpm->is_shared;
    if (use == DEVID_TPM_TRANSIENT)
        devid_tpm_make_room(tpm);
    *esys = tpm->esys;
    return DEVID_OK;
}

void devid_tpm_leave(struct devid_tpm *tpm)
{
    tpm->is_busy = false;
    if (tpm->has_turn)
        devid_shared_leave(tpm->shared);
    tpm->has_turn = false;
    unlock_folder(tpm);
    devid_fair_leave(&tpm->lock);
}

devid_rc devid_tpm_share(struct devid_tpm *tpm, struct devid_error *err)
{
    ESYS_CONTEXT *esys;
    devid_rc rc = DEVID_OK;

    follow_fork(tpm);
    devid_fair_enter(&tpm->lock);
    if (!tpm->shares && tpm->inherited == NULL) {
        disconnect(tpm); /* what was loaded by the one before is flushed with it */
        if (tpm->shared == NULL)
            rc = devid_shared_new(&tpm->shared, err);
        tpm->shares = rc == DEVID_OK;
    }
    devid_fair_leave(&tpm->lock);
    if (rc == DEVID_OK)
        rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);
    if (rc == DEVID_OK)
        devid_tpm_leave(tpm);
    return rc;
}

bool devid_tpm_has_manager(const struct devid_tpm *tpm)
{
    return tpm->n_slots != 0;
}

uint64_t devid_tpm_generation(const struct devid_tpm *tpm)
{
    struct devid_tpm *mine = (struct devid_tpm *)(uintptr_t)tpm;

    follow_fork(mine); /* a child that frees a key must not connect only to find that it has nothing to flush */
    return atomic_load(&mine->generation);
}

void devid_tpm_lost(struct devid_tpm *tpm)
{
    if (!tpm->is_shared && tpm->inherited != NULL && !tpm->trace.has_answered)
        tpm->has_failed = true; /* some TCTIs find out with the first command that they may not */
    disconnect(tpm);
    atomic_fetch_add(&tpm->generation, 1);
}

uint64_t devid_tpm_commands(const struct devid_tpm *tpm)
{
    return atomic_load(&((struct devid_tpm *)(uintptr_t)tpm)->trace.n_commands);
}

/* Whatever is loaded from that handle on, of its kind. */
static TSS2_RC flush_all(ESYS_CONTEXT *esys, TPM2_HANDLE first)
{
    TPMS_CAPABILITY_DATA *found = NULL;
    TSS2_SYS_CONTEXT *sys = NULL;
    TSS2_RC rc = Esys_GetSysContext(esys, &sys); /* which needs to know no more of an object than its handle */

    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first, SWEEP_MAX, NULL,
                                &found);
    for (uint32_t i = 0; rc == TSS2_RC_SUCCESS && i < found->data.handles.count; i++) {
        devid_log(DEVID_LOG_INFO, "core/tpm", "flushing 0x%08x, which a killed process left",
                  found->data.handles.handle[i]);
        rc = Tss2_Sys_FlushContext(sys, found->data.handles.handle[i]);
    }
    Esys_Free(found);
    return rc;
}

void devid_tpm_settle(struct devid_tpm *tpm)
{
    TSS2_RC rc = Esys_Shutdown(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_SU_CLEAR);

    if (rc != TSS2_RC_SUCCESS)
        devid_log(DEVID_LOG_INFO, "core/tpm", "a power cut from now on would count as a wrong auth value: 0x%x", rc);
}

devid_rc devid_tpm_sweep(struct devid_tpm *tpm, struct devid_error *err)
{
    TSS2_RC rc;

    if (tpm->n_slots != 0 || !tpm->may_sweep) /* a manager shows only what is ours */
        return tpm->n_slots != 0 ? DEVID_OK :
               devid_fail(err, DEVID_E_BUSY, "what a killed process left in the TPM is not told from what others use just now");
    rc = flush_all(tpm->esys, TRANSIENT_FIRST);
    if (rc == TSS2_RC_SUCCESS)
        rc = flush_all(tpm->esys, TPM2_LOADED_SESSION_FIRST);
    return rc == TSS2_RC_SUCCESS ? DEVID_OK : devid_fail_tss(err, rc, 0, "flush what a killed process left");
}
