/* SPDX-License-Identifier: BSD-2-Clause */
/* The folders that identities are read from, and when each was changed last: one stat each tells whether to read. Core's own. */
#ifndef DEVID_CORE_WATCH_H
#define DEVID_CORE_WATCH_H

#include <time.h>

#include "core/conf.h"

struct devid_watch {
    struct devid_seen {
        char *token;  /* "": the state folder itself, where tokens come and go */
        char *folder; /* its path */
        int64_t when; /* ns since 1970; -1: it is not there */
    } *seen;
    size_t n_seen;
    bool is_settled; /* false: a folder was changed so lately that its next change may not show */
};

#define DEVID_WATCH_SETTLED_NS INT64_C(20000000) /* a time stamp is as coarse as the kernel's tick, 10 ms at most */

/** Since 1970. */
int64_t devid_watch_ns(const struct timespec *t);

void devid_watch_free(struct devid_watch *w);

/**
 * Look which token folders there are: those that the configuration names and those of the state folder. Before their
 * files are read, so that a change meanwhile is seen the next time.
 */
devid_rc devid_watch_look(struct devid_watch *w, const struct devid_conf *conf, struct devid_error *err);

/** True if the folders say that something was changed since the look. */
bool devid_watch_changed(const struct devid_watch *w);

/** True if nothing was changed since the look. */
bool devid_watch_holds(const struct devid_watch *w);

#endif
