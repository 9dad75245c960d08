/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns between threads and between processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/lock.h"

#define N_THREADS 8
#define N_ROUNDS 2000

struct shared {
    struct devid_fair lock;
    int inside, n_done;
    bool collided;
};

static void *take_turns(void *arg)
{
    struct shared *s = arg;

    for (int i = 0; i < N_ROUNDS; i++) {
        devid_fair_enter(&s->lock);
        s->collided |= s->inside++ != 0;
        s->n_done++;
        s->inside--;
        devid_fair_leave(&s->lock);
    }
    return NULL;
}

static void one_thread_is_inside_at_a_time(void **state)
{
    struct shared s = {.inside = 0};
    pthread_t threads[N_THREADS];

    (void)state;
    devid_fair_init(&s.lock);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, &s), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_false(s.collided);
    assert_int_equal(s.n_done, N_THREADS * N_ROUNDS);
}

struct queue {
    struct devid_fair lock;
    int order[N_THREADS], n;
};

struct place {
    struct queue *queue;
    int number;
};

static void *queue_up(void *arg)
{
    struct place *place = arg;

    devid_fair_enter(&place->queue->lock);
    place->queue->order[place->queue->n++] = place->number;
    devid_fair_leave(&place->queue->lock);
    return NULL;
}

/* The lock is held until all have queued up, each after the one before. */
static void who_came_first_is_served_first(void **state)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    struct queue q = {.n = 0};
    struct place places[N_THREADS];
    pthread_t threads[N_THREADS];
    struct devid_waiter *last = NULL;

    (void)state;
    devid_fair_init(&q.lock);
    devid_fair_enter(&q.lock);
    for (int i = 0; i < N_THREADS; i++) {
        places[i] = (struct place){&q, i};
        assert_int_equal(pthread_create(&threads[i], NULL, queue_up, &places[i]), 0);
        for (bool joined = false; !joined; (void)nanosleep(&pause, NULL)) {
            (void)pthread_mutex_lock(&q.lock.mutex);
            joined = q.lock.tail != last;
            last = joined ? q.lock.tail : last;
            (void)pthread_mutex_unlock(&q.lock.mutex);
        }
    }
    devid_fair_leave(&q.lock);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(q.order[i], i);
}

static int make_folder(void **state)
{
    char *folder = strdup("/tmp/devid-test-XXXXXX");

    assert_non_null(folder);
    assert_non_null(mkdtemp(folder));
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    assert_int_equal(rmdir(*state), 0);
    free(*state);
    return 0;
}

static bool is_free(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool result;

    assert_true(fd >= 0);
    result = flock(fd, LOCK_EX | LOCK_NB) == 0;
    (void)close(fd);
    return result;
}

static void a_folder_is_locked_until_it_is_left(void **state)
{
    int fd = -1;

    assert_int_equal(devid_flock_enter(*state, &fd, NULL), DEVID_OK);
    assert_false(is_free(*state));
    devid_flock_leave(fd);
    assert_true(is_free(*state));
    assert_int_equal(devid_flock_enter("/nonexistent/folder", &fd, NULL), DEVID_OK);
    assert_int_equal(fd, -1);
    devid_flock_leave(fd);
}

static void a_childs_copy_does_not_keep_the_lock(void **state)
{
    int fd = -1;
    pid_t child;

    assert_int_equal(devid_flock_enter(*state, &fd, NULL), DEVID_OK);
    child = fork();
    if (child == 0) {
        (void)alarm(60);
        (void)pause();
        _exit(0);
    }
    assert_true(child > 0);
    devid_flock_leave(fd);
    assert_true(is_free(*state));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_holders_death_frees_the_lock(void **state)
{
    int told[2], fd = -1;
    char byte;
    pid_t child;

    assert_int_equal(pipe(told), 0);
    child = fork();
    if (child == 0) {
        (void)alarm(60);
        if (devid_flock_enter(*state, &fd, NULL) == DEVID_OK && write(told[1], "x", 1) == 1)
            (void)pause();
        _exit(1);
    }
    assert_true(child > 0);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_false(is_free(*state));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(devid_flock_enter(*state, &fd, NULL), DEVID_OK);
    devid_flock_leave(fd);
    (void)close(told[0]);
    (void)close(told[1]);
}

#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_is_inside_at_a_time),
        cmocka_unit_test(who_came_first_is_served_first),
        FOLDER_TEST(a_folder_is_locked_until_it_is_left),
        FOLDER_TEST(a_childs_copy_does_not_keep_the_lock),
        FOLDER_TEST(a_holders_death_frees_the_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
