/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom we believe: anchors, first contact, and whether an issued certificate is what we asked for. RFC 7030 section 3.6. */
#ifndef DEVID_EST_TRUST_H
#define DEVID_EST_TRUST_H

#include <openssl/x509.h>

#include "est/est.h"

/**
 * The explicit anchors of a server, file and bytes together, in PEM and known to hold certificates.
 * \param pem  empty if the server has none: the system's are meant
 */
devid_rc trust_anchors(const struct est_server *server, struct devid_bytes *pem, struct devid_error *err);

/** The certificate among certs that is for spki; lent. DEVID_E_DATA if there is none. */
devid_rc trust_pick(STACK_OF(X509) *certs, struct devid_slice spki, X509 **leaf, struct devid_error *err);

/**
 * Verify an issued certificate, for any purpose, at this time.
 *
 * \param anchors_pem   explicit anchors; empty: the system's, and the self-signed ones of others, which
 *                      then came over a connection that the system's anchors vouch for (RFC 7030 section 4.1.3)
 * \param reply, others untrusted intermediates; others may be NULL
 * \param chain         receives leaf first, without the root; message_certs_free
 * \param is_incomplete set if more intermediates might help
 */
devid_rc trust_chain(struct devid_slice anchors_pem, X509 *leaf, STACK_OF(X509) *reply, STACK_OF(X509) *others,
                     STACK_OF(X509) **chain, bool *is_incomplete, struct devid_error *err);

/**
 * The self-signed root whose SHA-256 is the fingerprint; lent.
 * \return DEVID_E_DENIED with the fingerprints that were seen
 */
devid_rc trust_root(STACK_OF(X509) *certs, struct devid_slice fingerprint, X509 **root, struct devid_error *err);

/** True if it is signed by its own key. */
bool trust_is_root(X509 *cert);

#define TRUST_OTHER_SUBJECT 1U
#define TRUST_OTHER_NAMES 2U

/**
 * What was issued, against what was asked for (PKCS#10, DER): a CA may well know better. A line in the log for each difference.
 * \return TRUST_OTHER_..., 0 if there is none
 */
unsigned trust_difference(struct devid_slice csr, X509 *leaf);

#endif
