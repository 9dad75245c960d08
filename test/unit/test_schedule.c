/* SPDX-License-Identifier: BSD-2-Clause */
/* When a certificate is renewed: for all lifetimes and devices within its bounds, and always in the same moment of a cycle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cert.h"
#include "schedule.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

/* est-and-devid.md: 99991231235959Z must not be treated as an overflow, nor ever be due. */
static void a_certificate_without_end_is_never_due(void **state)
{
    (void)state;
    assert_true(schedule_due(NOW, DEVID_CERT_NEVER, 1, 7) == INT64_MAX);
    assert_true(schedule_due(NOW, DEVID_CERT_NEVER + 1, 99, 7) == INT64_MAX);
}

static void a_life_too_short_to_spread_or_none_at_all_is_due_as_the_file_says(void **state)
{
    (void)state;
    assert_true(schedule_due(0, 60, 80, UINT64_MAX) == 48);
    assert_true(schedule_due(100, 50, 80, 1) == 50);
    assert_true(schedule_due(0, 0, 80, 1) == 0);
}

static void every_certificate_is_due_between_a_third_of_renew_after_and_all_of_it(void **state)
{
    static const int64_t lives[] = {75, 100, 3600, 86400, 30 * DAY, 365 * DAY, 20 * 365 * DAY, INT64_C(250000000000)};
    static const unsigned percents[] = {1, 50, 80, 99};

    (void)state;
    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++)
        for (size_t j = 0; j < sizeof percents / sizeof percents[0]; j++)
            for (uint64_t seed = 0; seed < 5000; seed++) {
                int64_t latest = lives[i] / 100 * percents[j] + lives[i] % 100 * percents[j] / 100;
                int64_t due = schedule_due(NOW, NOW + lives[i], percents[j], seed * UINT64_C(0x9e3779b97f4a7c15)) - NOW;

                assert_true(due <= latest);
                assert_true(due >= latest / 3);
            }
}

/* What CAs, clocks and queues do to the moment does not add up. */
static void a_device_comes_back_to_its_moment(void **state)
{
    static const int64_t late[] = {-3600, -300, 0, 60, 7200, DAY, 3 * DAY};

    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t seed = i * UINT64_C(0x9e3779b97f4a7c15);
        int64_t due = schedule_due(NOW, NOW + 30 * DAY, 80, seed), cycle;

        due = schedule_due(due, due + 30 * DAY, 80, seed); /* the first may have been put off */
        due = schedule_due(due, due + 30 * DAY, 80, seed);
        cycle = schedule_due(due, due + 30 * DAY, 80, seed) - due;
        assert_true(cycle > 30 * DAY * 73 / 100 && cycle <= 30 * DAY * 80 / 100);
        for (size_t j = 0; j < sizeof late / sizeof late[0]; j++) {
            int64_t issued = due + late[j];

            assert_true(schedule_due(issued, issued + 30 * DAY, 80, seed) == due + cycle);
            /* a CA that rounds the end */
            assert_true(schedule_due(issued, issued + 30 * DAY + 61, 80, seed) == due + cycle);
        }
    }
}

static void a_failure_is_tried_again_before_the_end_and_by_chance(void **state)
{
    int64_t first = schedule_retry(NOW, NOW + 6 * DAY, 1, 0, 1), now = NOW, next;
    unsigned n_different = 0, n = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        next = schedule_retry(NOW, NOW + 6 * DAY, 1, 0, seed);
        assert_true(next >= NOW + 60 && next <= NOW + 60 + 3 * DAY);
        n_different += next != first;
    }
    assert_true(n_different > 990);
    while ((next = schedule_retry(now, NOW + 6 * DAY, ++n, 0, 5)) < NOW + 6 * DAY)
        now = next;
    assert_true(n > 8); /* an outage of days is met often enough */
    assert_true(schedule_retry(NOW, NOW + 6 * DAY, 1, 600, 1) >= NOW + 600);
    assert_true(schedule_retry(NOW, NOW - DAY, 1, 0, 1) <= NOW + 120); /* it has ended already */
    assert_true(schedule_retry(NOW, DEVID_CERT_NEVER, 1, 0, 1) <= NOW + 60 + 4 * DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_without_end_is_never_due),
        cmocka_unit_test(a_life_too_short_to_spread_or_none_at_all_is_due_as_the_file_says),
        cmocka_unit_test(every_certificate_is_due_between_a_third_of_renew_after_and_all_of_it),
        cmocka_unit_test(a_device_comes_back_to_its_moment),
        cmocka_unit_test(a_failure_is_tried_again_before_the_end_and_by_chance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
