/* SPDX-License-Identifier: BSD-2-Clause */
/* devid list, devid show: what this device is. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ref.h"
#include "core/uri.h"
#include "schedule.h"
#include "tool.h"

static const struct option json_only[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};

static devid_rc take_json(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    int c;

    while ((c = getopt_long(argc, argv, "", json_only, NULL)) != -1) {
        if (c != 'j')
            return tool_bad_option(argv, err);
        tool->json = true;
    }
    return DEVID_OK;
}

static devid_rc list_json(struct tool *tool, struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    struct devid_handles handles = {0};
    struct devid_snapshot *snap = NULL;
    bool first = true;
    size_t index = 0;
    devid_rc rc = devid_store_snapshot(tool->store, &snap, err);

    if (rc != DEVID_OK)
        return rc;
    out_handles(tool, &handles);
    (void)printf("[");
    while (rc == DEVID_OK && (identity = devid_snapshot_next(snap, identity)) != NULL) {
        (void)printf("%s\n  ", first ? "" : ",");
        first = false;
        rc = out_json_identity(tool, &handles, identity, index++, err);
    }
    (void)printf("\n]\n");
    devid_handles_free(&handles);
    devid_snapshot_free(snap);
    return rc;
}

/* An empty list is the truth, unless it is one of files that could not be read. */
static devid_rc check_empty(struct tool *tool, struct devid_error *err)
{
    const struct devid_identity *first;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = devid_store_find(tool->store, &(struct devid_query){0}, &snap, &first, err);

    devid_snapshot_free(snap);
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}

devid_rc command_list(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    devid_rc rc = take_json(tool, argc, argv, err);

    if (rc == DEVID_OK && optind < argc)
        rc = devid_fail(err, TOOL_USAGE, "list: \"%s\" is one argument too many", argv[optind]);
    if (rc != DEVID_OK)
        return rc;
    rc = tool->json ? list_json(tool, err) : out_table(tool, err);
    return rc == DEVID_OK ? check_empty(tool, err) : rc;
}

/* When the next renewal comes, and how long the pair before the last one is kept. */
static void show_renewal(struct tool *tool, const struct devid_identity *identity, const struct devid_conf_identity *want)
{
    const struct devid_cert *leaf = &identity->chain[0];
    unsigned n_failures = 0;
    char time[24], place[16];
    int64_t retry;

    if (want->est != NULL && leaf->not_after < DEVID_CERT_NEVER) {
        devid_cert_time_text(schedule_due(leaf->not_before, leaf->not_after, want->renew_after, tool_seed(tool, identity)), time);
        (void)printf("renewal due  %s at %s\n", time, want->est);
        retry = tool_retry(tool, want, leaf->not_after, &n_failures);
        devid_cert_time_text(retry, time);
        if (n_failures != 0)
            (void)printf("failed       %u times in a row; the next try is not before %s\n", n_failures, time);
    }
    if (identity->previous != NULL) {
        out_key_place(identity->previous, place);
        devid_cert_time_text(identity->replaced + want->grace, time);
        (void)printf("old key      %s, kept until %s for who has it open\n", place, time);
    }
}

static devid_rc show_cert(struct tool *tool, const struct devid_handles *handles, const struct devid_identity *identity,
                          const struct devid_conf_identity *want, struct devid_error *err)
{
    struct devid_bytes subject = {0}, issuer = {0};
    char place[16], before[24], after[24];
    const struct devid_cert *leaf = &identity->chain[0];
    char fingerprint[65];
    devid_rc rc = devid_cert_name_text(leaf->subject, &subject, err);

    if (rc == DEVID_OK)
        rc = out_fingerprint(leaf->der, fingerprint, err);
    if (rc == DEVID_OK)
        rc = devid_cert_name_text(leaf->issuer, &issuer, err);
    if (rc == DEVID_OK) {
        out_cert_place(identity, place);
        devid_cert_time_text(leaf->not_before, before);
        devid_cert_time_text(leaf->not_after, after);
        (void)printf("certificate  %s, %zu in its chain\n", place, identity->n_chain);
        (void)printf("subject      %s\nissuer       %s\n", (char *)subject.data, (char *)issuer.data);
        (void)printf("SHA-256      %s%s\n", fingerprint, devid_identity_cert_enabled(identity) ? "" : " (disabled)");
        (void)printf("valid        %s until %s (%s)\n", before, after, out_state(tool, handles, identity, want, (int64_t)time(NULL)));
        if (want != NULL)
            show_renewal(tool, identity, want);
    }
    devid_bytes_free(&subject);
    devid_bytes_free(&issuer);
    return rc;
}

static devid_rc show_text(struct tool *tool, const struct devid_handles *handles, const struct devid_identity *identity,
                          struct devid_error *err)
{
    const struct devid_conf_identity *want = tool_section(tool, identity);
    struct devid_bytes uri = {0}, id = {0}, pem = {0};
    char place[16], fingerprint[65], label[OUT_TEXT_MAX], token[OUT_TEXT_MAX];
    devid_rc rc = devid_uri_of(identity, &uri, err);

    if (rc == DEVID_OK)
        rc = out_fingerprint(devid_slice_of(identity->pub.spki), fingerprint, err);

    if (rc == DEVID_OK)
        rc = devid_hex_encode(identity->id, &id, err);
    if (rc == DEVID_OK)
        rc = devid_pem_append(&pem, "PUBLIC KEY", devid_slice_of(identity->pub.spki), err);
    if (rc != DEVID_OK)
        goto out;
    out_key_place(identity, place);
    (void)printf("name         %s\ntoken        %s\nrole         %s\nid           %s\nuri          %s\n", out_text(identity->label, label),
                 out_text(identity->token, token), devid_role_name(identity->role), (char *)id.data, (char *)uri.data);
    (void)printf("key          %s, %s%s\nSHA-256      %s\n", devid_public_name(&identity->pub), place,
                 devid_identity_key_enabled(identity) ? "" : " (disabled)", fingerprint);
    if (identity->n_chain != 0)
        rc = show_cert(tool, handles, identity, want, err);
    else
        (void)printf("certificate  none\n");
    if (rc == DEVID_OK)
        rc = tool_chain_pem(identity->chain, identity->n_chain, &pem, err);
    if (rc == DEVID_OK)
        rc = tool_deliver(NULL, devid_slice_of(pem), err);
out:
    devid_bytes_free(&uri);
    devid_bytes_free(&id);
    devid_bytes_free(&pem);
    return rc;
}

static size_t index_of(const struct devid_snapshot *snap, const struct devid_identity *wanted)
{
    const struct devid_identity *identity = NULL;
    size_t index = 0;

    while ((identity = devid_snapshot_next(snap, identity)) != NULL && identity != wanted)
        index++;
    return index;
}

devid_rc command_show(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_handles handles = {0};
    struct devid_snapshot *snap = NULL;
    devid_rc rc = take_json(tool, argc, argv, err);

    if (rc == DEVID_OK && argc - optind != 1)
        rc = devid_fail(err, TOOL_USAGE, "show: one name is expected; \"devid list\" tells them");
    if (rc == DEVID_OK)
        rc = tool_find(tool, argv[optind], &snap, &identity, err);
    if (rc != DEVID_OK)
        return rc;
    out_handles(tool, &handles);
    rc = tool->json ? out_json_identity(tool, &handles, identity, index_of(snap, identity), err) : show_text(tool, &handles, identity, err);
    devid_handles_free(&handles);
    if (rc == DEVID_OK && tool->json)
        (void)printf("\n");
    devid_snapshot_free(snap);
    return rc;
}
