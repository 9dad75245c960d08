/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that fail, for LD_PRELOAD: what a process changes below the folders FILE_FAULT_DIRS ("/a:/b") is counted, each write, fsync, rename, unlink,
 * mkdir and new temporary file, and with FILE_FAULT=N:KIND the N-th
 *
 *   fail   fails once, EIO
 *   full   and all after it that need room fail, ENOSPC
 *   die    is done, and the process gets SIGKILL
 *
 * FILE_FAULT_LOG=FILE takes a line for each.
 *
 * KILL_BEFORE_RENAME=N and KILL_AFTER_RENAME=N: a power cut beside the N-th rename, wherever that is. One that fails counts too.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum outcome { PASS, FAIL, DIE };

/* A function pointer cannot be cast from dlsym's. */
union next {
    void *symbol;
    int (*rename)(const char *, const char *);
    int (*unlink)(const char *);
    int (*mkdir)(const char *, mode_t);
    int (*mkostemp)(char *, int);
};

static bool is_below(const char *path)
{
    const char *folder = getenv("FILE_FAULT_DIRS");

    while (folder != NULL) {
        size_t len = strcspn(folder, ":");

        if (strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == 0))
            return true;
        folder = folder[len] != 0 ? folder + len + 1 : NULL;
    }
    return false;
}

static bool fd_is_below(int fd)
{
    char link[64], path[4096];
    ssize_t len;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof path - 1);
    if (len < 0)
        return false;
    path[len] = 0;
    return is_below(path);
}

static void write_log(const char *what)
{
    const char *path = getenv("FILE_FAULT_LOG");
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;

    if (fd < 0)
        return;
    if (syscall(SYS_write, fd, what, strlen(what)) < 0 || syscall(SYS_write, fd, "\n", 1) < 0)
        abort(); /* a count that is not written would be a test that cannot fail */
    (void)close(fd);
}

/* Counted over all threads. An environment that cannot be read aborts: no test may pass by a typing error. */
static enum outcome next_outcome(const char *what, bool needs_room)
{
    static atomic_uint n_changes;
    const char *wanted = getenv("FILE_FAULT");
    unsigned at = 0, n = atomic_fetch_add(&n_changes, 1) + 1;
    char kind[8] = "";

    write_log(what);
    if (wanted == NULL)
        return PASS;
    if (sscanf(wanted, "%u:%7s", &at, kind) != 2)
        abort();
    if (strcmp(kind, "full") == 0) {
        errno = ENOSPC;
        return n >= at && needs_room ? FAIL : PASS;
    }
    if (strcmp(kind, "fail") != 0 && strcmp(kind, "die") != 0)
        abort();
    errno = EIO;
    if (n != at)
        return PASS;
    return kind[0] == 'd' ? DIE : FAIL;
}

static int done(enum outcome outcome, int result)
{
    if (outcome == DIE)
        (void)kill(getpid(), SIGKILL);
    return result;
}

EXPORT ssize_t write(int fd, const void *data, size_t len)
{
    enum outcome outcome = fd_is_below(fd) ? next_outcome("write", true) : PASS;
    ssize_t n;

    if (outcome == FAIL)
        return -1;
    n = (ssize_t)syscall(SYS_write, fd, data, len);
    (void)done(outcome, 0);
    return n;
}

EXPORT int fsync(int fd)
{
    enum outcome outcome = fd_is_below(fd) ? next_outcome("fsync", true) : PASS;

    return outcome == FAIL ? -1 : done(outcome, (int)syscall(SYS_fsync, fd));
}

static void die_if(const char *variable, int n)
{
    const char *at = getenv(variable);

    if (at != NULL && atoi(at) == n)
        (void)kill(getpid(), SIGKILL);
}

EXPORT int rename(const char *from, const char *to)
{
    static atomic_int n_renames;
    union next next = {.symbol = dlsym(RTLD_NEXT, "rename")};
    int n = atomic_fetch_add(&n_renames, 1) + 1, result;
    enum outcome outcome;

    die_if("KILL_BEFORE_RENAME", n);
    outcome = is_below(to) ? next_outcome("rename", false) : PASS;
    result = outcome == FAIL ? -1 : done(outcome, next.rename(from, to));
    die_if("KILL_AFTER_RENAME", n);
    return result;
}

EXPORT int unlink(const char *path)
{
    union next next = {.symbol = dlsym(RTLD_NEXT, "unlink")};
    enum outcome outcome = is_below(path) ? next_outcome("unlink", false) : PASS;

    return outcome == FAIL ? -1 : done(outcome, next.unlink(path));
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    union next next = {.symbol = dlsym(RTLD_NEXT, "mkdir")};
    enum outcome outcome = is_below(path) && access(path, F_OK) != 0 ? next_outcome("mkdir", true) : PASS;

    return outcome == FAIL ? -1 : done(outcome, next.mkdir(path, mode));
}

EXPORT int mkostemp(char *template, int flags)
{
    union next next = {.symbol = dlsym(RTLD_NEXT, "mkostemp")};
    enum outcome outcome = is_below(template) ? next_outcome("mkostemp", true) : PASS;

    return outcome == FAIL ? -1 : done(outcome, next.mkostemp(template, flags));
}
