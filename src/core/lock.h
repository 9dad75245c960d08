/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks between the threads of a process, which a child of fork finds free, and flock between processes. */
#ifndef DEVID_CORE_LOCK_H
#define DEVID_CORE_LOCK_H

#include <pthread.h>
#include <sys/types.h>

#include "core/error.h"

/* The process that a state in memory is of: in a child of fork its locks may be held by threads that are not there. */
struct devid_owner {
    _Atomic pid_t pid;
};

void devid_owner_init(struct devid_owner *owner);
bool devid_owner_is_self(const struct devid_owner *owner);
/**
 * Before any lock is touched.
 * \return true for the first thread to come in a child: it puts the state anew and calls devid_owner_settle, and
 *         the others wait for that
 */
bool devid_owner_moved(struct devid_owner *owner);
void devid_owner_settle(struct devid_owner *owner);

/* A mutex that is free in a child, whoever held it in the parent. */
struct devid_mutex {
    pthread_mutex_t mutex;
    struct devid_owner owner;
    bool was_held;
};

void devid_mutex_init(struct devid_mutex *mutex);
/**
 * \return true, once in a child, if a thread of the parent held it at fork: what it guards may be half changed, and is
 *         to be made anew
 */
bool devid_mutex_lock(struct devid_mutex *mutex);
void devid_mutex_unlock(struct devid_mutex *mutex);

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
/**
 * The same for a folder that users may lock who have no business with it: any who may read it. Who holds it dies or lets go of it in time, or
 * the wait ends.
 * \param patience  seconds in which nobody lets go of it: then this gives up; after five times as long it does in any case
 * \return DEVID_E_BUSY with the folder's name
 */
devid_rc devid_flock_wait(const char *folder, unsigned patience, int *fd, struct devid_error *err);
/** -1 allowed. */
void devid_flock_leave(int fd);

#endif
