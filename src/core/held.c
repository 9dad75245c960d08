/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. Both signals are sent to the thread that writes: signal(7), write(2). */
#include "core/held.h"

#include <errno.h>
#include <time.h>

void devid_signal_hold(struct devid_held *held, int signal)
{
    sigset_t it, pending;

    held->signal = signal;
    (void)sigemptyset(&it);
    (void)sigaddset(&it, signal);
    (void)sigemptyset(&held->before);
    (void)pthread_sigmask(SIG_BLOCK, &it, &held->before);
    /* one that is not blocked is not pending */
    held->was_pending = sigismember(&held->before, signal) == 1 && sigpending(&pending) == 0 && sigismember(&pending, signal) == 1;
}

void devid_signal_release(struct devid_held *held, bool has_failed)
{
    const struct timespec at_once = {0};
    int before = errno;
    sigset_t it;

    (void)sigemptyset(&it);
    (void)sigaddset(&it, held->signal);
    while (has_failed && !held->was_pending && sigtimedwait(&it, NULL, &at_once) < 0 && errno == EINTR)
        ;
    (void)pthread_sigmask(SIG_SETMASK, &held->before, NULL);
    errno = before;
}
