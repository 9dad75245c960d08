/* SPDX-License-Identifier: BSD-2-Clause */
/* When a server says "later". RFC 9110 section 10.2.3. */
#ifndef DEVID_EST_RETRY_H
#define DEVID_EST_RETRY_H

#include <time.h>

#define RETRY_MIN_S 1
#define RETRY_MAX_S 86400
#define RETRY_DEFAULT_S 60 /* a server that limits its rate often names no time */

/**
 * Seconds to wait, within RETRY_MIN_S and RETRY_MAX_S.
 * \param value  of Retry-After: seconds or an HTTP date; NULL, empty or nonsense gives RETRY_DEFAULT_S
 * \param now    what a date is counted from
 */
unsigned retry_after(const char *value, time_t now);

#endif
