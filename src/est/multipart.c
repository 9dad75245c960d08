/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. Everything is bounded by the length of the body. */
#include "est/multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70 /* RFC 2046 section 5.1.1 */

void multipart_free(struct multipart *m)
{
    for (size_t i = 0; i < m->n; i++)
        devid_bytes_free(&m->parts[i].content);
    *m = (struct multipart){0};
}

devid_rc multipart_add(struct devid_bytes *body, const char *type, struct devid_slice content, struct devid_error *err)
{
    struct devid_bytes text = {0};
    char head[256];
    devid_rc rc = message_base64_encode(content, &text, err);

    (void)snprintf(head, sizeof head, "--" MULTIPART_BOUNDARY "\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n", type);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(body, devid_slice_text(head), err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(body, devid_slice_of(text), err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(body, devid_slice_text("\r\n"), err);
    devid_bytes_free(&text);
    return rc;
}

devid_rc multipart_end(struct devid_bytes *body, struct devid_error *err)
{
    return devid_bytes_append(body, devid_slice_text("--" MULTIPART_BOUNDARY "--\r\n"), err);
}

/* The value of the parameter, quoted or not. */
static bool boundary_of(const char *type, char out[BOUNDARY_MAX + 1])
{
    static const char wanted[] = "multipart/mixed", name[] = "boundary=";
    const char *at;
    size_t len;

    type += strspn(type, " \t");
    if (strncasecmp(type, wanted, sizeof wanted - 1) != 0)
        return false;
    at = strcasestr(type + sizeof wanted - 1, name);
    if (at == NULL || strchr("; \t", at[-1]) == NULL)
        return false;
    at += sizeof name - 1;
    len = at[0] == '"' ? strcspn(++at, "\"") : strcspn(at, "; \t\r\n");
    if (len == 0 || len > BOUNDARY_MAX)
        return false;
    memcpy(out, at, len);
    out[len] = 0;
    return true;
}

/* Takes a line, without its end. */
static bool next_line(struct devid_slice *in, struct devid_slice *line)
{
    const unsigned char *end;
    size_t len;

    if (in->len == 0)
        return false;
    end = memchr(in->data, '\n', in->len);
    len = end != NULL ? (size_t)(end - in->data) : in->len;
    *line = (struct devid_slice){in->data, len > 0 && in->data[len - 1] == '\r' ? len - 1 : len};
    len += end != NULL;
    *in = (struct devid_slice){in->data + len, in->len - len};
    return true;
}

enum delimiter { NONE, NEXT, LAST };

static enum delimiter delimiter_of(struct devid_slice line, const char *boundary)
{
    size_t len = strlen(boundary);

    if (line.len < 2 + len || memcmp(line.data, "--", 2) != 0 || memcmp(line.data + 2, boundary, len) != 0)
        return NONE;
    line = (struct devid_slice){line.data + 2 + len, line.len - 2 - len};
    if (line.len >= 2 && memcmp(line.data, "--", 2) == 0)
        return LAST;
    while (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
        line = (struct devid_slice){line.data + 1, line.len - 1};
    return line.len == 0 ? NEXT : NONE;
}

static void read_header(struct devid_slice line, struct multipart_part *part)
{
    static const char name[] = "content-type:";
    size_t at = sizeof name - 1;

    if (line.len <= at || strncasecmp((const char *)line.data, name, at) != 0)
        return;
    while (at < line.len && (line.data[at] == ' ' || line.data[at] == '\t'))
        at++;
    (void)snprintf(part->type, sizeof part->type, "%.*s", (int)(line.len - at), (const char *)line.data + at);
}

/* Headers up to an empty line, content up to the next delimiter. */
static devid_rc read_part(struct devid_slice *in, const char *boundary, struct multipart *out, enum delimiter *end,
                          struct devid_error *err)
{
    struct multipart_part *part = &out->parts[out->n];
    struct devid_slice line, content = {0};
    devid_rc rc;

    if (out->n == MULTIPART_MAX)
        return devid_fail(err, DEVID_E_DATA, "it has more than %d parts", MULTIPART_MAX);
    while (next_line(in, &line) && line.len != 0)
        read_header(line, part);
    content.data = in->data;
    for (*end = NONE; *end == NONE;) {
        if (!next_line(in, &line))
            return devid_fail(err, DEVID_E_DATA, "its part %zu has no end", out->n + 1);
        *end = delimiter_of(line, boundary);
        content.len = (size_t)(line.data - content.data);
    }
    rc = message_der(content, &part->content, err);
    out->n += rc == DEVID_OK;
    return rc;
}

devid_rc multipart_read(const char *type, struct devid_slice body, struct multipart *out, struct devid_error *err)
{
    char boundary[BOUNDARY_MAX + 1];
    enum delimiter at = NONE;
    struct devid_slice line;
    devid_rc rc = DEVID_OK;

    *out = (struct multipart){0};
    if (body.len > MESSAGE_MAX)
        return devid_fail(err, DEVID_E_DATA, "it is longer than %d bytes", MESSAGE_MAX);
    if (type == NULL || !boundary_of(type, boundary))
        return devid_fail(err, DEVID_E_DATA, "%.60s instead of multipart/mixed with a boundary",
                          type == NULL || type[0] == 0 ? "no Content-Type" : type);
    while (at == NONE && next_line(&body, &line))
        at = delimiter_of(line, boundary);
    while (rc == DEVID_OK && at == NEXT)
        rc = read_part(&body, boundary, out, &at, err);
    if (rc == DEVID_OK && out->n == 0)
        rc = devid_fail(err, DEVID_E_DATA, "it has no parts");
    return rc;
}
