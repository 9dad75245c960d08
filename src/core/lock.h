/* SPDX-License-Identifier: BSD-2-Clause */
/* Two locks: a fair one between the threads of a process, and flock between processes. */
#ifndef DEVID_CORE_LOCK_H
#define DEVID_CORE_LOCK_H

#include <pthread.h>

#include "core/error.h"

struct devid_waiter;

/* First come, first served: each waiter has its own condition, so one thread wakes, not all. */
struct devid_fair {
    pthread_mutex_t mutex;
    bool is_held;
    struct devid_waiter *head, *tail;
};

/** Also puts a fresh, free lock in place of one whose holder does not exist in this process. */
void devid_fair_init(struct devid_fair *lock);
void devid_fair_enter(struct devid_fair *lock);
void devid_fair_leave(struct devid_fair *lock);

/**
 * Take flock(LOCK_EX) on a folder: no file is made, a read-only folder will do, and the
 * kernel frees it when its holder dies.
 *
 * \param fd  receives the descriptor to give to devid_flock_leave; -1 if there is no such folder:
 *            nothing to lock by, and no error
 */
devid_rc devid_flock_enter(const char *folder, int *fd, struct devid_error *err);
/** -1 allowed. */
void devid_flock_leave(int fd);

#endif
