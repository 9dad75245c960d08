/* SPDX-License-Identifier: BSD-2-Clause */
/* devid doctor: the state folder, who owns what in it, and files that cannot be read as what they are. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files.h"
#include "doctor.h"

#define FOLDERS_OPEN 16

/* nftw(3) takes no argument of ours. The first of each kind is told, for the remedy is one command. */
static struct seen {
    uid_t owner;
    char foreign[512], open[512];
} seen;

static int look(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)at;
    if (kind == FTW_D && st->st_uid != seen.owner && seen.foreign[0] == 0) /* a file in a folder of its own can be replaced, whoever made it */
        (void)snprintf(seen.foreign, sizeof seen.foreign, "%s", path);
    if (kind != FTW_NS && !S_ISLNK(st->st_mode) && (st->st_mode & S_IWOTH) != 0 && seen.open[0] == 0)
        (void)snprintf(seen.open, sizeof seen.open, "%s", path);
    return 0;
}

static void examine_owners(struct examination *x, const char *state, uid_t owner)
{
    const struct passwd *user = getpwuid(owner);
    char name[64];

    (void)snprintf(name, sizeof name, "%s", user != NULL ? user->pw_name : "the folder's owner");
    seen = (struct seen){.owner = owner};
    (void)nftw(state, look, FOLDERS_OPEN, FTW_PHYS);
    if (seen.open[0] != 0)
        bad(x, "%s may be changed by everybody, who can then exchange keys and trust: chmod -R o-w %s", seen.open, state);
    if (seen.foreign[0] != 0)
        bad(x, "%s is not %s's, as the state folder is: chown -R %s: %s", seen.foreign, name, name, state);
}

/* Of each file of an identity, whether the store has taken it. */
static void examine_token(struct examination *x, const struct devid_snapshot *snap, const char *token_name, const char *folder)
{
    const struct devid_identity *identity;
    char token[256], label[256];
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir != NULL && devid_files_label(token_name, strlen(token_name), token) && (entry = readdir(dir)) != NULL) {
        struct devid_query query = {.token = token, .label = label};

        if (!devid_files_is(entry->d_name, ".pem") || !devid_files_label(entry->d_name, strlen(entry->d_name) - 4, label))
            continue;
        if (devid_snapshot_find(snap, &query, &identity, NULL) != DEVID_OK)
            bad(x, "%s/%s is damaged, or may not be read; DEVID_LOG=info tells more. Put it back from a copy, or remove it and run "
                "\"devid provision\"", folder, entry->d_name);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static void examine_files(struct examination *x, const char *state)
{
    struct devid_snapshot *snap = NULL;
    DIR *dir = opendir(state);
    char folder[4096];
    struct dirent *entry;

    if (devid_store_snapshot(x->tool->store, &snap, NULL) == DEVID_OK)
        while (dir != NULL && (entry = readdir(dir)) != NULL)
            if (entry->d_name[0] != '.' && (size_t)snprintf(folder, sizeof folder, "%s/%s", state, entry->d_name) < sizeof folder)
                examine_token(x, snap, entry->d_name, folder);
    devid_snapshot_free(snap);
    if (dir != NULL)
        (void)closedir(dir);
}

void examine_state(struct examination *x)
{
    const char *state = x->conf->state;
    struct stat st;

    if (access(state, W_OK | X_OK) == 0)
        good("state folder %s can be written", state);
    else if (access(state, R_OK | X_OK) == 0)
        good("state folder %s can be read; provisioning needs to write it, signing does not", state);
    else
        bad(x, "state folder %s: %s; run \"devid provision\" as its owner", state, strerror(errno));
    if (stat(state, &st) == 0) {
        examine_owners(x, state, st.st_uid);
        examine_files(x, state);
    }
}
