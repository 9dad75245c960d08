/* SPDX-License-Identifier: BSD-2-Clause */
/* Decisions in constant time: every mask is all ones or zero, and nothing is branched on. Of numbers below the half of their range. */
#ifndef DEVID_CORE_MASK_H
#define DEVID_CORE_MASK_H

#include <stddef.h>

static inline size_t mask_negative(size_t n)
{
    return (size_t)0 - (n >> (sizeof n * 8 - 1));
}

static inline size_t mask_zero(size_t n)
{
    return mask_negative(~n & (n - 1));
}

static inline size_t mask_eq(size_t a, size_t b)
{
    return mask_zero(a ^ b);
}

static inline size_t mask_less(size_t a, size_t b)
{
    return mask_negative(a - b);
}

static inline size_t choose(size_t mask, size_t yes, size_t no)
{
    return (mask & yes) | (~mask & no);
}

#endif
