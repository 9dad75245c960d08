/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte strings, with ownership in the type: a slice is lent for the call, bytes are owned,
 * a secret is owned and wiped. Zero-initialised values are empty and may be freed.
 */
#ifndef DEVID_CORE_BYTES_H
#define DEVID_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/error.h"

struct devid_slice {
    const unsigned char *data;
    size_t len;
};

struct devid_bytes {
    unsigned char *data;
    size_t len;
};

struct devid_secret {
    unsigned char *data;
    size_t len;
};

static inline struct devid_slice devid_slice_of(struct devid_bytes b)
{
    return (struct devid_slice){b.data, b.len};
}

/** Of a text, without its NUL. */
static inline struct devid_slice devid_slice_text(const char *text)
{
    return (struct devid_slice){(const unsigned char *)text, strlen(text)};
}

/** True if both have the same length and content. Not for secrets (timing). */
bool devid_slice_eq(struct devid_slice a, struct devid_slice b);

/** Copy into *out, which was empty; one NUL follows the copy, not counted in len. */
devid_rc devid_bytes_copy(struct devid_slice in, struct devid_bytes *out, struct devid_error *err);
/** Grow *b by a copy of in; on failure *b is unchanged. */
devid_rc devid_bytes_append(struct devid_bytes *b, struct devid_slice in, struct devid_error *err);
/** Free and empty. NULL and empty are allowed. */
void devid_bytes_free(struct devid_bytes *b);

devid_rc devid_secret_copy(struct devid_slice in, struct devid_secret *out, struct devid_error *err);
/** Wipe, free and empty. NULL and empty are allowed. */
void devid_secret_free(struct devid_secret *s);

#define DEVID_CREDENTIAL "credential:"

/**
 * Read a secret from a file: its content without one trailing line end (LF or CRLF).
 *
 * \param path  or "credential:NAME": what systemd's LoadCredential= gave the service by that name, $CREDENTIALS_DIRECTORY/NAME
 * \return DEVID_E_FILE if it cannot be read, DEVID_E_DATA if it is empty, longer than
 *         4,096 bytes or holds a NUL, CR or LF inside
 */
devid_rc devid_secret_read(const char *path, struct devid_secret *out, struct devid_error *err);

/**
 * Read a whole file.
 *
 * \param max  most bytes accepted; a longer file is DEVID_E_DATA
 * \return DEVID_E_ABSENT if there is none, DEVID_E_FILE if it cannot be read
 */
devid_rc devid_file_read(const char *path, size_t max, struct devid_bytes *out, struct devid_error *err);

#define DEVID_NO_CHAR 0xffffffffUL
/**
 * The character that *rest begins with, taken from it. A byte that is no UTF-8 is DEVID_NO_CHAR and one byte long.
 * \param is_control  of ASCII or C1: terminals obey both
 */
unsigned long devid_char_next(struct devid_slice *rest, bool *is_control);

/** Lower-case hexadecimal of in, NUL-terminated, into *out (2 * in.len characters). */
devid_rc devid_hex_encode(struct devid_slice in, struct devid_bytes *out, struct devid_error *err);
/** The reverse; ':' and white space between byte pairs are skipped. DEVID_E_DATA otherwise. */
devid_rc devid_hex_decode(const char *hex, struct devid_bytes *out, struct devid_error *err);
/** A number written "0x81000002", from 1 on; 0 if text is NULL, nothing of that kind, or not between from and to. */
uint32_t devid_hex_number(const char *text, uint32_t from, uint32_t to);

#endif
