/* SPDX-License-Identifier: BSD-2-Clause */
/* What only the whole of devid.conf tells: defaults, references, duplicates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf_value.h"

#define STATE_DEFAULT "/var/lib/devid"
#define SERIAL "${serial}"
#define SERIAL_MAX 128

/* What chip and maker give a device, whether the file speaks of it or not. */
static void add_built_in(struct conf_builder *b, enum devid_role role)
{
    struct devid_conf_identity *identity = &b->identities[b->conf.n_identities];

    for (size_t i = 0; i < b->conf.n_identities; i++)
        if (b->identities[i].role == role || strcmp(b->identities[i].name, devid_role_name(role)) == 0)
            return;
    *identity = (struct devid_conf_identity){.role = role, .bits = 256, .renew_after = 80, .grace = CONF_GRACE_S};
    identity->name = conf_keep(b, devid_role_name(role));
    identity->headers = calloc(1, sizeof *identity->headers);
    b->conf.n_identities++;
    if (identity->name == NULL || identity->headers == NULL)
        conf_fail(b, 0, NULL, "out of memory");
}

static void fill_in(struct conf_builder *b, struct devid_conf_identity *identity)
{
    static const struct {
        enum devid_role role;
        uint32_t handle, nv_index;
    } places[] = {
        {DEVID_ROLE_EK, 0x81010001, 0x01c00002},
        {DEVID_ROLE_IDEVID, 0x81020000, 0x01c90000},
        {DEVID_ROLE_IAK, 0x81020001, 0x01c90100},
    };

    if (identity->token == NULL)
        identity->token = devid_role_is_manufacturers(identity->role) ? DEVID_MANUFACTURER : b->conf.owner_token;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (identity->role != places[i].role)
            continue;
        if (identity->handle == 0)
            identity->handle = places[i].handle;
        if (identity->cert_place == DEVID_PLACE_NONE) {
            identity->cert_place = DEVID_PLACE_NV;
            identity->nv_index = places[i].nv_index;
        }
    }
    if (identity->cert_place == DEVID_PLACE_NONE)
        identity->cert_place = DEVID_PLACE_FILE;
    if (identity->secret_file != NULL && identity->secret_header == NULL)
        identity->secret_header = "Secret-Value"; /* as GlobalSign's service names it */
}

static bool append(struct devid_bytes *out, const char *text, size_t len)
{
    return devid_bytes_append(out, (struct devid_slice){(const unsigned char *)text, len}, NULL) == DEVID_OK;
}

/* A serial number may hold what RFC 4514 writes with a backslash. */
static bool append_serial(struct devid_bytes *out, const char *serial)
{
    bool good = true;

    for (; good && *serial != 0; serial++)
        good = (strchr(",+\"\\<>;=#", *serial) == NULL || append(out, "\\", 1)) && append(out, serial, 1);
    return good;
}

static void expand_subject(struct conf_builder *b, struct devid_conf_identity *identity)
{
    const char *rest = identity->subject, *found;
    unsigned line = conf_line(b, identity, "subject");
    struct devid_bytes out = {0};
    bool good = true;

    if (rest == NULL || strstr(rest, SERIAL) == NULL)
        return;
    if (b->conf.serial == NULL) {
        conf_fail(b, line, "subject", SERIAL " needs \"serial =\" or \"serial-file =\" in [device]");
        return;
    }
    for (; good && (found = strstr(rest, SERIAL)) != NULL; rest = found + strlen(SERIAL))
        good = append(&out, rest, (size_t)(found - rest)) && append_serial(&out, b->conf.serial);
    good = good && append(&out, rest, strlen(rest));
    identity->subject = good ? conf_keep(b, (const char *)out.data) : NULL;
    if (identity->subject == NULL)
        conf_fail(b, line, "subject", "out of memory");
    devid_bytes_free(&out);
}

static bool is_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
}

/* The first line, trimmed: firmware's tables (DMI) pad with blanks, a device tree ends with NUL. */
static void read_serial(struct conf_builder *b)
{
    unsigned line = conf_line(b, NULL, "serial-file");
    struct devid_bytes text = {0};
    struct devid_error why = {0};
    char serial[SERIAL_MAX + 1];
    const char *from;
    size_t len;

    if (b->serial_file == NULL)
        return;
    if (b->conf.serial != NULL) {
        conf_fail(b, line, "serial-file", "\"serial =\" is given too: one of the two is expected");
        return;
    }
    if (devid_file_read(b->serial_file, 4096, &text, &why) != DEVID_OK) {
        conf_fail(b, line, "serial-file", "%s", why.text);
        return;
    }
    from = (const char *)text.data + strspn((const char *)text.data, " \t");
    len = strcspn(from, "\r\n");
    while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t'))
        len--;
    if (len == 0 || len > SERIAL_MAX || !is_printable(from, len)) {
        conf_fail(b, line, "serial-file", "%s: a serial number of 1 to %d printable bytes is expected in its first line",
                  b->serial_file, SERIAL_MAX);
    } else {
        (void)snprintf(serial, sizeof serial, "%.*s", (int)len, from);
        b->conf.serial = conf_keep(b, serial);
        if (b->conf.serial == NULL)
            conf_fail(b, line, "serial-file", "out of memory");
    }
    devid_bytes_free(&text);
}

static void fail_at(struct conf_builder *b, const struct devid_conf_identity *identity, const char *key, const char *text)
{
    conf_fail(b, conf_line(b, identity, key), key, "%s", text);
}

