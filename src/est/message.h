/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes over the wire: base64 and certs-only PKCS#7; strict on the way out, lenient on the way in.
 * RFC 7030 section 4, RFC 8951. All bounded by the length of the input.
 */
#ifndef DEVID_EST_MESSAGE_H
#define DEVID_EST_MESSAGE_H

#include <openssl/x509.h>

#include "core/bytes.h"
#include "est/attrs.h"

#define MESSAGE_MAX (1024 * 1024) /* bytes of a reply that is accepted */
#define MESSAGE_CERTS_MAX 64      /* certificates in it: several chains and their roll-over certificates */

/** Base64 in lines of 64 characters, each ended by LF. */
devid_rc message_base64_encode(struct devid_slice in, struct devid_bytes *out, struct devid_error *err);

/**
 * The DER of a reply's body: base64 with CR, LF, space, tab or nothing between, PEM armour of any label, or DER as it is.
 * The last two are no EST and leave a line in the log.
 * \return DEVID_E_DATA if it is none of these
 */
devid_rc message_der(struct devid_slice body, struct devid_bytes *out, struct devid_error *err);

/**
 * Certificates of a reply.
 *
 * \param type  of its Content-Type header, parameters allowed; NULL if there was none
 * \param out   receives at least one certificate, in the order of the reply; sk_X509_pop_free
 * \return DEVID_E_DATA with what it was instead ("an HTML page instead of an answer")
 */
devid_rc message_certs(const char *type, struct devid_slice body, STACK_OF(X509) **out, struct devid_error *err);

/**
 * What a server wants to be in a request.
 * \param out  freed by attrs_free, also after a failure
 */
devid_rc message_attrs(const char *type, struct devid_slice body, struct attrs *out, struct devid_error *err);

/** Certificates in PEM, other blocks skipped. DEVID_E_DATA if there is none, or one is malformed. */
devid_rc message_certs_of_pem(struct devid_slice pem, STACK_OF(X509) **out, struct devid_error *err);
devid_rc message_certs_to_pem(STACK_OF(X509) *certs, struct devid_bytes *out, struct devid_error *err);

/** Free the stack and what is in it; NULL allowed. */
void message_certs_free(STACK_OF(X509) *certs);

#endif
