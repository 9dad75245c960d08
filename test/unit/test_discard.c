/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects that wait to be taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "core/discard.h"

#define N_THREADS 4
#define N_EACH 5000

static void what_was_added_is_taken_once(void **state)
{
    struct devid_discards list = {NULL};
    ESYS_TR one, two;

    (void)state;
    assert_false(devid_discard_take(&list, 1, &one));
    devid_discard_add(&list, 10, 1);
    devid_discard_add(&list, 20, 1);
    assert_true(devid_discard_take(&list, 1, &one));
    assert_true(devid_discard_take(&list, 1, &two));
    assert_int_equal(one + two, 30);
    assert_int_not_equal(one, two);
    assert_false(devid_discard_take(&list, 1, &one));
}

static void another_connections_are_never_given_out(void **state)
{
    struct devid_discards list = {NULL};
    ESYS_TR tr;

    (void)state;
    devid_discard_add(&list, 10, 1);
    devid_discard_add(&list, 20, 2);
    devid_discard_add(&list, 30, 1);
    assert_true(devid_discard_take(&list, 2, &tr));
    assert_int_equal(tr, 20);
    assert_false(devid_discard_take(&list, 2, &tr));
    assert_false(devid_discard_take(&list, 1, &tr));
}

static void nothing_is_kept_by_an_end(void **state)
{
    struct devid_discards list = {NULL};
    ESYS_TR tr;

    (void)state;
    devid_discard_add(&list, 10, 1);
    devid_discard_free(&list);
    assert_false(devid_discard_take(&list, 1, &tr));
}

struct job {
    struct devid_discards *list;
    ESYS_TR first;
};

static void *add_many(void *arg)
{
    struct job *job = arg;

    for (ESYS_TR i = 0; i < N_EACH; i++)
        devid_discard_add(job->list, job->first + i, 1);
    return NULL;
}

static void many_add_while_one_takes(void **state)
{
    static unsigned char seen[N_THREADS * N_EACH];
    struct devid_discards list = {NULL};
    struct job jobs[N_THREADS];
    pthread_t threads[N_THREADS];
    int n = 0;

    (void)state;
    for (ESYS_TR i = 0; i < N_THREADS; i++) {
        jobs[i] = (struct job){&list, i * N_EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &jobs[i]), 0);
    }
    while (n < N_THREADS * N_EACH) {
        ESYS_TR tr;

        if (devid_discard_take(&list, 1, &tr)) {
            assert_true(tr < sizeof seen);
            assert_int_equal(seen[tr]++, 0);
            n++;
        }
    }
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_taken_once),
        cmocka_unit_test(another_connections_are_never_given_out),
        cmocka_unit_test(nothing_is_kept_by_an_end),
        cmocka_unit_test(many_add_while_one_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
