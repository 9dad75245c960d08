/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines for whoever asked for them. */
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {"off", "error", "info", "debug", "trace"};

/*
 * Asked once: we live in other people's programs, where a getenv beside another thread's setenv can
 * crash, and most calls of ours come here.
 */
static enum devid_log_level wanted(void)
{
    static atomic_int known = -1;
    int level = atomic_load(&known);
    const char *name;

    if (level >= 0)
        return (enum devid_log_level)level;
    level = DEVID_LOG_OFF;
    name = secure_getenv("DEVID_LOG");
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            level = (int)i;
    atomic_store(&known, level);
    return (enum devid_log_level)level;
}

bool devid_log_wants(enum devid_log_level level)
{
    return level <= wanted() && level != DEVID_LOG_OFF;
}

/* One line, whatever names from outside are in it. */
static size_t make_line(char *line, size_t room, enum devid_log_level level, const char *where, const char *fmt,
                        va_list args) DEVID_PRINTF(5, 0);

static size_t make_line(char *line, size_t room, enum devid_log_level level, const char *where, const char *fmt,
                        va_list args)
{
    size_t len;

    (void)snprintf(line, room - 1, "devid %s %s: ", names[level], where);
    len = strlen(line);
    (void)vsnprintf(line + len, room - 1 - len, fmt, args);
    len = strlen(line);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len] = '\n';
    return len + 1;
}

void devid_log(enum devid_log_level level, const char *room, const char *fmt, ...)
{
    int fd = STDERR_FILENO, saved = errno; /* callers log and then say why by errno */
    char line[1024];
    const char *path;
    va_list args;
    size_t len;

    if (!devid_log_wants(level))
        return;
    va_start(args, fmt);
    len = make_line(line, sizeof line, level, room, fmt, args);
    va_end(args);

    path = secure_getenv("DEVID_LOG_FILE");
    if (path != NULL)
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd >= 0 && write(fd, line, len) < 0)
        (void)0; /* nowhere to say so */
    if (fd >= 0 && path != NULL)
        (void)close(fd);
    errno = saved;
}
