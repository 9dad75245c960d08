/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose turn it is: threads, children of fork, other processes. */
#include "core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define EAGER 100 /* looks at a lock, each so much later, before the waiter has itself woken */
#define EAGER_NS 150000
#define LOOK_AGAIN_MS 50

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

static time_t seconds_now(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Sleep until somebody lets go of the folder, or for a while: who is killed lets go after it was told. \return whether somebody has */
static bool sleep_till_closed(int watch)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    struct pollfd p = {.fd = watch, .events = POLLIN};
    bool is_closed = false;
    ssize_t n;

    (void)poll(&p, 1, LOOK_AGAIN_MS); /* a negative fd: only the time */
    while (watch >= 0 && (n = read(watch, events, sizeof events)) > 0)
        for (const char *at = events; at < events + n; at += sizeof(struct inotify_event) + ((const struct inotify_event *)(const void *)at)->len)
            if (((const struct inotify_event *)(const void *)at)->len == 0) /* the folder itself, no file in it */
                is_closed = true;
    return is_closed;
}

static int lock_now(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

/* flock(2) has no time limit, and a signal that would end it is the program's. \return 0 or errno */
static int lock_in_time(int fd, const char *folder, unsigned patience)
{
    time_t start = seconds_now(), progress = start, now = start;
    int watch = -1, why = lock_now(fd);

    for (int i = 0; i < EAGER && why == EWOULDBLOCK; i++) { /* a watch costs some milliseconds when it ends */
        (void)nanosleep(&(struct timespec){.tv_nsec = EAGER_NS}, NULL);
        why = lock_now(fd);
    }
    if (why == EWOULDBLOCK && (watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) >= 0)
        (void)inotify_add_watch(watch, folder, IN_CLOSE_NOWRITE | IN_ONLYDIR);
    while ((why == EWOULDBLOCK || why == EINTR) && now - progress < (time_t)patience && now - start < 5 * (time_t)patience) {
        why = lock_now(fd);
        if (why == EWOULDBLOCK && sleep_till_closed(watch))
            progress = seconds_now();
        now = seconds_now();
    }
    if (watch >= 0)
        (void)close(watch);
    return why;
}

static int lock_for_ever(int fd)
{
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

devid_rc devid_flock_wait(const char *folder, unsigned patience, int *fd, struct devid_error *err)
{
    int opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), why;

    *fd = -1;
    if (opened < 0 && (errno == ENOENT || errno == EACCES))
        return DEVID_OK;
    if (opened < 0)
        return devid_fail(err, DEVID_E_FILE, "cannot open %s: %s", folder, strerror(errno));
    why = patience != 0 ? lock_in_time(opened, folder, patience) : lock_for_ever(opened);
    if (why == 0) {
        *fd = opened;
        return DEVID_OK;
    }
    (void)close(opened);
    if (why == EWOULDBLOCK || why == EINTR)
        return devid_fail(err, DEVID_E_BUSY, "for %u seconds another process has held %s locked, by which users of the TPM take turns: lslocks(8) tells which; "
                          "who may not use the TPM need not read the folder (chgrp, chmod 750)", patience, folder);
    return devid_fail(err, DEVID_E_FILE, "cannot lock %s: %s", folder, strerror(why));
}

devid_rc devid_flock_enter(const char *folder, int *fd, struct devid_error *err)
{
    return devid_flock_wait(folder, 0, fd, err);
}

void devid_flock_leave(int fd)
{
    if (fd < 0)
        return;
    (void)flock(fd, LOCK_UN); /* closing is not enough: a child forked meanwhile has a copy, and may keep it for long */
    (void)close(fd);
}
