/* SPDX-License-Identifier: BSD-2-Clause */
/* Carry the plan out, step by step, and say what was done. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/lock.h"
#include "tool.h"

struct run {
    struct tool *tool;
    const struct devid_conf *conf;
    bool *failed;  /* of each identity of the file */
    bool *chosen;  /* named on the command line, or all */
    const struct tool_wish *wish;
    struct tool_batch batch; /* if the wish is for one */
    devid_rc rc;   /* of the first failure */
    struct devid_error err;
};

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
    double begin_ms = tool_ms();
    devid_rc rc;

    if (run->failed[step->identity])
        return;
    if (depends_on_failed(run, want)) {
        (void)printf("%s: waits for %s\n", want->name, want->authenticate);
        run->failed[step->identity] = true;
        return;
    }
    rc = tool_step(run->tool, want, step->action, &err);
    sent = tool_commands(run->tool) - before;
    if (run->wish->is_batch)
        run->batch.phases[run->batch.n++] = (struct tool_phase){want->name, step->action, tool_ms() - begin_ms, sent, rc != DEVID_OK};
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

static devid_rc choose(struct run *run, struct devid_error *err)
{
    for (size_t i = 0; i < run->conf->n_identities; i++)
        run->chosen[i] = run->wish->n_names == 0;
    for (int i = 0; i < run->wish->n_names; i++) {
        const struct devid_conf_identity *want = devid_conf_find(run->conf, run->wish->names[i]);

        if (want == NULL)
            return devid_fail(err, DEVID_E_ABSENT, "there is no section [identity %s] in %s", run->wish->names[i],
                              run->conf->path);
        run->chosen[want - run->conf->identities] = true;
    }
    return DEVID_OK;
}

/* What the command line wants otherwise than the device's own schedule. A name, or force, does not wait for the next try. */
static void prepare(struct run *run, struct plan_found *found, int64_t now)
{
    char next[24];

    for (size_t i = 0; i < run->conf->n_identities; i++) {
        if (run->wish->renews && !found[i].has_cert)
            run->chosen[i] = false;
        if (!run->chosen[i])
            continue;
        if (run->wish->is_forced && found[i].due != INT64_MAX) /* what has no end is not renewed */
            found[i].due = now;
        if (run->wish->is_forced || run->wish->n_names != 0)
            found[i].retry = 0;
        devid_cert_time_text(found[i].retry, next);
        if (found[i].has_cert && found[i].due <= now && found[i].retry > now)
            (void)printf("%s: its last renewal failed; the next try is not before %s (\"devid renew %s\" tries now)\n",
                         run->conf->identities[i].name, next, run->conf->identities[i].name);
    }
}

static devid_rc run_plan(struct run *run, struct devid_error *err)
{
    struct plan_step *steps = calloc(run->conf->n_identities + 1, PLAN_STEPS_EACH * sizeof *steps);
    struct plan_found *found = NULL;
    int64_t now = (int64_t)time(NULL);
    size_t n = 0, n_chosen = 0;
    devid_rc rc;

    if (steps == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = tool_found(run->tool, &found, err);
    if (rc != DEVID_OK)
        goto out;
    prepare(run, found, now);
    n = plan_make(run->conf, found, now, steps);
    for (size_t i = 0; i < n; i++) {
        const struct devid_conf_identity *want = &run->conf->identities[steps[i].identity];

        if (!run->chosen[steps[i].identity])
            continue;
        n_chosen += steps[i].action != PLAN_ABSENT;
        if (run->wish->dry_run)
            (void)printf("%s: would %s\n", want->name, plan_action_text(steps[i].action));
        else
            carry_out(run, &steps[i]);
    }
    if (n_chosen == 0 && run->wish->renews)
        (void)printf("nothing to do: no certificate is due\n");
    else if (n_chosen == 0)
        (void)printf("nothing to do: the device matches %s\n", run->conf->path);
    *err = run->err;
    rc = run->rc;
out:
    free(found);
    free(steps);
    return rc;
}

devid_rc tool_run(struct tool *tool, const struct tool_wish *wish, struct devid_error *err)
{
    struct run run = {.tool = tool, .conf = devid_store_conf(tool->store), .wish = wish, .batch = {.out = -1}};
    int fd = -1;
    devid_rc rc;

    if (!wish->renews && access(run.conf->path, F_OK) != 0) /* the built-in sections are for who only looks */
        return devid_fail(err, DEVID_E_FILE, "there is no %s that says what this device is to have: write it, see devid.conf(5)",
                          run.conf->path);
    run.failed = calloc(run.conf->n_identities + 1, 2 * sizeof *run.failed);
    if (run.failed == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    run.chosen = run.failed + run.conf->n_identities + 1;
    rc = choose(&run, err);
    if (rc == DEVID_OK && wish->is_batch)
        rc = tool_batch_begin(&run.batch, PLAN_STEPS_EACH * run.conf->n_identities, err);
    if (rc == DEVID_OK && !wish->dry_run)
        rc = tool_alone(tool, &fd, err);
    if (rc == DEVID_OK)
        rc = run_plan(&run, err);
    devid_flock_leave(fd);
    if (wish->is_batch && run.batch.phases != NULL)
        tool_batch_end(tool, &run.batch, rc, err);
    free(run.failed);
    return rc;
}
