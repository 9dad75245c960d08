/* SPDX-License-Identifier: BSD-2-Clause */
/* A file is whole and old, or whole and new: written beside, synced, renamed. */
#include "core/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 4096

static devid_rc fail_errno(struct devid_error *err, const char *what, const char *path)
{
    int why = errno;
    const char *remedy = "";

    if (why == EACCES || why == EPERM)
        remedy = "; run as the owner of the folder, or change \"state =\"";
    else if (why == EROFS)
        remedy = "; the file system is read-only: point \"state =\" to one that can be written";
    else if (why == ENOSPC || why == EDQUOT || why == EFBIG)
        remedy = "; make room and run it again: nothing was changed";
    return devid_fail(err, DEVID_E_FILE, "cannot %s %s: %s%s", what, path, strerror(why), remedy);
}

/* Like mkdir -p. */
static devid_rc make_folders(const char *folder, struct devid_error *err)
{
    char path[PATH_ROOM];
    size_t len = strlen(folder);

    if (len == 0 || len >= sizeof path)
        return devid_fail(err, DEVID_E_FILE, "the path of the folder is too long");
    memcpy(path, folder, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        path[i] = 0;
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return fail_errno(err, "make the folder", path);
        path[i] = folder[i];
    }
    return DEVID_OK;
}

static devid_rc sync_folder(const char *folder, struct devid_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    devid_rc rc = DEVID_OK;

    /* some file systems cannot sync a folder, and say EINVAL */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        rc = fail_errno(err, "sync", folder);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static devid_rc write_all(int fd, const char *path, struct devid_slice content, struct devid_error *err)
{
    size_t done = 0;

    while (done < content.len) {
        ssize_t n = write(fd, content.data + done, content.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_errno(err, "write", path);
        done += (size_t)n;
    }
    if (fsync(fd) != 0 && errno != EINVAL)
        return fail_errno(err, "sync", path);
    return DEVID_OK;
}

devid_rc devid_files_replace_path(const char *path, struct devid_slice content, unsigned mode, struct devid_error *err)
{
    const char *slash = strrchr(path, '/');
    int folder_len = slash != NULL ? (int)(slash - path) : 0;
    char temporary[PATH_ROOM + 16], folder[PATH_ROOM];
    devid_rc rc;
    int fd;

    if (strlen(path) >= sizeof folder)
        return devid_fail(err, DEVID_E_FILE, "the path is too long: %s", path);
    (void)snprintf(folder, sizeof folder, "%.*s", folder_len, path);
    if (folder_len == 0)
        (void)snprintf(folder, sizeof folder, "%s", slash != NULL ? "/" : ".");
    /* hidden, so that no reader takes it for an identity, whenever it is left behind by a power cut */
    (void)snprintf(temporary, sizeof temporary, "%s/.new-XXXXXX", folder);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, "write in", folder);
    rc = write_all(fd, path, content, err);
    if (rc == DEVID_OK && fchmod(fd, (mode_t)mode) != 0)
        rc = fail_errno(err, "set the rights of", path);
    if (close(fd) != 0 && rc == DEVID_OK)
        rc = fail_errno(err, "write", path);
    if (rc == DEVID_OK && rename(temporary, path) != 0)
        rc = fail_errno(err, "replace", path);
    if (rc == DEVID_OK)
        return sync_folder(folder, err);
    (void)unlink(temporary);
    return rc;
}

devid_rc devid_files_replace(const char *folder, const char *name, struct devid_slice content, unsigned mode,
                             struct devid_error *err)
{
    char path[PATH_ROOM];
    devid_rc rc;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return devid_fail(err, DEVID_E_FILE, "the path is too long: %s/%s", folder, name);
    rc = make_folders(folder, err);
    return rc == DEVID_OK ? devid_files_replace_path(path, content, mode, err) : rc;
}

devid_rc devid_files_remove(const char *folder, const char *name, struct devid_error *err)
{
    char path[PATH_ROOM];

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return devid_fail(err, DEVID_E_FILE, "the path is too long: %s/%s", folder, name);
    if (unlink(path) == 0)
        return sync_folder(folder, err);
    return errno == ENOENT || errno == ENOTDIR ? DEVID_OK : fail_errno(err, "remove", path);
}

devid_rc devid_files_name(const char *label, struct devid_bytes *out, struct devid_error *err)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = 0, room = 3 * strlen(label) + 1;
    char *name = malloc(room);

    if (name == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    name[0] = 0;
    for (const char *c = label; *c != 0; c++) {
        if (strchr(plain, *c) != NULL && !(*c == '.' && c == label))
            name[len++] = *c;
        else
            len += (size_t)snprintf(name + len, room - len, "%%%02X", (unsigned)(unsigned char)*c);
    }
    name[len] = 0;
    *out = (struct devid_bytes){(unsigned char *)name, len};
    return DEVID_OK;
}
