/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of one conversation. For transport.c, tls.c and proxy.c alone. */
#ifndef DEVID_EST_HTTP_H
#define DEVID_EST_HTTP_H

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "est/binding.h"
#include "est/transport.h"

struct http {
    const struct est_server *server;
    enum http_trust trust;
    char name[URL_NAME_MAX];
    char host[URL_HOST_MAX]; /* what the server's certificate must be for: no port, no brackets */
    unsigned timeout_ms;
    const char *post_type;
    CURL *curl;
    EVP_PKEY *key;
    STACK_OF(X509) *chain;
    struct devid_bytes anchors;
    char words[CURL_ERROR_SIZE];
    struct binding binding;  /* of the connection of the last exchange */
    STACK_OF(X509) *peer;    /* the server's chain there */
    bool is_held, has_moved; /* the next exchange may go over that connection alone; it could not */
    /* of the exchange that runs */
    struct devid_bytes body;
    char retry_after[64];
    bool is_too_long, has_retry_after;
    bool was_asked; /* the server asked for a client certificate */
};

/* tls.c: versions, anchors, names, client certificate; and what is noted of each connection before a request goes out. */
CURLcode tls_set_up(struct http *http);

/* proxy.c */
CURLcode proxy_set_up(struct http *http);
/** DEVID_E_ARG for a proxy that would see what is for the server, or a URL that is none. */
devid_rc proxy_check(const struct est_server *server, struct devid_error *err);
/** DEVID_OK if the proxy is not to blame; else what it did. code: curl's, of an exchange that failed */
devid_rc proxy_failure(struct http *http, CURLcode code, struct devid_error *err);

#endif
