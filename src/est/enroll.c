/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations of EST, one call each. RFC 7030 section 4. */
#include <string.h>

#include "core/log.h"
#include "est/est.h"
#include "est/failure.h"
#include "est/message.h"
#include "est/transport.h"
#include "est/trust.h"

void est_reply_free(struct est_reply *reply)
{
    if (reply == NULL)
        return;
    devid_bytes_free(&reply->certs_pem);
    *reply = (struct est_reply){0};
}

/* One exchange whose answer is certificates. retry_after_s is written whatever the outcome. */
static devid_rc ask(struct http *http, const struct est_server *server, const char *operation, struct devid_slice csr_text,
                    STACK_OF(X509) **certs, unsigned *retry_after_s, struct devid_error *err)
{
    struct http_reply reply = {0};
    char noun[URL_NAME_MAX + 32];
    devid_rc rc = http_exchange(http, operation, csr_text, &reply, err);

    *retry_after_s = reply.retry_after_s;
    if (rc == DEVID_OK)
        rc = failure_of_status(server, http_name(http), operation, &reply, err);
    if (rc == DEVID_OK) {
        rc = message_certs(reply.type[0] != 0 ? reply.type : NULL, devid_slice_of(reply.body), certs, err);
        if (rc != DEVID_OK) {
            (void)strcpy(noun, "the answer of ");
            (void)strcat(noun, http_name(http)); /* less than URL_NAME_MAX */
            rc = devid_error_in(err, rc, noun);
        }
    }
    http_reply_free(&reply);
    return rc;
}

static const struct devid_slice no_body;

devid_rc est_cacerts(const struct est_server *server, struct est_reply *reply, struct devid_error *err)
{
    STACK_OF(X509) *certs = NULL;
    struct http *http = NULL;
    struct est_reply got = {0};
    devid_rc rc = http_open(server, HTTP_VERIFIED, &http, err);

    if (rc == DEVID_OK)
        rc = ask(http, server, "cacerts", no_body, &certs, &got.retry_after_s, err);
    if (rc == DEVID_OK)
        rc = message_certs_to_pem(certs, &got.certs_pem, err);
    if (rc == DEVID_OK)
        got.n_certs = (unsigned)sk_X509_num(certs);
    *reply = got;
    message_certs_free(certs);
    http_close(http);
    return rc;
}

/* The root with that fingerprint, over a connection that proves nothing. */
static devid_rc first_contact(const struct est_server *bare, struct devid_slice fingerprint, struct devid_bytes *root_pem,
                              struct devid_error *err)
{
    STACK_OF(X509) *certs = NULL, *one = NULL;
    struct http *http = NULL;
    unsigned retry_after_s;
    X509 *root = NULL;
    devid_rc rc = http_open(bare, HTTP_UNVERIFIED, &http, err);

    if (rc == DEVID_OK)
        rc = ask(http, bare, "cacerts", no_body, &certs, &retry_after_s, err);
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
    http_close(http);
    return rc;
}

devid_rc est_bootstrap(const struct est_server *server, struct devid_slice fingerprint, struct devid_bytes *anchors_pem,
                       struct devid_error *err)
{
    /* nothing of the caller's but the place: what is not there cannot be sent */
    struct est_server bare = {.url = server->url, .timeout_ms = server->timeout_ms};
    struct devid_bytes root = {0};
    struct est_reply again = {0};
    devid_rc rc = first_contact(&bare, fingerprint, &root, err);

    if (rc != DEVID_OK)
        return rc;
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
static devid_rc check_issued(struct http *http, const struct est_server *server, STACK_OF(X509) *certs,
                             struct devid_slice spki, STACK_OF(X509) **chain, struct devid_error *err)
{
    STACK_OF(X509) *ca_certs = NULL;
    struct devid_bytes anchors = {0};
    struct devid_error why = {0};
    bool is_incomplete = false;
    X509 *leaf = NULL;
    unsigned ignored;
    devid_rc rc = trust_pick(certs, spki, &leaf, err);

    if (rc == DEVID_OK)
        rc = trust_anchors(server, &anchors, err);
    if (rc != DEVID_OK)
        return rc;
    rc = trust_chain(devid_slice_of(anchors), leaf, certs, NULL, chain, &is_incomplete, err);
    if (is_incomplete && ask(http, server, "cacerts", no_body, &ca_certs, &ignored, &why) == DEVID_OK)
        rc = trust_chain(devid_slice_of(anchors), leaf, certs, ca_certs, chain, &is_incomplete, err);
    else if (is_incomplete)
        devid_log(DEVID_LOG_INFO, "est/enroll", "no intermediates either: %s", why.text);
    message_certs_free(ca_certs);
    devid_bytes_free(&anchors);
    return rc;
}

devid_rc est_enroll(const struct est_server *server, struct devid_slice csr, bool is_renewal, struct devid_slice spki,
                    struct est_reply *reply, struct devid_error *err)
{
    const char *operation = is_renewal ? "simplereenroll" : "simpleenroll";
    STACK_OF(X509) *certs = NULL, *chain = NULL;
    struct devid_bytes csr_text = {0};
    struct est_reply got = {0};
    struct http *http = NULL;
    devid_rc rc;

    if (csr.len == 0)
        return devid_fail(err, DEVID_E_ARG, "there is no request to send");
    rc = message_base64_encode(csr, &csr_text, err);
    if (rc == DEVID_OK)
        rc = http_open(server, HTTP_VERIFIED, &http, err);
    if (rc == DEVID_OK)
        rc = ask(http, server, operation, devid_slice_of(csr_text), &certs, &got.retry_after_s, err);
    if (rc == DEVID_OK)
        rc = check_issued(http, server, certs, spki, &chain, err);
    if (rc == DEVID_OK)
        rc = message_certs_to_pem(chain, &got.certs_pem, err);
    if (rc == DEVID_OK) {
        got.n_certs = (unsigned)sk_X509_num(chain);
        trust_log_difference(csr, sk_X509_value(chain, 0));
    }
    *reply = got;
    message_certs_free(chain);
    message_certs_free(certs);
    devid_bytes_free(&csr_text);
    http_close(http);
    return rc;
}
