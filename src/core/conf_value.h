/* SPDX-License-Identifier: BSD-2-Clause */
/* devid.conf while it is being read. Core's own. */
#ifndef DEVID_CORE_CONF_VALUE_H
#define DEVID_CORE_CONF_VALUE_H

#include "core/conf.h"

#define CONF_IDENTITIES_MAX 256
#define CONF_HEADERS_MAX 16
#define CONF_KEYS_MAX 64
#define CONF_GRACE_S (7 * 86400)
#define CONF_TOKEN_MAX 32 /* PKCS#11 shows no longer token label: CK_TOKEN_INFO */

/* In which line a section has each key of the table, 0: it has not. */
struct conf_lines {
    unsigned of_key[CONF_KEYS_MAX];
};

/* What the public structure's pointers point into. */
struct conf_builder {
    struct devid_conf conf; /* first: devid_conf_free gets its address */
    struct devid_conf_identity *identities;
    struct conf_lines *lines; /* of [device], then of each identity */
    const char *serial_file;
    char **pool; /* every string */
    size_t n_pool;
    /* where the reader is */
    const char *folder; /* what "FOLDER/NAME" begins with where a value is a relative path */
    unsigned line;
    bool has_failed;
    struct devid_error *err;
};

/* How a value is read, and where it goes. */
enum conf_kind {
    CONF_TEXT, CONF_PATH, CONF_TOKEN, CONF_ROLE, CONF_KEY, CONF_HANDLE, CONF_CERTIFICATE, CONF_URL, CONF_HEADER,
    CONF_FINGERPRINT, CONF_ENROLL_BY, CONF_SAN, CONF_LIFETIME, CONF_PERCENT, CONF_PROXY, CONF_PROOF,
    CONF_RENEW_KEY, CONF_GRACE, CONF_PURPOSE,
    CONF_SECRET, /* a path, or credential:NAME */
    CONF_NOT, /* "yes" or "no", and the member is true for "no": yes is the default */
};

struct conf_key {
    const char *section, *name;
    enum conf_kind kind;
    size_t offset; /* of the member in struct devid_conf or struct devid_conf_identity */
};

/** Keep a copy of text as long as the configuration lives. NULL if out of memory. */
char *conf_keep(struct conf_builder *b, const char *text);
/** "FILE:LINE: KEY: sentence"; the first failure is the one that is told. */
void conf_fail(struct conf_builder *b, unsigned line, const char *key, const char *fmt, ...) DEVID_PRINTF(4, 5);
/** Read value, which is not empty, into target's member. */
void conf_set(struct conf_builder *b, const struct conf_key *key, void *target, const char *value);

/** The line of a key in [device] (NULL) or in an identity's section, else of the section; 0 for a built-in one. */
unsigned conf_line(const struct conf_builder *b, const struct devid_conf_identity *identity, const char *key);
/** Of names, to its NULL, the one with the fewest changes to name. */
const char *conf_nearest(const char *name, const char *(*name_of)(const char *section, size_t i), const char *section);

/* conf_check.c */

/** What only the whole file tells: references, duplicates, ${serial}, defaults. */
void conf_check(struct conf_builder *b);

#endif
