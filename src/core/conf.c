/* SPDX-License-Identifier: BSD-2-Clause */
/* devid.conf: one table of sections and keys, read with inih. */
#include "core/conf.h"

#include <ctype.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf_value.h"

#define FILE_MAX (1U << 20)
#define SECTION_MAX 49 /* inih cuts longer names off without a word */

#define DEVICE(name, kind, member) {"device", name, kind, offsetof(struct devid_conf, member)}
#define IDENTITY(name, kind, member) {"identity", name, kind, offsetof(struct devid_conf_identity, member)}

static const struct conf_key keys[] = {
    DEVICE("tcti", CONF_TEXT, tcti),
    DEVICE("state", CONF_PATH, state),
    DEVICE("serial", CONF_TEXT, serial),
    {"device", "serial-file", CONF_PATH, offsetof(struct conf_builder, serial_file)},
    DEVICE("token", CONF_NAME, owner_token),
    IDENTITY("token", CONF_NAME, token),
    IDENTITY("role", CONF_ROLE, role),
    IDENTITY("key", CONF_KEY, alg),
    IDENTITY("handle", CONF_HANDLE, handle),
    IDENTITY("certificate", CONF_CERTIFICATE, cert_place),
    IDENTITY("pem", CONF_PATH, pem),
    IDENTITY("est", CONF_URL, est),
    IDENTITY("authenticate", CONF_NAME, authenticate),
    IDENTITY("secret-header", CONF_TEXT, secret_header),
    IDENTITY("secret-file", CONF_PATH, secret_file),
    IDENTITY("user", CONF_TEXT, user),
    IDENTITY("password-file", CONF_PATH, password_file),
    IDENTITY("header", CONF_HEADER, headers),
    IDENTITY("anchors", CONF_PATH, anchors),
    IDENTITY("fingerprint", CONF_FINGERPRINT, fingerprint),
    IDENTITY("subject", CONF_TEXT, subject),
    IDENTITY("san", CONF_SAN, san_hardware_module),
    IDENTITY("lifetime", CONF_LIFETIME, lifetime),
    IDENTITY("renew-after", CONF_PERCENT, renew_after),
};
#define N_KEYS (sizeof keys / sizeof keys[0])

/* The text under inih's reader. */
struct reader {
    struct conf_builder *b;
    const char *at, *end;
    bool given[N_KEYS]; /* keys of the section so far */
};

const char *devid_conf_key_name(const char *section, size_t i)
{
    for (size_t k = 0; k < N_KEYS; k++)
        if (strcmp(keys[k].section, section) == 0 && i-- == 0)
            return keys[k].name;
    return NULL;
}

/* inih's fgets: hands out one line, and knows its number, which inih as Debian builds it does not tell. */
static char *next_line(char *line, int room, void *stream)
{
    struct reader *r = stream;
    const char *newline;
    size_t len;

    if (r->at >= r->end || r->b->has_failed)
        return NULL;
    newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    len = newline != NULL ? (size_t)(newline - r->at) + 1 : (size_t)(r->end - r->at);
    r->b->line++;
    if (len + 1 > (size_t)room || memchr(r->at, 0, len) != NULL) {
        conf_fail(r->b, r->b->line, NULL, "a line of at most %d bytes, without NUL, is expected", room - 2);
        return NULL;
    }
    memcpy(line, r->at, len);
    line[len] = 0;
    r->at += len;
    for (const char *c = line; isspace((unsigned char)*c) || *c == '['; c++)
        if (*c == '[') {
            r->b->section_line = r->b->line;
            memset(r->given, 0, sizeof r->given);
            if (strcspn(c + 1, "]\n") > SECTION_MAX)
                conf_fail(r->b, r->b->line, NULL, "a section name of at most %d bytes is expected", SECTION_MAX);
            break;
        }
    return line;
}

static struct devid_conf_identity *add_identity(struct conf_builder *b, const char *name)
{
    struct devid_conf_identity *identity = &b->identities[b->conf.n_identities];

    if (b->conf.n_identities == CONF_IDENTITIES_MAX) {
        conf_fail(b, b->section_line, NULL, "more than %d identities", CONF_IDENTITIES_MAX);
        return NULL;
    }
    *identity = (struct devid_conf_identity){
        .line = b->section_line, .role = DEVID_ROLE_CLIENT, .bits = 256, .cert_place = DEVID_PLACE_NONE, .renew_after = 80};
    identity->name = conf_keep(b, name);
    identity->headers = calloc(CONF_HEADERS_MAX + 1, sizeof *identity->headers);
    b->conf.n_identities++;
    if (identity->name == NULL || identity->headers == NULL)
        conf_fail(b, b->section_line, NULL, "out of memory");
    return b->has_failed ? NULL : identity;
}

/* The identity of "[identity NAME]", made at the section's first key. */
static struct devid_conf_identity *identity_of(struct conf_builder *b, const char *section)
{
    const char *name = section + strlen("identity");

