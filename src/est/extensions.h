/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request says beside subject and key. */
#ifndef DEVID_EST_EXTENSIONS_H
#define DEVID_EST_EXTENSIONS_H

#include <openssl/x509.h>

#include "est/est.h"

#define HW_SERIAL_MAX 255

/**
 * The extensions of a request.
 *
 * \param as           those of this certificate, as they are there; NULL: by usage and hardware serial number
 * \param is_nameless  the subject is empty: the alternative name is all there is, hence critical (RFC 5280, 4.2.1.6)
 * \param out          sk_X509_EXTENSION_pop_free
 */
devid_rc extensions_of(const struct est_csr *request, const X509 *as, bool is_nameless, STACK_OF(X509_EXTENSION) **out,
                       struct devid_error *err);

#endif
