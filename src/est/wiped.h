/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for libcurl that is wiped when it is freed: requests with secrets pass through its buffers. */
#ifndef DEVID_EST_WIPED_H
#define DEVID_EST_WIPED_H

#include <stddef.h>

/* The five functions that curl_global_init_mem wants. */
void *wiped_malloc(size_t len);
void *wiped_calloc(size_t n, size_t len);
void *wiped_realloc(void *at, size_t len);
char *wiped_strdup(const char *text);
void wiped_free(void *at);

#endif
