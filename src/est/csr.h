/* SPDX-License-Identifier: BSD-2-Clause */
/* A request as a server wants it. */
#ifndef DEVID_EST_CSR_H
#define DEVID_EST_CSR_H

#include "est/attrs.h"
#include "est/est.h"

/**
 * est_csr_make, with a server's wishes.
 *
 * \param attrs      from /csrattrs; of a renewal they change neither subject nor names
 * \param challenge  goes in as challengePassword, RFC 2985 section 5.4.1; NULL: none
 */
devid_rc csr_make(const struct est_csr *request, const struct attrs *attrs, const char *challenge, struct devid_bytes *der,
                  struct devid_error *err);

/**
 * True to what it says: a whole PKCS#10 for this key, signed by it. One that was kept in a file may be damaged.
 * \return DEVID_E_ARG
 */
devid_rc csr_check(struct devid_slice csr, struct devid_slice spki, struct devid_error *err);

#endif
