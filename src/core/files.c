/* SPDX-License-Identifier: BSD-2-Clause */
/* A file is whole and old, or whole and new: written beside, synced, renamed. */
#include "core/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 4096
#define REPLACED_MAX (1U << 20) /* bytes of an old file that is put back if need be */
#define TEMPORARY ".devid-new-" /* hidden, so that no reader takes it for an identity */

static devid_rc fail_errno(struct devid_error *err, const char *what, const char *path)
{
    int why = errno;
    const char *remedy = "";

    if (why == EACCES || why == EPERM)
        remedy = "; run as the owner of the folder, or change \"state =\"";
    else if (why == ENOENT)
        remedy = "; make the folder, or correct the path";
    else if (why == EROFS)
        remedy = "; the file system is read-only: point \"state =\" to one that can be written";
    else if (why == ENOSPC || why == EDQUOT || why == EFBIG)
        remedy = "; make room and run it again: nothing was changed";
    return devid_fail(err, DEVID_E_FILE, "cannot %s %s: %s%s", what, path, strerror(why), remedy);
}

/* \return 0, or errno */
static int sync_now(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int why = 0;

    /* some file systems cannot sync a folder, and say EINVAL; one that may be written but not read cannot be opened for it */
    if (fd < 0 ? errno != EACCES : fsync(fd) != 0 && errno != EINVAL)
        why = errno;
    if (fd >= 0)
        (void)close(fd);
    return why;
}

static devid_rc sync_folder(const char *folder, struct devid_error *err)
{
    errno = sync_now(folder);
    return errno == 0 ? DEVID_OK : fail_errno(err, "sync", folder);
}

/* The folder that a path is in. */
static void parent_of(const char *path, char folder[PATH_ROOM])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;

    memcpy(folder, path, len);
    (void)snprintf(folder + len, PATH_ROOM - len, "%s", len != 0 ? "" : slash != NULL ? "/" : ".");
}

/* A folder of which a power cut takes the name takes its files along. */
static devid_rc make_one(const char *path, struct devid_error *err)
{
    char parent[PATH_ROOM];
    struct stat st;
    int fd;

    if (mkdir(path, 0755) != 0)
        return errno == EEXIST ? DEVID_OK : fail_errno(err, "make the folder", path);
    parent_of(path, parent);
    fd = geteuid() == 0 && stat(parent, &st) == 0 && st.st_uid != 0 ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)!fchown(fd, st.st_uid, st.st_gid); /* as a file in it: give_rights */
        (void)close(fd);
    }
    return sync_folder(parent, err);
}

devid_rc devid_files_make_folder(const char *folder, struct devid_error *err)
{
    char path[PATH_ROOM];
    size_t len = strlen(folder);
    devid_rc rc = DEVID_OK;

    if (len == 0 || len >= sizeof path)
        return devid_fail(err, DEVID_E_FILE, "the path of the folder is too long");
    memcpy(path, folder, len + 1);
    for (size_t i = 1; rc == DEVID_OK && i <= len; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        path[i] = 0;
        rc = make_one(path, err);
        path[i] = folder[i];
    }
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

/*
 * A power cut or SIGKILL leaves a temporary file. Its writer held flock on it, which ends with the writer:
 * who can lock it may remove it.
 */
void devid_files_sweep(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int fd;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) != 0)
            continue;
        fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        if (fd >= 0)
            (void)close(fd);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

/* Locked; between making and locking another process's sweep may take it away. \return -1 with errno */
static int open_temporary(const char *folder, char *path, size_t room)
{
    struct stat st;

    for (int tries = 0; tries < 100; tries++) {
        int fd;

        (void)snprintf(path, room, "%s/" TEMPORARY "XXXXXX", folder);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0)
            return -1;
        /* a file system without locks says something else than EWOULDBLOCK, and is not swept */
        if ((flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) && fstat(fd, &st) == 0 && st.st_nlink != 0)
            return fd;
        (void)close(fd);
    }
    errno = EBUSY;
    return -1;
}

/*
 * Programs refuse a key file that is not theirs, or that others may read: rights that somebody gave it stay. Where root works in a folder
 * of another user, as in the state folder of a service, that user goes on with what root has made. Who may not give a file away keeps it.
 */
