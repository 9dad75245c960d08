/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of the plan, one function each. */
#include <inttypes.h>
#include <stdio.h>

#include "core/files.h"
#include "core/key.h"
#include "core/make.h"
#include "core/nv.h"
#include "tool.h"

static struct devid_query query_of(const struct devid_conf_identity *want)
{
    return (struct devid_query){.token = want->token, .label = want->name};
}

/* A key that was just made or moved, and in whose place it is to be. */
struct kept_key {
    const struct devid_conf_identity *want;
    const struct devid_made *made;
    struct devid_bytes dead; /* SubjectPublicKeyInfo of the one that the TPM lost; empty: there was none */
};

static void place_made(const struct kept_key *key, struct devid_identity *identity)
{
    const struct devid_made *made = key->made;

    identity->token = key->want->token;
    identity->label = key->want->name;
    identity->role = key->want->role;
    identity->pub = made->pub;
    identity->handle = made->handle;
    identity->parent = made->parent;
    identity->key_place = made->handle != 0 ? DEVID_PLACE_HANDLE : DEVID_PLACE_BLOB;
    identity->blob = devid_slice_of(made->blob);
    identity->object = devid_slice_of(made->object);
    identity->made_by = devid_slice_of(made->made_by);
}

static bool has_key(const struct devid_identity *identity, const struct devid_bytes *spki)
{
    return devid_slice_eq(devid_slice_of(identity->pub.spki), devid_slice_of(*spki));
}

static devid_rc put_new(struct tool *tool, const struct devid_identity *old, const struct kept_key *key, struct devid_error *err)
{
    struct devid_identity identity = {.public_label = key->want->name};

    place_made(key, &identity);
    return devid_store_change(tool->store, old, &identity, err);
}

static devid_rc fail_other(struct devid_error *err)
{
    return devid_fail(err, DEVID_E_EXISTS, "another program made a key of this name meanwhile, which is left alone: run this again to go on with that");
}

/* What is said of the same key stays. */
static devid_rc put_made(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    const struct kept_key *key = with;
    struct devid_identity next = *now;

    if (key->dead.len != 0 && has_key(now, &key->dead))
        return put_new(tool, now, key, err);
    if (!has_key(now, &key->made->pub.spki))
        return fail_other(err);
    place_made(key, &next);
    return devid_store_change(tool->store, now, &next, err);
}

/* What was made becomes an identity without a certificate, unless another process wrote it down already. */
static devid_rc keep_made(struct tool *tool, struct kept_key *key, struct devid_error *err)
{
    const struct devid_query query = query_of(key->want);
    devid_rc rc = tool_change(tool, &query, put_made, key, err);

    if (rc == DEVID_E_ABSENT)
        rc = put_new(tool, NULL, key, err);
    return rc == DEVID_E_BUSY ? tool_change(tool, &query, put_made, key, err) : rc;
}

