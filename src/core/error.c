/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors in words: the sentence, what the TPM's code means, and what to do about it. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tpm2_types.h>

static const struct {
    devid_rc rc;
    const char *word;
} words[] = {
    {DEVID_OK, "ok"},         {DEVID_E_ARG, "argument"}, {DEVID_E_MEM, "memory"},   {DEVID_E_ROOM, "room"},
    {DEVID_E_ABSENT, "absent"}, {DEVID_E_EXISTS, "exists"}, {DEVID_E_AUTH, "auth"},   {DEVID_E_LOCKED, "locked"},
    {DEVID_E_DENIED, "denied"}, {DEVID_E_KEY, "key"},       {DEVID_E_DATA, "data"},   {DEVID_E_BUSY, "busy"},
    {DEVID_E_AWAY, "away"},   {DEVID_E_TPM, "tpm"},      {DEVID_E_FILE, "file"},    {DEVID_E_NET, "net"},
};

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

static bool is_from_tpm(uint32_t tss)
{
    uint32_t layer = tss & TSS2_RC_LAYER_MASK;

    return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
}

static const char *remedy_of(uint32_t tss)
{
    for (size_t i = 0; is_from_tpm(tss) && i < sizeof answers / sizeof answers[0]; i++)
        if (answers[i].code == bare_code(tss))
            return answers[i].remedy;
    return NULL;
}

devid_rc devid_rc_of_tss(uint32_t tss)
{
    uint32_t layer = tss & TSS2_RC_LAYER_MASK;

    if (tss == TSS2_RC_SUCCESS)
        return DEVID_OK;
    for (size_t i = 0; is_from_tpm(tss) && i < sizeof answers / sizeof answers[0]; i++)
        if (answers[i].code == bare_code(tss))
            return answers[i].rc;
    if (layer == TSS2_TCTI_RC_LAYER)
        return DEVID_E_AWAY;
    if (!is_from_tpm(tss) && (tss & 0xffffU) == TSS2_BASE_RC_MEMORY)
        return DEVID_E_MEM;
    if (!is_from_tpm(tss) && ((tss & 0xffffU) == TSS2_BASE_RC_IO_ERROR || (tss & 0xffffU) == TSS2_BASE_RC_NO_CONNECTION))
        return DEVID_E_AWAY;
    return DEVID_E_TPM;
}

const char *devid_rc_word(devid_rc rc)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].rc == rc)
            return words[i].word;
    return "unknown";
}

/* Cut off at the end, never in the middle of a UTF-8 character. */
static void take_text(struct devid_error *err, const char *text)
{
    size_t len = strlen(text);

    if (len >= sizeof err->text) {
        len = sizeof err->text - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    for (size_t i = 0; i < len; i++) /* names from files and servers are in it: it stays one line, and steers no terminal */
        err->text[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    err->text[len] = 0;
}

devid_rc devid_fail(struct devid_error *err, devid_rc rc, const char *fmt, ...)
{
    char text[sizeof err->text + 1]; /* err's own text may be among the arguments */
    va_list args;

    if (err == NULL)
        return rc;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err->tss = 0;
    err->handle = 0;
    take_text(err, text);
    return rc;
}

devid_rc devid_fail_tss(struct devid_error *err, uint32_t tss, uint32_t handle, const char *fmt, ...)
{
    const char *remedy = remedy_of(tss);
    char what[sizeof err->text], text[2 * sizeof err->text + 8];
    va_list args;

    if (err == NULL)
        return devid_rc_of_tss(tss);
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    (void)snprintf(text, sizeof text, "%s: %s (0x%x)%s%s", what, Tss2_RC_Decode(tss), tss, remedy != NULL ? "; " : "",
                   remedy != NULL ? remedy : "");
    err->tss = tss;
    err->handle = handle;
    take_text(err, text);
    return devid_rc_of_tss(tss);
}

devid_rc devid_error_about(struct devid_error *err, devid_rc rc, uint32_t tss, uint32_t handle)
{
    if (err != NULL) {
        err->tss = tss;
        err->handle = handle;
    }
    return rc;
}

devid_rc devid_error_in(struct devid_error *err, devid_rc rc, const char *noun)
{
    char text[2 * sizeof err->text + 8];

    if (err == NULL)
        return rc;
    (void)snprintf(text, sizeof text, "%.*s: %s", (int)sizeof err->text, noun, err->text);
    take_text(err, text);
    return rc;
}
