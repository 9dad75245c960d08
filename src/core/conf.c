/* SPDX-License-Identifier: BSD-2-Clause */
/* devid.conf: one table of sections and keys, read with inih. */
#include "core/conf.h"

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
    DEVICE("token", CONF_TOKEN, owner_token),
    DEVICE("rsa-generation", CONF_NOT, no_rsa_generation),
    IDENTITY("token", CONF_TOKEN, token),
    IDENTITY("role", CONF_ROLE, role),
    IDENTITY("key", CONF_KEY, alg),
    IDENTITY("purpose", CONF_PURPOSE, for_spire),
    IDENTITY("handle", CONF_HANDLE, handle),
    IDENTITY("certificate", CONF_CERTIFICATE, cert_place),
    IDENTITY("pem", CONF_PATH, pem),
    IDENTITY("est", CONF_URL, est),
    IDENTITY("enroll-by", CONF_ENROLL_BY, by_tpm),
    IDENTITY("authenticate", CONF_TEXT, authenticate),
    IDENTITY("secret-header", CONF_TEXT, secret_header),
    IDENTITY("secret-file", CONF_SECRET, secret_file),
    IDENTITY("user", CONF_TEXT, user),
    IDENTITY("password-file", CONF_SECRET, password_file),
    IDENTITY("header", CONF_HEADER, headers),
    IDENTITY("anchors", CONF_PATH, anchors),
    IDENTITY("fingerprint", CONF_FINGERPRINT, fingerprint),
    IDENTITY("crl", CONF_PATH, crl),
    IDENTITY("proxy", CONF_PROXY, proxy),
    IDENTITY("proxy-user", CONF_TEXT, proxy_user),
    IDENTITY("proxy-password-file", CONF_SECRET, proxy_password_file),
    IDENTITY("proof", CONF_PROOF, proof),
    IDENTITY("csr-attributes", CONF_NOT, skips_attributes),
    IDENTITY("subject", CONF_TEXT, subject),
    IDENTITY("san", CONF_SAN, san_hardware_module),
    IDENTITY("lifetime", CONF_LIFETIME, lifetime),
    IDENTITY("renew-after", CONF_PERCENT, renew_after),
    IDENTITY("renew-key", CONF_RENEW_KEY, renews_same_key),
    IDENTITY("grace", CONF_GRACE, grace),
    IDENTITY("on-renew", CONF_TEXT, on_renew),
};
#define N_KEYS (sizeof keys / sizeof keys[0])

_Static_assert(N_KEYS <= CONF_KEYS_MAX, "CONF_KEYS_MAX has room for the table");

/* The text under inih's reader, and the section that it is in. */
struct reader {
    struct conf_builder *b;
    const char *at, *end;
    const char *section; /* "device" or "identity"; NULL before the first */
    void *target;
    struct conf_lines *lines;
};

const char *devid_conf_key_name(const char *section, size_t i)
{
    for (size_t k = 0; k < N_KEYS; k++)
        if (strcmp(keys[k].section, section) == 0 && i-- == 0)
            return keys[k].name;
    return NULL;
}

unsigned conf_line(const struct conf_builder *b, const struct devid_conf_identity *identity, const char *key)
{
    const char *section = identity != NULL ? "identity" : "device";
    const struct conf_lines *lines = &b->lines[identity != NULL ? 1 + (size_t)(identity - b->identities) : 0];

    for (size_t k = 0; k < N_KEYS; k++)
        if (strcmp(keys[k].section, section) == 0 && strcmp(keys[k].name, key) == 0 && lines->of_key[k] != 0)
            return lines->of_key[k];
    return identity != NULL ? identity->line : 0;
}

/* ---- sections ---- */

