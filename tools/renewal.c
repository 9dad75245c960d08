/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One renewal: the next key waits in STATE/.renew/NAME.pem, as a TSS2 PRIVATE KEY, until it has its certificate; then the pair
 * moves into the identity's file by one rename. NAME.later there says when to try again after a failure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/files.h"
#include "core/keyfile.h"
#include "core/make.h"
#include "core/ref.h"
#include "schedule.h"
#include "tool.h"

#define FOLDER ".renew"

devid_rc tool_renew_path(struct tool *tool, const char *name, const char *suffix, struct devid_bytes *path, struct devid_error *err)
{
    struct devid_bytes file = {0};
    devid_rc rc = devid_store_folder(tool->store, FOLDER, path, err);

    if (rc == DEVID_OK)
        rc = devid_files_name(name, &file, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(path, devid_slice_text("/"), err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(path, devid_slice_of(file), err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(path, devid_slice_text(suffix), err);
    devid_bytes_free(&file);
    return rc;
}

/* ---- when to try again ---- */

int64_t tool_retry(struct tool *tool, const struct devid_conf_identity *want, int64_t not_after, unsigned *n_failures)
{
    struct devid_bytes path = {0}, file = {0};
    struct devid_record record = {0};
    const char *certificate, *next, *failures;
    int64_t at = 0;

    *n_failures = 0;
    if (tool_renew_path(tool, want->name, ".later", &path, NULL) == DEVID_OK &&
        devid_file_read((const char *)path.data, 4096, &file, NULL) == DEVID_OK &&
        devid_record_parse(devid_slice_of(file), &record, NULL) == DEVID_OK) {
        certificate = devid_record_get(&record, "certificate-ends");
        next = devid_record_get(&record, "next");
        failures = devid_record_get(&record, "failures");
        if (certificate != NULL && next != NULL && failures != NULL && strtoll(certificate, NULL, 10) == not_after) {
            at = strtoll(next, NULL, 10);
            *n_failures = (unsigned)strtoul(failures, NULL, 10);
        }
    }
    devid_record_free(&record);
    devid_bytes_free(&file);
    devid_bytes_free(&path);
    return at;
}

static devid_rc set_number(struct devid_record *record, const char *name, int64_t value, struct devid_error *err)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return devid_record_set(record, name, text, err);
}

/* Is it the server's, or on the way there? What is the device's own is tried again by the next run. */
static bool may_pass(devid_rc rc, const struct tool_answer *answer)
{
    return rc == DEVID_E_NET || (rc == DEVID_E_BUSY && answer->asks_later) || rc == DEVID_E_DENIED || rc == DEVID_E_DATA;
}

/*
 * A request that the server has taken is sent again when it said. That the time cannot be kept is no second failure: it is the
 * next run then.
 */
static void put_later(struct tool *tool, const struct devid_conf_identity *want, const struct tool_answer *answer)
{
    struct devid_bytes path = {0}, file = {0};
    struct devid_record record = {0};
    struct devid_snapshot *snap = NULL;
    const struct devid_identity *identity;
    int64_t not_after, next;
    unsigned n_failures;

    if (tool_find_own(tool, want, &snap, &identity, NULL) != DEVID_OK)
        return;
    if (identity->n_chain != 0) {
        not_after = identity->chain[0].not_after;
        (void)tool_retry(tool, want, not_after, &n_failures);
        n_failures++;
        next = answer->is_put_off ? (int64_t)time(NULL) + answer->retry_s
                                  : schedule_retry((int64_t)time(NULL), not_after, n_failures, answer->retry_s,
                                                   tool_seed(tool, identity));
        if (tool_renew_path(tool, want->name, ".later", &path, NULL) == DEVID_OK &&
            set_number(&record, "certificate-ends", not_after, NULL) == DEVID_OK &&
            set_number(&record, "failures", n_failures, NULL) == DEVID_OK && set_number(&record, "next", next, NULL) == DEVID_OK &&
            devid_record_write(&record, &file, NULL) == DEVID_OK)
            (void)devid_files_replace_path((const char *)path.data, devid_slice_of(file), 0644, NULL);
    }
    devid_snapshot_free(snap);
    devid_record_free(&record);
    devid_bytes_free(&file);
    devid_bytes_free(&path);
}

static devid_rc remove_file(struct tool *tool, const char *name, const char *suffix, struct devid_error *err)
{
    struct devid_bytes path = {0};
    devid_rc rc = tool_renew_path(tool, name, suffix, &path, err);
    char *slash = rc == DEVID_OK ? strrchr((char *)path.data, '/') : NULL;

    if (slash != NULL) {
        *slash = 0;
        rc = devid_files_remove((const char *)path.data, slash + 1, err);
    }
    devid_bytes_free(&path);
    return rc;
}

/* ---- the next key ---- */

static devid_rc read_next(const char *path, struct devid_made *made, struct devid_error *err)
{
    struct devid_bytes file = {0}, der = {0};
    struct devid_keyfile key = {0};
    devid_rc rc = devid_file_read(path, 65536, &file, err);

    if (rc == DEVID_OK)
        rc = devid_pem_find(devid_slice_of(file), DEVID_KEYFILE_LABEL, 0, &der, err);
    if (rc == DEVID_OK)
        rc = devid_keyfile_read(devid_slice_of(der), &key, err);
    if (rc == DEVID_OK)
        rc = devid_public_from_area(devid_slice_of(key.area), &made->pub, err);
    if (rc == DEVID_OK) {
        made->parent = key.parent;
        made->blob = key.blob;
        key.blob = (struct devid_bytes){0};
    }
    devid_keyfile_free(&key);
    devid_bytes_free(&der);
    devid_bytes_free(&file);
    return rc;
}

static devid_rc write_next(const char *path, const struct devid_made *made, struct devid_error *err)
{
    struct devid_keyfile key = {.parent = made->parent, .is_empty_auth = true};
    struct devid_bytes der = {0}, file = {0};
    devid_rc rc = devid_bytes_copy(devid_slice_of(made->pub.area), &key.area, err);

    if (rc == DEVID_OK)
        rc = devid_bytes_copy(devid_slice_of(made->blob), &key.blob, err);
    if (rc == DEVID_OK)
        rc = devid_keyfile_write(&key, &der, err);
    if (rc == DEVID_OK)
        rc = devid_pem_append(&file, DEVID_KEYFILE_LABEL, devid_slice_of(der), err);
    if (rc == DEVID_OK)
        rc = devid_files_replace_path(path, devid_slice_of(file), 0600, err);
    devid_keyfile_free(&key);
    devid_bytes_free(&der);
    devid_bytes_free(&file);
    return rc;
}

/*
 * A key that waits from a run before is taken: a server may have its request. One that is the identity's already was left
 * by a run that was killed right after the change.
 */
static devid_rc next_key(struct tool *tool, const struct devid_conf_identity *want, const char *path, struct devid_made *made,
                         struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_wanted wanted = tool_wanted(want);
    devid_rc rc = tool_find_own(tool, want, &snap, &identity, err);

    if (rc != DEVID_OK)
        return rc;
    if (read_next(path, made, NULL) != DEVID_OK || made->pub.alg != want->alg || made->pub.bits != want->bits ||
        tool_is_for_spire(&made->pub, made->parent) != want->for_spire ||
        devid_slice_eq(devid_slice_of(made->pub.spki), devid_slice_of(identity->pub.spki))) {
        devid_made_free(made);
        if (!want->for_spire) {
            wanted.token = want->token;
            /* what the key before could do; a chip's reference tells no attributes before it was used */
            wanted.signs = identity->pub.area.len == 0 || identity->pub.can_sign;
            wanted.decrypts = identity->pub.area.len == 0 ? want->alg == DEVID_RSA : identity->pub.can_decrypt;
        }
        rc = devid_make_key(tool->store, &wanted, made, err);
        if (rc == DEVID_OK)
            rc = write_next(path, made, err);
    }
    devid_snapshot_free(snap);
    return rc;
}

/* ---- the change ---- */

struct renewed {
    const struct devid_made *made;
    const struct devid_cert *chain;
    size_t n;
};

static devid_rc put_renewed(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    const struct renewed *renewed = with;

    return devid_store_renew(tool->store, now, renewed->made, renewed->chain, renewed->n, (int64_t)time(NULL), err);
}

static devid_rc end_grace(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    (void)with;
    return now->previous != NULL ? devid_store_end_grace(tool->store, now, err) : DEVID_OK;
}

devid_rc tool_end_grace(struct tool *tool, const struct devid_conf_identity *want, struct devid_error *err)
{
    return tool_change(tool, &(struct devid_query){.token = want->token, .label = want->name}, end_grace, NULL, err);
}

static devid_rc change(struct tool *tool, const struct devid_conf_identity *want, const struct devid_made *made,
                       struct devid_slice certs_pem, struct devid_error *err)
{
    const struct devid_query query = {.token = want->token, .label = want->name};
    struct devid_bytes der[DEVID_CHAIN_MAX] = {{0}};
    struct devid_cert chain[DEVID_CHAIN_MAX];
    struct renewed renewed = {.made = made, .chain = chain};
    devid_rc rc = tool_chain_parse(certs_pem, der, chain, &renewed.n, err);

    if (rc == DEVID_OK) /* what was renewed before goes, whatever is left of its grace time: there is one previous pair */
        rc = tool_end_grace(tool, want, err);
    if (rc == DEVID_OK)
        rc = tool_change(tool, &query, put_renewed, &renewed, err);
    for (size_t i = 0; i < DEVID_CHAIN_MAX; i++)
        devid_bytes_free(&der[i]);
    return rc;
}

/* Else it waits on: a server may have its request, and what a TPM or a disk cannot do now is done by the next run. */
static bool may_be_the_key(devid_rc rc)
{
    return rc == DEVID_E_DENIED || rc == DEVID_E_DATA || rc == DEVID_E_KEY || rc == DEVID_E_ARG;
}

static devid_rc renew_with_new_key(struct tool *tool, const struct devid_conf_identity *want, struct tool_answer *answer,
                                   struct devid_error *err)
{
    struct devid_bytes path = {0};
    struct devid_made made = {0};
    struct tool_key key;
    devid_rc rc = tool_renew_path(tool, want->name, ".pem", &path, err);

    if (rc == DEVID_OK)
        rc = next_key(tool, want, (const char *)path.data, &made, err);
    if (rc == DEVID_OK) {
        key = (struct tool_key){(const char *)path.data, devid_slice_of(made.pub.spki), &made};
        rc = tool_request(tool, want, true, &key, answer, err);
        if (may_be_the_key(rc))
            (void)remove_file(tool, want->name, ".pem", NULL); /* another one next time */
    }
    if (rc == DEVID_OK)
        rc = change(tool, want, &made, devid_slice_of(answer->certs_pem), err);
    if (rc == DEVID_OK)
        rc = tool_request_done(tool, want, true, err);
    if (rc == DEVID_OK)
        rc = remove_file(tool, want->name, ".pem", err);
    devid_made_free(&made);
    devid_bytes_free(&path);
    return rc;
}

static devid_rc renew_with_same_key(struct tool *tool, const struct devid_conf_identity *want, struct tool_answer *answer,
                                    struct devid_error *err)
{
    devid_rc rc = tool_request(tool, want, true, NULL, answer, err);

    return rc == DEVID_OK ? tool_keep(tool, want, true, answer, err) : rc;
}

devid_rc tool_renew(struct tool *tool, const struct devid_conf_identity *want, struct devid_error *err)
{
    struct devid_bytes folder = {0};
    struct tool_answer answer = {0};
    devid_rc rc = devid_store_folder(tool->store, FOLDER, &folder, err);

    if (rc == DEVID_OK)
        rc = devid_files_make_folder((const char *)folder.data, err);
    devid_bytes_free(&folder);
    if (rc != DEVID_OK)
        return rc;
    rc = plan_makes_key(want) ? renew_with_new_key(tool, want, &answer, err) : renew_with_same_key(tool, want, &answer, err);
    devid_bytes_free(&answer.certs_pem);
    if (may_pass(rc, &answer))
        put_later(tool, want, &answer);
    else if (rc == DEVID_OK)
        rc = remove_file(tool, want->name, ".later", err);
    return rc;
}
