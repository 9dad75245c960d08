/* SPDX-License-Identifier: BSD-2-Clause */
/* Anchors that a server taught: the first, and how a new root takes the place of an old one. RFC 7030 section 4.1.3, RFC 4210 section 4.4. */
#ifndef DEVID_EST_ROLLOVER_H
#define DEVID_EST_ROLLOVER_H

#include <openssl/x509.h>

#include "core/bytes.h"

/**
 * The anchors after a look at /cacerts. A new self-signed root is taken if a present anchor vouches for it: NewWithOld, a CA
 * certificate for its key and name that the anchor signed and that is valid now. Of another name than the anchor's it must be as
 * free as a root (no path length, no name constraints), for an anchor certifies subordinate CAs in the same way, and the new root
 * must vouch for the anchor in turn (OldWithNew). An OldWithNew that is there must be good in any case. Others are left out,
 * each with a line in the log. An anchor goes when it has expired and another is left.
 *
 * \param anchors_pem  the present ones
 * \param certs        what the server showed, over a connection that they verified
 * \param now          receives all anchors as PEM if they are others than before; else left empty
 */
devid_rc rollover(struct devid_slice anchors_pem, STACK_OF(X509) *certs, struct devid_bytes *now, struct devid_error *err);

/**
 * The first anchors, of a server that the system's list vouches for: the self-signed roots that it shows, if its own certificate
 * leads to one of them. If it does not (a public CA for its TLS, one of its own for devices), the system's list stays and
 * *now is left empty.
 * \param peer  the server's chain in TLS, leaf first; NULL: none is known
 */
devid_rc rollover_first(STACK_OF(X509) *certs, STACK_OF(X509) *peer, struct devid_bytes *now, struct devid_error *err);

#endif