static devid_rc give_rights(int fd, const char *path, const char *folder, unsigned mode, struct devid_error *err)
{
    struct stat old, st;
    bool is_there = lstat(path, &old) == 0 && S_ISREG(old.st_mode);

    if (is_there && (old.st_uid != geteuid() || old.st_gid != getegid())) {
        if (fchown(fd, old.st_uid, old.st_gid) != 0)
            (void)!fchown(fd, (uid_t)-1, old.st_gid);
    } else if (!is_there && geteuid() == 0 && stat(folder, &st) == 0 && st.st_uid != 0) {
        (void)!fchown(fd, st.st_uid, st.st_gid);
    }
    return fchmod(fd, is_there ? old.st_mode & 0777 : (mode_t)mode) == 0 ? DEVID_OK : fail_errno(err, "set the rights of", path);
}

static devid_rc put_in_place(const char *folder, const char *path, struct devid_slice content, unsigned mode, struct devid_error *err)
{
    char temporary[PATH_ROOM + 32];
    int fd = open_temporary(folder, temporary, sizeof temporary);
    devid_rc rc;

    if (fd < 0)
        return fail_errno(err, "write in", folder);
    rc = write_all(fd, path, content, err);
    if (rc == DEVID_OK)
        rc = give_rights(fd, path, folder, mode, err);
    if (rc == DEVID_OK && rename(temporary, path) != 0)
        rc = fail_errno(err, "replace", path);
    if (rc != DEVID_OK)
        (void)unlink(temporary);
    (void)close(fd); /* not before the rename: the lock goes with it */
    return rc;
}

/* What was there before: its mode with the file's type, 0 if there was nothing, and its content, of a file that can be read. */
struct before {
    mode_t mode;
    bool is_known;
    struct devid_bytes content;
};

static void before_read(const char *path, struct before *before)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        before->is_known = errno == ENOENT;
        return;
    }
    before->mode = st.st_mode;
    before->is_known = S_ISREG(st.st_mode) && (st.st_size == 0 || devid_file_read(path, REPLACED_MAX, &before->content, NULL) == DEVID_OK);
}

/*
 * The new file is there, and its folder could not be synced: nobody knows which of the two a power cut would leave. Who is told of a
 * failure takes it that nothing was changed: his PIN is the old one, his key has no certificate yet.
 */
static devid_rc take_back(const char *folder, const char *path, const struct before *before, int why, struct devid_error *err)
{
    bool is_back = before->is_known;

    if (is_back && before->mode == 0)
        is_back = unlink(path) == 0;
    else if (is_back)
        is_back = put_in_place(folder, path, devid_slice_of(before->content), before->mode & 0777, NULL) == DEVID_OK;
    if (is_back)
        (void)sync_now(folder);
    errno = why;
    return is_back ? fail_errno(err, "sync", folder)
                   : devid_fail(err, DEVID_E_FILE, "cannot sync %s: %s; make room, or mend the disk: %s is changed already, and a power "
                                "cut may undo that", folder, strerror(why), path);
}

devid_rc devid_files_replace_path(const char *path, struct devid_slice content, unsigned mode, struct devid_error *err)
{
    struct before before = {0};
    char folder[PATH_ROOM];
    devid_rc rc;
    int why;

    if (strlen(path) >= sizeof folder)
        return devid_fail(err, DEVID_E_FILE, "the path is too long: %s", path);
    parent_of(path, folder);
    devid_files_sweep(folder);
    before_read(path, &before);
    rc = put_in_place(folder, path, content, mode, err);
    if (rc == DEVID_OK && (why = sync_now(folder)) != 0)
        rc = take_back(folder, path, &before, why, err);
    devid_bytes_free(&before.content);
    return rc;
}

devid_rc devid_files_replace(const char *folder, const char *name, struct devid_slice content, unsigned mode,
                             struct devid_error *err)
{
    char path[PATH_ROOM];
    devid_rc rc;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return devid_fail(err, DEVID_E_FILE, "the path is too long: %s/%s", folder, name);
    rc = devid_files_make_folder(folder, err);
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

bool devid_files_label(const char *name, size_t len, char label[256])
{
    size_t n = 0;

    if (len > 255)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '%' && i + 2 < len) {
            const char hex[] = {name[i + 1], name[i + 2], 0};

            label[n] = (char)strtoul(hex, NULL, 16);
            i += 2;
        } else {
            label[n] = name[i];
        }
        if (label[n++] == 0)
            return false;
    }
    label[n] = 0;
    return true;
}

bool devid_files_spelled(const char *name, char label[256])
{
    struct devid_bytes usual = {0};
    bool is_same = devid_files_label(name, strlen(name), label) && devid_files_name(label, &usual, NULL) == DEVID_OK &&
                   strcmp((const char *)usual.data, name) == 0;

    devid_bytes_free(&usual);
    return is_same;
}

bool devid_files_is(const char *name, const char *end)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > 4 && strcmp(name + len - 4, end) == 0;
}