    while (*name == ' ' || *name == '\t')
        name++;
    if (*name == 0) {
        conf_fail(b, b->section_line, NULL, "[identity NAME] is expected");
        return NULL;
    }
    for (size_t i = 0; i < b->conf.n_identities; i++) {
        if (strcmp(b->identities[i].name, name) != 0)
            continue;
        if (b->identities[i].line == b->section_line)
            return &b->identities[i];
        conf_fail(b, b->section_line, NULL, "[identity %s] stands in line %u already", name, b->identities[i].line);
        return NULL;
    }
    return add_identity(b, name);
}

static void unknown_key(struct conf_builder *b, const char *section, const char *name)
{
    char known[160] = "";

    for (size_t i = 0, used = 0; devid_conf_key_name(section, i) != NULL && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ",
                                 devid_conf_key_name(section, i));
    conf_fail(b, b->line, name, "no such key; known are %s", known);
}

static int take_value(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;
    bool is_identity = strncmp(section, "identity", 8) == 0 && (section[8] == ' ' || section[8] == 0);
    void *target = is_identity ? (void *)identity_of(r->b, section) : (void *)r->b;
    const char *kind = is_identity ? "identity" : section;

    if (!is_identity && strcmp(section, "device") != 0)
        conf_fail(r->b, r->b->line, NULL, "[device] or [identity NAME] is expected, not [%s]", section);
    for (size_t k = 0; k < N_KEYS && !r->b->has_failed && target != NULL; k++) {
        if (strcmp(keys[k].section, kind) != 0 || strcmp(keys[k].name, name) != 0)
            continue;
        if (r->given[k] && keys[k].kind != CONF_HEADER)
            conf_fail(r->b, r->b->line, name, "stands twice in this section");
        else
            conf_set(r->b, &keys[k], target, value);
        r->given[k] = true;
        return !r->b->has_failed;
    }
    unknown_key(r->b, kind, name);
    return 0;
}

static void read_text(struct conf_builder *b, struct devid_slice text)
{
    struct reader r = {.b = b, .at = (const char *)text.data, .end = (const char *)text.data + text.len};
    int wrong = ini_parse_stream(next_line, &r, take_value, &r);

    if (wrong != 0)
        conf_fail(b, wrong > 0 ? (unsigned)wrong : b->line, NULL, "\"key = value\" or \"[section]\" is expected");
}

static devid_rc read_file(struct conf_builder *b, const char *path, struct devid_error *err)
{
    const char *from_env = secure_getenv("DEVID_CONF"), *chosen = path != NULL ? path : from_env;
    struct devid_bytes text = {0};
    char folder[4096];
    devid_rc rc;

    b->conf.path = conf_keep(b, chosen != NULL ? chosen : DEVID_CONF_DEFAULT);
    if (b->conf.path == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    (void)snprintf(folder, sizeof folder, "%s", b->conf.path);
    if (strrchr(folder, '/') != NULL)
        *strrchr(folder, '/') = 0;
    else
        folder[0] = 0;
    b->folder = folder;
    rc = devid_file_read(b->conf.path, FILE_MAX, &text, err);
    if (rc == DEVID_E_ABSENT && chosen == NULL)
        rc = DEVID_OK; /* a device that nobody configured has what the chip and its maker gave it */
    else if (rc == DEVID_E_ABSENT)
        rc = DEVID_E_FILE;
    if (rc == DEVID_OK)
        read_text(b, devid_slice_of(text));
    if (rc == DEVID_OK && !b->has_failed)
        conf_check(b);
    b->folder = NULL;
    devid_bytes_free(&text);
    return rc == DEVID_OK && b->has_failed ? DEVID_E_DATA : rc;
}

devid_rc devid_conf_load(const char *path, struct devid_conf **out, struct devid_error *err)
{
    struct conf_builder *b = calloc(1, sizeof *b);
    devid_rc rc;

    if (b == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    b->err = err;
    b->identities = calloc(CONF_IDENTITIES_MAX + 2, sizeof *b->identities);
    b->conf.identities = b->identities;
    rc = b->identities == NULL ? devid_fail(err, DEVID_E_MEM, "out of memory") : read_file(b, path, err);
    b->err = NULL;
    if (rc == DEVID_OK)
        *out = &b->conf;
    else
        devid_conf_free(&b->conf);
    return rc;
}

void devid_conf_free(struct devid_conf *conf)
{
    struct conf_builder *b = (struct conf_builder *)(void *)conf;

    if (b == NULL)
        return;
    for (size_t i = 0; i < b->conf.n_identities; i++)
        free((void *)(uintptr_t)b->identities[i].headers);
    for (size_t i = 0; i < b->n_pool; i++)
        free(b->pool[i]);
    free(b->pool);
    free(b->identities);
    free(b);
}

const struct devid_conf_identity *devid_conf_find(const struct devid_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->n_identities; i++)
        if (strcmp(conf->identities[i].name, name) == 0)
            return &conf->identities[i];
    return NULL;
}
