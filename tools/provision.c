/* SPDX-License-Identifier: BSD-2-Clause */
/* devid provision: carry the plan out, step by step, and say what was done. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/files.h"
#include "core/lock.h"
#include "core/make.h"
#include "core/nv.h"
#include "tool.h"

struct run {
    struct tool *tool;
    const struct devid_conf *conf;
    bool *failed;  /* of each identity of the file */
    bool *chosen;  /* named on the command line, or all */
    bool dry_run;
    devid_rc rc;   /* of the first failure */
    struct devid_error err;
};

static void found_of(const struct devid_identity *identity, const struct devid_conf_identity *want,
                     struct plan_found *found)
{
    struct devid_bytes pem = {0}, file = {0};

    found->has_key = true;
    found->handle = identity->key_place == DEVID_PLACE_HANDLE ? identity->handle : 0;
    found->alg = identity->pub.alg;
    found->bits = identity->pub.bits;
    if (identity->n_chain != 0) {
        found->has_cert = true;
        found->cert_in_nv = identity->cert_place == DEVID_PLACE_NV;
        found->not_before = identity->chain[0].not_before;
        found->not_after = identity->chain[0].not_after;
    }
    if (want->pem != NULL && devid_file_read(want->pem, 1U << 20, &file, NULL) == DEVID_OK &&
        tool_reference_pem(identity, true, &pem, NULL) == DEVID_OK)
        found->has_pem = devid_slice_eq(devid_slice_of(pem), devid_slice_of(file));
    devid_bytes_free(&pem);
    devid_bytes_free(&file);
}

