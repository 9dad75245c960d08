/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "tpm/world.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#define PATH_LEN 256
#define TRANSIENT_FIRST 0x80000000U /* TPM2_TRANSIENT_FIRST shifts a signed number */
#define SESSION_FIRST 0x02000000U

struct world {
    char folder[PATH_LEN / 2], log[PATH_LEN], tcti[PATH_LEN];
    pid_t swtpm;
    struct devid_store *store;
};

/* A socket is there for a moment before anybody may connect to it. */
static bool is_served(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bool is;

    (void)strncpy(at.sun_path, path, sizeof at.sun_path - 1);
    is = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    (void)close(fd);
    return is;
}

void world_start_tpm(struct world *w)
{
    char state[PATH_LEN], server[PATH_LEN], control[PATH_LEN], path[PATH_LEN], log[PATH_LEN];
    const struct timespec pause = {0, 10000000};
    int i;

    (void)snprintf(state, sizeof state, "dir=%s", w->folder);
    (void)snprintf(server, sizeof server, "type=unixio,path=%s/swtpm", w->folder);
    (void)snprintf(control, sizeof control, "type=unixio,path=%s/swtpm.ctrl", w->folder);
    (void)snprintf(path, sizeof path, "%s/swtpm", w->folder);
    (void)snprintf(log, sizeof log, "file=%s/swtpm.log", w->folder);
    w->swtpm = fork();
    if (w->swtpm == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* if a test's own start fails, nobody stops it */
        (void)execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", control,
                     "--flags", "not-need-init,startup-clear", "--log", log, (char *)NULL);
        _exit(127);
    }
    assert_true(w->swtpm > 0);
    for (i = 0; i < 6000 && !is_served(path) && waitpid(w->swtpm, NULL, WNOHANG) == 0; i++)
        (void)nanosleep(&pause, NULL);
    if (!is_served(path))
        fail_msg("swtpm does not start: apt-get install swtpm");
}

static void write_conf(struct world *w, const char *tcti)
{
    char path[PATH_LEN];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/devid.conf", w->folder);
    assert_non_null(file = fopen(path, "w"));
    assert_true(fprintf(file, "[device]\ntcti = %s/.libs/libtss2-tcti-count.so:log=%s,%s\nstate = %s/state\n",
                        getenv("DEVID_BUILD"), w->log, tcti, w->folder) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(setenv("DEVID_CONF", path, 1), 0);
}

struct world *world_start(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct devid_error err = {0};

    assert_non_null(w);
    assert_non_null(getenv("DEVID_BUILD"));
    (void)strcpy(w->folder, "/tmp/devid-test-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->log, sizeof w->log, "%s/commands", w->folder);
    (void)snprintf(w->tcti, sizeof w->tcti, "swtpm:path=%s/swtpm", w->folder);
    world_start_tpm(w);
    write_conf(w, w->tcti);
    if (devid_store_open(NULL, &w->store, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    return w;
}

void world_connect_by(struct world *w, const char *tcti)
{
    struct devid_error err = {0};

    devid_store_free(w->store);
    w->store = NULL;
    write_conf(w, tcti);
    if (devid_store_open(NULL, &w->store, &err) != DEVID_OK)
        fail_msg("%s", err.text);
}

const char *world_tcti(struct world *w)
{
    return w->tcti;
}

void world_stop_tpm(struct world *w)
{
    char socket[PATH_LEN];

    if (w->swtpm <= 0)
        return;
    (void)kill(w->swtpm, SIGTERM);
    (void)waitpid(w->swtpm, NULL, 0);
    w->swtpm = 0;
    (void)snprintf(socket, sizeof socket, "%s/swtpm", w->folder);
    (void)unlink(socket); /* so that the next start waits for its own */
}

void world_change_tpm(struct world *w)
{
    char now[PATH_LEN], other[PATH_LEN], aside[PATH_LEN];

    world_stop_tpm(w);
    (void)snprintf(now, sizeof now, "%s/tpm2-00.permall", w->folder);
    (void)snprintf(other, sizeof other, "%s/other.permall", w->folder);
    (void)snprintf(aside, sizeof aside, "%s/aside.permall", w->folder);
    assert_int_equal(rename(now, aside), 0);
    (void)rename(other, now); /* the first time there is none: swtpm makes one */
    assert_int_equal(rename(aside, other), 0);
    world_start_tpm(w);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void world_stop(struct world *w)
{
    devid_store_free(w->store);
    world_stop_tpm(w);
    (void)nftw(w->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(w);
}

struct devid_store *world_store(struct world *w)
{
    return w->store;
}

const char *world_folder(struct world *w)
{
    return w->folder;
}

/* A line is "PID NAME 0xRC"; a command that the TPM refused is shown with its answer. */
static size_t read_log(struct world *w, const char *name, char *text, size_t room)
{
    char word[64];
    unsigned answer;
    size_t n = 0, used = 0;
    FILE *log = fopen(w->log, "r");

    if (room > 0)
        text[0] = 0;
    while (log != NULL && fscanf(log, "%*d %63s %x", word, &answer) == 2) {
        n += name == NULL || strcmp(name, word) == 0;
        if (used < room)
            used += (size_t)snprintf(text + used, room - used, answer == 0 ? "%s%s" : "%s%s(0x%x)",
                                     used == 0 ? "" : " ", word, answer);
    }
    if (log != NULL)
        (void)fclose(log);
    return n;
}

void world_commands(struct world *w, char *text, size_t room)
{
    (void)read_log(w, NULL, text, room);
}

size_t world_count(struct world *w, const char *name)
{
    return read_log(w, name, NULL, 0);
}

void world_forget_commands(struct world *w)
{
    (void)unlink(w->log);
}

static uint32_t property(ESYS_CONTEXT *esys, uint32_t which, TPM2_CAP kind)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    uint32_t value;

    assert_int_equal(
        Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, kind, which, 1, &more, &data), 0);
    value = kind == TPM2_CAP_HANDLES ? data->data.handles.count : data->data.tpmProperties.tpmProperty[0].value;
    Esys_Free(data);
    return value;
}

void world_assert_clean(struct world *w)
{
    TSS2_TCTI_CONTEXT *tcti = NULL;
    ESYS_CONTEXT *esys = NULL;

    if (w->swtpm == 0)
        return;
    assert_int_equal(Tss2_TctiLdr_Initialize(w->tcti, &tcti), 0);
    assert_int_equal(Esys_Initialize(&esys, tcti, NULL), 0);
    assert_int_equal(property(esys, TRANSIENT_FIRST, TPM2_CAP_HANDLES), 0);
    assert_int_equal(property(esys, SESSION_FIRST, TPM2_CAP_HANDLES), 0);
    assert_int_equal(property(esys, TPM2_PT_LOCKOUT_COUNTER, TPM2_CAP_TPM_PROPERTIES), 0);
    Esys_Finalize(&esys);
    Tss2_TctiLdr_Finalize(&tcti);
}

int world_end(void **state)
{
    world_stop(*state);
    return 0;
}

int world_end_clean(void **state)
{
    world_assert_clean(*state);
    return world_end(state);
}
