/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCTI that forwards to a real one and writes one line a command: "PID NAME 0xRC". The judge of
 * how many commands a program sends; it knows nothing of devid.
 *
 * Configuration: "log=FILE,TCTI[:CONF]". DEVID_TCTI_KILL=N in the environment: the process gets SIGKILL
 * right after its Nth answer came in. DEVID_TCTI_FAULT: fault.h.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>

#include "test/tcti-count/fault.h"

#define MAGIC UINT64_C(0x646576696463746e)
#define EXPORT __attribute__((visibility("default")))

struct count {
    TSS2_TCTI_CONTEXT_COMMON_V2 common;
    TSS2_TCTI_CONTEXT *real;
    char log[512];
    char real_conf[512];
    uint32_t code;
    struct fault fault; /* of the command that was sent last */
};

EXPORT const TSS2_TCTI_INFO *Tss2_Tcti_Info(void);
EXPORT TSS2_RC Tss2_Tcti_Count_Init(TSS2_TCTI_CONTEXT *context, size_t *size, const char *conf);

static const struct {
    uint32_t code;
    const char *name;
} names[] = {
#define NAME(x) {TPM2_CC_##x, #x}
    NAME(Sign), NAME(RSA_Decrypt), NAME(Load), NAME(FlushContext), NAME(ReadPublic), NAME(Create), NAME(CreatePrimary),
    NAME(EvictControl), NAME(GetCapability), NAME(NV_ReadPublic), NAME(NV_Read), NAME(NV_DefineSpace),
    NAME(NV_UndefineSpace), NAME(NV_Write), NAME(NV_WriteLock), NAME(StartAuthSession), NAME(GetRandom), NAME(Hash),
    NAME(StirRandom), NAME(ECC_Parameters), NAME(TestParms), NAME(LoadExternal), NAME(VerifySignature), NAME(ObjectChangeAuth), NAME(ContextSave),
    NAME(ContextLoad), NAME(Clear), NAME(PolicySecret), NAME(ECDH_ZGen), NAME(Startup), NAME(Shutdown), NAME(SelfTest),
    NAME(PolicyCommandCode), NAME(PolicyOR), NAME(PolicyAuthorizeNV), NAME(Certify), NAME(ActivateCredential), NAME(HashSequenceStart),
    NAME(SequenceUpdate), NAME(SequenceComplete), NAME(ChangeEPS),
#undef NAME
};

static struct count *count_of(TSS2_TCTI_CONTEXT *context)
{
    return (struct count *)(void *)context;
}

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void write_line(const struct count *c, uint32_t answer)
{
    char line[96], number[16];
    const char *name = number;
    int fd, len;

    (void)snprintf(number, sizeof number, "0x%" PRIx32, c->code);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].code == c->code)
            name = names[i].name;
    len = snprintf(line, sizeof line, "%ld %s 0x%" PRIx32 "\n", (long)getpid(), name, answer);
    fd = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, line, (size_t)len) != len)
        abort(); /* a count that is not written would be a test that cannot fail */
    (void)close(fd);
}

/* Counted over all connections of the process. */
static void maybe_die(void)
{
    static unsigned n_answers;
    const char *limit = getenv("DEVID_TCTI_KILL");

    if (limit != NULL && ++n_answers == (unsigned)atoi(limit))
        (void)kill(getpid(), SIGKILL);
}

static TSS2_RC count_transmit(TSS2_TCTI_CONTEXT *context, size_t size, uint8_t const *command)
{
    struct count *c = count_of(context);

    c->code = size >= 10 ? big_endian(command + 6) : 0;
    c->fault = fault_next();
    if (c->fault.kind == FAULT_ANSWER)
        return TSS2_RC_SUCCESS;
    if (c->fault.kind == FAULT_RESET)
        fault_reset(c->real, c->real_conf);
    if (c->fault.kind == FAULT_RUN)
        fault_run();
    return Tss2_Tcti_Transmit(c->real, size, command);
}

static TSS2_RC count_receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    struct count *c = count_of(context);
    TSS2_RC rc = TSS2_RC_SUCCESS;

    if (c->fault.kind != FAULT_ANSWER)
        rc = Tss2_Tcti_Receive(c->real, size, response, timeout);
    else if (response == NULL)
        *size = 10;
    else
        fault_write_answer(c->fault.answer, response, size);
    if (rc != TSS2_RC_SUCCESS || response == NULL || *size < 10)
        return rc;
    write_line(c, big_endian(response + 6));
    maybe_die();
    if (c->fault.kind == FAULT_CUT)
        *size = 6;
    return c->fault.kind == FAULT_IO ? TSS2_TCTI_RC_IO_ERROR : TSS2_RC_SUCCESS;
}

static void count_finalize(TSS2_TCTI_CONTEXT *context)
{
    Tss2_TctiLdr_Finalize(&count_of(context)->real);
}

static TSS2_RC count_cancel(TSS2_TCTI_CONTEXT *context)
{
    return Tss2_Tcti_Cancel(count_of(context)->real);
}

static TSS2_RC count_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *n)
{
    return Tss2_Tcti_GetPollHandles(count_of(context)->real, handles, n);
}

static TSS2_RC count_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    return Tss2_Tcti_SetLocality(count_of(context)->real, locality);
}

static TSS2_RC count_make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    return Tss2_Tcti_MakeSticky(count_of(context)->real, handle, sticky);
}

TSS2_RC Tss2_Tcti_Count_Init(TSS2_TCTI_CONTEXT *context, size_t *size, const char *conf)
{
    struct count *c = count_of(context);
    const char *comma = conf != NULL ? strchr(conf, ',') : NULL;

    if (size == NULL)
        return TSS2_TCTI_RC_BAD_VALUE;
    *size = context == NULL ? sizeof *c : *size;
    if (context == NULL)
        return TSS2_RC_SUCCESS;
    if (*size != sizeof *c || comma == NULL || strncmp(conf, "log=", 4) != 0 || (size_t)(comma - conf) >= sizeof c->log ||
        strlen(comma) >= sizeof c->real_conf)
        return TSS2_TCTI_RC_BAD_VALUE;
    memset(c, 0, sizeof *c);
    (void)snprintf(c->log, sizeof c->log, "%.*s", (int)(comma - conf - 4), conf + 4);
    (void)strcpy(c->real_conf, comma + 1);
    c->common.v1.magic = MAGIC;
    c->common.v1.version = 2;
    c->common.v1.transmit = count_transmit;
    c->common.v1.receive = count_receive;
    c->common.v1.finalize = count_finalize;
    c->common.v1.cancel = count_cancel;
    c->common.v1.getPollHandles = count_poll_handles;
    c->common.v1.setLocality = count_locality;
    c->common.makeSticky = count_make_sticky;
    return Tss2_TctiLdr_Initialize(comma + 1, &c->real);
}

const TSS2_TCTI_INFO *Tss2_Tcti_Info(void)
{
    static const TSS2_TCTI_INFO info = {
        .version = 2,
        .name = "tcti-count",
        .description = "counts commands before another TCTI",
        .config_help = "log=FILE,TCTI[:CONF]",
        .init = Tss2_Tcti_Count_Init,
    };

    return &info;
}
