/* SPDX-License-Identifier: BSD-2-Clause */
/* A TLS handshake between two ends of one process, as long as it takes. */
#include "tpm/provider_face.h"

#include <openssl/bio.h>

/* One more flight of this end. 1: done, 0: waits for the other, -1: failed. */
static int go_on(SSL *ssl)
{
    int rc = SSL_do_handshake(ssl);

    if (rc == 1)
        return 1;
    rc = SSL_get_error(ssl, rc);
    return rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

bool tls_handshake(SSL_CTX *client, SSL_CTX *server)
{
    SSL *c = SSL_new(client), *s = SSL_new(server);
    BIO *c_end = NULL, *s_end = NULL;
    int at_c = 0, at_s = 0;
    char byte = 'x';
    bool ok = c != NULL && s != NULL && BIO_new_bio_pair(&c_end, 0, &s_end, 0) == 1;

    if (ok) {
        SSL_set_bio(c, c_end, c_end);
        SSL_set_bio(s, s_end, s_end);
        SSL_set_connect_state(c);
        SSL_set_accept_state(s);
    }
    for (int i = 0; ok && i < 20 && (at_c != 1 || at_s != 1); i++) {
        at_c = at_c == 1 ? 1 : go_on(c);
        at_s = at_s == 1 ? 1 : go_on(s);
        ok = at_c >= 0 && at_s >= 0;
    }
    /* in TLS 1.3 the client hears of a refusal only afterwards */
    ok = ok && at_c == 1 && at_s == 1 && SSL_write(c, &byte, 1) == 1 && SSL_read(s, &byte, 1) == 1 &&
         SSL_get0_peer_certificate(s) != NULL && SSL_get_verify_result(s) == X509_V_OK;
    SSL_free(c);
    SSL_free(s);
    return ok;
}
