/* SPDX-License-Identifier: BSD-2-Clause */
/* devid recover: what TPM2_Clear or an eviction took, back where it can be, named where it cannot. */
#include "core/recover.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/lock.h"
#include "core/nv.h"
#include "tool.h"

devid_rc tool_known_key(struct tool *tool, const struct devid_conf_identity *want, const struct devid_snapshot *snap,
                        struct devid_bytes *der, struct devid_cert *leaf, struct devid_slice *spki, struct devid_error *err)
{
    const struct devid_query query = {.token = want->token, .label = want->name};
    const struct devid_identity *identity;
    devid_rc rc;

    if (devid_snapshot_find(snap, &query, &identity, NULL) == DEVID_OK) {
        if (identity->n_chain != 0)
            *leaf = identity->chain[0];
        *spki = devid_slice_of(identity->pub.spki);
        return DEVID_OK;
    }
    if (want->cert_place != DEVID_PLACE_NV)
        return devid_fail(err, DEVID_E_ABSENT, "nothing tells which key it was: there is no file of it, and no certificate in NV");
    rc = devid_nv_read(tool->store, want->nv_index, der, err);
    if (rc == DEVID_OK)
        rc = devid_cert_parse((struct devid_slice){der->data, devid_der_len(devid_slice_of(*der))}, leaf, err);
    if (rc == DEVID_OK)
        *spki = leaf->spki;
    return rc;
}

static devid_rc recover_root(struct tool *tool, const char *name, struct devid_error *err)
{
    devid_rc rc = devid_recover_root(tool->store, err);

    if (rc == DEVID_OK)
        (void)printf("%s: the storage root key of its key is back", name);
    return rc;
}

static devid_rc recover_primary(struct tool *tool, const struct devid_conf_identity *want, struct devid_error *err)
{
    const struct devid_query query = {.token = want->token, .label = want->name};
    struct devid_lost lost = {.role = want->role, .handle = want->handle};
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;
    struct devid_made made = {0};
    struct devid_bytes der = {0}, by_maker = {0};
    struct devid_cert leaf = {0};
    const char *how = NULL;
    devid_rc rc = devid_store_snapshot(tool->store, &snap, err);

    if (rc == DEVID_OK)
        rc = tool_known_key(tool, want, snap, &der, &leaf, &lost.spki, err);
    if (rc == DEVID_OK && devid_snapshot_find(snap, &query, &identity, NULL) == DEVID_OK) {
        lost.handle = identity->handle;
        lost.area = devid_slice_of(identity->pub.area);
        lost.recorded = identity->made_by;
    }
    if (rc == DEVID_OK && want->role == DEVID_ROLE_EK && lost.recorded.len == 0 &&
        devid_make_ek_template(tool->store, want->nv_index, &by_maker, NULL) == DEVID_OK)
        lost.recorded = devid_slice_of(by_maker);
    if (rc == DEVID_OK)
        rc = devid_recover(tool->store, &lost, &made, &how, err);
    if (rc == DEVID_OK)
        (void)printf("%s: key recovered at 0x%08" PRIx32 ": %s", want->name, made.handle,
                     how != NULL ? how : "it was there");
    devid_made_free(&made);
    devid_bytes_free(&der);
    devid_bytes_free(&by_maker);
    devid_snapshot_free(snap);
    return rc;
}

devid_rc tool_recover(struct tool *tool, const struct devid_conf_identity *want, struct devid_error *err)
{
    return devid_role_is_manufacturers(want->role) ? recover_primary(tool, want, err) : recover_root(tool, want->name, err);
}

/* ---- the command ---- */

struct recovery {
    struct tool *tool;
    bool dry_run;
    bool did;    /* or said, anything */
    devid_rc rc; /* of the last failure */
    struct devid_error err;
};

/* A failure is told, and the others go on; the last one is told at the end. */
static void failed(struct recovery *r, const char *name, devid_rc rc, struct devid_error *why)
{
    if (r->rc != DEVID_OK)
        (void)fprintf(stderr, "devid: %s\n", r->err.text);
    r->rc = devid_error_in(why, rc, name);
    r->err = *why;
}

static void recover_one(struct recovery *r, const struct devid_conf_identity *want, const struct plan_found *found)
{
    struct devid_error why = {0};
    devid_rc rc = DEVID_OK;

    r->did |= found->is_gone || found->is_other;
    if (found->is_other)
        rc = devid_fail(&why, DEVID_E_EXISTS, "0x%08" PRIx32 " holds another key, which is left alone: move it away with "
                        "\"tpm2_evictcontrol\", then try again", found->handle);
    else if (found->is_gone && r->dry_run)
        (void)printf("%s: would %s\n", want->name, plan_action_text(PLAN_RECOVER));
    else if (found->is_gone && (rc = tool_recover(r->tool, want, &why)) == DEVID_OK)
        (void)printf("\n");
    if (rc != DEVID_OK)
        failed(r, want->name, rc, &why);
}

