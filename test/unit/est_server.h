/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small EST server on loopback, TLS and HTTP/1.1, for what a well-behaved server never does. It issues real
 * certificates; the label in the path says how it misbehaves (est_server.c has the table).
 */
#ifndef TEST_EST_SERVER_H
#define TEST_EST_SERVER_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "est_pki.h"

struct est_test_server {
    const struct pki *pki;      /* issues by it */
    const char *elsewhere;      /* where the label "elsewhere" redirects to */
    const char *at_connect;     /* a command to run before a handshake; NULL: none */
    struct devid_slice attrs;   /* DER of /csrattrs; empty: 404 */
    struct devid_slice ca_certs; /* DER of /cacerts; empty: those of pki */
    SSL_CTX *tls;
    int fd;
    unsigned port;
    pthread_t thread, talks[256]; /* one a connection */
    size_t n_talks;
    pthread_mutex_t lock;
    bool stops;
    /* what was seen, under the lock */
    unsigned n_requests, n_connections, n_client_certs;
    unsigned n_unique, n_exporter; /* enrolments whose challengePassword was that of the connection */
    int last_version;           /* of TLS */
    char last[8192];            /* head and body of the last request */
    char seen[65536];           /* heads of all, one after the other */
};

/* How it speaks TLS. */
struct est_test_tls {
    const struct pki_wish *wish; /* of its certificate; NULL: for 127.0.0.1 */
    const struct pki *clients;   /* client certificates of this PKI are demanded; NULL: none */
    const char *ciphers;         /* of TLS 1.2 and before; NULL: the usual */
    bool offers_h2;              /* and cannot speak it: for what ends before HTTP begins */
    int min_version, max_version; /* TLS1_2_VERSION; 0: what there is */
};

void est_test_server_start(struct est_test_server *s, const struct pki *pki, const struct est_test_tls *tls);
void est_test_server_stop(struct est_test_server *s);
/** "https://127.0.0.1:PORT/.well-known/est[/label]", in s's own or the caller's room. */
const char *est_test_server_url(const struct est_test_server *s, const char *label, char url[128]);

#endif
