/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. POSIX: robust mutexes, pthread_mutexattr_setrobust(3). */
#include "core/shared.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define ANSWER_MS 120000 /* the longest that a TPM may think: making an RSA key */
#define ANSWER_MAX 4096  /* bytes */

struct devid_shared {
    pthread_mutex_t mutex;
    atomic_bool in_flight;
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
    atomic_init(&made->in_flight, false);
    *out = made;
    return DEVID_OK;
}

void devid_shared_free(struct devid_shared *shared)
{
    if (shared != NULL)
        (void)munmap(shared, sizeof *shared);
}

/* An answer says its length in bytes 2 to 5. A device gives it at one read, a pipe perhaps not. */
static bool throw_away(TSS2_TCTI_CONTEXT *real)
{
    TSS2_TCTI_POLL_HANDLE handle = {.fd = -1, .events = POLLIN};
    unsigned char answer[ANSWER_MAX];
    size_t n = 1, done = 0, len = 10;

    if (Tss2_Tcti_GetPollHandles(real, &handle, &n) != TSS2_RC_SUCCESS || n != 1 || handle.fd < 0)
        return false;
    handle.events = POLLIN;
    while (done < len) {
        int ready = poll(&handle, 1, ANSWER_MS);
        ssize_t got;

        if (ready < 0 && errno == EINTR)
            continue;
        got = ready == 1 ? read(handle.fd, answer + done, sizeof answer - done) : 0;
        if (got <= 0)
            return false;
        done += (size_t)got;
        if (done >= 10)
            len = (size_t)answer[2] << 24 | (size_t)answer[3] << 16 | (size_t)answer[4] << 8 | answer[5];
        if (len > sizeof answer)
            return false;
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
    if (atomic_load(&shared->in_flight) && !throw_away(real)) {
        devid_shared_leave(shared);
        return devid_fail(err, DEVID_E_AWAY,
                          "another process died while it used the connection that this one shares: start them anew");
    }
    atomic_store(&shared->in_flight, false);
    return DEVID_OK;
}

void devid_shared_leave(struct devid_shared *shared)
{
    (void)pthread_mutex_unlock(&shared->mutex);
}

atomic_bool *devid_shared_in_flight(struct devid_shared *shared)
{
    return &shared->in_flight;
}
