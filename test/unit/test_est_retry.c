/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 9110 section 10.2.3: Retry-After. */
#include "est_test.h"

#include "est/est.h"
#include "est/retry.h"

#define NOW ((time_t)1700000000) /* Tue, 14 Nov 2023 22:13:20 GMT */

static void seconds_are_taken_as_they_are(void **state)
{
    (void)state;
    assert_int_equal(retry_after("600", NOW), 600);
    assert_int_equal(retry_after(" 7 \r\n", NOW), 7);
}

static void a_date_counts_from_now(void **state)
{
    (void)state;
    assert_int_equal(retry_after(" Tue, 14 Nov 2023 22:15:20 GMT\r\n", NOW), 120);
    assert_int_equal(retry_after("Tuesday, 14-Nov-23 22:15:20 GMT", NOW), 120);
    assert_int_equal(retry_after("Tue Nov 14 22:15:20 2023", NOW), 120);
}

static void the_wait_is_bounded_on_both_sides(void **state)
{
    (void)state;
    assert_int_equal(retry_after("0", NOW), 1);
    assert_int_equal(retry_after("-5", NOW), 1);
    assert_int_equal(retry_after("86401", NOW), 86400);
    assert_int_equal(retry_after("99999999999999999999999999999999", NOW), 86400);
    assert_int_equal(retry_after("Tue, 14 Nov 2000 22:15:20 GMT", NOW), 1);
    assert_int_equal(retry_after("Tue, 14 Nov 2033 22:15:20 GMT", NOW), 86400);
}

/* A rate limit often comes without the header. */
static void no_header_and_nonsense_name_no_time(void **state)
{
    (void)state;
    assert_int_equal(retry_after(NULL, NOW), 0);
    assert_int_equal(retry_after("", NOW), 0);
    assert_int_equal(retry_after("soon", NOW), 0);
    assert_int_equal(retry_after("12 minutes", NOW), 0);
    assert_int_equal(retry_after("1.5", NOW), 0);
}

/* A fleet that was put off together does not come back together, and none comes before its time. */
static void a_named_time_is_kept_and_spread_over_a_tenth(void **state)
{
    (void)state;
    for (unsigned random = 0; random < 200000; random += 777) {
        unsigned long pause = est_pause_ms(600, 1 + random % 9, random);

        assert_in_range(pause, 600000, 660000);
    }
    assert_int_equal(est_pause_ms(600, 1, 0), 600000);
    assert_int_equal(est_pause_ms(600, 1, 60000), 660000);
    assert_in_range(est_pause_ms(RETRY_MAX_S, 1, 0xffffffff), 86400000, 95040000);
}

static void without_a_time_the_pause_doubles_to_a_bound(void **state)
{
    static const unsigned long longest[] = {5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000};

    (void)state;
    for (unsigned n = 1; n <= 8; n++)
        for (unsigned random = 0; random < 1000000; random += 9973)
            assert_in_range(est_pause_ms(0, n, random), longest[n - 1] / 2, longest[n - 1]);
    assert_int_equal(est_pause_ms(0, 1, 0), 2500);
    assert_int_equal(est_pause_ms(0, 1, 2500), 5000);
    assert_in_range(est_pause_ms(0, 0xffffffff, 0xffffffff), 150000, 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_are_taken_as_they_are),
        cmocka_unit_test(a_date_counts_from_now),
        cmocka_unit_test(the_wait_is_bounded_on_both_sides),
        cmocka_unit_test(no_header_and_nonsense_name_no_time),
        cmocka_unit_test(a_named_time_is_kept_and_spread_over_a_tenth),
        cmocka_unit_test(without_a_time_the_pause_doubles_to_a_bound),
    };

    return cmocka_run_group_tests_name("est/retry", tests, NULL, NULL);
}
