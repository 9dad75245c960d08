/* SPDX-License-Identifier: BSD-2-Clause */
/* When a server says "later". RFC 9110 section 10.2.3. */
#include "est/retry.h"

#include <curl/curl.h>
#include <stddef.h>
#include <string.h>

#include "est/est.h"

static unsigned clamped(long long seconds)
{
    if (seconds < RETRY_MIN_S)
        return RETRY_MIN_S;
    return seconds > RETRY_MAX_S ? RETRY_MAX_S : (unsigned)seconds;
}

unsigned retry_after(const char *value, time_t now)
{
    static const char space[] = " \t\r\n";
    size_t digits, end;
    time_t date;

    if (value == NULL)
        return 0;
    value += strspn(value, space);
    digits = strspn(value, "0123456789");
    end = digits + strspn(value + digits, space);
    if (digits > 0 && value[end] == 0) {
        long long seconds = 0;

        for (size_t i = 0; i < digits && seconds <= RETRY_MAX_S; i++)
            seconds = 10 * seconds + (value[i] - '0');
        return clamped(seconds);
    }
    if (digits > 0 || value[0] == '-') /* curl would take a bare number for a day */
        return value[0] == '-' ? RETRY_MIN_S : 0;
    date = curl_getdate(value, NULL);
    if (date == -1)
        return 0;
    return clamped((long long)date - (long long)now);
}

unsigned long est_pause_ms(unsigned named_s, unsigned n, unsigned random)
{
    unsigned long pause = RETRY_FIRST_S;

    if (named_s != 0)
        return 1000UL * named_s + random % (100UL * named_s + 1);
    while (n-- > 1 && pause < RETRY_LAST_S)
        pause *= 2;
    if (pause > RETRY_LAST_S)
        pause = RETRY_LAST_S;
    return 500 * pause + random % (500 * pause + 1);
}
