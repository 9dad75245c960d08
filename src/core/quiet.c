/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/quiet.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * One entry more, in a list of our own. setenv() would free the list that another thread's getenv() is just reading: the old one stays as it
 * is, and so does ours when this code is unloaded. Nothing is done if somebody else changes it meanwhile.
 */
static void add_to_environment(const char *entry)
{
    static char **last; /* of ours; behind its end each has the one before: somebody else may put another in its place */
    char **old = environ, **list, *copy = strdup(entry);
    size_t n = 0;

    while (old != NULL && old[n] != NULL)
        n++;
    list = calloc(n + 3, sizeof *list);
    if (list != NULL && n != 0)
        memcpy(list, old, n * sizeof *list);
    if (list != NULL) {
        list[n] = copy;
        list[n + 2] = (char *)last;
    }
    if (list == NULL || copy == NULL || !__atomic_compare_exchange_n(&environ, &old, list, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        free(list);
        free(copy);
        return;
    }
    last = list;
}

void devid_quiet_tss(void)
{
    if (getenv("TSS2_LOG") == NULL)
        add_to_environment("TSS2_LOG=all+none");
}
