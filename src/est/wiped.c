/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for libcurl that is wiped when it is freed. Before each block stands its length. */
#include "est/wiped.h"

#include <openssl/crypto.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

union head {
    size_t len;
    max_align_t align;
};

void *wiped_malloc(size_t len)
{
    union head *head = len > SIZE_MAX - sizeof *head ? NULL : malloc(sizeof *head + len);

    if (head == NULL)
        return NULL;
    head->len = len;
    return head + 1;
}

void *wiped_calloc(size_t n, size_t len)
{
    void *at = len != 0 && n > SIZE_MAX / len ? NULL : wiped_malloc(n * len);

    if (at != NULL)
        memset(at, 0, n * len);
    return at;
}

void wiped_free(void *at)
{
    union head *head = at;

    if (head == NULL)
        return;
    head--;
    OPENSSL_cleanse(head + 1, head->len);
    free(head);
}

/* realloc would leave the old content behind where it moves. */
void *wiped_realloc(void *at, size_t len)
{
    void *to = wiped_malloc(len);
    size_t old = at == NULL ? 0 : ((union head *)at - 1)->len;

    if (to == NULL || at == NULL)
        return to;
    memcpy(to, at, old < len ? old : len);
    wiped_free(at);
    return to;
}

char *wiped_strdup(const char *text)
{
    size_t len = strlen(text) + 1;
    char *copy = wiped_malloc(len);

    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}
