/* SPDX-License-Identifier: BSD-2-Clause */
/* A subject as people write it. */
#ifndef DEVID_EST_SUBJECT_H
#define DEVID_EST_SUBJECT_H

#include <openssl/x509.h>

#include "core/error.h"

/**
 * "CN=gw-1,serialNumber=7,O=Example": attributes in this order, of any short or long name that libcrypto knows or a dotted
 * OID; '\' makes the next character an ordinary one, or with two hexadecimal digits is a byte; spaces around
 * a name or a value do not count. One attribute an RDN: '+' is an ordinary character.
 *
 * \param text  UTF-8; empty gives an empty name
 * \param out   X509_NAME_free
 * \return DEVID_E_ARG with the place
 */
devid_rc subject_parse(const char *text, X509_NAME **out, struct devid_error *err);

#endif
