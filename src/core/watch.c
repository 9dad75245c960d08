/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes by any process, seen by the folders' time stamps. */
#include "core/watch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/files.h"
#include "core/log.h"

void devid_watch_free(struct devid_watch *w)
{
    for (size_t i = 0; i < w->n_seen; i++) {
        free(w->seen[i].token);
        free(w->seen[i].folder);
    }
    free(w->seen);
    *w = (struct devid_watch){0};
}

int64_t devid_watch_ns(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static int64_t changed_at(const char *folder)
{
    struct stat st;

    return stat(folder, &st) == 0 ? devid_watch_ns(&st.st_mtim) : -1;
}

static char *folder_of(const struct devid_conf *conf, const char *token)
{
    struct devid_bytes name = {0};
    char *path = NULL;
    size_t room;

    if (devid_files_name(token, &name, NULL) == DEVID_OK) {
        room = strlen(conf->state) + name.len + 2;
        path = malloc(room);
        if (path != NULL)
            (void)snprintf(path, room, "%s/%s", conf->state, (const char *)name.data);
    }
    devid_bytes_free(&name);
    return path;
}

static devid_rc look_at(struct devid_watch *w, const struct devid_conf *conf, const char *token, struct devid_error *err)
{
    struct devid_seen *seen;
    struct timespec now;

    for (size_t i = 0; i < w->n_seen; i++)
        if (strcmp(w->seen[i].token, token) == 0)
            return DEVID_OK;
    seen = realloc(w->seen, (w->n_seen + 1) * sizeof *seen);
    if (seen == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    w->seen = seen;
    seen += w->n_seen;
    *seen = (struct devid_seen){.token = strdup(token), .folder = folder_of(conf, token)};
    w->n_seen++;
    if (seen->token == NULL || seen->folder == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    seen->when = changed_at(seen->folder);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (seen->when + DEVID_WATCH_SETTLED_NS > devid_watch_ns(&now))
        w->is_settled = false;
    return DEVID_OK;
}

/* A folder of the state is a token's if it is spelled so: two of one token would hide each other. */
static devid_rc look_at_folder(struct devid_watch *w, const struct devid_conf *conf, const char *folder,
                               struct devid_error *err)
{
    char token[256];

    if (devid_files_spelled(folder, token))
        return look_at(w, conf, token, err);
    devid_log(DEVID_LOG_ERROR, "core/watch", "%s/%s is passed over: no token has a folder that is spelled so", conf->state, folder);
    return DEVID_OK;
}

devid_rc devid_watch_look(struct devid_watch *w, const struct devid_conf *conf, struct devid_error *err)
{
    struct dirent *entry;
    DIR *dir;
    devid_rc rc;

    devid_watch_free(w);
    w->is_settled = true;
    rc = look_at(w, conf, "", err);
    for (size_t i = 0; rc == DEVID_OK && i < conf->n_identities; i++)
        rc = look_at(w, conf, conf->identities[i].token, err);
    if (rc == DEVID_OK)
        rc = look_at(w, conf, conf->owner_token, err);
    dir = opendir(conf->state);
    while (rc == DEVID_OK && dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK))
            rc = look_at_folder(w, conf, entry->d_name, err);
    if (dir != NULL)
        (void)closedir(dir);
    if (rc != DEVID_OK)
        w->is_settled = false;
    return rc;
}

bool devid_watch_changed(const struct devid_watch *w)
{
    for (size_t i = 0; i < w->n_seen; i++)
        if (changed_at(w->seen[i].folder) != w->seen[i].when)
            return true;
    return false;
}

bool devid_watch_holds(const struct devid_watch *w)
{
    return w->is_settled && !devid_watch_changed(w);
}
