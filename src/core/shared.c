/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. POSIX: robust mutexes, pthread_mutexattr_setrobust(3). */
#include "core/shared.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEY_MS 120000   /* the longest that a TPM may think: making an RSA key */
#define ANSWER_MS 10000 /* and about anything else */
#define PIECE_MS 200    /* from one piece of an answer to the next */
#define ANSWER_MAX 4096 /* bytes */

struct devid_shared {
    pthread_mutex_t mutex;
    atomic_uint in_flight; /* TPM2_CC of a command that is about to be sent, or was not answered yet; 0: none */
};

devid_rc devid_shared_new(struct devid_shared **out, struct devid_error *err)
{
    struct devid_shared *made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t kind;
    bool ok;

    if (made == MAP_FAILED)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    ok = pthread_mutexattr_init(&kind) == 0;
    if (ok) {
        ok = pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) == 0 &&
             pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) == 0 && pthread_mutex_init(&made->mutex, &kind) == 0;
        (void)pthread_mutexattr_destroy(&kind);
    }
    if (!ok) {
        (void)munmap(made, sizeof *made);
        return devid_fail(err, DEVID_E_MEM, "no lock between processes");
    }
    atomic_init(&made->in_flight, 0);
    *out = made;
    return DEVID_OK;
}

void devid_shared_free(struct devid_shared *shared)
{
    if (shared != NULL)
        (void)munmap(shared, sizeof *shared);
}

/*
 * The answer to what a killed process sent, if it comes: the process may have been killed right before it sent, or right after it was
 * answered. A device gives an answer at one read, or what is left of it; a pipe in pieces, and the killed process may have read the first.
 */
static bool throw_away(TSS2_TCTI_CONTEXT *real, TPM2_CC command)
{
    int patience_ms = command == TPM2_CC_Create || command == TPM2_CC_CreatePrimary ? KEY_MS : ANSWER_MS;
    TSS2_TCTI_POLL_HANDLE handle = {.fd = -1};
    unsigned char answer[ANSWER_MAX];
    size_t n = 1;
    int ready;

    if (Tss2_Tcti_GetPollHandles(real, &handle, &n) != TSS2_RC_SUCCESS || n != 1 || handle.fd < 0)
        return false;
    handle.events = POLLIN;
    while ((ready = poll(&handle, 1, patience_ms)) != 0) {
        ssize_t got = ready == 1 ? read(handle.fd, answer, sizeof answer) : -1;

        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        if (got > 0)
            patience_ms = PIECE_MS;
    }
    return true;
}

devid_rc devid_shared_enter(struct devid_shared *shared, TSS2_TCTI_CONTEXT *real, struct devid_error *err)
{
    int r = pthread_mutex_lock(&shared->mutex);

    if (r == EOWNERDEAD)
        r = pthread_mutex_consistent(&shared->mutex);
    if (r != 0)
        return devid_fail(err, DEVID_E_AWAY, "the connection that this process shares cannot be used any more: start it anew");
    if (atomic_load(&shared->in_flight) != 0 && !throw_away(real, atomic_load(&shared->in_flight))) {
        devid_shared_leave(shared);
        return devid_fail(err, DEVID_E_AWAY,
                          "another process died while it used the connection that this one shares: start them anew");
    }
    atomic_store(&shared->in_flight, 0);
    return DEVID_OK;
}

void devid_shared_leave(struct devid_shared *shared)
{
    (void)pthread_mutex_unlock(&shared->mutex);
}

atomic_uint *devid_shared_in_flight(struct devid_shared *shared)
{
    return &shared->in_flight;
}
