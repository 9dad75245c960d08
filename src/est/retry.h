/* SPDX-License-Identifier: BSD-2-Clause */
/* When a server says "later". RFC 9110 section 10.2.3. */
#ifndef DEVID_EST_RETRY_H
#define DEVID_EST_RETRY_H

#include <time.h>

#define RETRY_MIN_S 1
#define RETRY_MAX_S 86400
#define RETRY_FIRST_S 5   /* the first pause where the server names no time, as one that limits its rate often does */
#define RETRY_LAST_S 300  /* and the longest */

/**
 * Seconds to wait, within RETRY_MIN_S and RETRY_MAX_S; 0 if it names no time.
 * \param value  of Retry-After: seconds or an HTTP date; NULL, empty or nonsense names none
 * \param now    what a date is counted from
 */
unsigned retry_after(const char *value, time_t now);

#endif
