/* SPDX-License-Identifier: BSD-2-Clause */
/* devid disown, devid retire: the device leaves its owner, and goes back to the manufacturer's keys alone. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "belongings.h"
#include "core/files.h"
#include "core/key.h"
#include "core/leftover.h"
#include "core/lock.h"
#include "core/login.h"
#include "core/nv.h"
#include "core/wipe.h"
#include "tool.h"

/* What was asked for on the command line. */
struct leaving {
    struct tool *tool;
    struct leave_wish wish;
    bool dry_run, yes, yes_destroy, by_platform;
    const char *auth_file;
    struct devid_secret auth;
    devid_rc rc; /* of the last failure */
    struct devid_error err;
};

static enum devid_authority authority_of(const struct leaving *l)
{
    return l->by_platform || l->wish.change_seed ? DEVID_BY_PLATFORM : DEVID_BY_LOCKOUT;
}

/* ---- steps ---- */

static devid_rc enable(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    struct devid_identity next = *now;

    (void)with;
    next.private_flags &= ~(unsigned)DEVID_FLAG_DISABLED;
    next.cert_flags &= ~(unsigned)DEVID_FLAG_DISABLED;
    return devid_store_change(tool->store, now, &next, err);
}

static devid_rc remove_identity(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    const enum leave_action *action = with;

    return *action == LEAVE_MAKER ? devid_wipe_forget(tool->store, now, err) : tool_delete(tool, now, err);
}

static devid_rc with_identity(struct tool *tool, const struct leave_step *step, struct devid_error *err)
{
    const struct devid_query query = {.token = step->token, .label = step->what};
    enum leave_action action = step->action;
    devid_rc rc = tool_change(tool, &query, action == LEAVE_ENABLE ? enable : remove_identity, &action, err);

    return rc == DEVID_E_ABSENT ? DEVID_OK : rc; /* another process was faster */
}

static devid_rc remove_file(const char *path, struct devid_error *err)
{
    return unlink(path) == 0 || errno == ENOENT ? DEVID_OK
                                                : devid_fail(err, DEVID_E_FILE, "%s cannot be removed: %s", path, strerror(errno));
}

static devid_rc take(struct leaving *l, const struct leave_step *step, struct devid_error *err)
{
    const struct devid_slice auth = {l->auth.data, l->auth.len};

    switch (step->action) {
    case LEAVE_SEED:     return devid_wipe_seed(l->tool->store, auth, err);
    case LEAVE_CLEAR:    return devid_wipe_clear(l->tool->store, authority_of(l), auth, err);
    case LEAVE_RECOVER:
        return tool_recover(l->tool, devid_conf_find(devid_store_conf(l->tool->store), step->what), err);
    case LEAVE_ENABLE:
    case LEAVE_IDENTITY:
    case LEAVE_MAKER:    return with_identity(l->tool, step, err);
    case LEAVE_NV:       return devid_nv_remove(l->tool->store, devid_hex_number(step->what, 0x01000000, 0x01ffffff), err);
    case LEAVE_KEY:      return devid_leftover_remove(l->tool->store, devid_hex_number(step->what, 0x81000000, 0x817fffff), err);
    case LEAVE_PEM:      return tool_pem_remove(step->what, err);
    case LEAVE_TOKEN:    return devid_token_remove(l->tool->store, step->what, err);
    case LEAVE_FILE:     return remove_file(step->what, err);
    }
    return DEVID_OK;
}

/* The file of a key that is still in the TPM is all that tells of it: its token stays until the key is gone. */
static bool must_wait(const struct leave_step *steps, const bool *failed, const struct leave_step *step)
{
    for (const struct leave_step *s = steps; step->action == LEAVE_TOKEN && s < step; s++)
        if (failed[s - steps] && s->action == LEAVE_IDENTITY && strcmp(s->token, step->what) == 0)
            return true;
    return false;
}

/* Nothing is removed if the TPM did not do what comes first; else a failure does not stop the others. */
static bool carry_out(struct leaving *l, const struct leave_step *step, bool *failed)
{
    struct devid_error err = {0};
    devid_rc rc = take(l, step, &err);

    *failed = rc != DEVID_OK;
    if (rc == DEVID_OK && step->action == LEAVE_RECOVER)
        (void)printf("\n");
    else if (rc == DEVID_OK)
        (void)printf("%s: done: %s\n", step->what, leave_text(step->action));
    if (rc == DEVID_OK)
        return true;
    if (l->rc != DEVID_OK)
        (void)fprintf(stderr, "devid: %s\n", l->err.text);
    l->rc = strncmp(err.text, step->what, strlen(step->what)) == 0 ? rc : devid_error_in(&err, rc, step->what);
    l->err = err;
    return step->action != LEAVE_SEED && step->action != LEAVE_CLEAR;
}

/* ---- the commands ---- */

