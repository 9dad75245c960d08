/* SPDX-License-Identifier: BSD-2-Clause */
/* The header lines of a request, some of them secret. */
#ifndef DEVID_EST_HEADERS_H
#define DEVID_EST_HEADERS_H

#include <curl/curl.h>

#include "est/est.h"

/** Refuse names and values that would not stay one header line each. DEVID_E_ARG; the value is never in the sentence. */
devid_rc headers_check(const struct est_server *server, struct devid_error *err);

/** The lines of one request; NULL without memory. headers_free wipes them. \param type of what is posted; NULL: nothing is */
struct curl_slist *headers_of(const struct est_server *server, const char *type);
void headers_free(struct curl_slist *list);

#endif