/* A chain of authentications ends, and none of its names is missing. */
static void check_authenticate(struct conf_builder *b, const struct devid_conf_identity *identity)
{
    const struct devid_conf_identity *with = identity;

    for (size_t steps = 0; with != NULL && with->authenticate != NULL; steps++) {
        unsigned line = conf_line(b, with, "authenticate");

        if (steps == b->conf.n_identities) {
            conf_fail(b, conf_line(b, identity, "authenticate"), "authenticate",
                      "%s needs its own certificate to get it: another identity is expected", identity->name);
            return;
        }
        if (devid_conf_find(&b->conf, with->authenticate) == NULL)
            conf_fail(b, line, "authenticate", "there is no [identity %s] in this file", with->authenticate);
        with = devid_conf_find(&b->conf, with->authenticate);
    }
}

/* A place in the TPM has one owner. The later line is told; built-in identities have none. */
static void check_place(struct conf_builder *b, const struct devid_conf_identity *one,
                        const struct devid_conf_identity *two)
{
    const struct devid_conf_identity *at = two->line != 0 ? two : one, *other = at == two ? one : two;

    if (one->handle != 0 && one->handle == two->handle)
        conf_fail(b, conf_line(b, at, "handle"), "handle", "0x%08x is that of [identity %s] already", at->handle,
                  other->name);
    if (one->nv_index != 0 && one->nv_index == two->nv_index)
        conf_fail(b, conf_line(b, at, "certificate"), "certificate", "nv:0x%08x is that of [identity %s] already",
                  at->nv_index, other->name);
}

/* SPIRE loads the key from files, under a primary of its own; devid.conf's other wishes for a key are not for it. */
static void check_spire(struct conf_builder *b, const struct devid_conf_identity *identity)
{
    if (!identity->for_spire)
        return;
    if (devid_role_is_manufacturers(identity->role))
        fail_at(b, identity, "purpose", "SPIRE takes an owner's key: role = ldevid or client is expected");
    if (identity->handle != 0)
        fail_at(b, identity, "handle", "SPIRE loads its key from files: none is expected where \"purpose = spire\"");
    if (identity->alg != DEVID_EC || identity->bits != 256)
        fail_at(b, identity, "key", "ec-p256 is expected where \"purpose = spire\"");
}

static void check_identity(struct conf_builder *b, const struct devid_conf_identity *identity)
{
    bool is_devid = identity->role == DEVID_ROLE_IDEVID || identity->role == DEVID_ROLE_IAK;

    check_authenticate(b, identity);
    if (devid_role_is_manufacturers(identity->role) && !identity->renews_same_key && conf_line(b, identity, "renew-key") != identity->line)
        fail_at(b, identity, "renew-key", "the manufacturer's key is for the life of the device: same is expected");
    if (identity->handle == 0x81010001 && identity->role != DEVID_ROLE_EK)
        fail_at(b, identity, "handle", "0x81010001 is the EK's");
    if (identity->user != NULL && identity->password_file == NULL)
        fail_at(b, identity, "user", "\"password-file =\" is expected too");
    if (identity->user == NULL && identity->password_file != NULL)
        fail_at(b, identity, "password-file", "\"user =\" is expected too");
    if (identity->proxy_user != NULL && identity->proxy_password_file == NULL)
        fail_at(b, identity, "proxy-user", "\"proxy-password-file =\" is expected too");
    if (identity->proxy_user == NULL && identity->proxy_password_file != NULL)
        fail_at(b, identity, "proxy-password-file", "\"proxy-user =\" is expected too");
    if (identity->proxy_user != NULL && identity->proxy == NULL)
        fail_at(b, identity, "proxy-user", "\"proxy =\" is expected too");
    if (identity->secret_header != NULL && identity->secret_file == NULL)
        fail_at(b, identity, "secret-header", "\"secret-file =\" with the header's value is expected too");
    if (!devid_role_is_manufacturers(identity->role) && devid_token_is_manufacturers(identity->token))
        fail_at(b, identity, "token", "\"" DEVID_MANUFACTURER "\" holds ek, idevid and iak only: another name is expected");
    if (is_devid && identity->bits == 3072)
        fail_at(b, identity, "key", "TCG has no template of this type: ec-p256, ec-p384, ec-p521 or rsa-2048 is expected");
    check_spire(b, identity);
    for (const struct devid_conf_identity *other = b->identities; other < identity; other++)
        check_place(b, other, identity);
}

void conf_check(struct conf_builder *b)
{
    if (b->conf.state == NULL)
        b->conf.state = STATE_DEFAULT;
    if (b->conf.owner_token == NULL)
        b->conf.owner_token = "owner";
    if (devid_token_is_manufacturers(b->conf.owner_token))
        conf_fail(b, conf_line(b, NULL, "token"), "token", "\"" DEVID_MANUFACTURER "\" is the token of ek, idevid and iak: another name is expected");
    read_serial(b);
    add_built_in(b, DEVID_ROLE_EK);
    add_built_in(b, DEVID_ROLE_IDEVID);
    for (size_t i = 0; i < b->conf.n_identities; i++) {
        fill_in(b, &b->identities[i]);
        expand_subject(b, &b->identities[i]);
    }
    for (size_t i = 0; i < b->conf.n_identities && !b->has_failed; i++)
        check_identity(b, &b->identities[i]);
}
