/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A power cut beside a rename, for LD_PRELOAD: the process kills itself (SIGKILL) right after its N-th rename, with
 * KILL_AFTER_RENAME=N, or right before it, with KILL_BEFORE_RENAME=N. Renames that fail count too.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

int rename(const char *from, const char *to);
int renameat(int from_fd, const char *from, int to_fd, const char *to);
int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);

/* What comes after this library in the search for names. A function pointer cannot be cast from dlsym's. */
union next {
    void *symbol;
    int (*rename)(const char *, const char *);
    int (*renameat)(int, const char *, int, const char *);
    int (*renameat2)(int, const char *, int, const char *, unsigned);
};

static void die_if(const char *variable, int n)
{
    const char *at = getenv(variable);

    if (at != NULL && atoi(at) == n)
        (void)kill(getpid(), SIGKILL);
}

static int before(void)
{
    static atomic_int n_renames;
    int n = atomic_fetch_add(&n_renames, 1) + 1;

    die_if("KILL_BEFORE_RENAME", n);
    return n;
}

static int after(int n, int result)
{
    die_if("KILL_AFTER_RENAME", n);
    return result;
}

__attribute__((visibility("default"))) int rename(const char *from, const char *to)
{
    union next next = {.symbol = dlsym(RTLD_NEXT, "rename")};
    int n = before();

    return after(n, next.rename(from, to));
}

__attribute__((visibility("default"))) int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    union next next = {.symbol = dlsym(RTLD_NEXT, "renameat")};
    int n = before();

    return after(n, next.renameat(from_fd, from, to_fd, to));
}

__attribute__((visibility("default"))) int renameat2(int from_fd, const char *from, int to_fd, const char *to,
                                                     unsigned flags)
{
    union next next = {.symbol = dlsym(RTLD_NEXT, "renameat2")};
    int n = before();

    return after(n, next.renameat2(from_fd, from, to_fd, to, flags));
}
