/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "field: value" lines before PEM blocks. By hand, because unknown lines must survive a rewrite
 * in their place, which no INI or YAML library offers.
 */
#include <stdlib.h>
#include <string.h>

#include "core/files.h"

#define VALUE_MAX 65536 /* hexadecimal of an ESYS object or a public area */

void devid_record_free(struct devid_record *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n_fields; i++) {
        free(r->fields[i].name);
        free(r->fields[i].value);
    }
    free(r->fields);
    devid_bytes_free(&r->rest);
    *r = (struct devid_record){0};
}

const char *devid_record_get(const struct devid_record *r, const char *name)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (strcmp(r->fields[i].name, name) == 0)
            return r->fields[i].value;
    return NULL;
}

static devid_rc add_field(struct devid_record *r, const char *name, size_t name_len, const char *value,
                          size_t value_len, struct devid_error *err)
{
    struct devid_field *fields, field;

    if (r->n_fields == DEVID_RECORD_FIELDS_MAX)
        return devid_fail(err, DEVID_E_DATA, "more than %d fields", DEVID_RECORD_FIELDS_MAX);
    fields = realloc(r->fields, (r->n_fields + 1) * sizeof *fields);
    if (fields == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    r->fields = fields;
    field = (struct devid_field){strndup(name, name_len), strndup(value, value_len)};
    if (field.name == NULL || field.value == NULL) {
        free(field.name);
        free(field.value);
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    fields[r->n_fields++] = field;
    return DEVID_OK;
}

devid_rc devid_record_set(struct devid_record *r, const char *name, const char *value, struct devid_error *err)
{
    if (value != NULL && strpbrk(value, "\r\n") != NULL)
        return devid_fail(err, DEVID_E_ARG, "%s: text without line ends is expected", name);
    if (value != NULL && strlen(name) + 2 + strlen(value) > VALUE_MAX) /* else nobody would read the file again */
        return devid_fail(err, DEVID_E_ARG, "%s: text of %zu bytes is too long: at most %zu are kept", name, strlen(value),
                          VALUE_MAX - 2 - strlen(name));
    for (size_t i = 0; i < r->n_fields; i++) {
        char *copy;

        if (strcmp(r->fields[i].name, name) != 0)
            continue;
        if (value == NULL) {
            free(r->fields[i].name);
            free(r->fields[i].value);
            memmove(&r->fields[i], &r->fields[i + 1], (r->n_fields - i - 1) * sizeof r->fields[0]);
            r->n_fields--;
            return DEVID_OK;
        }
        copy = strdup(value);
        if (copy == NULL)
            return devid_fail(err, DEVID_E_MEM, "out of memory");
        free(r->fields[i].value);
        r->fields[i].value = copy;
        return DEVID_OK;
    }
    return value == NULL ? DEVID_OK : add_field(r, name, strlen(name), value, strlen(value), err);
}

/* The program around us may have any locale: isalnum would ask it. */
static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Length of the field's name if the line is "name: value" or "name:", else 0. */
static size_t name_len(const char *line, size_t len)
{
    size_t n = 0;

    while (n < len && is_name_character(line[n]))
        n++;
    if (n == 0 || n == len || line[n] != ':' || line[0] == '-')
        return 0;
    return n + 1 == len || line[n + 1] == ' ' || (n + 2 == len && line[n + 1] == '\r') ? n : 0;
}

devid_rc devid_record_parse(struct devid_slice file, struct devid_record *out, struct devid_error *err)
{
    const char *at = file.len != 0 ? (const char *)file.data : "", *end = at + file.len;
    struct devid_record r = {0};
    devid_rc rc = DEVID_OK;

    if (file.len != 0 && memchr(file.data, 0, file.len) != NULL)
        return devid_fail(err, DEVID_E_DATA, "a NUL byte in it");
    while (rc == DEVID_OK && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);
        size_t n = name_len(at, len), skip;

        if (n == 0)
            break;
        while (at[len - 1] == '\r') /* an editor's; all of them, or each rewrite would lose one more */
            len--;
        skip = n + 2 <= len ? n + 2 : len;
        if (n > 64 || len > VALUE_MAX)
            rc = devid_fail(err, DEVID_E_DATA, "a line of more than %d bytes", VALUE_MAX);
        else
            rc = add_field(&r, at, n, at + skip, len - skip, err);
        at = newline != NULL ? newline + 1 : end;
    }
    if (rc == DEVID_OK && at < end)
        rc = devid_bytes_copy((struct devid_slice){(const unsigned char *)at, (size_t)(end - at)}, &r.rest, err);
    if (rc == DEVID_OK)
        *out = r;
    else
        devid_record_free(&r);
    return rc;
}

static devid_rc append_text(struct devid_bytes *out, const char *text, struct devid_error *err)
{
    return devid_bytes_append(out, devid_slice_text(text), err);
}

devid_rc devid_record_write(const struct devid_record *r, struct devid_bytes *out, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < r->n_fields; i++) {
        rc = append_text(out, r->fields[i].name, err);
        if (rc == DEVID_OK)
            rc = append_text(out, ": ", err);
        if (rc == DEVID_OK)
            rc = append_text(out, r->fields[i].value, err);
        if (rc == DEVID_OK)
            rc = append_text(out, "\n", err);
    }
    if (rc == DEVID_OK)
        rc = devid_bytes_append(out, devid_slice_of(r->rest), err);
    return rc;
}
