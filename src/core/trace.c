/* SPDX-License-Identifier: BSD-2-Clause */
/* What is sent, counted, and with DEVID_LOG=trace told. TSS 2.0 TCTI specification, section 3. */
#include "core/trace.h"

#include <inttypes.h>
#include <stddef.h>
#include <sys/stat.h>
#include <tss2/tss2_tpm2_types.h>

#include "core/held.h"
#include "core/log.h"

#define HEADER 10 /* bytes of a command or an answer: tag, size, code */
#define MAGIC UINT64_C(0x6465766964747263) /* "devidtrc" */

static const struct {
    uint32_t code;
    const char *name;
} names[] = {
#define NAME(command) {TPM2_CC_##command, #command}
    NAME(Sign), NAME(RSA_Decrypt), NAME(ECDH_ZGen), NAME(Load), NAME(FlushContext), NAME(ReadPublic),
    NAME(ContextSave), NAME(ContextLoad), NAME(Create), NAME(CreatePrimary), NAME(EvictControl),
    NAME(ObjectChangeAuth), NAME(GetCapability), NAME(NV_ReadPublic), NAME(NV_Read), NAME(NV_DefineSpace),
    NAME(NV_UndefineSpace), NAME(NV_Write), NAME(NV_WriteLock), NAME(StartAuthSession), NAME(PolicySecret),
    NAME(PolicyOR), NAME(PolicyCommandCode), NAME(PolicyAuthorizeNV), NAME(Hash), NAME(HashSequenceStart),
    NAME(SequenceUpdate), NAME(SequenceComplete), NAME(Certify), NAME(ActivateCredential), NAME(GetRandom),
    NAME(StirRandom), NAME(Shutdown), NAME(Clear), NAME(ChangeEPS),
#undef NAME
};

static struct devid_trace *trace_of(TSS2_TCTI_CONTEXT *context)
{
    return (struct devid_trace *)(void *)context;
}

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static TSS2_RC trace_transmit(TSS2_TCTI_CONTEXT *context, size_t size, uint8_t const *command)
{
    struct devid_trace *trace = trace_of(context);
    struct devid_held held;
    TSS2_RC rc;

    if (trace->in_flight != NULL && size >= HEADER)
        atomic_store(trace->in_flight, big_endian(command + 6));
    if (!trace->is_device)
        devid_signal_hold(&held, SIGPIPE); /* the other end may be a program that has died */
    rc = Tss2_Tcti_Transmit(trace->real, size, command);
    if (!trace->is_device)
        devid_signal_release(&held, rc != TSS2_RC_SUCCESS);
    if (rc != TSS2_RC_SUCCESS && trace->in_flight != NULL)
        atomic_store(trace->in_flight, 0);
    if (rc == TSS2_RC_SUCCESS) {
        atomic_fetch_add(&trace->n_commands, 1);
        trace->code = size >= HEADER ? big_endian(command + 6) : 0;
        trace->handle = size >= 14 ? big_endian(command + 10) : 0;
    }
    return rc;
}

static void tell(const struct devid_trace *trace, uint32_t answer)
{
    const char *name = "command";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].code == trace->code)
            name = names[i].name;
    devid_log(DEVID_LOG_TRACE, "core/trace", "TPM2_%s 0x%08" PRIx32 " (code 0x%" PRIx32 "): 0x%" PRIx32, name,
              trace->handle, trace->code, answer);
}

static TSS2_RC trace_receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    struct devid_trace *trace = trace_of(context);
    TSS2_RC rc = Tss2_Tcti_Receive(trace->real, size, response, timeout);

    if (rc != TSS2_RC_SUCCESS || response == NULL)
        return rc;
    trace->has_answered = true;
    if (trace->in_flight != NULL)
        atomic_store(trace->in_flight, 0);
    if (*size < HEADER || big_endian(response + 2) != *size) /* tpm2-tss 3.2 would go by what its buffer had before */
        return TSS2_TCTI_RC_MALFORMED_RESPONSE;
    if (devid_log_wants(DEVID_LOG_TRACE))
        tell(trace, big_endian(response + 6));
    return rc;
}

/* The real connection is its owner's to end. */
static void trace_finalize(TSS2_TCTI_CONTEXT *context)
{
    (void)context;
}

static TSS2_RC trace_cancel(TSS2_TCTI_CONTEXT *context)
{
    return Tss2_Tcti_Cancel(trace_of(context)->real);
}

static TSS2_RC trace_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *n)
{
    return Tss2_Tcti_GetPollHandles(trace_of(context)->real, handles, n);
}

static TSS2_RC trace_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    return Tss2_Tcti_SetLocality(trace_of(context)->real, locality);
}

static TSS2_RC trace_make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    return Tss2_Tcti_MakeSticky(trace_of(context)->real, handle, sticky);
}

static bool is_device(TSS2_TCTI_CONTEXT *real)
{
    TSS2_TCTI_POLL_HANDLE handle = {.fd = -1};
    struct stat st;
    size_t n = 1;

    return Tss2_Tcti_GetPollHandles(real, &handle, &n) == TSS2_RC_SUCCESS && n == 1 && fstat(handle.fd, &st) == 0 && S_ISCHR(st.st_mode);
}

void devid_trace_wrap(struct devid_trace *trace, TSS2_TCTI_CONTEXT *real)
{
    trace->real = real;
    trace->in_flight = NULL;
    trace->has_answered = false;
    trace->is_device = is_device(real);
    trace->common.v1.magic = MAGIC;
    trace->common.v1.version = 2;
    trace->common.v1.transmit = trace_transmit;
    trace->common.v1.receive = trace_receive;
    trace->common.v1.finalize = trace_finalize;
    trace->common.v1.cancel = trace_cancel;
    trace->common.v1.getPollHandles = trace_poll_handles;
    trace->common.v1.setLocality = trace_locality;
    trace->common.makeSticky = trace_make_sticky;
}