static void add_identity(struct reader *r, const char *name)
{
    struct conf_builder *b = r->b;
    struct devid_conf_identity *identity = &b->identities[b->conf.n_identities];
    const struct devid_conf_identity *other = devid_conf_find(&b->conf, name);

    if (other != NULL) {
        conf_fail(b, b->line, NULL, "[identity %s] stands in line %u already", name, other->line);
        return;
    }
    if (b->conf.n_identities == CONF_IDENTITIES_MAX) {
        conf_fail(b, b->line, NULL, "more than %d identities", CONF_IDENTITIES_MAX);
        return;
    }
    *identity = (struct devid_conf_identity){
        .line = b->line, .role = DEVID_ROLE_CLIENT, .bits = 256, .cert_place = DEVID_PLACE_NONE, .renew_after = 80,
        .grace = CONF_GRACE_S};
    (void)devid_role_of(name, &identity->role); /* [identity idevid] needs no "role = idevid" */
    identity->name = conf_keep(b, name);
    identity->headers = calloc(CONF_HEADERS_MAX + 1, sizeof *identity->headers);
    b->conf.n_identities++;
    if (identity->name == NULL || identity->headers == NULL)
        conf_fail(b, b->line, NULL, "out of memory");
    r->section = "identity";
    r->target = identity;
    r->lines = &b->lines[b->conf.n_identities];
}

/* Here, not in inih's handler, which is not told of a section without keys. */
static void enter_section(struct reader *r, const char *header, size_t len)
{
    static const char blank[] = " \t";
    char name[SECTION_MAX + 1];

    while (len > 0 && strchr(blank, header[0]) != NULL) {
        header++;
        len--;
    }
    while (len > 0 && strchr(blank, header[len - 1]) != NULL)
        len--;
    if (len > SECTION_MAX) {
        conf_fail(r->b, r->b->line, NULL, "a section name of at most %d bytes is expected", SECTION_MAX);
        return;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)len, header);
    if (strcmp(name, "device") == 0) {
        r->section = "device";
        r->target = r->b;
        r->lines = &r->b->lines[0];
    } else if (strncmp(name, "identity", 8) == 0 && name[8] != 0 && strchr(blank, name[8]) != NULL) {
        add_identity(r, name + 8 + strspn(name + 8, blank));
    } else if (strcmp(name, "identity") == 0) {
        conf_fail(r->b, r->b->line, NULL, "an identity has a name: [identity NAME] is expected");
    } else {
        conf_fail(r->b, r->b->line, NULL, "[%s] is no section: [device] or [identity NAME] is expected", name);
    }
}

/* ---- lines ---- */

/* A copy of the line without what is before its text: inih would take an indented key for more of the value above. */
static bool copy_line(struct reader *r, const char *from, size_t len, char *line, size_t room)
{
    if (r->b->line == 1 && len >= 3 && memcmp(from, "\xef\xbb\xbf", 3) == 0) { /* Windows' mark of UTF-8 */
        from += 3;
        len -= 3;
    }
    while (len > 0 && (*from == ' ' || *from == '\t')) {
        from++;
        len--;
    }
    while (len > 0 && (from[len - 1] == '\n' || from[len - 1] == '\r'))
        len--;
    if (len + 2 > room) {
        conf_fail(r->b, r->b->line, NULL, "a line of at most %zu bytes is expected, not of %zu", room - 2, len);
        return false;
    }
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)from[i] < ' ' && from[i] != '\t') || from[i] == 0x7f) {
            conf_fail(r->b, r->b->line, NULL, "a line without control characters is expected");
            return false;
        }
    memcpy(line, from, len);
    line[len] = '\n';
    line[len + 1] = 0;
    return true;
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
    if (!copy_line(r, r->at, len, line, (size_t)room))
        return NULL;
    r->at += len;
    len = strcspn(line, "]");
    if (line[0] == '[' && line[len] == ']')
        enter_section(r, line + 1, len - 1);
    return r->b->has_failed ? NULL : line;
}

static void unknown_key(const struct reader *r, const char *name)
{
    const char *other = strcmp(r->section, "device") == 0 ? "identity" : "device", *nearest;

    for (size_t i = 0; (nearest = devid_conf_key_name(other, i)) != NULL; i++)
        if (strcmp(nearest, name) == 0) {
            conf_fail(r->b, r->b->line, name, "is expected in [%s] only", other[0] == 'd' ? "device" : "identity NAME");
            return;
        }
    nearest = conf_nearest(name, devid_conf_key_name, r->section);
    conf_fail(r->b, r->b->line, name, "there is no such key: is \"%s\" meant?", nearest);
}

