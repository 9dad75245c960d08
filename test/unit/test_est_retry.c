/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 9110 section 10.2.3: Retry-After. */
#include "est_test.h"

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
static void no_header_and_nonsense_give_the_default(void **state)
{
    (void)state;
    assert_int_equal(retry_after(NULL, NOW), RETRY_DEFAULT_S);
    assert_int_equal(retry_after("", NOW), RETRY_DEFAULT_S);
    assert_int_equal(retry_after("soon", NOW), RETRY_DEFAULT_S);
    assert_int_equal(retry_after("12 minutes", NOW), RETRY_DEFAULT_S);
    assert_int_equal(retry_after("1.5", NOW), RETRY_DEFAULT_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_are_taken_as_they_are),
        cmocka_unit_test(a_date_counts_from_now),
        cmocka_unit_test(the_wait_is_bounded_on_both_sides),
        cmocka_unit_test(no_header_and_nonsense_give_the_default),
    };

    return cmocka_run_group_tests_name("est/retry", tests, NULL, NULL);
}
