/* SPDX-License-Identifier: BSD-2-Clause */
/* A devid.conf: taken whole, or refused with one line that says where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The reader opens a path; the file is in memory and has none but this. */
static void load(const char *path)
{
    struct devid_conf *conf = NULL;
    struct devid_error err = {0};
    devid_rc rc = devid_conf_load(path, &conf, &err);

    if (rc != DEVID_OK) {
        if (err.text[0] == 0 || conf != NULL)
            abort();
        return;
    }
    for (size_t i = 0; i < conf->n_identities; i++)
        if (devid_conf_find(conf, conf->identities[i].name) != &conf->identities[i])
            abort();
    devid_conf_free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char path[32];
    int fd;

    if (memmem(data, len, "-file", 5) != NULL)
        return 0; /* it names a file to read, and a fuzzer would find a terminal or a pipe to wait for */
    fd = memfd_create("devid.conf", MFD_CLOEXEC);
    if (fd < 0)
        return 0;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, data, len) == (ssize_t)len)
        load(path);
    (void)close(fd);
    return 0;
}
