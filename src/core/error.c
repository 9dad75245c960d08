/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors in words. What the TPM says is in error_tss.c: a program that has no TPM needs no library of tpm2-tss for its own sentences. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    devid_rc rc;
    const char *word;
} words[] = {
    {DEVID_OK, "ok"},         {DEVID_E_ARG, "argument"}, {DEVID_E_MEM, "memory"},   {DEVID_E_ROOM, "room"},
    {DEVID_E_ABSENT, "absent"}, {DEVID_E_EXISTS, "exists"}, {DEVID_E_AUTH, "auth"},   {DEVID_E_LOCKED, "locked"},
    {DEVID_E_DENIED, "denied"}, {DEVID_E_KEY, "key"},       {DEVID_E_DATA, "data"},   {DEVID_E_BUSY, "busy"},
    {DEVID_E_AWAY, "away"},   {DEVID_E_TPM, "tpm"},      {DEVID_E_FILE, "file"},    {DEVID_E_NET, "net"},
};

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
