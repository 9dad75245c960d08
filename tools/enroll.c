/* SPDX-License-Identifier: BSD-2-Clause */
/* One enrolment: the section of devid.conf becomes a request, the reply an identity. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/files.h"
#include "core/key.h"
#include "core/make.h"
#include "core/uri.h"
#include "est/est.h"
#include "tool.h"

#define WAIT_MAX_S 900 /* a server that says "later" is asked again for a quarter of an hour */

/* Everything of a server that must be freed; est_server lends it out. */
struct contact {
    struct est_server server;
    struct devid_secret secret, password;
    struct devid_bytes anchors, key_uri, chain;
    bool is_counted; /* the key's failures are counted by the TPM */
};

static void contact_free(struct contact *c)
{
    devid_secret_free(&c->secret);
    devid_secret_free(&c->password);
    devid_bytes_free(&c->anchors);
    devid_bytes_free(&c->key_uri);
    devid_bytes_free(&c->chain);
}

/* Trust found by fingerprint is kept in STATE/.trust/NAME.pem; files beginning with '.' are no tokens. */
static devid_rc bootstrap(struct tool *tool, const struct devid_conf_identity *want, struct contact *c,
                          struct devid_error *err)
{
    struct devid_bytes folder = {0}, name = {0}, fingerprint = {0};
    char path[4096];
    devid_rc rc;

    rc = devid_store_folder(tool->store, ".trust", &folder, err);
    if (rc == DEVID_OK)
        rc = devid_files_name(want->name, &name, err);
    if (rc != DEVID_OK)
        goto out;
    (void)snprintf(path, sizeof path, "%s/%s.pem", (char *)folder.data, (char *)name.data);
    rc = devid_file_read(path, 1U << 20, &c->anchors, err);
    if (rc != DEVID_E_ABSENT)
        goto out;
    rc = devid_hex_decode(want->fingerprint, &fingerprint, err);
    if (rc == DEVID_OK)
        rc = est_bootstrap(&c->server, devid_slice_of(fingerprint), &c->anchors, err);
    (void)snprintf(path, sizeof path, "%s.pem", (char *)name.data);
    if (rc == DEVID_OK)
        rc = devid_files_replace((char *)folder.data, path, devid_slice_of(c->anchors), 0644, err);
out:
    devid_bytes_free(&folder);
    devid_bytes_free(&name);
    devid_bytes_free(&fingerprint);
    return rc;
}

