/* SPDX-License-Identifier: BSD-2-Clause */
/* Exchanges of one conversation. RFC 7030 section 4. */
#include "est/talk.h"

#include <string.h>

#include "core/log.h"
#include "est/failure.h"
#include "est/message.h"
#include "est/rollover.h"
#include "est/trust.h"

static const struct devid_slice no_body;

static devid_rc in_answer(struct talk *talk, devid_rc rc, struct devid_error *err)
{
    char noun[URL_NAME_MAX + 32];

    (void)strcpy(noun, "the answer of ");
    (void)strcat(noun, http_name(talk->http)); /* less than URL_NAME_MAX */
    return devid_error_in(err, rc, noun);
}

devid_rc talk_certs(struct talk *talk, const char *operation, struct devid_slice csr_text, STACK_OF(X509) **certs,
                    struct est_reply *reply, struct devid_error *err)
{
    struct http_reply got = {0};
    devid_rc rc = http_exchange(talk->http, operation, csr_text, &got, err);

    reply->retry_after_s = got.retry_after_s;
    reply->asks_later = rc == DEVID_OK && failure_is_later(got.status);
    reply->status = rc == DEVID_OK ? got.status : 0;
    if (rc == DEVID_OK)
        rc = failure_of_status(talk->server, http_name(talk->http), operation, &got, err);
    if (rc == DEVID_OK) {
        rc = message_certs(got.type[0] != 0 ? got.type : NULL, devid_slice_of(got.body), certs, err);
        if (rc != DEVID_OK)
            rc = in_answer(talk, rc, err);
    }
    http_reply_free(&got);
    return rc;
}

devid_rc talk_ca_certs(struct talk *talk, struct est_reply *reply, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    if (talk->ca_certs == NULL)
        rc = talk_certs(talk, "cacerts", no_body, &talk->ca_certs, reply, err);
    reply->status = 0; /* it is that of a request for a certificate */
    return rc;
}

/*
 * RFC 7030 section 4.5.2 names 204 and 404. Servers that do not offer it have any other words, and it is a wish, not a condition: what
 * remains is a user to be named, and to come later.
 */
static bool has_none(long status)
{
    return status == 204 || (status >= 400 && status != 401 && status != 429 && status != 503);
}

devid_rc talk_attrs(struct talk *talk, struct attrs *attrs, struct est_reply *reply, struct devid_error *err)
{
    struct http_reply got = {0};
    devid_rc rc = http_exchange(talk->http, "csrattrs", no_body, &got, err);

    *attrs = (struct attrs){0};
    reply->retry_after_s = got.retry_after_s;
    reply->asks_later = rc == DEVID_OK && failure_is_later(got.status);
    if (rc == DEVID_OK && has_none(got.status)) {
        devid_log(got.status == 204 || got.status == 404 ? DEVID_LOG_DEBUG : DEVID_LOG_INFO, "est/talk", "%s has no attributes to ask for (status %ld)", http_name(talk->http), got.status);
    } else if (rc == DEVID_OK) {
        rc = failure_of_status(talk->server, http_name(talk->http), "csrattrs", &got, err);
        if (rc == DEVID_OK) {
            rc = message_attrs(got.type[0] != 0 ? got.type : NULL, devid_slice_of(got.body), attrs, err);
            if (rc != DEVID_OK)
                rc = in_answer(talk, devid_error_in(err, rc, "csrattrs"), err);
        }
    }
    http_reply_free(&got);
    return rc;
}

/* RFC 7030 section 4.1.3. What is learned is for this conversation, too: a new root may have issued what comes. */
static devid_rc learn(struct talk *talk, struct est_reply *reply, struct devid_error *err)
{
    struct devid_bytes now = {0};
    devid_rc rc = talk_ca_certs(talk, reply, err);

    if (rc == DEVID_OK && talk->anchors.len != 0)
        rc = rollover(devid_slice_of(talk->anchors), talk->ca_certs, &now, err);
    else if (rc == DEVID_OK)
        rc = rollover_first(talk->ca_certs, http_peer(talk->http), &now, err);
    if (rc == DEVID_OK && now.len != 0) {
        rc = devid_bytes_copy(devid_slice_of(now), &reply->anchors_pem, err);
        devid_bytes_free(&talk->anchors);
        talk->anchors = now;
    }
    return rc;
}

devid_rc talk_begin(const struct est_server *server, enum http_trust trust, struct talk *out, struct est_reply *reply,
                    struct devid_error *err)
{
    struct talk talk = {.server = server};
    devid_rc rc = http_open(server, trust, &talk.http, err);

    if (rc == DEVID_OK && trust == HTTP_VERIFIED)
        rc = trust_anchors(server, &talk.anchors, err);
    if (rc == DEVID_OK && server->learns_anchors)
        rc = learn(&talk, reply, err);
    if (rc == DEVID_OK)
        *out = talk;
    else
        talk_end(&talk);
    return rc;
}

void talk_end(struct talk *talk)
{
    http_close(talk->http);
    message_certs_free(talk->ca_certs);
    devid_bytes_free(&talk->anchors);
    *talk = (struct talk){0};
}
