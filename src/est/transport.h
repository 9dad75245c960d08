/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One server, one connection: HTTP over TLS with names checked, explicit anchors alone where there
 * are any, and no secret across an origin. RFC 7030 section 3.
 */
#ifndef DEVID_EST_TRANSPORT_H
#define DEVID_EST_TRANSPORT_H

#include "est/est.h"
#include "est/url.h"

struct http; /* one thread at a time */

enum http_trust {
    HTTP_VERIFIED,
    HTTP_UNVERIFIED, /* for a first contact: a server with a secret, a user or a key is refused */
};

struct http_reply {
    long status;
    char type[128]; /* Content-Type; empty if there was none */
    unsigned retry_after_s; /* of 202, 429 and 503, bounded; else 0 */
    struct devid_bytes body;
};

void http_reply_free(struct http_reply *reply);

/**
 * Open the client key, read the anchors. Nothing is sent yet.
 * \param server  lent until http_close
 */
devid_rc http_open(const struct est_server *server, enum http_trust trust, struct http **out, struct devid_error *err);
void http_close(struct http *http);

/**
 * One request; the connection of the one before is used again.
 *
 * \param operation  "cacerts": the last part of the path
 * \param csr_text   base64 to be posted as application/pkcs10; empty: GET
 * \param reply      any status but a redirect; its body is at most MESSAGE_MAX bytes
 * \return DEVID_E_NET, DEVID_E_DENIED if the server closed the connection on the client certificate,
 *         DEVID_E_DATA for a body that is too long
 */
devid_rc http_exchange(struct http *http, const char *operation, struct devid_slice csr_text, struct http_reply *reply,
                       struct devid_error *err);

/** "host[:port]" of the server, for sentences. Lives as long as http. */
const char *http_name(const struct http *http);

#endif