static int take_value(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;

    (void)section; /* cut off at some length, and as it was before trimming */
    if (r->section == NULL) {
        conf_fail(r->b, r->b->line, name, "[device] or [identity NAME] is expected before the first key");
        return 0;
    }
    for (size_t k = 0; k < N_KEYS; k++) {
        if (strcmp(keys[k].section, r->section) != 0 || strcmp(keys[k].name, name) != 0)
            continue;
        if (r->lines->of_key[k] != 0 && keys[k].kind != CONF_HEADER)
            conf_fail(r->b, r->b->line, name, "stands in line %u already", r->lines->of_key[k]);
        else if (value[0] == 0)
            conf_fail(r->b, r->b->line, name, "a value is expected");
        else
            conf_set(r->b, &keys[k], r->target, value);
        r->lines->of_key[k] = r->b->line;
        return !r->b->has_failed;
    }
    unknown_key(r, name);
    return 0;
}

static void read_text(struct conf_builder *b, struct devid_slice text)
{
    struct reader r = {.b = b, .at = (const char *)text.data, .end = (const char *)text.data + text.len};
    int wrong = ini_parse_stream(next_line, &r, take_value, &r);

    if (wrong != 0)
        conf_fail(b, wrong > 0 ? (unsigned)wrong : b->line, NULL, "\"key = value\" or \"[section]\" is expected");
}

/* ---- the file ---- */

/* Absolute, so that paths hold in a program that changes its folder later: a module is loaded by any. */
static char *folder_of(const char *path)
{
    char *folder = strdup(path), *slash = folder != NULL ? strrchr(folder, '/') : NULL, *absolute = NULL;

    if (folder == NULL || path[0] == '/') {
        if (slash != NULL)
            *slash = 0;
        return folder;
    }
    if (slash != NULL)
        *slash = 0;
    absolute = realpath(slash != NULL ? folder : ".", NULL);
    if (absolute == NULL)
        return folder;
    free(folder);
    if (strcmp(absolute, "/") == 0)
        absolute[0] = 0;
    return absolute;
}

static devid_rc read_file(struct conf_builder *b, const char *path, struct devid_error *err)
{
    const char *from_env = secure_getenv("DEVID_CONF"), *chosen = path != NULL ? path : from_env;
    struct devid_bytes text = {0};
    char *folder;
    devid_rc rc;

    b->conf.path = conf_keep(b, chosen != NULL ? chosen : DEVID_CONF_DEFAULT);
    if (b->conf.path == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    folder = folder_of(b->conf.path);
    if (folder == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    b->folder = folder;
    rc = devid_file_read(b->conf.path, FILE_MAX, &text, err);
    if (rc == DEVID_E_ABSENT && chosen == NULL)
        rc = DEVID_OK; /* a device that nobody configured has what the chip and its maker gave it */
    else if (rc == DEVID_E_ABSENT)
        rc = devid_fail(err, DEVID_E_FILE, "there is no configuration %s: write it, or correct the path (--config, DEVID_CONF, "
                        "or \"config =\" in openssl.cnf)", b->conf.path);
    if (rc == DEVID_OK)
        read_text(b, devid_slice_of(text));
    if (rc == DEVID_OK && !b->has_failed)
        conf_check(b);
    b->folder = NULL;
    free(folder);
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
    b->lines = calloc(CONF_IDENTITIES_MAX + 3, sizeof *b->lines);
    b->conf.identities = b->identities;
    rc = b->identities == NULL || b->lines == NULL ? devid_fail(err, DEVID_E_MEM, "out of memory") : read_file(b, path, err);
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
    free(b->lines);
    free(b);
}

const struct devid_conf_identity *devid_conf_find(const struct devid_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->n_identities; i++)
        if (strcmp(conf->identities[i].name, name) == 0)
            return &conf->identities[i];
    return NULL;
}
