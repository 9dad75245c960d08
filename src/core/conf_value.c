/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of devid.conf, one function a kind. */
#include "core/conf_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *conf_keep(struct conf_builder *b, const char *text)
{
    char **pool = realloc(b->pool, (b->n_pool + 1) * sizeof *pool);
    char *copy;

    if (pool == NULL)
        return NULL;
    b->pool = pool;
    copy = strdup(text);
    if (copy != NULL)
        pool[b->n_pool++] = copy;
    return copy;
}

void conf_fail(struct conf_builder *b, unsigned line, const char *key, const char *fmt, ...)
{
    char sentence[200], quoted[120];
    va_list args;

    if (b->has_failed)
        return;
    b->has_failed = true;
    va_start(args, fmt);
    (void)vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    (void)snprintf(quoted, sizeof quoted, "%s%s", key != NULL ? key : "", key != NULL ? ": " : "");
    (void)devid_fail(b->err, DEVID_E_DATA, "%s:%u: %s%s", b->conf.path, line, quoted, sentence);
}

static void set_text(struct conf_builder *b, const char **target, const char *value)
{
    *target = conf_keep(b, value);
    if (*target == NULL)
        conf_fail(b, b->line, NULL, "out of memory");
}

/* A relative path is meant from the file that says it, whoever reads that file from where. */
static void set_path(struct conf_builder *b, const char **target, const char *value)
{
    size_t room = strlen(b->folder) + strlen(value) + 2;
    char *path = malloc(room);

    if (path == NULL) {
        conf_fail(b, b->line, NULL, "out of memory");
        return;
    }
    if (value[0] == '/')
        (void)snprintf(path, room, "%s", value);
    else
        (void)snprintf(path, room, "%s/%s", b->folder, value);
    set_text(b, target, path);
    free(path);
}

/* It becomes a label in PKCS#11. */
static void set_token(struct conf_builder *b, const char *name, const char **target, const char *value)
{
    if (strlen(value) > CONF_TOKEN_MAX)
        conf_fail(b, b->line, name, "\"%s\" is no name of a token: at most %d bytes", value, CONF_TOKEN_MAX);
    set_text(b, target, value);
}

static void set_role(struct conf_builder *b, const char *name, enum devid_role *target, const char *value)
{
    if (!devid_role_of(value, target))
        conf_fail(b, b->line, name, "\"%s\" is no role: ek, idevid, iak, ldevid, ca or client", value);
}

static void set_key(struct conf_builder *b, const char *name, struct devid_conf_identity *identity, const char *value)
{
    static const struct {
        const char *name;
        enum devid_alg alg;
        unsigned bits;
    } types[] = {
        {"ec-p256", DEVID_EC, 256}, {"ec-p384", DEVID_EC, 384}, {"ec-p521", DEVID_EC, 521},
        {"rsa-2048", DEVID_RSA, 2048}, {"rsa-3072", DEVID_RSA, 3072},
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, value) == 0) {
            identity->alg = types[i].alg;
            identity->bits = types[i].bits;
            return;
        }
    conf_fail(b, b->line, name, "\"%s\" is not a key type: ec-p256, ec-p384, ec-p521, rsa-2048 or rsa-3072", value);
}

static void set_handle(struct conf_builder *b, const char *name, uint32_t *target, const char *value)
{
    *target = devid_hex_number(value, 0x81000000, 0x817fffff);
    if (*target == 0)
        conf_fail(b, b->line, name, "\"%s\" is no owner's persistent handle: 0x81000000 to 0x817fffff", value);
    else if (*target == 0x81000001)
        conf_fail(b, b->line, name, "0x81000001 is the storage root key's");
    else if (*target == 0x81000100)
        conf_fail(b, b->line, name, "0x81000100 is Azure tpmd's");
}

static void set_certificate(struct conf_builder *b, const char *name, struct devid_conf_identity *identity,
                            const char *value)
{
    if (strcmp(value, "file") == 0) {
        identity->cert_place = DEVID_PLACE_FILE;
        return;
    }
    if (strncmp(value, "nv:", 3) == 0)
        identity->nv_index = devid_hex_number(value + 3, 0x01000000, 0x01ffffff);
    identity->cert_place = DEVID_PLACE_NV;
    if (identity->nv_index == 0)
        conf_fail(b, b->line, name, "\"%s\" is no place for a certificate: nv:0x01000000 to nv:0x01ffffff, or file", value);
}

