/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs that measure share. */
#ifndef DEVID_BENCH_MEASURE_H
#define DEVID_BENCH_MEASURE_H

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Seconds, of a clock that nobody sets. */
static inline double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void must(int is_good, const char *what)
{
    if (is_good)
        return;
    (void)fprintf(stderr, "bench: %s failed\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts them. */
static inline double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return values[n / 2];
}

#endif
