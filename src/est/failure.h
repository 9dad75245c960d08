/* SPDX-License-Identifier: BSD-2-Clause */
/* What went wrong between us and a server, in a sentence that says what to do. */
#ifndef DEVID_EST_FAILURE_H
#define DEVID_EST_FAILURE_H

#include <curl/curl.h>
#include <openssl/x509.h>

#include "est/transport.h"

/* What is known about an exchange that ended without a reply. */
struct failure {
    CURLcode code;
    const char *name;        /* of the server */
    const char *words;       /* libcurl's */
    long verify_result;      /* X509_V_..., of the server's certificate */
    long status;             /* 0: no reply had begun */
    bool was_asked;          /* the server asked for a client certificate */
    unsigned timeout_ms;
    const struct est_server *server;
    X509 *client_cert;       /* NULL: none was offered */
};

devid_rc failure_of_exchange(const struct failure *f, struct devid_error *err);

/** Does that status say "later"? */
bool failure_is_later(long status);
/**
 * Judge the status of a reply. DEVID_OK for 200 with a body alone.
 * \param operation  for the sentence
 */
devid_rc failure_of_status(const struct est_server *server, const char *name, const char *operation,
                           const struct http_reply *reply, struct devid_error *err);

/**
 * The last thing before a sentence leaves this room: one that repeats our secret or password, in whatever part of it the server put
 * them, is exchanged for one that does not.
 * \return rc
 */
devid_rc failure_told(const struct est_server *server, devid_rc rc, struct devid_error *err);

#endif