static void set_url(struct conf_builder *b, const char *name, const char **target, const char *value)
{
    if (strncmp(value, "https://", 8) != 0 || value[8] == 0 || value[8] == '/' || strchr(value, ' ') != NULL)
        conf_fail(b, b->line, name, "\"%s\" is no URL of an EST server: https://host/.well-known/est", value);
    set_text(b, target, value);
}

/* The proxy sees host and port and nothing else: not a URL's user, which would stand in a file that all may read. */
static void set_proxy(struct conf_builder *b, const char *name, const char **target, const char *value)
{
    static const char *const schemes[] = {"http://", "socks5h://", "socks5://"};
    bool good = strcmp(value, "environment") == 0;

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        good = good || (strncmp(value, schemes[i], strlen(schemes[i])) == 0 && value[strlen(schemes[i])] != 0);
    if (!good || strpbrk(value, "@ ") != NULL)
        conf_fail(b, b->line, name, "\"%s\" is no proxy: http://host:port, socks5h://host:port or environment", value);
    set_text(b, target, value);
}

static void set_proof(struct conf_builder *b, const char *name, enum devid_conf_proof *target, const char *value)
{
    static const char *const words[] = {NULL, "none", "tls-unique", "tls-exporter"};

    for (size_t i = 1; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(value, words[i]) == 0)
            *target = (enum devid_conf_proof)i;
    if (*target == DEVID_PROOF_AS_ASKED)
        conf_fail(b, b->line, name, "\"%s\" is no proof: none, tls-unique or tls-exporter", value);
}

static void set_header(struct conf_builder *b, const char *name, const char *const **target, const char *value)
{
    const char **headers = (const char **)(uintptr_t)*target;
    size_t n = 0;

    while (headers[n] != NULL)
        n++;
    if (strchr(value, ':') == NULL || value[0] == ':')
        conf_fail(b, b->line, name, "\"%s\" is no header: Name: value", value);
    else if (n == CONF_HEADERS_MAX)
        conf_fail(b, b->line, name, "more than %d headers", CONF_HEADERS_MAX);
    else
        set_text(b, &headers[n], value);
}

static void set_fingerprint(struct conf_builder *b, const char *name, const char **target, const char *value)
{
    struct devid_bytes bytes = {0};

    if (devid_hex_decode(value, &bytes, NULL) != DEVID_OK || bytes.len != 32)
        conf_fail(b, b->line, name, "the SHA-256 of the root certificate is expected: 64 hexadecimal digits");
    devid_bytes_free(&bytes);
    set_text(b, target, value);
}

/* "30d"; 0 if it is no such thing. */
static int64_t duration_of(const char *value)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'y', 31557600}};
    char *end = NULL;
    unsigned long number;

    errno = 0;
    number = isdigit((unsigned char)value[0]) ? strtoul(value, &end, 10) : 0;
    for (size_t i = 0; number != 0 && number < 1000000 && errno == 0 && i < sizeof units / sizeof units[0]; i++)
        if (end[0] == units[i].unit && end[1] == 0)
            return (int64_t)number * units[i].seconds;
    return 0;
}

static void set_lifetime(struct conf_builder *b, const char *name, struct devid_conf_identity *identity,
                         const char *value)
{
    identity->wants_never = strcmp(value, "never") == 0;
    identity->lifetime = identity->wants_never ? 0 : duration_of(value);
    if (!identity->wants_never && identity->lifetime == 0)
        conf_fail(b, b->line, name, "\"%s\" is no lifetime: never, or a number with s, m, h, d or y, such as 30d", value);
}

static void set_grace(struct conf_builder *b, const char *name, int64_t *target, const char *value)
{
    *target = duration_of(value);
    if (*target == 0 && strcmp(value, "none") != 0)
        conf_fail(b, b->line, name, "\"%s\" is no grace time: none, or a number with s, m, h, d or y, such as 7d", value);
}

