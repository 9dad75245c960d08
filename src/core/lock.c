/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose turn it is: threads, children of fork, other processes. */
#include "core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

void devid_owner_init(struct devid_owner *owner)
{
    atomic_store(&owner->pid, getpid());
}

bool devid_owner_is_self(const struct devid_owner *owner)
{
    return atomic_load(&((struct devid_owner *)(uintptr_t)owner)->pid) == getpid();
}

/* -pid says that a thread of this process is at it. */
bool devid_owner_moved(struct devid_owner *owner)
{
    const struct timespec pause = {.tv_nsec = 100000};
    pid_t self = getpid(), known = atomic_load(&owner->pid);

    while (known != self) {
        if (known != -self && atomic_compare_exchange_strong(&owner->pid, &known, -self))
            return true;
        (void)nanosleep(&pause, NULL);
        known = atomic_load(&owner->pid);
    }
    return false;
}

void devid_owner_settle(struct devid_owner *owner)
{
    atomic_store(&owner->pid, getpid());
}

static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

void devid_mutex_init(struct devid_mutex *mutex)
{
    mutex->mutex = fresh;
    mutex->was_held = false;
    devid_owner_init(&mutex->owner);
}

bool devid_mutex_lock(struct devid_mutex *mutex)
{
    bool was_held;

    if (devid_owner_moved(&mutex->owner)) {
        if (pthread_mutex_trylock(&mutex->mutex) == 0)
            (void)pthread_mutex_unlock(&mutex->mutex);
        else
            mutex->was_held = true;
        mutex->mutex = fresh;
        devid_owner_settle(&mutex->owner);
    }
    (void)pthread_mutex_lock(&mutex->mutex);
    was_held = mutex->was_held;
    mutex->was_held = false;
    return was_held;
}

void devid_mutex_unlock(struct devid_mutex *mutex)
{
    (void)pthread_mutex_unlock(&mutex->mutex);
}

struct devid_waiter {
    pthread_cond_t turn;
    bool has_turn;
    struct devid_waiter *next;
};

void devid_fair_init(struct devid_fair *lock)
{
    lock->mutex = fresh;
    lock->is_held = false;
    lock->head = lock->tail = NULL;
}

void devid_fair_enter(struct devid_fair *lock)
{
    struct devid_waiter self = {.turn = PTHREAD_COND_INITIALIZER};

    (void)pthread_mutex_lock(&lock->mutex);
    if (!lock->is_held) {
        lock->is_held = true;
    } else {
        if (lock->tail != NULL)
            lock->tail->next = &self;
        else
            lock->head = &self;
        lock->tail = &self;
        while (!self.has_turn)
            (void)pthread_cond_wait(&self.turn, &lock->mutex);
    }
    (void)pthread_mutex_unlock(&lock->mutex);
    (void)pthread_cond_destroy(&self.turn);
}

/* The lock is handed to the first in the queue and never free in between: nobody overtakes. */
void devid_fair_leave(struct devid_fair *lock)
{
    struct devid_waiter *first;

    (void)pthread_mutex_lock(&lock->mutex);
    first = lock->head;
    if (first == NULL) {
        lock->is_held = false;
    } else {
        lock->head = first->next;
        if (lock->head == NULL)
            lock->tail = NULL;
        first->has_turn = true;
        (void)pthread_cond_signal(&first->turn);
    }
    (void)pthread_mutex_unlock(&lock->mutex);
}

devid_rc devid_flock_enter(const char *folder, int *fd, struct devid_error *err)
{
    int opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *fd = -1;
    if (opened < 0 && (errno == ENOENT || errno == EACCES))
        return DEVID_OK;
    if (opened < 0)
        return devid_fail(err, DEVID_E_FILE, "cannot open %s: %s", folder, strerror(errno));
    while (flock(opened, LOCK_EX) != 0)
        if (errno != EINTR) {
            int why = errno;

            (void)close(opened);
            return devid_fail(err, DEVID_E_FILE, "cannot lock %s: %s", folder, strerror(why));
        }
    *fd = opened;
    return DEVID_OK;
}

void devid_flock_leave(int fd)
{
    if (fd < 0)
        return;
    (void)flock(fd, LOCK_UN); /* closing is not enough: a child forked meanwhile has a copy, and may keep it for long */
    (void)close(fd);
}
