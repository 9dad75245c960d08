/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations of EST, one call each. RFC 7030 section 4. */
#include "core/log.h"
#include "est/csr.h"
#include "est/enroll.h"
#include "est/failure.h"
#include "est/message.h"
#include "est/talk.h"
#include "est/trust.h"

void est_reply_free(struct est_reply *reply)
{
    if (reply == NULL)
        return;
    devid_bytes_free(&reply->certs_pem);
    devid_bytes_free(&reply->anchors_pem);
    *reply = (struct est_reply){0};
}

static const struct devid_slice no_body;

devid_rc est_cacerts(const struct est_server *server, struct est_reply *reply, struct devid_error *err)
{
    struct est_reply got = {0};
    struct talk talk = {0};
    devid_rc rc = talk_begin(server, HTTP_VERIFIED, &talk, &got, err);

    if (rc == DEVID_OK)
        rc = talk_ca_certs(&talk, &got, err);
    if (rc == DEVID_OK)
        rc = message_certs_to_pem(talk.ca_certs, &got.certs_pem, err);
    if (rc == DEVID_OK)
        got.n_certs = (unsigned)sk_X509_num(talk.ca_certs);
    *reply = got;
    talk_end(&talk);
    return failure_told(server, rc, err);
}

devid_rc est_csrattrs(const struct est_server *server, struct devid_bytes *text, struct devid_error *err)
{
    struct est_reply got = {0};
    struct attrs attrs = {0};
    struct talk talk = {0};
    devid_rc rc = talk_begin(server, HTTP_VERIFIED, &talk, &got, err);

    if (rc == DEVID_OK)
        rc = talk_attrs(&talk, &attrs, &got, err);
    if (rc == DEVID_OK)
        rc = attrs_text(&attrs, text, err);
    attrs_free(&attrs);
    est_reply_free(&got);
    talk_end(&talk);
    return failure_told(server, rc, err);
}

/* The root with that fingerprint, over a connection that proves nothing. */
static devid_rc first_contact(const struct est_server *bare, struct devid_slice fingerprint, struct devid_bytes *root_pem,
                              struct devid_error *err)
{
    STACK_OF(X509) *certs = NULL, *one = NULL;
    struct est_reply ignored = {0};
    struct talk talk = {0};
    X509 *root = NULL;
    devid_rc rc = talk_begin(bare, HTTP_UNVERIFIED, &talk, &ignored, err);

    if (rc == DEVID_OK)
        rc = talk_certs(&talk, "cacerts", no_body, &certs, &ignored, err);
    if (rc == DEVID_OK)
        rc = trust_root(certs, fingerprint, &root, err);
    if (rc == DEVID_OK) {
        one = sk_X509_new_null();
        if (one == NULL || sk_X509_push(one, root) < 1)
            rc = devid_fail(err, DEVID_E_MEM, "out of memory");
        else
            rc = message_certs_to_pem(one, root_pem, err);
    }
    sk_X509_free(one);
    message_certs_free(certs);
    talk_end(&talk);
    return rc;
}

devid_rc est_bootstrap(const struct est_server *server, struct devid_slice fingerprint, struct devid_bytes *anchors_pem,
                       struct devid_error *err)
{
    /* nothing of the caller's but the place and the way: what is not there cannot be sent */
    struct est_server bare = {.url = server->url,
                              .timeout_ms = server->timeout_ms,
                              .proxy = server->proxy,
                              .proxy_user = server->proxy_user,
                              .proxy_password = server->proxy_password};
    struct devid_bytes root = {0};
    struct est_reply again = {0};
    devid_rc rc = first_contact(&bare, fingerprint, &root, err);

    if (rc != DEVID_OK)
        return failure_told(server, rc, err);
    /* once more, verified: the server must be one that this root vouches for. RFC 7030 section 4.1.1 */
    bare.anchors_pem = devid_slice_of(root);
    rc = est_cacerts(&bare, &again, err);
    est_reply_free(&again);
    if (rc == DEVID_OK)
        *anchors_pem = root;
    else
        devid_bytes_free(&root);
    return rc;
}

/* Leaf and chain of what came back; asks for /cacerts if the chain has a gap. */
static devid_rc check_issued(struct talk *talk, STACK_OF(X509) *certs, struct devid_slice spki, STACK_OF(X509) **chain,
                             struct devid_error *err)
{
    struct devid_slice anchors = devid_slice_of(talk->anchors);
    struct est_reply ignored = {0};
    struct devid_error why = {0};
    bool is_incomplete = false;
    X509 *leaf = NULL;
    devid_rc rc = trust_pick(certs, spki, &leaf, err);

    if (rc != DEVID_OK)
        return rc;
    rc = trust_chain(anchors, leaf, certs, NULL, chain, &is_incomplete, err);
    if (is_incomplete && talk_ca_certs(talk, &ignored, &why) == DEVID_OK)
        rc = trust_chain(anchors, leaf, certs, talk->ca_certs, chain, &is_incomplete, err);
    else if (is_incomplete)
        devid_log(DEVID_LOG_INFO, "est/enroll", "no intermediates either: %s", why.text);
    return rc;
}

devid_rc enroll_accept(struct talk *talk, STACK_OF(X509) *certs, struct devid_slice csr, struct devid_slice spki,
                       struct est_reply *reply, struct devid_error *err)
{
    STACK_OF(X509) *chain = NULL;
    devid_rc rc = check_issued(talk, certs, spki, &chain, err);

    if (rc == DEVID_OK)
        rc = message_certs_to_pem(chain, &reply->certs_pem, err);
    if (rc == DEVID_OK) {
        reply->n_certs = (unsigned)sk_X509_num(chain);
        (void)trust_difference(csr, sk_X509_value(chain, 0));
    }
    message_certs_free(chain);
    return rc;
}

