/* SPDX-License-Identifier: BSD-2-Clause */
/* When a server says "later". RFC 9110 section 10.2.3. */
#include "est/retry.h"

#include <curl/curl.h>
#include <stddef.h>
#include <string.h>

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
        return RETRY_DEFAULT_S;
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
        return value[0] == '-' ? RETRY_MIN_S : RETRY_DEFAULT_S;
    date = curl_getdate(value, NULL);
    if (date == -1)
        return RETRY_DEFAULT_S;
    return clamped((long long)date - (long long)now);
}
