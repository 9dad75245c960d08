/* SPDX-License-Identifier: BSD-2-Clause */
/* A conversation with a server: an open connection, and the anchors that hold in it. */
#ifndef DEVID_EST_TALK_H
#define DEVID_EST_TALK_H

#include "est/attrs.h"
#include "est/transport.h"

struct talk {
    const struct est_server *server;
    struct http *http;
    struct devid_bytes anchors;    /* explicit ones; empty: the system's */
    STACK_OF(X509) *ca_certs;      /* of /cacerts, if it was asked; else NULL */
};

/** Open a conversation; nothing is sent but what server->learns_anchors needs: then reply->anchors_pem may be written. */
devid_rc talk_begin(const struct est_server *server, enum http_trust trust, struct talk *out, struct est_reply *reply,
                    struct devid_error *err);
void talk_end(struct talk *talk);

/**
 * One exchange whose answer is certificates.
 * \param csr_text  base64; empty: GET
 * \param reply     retry_after_s and status are written whatever the outcome
 */
devid_rc talk_certs(struct talk *talk, const char *operation, struct devid_slice csr_text, STACK_OF(X509) **certs,
                    struct est_reply *reply, struct devid_error *err);

/** /cacerts, once in a conversation: talk->ca_certs. */
devid_rc talk_ca_certs(struct talk *talk, struct est_reply *reply, struct devid_error *err);

/**
 * /csrattrs. A server that has none to give (204, 404, any error of its own) wants nothing.
 * \param attrs  freed by attrs_free, also after a failure
 */
devid_rc talk_attrs(struct talk *talk, struct attrs *attrs, struct est_reply *reply, struct devid_error *err);

#endif
