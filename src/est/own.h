/* SPDX-License-Identifier: BSD-2-Clause */
/* What reads openssl.cnf in here. */
#ifndef DEVID_EST_OWN_H
#define DEVID_EST_OWN_H

#include <openssl/conf.h>
#include <stdbool.h>

/** A value of a section (NULL: of none), lent; NULL if it is not there, which raises nothing. */
const char *cnf_value(const CONF *conf, const char *section, const char *name);
/** Does this line of the providers' section mean our provider, by its name, its identity or its module? */
bool cnf_is_ours(const CONF *conf, const char *name, const char *section);

#endif
