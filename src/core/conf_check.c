/* SPDX-License-Identifier: BSD-2-Clause */
/* What only the whole of devid.conf tells: defaults, references, duplicates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf_value.h"

#define STATE_DEFAULT "/var/lib/devid"
#define SUBJECT_MAX 512

static bool is_manufacturers(enum devid_role role)
{
    return role == DEVID_ROLE_EK || role == DEVID_ROLE_IDEVID || role == DEVID_ROLE_IAK;
}

/* What chip and maker give a device, whether the file speaks of it or not. */
static void add_built_in(struct conf_builder *b, enum devid_role role)
{
    struct devid_conf_identity *identity = &b->identities[b->conf.n_identities];

    for (size_t i = 0; i < b->conf.n_identities; i++)
        if (b->identities[i].role == role || strcmp(b->identities[i].name, devid_role_name(role)) == 0)
            return;
    *identity = (struct devid_conf_identity){.role = role, .bits = 256, .renew_after = 80};
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
        identity->token = is_manufacturers(identity->role) ? "manufacturer" : b->conf.owner_token;
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

/* A serial number may hold what RFC 4514 writes with a backslash. */
static void append_serial(char *out, size_t room, const char *serial)
{
    size_t used = strlen(out);

    for (; *serial != 0 && used + 3 < room; serial++) {
        if (strchr(",+\"\\<>;=#", *serial) != NULL)
            out[used++] = '\\';
        out[used++] = *serial;
    }
    out[used] = 0;
}

static void expand_subject(struct conf_builder *b, struct devid_conf_identity *identity)
{
    const char *rest = identity->subject, *found;
    char out[SUBJECT_MAX] = "";

    if (rest == NULL || strstr(rest, "${serial}") == NULL)
        return;
    if (b->conf.serial == NULL) {
        conf_fail(b, identity->line, "subject", "${serial} needs \"serial =\" or \"serial-file =\" in [device]");
        return;
    }
    while ((found = strstr(rest, "${serial}")) != NULL) {
        (void)snprintf(out + strlen(out), sizeof out - strlen(out), "%.*s", (int)(found - rest), rest);
        append_serial(out, sizeof out, b->conf.serial);
        rest = found + strlen("${serial}");
    }
    (void)snprintf(out + strlen(out), sizeof out - strlen(out), "%s", rest);
    if (strlen(out) + 1 >= sizeof out)
        conf_fail(b, identity->line, "subject", "longer than %d bytes", SUBJECT_MAX - 2);
    identity->subject = conf_keep(b, out);
}

static void read_serial(struct conf_builder *b)
{
    struct devid_bytes text = {0};
    struct devid_error why = {0};
    char serial[130];
    size_t len;

    if (b->serial_file == NULL)
        return;
    if (b->conf.serial != NULL) {
        conf_fail(b, 0, "serial-file", "\"serial =\" is given too: one of the two is expected");
        return;
    }
    if (devid_file_read(b->serial_file, 4096, &text, &why) != DEVID_OK) {
        conf_fail(b, 0, "serial-file", "%s", why.text);
        return;
    }
    len = strcspn((const char *)text.data, "\r\n");
    while (len > 0 && text.data[len - 1] == ' ')
        len--;
    if (len == 0 || len >= sizeof serial) {
        conf_fail(b, 0, "serial-file", "%s: a serial number of 1 to 128 bytes is expected in its first line",
                  b->serial_file);
    } else {
        (void)snprintf(serial, sizeof serial, "%.*s", (int)len, (const char *)text.data);
        b->conf.serial = conf_keep(b, serial);
    }
    devid_bytes_free(&text);
}

static void check_authenticate(struct conf_builder *b, const struct devid_conf_identity *identity)
{
    const struct devid_conf_identity *with = identity;

    for (size_t steps = 0; with != NULL && with->authenticate != NULL; steps++) {
        if (steps == b->conf.n_identities) {
            conf_fail(b, identity->line, "authenticate", "%s authenticates with itself, by way of others", identity->name);
            return;
        }
        if (devid_conf_find(&b->conf, with->authenticate) == NULL)
            conf_fail(b, with->line, "authenticate", "there is no [identity %s]", with->authenticate);
        with = devid_conf_find(&b->conf, with->authenticate);
    }
}

static void check_identity(struct conf_builder *b, const struct devid_conf_identity *identity)
{
    check_authenticate(b, identity);
    if (identity->handle == 0x81010001 && identity->role != DEVID_ROLE_EK)
        conf_fail(b, identity->line, "handle", "0x81010001 is the EK's");
    if ((identity->user == NULL) != (identity->password_file == NULL))
        conf_fail(b, identity->line, "user", "\"user =\" and \"password-file =\" go together");
    if (identity->secret_header != NULL && identity->secret_file == NULL)
        conf_fail(b, identity->line, "secret-header", "\"secret-file =\" with the header's value is expected too");
    if (strncmp(identity->token, ".", 1) == 0)
        conf_fail(b, identity->line, "token", "\"%s\" is no name of a token: it begins with a dot", identity->token);
    if ((identity->role == DEVID_ROLE_IDEVID || identity->role == DEVID_ROLE_IAK) &&
        (identity->bits == 3072))
        conf_fail(b, identity->line, "key", "TCG has no DevID template of this type: ec-p256, ec-p384 or rsa-2048");
    for (const struct devid_conf_identity *other = b->identities; other < identity; other++) {
        if (identity->handle != 0 && other->handle == identity->handle)
            conf_fail(b, identity->line, "handle", "0x%08x is that of [identity %s] already", identity->handle, other->name);
        if (identity->nv_index != 0 && other->nv_index == identity->nv_index)
            conf_fail(b, identity->line, "certificate", "nv:0x%08x is that of [identity %s] already", identity->nv_index,
                      other->name);
    }
}

void conf_check(struct conf_builder *b)
{
    if (b->conf.state == NULL)
        b->conf.state = STATE_DEFAULT;
    if (b->conf.owner_token == NULL)
        b->conf.owner_token = "owner";
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
