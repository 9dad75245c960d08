/* SPDX-License-Identifier: BSD-2-Clause */
/* What libcrypto says went wrong, in a sentence of ours. */
#ifndef DEVID_EST_OSSL_H
#define DEVID_EST_OSSL_H

#include <openssl/asn1.h>

#include "core/error.h"

/**
 * devid_fail with libcrypto's reason behind the sentence, if its queue has one; the queue is
 * emptied. Our provider puts core's sentence there (the error's data) and core's devid_rc (its reason): both are preferred.
 * \return rc, or that of our provider's error
 */
devid_rc ossl_fail(struct devid_error *err, devid_rc rc, const char *fmt, ...) DEVID_PRINTF(3, 4);

/** True if an error code is of our provider; its devid_rc. */
bool ossl_rc_of(unsigned long code, devid_rc *rc);

/** Has it been, or is it just now? False for what is no time. */
bool ossl_is_past(const ASN1_TIME *at);

#endif