static devid_rc agree(struct leaving *l, struct devid_error *err)
{
    const struct devid_conf *conf = devid_store_conf(l->tool->store);
    devid_rc rc = DEVID_OK;

    if (l->wish.change_seed)
        rc = tool_agree(l->yes_destroy, conf->serial != NULL ? conf->serial : "destroy", "--yes-destroy-identity", err);
    else
        rc = tool_agree(l->yes, NULL, "--yes", err);
    return rc;
}

static devid_rc run_steps(struct leaving *l, const struct leave_step *steps, size_t n, struct devid_error *err)
{
    bool *failed = NULL;
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; i < n; i++)
        (void)printf("%s: %s %s\n", steps[i].what, l->dry_run ? "would" : "will", leave_text(steps[i].action));
    if (n == 0)
        (void)printf("nothing to do: there is nothing of an owner's on this device\n");
    if (l->dry_run || n == 0)
        return DEVID_OK;
    rc = agree(l, err);
    if (rc == DEVID_OK && (failed = calloc(n, sizeof *failed)) == NULL)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    for (size_t i = 0; rc == DEVID_OK && i < n; i++) {
        if (must_wait(steps, failed, &steps[i]))
            (void)printf("%s: waits for the keys that are in it\n", steps[i].what);
        else if (!carry_out(l, &steps[i], &failed[i]))
            break;
    }
    free(failed);
    if (rc == DEVID_OK && l->rc != DEVID_OK) {
        rc = l->rc;
        *err = l->err;
    }
    return rc;
}

static devid_rc plan_and_run(struct leaving *l, struct devid_error *err)
{
    const struct devid_conf *conf = devid_store_conf(l->tool->store);
    struct belongings *all = NULL;
    struct leave_step *steps = NULL;
    devid_rc rc = belongings_find(l->tool, &all, err);

    if (rc == DEVID_OK) {
        steps = calloc(leave_room(conf, belongings_found(all)) + 1, sizeof *steps);
        if (steps == NULL)
            rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    if (rc == DEVID_OK)
        rc = run_steps(l, steps, leave_plan(conf, belongings_found(all), &l->wish, steps), err);
    free(steps);
    belongings_free(all);
    return rc;
}

static devid_rc run(struct leaving *l, struct devid_error *err)
{
    int fd = -1;
    devid_rc rc = DEVID_OK;

    if (l->auth_file != NULL)
        rc = devid_secret_read(l->auth_file, &l->auth, err);
    if (rc == DEVID_OK && !l->dry_run)
        rc = tool_alone(l->tool, &fd, err);
    if (rc == DEVID_OK && (l->wish.clear || l->wish.change_seed))
        rc = devid_wipe_check(l->tool->store, authority_of(l), l->auth.len != 0, !l->wish.clear, err);
    if (rc == DEVID_OK)
        rc = plan_and_run(l, err);
    devid_flock_leave(fd);
    devid_secret_free(&l->auth);
    return rc;
}

static devid_rc take_option(struct leaving *l, int c, char **argv, struct devid_error *err)
{
    switch (c) {
    case 'n': l->dry_run = true; break;
    case 'y': l->yes = true; break;
    case 'k': l->wish.keep_secrets = true; break;
    case 'c': l->wish.clear = true; break;
    case 'e': l->wish.change_seed = true; break;
    case 'd': l->yes_destroy = true; break;
    case 'p': l->by_platform = true; break;
    case 'a': l->auth_file = optarg; break;
    default:
        return tool_bad_option(argv, err);
    }
    return DEVID_OK;
}

static devid_rc parse_and_run(struct leaving *l, const struct option *options, int argc, char **argv, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;
    int c;

    while (rc == DEVID_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
        rc = take_option(l, c, argv, err);
    if (rc == DEVID_OK && optind < argc)
        rc = devid_fail(err, TOOL_USAGE, "%s: \"%s\" is one argument too many; \"devid delete NAME\" is for one identity", argv[0],
                        argv[optind]);
    if (rc == DEVID_OK && (l->auth_file != NULL || l->by_platform) && !l->wish.clear && !l->wish.change_seed)
        rc = devid_fail(err, TOOL_USAGE, "%s: --auth-file and --platform are of use with --clear-tpm and --change-eps", argv[0]);
    return rc == DEVID_OK ? run(l, err) : rc;
}

devid_rc command_disown(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'},
                                            {"yes", no_argument, NULL, 'y'},
                                            {"keep-secrets", no_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    struct leaving l = {.tool = tool};

    return parse_and_run(&l, options, argc, argv, err);
}

devid_rc command_retire(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'},
                                            {"yes", no_argument, NULL, 'y'},
                                            {"keep-secrets", no_argument, NULL, 'k'},
                                            {"clear-tpm", no_argument, NULL, 'c'},
                                            {"change-eps", no_argument, NULL, 'e'},
                                            {"yes-destroy-identity", no_argument, NULL, 'd'},
                                            {"platform", no_argument, NULL, 'p'},
                                            {"auth-file", required_argument, NULL, 'a'},
                                            {NULL, 0, NULL, 0}};
    struct leaving l = {.tool = tool};

    return parse_and_run(&l, options, argc, argv, err);
}
