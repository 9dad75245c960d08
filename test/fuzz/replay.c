/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fuzz target without a fuzzer: runs it over its seeds, each whole, cut at every byte and with
 * every byte changed. "make check" does so; with sanitizers or valgrind that finds most of what a minute of fuzzing does.
 *
 * Seeds are test/fuzz/seeds/TARGET/, or the files and folders given.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/bytes.h"

#define SEED_MAX (1024 * 1024)
#define CHANGES_MAX 4096 /* bytes of a seed that are cut and changed: a test takes seconds */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* In memory of just that size, so that a read beyond the end is seen. */
static void run(const unsigned char *data, size_t len)
{
    unsigned char *copy = malloc(len == 0 ? 1 : len);

    if (copy == NULL)
        abort();
    memcpy(copy, data, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void run_changed(const struct devid_bytes *seed)
{
    size_t step = 1 + seed->len / CHANGES_MAX;

    run(seed->data, seed->len);
    for (size_t i = 0; i < seed->len; i += step) {
        unsigned char saved = seed->data[i];

        run(seed->data, i);
        seed->data[i] ^= (unsigned char)(1 << i % 8);
        run(seed->data, seed->len);
        seed->data[i] = 0xff;
        run(seed->data, seed->len);
        seed->data[i] = saved;
    }
}

static int replay_file(const char *path)
{
    struct devid_bytes seed = {0};
    struct devid_error err = {0};

    if (devid_file_read(path, SEED_MAX, &seed, &err) != DEVID_OK) {
        printf("Bail out! %s\n", err.text);
        return -1;
    }
    run_changed(&seed);
    devid_bytes_free(&seed);
    return 1;
}

/* How many were replayed; -1 if that failed. */
static int replay(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    int n = 0, one;

    if (folder == NULL)
        return replay_file(path);
    while (n >= 0 && (entry = readdir(folder)) != NULL) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= (int)sizeof name)
            continue;
        one = replay_file(name);
        n = one < 0 ? -1 : n + one;
    }
    (void)closedir(folder);
    return n;
}

int main(int argc, char **argv)
{
    const char *target = strrchr(argv[0], '/'), *source = getenv("DEVID_SRC");
    char seeds[4096];
    int n = 0, one;

    target = target != NULL ? target + 1 : argv[0];
    if (strncmp(target, "lt-", 3) == 0) /* libtool's name of a program not installed */
        target += 3;
    (void)snprintf(seeds, sizeof seeds, "%s/test/fuzz/seeds/%s", source != NULL ? source : ".", target);
    if (argc < 2)
        n = replay(seeds);
    for (int i = 1; i < argc && n >= 0; i++) {
        one = replay(argv[i]);
        n = one < 0 ? -1 : n + one;
    }
    printf("1..1\n%sok 1 - %s takes its %d seeds, cut and changed at every byte\n", n > 0 ? "" : "not ", target, n);
    return n > 0 ? 0 : 1;
}
