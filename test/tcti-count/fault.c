/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "test/tcti-count/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>

static const struct {
    const char *name;
    struct fault fault;
} kinds[] = {
    {"retry", {FAULT_ANSWER, TPM2_RC_RETRY}},
    {"lockout", {FAULT_ANSWER, TPM2_RC_LOCKOUT}},
    {"object-memory", {FAULT_ANSWER, TPM2_RC_OBJECT_MEMORY}},
    {"session-memory", {FAULT_ANSWER, TPM2_RC_SESSION_MEMORY}},
    {"nv-space", {FAULT_ANSWER, TPM2_RC_NV_SPACE}},
    {"canceled", {FAULT_ANSWER, TPM2_RC_CANCELED}},
    {"io", {FAULT_IO, 0}},
    {"cut", {FAULT_CUT, 0}},
    {"reset", {FAULT_RESET, 0}},
    {"run", {FAULT_RUN, 0}},
};

struct fault fault_next(void)
{
    static unsigned n_commands;
    const char *wanted = getenv("DEVID_TCTI_FAULT");
    unsigned at = 0, times = 1;
    char kind[16] = "";

    if (wanted == NULL)
        return (struct fault){0};
    n_commands++;
    if (sscanf(wanted, "%u:%15[a-z-]:%u", &at, kind, &times) < 2)
        abort();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, kind) == 0)
            return n_commands >= at && n_commands - at < times ? kinds[i].fault : (struct fault){0};
    abort();
}

void fault_write_answer(TSS2_RC code, uint8_t *response, size_t *size)
{
    const uint8_t answer[] = {0x80, 0x01, 0, 0, 0, 10, (uint8_t)(code >> 24), (uint8_t)(code >> 16), (uint8_t)(code >> 8), (uint8_t)code};

    memcpy(response, answer, sizeof answer);
    *size = sizeof answer;
}

void fault_run(void)
{
    const char *what = getenv("DEVID_TCTI_RUN");

    if (what == NULL || unsetenv("DEVID_TCTI_FAULT") != 0 || system(what) != 0)
        abort();
}

/* swtpm's control channel: CMD_INIT without flags, and the result, 0. swtpm_ioctls(3) */
static bool power_cycle(const char *socket_path)
{
    static const uint8_t init[8] = {0, 0, 0, 2};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    uint8_t result[4] = {1};
    bool is_done;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (snprintf(to.sun_path, sizeof to.sun_path, "%s.ctrl", socket_path) >= (int)sizeof to.sun_path)
        abort();
    is_done = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && write(fd, init, sizeof init) == sizeof init &&
              read(fd, result, sizeof result) == sizeof result && memcmp(result, "\0\0\0\0", 4) == 0;
    (void)close(fd);
    return is_done;
}

void fault_reset(TSS2_TCTI_CONTEXT *real, const char *conf)
{
    static const uint8_t startup[] = {0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0};
    const char *path = strstr(conf, "path=");
    uint8_t response[64];
    size_t size = sizeof response;

    if (path == NULL || !power_cycle(path + 5) || Tss2_Tcti_Transmit(real, sizeof startup, startup) != TSS2_RC_SUCCESS ||
        Tss2_Tcti_Receive(real, &size, response, TSS2_TCTI_TIMEOUT_BLOCK) != TSS2_RC_SUCCESS)
        abort();
}
