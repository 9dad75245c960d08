/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TPM that fails at a chosen command: DEVID_TCTI_FAULT=N:KIND[:TIMES] in the environment, N counted over all connections of the
 * process, TIMES 1 if not said. Kinds:
 *
 *   retry lockout object-memory session-memory nv-space canceled   the TPM answers so, and does nothing
 *   io        the command is carried out, and the connection breaks before the answer
 *   cut       the same, and a part of the answer comes
 *   reset     power is cut before the command (swtpm: "path=SOCKET", its control channel is SOCKET.ctrl)
 *   run       nothing fails, but before the command the shell runs DEVID_TCTI_RUN: what others do in the meantime
 */
#ifndef DEVID_TEST_TCTI_COUNT_FAULT_H
#define DEVID_TEST_TCTI_COUNT_FAULT_H

#include <stdbool.h>
#include <tss2/tss2_tcti.h>

enum fault_kind { FAULT_NONE, FAULT_ANSWER, FAULT_IO, FAULT_CUT, FAULT_RESET, FAULT_RUN };

struct fault {
    enum fault_kind kind;
    TSS2_RC answer; /* of FAULT_ANSWER */
};

/** What befalls the process's next command. An environment that cannot be read aborts: no test may pass by a typing error. */
struct fault fault_next(void);

/** An answer that is nothing but a code. \param response room for 10 bytes */
void fault_write_answer(TSS2_RC code, uint8_t *response, size_t *size);

/** Run DEVID_TCTI_RUN, without the fault in its environment; aborts if it fails. */
void fault_run(void);

/** Power off and on: no TPM2_Shutdown before it. \param conf of the real TCTI */
void fault_reset(TSS2_TCTI_CONTEXT *real, const char *conf);

#endif
