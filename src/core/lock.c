/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue between threads, flock between processes. */
#include "core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct devid_waiter {
    pthread_cond_t turn;
    bool has_turn;
    struct devid_waiter *next;
};

void devid_fair_init(struct devid_fair *lock)
{
    static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

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