static devid_rc authenticate_with(struct tool *tool, const char *name, struct contact *c, struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = tool_find(tool, name, &snap, &identity, err);

    if (rc != DEVID_OK)
        return rc;
    if (identity->n_chain == 0)
        rc = devid_fail(err, DEVID_E_ABSENT, "%s has no certificate to authenticate with: run \"devid provision %s\" before",
                        name, name);
    c->is_counted = identity->pub.is_counted;
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

/* as: the identity whose certificate goes into TLS; NULL: none */
static devid_rc contact_make(struct tool *tool, const struct devid_conf_identity *want, const char *as,
                             struct contact *c, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    if (want->est == NULL)
        return devid_fail(err, DEVID_E_ABSENT, "no EST server: add \"est = https://...\" to its section");
    c->server.url = want->est;
    c->server.anchors = want->anchors;
    c->server.headers = want->headers;
    c->server.user = want->user;
    if (want->fingerprint != NULL) /* before any secret is read: this connection is not verified */
        rc = bootstrap(tool, want, c, err);
    c->server.anchors_pem = devid_slice_of(c->anchors);
    if (rc == DEVID_OK && want->secret_file != NULL) {
        rc = devid_secret_read(want->secret_file, &c->secret, err);
        c->server.secret_header = want->secret_header;
        c->server.secret = (struct devid_slice){c->secret.data, c->secret.len};
    }
    if (rc == DEVID_OK && want->password_file != NULL) {
        rc = devid_secret_read(want->password_file, &c->password, err);
        c->server.password = (struct devid_slice){c->password.data, c->password.len};
    }
    if (rc == DEVID_OK && as != NULL)
        rc = authenticate_with(tool, as, c, err);
    return rc;
}

devid_rc tool_cacerts(struct tool *tool, const struct devid_conf_identity *want, struct devid_bytes *pem,
                      struct devid_error *err)
{
    struct contact c = {0};
    struct est_reply reply = {0};
    devid_rc rc = contact_make(tool, want, NULL, &c, err);

    if (rc == DEVID_OK)
        rc = est_cacerts(&c.server, &reply, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(pem, devid_slice_of(reply.certs_pem), err);
    est_reply_free(&reply);
    contact_free(&c);
    return rc == DEVID_OK ? rc : devid_error_in(err, rc, want->name);
}

static enum est_usage usage_of(enum devid_role role)
{
    switch (role) {
    case DEVID_ROLE_CA:
        return EST_USAGE_CA;
    case DEVID_ROLE_EK:
    case DEVID_ROLE_IDEVID:
    case DEVID_ROLE_IAK:
        return EST_USAGE_DEVID;
    case DEVID_ROLE_LDEVID:
    case DEVID_ROLE_CLIENT:
        return EST_USAGE_CLIENT;
    }
    return EST_USAGE_CLIENT;
}

/* A renewal asks for what the old certificate has: a CA compares the bytes (RFC 7030 section 4.2.2). */
static devid_rc make_csr(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal, struct devid_bytes *der,
                         struct devid_error *err)
{
    struct est_csr request = {.subject = want->subject != NULL ? want->subject : "", .usage = usage_of(want->role)};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_bytes uri = {0}, hw_serial = {0};
    devid_rc rc = tool_find(tool, want->name, &snap, &identity, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_uri_of(identity, &uri, err);
    if (rc == DEVID_OK && want->san_hardware_module)
        rc = devid_make_hw_serial(tool->store, &hw_serial, err);
    if (rc == DEVID_OK)
        rc = est_keys_load(err);
    if (rc == DEVID_OK && is_renewal && identity->n_chain != 0)
        request.as_cert = identity->chain[0].der;
    if (rc == DEVID_OK) {
        request.key_uri = (const char *)uri.data;
        request.hw_serial = (const char *)hw_serial.data;
        rc = est_csr_make(&request, der, err);
        if (identity->pub.is_counted)
            devid_make_settled(tool->store);
    }
    devid_bytes_free(&uri);
    devid_bytes_free(&hw_serial);
    devid_snapshot_free(snap);
    return rc == DEVID_OK ? rc : devid_error_in(err, rc, want->name);
}

devid_rc tool_csr(struct tool *tool, const struct devid_conf_identity *want, struct devid_bytes *der,
                  struct devid_error *err)
{
    return make_csr(tool, want, false, der, err);
}

/* The reply's chain joins the key, in one rename. */
static devid_rc keep(struct tool *tool, const struct devid_conf_identity *want, const struct est_reply *reply,
                     struct devid_error *err)
{
    struct devid_bytes der[DEVID_CHAIN_MAX] = {{0}};
    struct devid_cert chain[DEVID_CHAIN_MAX];
    const struct devid_identity *found;
    struct devid_identity identity;
    struct devid_snapshot *snap = NULL;
    size_t n = 0;
    devid_rc rc = tool_find(tool, want->name, &snap, &found, err);

    if (rc != DEVID_OK)
        return rc;
    rc = tool_chain_parse(devid_slice_of(reply->certs_pem), der, chain, &n, err);
    if (rc == DEVID_OK) {
        identity = *found;
        identity.chain = chain;
        identity.n_chain = n;
        identity.cert_place = DEVID_PLACE_FILE; /* an NV index is written in the next step */
        identity.nv_index = 0;
        rc = devid_store_put(tool->store, &identity, err);
    }
    for (size_t i = 0; i < DEVID_CHAIN_MAX; i++)
        devid_bytes_free(&der[i]);
    devid_snapshot_free(snap);
    return rc;
}

static devid_rc ask(struct tool *tool, struct contact *c, struct devid_slice csr, bool is_renewal, struct devid_slice spki,
                    struct est_reply *reply, struct devid_error *err)
{
    devid_rc rc = est_enroll(&c->server, csr, is_renewal, spki, reply, err);

    if (c->is_counted)
        devid_make_settled(tool->store);
    return rc;
}

static devid_rc ask_until_answered(struct tool *tool, struct contact *c, struct devid_slice csr, bool is_renewal,
                                   struct devid_slice spki, struct est_reply *reply, struct devid_error *err)
{
    unsigned waited_s = 0;
    devid_rc rc;

    while ((rc = ask(tool, c, csr, is_renewal, spki, reply, err)) == DEVID_E_BUSY) {
        unsigned wait_s = reply->retry_after_s != 0 ? reply->retry_after_s : 10;
        struct timespec left = {.tv_sec = (time_t)wait_s};

        if (tool->no_wait || wait_s > WAIT_MAX_S - waited_s)
            break;
        (void)printf("  the server asks for %u s of patience\n", wait_s);
        while (nanosleep(&left, &left) != 0 && errno == EINTR)
            continue;
        waited_s += wait_s;
        est_reply_free(reply);
    }
    return rc;
}

devid_rc tool_enroll(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal,
                     struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct contact c = {0};
    struct est_reply reply = {0};
    struct devid_bytes csr = {0};
    devid_rc rc;

    rc = contact_make(tool, want, is_renewal ? want->name : want->authenticate, &c, err);
    if (rc == DEVID_OK)
        rc = tool_find(tool, want->name, &snap, &identity, err);
    if (rc != DEVID_OK) {
        contact_free(&c);
        return devid_error_in(err, rc, want->name);
    }
    rc = make_csr(tool, want, is_renewal, &csr, err);
    if (rc == DEVID_OK) {
        rc = ask_until_answered(tool, &c, devid_slice_of(csr), is_renewal, devid_slice_of(identity->pub.spki), &reply,
                                err);
        if (rc == DEVID_OK)
            rc = keep(tool, want, &reply, err);
        if (rc != DEVID_OK)
            rc = devid_error_in(err, rc, want->name);
    }
    devid_bytes_free(&csr);
    est_reply_free(&reply);
    contact_free(&c);
    devid_snapshot_free(snap);
    return rc;
}
