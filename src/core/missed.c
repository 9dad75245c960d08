/* SPDX-License-Identifier: BSD-2-Clause */
/* Who finds nothing is told of the file that could not be read, and whose rights have to change. */
#include "core/missed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

#define PATH_ROOM 4096

/* By this process's effective user, who opens the files. */
static bool is_denied(const char *path, int what)
{
    return faccessat(AT_FDCWD, path, what, AT_EACCESS) != 0 && errno == EACCES;
}

/* The first folder on the way to path that is closed to us, else path itself. \return what is missing there, 0: nothing */
static int what_is_denied(const char *path, char at[PATH_ROOM])
{
    struct stat st;
    int what;

    if (strlen(path) >= PATH_ROOM)
        return 0;
    for (size_t i = 1; path[i] != 0; i++) {
        if (path[i] != '/')
            continue;
        (void)snprintf(at, PATH_ROOM, "%.*s", (int)i, path);
        if (is_denied(at, X_OK))
            return X_OK;
    }
    (void)snprintf(at, PATH_ROOM, "%s", path);
    what = stat(at, &st) == 0 && S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK;
    return is_denied(at, what) ? what : 0;
}

static const char *verb_of(int what)
{
    return what == X_OK ? "entered" : "read";
}

static const char *mode_of(int what)
{
    return what == X_OK ? "a+x" : what == R_OK ? "a+r" : "a+rx";
}

/* Its group may, where it is closed to all others: then that is how it is meant. */
static bool has_group(const char *path, int what)
{
    mode_t bits = (what & R_OK ? S_IRGRP : 0U) | (what & X_OK ? S_IXGRP : 0U);
    struct stat st;

    return stat(path, &st) == 0 && (st.st_mode & bits) == bits;
}

static void explain(struct devid_missed *one, const char *path, const char *why)
{
    struct devid_error err = {0};
    char at[PATH_ROOM];
    int what = one->rc == DEVID_E_FILE ? what_is_denied(path, at) : 0;

    if (what != 0 && has_group(at, what))
        one->rc = devid_fail(&err, DEVID_E_DENIED, "%s may not be %s by this user: add the user to its group, or chmod %s", at, verb_of(what),
                             mode_of(what));
    else if (what != 0)
        one->rc = devid_fail(&err, DEVID_E_DENIED, "%s may not be %s by this user: chmod %s, or give it to a group that the user is in", at,
                             verb_of(what), mode_of(what));
    else if (one->rc == DEVID_E_DATA)
        (void)devid_fail(&err, one->rc, "%s is damaged: %s; put it back from a copy, or see \"devid doctor\"", path, why);
    else
        (void)devid_fail(&err, one->rc, "%s", why);
    memcpy(one->text, err.text, sizeof one->text);
}

devid_rc devid_missed_add(struct devid_missed_list *m, const char *token, const char *label, const char *path, devid_rc rc,
                          const char *why, struct devid_error *err)
{
    struct devid_missed one = {.rc = rc}, *grown = realloc(m->list, (m->n + 1) * sizeof *grown);

    if (grown == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    m->list = grown;
    (void)snprintf(one.token, sizeof one.token, "%s", token);
    (void)snprintf(one.label, sizeof one.label, "%s", label != NULL ? label : "");
    explain(&one, path, why);
    devid_log(DEVID_LOG_ERROR, "core/store", "passed over: %s", one.text);
    m->list[m->n++] = one;
    return DEVID_OK;
}

static bool may_be(const char *missed, const char *wanted)
{
    return wanted == NULL || missed[0] == 0 || strcmp(missed, wanted) == 0;
}

const struct devid_missed *devid_missed_find(const struct devid_missed_list *m, const struct devid_query *query)
{
    for (size_t i = 0; i < m->n && query->handle == 0; i++)
        if (may_be(m->list[i].token, query->token) && may_be(m->list[i].label, query->label))
            return &m->list[i];
    return NULL;
}

bool devid_missed_same(const struct devid_missed_list *a, const struct devid_missed_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->list[i].token, b->list[i].token) != 0 || strcmp(a->list[i].label, b->list[i].label) != 0 ||
            strcmp(a->list[i].text, b->list[i].text) != 0)
            return false;
    return true;
}

void devid_missed_free(struct devid_missed_list *m)
{
    free(m->list);
    *m = (struct devid_missed_list){0};
}
