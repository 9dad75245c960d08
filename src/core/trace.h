/* SPDX-License-Identifier: BSD-2-Clause */
/* A TCTI before the real one, which counts and names the commands that go by. Core's own. */
#ifndef DEVID_CORE_TRACE_H
#define DEVID_CORE_TRACE_H

#include <stdatomic.h>
#include <tss2/tss2_tcti.h>

#include "core/error.h"

/* Zero-initialised, it may be used as a TCTI once devid_trace_wrap has filled it. */
struct devid_trace {
    TSS2_TCTI_CONTEXT_COMMON_V2 common;
    TSS2_TCTI_CONTEXT *real; /* not owned */
    _Atomic uint64_t n_commands;
    uint32_t code, handle;   /* of the command under way */
    atomic_uint *in_flight;  /* TPM2_CC of the command that is not answered yet, 0: none. NULL: nobody is told. Not owned */
    bool has_answered;       /* since devid_trace_wrap */
    bool is_device;          /* no other program, that could die, is at the other end of its descriptor */
};

/** Put trace before real. Its address is the TCTI context to give to ESYS. */
void devid_trace_wrap(struct devid_trace *trace, TSS2_TCTI_CONTEXT *real);

#endif
