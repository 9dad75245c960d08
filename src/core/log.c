/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines for whoever asked for them. */
#include "core/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {"off", "error", "info", "debug", "trace"};

/* Asked each time: a program may change its environment, and a getenv is cheap beside a TPM. */
static enum devid_log_level wanted(void)
{
    const char *level = secure_getenv("DEVID_LOG");

    for (size_t i = 0; level != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(level, names[i]) == 0)
            return (enum devid_log_level)i;
    return DEVID_LOG_OFF;
}

bool devid_log_wants(enum devid_log_level level)
{
    return level <= wanted() && level != DEVID_LOG_OFF;
}

void devid_log(enum devid_log_level level, const char *room, const char *fmt, ...)
{
    const char *path = secure_getenv("DEVID_LOG_FILE");
    char line[1024];
    int used, fd = STDERR_FILENO;
    va_list args;

    if (!devid_log_wants(level))
        return;
    used = snprintf(line, sizeof line, "devid %s %s: ", names[level], room);
    va_start(args, fmt);
    (void)vsnprintf(line + used, sizeof line - (size_t)used - 1, fmt, args);
    va_end(args);
    strcat(line, "\n"); /* the line above left room for it */

    if (path != NULL)
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (write(fd, line, strlen(line)) < 0)
        (void)0; /* nowhere to say so */
    if (path != NULL)
        (void)close(fd);
}