static void tell_gone(struct recovery *r, const struct devid_identity *identity)
{
    const struct devid_conf_identity *want = tool_section(r->tool, identity);

    (void)printf("%s: its key is lost for ever; ", identity->label);
    if (want != NULL && want->est != NULL)
        (void)printf("\"devid provision %s\" makes another one and enrolls it anew%s%s\n", identity->label,
                     want->authenticate != NULL ? ", authenticated by " : "",
                     want->authenticate != NULL ? want->authenticate : "");
    else
        (void)printf("\"devid delete %s\" removes what is left of it\n", identity->label);
}

/* A key of the owner's, which no template makes again. */
static void look_at(struct recovery *r, const struct devid_snapshot *snap, const struct devid_identity *identity)
{
    enum devid_standing standing = DEVID_STANDING_THERE;
    struct devid_error why = {0};
    devid_rc rc = devid_standing_ask(r->tool->store, snap, identity, &standing, &why);

    r->did |= rc == DEVID_OK && standing != DEVID_STANDING_THERE;
    if (rc == DEVID_OK && standing == DEVID_STANDING_GONE)
        tell_gone(r, identity);
    else if (rc == DEVID_OK && standing == DEVID_STANDING_OTHER)
        (void)printf("%s: 0x%08" PRIx32 " holds another key, which is left alone\n", identity->label, identity->handle);
    else if (rc == DEVID_OK && standing == DEVID_STANDING_ROOTLESS && r->dry_run)
        (void)printf("%s: would %s\n", identity->label, plan_action_text(PLAN_RECOVER));
    else if (rc == DEVID_OK && standing == DEVID_STANDING_ROOTLESS &&
             (rc = recover_root(r->tool, identity->label, &why)) == DEVID_OK)
        (void)printf("\n");
    if (rc != DEVID_OK)
        failed(r, identity->label, rc, &why);
}

static devid_rc look_at_others(struct recovery *r, struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = devid_store_snapshot(r->tool->store, &snap, err);

    if (rc != DEVID_OK)
        return rc;
    while ((identity = devid_snapshot_next(snap, identity)) != NULL)
        if (!identity->is_read_only)
            look_at(r, snap, identity);
    devid_snapshot_free(snap);
    return DEVID_OK;
}

static bool is_chosen(const char *name, int argc, char **argv)
{
    for (int i = optind; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return optind >= argc;
}

static devid_rc recover_all(struct recovery *r, int argc, char **argv, struct devid_error *err)
{
    const struct devid_conf *conf = devid_store_conf(r->tool->store);
    struct plan_found *found = NULL;
    devid_rc rc = tool_found(r->tool, &found, err);

    if (rc != DEVID_OK)
        return rc;
    for (size_t i = 0; i < conf->n_identities; i++)
        if (devid_role_is_manufacturers(conf->identities[i].role) && is_chosen(conf->identities[i].name, argc, argv))
            recover_one(r, &conf->identities[i], &found[i]);
    free(found);
    if (optind >= argc)
        rc = look_at_others(r, err);
    if (rc == DEVID_OK && !r->did)
        (void)printf("nothing to recover: the TPM has the keys that are known\n");
    if (rc != DEVID_OK && r->rc != DEVID_OK)
        (void)fprintf(stderr, "devid: %s\n", r->err.text); /* no failure goes without its line */
    if (rc == DEVID_OK && r->rc != DEVID_OK) {
        rc = r->rc;
        *err = r->err;
    }
    return rc;
}

static devid_rc check_names(const struct devid_conf *conf, int argc, char **argv, struct devid_error *err)
{
    for (int i = optind; i < argc; i++) {
        const struct devid_conf_identity *want = devid_conf_find(conf, argv[i]);

        if (want == NULL)
            return devid_fail(err, DEVID_E_ABSENT, "there is no section [identity %s] in %s", argv[i], conf->path);
        if (!devid_role_is_manufacturers(want->role))
            return devid_fail(err, DEVID_E_KEY,
                              "%s is no key of the manufacturer's: it cannot be derived again; \"devid provision %s\" makes "
                              "another one if it is lost", want->name, want->name);
    }
    return DEVID_OK;
}

/* A TPM that does not answer has lost nothing, and nobody may believe so. */
static devid_rc check_tpm(struct tool *tool, struct devid_error *err)
{
    struct devid_handles handles = {0};
    devid_rc rc = devid_handles_read(tool->store, &handles, err);

    devid_handles_free(&handles);
    return rc;
}

devid_rc command_recover(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
    struct recovery r = {.tool = tool};
    int c, fd = -1;
    devid_rc rc;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'n')
            return tool_bad_option(argv, err);
        r.dry_run = true;
    }
    rc = check_names(devid_store_conf(tool->store), argc, argv, err);
    if (rc == DEVID_OK && !r.dry_run)
        rc = tool_alone(tool, &fd, err);
    if (rc == DEVID_OK)
        rc = check_tpm(tool, err);
    if (rc == DEVID_OK)
        rc = recover_all(&r, argc, argv, err);
    devid_flock_leave(fd);
    return rc;
}
