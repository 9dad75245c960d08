/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/tcti.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

enum manager { NO_MANAGER, TABRMD, KERNEL };

/* tpm2-abrmd's --max-transients if nothing is said; what Linux' struct tpm_space has room for. */
static const size_t slots_of[] = {[NO_MANAGER] = 0, [TABRMD] = 27, [KERNEL] = 3};

/* A resource manager is known by its name. A TCTI may wrap another, whose name then follows a comma. */
static enum manager manager_of(const char *tcti)
{
    const char *comma = strchr(tcti, ','), *colon = strchr(tcti, ':');

    if (starts_with(tcti, "libtss2-tcti-"))
        tcti += strlen("libtss2-tcti-");
    if (starts_with(tcti, "tabrmd"))
        return TABRMD;
    if (starts_with(tcti, "device") && colon != NULL && starts_with(colon, ":/dev/tpmrm"))
        return KERNEL;
    return comma != NULL ? manager_of(comma + 1) : NO_MANAGER;
}

/* Linux, drivers/char/tpm/tpm-dev.c: a second open(2) gets EBUSY. */
bool devid_tcti_is_alone(const char *name)
{
    const char *comma, *colon;

    if (name == NULL)
        return true;
    comma = strchr(name, ',');
    colon = strchr(name, ':');
    if (starts_with(name, "libtss2-tcti-"))
        name += strlen("libtss2-tcti-");
    if (starts_with(name, "device") && colon != NULL && starts_with(colon, ":/dev/tpm") && colon[9] >= '0' && colon[9] <= '9')
        return true;
    return comma != NULL && devid_tcti_is_alone(comma + 1);
}

/*
 * tabrmd's TCTI speaks D-Bus by GLib, whose thread does not exist in a child of a process that had begun to: there
 * each call would wait for 25 seconds, and then fail.
 */
static bool is_bus_lost(void)
{
    static _Atomic pid_t user;
    pid_t self = getpid(), first = 0;

    return !atomic_compare_exchange_strong(&user, &first, self) && first != self;
}

static TSS2_RC open_named(const char *name, TSS2_TCTI_CONTEXT **out, size_t *n_slots)
{
    enum manager manager = manager_of(name);
    TSS2_TCTI_CONTEXT *tcti = NULL;
    TSS2_RC rc;

    if (manager == TABRMD && is_bus_lost())
        return DEVID_TCTI_FORKED;
    rc = Tss2_TctiLdr_Initialize(name, &tcti);
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    *out = tcti;
    *n_slots = slots_of[manager];
    return rc;
}

/*
 * Where there can be no tabrmd its TCTI is not asked, which would complain on standard error, through GLib, in any program that looks
 * for keys. A name of the system's bus is given by a policy alone.
 */
static bool may_be_tabrmd(void)
{
    return access("/run/dbus/system_bus_socket", F_OK) == 0 &&
           (access("/usr/share/dbus-1/system.d/tpm2-abrmd.conf", F_OK) == 0 || access("/etc/dbus-1/system.d/tpm2-abrmd.conf", F_OK) == 0);
}

TSS2_RC devid_tcti_open(const char *name, TSS2_TCTI_CONTEXT **out, size_t *n_slots)
{
    struct stat st;
    TSS2_RC rc = TSS2_TCTI_RC_IO_ERROR, first;

    if (name != NULL)
        return open_named(name, out, n_slots);
    if (stat("/dev/tpmrm0", &st) == 0)
        return open_named("device:/dev/tpmrm0", out, n_slots);
    if (may_be_tabrmd())
        rc = open_named("tabrmd", out, n_slots);
    if (rc == TSS2_RC_SUCCESS)
        return rc;
    first = rc;
    rc = open_named("device:/dev/tpm0", out, n_slots);
    return rc != TSS2_RC_SUCCESS && first == DEVID_TCTI_FORKED ? first : rc; /* which says what to do */
}
