/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the loaded keys goes first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/loaded.h"

static void the_first_is_the_one_that_was_not_used_for_longest(void **state)
{
    struct devid_loaded loaded = {.n = 0};

    (void)state;
    for (ESYS_TR tr = 1; tr <= 3; tr++)
        assert_true(devid_loaded_use(&loaded, tr));
    assert_true(devid_loaded_use(&loaded, 1));
    assert_int_equal(loaded.n, 3);
    assert_int_equal(loaded.list[0], 2);
    devid_loaded_remove(&loaded, 2);
    assert_int_equal(loaded.list[0], 3);
    assert_int_equal(loaded.list[1], 1);
    assert_int_equal(loaded.n, 2);
}

static void what_is_removed_is_there_no_more(void **state)
{
    struct devid_loaded loaded = {.n = 0};

    (void)state;
    assert_false(devid_loaded_has(&loaded, 7));
    assert_true(devid_loaded_use(&loaded, 7));
    assert_true(devid_loaded_has(&loaded, 7));
    devid_loaded_remove(&loaded, 8);
    assert_true(devid_loaded_has(&loaded, 7));
    devid_loaded_remove(&loaded, 7);
    assert_false(devid_loaded_has(&loaded, 7));
    assert_int_equal(loaded.n, 0);
}

static void a_full_list_takes_only_what_it_has(void **state)
{
    struct devid_loaded loaded = {.n = 0};

    (void)state;
    for (ESYS_TR tr = 1; tr <= DEVID_LOADED_MAX; tr++)
        assert_true(devid_loaded_use(&loaded, tr));
    assert_false(devid_loaded_use(&loaded, DEVID_LOADED_MAX + 1));
    assert_false(devid_loaded_has(&loaded, DEVID_LOADED_MAX + 1));
    assert_true(devid_loaded_use(&loaded, 1));
    assert_int_equal(loaded.list[DEVID_LOADED_MAX - 1], 1);
    assert_int_equal(loaded.list[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_the_one_that_was_not_used_for_longest),
        cmocka_unit_test(what_is_removed_is_there_no_more),
        cmocka_unit_test(a_full_list_takes_only_what_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
