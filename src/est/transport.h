/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One server, one connection: HTTP over TLS with names checked, explicit anchors alone where there
 * are any, and no secret across an origin. RFC 7030 section 3.
 */
#ifndef DEVID_EST_TRANSPORT_H
#define DEVID_EST_TRANSPORT_H

#include <openssl/x509.h>

#include "est/binding.h"
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
    unsigned retry_after_s; /* of 202, 429 and 503, bounded; 0: it named no time */
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
 * \param csr_text   what is to be posted, base64 or multipart; empty: GET
 * \param reply      any status but a redirect; its body is at most MESSAGE_MAX bytes
 * \return DEVID_E_NET, DEVID_E_DENIED if the server closed the connection on the client certificate,
 *         DEVID_E_DATA for a body that is too long
 */
devid_rc http_exchange(struct http *http, const char *operation, struct devid_slice csr_text, struct http_reply *reply,
                       struct devid_error *err);

/** The type of what is posted from now on; a literal. It is application/pkcs10 before. */
void http_post_type(struct http *http, const char *type);

/* ---- a request that is bound to its connection: tls.c ---- */

/** TLS version of the last exchange's connection; 0 before the first. */
int http_tls_version(const struct http *http);
/** No more than TLS 1.2 from the next connection on, which the next exchange opens. */
void http_limit_tls(struct http *http);
/**
 * What binds a request to the connection of the last exchange; the next ones go over that one alone, until http_release.
 * \param proof  EST_PROOF_TLS_UNIQUE or EST_PROOF_TLS_EXPORTER
 * \return DEVID_E_DENIED if there is no such thing on this connection
 */
devid_rc http_hold(struct http *http, enum est_proof proof, char text[BINDING_TEXT_MAX], struct devid_error *err);
/** \return true if an exchange failed because the connection was gone; nothing was sent then */
bool http_release(struct http *http);

/** The server's chain as the last exchange's connection showed it, leaf first; lent. */
STACK_OF(X509) *http_peer(const struct http *http);

/** "host[:port]" of the server, for sentences. Lives as long as http. */
const char *http_name(const struct http *http);

#endif
