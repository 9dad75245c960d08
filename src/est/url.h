/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a server is, and which other places are the same server. */
#ifndef DEVID_EST_URL_H
#define DEVID_EST_URL_H

#include <stdbool.h>

#include "core/error.h"

#define URL_NAME_MAX 128
#define URL_HOST_MAX 256 /* DNS: 253 */

/**
 * Check that a URL is one of an EST service and make that of one operation.
 *
 * \param base       "https://host[:port]/.well-known/est[/label]"
 * \param operation  "cacerts"
 * \param out        malloced
 * \param name       receives "host[:port]" for sentences, shortened if need be
 * \return DEVID_E_ARG with what is wrong with it
 */
devid_rc url_of(const char *base, const char *operation, char **out, char name[URL_NAME_MAX], struct devid_error *err);

/** Its host without port and brackets, as certificates name it; empty if it is no URL, or has one that is too long. */
void url_host(const char *url, char host[URL_HOST_MAX]);

/** True if both are https with the same host and port: what a secret may be sent to. RFC 6454 section 5. */
bool url_same_origin(const char *a, const char *b);

/** "scheme://host:port" of a URL for a sentence: its path and query may hold what is no one's business. */
void url_origin_text(const char *url, char text[URL_NAME_MAX]);

#endif
