/* SPDX-License-Identifier: BSD-2-Clause */
/* A write of ours that fails is no end of the program: SIGPIPE, SIGXFSZ. Core's own. */
#ifndef DEVID_CORE_HELD_H
#define DEVID_CORE_HELD_H

#include <signal.h>
#include <stdbool.h>

struct devid_held {
    sigset_t before;
    int signal;
    bool was_pending;
};

/** From here on the signal does not reach this thread. Two system calls with the release. */
void devid_signal_hold(struct devid_held *held, int signal);
/** \param has_failed  what was written meanwhile: then the signal that it raised, and no other, is taken away */
void devid_signal_release(struct devid_held *held, bool has_failed);

#endif
