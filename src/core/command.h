/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the private half of a key does, as the TPM's command. By SAPI, which needs no more of a key than its handle: ESYS would want an
 * object made of it first, and shares one that another part of the program made of the same handle, whoever closes it. Core's own;
 * between devid_tpm_enter and _leave.
 */
#ifndef DEVID_CORE_COMMAND_H
#define DEVID_CORE_COMMAND_H

#include <tss2/tss2_esys.h>

#include "core/use.h"

/** To be authorised and sent by the caller. \return of the TSS */
TSS2_RC devid_command_prepare(TSS2_SYS_CONTEXT *sys, TPM2_HANDLE key, const struct devid_use *use);
/** \param answer  wiped by the caller */
TSS2_RC devid_command_complete(TSS2_SYS_CONTEXT *sys, const struct devid_use *use, struct devid_answer *answer);

/**
 * All of it, for a key without an auth value: one command, sent again if the TPM says so.
 * \return of the TSS or the TPM
 * TPM 2.0 Library, Part 3, TPM2_Sign, TPM2_RSA_Decrypt, TPM2_ECDH_ZGen; Part 1, 19.4 (password authorizations).
 */
TSS2_RC devid_command_send(ESYS_CONTEXT *esys, TPM2_HANDLE key, const struct devid_use *use, struct devid_answer *answer);

#endif