/* A credential's place is known to the service that has it, not to every program that reads this file. */
static void set_secret(struct conf_builder *b, const char *name, const char **target, const char *value)
{
    const char *credential = value + strlen(DEVID_CREDENTIAL);

    if (strncmp(value, DEVID_CREDENTIAL, strlen(DEVID_CREDENTIAL)) != 0)
        set_path(b, target, value);
    else if (credential[0] == 0 || credential[0] == '.' || strchr(credential, '/') != NULL)
        conf_fail(b, b->line, name, "\"%s\" is no name of a credential", credential);
    else
        set_text(b, target, value);
}

static void set_percent(struct conf_builder *b, const char *name, unsigned *target, const char *value)
{
    char *end = NULL;
    unsigned long number = isdigit((unsigned char)value[0]) ? strtoul(value, &end, 10) : 0;

    if (number < 1 || number > 99 || strcmp(end, "%") != 0)
        conf_fail(b, b->line, name, "\"%s\" is no part of a lifetime: 1%% to 99%%", value);
    else
        *target = (unsigned)number;
}

/* One of two words, and the flag is true for the first; or one word alone. */
static void set_flag(struct conf_builder *b, const struct conf_key *key, bool *target, const char *value)
{
    static const struct {
        enum conf_kind kind;
        const char *yes, *no, *expected;
    } words[] = {
        {CONF_SAN, "hardware-module", NULL, " is no subjectAltName that is offered: hardware-module"},
        {CONF_ENROLL_BY, "tpmenroll", "simpleenroll", ": simpleenroll or tpmenroll is expected"},
        {CONF_RENEW_KEY, "same", "new", ": new or same is expected"},
        {CONF_PURPOSE, "spire", NULL, " is no purpose that a key is made for: spire"},
        {CONF_NOT, "no", "yes", ": yes or no is expected"},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].kind != key->kind)
            continue;
        *target = strcmp(value, words[i].yes) == 0;
        if (!*target && (words[i].no == NULL || strcmp(value, words[i].no) != 0))
            conf_fail(b, b->line, key->name, "\"%s\"%s", value, words[i].expected);
    }
}

/* Levenshtein's distance: how many letters are put in, left out or changed. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], n = strlen(b);

    if (n >= sizeof row / sizeof row[0])
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != 0; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t least = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < least)
                least = row[j] + 1;
            if (row[j - 1] + 1 < least)
                least = row[j - 1] + 1;
            row[j] = least;
        }
    }
    return row[n];
}

const char *conf_nearest(const char *name, const char *(*name_of)(const char *section, size_t i), const char *section)
{
    const char *best = name_of(section, 0), *candidate;

    for (size_t i = 1; (candidate = name_of(section, i)) != NULL; i++)
        if (distance(name, candidate) < distance(name, best))
            best = candidate;
    return best;
}

void conf_set(struct conf_builder *b, const struct conf_key *key, void *target, const char *value)
{
    void *member = (char *)target + key->offset;

    switch (key->kind) {
    case CONF_TEXT:
        set_text(b, member, value);
        break;
    case CONF_TOKEN:
        set_token(b, key->name, member, value);
        break;
    case CONF_PATH:
        set_path(b, member, value);
        break;
    case CONF_ROLE:
        set_role(b, key->name, member, value);
        break;
    case CONF_KEY:
        set_key(b, key->name, target, value);
        break;
    case CONF_HANDLE:
        set_handle(b, key->name, member, value);
        break;
    case CONF_CERTIFICATE:
        set_certificate(b, key->name, target, value);
        break;
    case CONF_URL:
        set_url(b, key->name, member, value);
        break;
    case CONF_PROXY:
        set_proxy(b, key->name, member, value);
        break;
    case CONF_PROOF:
        set_proof(b, key->name, member, value);
        break;
    case CONF_HEADER:
        set_header(b, key->name, member, value);
        break;
    case CONF_FINGERPRINT:
        set_fingerprint(b, key->name, member, value);
        break;
    case CONF_LIFETIME:
        set_lifetime(b, key->name, target, value);
        break;
    case CONF_PERCENT:
        set_percent(b, key->name, member, value);
        break;
    case CONF_GRACE:
        set_grace(b, key->name, member, value);
        break;
    case CONF_SECRET:
        set_secret(b, key->name, member, value);
        break;
    case CONF_SAN:
    case CONF_ENROLL_BY:
    case CONF_PURPOSE:
    case CONF_RENEW_KEY: case CONF_NOT:
        set_flag(b, key, member, value);
        break;
    }
}
