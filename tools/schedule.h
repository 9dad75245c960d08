/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a certificate is renewed, so that a fleet made in one batch does not come at once. Pure functions of their arguments:
 * bench/fleet.c lets a million devices live by them. The names: a seed is a device's and an identity's own number.
 */
#ifndef DEVID_TOOLS_SCHEDULE_H
#define DEVID_TOOLS_SCHEDULE_H

#include <stdint.h>

/**
 * When a certificate is due: between a third of percent of its lifetime and all of it. Each device has a moment of its own in
 * a cycle that is a little shorter than that time, and counted from 1970: it renews in that moment again and again,
 * whenever it was made, and after whatever delay. Only where the moment follows too soon after the issue it comes at another
 * time once.
 *
 * \param not_before, not_after  of the certificate; one without end is never due
 * \param percent                renew-after: what part of the lifetime is its latest moment
 * \return seconds since 1970; INT64_MAX: never
 */
int64_t schedule_due(int64_t not_before, int64_t not_after, unsigned percent, uint64_t seed);

/**
 * When to try again after a failure: at random within the next half of what is left until not_after, within limits. Who has time lets
 * others go first, so that the queue behind an outage is a long and thin one; the tries become
 * more frequent as the end comes nearer.
 *
 * \param n_failures  in a row, this one included
 * \param least_s     what the server asked for, 0: nothing
 */
int64_t schedule_retry(int64_t now, int64_t not_after, unsigned n_failures, unsigned least_s, uint64_t seed);

#endif
