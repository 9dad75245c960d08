/* SPDX-License-Identifier: BSD-2-Clause */
/* An identity's server. */
#include "contact.h"

#include <string.h>
#include <time.h>

#include "core/key.h"
#include "core/make.h"
#include "core/uri.h"
#include "kept.h"

void contact_free(struct contact *c)
{
    devid_secret_free(&c->secret);
    devid_secret_free(&c->password);
    devid_secret_free(&c->proxy_password);
    devid_bytes_free(&c->anchors);
    devid_bytes_free(&c->key_uri);
    devid_bytes_free(&c->chain);
}

static devid_rc bootstrap(struct tool *tool, const struct devid_conf_identity *want, struct contact *c,
                          struct devid_error *err)
{
    struct devid_bytes fingerprint = {0};
    devid_rc rc = devid_hex_decode(want->fingerprint, &fingerprint, err);

    if (rc == DEVID_OK)
        rc = est_bootstrap(&c->server, devid_slice_of(fingerprint), &c->anchors, err);
    if (rc == DEVID_OK)
        rc = kept_write(tool, want, KEPT_TRUST, devid_slice_of(c->anchors), err);
    devid_bytes_free(&fingerprint);
    return rc;
}

/* Anchors of a file are the operator's. Others were taught by the server, and it may go on teaching. */
static devid_rc find_anchors(struct tool *tool, const struct devid_conf_identity *want, struct contact *c,
                             struct devid_error *err)
{
    devid_rc rc;

    c->server.anchors = want->anchors;
    if (want->anchors != NULL && want->fingerprint == NULL)
        return DEVID_OK;
    c->server.learns_anchors = want->anchors == NULL;
    rc = kept_read(tool, want, KEPT_TRUST, &c->anchors, err);
    if (rc == DEVID_E_ABSENT && want->fingerprint != NULL)
        rc = bootstrap(tool, want, c, err);
    else if (rc == DEVID_E_ABSENT)
        rc = DEVID_OK; /* the system's list, this once */
    c->server.anchors_pem = devid_slice_of(c->anchors);
    return rc;
}

devid_rc contact_learn(struct tool *tool, const struct devid_conf_identity *want, const struct est_reply *reply,
                       struct devid_error *err)
{
    if (reply->anchors_pem.len == 0)
        return DEVID_OK;
    return kept_write(tool, want, KEPT_TRUST, devid_slice_of(reply->anchors_pem), err);
}

static devid_rc authenticate_with(struct tool *tool, const char *name, struct contact *c, struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = tool_find(tool, name, &snap, &identity, err);

    if (rc != DEVID_OK)
        return rc;
    if (!devid_identity_key_enabled(identity) || !devid_identity_cert_enabled(identity))
        rc = devid_fail(err, DEVID_E_DENIED, "%s is disabled and authenticates nobody: \"devid enable %s\" switches it on", name, name);
    else if (identity->n_chain == 0)
        rc = devid_fail(err, DEVID_E_ABSENT, "%s has no certificate to authenticate with: run \"devid provision %s\" before",
                        name, name);
    c->is_counted = devid_public_is_counted(&identity->pub);
    c->is_expired = identity->n_chain != 0 && identity->chain[0].not_after <= (int64_t)time(NULL);
    if (rc == DEVID_OK)
        rc = devid_uri_of(identity, &c->key_uri, err);
    if (rc == DEVID_OK)
        rc = tool_chain_pem(identity->chain, identity->n_chain, &c->chain, err);
    devid_snapshot_free(snap);
    if (rc == DEVID_OK) {
        c->server.key_uri = (const char *)c->key_uri.data;
        c->server.chain_pem = devid_slice_of(c->chain);
        rc = est_keys_load(err);
    }
    return rc;
}

/* The file of a secret, if one is named. */
static devid_rc read_secret(const char *path, struct devid_secret *secret, struct devid_slice *lent, struct devid_error *err)
{
    devid_rc rc = path == NULL ? DEVID_OK : devid_secret_read(path, secret, err);

    *lent = (struct devid_slice){secret->data, secret->len};
    return rc;
}

static enum est_proof proof_of(enum devid_conf_proof proof)
{
    switch (proof) {
    case DEVID_PROOF_AS_ASKED:
        return EST_PROOF_AS_ASKED;
    case DEVID_PROOF_NONE:
        return EST_PROOF_NONE;
    case DEVID_PROOF_TLS_UNIQUE:
        return EST_PROOF_TLS_UNIQUE;
    case DEVID_PROOF_TLS_EXPORTER:
        return EST_PROOF_TLS_EXPORTER;
    }
    return EST_PROOF_AS_ASKED;
}

void contact_settle(struct contact *c)
{
    if ((c->is_counted || c->signs_counted) && tool_commands(c->tool) != c->settled)
        devid_make_settled(c->tool->store);
    c->settled = tool_commands(c->tool);
}

/* At once: a server may take its time, and power is cut when it will. */
static void on_signed(void *user, bool is_client)
{
    struct contact *c = user;

    if (is_client ? c->is_counted : c->signs_counted)
        contact_settle(c);
    else
        c->settled = tool_commands(c->tool);
}

devid_rc contact_make(struct tool *tool, const struct devid_conf_identity *want, const char *as, struct contact *c,
                      struct devid_error *err)
{
    devid_rc rc;

    *c = (struct contact){.tool = tool, .settled = tool_commands(tool)};
    c->server.signed_by = on_signed;
    c->server.signed_user = c;
    if (want->est == NULL)
        return devid_fail(err, DEVID_E_ABSENT, "no EST server: add \"est = https://...\" to its section");
    c->server.url = want->est;
    c->server.crl = want->crl;
    c->server.proxy = want->proxy;
    c->server.proxy_user = want->proxy_user;
    rc = read_secret(want->proxy_password_file, &c->proxy_password, &c->server.proxy_password, err);
    if (rc == DEVID_OK)
        rc = find_anchors(tool, want, c, err); /* before any secret for the server is here */
    c->server.headers = want->headers;
    c->server.user = want->user;
    c->server.proof = proof_of(want->proof);
    c->server.skips_attributes = want->skips_attributes;
    if (rc == DEVID_OK)
        rc = read_secret(want->secret_file, &c->secret, &c->server.secret, err);
    if (rc == DEVID_OK && want->secret_file != NULL)
        c->server.secret_header = want->secret_header;
    if (rc == DEVID_OK)
        rc = read_secret(want->password_file, &c->password, &c->server.password, err);
    if (rc == DEVID_OK && as != NULL)
        rc = authenticate_with(tool, as, c, err);
    return rc;
}

bool contact_without_expired(struct contact *c)
{
    bool may = c->is_expired && c->server.key_uri != NULL && c->server.user != NULL && c->server.password.len != 0;

    if (may) {
        c->server.key_uri = NULL;
        c->server.chain_pem = (struct devid_slice){0};
    }
    return may;
}
