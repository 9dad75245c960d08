/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What makes a request one of this connection and of no other. RFC 7030 section 3.5: tls-unique (RFC 5929), which TLS 1.3 has not;
 * by private agreement tls-exporter (RFC 9266).
 */
#ifndef DEVID_EST_BINDING_H
#define DEVID_EST_BINDING_H

#include <openssl/ssl.h>

#include "core/error.h"

#define BINDING_TEXT_MAX 96 /* base64 of either, and a NUL; a challengePassword has at most 255 characters */

struct binding {
    int version; /* TLS1_2_VERSION, ...; 0: no connection yet */
    bool has_ems; /* extended master secret, or TLS 1.3, which is made so */
    bool is_resumed;
    unsigned char unique[64]; /* the first Finished message */
    size_t unique_len;
    unsigned char exporter[32];
    bool has_exporter;
};

/** Note what a connection has to offer; before its first request. */
void binding_note(struct binding *b, SSL *ssl);
/** True if both are of one connection. */
bool binding_same(const struct binding *a, const struct binding *b);
/**
 * The value for a request.
 * \return DEVID_E_DENIED if this connection has none that proves anything
 */
devid_rc binding_unique(const struct binding *b, char text[BINDING_TEXT_MAX], struct devid_error *err);
devid_rc binding_exporter(const struct binding *b, char text[BINDING_TEXT_MAX], struct devid_error *err);

#endif
