/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/command.h"

#include <openssl/crypto.h>
#include <tss2/tss2_sys.h>


#define SENT_MAX 5 /* times, as ESYS does: a TPM's first word to a key whose failures it counts is "again" */

TSS2_RC devid_command_prepare(TSS2_SYS_CONTEXT *sys, TPM2_HANDLE key, const struct devid_use *use)
{
    static const TPMT_TK_HASHCHECK no_ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    static const TPMT_RSA_DECRYPT no_scheme = {.scheme = TPM2_ALG_NULL};
    static const TPM2B_DATA no_label;

    switch (use->command) {
    case DEVID_USE_SIGN:
        return Tss2_Sys_Sign_Prepare(sys, key, &use->digest, &use->scheme, use->ticket != NULL ? use->ticket : &no_ticket);
    case DEVID_USE_DECRYPT:
        return Tss2_Sys_RSA_Decrypt_Prepare(sys, key, &use->block, &no_scheme, &no_label);
    case DEVID_USE_OPEN:
        return Tss2_Sys_RSA_Decrypt_Prepare(sys, key, &use->block, &no_scheme, &use->label);
    case DEVID_USE_ECDH:
        return Tss2_Sys_ECDH_ZGen_Prepare(sys, key, &use->point);
    }
    return TSS2_BASE_RC_BAD_VALUE;
}

/* What was decrypted or derived stays in the buffer of the context, which others use and nobody wipes. */
static void wipe(TSS2_SYS_CONTEXT *sys)
{
    const uint8_t *parameters = NULL;
    size_t len = 0;

    if (Tss2_Sys_GetRpBuffer(sys, &len, &parameters) == TSS2_RC_SUCCESS)
        OPENSSL_cleanse((uint8_t *)(uintptr_t)parameters, len);
}

TSS2_RC devid_command_complete(TSS2_SYS_CONTEXT *sys, const struct devid_use *use, struct devid_answer *answer)
{
    TSS2_RC r = TSS2_BASE_RC_BAD_VALUE;

    switch (use->command) {
    case DEVID_USE_SIGN:
        return Tss2_Sys_Sign_Complete(sys, &answer->signature);
    case DEVID_USE_DECRYPT:
    case DEVID_USE_OPEN:
        answer->block.size = sizeof answer->block.buffer;
        r = Tss2_Sys_RSA_Decrypt_Complete(sys, &answer->block);
        break;
    case DEVID_USE_ECDH:
        r = Tss2_Sys_ECDH_ZGen_Complete(sys, &answer->point);
        break;
    }
    wipe(sys);
    return r;
}

static bool says_again(TSS2_RC r)
{
    return devid_tss_says(r, TPM2_RC_RETRY) || devid_tss_says(r, TPM2_RC_YIELDED) || devid_tss_says(r, TPM2_RC_TESTING);
}

static TSS2_RC send_once(TSS2_SYS_CONTEXT *sys, TPM2_HANDLE key, const struct devid_use *use)
{
    static const TSS2L_SYS_AUTH_COMMAND no_auth = {.count = 1, .auths = {{.sessionHandle = TPM2_RH_PW}}};
    TSS2_RC r = devid_command_prepare(sys, key, use);

    if (r == TSS2_RC_SUCCESS)
        r = Tss2_Sys_SetCmdAuths(sys, &no_auth);
    return r == TSS2_RC_SUCCESS ? Tss2_Sys_Execute(sys) : r;
}

TSS2_RC devid_command_send(ESYS_CONTEXT *esys, TPM2_HANDLE key, const struct devid_use *use, struct devid_answer *answer)
{
    TSS2_SYS_CONTEXT *sys = NULL;
    TSS2_RC r = Esys_GetSysContext(esys, &sys);

    if (r == TSS2_RC_SUCCESS)
        r = send_once(sys, key, use);
    for (int n = 1; n < SENT_MAX && says_again(r); n++)
        r = send_once(sys, key, use);
    return r == TSS2_RC_SUCCESS ? devid_command_complete(sys, use, answer) : r;
}
