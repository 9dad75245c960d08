/* SPDX-License-Identifier: BSD-2-Clause */
/* One enrolment: the section of devid.conf becomes a request, the reply an identity. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "contact.h"
#include "core/key.h"
#include "core/make.h"
#include "core/ref.h"
#include "core/uri.h"
#include "est/est.h"
#include "kept.h"
#include "tool.h"

#define CSR_LABEL "CERTIFICATE REQUEST"
#define WAIT_MAX_S 900 /* a server that says "later" is asked again for a quarter of an hour */

/* What a library takes for a wrong argument is a wrong line of devid.conf to who runs a command. */
static devid_rc of_section(devid_rc rc, const struct devid_conf_identity *want, struct devid_error *err)
{
    if (rc == DEVID_OK)
        return rc;
    return devid_error_in(err, rc == DEVID_E_ARG ? DEVID_E_DATA : rc, want->name);
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
        rc = contact_learn(tool, want, &reply, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(pem, devid_slice_of(reply.certs_pem), err);
    est_reply_free(&reply);
    contact_free(&c);
    return of_section(rc, want, err);
}

devid_rc tool_csrattrs(struct tool *tool, const struct devid_conf_identity *want, struct devid_bytes *text,
                       struct devid_error *err)
{
    struct contact c = {0};
    devid_rc rc = contact_make(tool, want, NULL, &c, err);

    if (rc == DEVID_OK)
        rc = est_csrattrs(&c.server, text, err);
    contact_free(&c);
    return of_section(rc, want, err);
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

/* What to ask for, and what it lends from. */
struct wish {
    struct est_csr csr;
    struct devid_snapshot *snap;
    const struct devid_identity *identity;
    struct devid_identity as; /* with the key that is to be certified; what it points to is the snapshot's or the key's */
    struct devid_slice spki;  /* of that key */
    struct devid_bytes uri, hw_serial;
};

static void wish_free(struct wish *wish)
{
    devid_bytes_free(&wish->uri);
    devid_bytes_free(&wish->hw_serial);
    devid_snapshot_free(wish->snap);
}

/* The identity as it is for the time of the request: with the key that is to be certified. */
static void set_key(struct wish *wish, const struct tool_key *key)
{
    const struct devid_public *pub;

    wish->as = *wish->identity;
    if (key != NULL && key->made != NULL) {
        wish->as.key_place = DEVID_PLACE_BLOB;
        wish->as.handle = 0;
        wish->as.parent = key->made->parent;
        wish->as.blob = devid_slice_of(key->made->blob);
        wish->as.object = (struct devid_slice){0};
        wish->as.pub = key->made->pub;
    }
    pub = &wish->as.pub;
    wish->csr.is_pss = pub->area.len != 0 ? pub->has_scheme && pub->padding == DEVID_PSS
                                          : wish->as.role == DEVID_ROLE_IAK && pub->alg == DEVID_RSA;
}

/*
 * A renewal asks for what the old certificate has: a CA compares the bytes (RFC 7030 section 4.2.2).
 * key: NULL: the identity's own
 */
static devid_rc wish_make(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal, const struct tool_key *key,
                          struct wish *wish, struct devid_error *err)
{
    devid_rc rc = tool_find_own(tool, want, &wish->snap, &wish->identity, err);

    if (rc == DEVID_OK)
        rc = devid_uri_of(wish->identity, &wish->uri, err);
    if (rc == DEVID_OK && want->san_hardware_module)
        rc = devid_make_hw_serial(tool->store, &wish->hw_serial, err);
    if (rc == DEVID_OK)
        rc = est_keys_load(err);
    if (rc != DEVID_OK)
        return rc;
    wish->csr = (struct est_csr){.key_uri = key != NULL ? key->uri : (const char *)wish->uri.data,
                                 .subject = want->subject != NULL ? want->subject : "",
                                 .usage = usage_of(want->role),
                                 .hw_serial = (const char *)wish->hw_serial.data};
    wish->spki = key != NULL ? key->spki : devid_slice_of(wish->identity->pub.spki);
    set_key(wish, key);
    if (is_renewal && wish->identity->n_chain != 0)
        wish->csr.as_cert = wish->identity->chain[0].der;
    return DEVID_OK;
}

devid_rc tool_csr(struct tool *tool, const struct devid_conf_identity *want, struct devid_bytes *der,
                  struct devid_error *err)
{
    struct wish wish = {0};
    devid_rc rc = wish_make(tool, want, false, NULL, &wish, err);

    if (rc == DEVID_OK)
        rc = est_csr_make(&wish.csr, der, err);
    if (wish.identity != NULL && devid_public_is_counted(&wish.identity->pub))
        devid_make_settled(tool->store);
    wish_free(&wish);
    return of_section(rc, want, err);
}

/* What a server gave. */
struct granted {
    const struct devid_cert *chain;
    size_t n;
};

static devid_rc join(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    const struct granted *granted = with;
    struct devid_identity next = *now;

    next.chain = granted->chain;
    next.n_chain = granted->n;
    next.cert_place = DEVID_PLACE_FILE; /* an NV index is written in the next step */
    next.nv_index = 0;
    return devid_store_change(tool->store, now, &next, err);
}

/* The reply's chain joins the key, in one rename; what a PKCS#11 client changes in the same moment is not undone. */
static devid_rc keep(struct tool *tool, const struct devid_conf_identity *want, struct devid_slice certs_pem,
                     struct devid_error *err)
{
    const struct devid_query query = {.token = want->token, .label = want->name};
    struct devid_bytes der[DEVID_CHAIN_MAX] = {{0}};
    struct devid_cert chain[DEVID_CHAIN_MAX];
    struct granted granted = {.chain = chain};
    devid_rc rc = tool_chain_parse(certs_pem, der, chain, &granted.n, err);

    if (rc == DEVID_OK)
        rc = tool_change(tool, &query, join, &granted, err);
    for (size_t i = 0; i < DEVID_CHAIN_MAX; i++)
        devid_bytes_free(&der[i]);
    return rc;
}

/* A request on its way: what is asked for, and the very bytes once they were sent. */
struct request {
    const struct devid_conf_identity *want;
    const struct wish *wish;
    bool is_renewal, is_kept; /* kept: in a file, since the server put it off */
    struct devid_bytes csr;
};

static enum kept_kind kind_of(const struct request *r)
{
    return r->is_renewal ? KEPT_RENEWAL : KEPT_PENDING;
}

/* A request that the server put off in an earlier run, if it is for the same key. */
static void read_kept(struct tool *tool, struct request *r)
{
    struct devid_slice spki = r->wish->spki;
    struct devid_bytes pem = {0};

    if (kept_read(tool, r->want, kind_of(r), &pem, NULL) != DEVID_OK)
        return;
    r->is_kept = devid_pem_find(devid_slice_of(pem), CSR_LABEL, 0, &r->csr, NULL) == DEVID_OK &&
                 memmem(r->csr.data, r->csr.len, spki.data, spki.len) != NULL;
    if (!r->is_kept)
        devid_bytes_free(&r->csr);
    devid_bytes_free(&pem);
}

static devid_rc keep_request(struct tool *tool, struct request *r, struct devid_error *err)
{
    struct devid_bytes pem = {0};
    devid_rc rc = devid_pem_append(&pem, CSR_LABEL, devid_slice_of(r->csr), err);

    if (rc == DEVID_OK)
        rc = kept_write(tool, r->want, kind_of(r), devid_slice_of(pem), err);
    r->is_kept = rc == DEVID_OK;
    devid_bytes_free(&pem);
    return rc;
}

/* Refused as it is, or granted in a way that is no use: to send it once more would change nothing. */
static bool is_over(devid_rc rc, long status)
{
    return rc == DEVID_E_DATA || (status >= 400 && status < 500 && status != 401 && status != 408 && status != 429);
}

/* One attempt. A request that the server has taken (202) is kept before anything else happens. */
static devid_rc attempt(struct tool *tool, struct contact *c, struct request *r, struct est_reply *reply, struct devid_error *err)
{
    struct devid_error why = {0};
    devid_rc rc = r->want->by_tpm ? tool_tpmenroll(tool, &c->server, &r->wish->as, &r->wish->csr, &r->csr, reply, err)
                                  : est_apply(&c->server, &r->wish->csr, r->is_renewal, r->wish->spki, &r->csr, reply, err);
    devid_rc kept = contact_learn(tool, r->want, reply, &why);

    contact_settle(c);
    if (kept == DEVID_OK && reply->status == 202 && r->csr.len != 0 && !r->is_kept)
        kept = keep_request(tool, r, &why);
    if (kept == DEVID_OK && is_over(rc, reply->status))
        kept = kept_drop(tool, r->want, kind_of(r), &why);
    if (kept == DEVID_OK || (rc != DEVID_OK && rc != DEVID_E_BUSY))
        return rc;
    *err = why;
    return kept;
}

/* With the certificate that was configured, at first: there are servers that take an expired one to renew it. */
static devid_rc attempt_as_may_be(struct tool *tool, struct contact *c, struct request *r, struct est_reply *reply, struct devid_error *err)
{
    devid_rc rc = attempt(tool, c, r, reply, err);

    if (rc == DEVID_E_DENIED && reply->status == 0 && contact_without_expired(c)) {
        (void)printf("  the certificate for TLS has expired and was refused: user and password are tried alone\n");
        tool->was_without = true;
        est_reply_free(reply);
        rc = attempt(tool, c, r, reply, err);
    }
    return rc;
}

static void pause_ms(unsigned long ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static devid_rc ask_until_answered(struct tool *tool, struct contact *c, struct request *r, struct est_reply *reply,
                                   struct devid_error *err)
{
    unsigned long waited_ms = 0;
    unsigned random = 0;
    devid_rc rc;

    read_kept(tool, r);
    for (unsigned n = 1; (rc = attempt_as_may_be(tool, c, r, reply, err)) == DEVID_E_BUSY && reply->asks_later; n++) {
        unsigned long wait_ms;

        if (getrandom(&random, sizeof random, 0) != sizeof random)
            random = (unsigned)getpid();
        wait_ms = est_pause_ms(reply->retry_after_s, n, random);
        if (tool->no_wait || wait_ms > WAIT_MAX_S * 1000UL - waited_ms)
            break;
        if (reply->retry_after_s != 0)
            (void)printf("  the server asks for %u s of patience\n", reply->retry_after_s);
        else
            (void)printf("  the server asks to come again later: in %lu s\n", (wait_ms + 500) / 1000);
        pause_ms(wait_ms);
        waited_ms += wait_ms;
        est_reply_free(reply);
    }
    return rc;
}

const char *tool_client_of(const struct devid_conf_identity *want, bool is_renewal)
{
    return is_renewal && !want->by_tpm ? want->name : want->authenticate;
}

devid_rc tool_request(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal, const struct tool_key *key,
                      struct tool_answer *answer, struct devid_error *err)
{
    struct contact c = {0};
    struct wish wish = {0};
    struct request request = {.want = want, .wish = &wish, .is_renewal = is_renewal};
    struct est_reply reply = {0};
    devid_rc rc = contact_make(tool, want, tool_client_of(want, is_renewal), &c, err);

    tool->was_without = false;
    if (rc == DEVID_OK)
        rc = wish_make(tool, want, is_renewal, key, &wish, err);
    if (rc == DEVID_OK)
        c.signs_counted = devid_public_is_counted(&wish.identity->pub);
    if (rc == DEVID_OK)
        rc = ask_until_answered(tool, &c, &request, &reply, err);
    *answer = (struct tool_answer){.retry_s = reply.retry_after_s, .asks_later = rc == DEVID_E_BUSY && reply.asks_later,
                                    .is_put_off = rc == DEVID_E_BUSY && request.is_kept};
    if (rc == DEVID_OK) {
        answer->certs_pem = reply.certs_pem;
        reply.certs_pem = (struct devid_bytes){0};
    }
    devid_bytes_free(&request.csr);
    est_reply_free(&reply);
    wish_free(&wish);
    contact_free(&c);
    return of_section(rc, want, err);
}

devid_rc tool_request_done(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal, struct devid_error *err)
{
    return kept_drop(tool, want, is_renewal ? KEPT_RENEWAL : KEPT_PENDING, err);
}

devid_rc tool_keep(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal, const struct tool_answer *answer,
                   struct devid_error *err)
{
    devid_rc rc = keep(tool, want, devid_slice_of(answer->certs_pem), err);

    if (rc == DEVID_OK)
        rc = tool_request_done(tool, want, is_renewal, err);
    return rc == DEVID_OK ? rc : devid_error_in(err, rc, want->name);
}

devid_rc tool_enroll(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal,
                     struct devid_error *err)
{
    struct tool_answer answer = {0};
    devid_rc rc = tool_request(tool, want, is_renewal, NULL, &answer, err);

    if (rc == DEVID_OK)
        rc = tool_keep(tool, want, is_renewal, &answer, err);
    devid_bytes_free(&answer.certs_pem);
    return rc;
}
