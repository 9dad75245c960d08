/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "tpm/by_hand.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void DEVID_PRINTF(4, 0) run(struct world *w, char *out, size_t room, const char *format, va_list args)
{
    char line[2048];
    size_t used;
    FILE *pipe;
    int n = snprintf(line, sizeof line, "cd '%s' && export TPM2TOOLS_TCTI='%s' && exec 2>>by-hand.log && ",
                     world_folder(w), world_tcti(w));

    assert_true(n > 0 && (size_t)n < sizeof line);
    used = (size_t)n;
    n = vsnprintf(line + used, sizeof line - used, format, args);
    assert_true(n > 0 && (size_t)n < sizeof line - used);
    assert_non_null(pipe = popen(line, "r"));
    used = fread(out, 1, room - 1, pipe);
    out[used] = 0;
    while (fgetc(pipe) != EOF) /* or it would die of a closed pipe */
        continue;
    if (pclose(pipe) != 0)
        fail_msg("by hand: %s", line);
}

void by_hand(struct world *w, const char *format, ...)
{
    char out[16];
    va_list args;

    va_start(args, format);
    run(w, out, sizeof out, format, args);
    va_end(args);
}

void by_hand_says(struct world *w, char *out, size_t room, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    run(w, out, room, format, args);
    va_end(args);
}

bool killed_after(unsigned n, void (*act)(struct devid_store *store, void *arg), void *arg)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct devid_store *store = NULL;
        char number[16];

        (void)snprintf(number, sizeof number, "%u", n);
        if (setenv("DEVID_TCTI_KILL", number, 1) != 0 || devid_store_open(NULL, &store, NULL) != DEVID_OK)
            _exit(1);
        act(store, arg);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return false;
}
