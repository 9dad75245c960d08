/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "unit/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *folder_make(void)
{
    char *folder = strdup("/tmp/devid-unit-XXXXXX");

    assert_non_null(folder);
    assert_non_null(mkdtemp(folder));
    return folder;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void folder_remove(char *folder)
{
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

static void path_of(char path[4096], const char *folder, const char *name)
{
    assert_true(snprintf(path, 4096, "%s/%s", folder, name) < 4096);
}

void folder_write(const char *folder, const char *name, struct devid_slice content)
{
    char path[4096];
    FILE *file;

    path_of(path, folder, name);
    for (char *c = path + 1; *c != 0; c++)
        if (*c == '/') {
            *c = 0;
            (void)mkdir(path, 0755);
            *c = '/';
        }
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.len, file), content.len);
    assert_int_equal(fclose(file), 0);
}

void folder_write_text(const char *folder, const char *name, const char *text)
{
    folder_write(folder, name, (struct devid_slice){(const unsigned char *)text, strlen(text)});
}

struct devid_bytes folder_read(const char *folder, const char *name)
{
    struct devid_bytes content = {0};
    struct devid_error err = {0};
    char path[4096];

    path_of(path, folder, name);
    if (devid_file_read(path, 1U << 24, &content, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    return content;
}

bool folder_has(const char *folder, const char *name)
{
    char path[4096];

    path_of(path, folder, name);
    return access(path, F_OK) == 0;
}

size_t folder_count(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t n = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir != NULL)
        (void)closedir(dir);
    return n;
}
