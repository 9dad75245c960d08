/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of what is in a token, and of the token. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/counters.h"
#include "core/entry.h"
#include "core/files.h"
#include "core/put.h"
#include "core/token.h"

#define PATH_ROOM 4096

static bool is_object(const char *name)
{
    return devid_files_is(name, ".pem") || devid_files_is(name, ".obj");
}

static bool is_any(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* The first file of a folder that is such a one; false if there is none. */
static bool first_file(const char *folder, bool (*is_such)(const char *name), char name[256])
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    bool found = false;

    while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
        found = is_such(entry->d_name);
        if (found)
            (void)snprintf(name, 256, "%s", entry->d_name);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return found;
}

/* After the file is gone: who is killed between may count one too few, never one twice. */
static devid_rc remove_object(struct devid_store *store, const char *folder, const char *token, const char *name,
                              struct devid_error *err)
{
    struct devid_bytes file = {0};
    struct devid_entry *entry = NULL;
    char path[PATH_ROOM];
    devid_rc rc;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path &&
        devid_file_read(path, DEVID_RECORD_MAX, &file, NULL) == DEVID_OK)
        (void)devid_entry_read(store, token, devid_slice_of(file), &entry, NULL);
    rc = devid_files_remove(folder, name, err);
    if (rc == DEVID_OK && entry != NULL)
        devid_counters_count(store, &entry->identity, NULL);
    devid_entry_free(entry);
    devid_bytes_free(&file);
    return rc;
}

bool devid_token_object(const char *folder, char name[256])
{
    return first_file(folder, is_object, name);
}

devid_rc devid_token_empty(struct devid_store *store, const char *folder, const char *token, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;
    char name[256];

    while (rc == DEVID_OK && first_file(folder, is_object, name))
        rc = remove_object(store, folder, token, name, err);
    return rc;
}

/* The token's own file after its objects: as long as it is there, they are behind the PIN. */
static devid_rc remove_all(struct devid_store *store, const char *folder, const char *token, struct devid_error *err)
{
    devid_rc rc = devid_token_empty(store, folder, token, err);
    char name[256];

    while (rc == DEVID_OK && first_file(folder, is_any, name))
        rc = devid_files_remove(folder, name, err);
    if (rc == DEVID_OK && rmdir(folder) != 0 && errno != ENOENT)
        rc = devid_fail(err, DEVID_E_FILE, "%s cannot be removed: %s", folder, strerror(errno));
    return rc;
}

devid_rc devid_token_remove(struct devid_store *store, const char *token, struct devid_error *err)
{
    struct devid_bytes folder = {0};
    struct stat st;
    int fd = -1;
    devid_rc rc = devid_put_token(token, err);

    if (rc == DEVID_OK && devid_token_is_manufacturers(token))
        rc = devid_fail(err, DEVID_E_DENIED, "token \"%s\" is not the owner's to remove", token);
    if (rc == DEVID_OK)
        rc = devid_store_token_folder(store, token, &folder, err);
    if (rc == DEVID_OK && lstat((const char *)folder.data, &st) == 0) {
        rc = devid_flock_enter((const char *)folder.data, &fd, err);
        if (rc == DEVID_OK)
            rc = remove_all(store, (const char *)folder.data, token, err);
        devid_flock_leave(fd);
    }
    if (rc == DEVID_OK)
        devid_logout(store, token);
    devid_bytes_free(&folder);
    return rc;
}
