/* SPDX-License-Identifier: BSD-2-Clause */
/* A moment of its own for each device. */
#include "schedule.h"

#include "core/cert.h"

#define RETRY_LEAST_S 60
#define RETRY_MOST_S (4 * 86400)

/* The part of a certificate's life in which it may be renewed, in seconds from its beginning. */
struct span {
    int64_t latest; /* by renew-after */
    int64_t cycle;  /* from one renewal to the next, once a device has found its moment */
    int64_t margin; /* a moment that is nearer is the one just past: clocks differ, and CAs date back */
};

/*
 * The cycle is rounded, coarsely, for CAs do not all grant the same lifetime to the second; a cycle of another length would be
 * another moment.
 */
static struct span span_of(int64_t latest)
{
    struct span s = {.latest = latest, .cycle = latest - latest / 16};
    int64_t unit = 1;

    while (unit <= latest / 128)
        unit *= 2;
    s.cycle -= s.cycle % unit;
    s.margin = latest - s.cycle;
    return s;
}

/* The first moment of that phase that is at least the margin away. */
static int64_t next_moment(const struct span *s, int64_t from, uint64_t seed)
{
    int64_t phase = (int64_t)(seed % (uint64_t)s->cycle), away = (phase - from - s->margin) % s->cycle;

    return s->margin + (away < 0 ? away + s->cycle : away);
}

/*
 * A moment in the first third of the time is too soon after the issue: for once another one, anywhere in the rest of the cycle. From
 * there the next moment is a third away at least, again.
 */
static int64_t put_off(const struct span *s, int64_t moment)
{
    int64_t third = s->latest / 3, room = s->cycle - s->margin - third;

    if (moment >= third)
        return moment;
    return third + (int64_t)((double)(moment - s->margin) / (double)(third - s->margin) * (double)room);
}

int64_t schedule_due(int64_t not_before, int64_t not_after, unsigned percent, uint64_t seed)
{
    int64_t life = not_after - not_before;
    struct span s;

    if (not_after >= DEVID_CERT_NEVER)
        return INT64_MAX;
    if (life <= 0)
        return not_after;
    s = span_of(life / 100 * (int64_t)percent + life % 100 * (int64_t)percent / 100);
    if (s.latest < 60) /* nothing to spread */
        return not_before + s.latest;
    return not_before + put_off(&s, next_moment(&s, not_before, seed));
}

/* Vigna's splitmix64: evenly spread, and the same wherever it is computed. */
static uint64_t draw(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + n * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int64_t schedule_retry(int64_t now, int64_t not_after, unsigned n_failures, unsigned least_s, uint64_t seed)
{
    int64_t window = (not_after - now) / 2, least = least_s > RETRY_LEAST_S ? (int64_t)least_s : RETRY_LEAST_S;

    if (window > RETRY_MOST_S)
        window = RETRY_MOST_S;
    if (window < RETRY_LEAST_S)
        window = RETRY_LEAST_S;
    /* another number for each certificate and each try */
    return now + least + (int64_t)(draw(seed ^ (uint64_t)not_after, n_failures) % (uint64_t)window);
}
