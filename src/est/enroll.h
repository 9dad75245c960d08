/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ways to enroll have in common. */
#ifndef DEVID_EST_ENROLL_H
#define DEVID_EST_ENROLL_H

#include <openssl/x509.h>

#include "est/talk.h"

/**
 * Check what a server issued: one of the certificates is for the key and verifies; it goes into the reply, its chain behind.
 * \param csr   what was asked for: differences are logged
 * \return DEVID_E_DATA as est_enroll
 */
devid_rc enroll_accept(struct talk *talk, STACK_OF(X509) *certs, struct devid_slice csr, struct devid_slice spki,
                       struct est_reply *reply, struct devid_error *err);

#endif
