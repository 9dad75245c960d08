/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A full disk, for LD_PRELOAD: the process's N-th fsync, with NO_SPACE_AT=N, and all after it fail with ENOSPC, as a file system
 * does that finds room late.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) int fsync(int fd)
{
    static atomic_int n_syncs;
    const char *at = getenv("NO_SPACE_AT");

    if (at != NULL && atomic_fetch_add(&n_syncs, 1) + 1 >= atoi(at)) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}
