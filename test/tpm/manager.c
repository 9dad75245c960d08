/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "tpm/manager.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

struct manager {
    struct world *world;
    pid_t bus, abrmd;
};

static bool is_installed(void)
{
    TSS2_TCTI_INFO *info = NULL;
    bool has_tcti = Tss2_TctiLdr_GetInfo("tabrmd", &info) == TSS2_RC_SUCCESS;

    Tss2_TctiLdr_FreeInfo(&info);
    return has_tcti && system("command -v dbus-daemon >/dev/null && command -v tpm2-abrmd >/dev/null") == 0;
}

/* Ends with the test, however that ends. */
static void end_with_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* The bus prints its address once it can be used. */
static void start_bus(struct manager *m)
{
    char address[512] = "";
    int out[2];
    FILE *in;

    assert_int_equal(pipe(out), 0);
    m->bus = fork();
    if (m->bus == 0) {
        end_with_parent();
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(out[0]);
        (void)close(out[1]);
        (void)execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address", (char *)NULL);
        _exit(127);
    }
    assert_true(m->bus > 0);
    (void)close(out[1]);
    assert_non_null(in = fdopen(out[0], "r"));
    assert_non_null(fgets(address, sizeof address, in));
    (void)fclose(in);
    address[strcspn(address, "\n")] = 0;
    assert_int_equal(setenv("DBUS_SESSION_BUS_ADDRESS", address, 1), 0);
}

static bool answers(void)
{
    TSS2_TCTI_CONTEXT *tcti = NULL;
    TSS2_RC rc = Tss2_TctiLdr_Initialize(MANAGER_TCTI, &tcti);

    if (rc == TSS2_RC_SUCCESS)
        Tss2_TctiLdr_Finalize(&tcti);
    return rc == TSS2_RC_SUCCESS;
}

static void start_abrmd(struct manager *m)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    char tcti[256], log[256];
    int i;

    (void)snprintf(tcti, sizeof tcti, "--tcti=%s", world_tcti(m->world));
    (void)snprintf(log, sizeof log, "%s/abrmd.log", world_folder(m->world));
    m->abrmd = fork();
    if (m->abrmd == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        end_with_parent();
        (void)dup2(fd, STDOUT_FILENO);
        (void)dup2(fd, STDERR_FILENO);
        (void)execlp("tpm2-abrmd", "tpm2-abrmd", "--session", "--allow-root", tcti, (char *)NULL);
        _exit(127);
    }
    assert_true(m->abrmd > 0);
    for (i = 0; i < 200 && !answers(); i++)
        (void)nanosleep(&pause, NULL);
    if (i == 200)
        fail_msg("tpm2-abrmd does not start: see %s", log);
}

static void stop(pid_t *pid, int signal)
{
    if (*pid > 0) {
        (void)kill(*pid, signal);
        (void)waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

struct manager *manager_start(struct world *w)
{
    struct manager *m;

    (void)setenv("TSS2_LOG", "all+none", 0);
    if (!is_installed())
        return NULL;
    m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->world = w;
    start_bus(m);
    start_abrmd(m);
    world_connect_by(w, MANAGER_TCTI);
    return m;
}

/* It does one thing after the other, so another command's answer comes after that. */
void manager_settle(struct manager *m)
{
    TSS2_TCTI_CONTEXT *tcti = NULL;
    TPMS_CAPABILITY_DATA *data = NULL;
    ESYS_CONTEXT *esys = NULL;

    assert_true(m->abrmd > 0);
    assert_int_equal(Tss2_TctiLdr_Initialize(MANAGER_TCTI, &tcti), 0);
    assert_int_equal(Esys_Initialize(&esys, tcti, NULL), 0);
    assert_int_equal(Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES,
                                        TPM2_PT_MANUFACTURER, 1, NULL, &data),
                     0);
    Esys_Free(data);
    Esys_Finalize(&esys);
    Tss2_TctiLdr_Finalize(&tcti);
}

void manager_restart(struct manager *m)
{
    manager_settle(m); /* else it leaves in the TPM what it was about to clear away */
    stop(&m->abrmd, SIGKILL);
    start_abrmd(m);
}

void manager_stop(struct manager *m)
{
    if (m == NULL)
        return;
    stop(&m->abrmd, SIGTERM);
    stop(&m->bus, SIGTERM);
    free(m);
}
