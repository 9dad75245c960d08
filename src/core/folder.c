/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a token's folder: each file once, for as long as it is the same file. */
#include "core/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/put.h"
#include "core/watch.h"

#define PATH_ROOM 4096

/* Which folder, and what of it was known before. */
struct reading {
    struct devid_store *store;
    const char *token, *folder;
    const struct devid_snapshot *before;
    struct devid_snapshot *snap;
};

/* What tells a file from the next one of its name: each change makes a new inode, or moves the time of its change. */
static struct devid_stamp stamp_of(int folder, const char *name)
{
    struct timespec now = {0};
    struct stat st;

    if (fstatat(folder, name, &st, 0) != 0)
        return (struct devid_stamp){0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (struct devid_stamp){.device = st.st_dev,
                                .inode = st.st_ino,
                                .size = st.st_size,
                                .changed = devid_watch_ns(&st.st_ctim),
                                .is_settled = devid_watch_ns(&st.st_ctim) + DEVID_WATCH_SETTLED_NS <= devid_watch_ns(&now)};
}

static bool is_same_file(const struct devid_stamp *a, const struct devid_stamp *b)
{
    return a->is_settled && b->is_settled && a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed == b->changed;
}

/* An identity's file is missed by who looks for that identity. */
static devid_rc miss(const struct reading *r, const char *name, devid_rc rc, const struct devid_error *why, struct devid_error *err)
{
    char path[PATH_ROOM], label[256];

    if (!devid_files_label(name, strlen(name) - 4, label) || (size_t)snprintf(path, sizeof path, "%s/%s", r->folder, name) >= sizeof path)
        return DEVID_OK;
    return devid_missed_add(devid_snapshot_missed(r->snap), r->token, label, path, rc, why->text, err);
}

/* One damaged file must not hide the others. */
static devid_rc pass_over(const struct reading *r, const char *name, devid_rc rc, const struct devid_error *why,
                          struct devid_error *err)
{
    if (rc == DEVID_E_MEM)
        return devid_fail(err, rc, "%s", why->text);
    if (rc != DEVID_E_ABSENT) /* else removed since the folder was listed */
        devid_log(DEVID_LOG_ERROR, "core/store", "%s/%s is passed over: %s", r->folder, name, why->text);
    return DEVID_OK;
}

static devid_rc read_file(const struct reading *r, const char *name, struct devid_bytes *file, struct devid_error *why)
{
    char path[PATH_ROOM];

    if ((size_t)snprintf(path, sizeof path, "%s/%s", r->folder, name) >= sizeof path)
        return devid_fail(why, DEVID_E_FILE, "its path is too long");
    return devid_file_read(path, DEVID_RECORD_MAX, file, why);
}

/* Two files of one label would be two identities of one name. */
static devid_rc check_name(const struct devid_entry *entry, const char *name, struct devid_error *err)
{
    char expected[256] = "";

    if (devid_put_name(entry->identity.label, expected, NULL) == DEVID_OK && strcmp(expected, name) == 0)
        return DEVID_OK;
    return devid_fail(err, DEVID_E_DATA, "the file of \"%s\" is named %s", entry->identity.label, expected);
}

static devid_rc add_identity(const struct reading *r, const char *name, struct devid_stamp stamp, struct devid_error *err)
{
    struct devid_entry *entry = devid_snapshot_entry(r->before, r->token, name);
    struct devid_bytes file = {0};
    struct devid_error why = {0};
    devid_rc rc;

    /* what the cache knows of a handle is not in the file */
    if (entry != NULL && entry->identity.key_place == DEVID_PLACE_BLOB && is_same_file(&entry->stamp, &stamp)) {
        (void)atomic_fetch_add(&entry->holders, 1);
        return devid_snapshot_add(r->snap, entry, err);
    }
    entry = NULL;
    rc = read_file(r, name, &file, &why);
    if (rc == DEVID_OK)
        rc = devid_entry_read(r->store, r->token, devid_slice_of(file), &entry, &why);
    devid_bytes_free(&file);
    if (rc == DEVID_OK)
        rc = check_name(entry, name, &why);
    if (rc != DEVID_OK) {
        devid_entry_free(entry);
        return rc == DEVID_E_ABSENT || rc == DEVID_E_MEM ? pass_over(r, name, rc, &why, err) : miss(r, name, rc, &why, err);
    }
    entry->stamp = stamp;
    return devid_snapshot_add(r->snap, entry, err);
}

static devid_rc add_item(const struct reading *r, const char *file_name, struct devid_stamp stamp,
                         struct devid_error *err)
{
    struct devid_item_entry *entry;
    struct devid_bytes file = {0};
    struct devid_error why = {0};
    char name[DEVID_ITEM_NAME + 8];
    devid_rc rc;

