/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for people, JSON for programs: one writer for all subcommands. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "schedule.h"
#include "tool.h"

void out_json_string(const char *text)
{
    struct devid_slice rest = devid_slice_text(text);
    bool is_control;

    (void)putchar('"');
    while (rest.len != 0) {
        const unsigned char *from = rest.data;
        unsigned long c = devid_char_next(&rest, &is_control);

        if (c == '"' || c == '\\')
            (void)printf("\\%c", (int)c);
        else if (is_control || c == DEVID_NO_CHAR)
            (void)printf("\\u%04lx", is_control ? c : 0xfffdUL);
        else
            (void)printf("%.*s", (int)(rest.data - from), (const char *)from);
    }
    (void)putchar('"');
}

const char *out_text(const char *text, char room[OUT_TEXT_MAX])
{
    struct devid_slice rest = devid_slice_text(text);
    bool is_control;
    size_t n = 0;

    while (rest.len != 0 && n + 6 < OUT_TEXT_MAX) {
        const unsigned char *from = rest.data;
        unsigned long c = devid_char_next(&rest, &is_control);
        size_t len = is_control || c == DEVID_NO_CHAR ? 1 : (size_t)(rest.data - from);

        memcpy(room + n, is_control || c == DEVID_NO_CHAR ? (const unsigned char *)"?" : from, len);
        n += len;
    }
    room[n] = 0;
    return room;
}

void out_json_field(bool *first, const char *name, const char *value)
{
    (void)printf("%s", *first ? "" : ", ");
    *first = false;
    out_json_string(name);
    (void)printf(": ");
    if (value == NULL)
        (void)printf("null");
    else
        out_json_string(value);
}

devid_rc out_subject(const struct devid_identity *identity, struct devid_bytes *out, struct devid_error *err)
{
    if (identity->n_chain == 0)
        return devid_bytes_copy((struct devid_slice){(const unsigned char *)"-", 1}, out, err);
    return devid_cert_name_text(identity->chain[0].subject, out, err);
}

void out_key_place(const struct devid_identity *identity, char buf[16])
{
    if (identity->key_place == DEVID_PLACE_HANDLE)
        (void)snprintf(buf, 16, "0x%08" PRIx32, identity->handle);
    else
        (void)snprintf(buf, 16, "%s", identity->key_place == DEVID_PLACE_BLOB ? "file" : "-");
}

void out_cert_place(const struct devid_identity *identity, char buf[16])
{
    if (identity->n_chain != 0 && identity->cert_place == DEVID_PLACE_NV)
        (void)snprintf(buf, 16, "nv 0x%08" PRIx32, identity->nv_index);
    else
        (void)snprintf(buf, 16, "%s", identity->n_chain != 0 ? "file" : "-");
}

void out_handles(struct tool *tool, struct devid_handles *out)
{
    *out = (struct devid_handles){0};
    (void)devid_handles_read(tool->store, out, NULL);
}

const char *out_state(struct tool *tool, const struct devid_handles *handles, const struct devid_identity *identity,
                      const struct devid_conf_identity *want, int64_t now)
{
    const struct devid_cert *leaf = identity->chain;

    if (handles->list != NULL && devid_handles_lack(handles, identity))
        return "gone";
    if (!devid_identity_key_enabled(identity) || (identity->n_chain != 0 && !devid_identity_cert_enabled(identity)))
        return "disabled";
    if (identity->n_chain == 0)
        return "none";
    if (leaf->not_after <= now)
        return "expired";
    if (leaf->not_before > now)
        return "not yet";
    if (want != NULL && want->est != NULL && 
        schedule_due(leaf->not_before, leaf->not_after, want->renew_after, tool_seed(tool, identity)) <= now)
        return "due";
    return "valid";
}

static devid_rc table_row(struct tool *tool, const struct devid_handles *handles, const struct devid_identity *identity,
                          struct devid_error *err)
{
    const struct devid_conf_identity *want = tool_section(tool, identity);
    char key[16], cert[16], until[24] = "-", token[OUT_TEXT_MAX], label[OUT_TEXT_MAX];
    struct devid_bytes subject = {0};
    devid_rc rc = out_subject(identity, &subject, err);

    if (rc != DEVID_OK)
        return rc;
    out_key_place(identity, key);
    out_cert_place(identity, cert);
    if (identity->n_chain != 0)
        devid_cert_time_text(identity->chain[0].not_after, until);
    (void)printf("%-13s %-17s %-9s %-10s %-14s %-8s %-20s %s\n", out_text(identity->token, token), out_text(identity->label, label),
                 devid_public_name(&identity->pub), key, cert, out_state(tool, handles, identity, want, (int64_t)time(NULL)), until,
                 (const char *)subject.data);
    devid_bytes_free(&subject);
    return DEVID_OK;
}

