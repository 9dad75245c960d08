/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns between threads and between processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/lock.h"
#include "core/tcti.h"

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

/* Any user who may read the folder can hold it. */
static void who_holds_the_folder_too_long_is_told_of(void **state)
{
    int held = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
    struct devid_error err = {0};

    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_int_equal(devid_flock_wait(*state, 1, &fd, &err), DEVID_E_BUSY);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(err.text, " another process has held "));
    assert_non_null(strstr(err.text, *state));
    (void)close(held);
    assert_int_equal(devid_flock_wait(*state, 1, &fd, &err), DEVID_OK);
    assert_false(is_free(*state));
    devid_flock_leave(fd);
    assert_true(is_free(*state));
}

struct turns {
    atomic_int n_inside, n_worst, n_done;
};

static void take_many_turns(const char *folder, struct turns *t)
{
    int fd = -1, inside;

    for (int i = 0; i < 200; i++) {
        if (devid_flock_wait(folder, 60, &fd, NULL) != DEVID_OK || fd < 0)
            _exit(1);
        inside = atomic_fetch_add(&t->n_inside, 1) + 1;
        if (inside > atomic_load(&t->n_worst))
            atomic_store(&t->n_worst, inside);
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        atomic_fetch_sub(&t->n_inside, 1);
        devid_flock_leave(fd);
    }
    atomic_fetch_add(&t->n_done, 1);
    _exit(0);
}

static void processes_that_wait_with_patience_take_turns(void **state)
{
    struct turns *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(t != MAP_FAILED);
    for (int i = 0; i < 8; i++) {
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            take_many_turns(*state, t);
    }
    for (int i = 0; i < 8; i++)
        assert_true(wait(NULL) > 0);
    assert_int_equal(atomic_load(&t->n_done), 8);
    assert_int_equal(atomic_load(&t->n_worst), 1);
    assert_int_equal(munmap(t, sizeof *t), 0);
}

/* There the kernel sees to it that one process at a time talks to the chip, and no folder can be held against it. */
static void a_device_of_one_process_is_known_by_its_name(void **state)
{
    (void)state;
    assert_true(devid_tcti_is_alone(NULL));
    assert_true(devid_tcti_is_alone("device:/dev/tpm0"));
    assert_true(devid_tcti_is_alone("libtss2-tcti-device.so.0:/dev/tpm1"));
    assert_true(devid_tcti_is_alone("/x/libtss2-tcti-count.so:log=/l,device:/dev/tpm0"));
    assert_false(devid_tcti_is_alone("device:/dev/tpmrm0"));
    assert_false(devid_tcti_is_alone("device:/dev/pts/0"));
    assert_false(devid_tcti_is_alone("swtpm:path=/dev/tpm0"));
    assert_false(devid_tcti_is_alone("cmd:cat >/dev/tpm0"));
    assert_false(devid_tcti_is_alone("tabrmd"));
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
        FOLDER_TEST(who_holds_the_folder_too_long_is_told_of),
        FOLDER_TEST(processes_that_wait_with_patience_take_turns),
        cmocka_unit_test(a_device_of_one_process_is_known_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