    (void)snprintf(name, sizeof name, "%.*s", (int)strlen(file_name) - 4, file_name);
    entry = devid_snapshot_item_entry(r->before, r->token, name);
    if (entry != NULL && is_same_file(&entry->stamp, &stamp)) {
        (void)atomic_fetch_add(&entry->holders, 1);
        return devid_snapshot_add_item(r->snap, entry, err);
    }
    rc = read_file(r, file_name, &file, &why);
    if (rc == DEVID_OK)
        rc = devid_item_read(r->token, name, devid_slice_of(file), &entry, &why);
    devid_bytes_free(&file);
    if (rc != DEVID_OK)
        return pass_over(r, file_name, rc, &why, err);
    entry->stamp = stamp;
    return devid_snapshot_add_item(r->snap, entry, err);
}

/* A PIN that nobody can check hides the keys all the same. */
static devid_rc add_token(const struct reading *r, struct devid_error *err)
{
    struct devid_token token = {0};
    struct devid_bytes file = {0};
    struct devid_error why = {0};
    devid_rc rc = read_file(r, DEVID_TOKEN_FILE, &file, &why);

    if (rc == DEVID_OK)
        rc = devid_token_read(r->token, devid_slice_of(file), &token, &why);
    devid_bytes_free(&file);
    if (rc == DEVID_E_ABSENT)
        return DEVID_OK;
    if (rc != DEVID_OK) {
        rc = pass_over(r, DEVID_TOKEN_FILE, rc, &why, err);
        token.name = strdup(r->token);
        if (rc == DEVID_OK && token.name == NULL)
            rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    return rc == DEVID_OK ? devid_snapshot_add_token(r->snap, &token, err) : rc;
}

/* With errno of opendir. What is no folder, or not there, hides nothing. */
static devid_rc miss_folder(struct devid_snapshot *snap, const char *token, const char *folder, struct devid_error *err)
{
    struct devid_error why = {0};

    if (errno == ENOENT || errno == ENOTDIR)
        return DEVID_OK;
    (void)devid_fail(&why, DEVID_E_FILE, "cannot read the folder %s: %s", folder, strerror(errno));
    return devid_missed_add(devid_snapshot_missed(snap), token, NULL, folder, DEVID_E_FILE, why.text, err);
}

devid_rc devid_folder_look(const char *state, struct devid_snapshot *snap, struct devid_error *err)
{
    return faccessat(AT_FDCWD, state, R_OK | X_OK, AT_EACCESS) == 0 ? DEVID_OK : miss_folder(snap, "", state, err);
}

devid_rc devid_folder_read(struct devid_store *store, const char *token, const struct devid_snapshot *before,
                           struct devid_snapshot *snap, struct devid_error *err)
{
    struct devid_bytes folder = {0};
    struct dirent *entry;
    struct reading r = {.store = store, .token = token, .before = before, .snap = snap};
    DIR *dir;
    devid_rc rc = devid_store_token_folder(store, token, &folder, err);

    if (rc != DEVID_OK)
        return rc;
    r.folder = (const char *)folder.data;
    dir = opendir(r.folder);
    if (dir == NULL)
        rc = miss_folder(snap, token, r.folder, err);
    while (rc == DEVID_OK && dir != NULL && (entry = readdir(dir)) != NULL) {
        if (devid_files_is(entry->d_name, ".pem"))
            rc = add_identity(&r, entry->d_name, stamp_of(dirfd(dir), entry->d_name), err);
        else if (devid_files_is(entry->d_name, ".obj"))
            rc = add_item(&r, entry->d_name, stamp_of(dirfd(dir), entry->d_name), err);
        else if (strcmp(entry->d_name, DEVID_TOKEN_FILE) == 0)
            rc = add_token(&r, err);
    }
    if (dir != NULL)
        (void)closedir(dir);
    devid_bytes_free(&folder);
    return rc;
}