devid_rc out_table(struct tool *tool, struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    struct devid_handles handles = {0};
    struct devid_snapshot *snap = NULL;
    devid_rc rc = devid_store_snapshot(tool->store, &snap, err);

    if (rc != DEVID_OK)
        return rc;
    out_handles(tool, &handles);
    (void)printf("%-13s %-17s %-9s %-10s %-14s %-8s %-20s %s\n", "TOKEN", "NAME", "TYPE", "KEY", "CERTIFICATE", "STATE",
                 "UNTIL", "SUBJECT");
    while (rc == DEVID_OK && (identity = devid_snapshot_next(snap, identity)) != NULL)
        rc = table_row(tool, &handles, identity, err);
    devid_handles_free(&handles);
    devid_snapshot_free(snap);
    return rc;
}

devid_rc out_fingerprint(struct devid_slice der, char hex[65], struct devid_error *err)
{
    unsigned char digest[32];
    struct devid_bytes text = {0};
    devid_rc rc = devid_hash_once(DEVID_SHA256, der, digest, err);

    if (rc == DEVID_OK)
        rc = devid_hex_encode((struct devid_slice){digest, sizeof digest}, &text, err);
    (void)snprintf(hex, 65, "%s", rc == DEVID_OK ? (const char *)text.data : "");
    devid_bytes_free(&text);
    return rc;
}

/* IEEE 802.1AR, 7.2: what enumeration tells of a key. */
static void json_devid(bool *first, const struct devid_identity *identity, size_t index, const char *fingerprint)
{
    (void)printf("%s\"index\": %zu, \"enabled\": %s, \"idevid\": %s", *first ? "" : ", ", index,
                 devid_identity_key_enabled(identity) ? "true" : "false",
                 identity->role == DEVID_ROLE_IDEVID ? "true" : "false");
    *first = false;
    out_json_field(first, "key_sha256", fingerprint);
}

static void json_cert(bool *first, const struct devid_identity *identity, const char *subject, const char *issuer,
                      const char *serial)
{
    char before[24], after[24], place[16], fingerprint[65];

    (void)out_fingerprint(identity->chain[0].der, fingerprint, NULL);
    devid_cert_time_text(identity->chain[0].not_before, before);
    devid_cert_time_text(identity->chain[0].not_after, after);
    out_cert_place(identity, place);
    out_json_field(first, "certificate", place);
    out_json_field(first, "subject", subject);
    out_json_field(first, "issuer", issuer);
    out_json_field(first, "serial", serial);
    out_json_field(first, "not_before", before);
    out_json_field(first, "not_after", after);
    out_json_field(first, "certificate_sha256", fingerprint);
    (void)printf(", \"chain_length\": %zu, \"certificate_enabled\": %s", identity->n_chain,
                 devid_identity_cert_enabled(identity) ? "true" : "false");
}

devid_rc out_json_identity(struct tool *tool, const struct devid_handles *handles, const struct devid_identity *identity,
                           size_t index, struct devid_error *err)
{
    const struct devid_conf_identity *want = tool_section(tool, identity);
    struct devid_bytes subject = {0}, issuer = {0}, serial = {0}, id = {0};
    bool first = true;
    char place[16], fingerprint[65];
    devid_rc rc = devid_hex_encode(identity->id, &id, err);

    if (rc == DEVID_OK && identity->n_chain != 0) {
        rc = devid_cert_name_text(identity->chain[0].subject, &subject, err);
        if (rc == DEVID_OK)
            rc = devid_cert_name_text(identity->chain[0].issuer, &issuer, err);
        if (rc == DEVID_OK)
            rc = devid_hex_encode(devid_cert_serial(&identity->chain[0]), &serial, err);
    }
    if (rc == DEVID_OK)
        rc = out_fingerprint(devid_slice_of(identity->pub.spki), fingerprint, err);
    if (rc != DEVID_OK)
        goto out;
    out_key_place(identity, place);
    (void)printf("{");
    out_json_field(&first, "token", identity->token);
    out_json_field(&first, "name", identity->label);
    out_json_field(&first, "role", devid_role_name(identity->role));
    out_json_field(&first, "id", (const char *)id.data);
    out_json_field(&first, "type", devid_public_name(&identity->pub));
    out_json_field(&first, "key", place);
    out_json_field(&first, "state", out_state(tool, handles, identity, want, (int64_t)time(NULL)));
    json_devid(&first, identity, index, fingerprint);
    if (identity->n_chain != 0)
        json_cert(&first, identity, (const char *)subject.data, (const char *)issuer.data, (const char *)serial.data);
    (void)printf("}");
out:
    devid_bytes_free(&subject);
    devid_bytes_free(&issuer);
    devid_bytes_free(&serial);
    devid_bytes_free(&id);
    return rc;
}