devid_rc tool_found(struct tool *tool, struct plan_found **out, struct devid_error *err)
{
    const struct devid_conf *conf = devid_store_conf(tool->store);
    struct plan_found *found = calloc(conf->n_identities + 1, sizeof *found);
    struct devid_snapshot *snap = NULL;
    devid_rc rc;

    if (found == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = devid_store_snapshot(tool->store, &snap, err);
    if (rc != DEVID_OK) {
        free(found);
        return rc;
    }
    for (size_t i = 0; i < conf->n_identities; i++) {
        const struct devid_query query = {.token = conf->identities[i].token, .label = conf->identities[i].name};
        const struct devid_identity *identity;

        if (devid_snapshot_find(snap, &query, &identity, NULL) == DEVID_OK)
            found_of(identity, &conf->identities[i], &found[i]);
    }
    devid_snapshot_free(snap);
    *out = found;
    return DEVID_OK;
}

/* What was made becomes an identity without a certificate. */
static devid_rc keep_made(struct tool *tool, const struct devid_conf_identity *want, const struct devid_made *made,
                          const struct devid_identity *before, struct devid_error *err)
{
    struct devid_identity identity = {0};

    if (before != NULL)
        identity = *before;
    identity.token = want->token;
    identity.label = want->name;
    identity.public_label = before != NULL ? before->public_label : want->name;
    identity.role = want->role;
    identity.pub = made->pub;
    identity.handle = made->handle;
    identity.parent = made->parent;
    identity.key_place = made->handle != 0 ? DEVID_PLACE_HANDLE : DEVID_PLACE_BLOB;
    identity.blob = devid_slice_of(made->blob);
    identity.object = devid_slice_of(made->object);
    if (identity.n_chain == 0)
        identity.cert_place = DEVID_PLACE_NONE;
    return devid_store_put(tool->store, &identity, err);
}

static devid_rc make_key(struct tool *tool, const struct devid_conf_identity *want, struct devid_error *err)
{
    struct devid_made made = {0};
    devid_rc rc;

    if (want->role == DEVID_ROLE_IDEVID || want->role == DEVID_ROLE_IAK)
        rc = devid_make_primary(tool->store, want->role, want->alg, want->bits, want->handle, &made, err);
    else
        rc = devid_make_wrapped(tool->store, want->alg, want->bits, &made, err);
    if (rc == DEVID_OK)
        rc = keep_made(tool, want, &made, NULL, err);
    if (rc == DEVID_OK && made.handle != 0)
        (void)printf("%s: key made in the TPM: %s, at 0x%08" PRIx32, want->name, devid_public_name(&made.pub),
                     made.handle);
    else if (rc == DEVID_OK)
        (void)printf("%s: key made in the TPM: %s, wrapped under 0x%08" PRIx32, want->name,
                     devid_public_name(&made.pub), made.parent);
    devid_made_free(&made);
    return rc;
}

static devid_rc persist(struct tool *tool, const struct devid_conf_identity *want,
                        const struct devid_identity *identity, struct devid_error *err)
{
    struct devid_made made = {0};
    devid_rc rc = devid_make_persistent(tool->store, identity, want->handle, &made, err);

    if (rc == DEVID_OK)
        rc = keep_made(tool, want, &made, identity, err);
    if (rc == DEVID_OK)
        (void)printf("%s: key moved to 0x%08" PRIx32, want->name, made.handle);
    devid_made_free(&made);
    return rc;
}

static devid_rc write_nv(struct tool *tool, const struct devid_conf_identity *want,
                         const struct devid_identity *identity, struct devid_error *err)
{
    struct devid_identity changed = *identity;
    devid_rc rc = devid_nv_write(tool->store, want->nv_index, identity->chain[0].der, err);

    changed.cert_place = DEVID_PLACE_NV;
    changed.nv_index = want->nv_index;
    if (rc == DEVID_OK)
        rc = devid_store_put(tool->store, &changed, err);
    if (rc == DEVID_OK)
        (void)printf("%s: certificate written to NV 0x%08" PRIx32 " and locked", want->name, want->nv_index);
    return rc;
}

static devid_rc write_pem(const struct devid_conf_identity *want, const struct devid_identity *identity,
                          struct devid_error *err)
{
    struct devid_bytes pem = {0};
    devid_rc rc = tool_reference_pem(identity, true, &pem, err);

    if (rc == DEVID_OK)
        rc = devid_files_replace_path(want->pem, devid_slice_of(pem), 0644, err);
    if (rc == DEVID_OK)
        (void)printf("%s: key reference and certificates for clients in %s", want->name, want->pem);
    devid_bytes_free(&pem);
    return rc;
}

/* A CA is asked, not ordered: what it grants instead of the wish is worth a line. */
static void check_wish(const struct devid_conf_identity *want, const struct devid_cert *leaf)
{
    bool is_never = leaf->not_after >= DEVID_CERT_NEVER;
    int64_t life = leaf->not_after - leaf->not_before;

    if (want->wants_never && !is_never)
        (void)printf("\n  note: the CA did not grant \"lifetime = never\"");
    else if (want->lifetime != 0 && (is_never || life > want->lifetime + want->lifetime / 10 ||
                                     life < want->lifetime - want->lifetime / 10))
        (void)printf("\n  note: the CA granted another lifetime than %" PRId64 " s as wished", want->lifetime);
}

static devid_rc say_enrolled(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal,
                             struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_bytes subject = {0};
    const char *with = is_renewal ? want->name : want->authenticate;
    char until[24];
    devid_rc rc = tool_find(tool, want->name, &snap, &identity, err);

    if (rc != DEVID_OK)
        return rc;
    rc = out_subject(identity, &subject, err);
    if (rc == DEVID_OK) {
        devid_cert_time_text(identity->chain[0].not_after, until);
        (void)printf("%s: %s at %s%s%s%s%s: %s, until %s", want->name, is_renewal ? "renewed" : "enrolled", want->est,
                     with != NULL ? ", authenticated by " : "", with != NULL ? with : "",
                     want->secret_file == NULL ? "" : with != NULL ? " and header " : ", authenticated by header ",
                     want->secret_file == NULL ? "" : want->secret_header, (char *)subject.data, until);
        check_wish(want, &identity->chain[0]);
    }
    devid_bytes_free(&subject);
    devid_snapshot_free(snap);
    return rc;
}

/* One step; on success a line without its end was printed. */
static devid_rc take_step(struct tool *tool, const struct devid_conf_identity *want, enum plan_action action,
                          struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = DEVID_OK;

    if (action == PLAN_PERSIST || action == PLAN_WRITE_NV || action == PLAN_WRITE_PEM)
        rc = tool_find(tool, want->name, &snap, &identity, err);
    if (rc != DEVID_OK)
        return rc;
    switch (action) {
    case PLAN_MAKE_KEY:
        rc = make_key(tool, want, err);
        break;
    case PLAN_PERSIST:
        rc = persist(tool, want, identity, err);
        break;
    case PLAN_ENROLL:
    case PLAN_RENEW:
        rc = tool_enroll(tool, want, action == PLAN_RENEW, err);
        if (rc == DEVID_OK)
            rc = say_enrolled(tool, want, action == PLAN_RENEW, err);
        break;
    case PLAN_WRITE_NV:
        rc = write_nv(tool, want, identity, err);
        break;
    case PLAN_WRITE_PEM:
        rc = write_pem(want, identity, err);
        break;
    case PLAN_ABSENT:
        (void)printf("%s: not found at 0x%08" PRIx32 "; it is the chip maker's and is not made here", want->name,
                     want->handle);
        break;
    case PLAN_CONFLICT:
        rc = devid_fail(err, DEVID_E_EXISTS,
                        "the device has another key under this name than devid.conf describes (\"devid show %s\"); "
                        "change the file, or name the new one differently", want->name);
        break;
    }
    devid_snapshot_free(snap);
    return rc;
}

static bool depends_on_failed(const struct run *run, const struct devid_conf_identity *want)
{
    const char *with = want->authenticate;

    return with != NULL && run->failed[devid_conf_find(run->conf, with) - run->conf->identities];
}

static void carry_out(struct run *run, const struct plan_step *step)
{
    const struct devid_conf_identity *want = &run->conf->identities[step->identity];
    uint64_t before = tool_commands(run->tool), sent;
    struct devid_error err = {0};
    devid_rc rc;

    if (run->failed[step->identity])
        return;
    if (depends_on_failed(run, want)) {
        (void)printf("%s: waits for %s\n", want->name, want->authenticate);
        run->failed[step->identity] = true;
        return;
    }
    rc = take_step(run->tool, want, step->action, &err);
    sent = tool_commands(run->tool) - before;
    if (rc == DEVID_OK) {
        (void)printf(" (%" PRIu64 " TPM command%s)\n", sent, sent == 1 ? "" : "s");
        return;
    }
    run->failed[step->identity] = true;
    if (strncmp(err.text, want->name, strlen(want->name)) != 0)
        rc = devid_error_in(&err, rc, want->name);
    if (run->rc == DEVID_OK) {
        run->rc = rc;
        run->err = err; /* said at the very end */
    } else {
        (void)fprintf(stderr, "devid: %s\n", err.text);
    }
}

static devid_rc choose(struct run *run, int argc, char **argv, struct devid_error *err)
{
    for (size_t i = 0; i < run->conf->n_identities; i++)
        run->chosen[i] = optind >= argc;
    for (int a = optind; a < argc; a++) {
        const struct devid_conf_identity *want = devid_conf_find(run->conf, argv[a]);

        if (want == NULL)
            return devid_fail(err, DEVID_E_ABSENT, "there is no section [identity %s] in %s", argv[a],
                              run->conf->path);
        run->chosen[want - run->conf->identities] = true;
    }
    return DEVID_OK;
}

static devid_rc run_plan(struct run *run, struct devid_error *err)
{
    struct plan_step *steps = calloc(run->conf->n_identities + 1, PLAN_STEPS_EACH * sizeof *steps);
    struct plan_found *found = NULL;
    size_t n = 0, n_chosen = 0;
    devid_rc rc;

    if (steps == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = tool_found(run->tool, &found, err);
    if (rc != DEVID_OK)
        goto out;
    n = plan_make(run->conf, found, (int64_t)time(NULL), steps);
    for (size_t i = 0; i < n; i++) {
        const struct devid_conf_identity *want = &run->conf->identities[steps[i].identity];

        if (!run->chosen[steps[i].identity])
            continue;
        n_chosen += steps[i].action != PLAN_ABSENT;
        if (run->dry_run)
            (void)printf("%s: would %s\n", want->name, plan_action_text(steps[i].action));
        else
            carry_out(run, &steps[i]);
    }
    if (n_chosen == 0)
        (void)printf("nothing to do: the device matches %s\n", run->conf->path);
    *err = run->err;
    rc = run->rc;
out:
    free(found);
    free(steps);
    return rc;
}

/* Two provisioners at once would make two keys for one name. */
static devid_rc alone(struct tool *tool, int *fd, struct devid_error *err)
{
    struct devid_bytes folder = {0};
    devid_rc rc = devid_store_folder(tool->store, ".provision", &folder, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_files_make_folder((const char *)folder.data, err);
    if (rc == DEVID_OK)
        rc = devid_flock_enter((char *)folder.data, fd, err);
    devid_bytes_free(&folder);
    return rc;
}

devid_rc command_provision(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {
        {"dry-run", no_argument, NULL, 'n'}, {"no-wait", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    struct run run = {.tool = tool, .conf = devid_store_conf(tool->store)};
    int c, fd = -1;
    devid_rc rc;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'n')
            run.dry_run = true;
        else if (c == 'w')
            tool->no_wait = true;
        else
            return devid_fail(err, TOOL_USAGE, "provision: unknown option");
    }
    run.failed = calloc(run.conf->n_identities + 1, 2 * sizeof *run.failed);
    if (run.failed == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    run.chosen = run.failed + run.conf->n_identities + 1;
    rc = choose(&run, argc, argv, err);
    if (rc == DEVID_OK && !run.dry_run)
        rc = alone(tool, &fd, err);
    if (rc == DEVID_OK && !run.dry_run)
        rc = devid_make_sweep(tool->store, err);
    if (rc == DEVID_OK)
        rc = run_plan(&run, err);
    devid_flock_leave(fd);
    free(run.failed);
    return rc;
}
