/* SPDX-License-Identifier: BSD-2-Clause */
/* What every test of an exchange starts from: two PKIs, a server of the first, a device key and its request. */
#ifndef TEST_EST_WORLD_H
#define TEST_EST_WORLD_H

#include "est/est.h"
#include "est_server.h"

#define SECRET "correct-horse-battery"

struct world {
    struct pki ours, others;
    struct est_test_server server;
    char folder[64], url[128], *key_uri;
    EVP_PKEY *key;
    struct devid_bytes root_pem, csr, spki, client_chain;
};

int world_set_up(void **state);
int world_tear_down(void **state);

/** The server with its root as anchor and a secret header; label NULL: well-behaved. Lives as long as the next is not made. */
struct est_server server_of(struct world *w, const char *label);
devid_rc enroll(const struct world *w, const struct est_server *server, struct est_reply *reply, struct devid_error *err);
/** An enrolment that must fail in this way; nothing of the secret may show. */
void assert_refused(struct world *w, const char *label, devid_rc expected, const char *words);

#endif
