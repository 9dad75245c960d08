/* SPDX-License-Identifier: BSD-2-Clause */
/* What a snapshot should have, and has not, since its file could not be read. Core's own. */
#ifndef DEVID_CORE_MISSED_H
#define DEVID_CORE_MISSED_H

#include <stddef.h>

#include "core/error.h"
#include "core/store.h"

struct devid_missed {
    char token[256], label[256]; /* empty: all tokens, all labels */
    devid_rc rc;
    char text[sizeof ((struct devid_error *)0)->text]; /* which path, why, and what to do */
};

/* Starts as {0}. */
struct devid_missed_list {
    struct devid_missed *list;
    size_t n;
};

/**
 * Remember one, and log it.
 * \param label  NULL: all of the token's folder
 * \param path   of the file or folder
 * \param rc     how it failed: DEVID_E_FILE is told from DEVID_E_DENIED by the rights of path
 * \param why    the words of it, if this user may read path; "" if there are none
 */
devid_rc devid_missed_add(struct devid_missed_list *m, const char *token, const char *label, const char *path, devid_rc rc,
                          const char *why, struct devid_error *err);
/** The first that the query may mean; NULL: what it asks for is not there, as far as anybody knows. A handle is looked for in the TPM. */
const struct devid_missed *devid_missed_find(const struct devid_missed_list *m, const struct devid_query *query);
bool devid_missed_same(const struct devid_missed_list *a, const struct devid_missed_list *b);
void devid_missed_free(struct devid_missed_list *m);

#endif