/* Send a request and take what comes back. */
static devid_rc post(struct talk *talk, struct devid_slice csr, bool is_renewal, struct devid_slice spki,
                     struct est_reply *reply, struct devid_error *err)
{
    STACK_OF(X509) *certs = NULL;
    struct devid_bytes csr_text = {0};
    devid_rc rc = message_base64_encode(csr, &csr_text, err);

    if (rc == DEVID_OK)
        rc = talk_certs(talk, is_renewal ? "simplereenroll" : "simpleenroll", devid_slice_of(csr_text), &certs, reply, err);
    if (rc == DEVID_OK)
        rc = enroll_accept(talk, certs, csr, spki, reply, err);
    message_certs_free(certs);
    devid_bytes_free(&csr_text);
    return rc;
}

devid_rc est_enroll(const struct est_server *server, struct devid_slice csr, bool is_renewal, struct devid_slice spki,
                    struct est_reply *reply, struct devid_error *err)
{
    struct est_reply got = {0};
    struct talk talk = {0};
    devid_rc rc = csr_check(csr, spki, err);

    if (rc != DEVID_OK)
        return rc;
    rc = talk_begin(server, HTTP_VERIFIED, &talk, &got, err);
    if (rc == DEVID_OK)
        rc = post(&talk, csr, is_renewal, spki, &got, err);
    *reply = got;
    talk_end(&talk);
    return failure_told(server, rc, err);
}

/* The proof that this request is to carry, if any. */
static enum est_proof proof_of(const struct est_server *server, const struct attrs *attrs)
{
    if (server->proof == EST_PROOF_AS_ASKED)
        return attrs->wants_proof ? EST_PROOF_TLS_UNIQUE : EST_PROOF_NONE;
    return server->proof;
}

/*
 * What the server wants. With a proof to give, the connection must stand before the request is made, and tls-unique is of TLS 1.2: a
 * newer one is left for it, in a second conversation that ends where the first began.
 */
static devid_rc ask_wishes(struct talk *talk, struct attrs *attrs, struct est_reply *reply, struct devid_error *err)
{
    const struct est_server *server = talk->server;
    devid_rc rc = DEVID_OK;

    if (server->proof == EST_PROOF_TLS_UNIQUE)
        http_limit_tls(talk->http);
    if (server->proof > EST_PROOF_NONE || !server->skips_attributes)
        rc = talk_attrs(talk, attrs, reply, err);
    if (rc == DEVID_OK && proof_of(server, attrs) == EST_PROOF_TLS_UNIQUE && http_tls_version(talk->http) > TLS1_2_VERSION) {
        http_limit_tls(talk->http);
        attrs_free(attrs);
        rc = talk_attrs(talk, attrs, reply, err);
        if (rc != DEVID_OK)
            rc = devid_error_in(err, rc, "proof by tls-unique, which needs TLS 1.2");
    }
    if (server->skips_attributes)
        attrs_free(attrs);
    return rc;
}

#define BINDINGS_MAX 3 /* a server may close a connection between two requests, but not always */

static devid_rc make_and_post(struct talk *talk, const struct est_csr *request, bool is_renewal, struct devid_slice spki,
                              struct devid_bytes *csr, struct est_reply *reply, bool *has_moved, struct devid_error *err)
{
    char challenge[BINDING_TEXT_MAX];
    struct attrs attrs = {0};
    enum est_proof proof;
    devid_rc rc = ask_wishes(talk, &attrs, reply, err);

    *has_moved = false;
    proof = proof_of(talk->server, &attrs);
    if (rc == DEVID_OK && proof != EST_PROOF_NONE)
        rc = http_hold(talk->http, proof, challenge, err);
    devid_bytes_free(csr);
    if (rc == DEVID_OK)
        rc = csr_make(request, &attrs, proof != EST_PROOF_NONE ? challenge : NULL, csr, err);
    if (rc == DEVID_OK && talk->server->signed_by != NULL)
        talk->server->signed_by(talk->server->signed_user, false);
    if (rc == DEVID_OK)
        rc = post(talk, devid_slice_of(*csr), is_renewal, spki, reply, err);
    *has_moved = http_release(talk->http);
    if (proof != EST_PROOF_NONE)
        devid_bytes_free(csr); /* of no use over another connection */
    attrs_free(&attrs);
    return rc;
}

devid_rc est_apply(const struct est_server *server, const struct est_csr *request, bool is_renewal, struct devid_slice spki,
                   struct devid_bytes *csr, struct est_reply *reply, struct devid_error *err)
{
    struct est_reply got = {0};
    struct talk talk = {0};
    struct devid_error why = {0};
    bool has_moved = false;
    devid_rc rc = talk_begin(server, HTTP_VERIFIED, &talk, &got, err);

    if (rc == DEVID_OK && csr->len != 0 && csr_check(devid_slice_of(*csr), spki, &why) != DEVID_OK) {
        devid_log(DEVID_LOG_INFO, "est/enroll", "the request that was kept is not used: %s", why.text);
        devid_bytes_free(csr);
    }
    if (rc == DEVID_OK && csr->len != 0)
        rc = post(&talk, devid_slice_of(*csr), is_renewal, spki, &got, err);
    else if (rc == DEVID_OK)
        for (int i = 0; i == 0 || (has_moved && i < BINDINGS_MAX); i++)
            rc = make_and_post(&talk, request, is_renewal, spki, csr, &got, &has_moved, err);
    *reply = got;
    talk_end(&talk);
    return failure_told(server, rc, err);
}
