/* SPDX-License-Identifier: BSD-2-Clause */
/* The TPM's codes in words: what they mean, and what to do about it. */
#include <stdarg.h>
#include <stdio.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tpm2_types.h>

#include "core/error.h"

/*
 * The TPM's codes that mean something to us, without layer, and for format one codes without
 * the number of the handle, session or parameter.
 */
static const struct {
    uint32_t code;
    devid_rc rc;
    const char *remedy;
} answers[] = {
    {TPM2_RC_HANDLE, DEVID_E_ABSENT, "run \"devid provision\""},
    {TPM2_RC_NV_UNINITIALIZED, DEVID_E_ABSENT, NULL},
    {TPM2_RC_NV_DEFINED, DEVID_E_EXISTS, NULL},
    {TPM2_RC_AUTH_FAIL, DEVID_E_AUTH, NULL},
    {TPM2_RC_BAD_AUTH, DEVID_E_AUTH, NULL},
    {TPM2_RC_LOCKOUT, DEVID_E_LOCKED, "wait, or reset the lockout with tpm2_dictionarylockout"},
    {TPM2_RC_POLICY_FAIL, DEVID_E_DENIED, NULL},
    {TPM2_RC_AUTH_UNAVAILABLE, DEVID_E_DENIED, "the object's own policy is needed"},
    {TPM2_RC_NV_AUTHORIZATION, DEVID_E_DENIED, NULL},
    {TPM2_RC_NV_LOCKED, DEVID_E_DENIED, NULL},
    {TPM2_RC_HIERARCHY, DEVID_E_DENIED, "the hierarchy is switched off or not allowed here"},
    {TPM2_RC_KEY, DEVID_E_KEY, NULL},
    {TPM2_RC_SCHEME, DEVID_E_KEY, NULL},
    {TPM2_RC_TYPE, DEVID_E_KEY, NULL},
    {TPM2_RC_ATTRIBUTES, DEVID_E_KEY, NULL},
    {TPM2_RC_TICKET, DEVID_E_KEY, NULL},
    {TPM2_RC_CURVE, DEVID_E_KEY, NULL},
    {TPM2_RC_KEY_SIZE, DEVID_E_KEY, NULL},
    {TPM2_RC_SIZE, DEVID_E_DATA, NULL},
    {TPM2_RC_VALUE, DEVID_E_DATA, NULL},
    {TPM2_RC_HASH, DEVID_E_DATA, NULL},
    {TPM2_RC_ECC_POINT, DEVID_E_DATA, "the point is not on the key's curve"},
    {TPM2_RC_INTEGRITY, DEVID_E_DATA, "the key is not of this TPM, or its owner was cleared"},
    {TPM2_RC_BINDING, DEVID_E_DATA, "the two halves of the key do not belong together"},
    {TPM2_RC_RETRY, DEVID_E_BUSY, "try again"},
    {TPM2_RC_YIELDED, DEVID_E_BUSY, "try again"},
    {TPM2_RC_TESTING, DEVID_E_BUSY, "try again"},
    {TPM2_RC_NV_RATE, DEVID_E_BUSY, "try again"},
    {TPM2_RC_NV_SPACE, DEVID_E_TPM, "the TPM's NV memory is full"},
    {TPM2_RC_OBJECT_MEMORY, DEVID_E_TPM, "another program keeps objects in the TPM: use a resource manager (/dev/tpmrm0)"},
    {TPM2_RC_SESSION_MEMORY, DEVID_E_TPM, "another program keeps sessions in the TPM: use a resource manager (/dev/tpmrm0)"},
};

static uint32_t bare_code(uint32_t tss)
{
    uint32_t code = tss & 0xffffU;

    if (code & TPM2_RC_FMT1)
        code &= TPM2_RC_FMT1 | 0x3fU;
    return code;
}

/* tpm2-abrmd says in the TPM's words that it has no room itself. */
static bool is_from_manager(uint32_t tss)
{
    return tss == (TSS2_RESMGR_RC_LAYER | TPM2_RC_OBJECT_MEMORY) || tss == (TSS2_RESMGR_RC_LAYER | TPM2_RC_SESSION_MEMORY);
}

static bool is_from_tpm(uint32_t tss)
{
    uint32_t layer = tss & TSS2_RC_LAYER_MASK;

    return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER || is_from_manager(tss);
}

bool devid_tss_says(uint32_t tss, uint32_t code)
{
    return is_from_tpm(tss) && bare_code(tss) == code;
}

static const char *remedy_of(uint32_t tss)
{
    for (size_t i = 0; !is_from_manager(tss) && i < sizeof answers / sizeof answers[0]; i++)
        if (devid_tss_says(tss, answers[i].code))
            return answers[i].remedy;
    return NULL;
}

/*
 * Of the layers above the TCTI: the connection is of no use any more. After an answer that is none SAPI waits for another, and takes no
 * command before it.
 */
static bool is_lost(uint32_t tss)
{
    static const uint32_t codes[] = {TSS2_BASE_RC_IO_ERROR,           TSS2_BASE_RC_NO_CONNECTION,
                                     TSS2_BASE_RC_BAD_SEQUENCE,       TSS2_BASE_RC_MALFORMED_RESPONSE,
                                     TSS2_BASE_RC_INSUFFICIENT_RESPONSE};

    for (size_t i = 0; !is_from_tpm(tss) && i < sizeof codes / sizeof codes[0]; i++)
        if ((tss & 0xffffU) == codes[i])
            return true;
    return false;
}

devid_rc devid_rc_of_tss(uint32_t tss)
{
    uint32_t layer = tss & TSS2_RC_LAYER_MASK;

    if (tss == TSS2_RC_SUCCESS)
        return DEVID_OK;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (devid_tss_says(tss, answers[i].code))
            return answers[i].rc;
    if (layer == TSS2_TCTI_RC_LAYER || is_lost(tss))
        return DEVID_E_AWAY;
    if (!is_from_tpm(tss) && (tss & 0xffffU) == TSS2_BASE_RC_MEMORY)
        return DEVID_E_MEM;
    return DEVID_E_TPM;
}

devid_rc devid_fail_tss(struct devid_error *err, uint32_t tss, uint32_t handle, const char *fmt, ...)
{
    const char *remedy = remedy_of(tss);
    char what[sizeof err->text];
    va_list args;
    devid_rc rc = devid_rc_of_tss(tss);

    if (err == NULL)
        return rc;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    rc = devid_fail(err, rc, "%s: %s (0x%x)%s%s", what, Tss2_RC_Decode(tss), tss, remedy != NULL ? "; " : "",
                    remedy != NULL ? remedy : "");
    return devid_error_about(err, rc, tss, handle);
}
