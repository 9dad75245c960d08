/* SPDX-License-Identifier: BSD-2-Clause */
/* devid provision --batch: one JSON line a device for the database of the line that makes it. No secret is in it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

double tool_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

devid_rc tool_batch_begin(struct tool_batch *batch, size_t n_most, struct devid_error *err)
{
    *batch = (struct tool_batch){.out = -1, .begin_ms = tool_ms()};
    batch->phases = calloc(n_most + 1, sizeof *batch->phases);
    if (batch->phases == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    (void)fflush(stdout);
    batch->out = dup(STDOUT_FILENO);
    if (batch->out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return devid_fail(err, DEVID_E_FILE, "cannot keep standard output for the JSON line");
    return DEVID_OK;
}

static void json_digest(bool *first, const char *name, struct devid_slice of)
{
    char hex[65];

    if (of.len != 0 && out_fingerprint(of, hex, NULL) == DEVID_OK)
        out_json_field(first, name, hex);
}

static void json_identity(const struct devid_identity *identity)
{
    const struct devid_cert *leaf = identity->chain;
    struct devid_bytes serial = {0};
    bool first = true;
    char text[24];

    (void)printf("{");
    out_json_field(&first, "name", identity->label);
    out_json_field(&first, "role", devid_role_name(identity->role));
    out_key_place(identity, text);
    out_json_field(&first, "key", text);
    json_digest(&first, "public_key_sha256", devid_slice_of(identity->pub.spki));
    if (identity->n_chain != 0) {
        out_cert_place(identity, text);
        out_json_field(&first, "certificate", text);
        json_digest(&first, "certificate_sha256", leaf->der);
        if (devid_hex_encode(devid_cert_serial(leaf), &serial, NULL) == DEVID_OK)
            out_json_field(&first, "certificate_serial", (const char *)serial.data);
        devid_cert_time_text(leaf->not_after, text);
        out_json_field(&first, "not_after", text);
    }
    (void)printf("}");
    devid_bytes_free(&serial);
}

static void json_identities(struct tool *tool)
{
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;
    const char *comma = "";

    (void)printf(", \"identities\": [");
    if (devid_store_snapshot(tool->store, &snap, NULL) == DEVID_OK)
        while ((identity = devid_snapshot_next(snap, identity)) != NULL) {
            (void)printf("%s", comma);
            json_identity(identity);
            comma = ", ";
        }
    devid_snapshot_free(snap);
    (void)printf("]");
}

static void json_phases(const struct tool_batch *batch)
{
    (void)printf(", \"phases\": [");
    for (size_t i = 0; i < batch->n; i++) {
        const struct tool_phase *p = &batch->phases[i];
        bool first = true;

        (void)printf("%s{", i != 0 ? ", " : "");
        out_json_field(&first, "identity", p->identity);
        out_json_field(&first, "phase", plan_action_text(p->action));
        (void)printf(", \"ms\": %.1f, \"tpm_commands\": %" PRIu64, p->ms, p->commands);
        out_json_field(&first, "result", p->has_failed ? "failed" : "ok");
        (void)printf("}");
    }
    (void)printf("]");
}

void tool_batch_end(struct tool *tool, struct tool_batch *batch, devid_rc rc, const struct devid_error *why)
{
    bool first = true;

    if (batch->out >= 0) {
        (void)fflush(stdout);
        (void)dup2(batch->out, STDOUT_FILENO);
        (void)close(batch->out);
        (void)printf("{");
        out_json_field(&first, "serial", devid_store_conf(tool->store)->serial);
        out_json_field(&first, "result", rc == DEVID_OK ? "ok" : "failed");
        out_json_field(&first, "error", rc == DEVID_OK ? NULL : why->text);
        (void)printf(", \"ms\": %.1f, \"tpm_commands\": %" PRIu64, tool_ms() - batch->begin_ms, tool_commands(tool));
        json_identities(tool);
        json_phases(batch);
        (void)printf("}\n");
    }
    free(batch->phases);
}