/* The plan makes a key where there is none, or one that the TPM lost. What came meanwhile is neither. */
static devid_rc dead_key(struct tool *tool, const struct devid_conf_identity *want, struct devid_bytes *spki, struct devid_error *err)
{
    enum devid_standing standing = DEVID_STANDING_THERE;
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = tool_find_own(tool, want, &snap, &identity, err);

    if (rc == DEVID_E_ABSENT)
        return DEVID_OK;
    if (rc == DEVID_OK)
        rc = devid_standing_ask(tool->store, snap, identity, &standing, err);
    if (rc == DEVID_OK && standing != DEVID_STANDING_GONE)
        rc = fail_other(err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(devid_slice_of(identity->pub.spki), spki, err);
    devid_snapshot_free(snap);
    return rc;
}

static devid_rc make_key(struct tool *tool, const struct devid_conf_identity *want, struct devid_error *err)
{
    struct devid_made made = {0};
    struct kept_key key = {.want = want, .made = &made};
    struct devid_wanted wanted = tool_wanted(want);
    devid_rc rc = dead_key(tool, want, &key.dead, err);

    if (rc == DEVID_OK && (want->role == DEVID_ROLE_IDEVID || want->role == DEVID_ROLE_IAK))
        rc = devid_make_primary(tool->store, want->role, want->alg, want->bits, want->handle, &made, err);
    else if (rc == DEVID_OK)
        rc = devid_make_key(tool->store, &wanted, &made, err);
    if (rc == DEVID_OK)
        rc = keep_made(tool, &key, err);
    if (rc == DEVID_OK && made.handle != 0)
        (void)printf("%s: key made in the TPM: %s, at 0x%08" PRIx32, want->name, devid_public_name(&made.pub),
                     made.handle);
    else if (rc == DEVID_OK)
        (void)printf("%s: key made in the TPM: %s, wrapped under 0x%08" PRIx32, want->name,
                     devid_public_name(&made.pub), made.parent);
    devid_bytes_free(&key.dead);
    devid_made_free(&made);
    return rc;
}

/* Somebody destroyed the key while it was moved: no file would tell of it. */
static devid_rc take_back(struct tool *tool, const struct devid_identity *identity, uint32_t handle, struct devid_error *err)
{
    struct devid_identity at = *identity;
    devid_rc rc;

    at.key_place = DEVID_PLACE_HANDLE;
    at.handle = handle;
    at.previous = NULL;
    rc = devid_key_evict(tool->store, &at, err);
    return rc != DEVID_OK ? rc : devid_fail(err, DEVID_E_ABSENT, "the key was deleted meanwhile");
}

static devid_rc persist(struct tool *tool, const struct devid_conf_identity *want,
                        const struct devid_identity *identity, struct devid_error *err)
{
    const struct devid_query query = query_of(want);
    struct devid_made made = {0};
    struct kept_key key = {.want = want, .made = &made};
    devid_rc rc = devid_make_persistent(tool->store, identity, want->handle, &made, err);

    if (rc == DEVID_OK) {
        rc = tool_change(tool, &query, put_made, &key, err);
        if (rc == DEVID_E_ABSENT || rc == DEVID_E_EXISTS)
            rc = take_back(tool, identity, made.handle, err);
    }
    if (rc == DEVID_OK)
        (void)printf("%s: key moved to 0x%08" PRIx32, want->name, made.handle);
    devid_made_free(&made);
    return rc;
}

static devid_rc end_grace(struct tool *tool, const struct devid_conf_identity *want, const struct devid_identity *identity,
                          struct devid_error *err)
{
    uint32_t handle = identity->previous != NULL ? identity->previous->handle : 0;
    devid_rc rc = tool_end_grace(tool, want, err);

    if (rc == DEVID_OK)
        (void)printf("%s: grace time over, the key before the last renewal is removed", want->name);
    if (rc == DEVID_OK && handle != 0)
        (void)printf(" from 0x%08" PRIx32, handle);
    return rc;
}

/* What an index holds by now. */
struct written {
    uint32_t index;
    const struct devid_cert *leaf;
};

static devid_rc put_written(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    const struct written *written = with;
    struct devid_identity next = *now;

    if (now->n_chain == 0 || !devid_slice_eq(now->chain[0].der, written->leaf->der))
        return devid_fail(err, DEVID_E_EXISTS, "its certificate was changed while the one before was written to NV 0x%08" PRIx32,
                          written->index);
    next.cert_place = DEVID_PLACE_NV;
    next.nv_index = written->index;
    return devid_store_change(tool->store, now, &next, err);
}

static devid_rc write_nv(struct tool *tool, const struct devid_conf_identity *want,
                         const struct devid_identity *identity, struct devid_error *err)
{
    const struct devid_query query = query_of(want);
    struct written written = {.index = want->nv_index, .leaf = &identity->chain[0]};
    struct devid_bytes all = {0};
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < identity->n_chain; i++)
        rc = devid_bytes_append(&all, identity->chain[i].der, err);
    if (rc == DEVID_OK) /* with its issuers, if there is room: a replaced disk knows them no more */
        rc = devid_nv_write(tool->store, want->nv_index, devid_slice_of(all), err);
    if (identity->n_chain > 1 && (rc == DEVID_E_DATA || rc == DEVID_E_EXISTS || rc == DEVID_E_TPM))
        rc = devid_nv_write(tool->store, want->nv_index, identity->chain[0].der, err);
    devid_bytes_free(&all);
    if (rc == DEVID_OK)
        rc = tool_change(tool, &query, put_written, &written, err);
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
    const char *with = tool->was_without ? want->user : tool_client_of(want, is_renewal);
    char until[24];
    devid_rc rc = tool_find_own(tool, want, &snap, &identity, err);

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

devid_rc tool_step(struct tool *tool, const struct devid_conf_identity *want, enum plan_action action,
                   struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = DEVID_OK;

    if (action == PLAN_PERSIST || action == PLAN_END_GRACE || action == PLAN_WRITE_NV || action == PLAN_WRITE_PEM ||
        action == PLAN_HOOK)
        rc = tool_find_own(tool, want, &snap, &identity, err);
    if (rc != DEVID_OK)
        return rc;
    switch (action) {
    case PLAN_RECOVER:
        rc = tool_recover(tool, want, err);
        break;
    case PLAN_MAKE_KEY:
        rc = make_key(tool, want, err);
        break;
    case PLAN_PERSIST:
        rc = persist(tool, want, identity, err);
        break;
    case PLAN_ENROLL:
    case PLAN_RENEW:
        rc = action == PLAN_RENEW ? tool_renew(tool, want, err) : tool_enroll(tool, want, false, err);
        if (rc == DEVID_OK)
            rc = say_enrolled(tool, want, action == PLAN_RENEW, err);
        break;
    case PLAN_END_GRACE:
        rc = end_grace(tool, want, identity, err);
        break;
    case PLAN_HOOK:
        rc = tool_hook(tool, want, identity, err);
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
    case PLAN_TAKEN:
        rc = devid_fail(err, DEVID_E_EXISTS, "0x%08" PRIx32 " holds another key, which is left alone: move it away with "
                        "\"tpm2_evictcontrol\", then try again", want->handle);
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
