/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who uses an identity is told of its new certificate. For which one that was done stands in STATE/.renew/NAME.told: a run that was
 * killed in between, or whose program failed, is made good by the next.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/files.h"
#include "tool.h"

#define WORDS_MAX 32

bool tool_has_told(struct tool *tool, const struct devid_conf_identity *want, const struct devid_identity *identity)
{
    struct devid_bytes path = {0}, file = {0};
    char text[65];
    bool has = tool_renew_path(tool, want->name, ".told", &path, NULL) == DEVID_OK &&
               devid_file_read((const char *)path.data, 4096, &file, NULL) == DEVID_OK &&
               out_fingerprint(identity->chain[0].der, text, NULL) == DEVID_OK &&
               devid_slice_eq(devid_slice_text(text), devid_slice_of(file));

    devid_bytes_free(&path);
    devid_bytes_free(&file);
    return has;
}

static devid_rc remember(struct tool *tool, const struct devid_conf_identity *want, const struct devid_identity *identity,
                         struct devid_error *err)
{
    struct devid_bytes path = {0};
    char *slash, text[65];
    devid_rc rc = out_fingerprint(identity->chain[0].der, text, err);

    if (rc == DEVID_OK)
        rc = tool_renew_path(tool, want->name, ".told", &path, err);
    if (rc == DEVID_OK && (slash = strrchr((char *)path.data, '/')) != NULL) {
        *slash = 0;
        rc = devid_files_replace((const char *)path.data, slash + 1, devid_slice_text(text), 0644, err);
    }
    devid_bytes_free(&path);
    return rc;
}

/* The words of a command line; text is changed. False: too many. */
static bool split(char *text, char *words[WORDS_MAX + 1])
{
    char *rest = NULL;
    size_t n = 0;

    for (char *word = strtok_r(text, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest)) {
        if (n == WORDS_MAX)
            return false;
        words[n++] = word;
    }
    words[n] = NULL;
    return n != 0;
}

/* Nothing of ours stays open in what may become a daemon: neither the TPM nor the lock. */
static void close_all(void)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
        return;
#endif
    for (int fd = 3; fd < 1024; fd++)
        (void)close(fd);
}

/* What is secret has no place in it: credentials are the service's own. */
static char **environment(const struct devid_conf_identity *want, char text[3][4128])
{
    extern char **environ;
    size_t n = 0, kept = 0;
    char **all;

    while (environ[n] != NULL)
        n++;
    all = calloc(n + 4, sizeof *all);
    for (size_t i = 0; all != NULL && i < n; i++)
        if (strncmp(environ[i], "CREDENTIALS_DIRECTORY=", 22) != 0)
            all[kept++] = environ[i];
    if (all == NULL)
        return NULL;
    (void)snprintf(text[0], sizeof text[0], "DEVID_NAME=%s", want->name);
    (void)snprintf(text[1], sizeof text[1], "DEVID_TOKEN=%s", want->token);
    (void)snprintf(text[2], sizeof text[2], "DEVID_PEM=%s", want->pem != NULL ? want->pem : "");
    for (size_t i = 0; i < 3; i++)
        all[kept++] = text[i];
    return all;
}

/* \return what waitpid says, or -1 with errno */
static int run(char **words, char **env)
{
    int status = 0;
    pid_t pid;

    (void)fflush(stdout);
    pid = fork();
    if (pid == 0) {
        (void)signal(SIGPIPE, SIG_DFL); /* we ignore it, and a program would inherit that */
        close_all();
        (void)execvpe(words[0], words, env);
        _exit(127);
    }
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

devid_rc tool_hook(struct tool *tool, const struct devid_conf_identity *want, const struct devid_identity *identity,
                   struct devid_error *err)
{
    char *line = strdup(want->on_renew), *words[WORDS_MAX + 1], text[3][4128], **env = environment(want, text);
    devid_rc rc = DEVID_OK;
    int status = 0;

    if (line == NULL || env == NULL)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    else if (!split(line, words))
        rc = devid_fail(err, DEVID_E_DATA, "on-renew: 1 to %d words are expected", WORDS_MAX);
    else
        status = run(words, env);
    if (rc == DEVID_OK && status == -1)
        rc = devid_fail(err, DEVID_E_FILE, "on-renew: cannot run %s: %s", words[0], strerror(errno));
    else if (rc == DEVID_OK && WIFSIGNALED(status))
        rc = devid_fail(err, DEVID_E_FILE, "on-renew: signal %d ended %s; the next run tries again", WTERMSIG(status), words[0]);
    else if (rc == DEVID_OK && WEXITSTATUS(status) == 127)
        rc = devid_fail(err, DEVID_E_FILE, "on-renew: there is no program %s that can be run", words[0]);
    else if (rc == DEVID_OK && status != 0)
        rc = devid_fail(err, DEVID_E_FILE, "on-renew: %s ended with %d; the next run tries again", words[0], WEXITSTATUS(status));
    if (rc == DEVID_OK)
        rc = remember(tool, want, identity, err);
    if (rc == DEVID_OK)
        (void)printf("%s: told by \"%s\"", want->name, want->on_renew);
    free(line);
    free(env);
    return rc;
}
