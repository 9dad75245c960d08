/* SPDX-License-Identifier: BSD-2-Clause */
/* The store of many: threads, processes, children of fork, and writers that are killed. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/cache.h"
#include "put.h"
#include "unit/folder.h"
#include "unit/shelf.h"

#define N_READERS 3
#define N_CHILDREN 40

/* Its allocator's locks are lost in a child if they are held at fork. */
#if defined(__SANITIZE_ADDRESS__)
#define FORKS_SAFELY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FORKS_SAFELY false
#endif
#endif
#ifndef FORKS_SAFELY
#define FORKS_SAFELY true
#endif

/* Longer than a folder's time stamp may be behind. */
static void settle(void)
{
    const struct timespec pause = {.tv_nsec = 30000000};

    (void)nanosleep(&pause, NULL);
}

static bool child_is_well(pid_t child)
{
    int status = -1;

    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* As another process does. */
static void put_elsewhere(const struct shelf *s, const struct devid_identity *identity)
{
    pid_t child = fork();

    if (child == 0) {
        struct devid_store *store = NULL;

        _exit(devid_store_open(s->conf, &store, NULL) == DEVID_OK && put_identity(store, identity, NULL) == DEVID_OK ? 0
                                                                                                                       : 1);
    }
    assert_true(child_is_well(child));
}

static void while_nothing_changes_the_snapshot_is_the_same(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0x81000002);
    struct shelf *s = *state;
    struct devid_snapshot *one, *two;

    must_put(s->store, &sample.identity);
    one = must_snapshot(s->store);
    two = must_snapshot(s->store); /* while the folder's time may still hide a change */
    assert_ptr_equal(one, two);
    assert_int_equal(devid_snapshot_number(one), devid_snapshot_number(two));
    assert_int_not_equal(devid_snapshot_number(one), 0);
    devid_snapshot_free(two);
    settle();
    two = must_snapshot(s->store);
    assert_ptr_equal(one, two);
    devid_snapshot_free(two);
    folder_write_text(s->state, "owner/notes.txt", "of no interest\n");
    two = must_snapshot(s->store);
    assert_ptr_equal(one, two);
    devid_snapshot_free(two);
    must_put(s->store, &sample.identity); /* what is there already */
    two = must_snapshot(s->store);
    assert_ptr_equal(one, two);
    devid_snapshot_free(two);
    devid_snapshot_free(one);
    sample_free(&sample);
}

static void what_another_process_puts_is_seen_at_once(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0);
    struct shelf *s = *state;
    struct devid_snapshot *before, *after;
    char cn[16];

    before = must_snapshot(s->store);
    assert_null(look_for(before, "x"));
    settle();
    for (int i = 0; i < 20; i++) {
        (void)snprintf(cn, sizeof cn, "%d", i);
        sample_certify(&sample, cn);
        put_elsewhere(s, &sample.identity);
        after = must_snapshot(s->store);
        assert_int_not_equal(devid_snapshot_number(before), devid_snapshot_number(after));
        assert_true(devid_slice_eq(look_for(after, "x")->chain[0].der, devid_slice_of(sample.cert)));
        devid_snapshot_free(before);
        before = after;
        if (i % 5 == 0)
            settle();
    }
    devid_snapshot_free(before);
    sample_free(&sample);
}

static void a_token_that_another_process_makes_is_seen(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0);
    struct shelf *s = *state;
    struct devid_snapshot *snap;

    must_put(s->store, &sample.identity);
    settle();
    devid_snapshot_free(must_snapshot(s->store));
    sample.identity.token = "another";
    put_elsewhere(s, &sample.identity);
    snap = must_snapshot(s->store);
    assert_int_equal(count_identities(snap), 2);
    assert_string_equal(devid_snapshot_next(snap, NULL)->token, "another");
    devid_snapshot_free(snap);
    sample_free(&sample);
}

static void a_snapshot_lives_on_as_it_was(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0);
    struct shelf *s = *state;
    struct devid_snapshot *old, *new;
    const struct devid_identity *then;

    must_put(s->store, &sample.identity);
    old = must_snapshot(s->store);
    then = look_for(old, "x");
    assert_int_equal(then->n_chain, 0);
    sample_certify(&sample, "x");
    must_put(s->store, &sample.identity);
    new = must_snapshot(s->store);
    assert_int_equal(look_for(new, "x")->n_chain, 1);
    assert_int_equal(remove_identity(s->store, then, NULL), DEVID_OK);
    devid_snapshot_free(new);
    new = must_snapshot(s->store);
    assert_null(look_for(new, "x"));
    assert_int_equal(then->n_chain, 0);
    assert_string_equal(then->label, "x");
    assert_ptr_equal(devid_snapshot_hold(old), old);
    devid_snapshot_free(old);
    assert_true(devid_slice_eq(devid_slice_of(then->pub.spki), devid_slice_of(sample.spki)));
    devid_snapshot_free(old);
    devid_snapshot_free(new);
    sample_free(&sample);
}

/* No TPM behind the TCTI: what the chip has is missing, all else is there. */
static void without_a_tpm_the_files_are_all_there_is(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0);
    struct shelf *s = *state;
    struct devid_snapshot *snap;

    must_put(s->store, &sample.identity);
    snap = must_snapshot(s->store);
    assert_int_equal(count_identities(snap), 1);
    assert_int_equal(devid_store_commands(s->store), 0);
    devid_snapshot_free(snap);
    sample_free(&sample);
}

/* ---- races ---- */

struct race {
    struct shelf *shelf;
    atomic_bool is_over;
    atomic_uint n_wrong, n_read;
};

static void *read_on(void *arg)
{
    const struct timespec pause = {.tv_nsec = 200000};
    struct race *race = arg;

    while (!atomic_load(&race->is_over)) {
        const struct devid_query query = {.label = "x"};
        struct devid_snapshot *snap = NULL;
        const struct devid_identity *x = NULL;
        struct devid_bytes object = {0};

        if (devid_store_snapshot(race->shelf->store, &snap, NULL) != DEVID_OK ||
            devid_snapshot_find(snap, &query, &x, NULL) != DEVID_OK || x->n_chain != 1 ||
            !devid_cert_is_for(&x->chain[0], devid_slice_of(x->pub.spki)))
            atomic_fetch_add(&race->n_wrong, 1);
        if (devid_cache_get(race->shelf->store, 0x81000001, NULL, &object, NULL) != DEVID_OK)
            atomic_fetch_add(&race->n_wrong, 1);
        devid_cache_put(race->shelf->store, 0x81000001, (struct devid_slice){0}, TEXT("object"));
        devid_bytes_free(&object);
        devid_snapshot_free(snap);
        atomic_fetch_add(&race->n_read, 1);
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

static void race_start(struct race *race, struct shelf *s, void *(*work)(void *), pthread_t threads[N_READERS])
{
    race->shelf = s;
    devid_cache_put(s->store, 0x81000001, TEXT("area"), TEXT("object"));
    for (int i = 0; i < N_READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, race), 0);
}

/* Nothing is asserted before: a test that fails frees what the threads read. */
static void race_end(struct race *race, const pthread_t threads[N_READERS])
{
    atomic_store(&race->is_over, true);
    for (int i = 0; i < N_READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&race->n_wrong), 0);
    assert_true(atomic_load(&race->n_read) > 0);
}

/* Two writers, each with a key of its own under one name: a reader never sees one's key with the other's certificate. */
static void readers_see_key_and_certificate_as_a_pair(void **state)
{
    struct sample samples[2] = {sample_make("x", "P-256", 0), sample_make("x", "P-384", 0)};
    pthread_t threads[N_READERS];
    struct race race = {0};
    struct shelf *s = *state;
    pid_t writers[2];
    int n_well = 0;

    for (int i = 0; i < 2; i++)
        sample_certify(&samples[i], "x");
    must_put(s->store, &samples[0].identity);
    for (int i = 0; i < 2; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            struct devid_store *store = NULL;
            int failed = devid_store_open(s->conf, &store, NULL) != DEVID_OK;

            for (int n = 0; n < 100 && !failed; n++)
                failed = put_identity(store, &samples[i].identity, NULL) != DEVID_OK;
            _exit(failed);
        }
    }
    race_start(&race, s, read_on, threads);
    for (int i = 0; i < 2; i++)
        n_well += child_is_well(writers[i]);
    race_end(&race, threads);
    assert_int_equal(n_well, 2);
    for (int i = 0; i < 2; i++)
        sample_free(&samples[i]);
}

/*
 * Keep the store's and the cache's locks busy, and neither libcrypto's nor the loader's, which are lost in a child if
 * they are held at fork: a folder of files that are no identity, and a query that no TPM is asked for.
 */
static void *look_on(void *arg)
{
    const struct devid_query query = {.token = "owner", .label = "nobody"};
    struct race *race = arg;

    while (!atomic_load(&race->is_over)) {
        struct devid_snapshot *snap = NULL;
        const struct devid_identity *found = NULL;
        struct devid_bytes object = {0};

        if (devid_store_find(race->shelf->store, &query, &snap, &found, NULL) != DEVID_E_ABSENT ||
            devid_cache_get(race->shelf->store, 0x81000001, NULL, &object, NULL) != DEVID_OK ||
            !devid_slice_eq(devid_slice_of(object), TEXT("object")))
            atomic_fetch_add(&race->n_wrong, 1);
        devid_cache_put(race->shelf->store, 0x81000001, (struct devid_slice){0}, TEXT("object"));
        devid_bytes_free(&object);
        atomic_fetch_add(&race->n_read, 1);
    }
    return NULL;
}

/* In the child: its own threads, at a store that may have been in use when it was forked. */
static int use_in_child(struct shelf *s)
{
    struct race ours = {.shelf = s};
    pthread_t threads[2];

    (void)alarm(120); /* instead of for ever */
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, look_on, &ours) != 0)
            return 3;
    while (atomic_load(&ours.n_read) < 2)
        (void)usleep(1000);
    atomic_store(&ours.is_over, true);
    for (int i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
    return atomic_load(&ours.n_wrong) == 0 ? 0 : 1;
}

/* A child forked while the parent's threads are inside must not wait for them: they are not there. */
static void children_of_a_busy_process_use_the_store(void **state)
{
    pthread_t threads[N_READERS];
    struct race race = {0};
    struct shelf *s = *state;
    int n_well = 0;

    if (!FORKS_SAFELY)
        skip();
    for (int i = 0; i < 200; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "owner/%d.pem", i);
        folder_write_text(s->state, name, "format: 1\n");
    }
    race_start(&race, s, look_on, threads);
    for (int i = 0; i < N_CHILDREN; i++) {
        char name[32];
        pid_t child;

        (void)snprintf(name, sizeof name, "owner/more-%d.pem", i);
        folder_write_text(s->state, name, "format: 1\n"); /* so that all is read again */
        (void)usleep((unsigned)(i % 7) * 100);
        child = fork();
        if (child == 0)
            _exit(use_in_child(s));
        n_well += child_is_well(child);
    }
    race_end(&race, threads);
    assert_int_equal(n_well, N_CHILDREN);
}

/* ---- power cuts ---- */

/* "test_snapshot put CONF": an identity at a handle, first without, then with certificate. */
static int put_twice(const char *conf)
{
    struct sample sample = sample_make("x", "P-256", 0x81000002);
    struct devid_store *store = NULL;

    if (devid_store_open(conf, &store, NULL) != DEVID_OK || put_identity(store, &sample.identity, NULL) != DEVID_OK)
        return 1;
    sample_certify(&sample, "x");
    return put_identity(store, &sample.identity, NULL) == DEVID_OK ? 0 : 1;
}

static int run_killed(const struct shelf *s, const char *variable, int n)
{
    char library[4096], program[4096] = "", number[16];
    pid_t child;
    int status;

    (void)snprintf(library, sizeof library, "%s/.libs/libfile-fault.so", getenv("DEVID_BUILD"));
    (void)snprintf(number, sizeof number, "%d", n);
    assert_int_equal(access(library, R_OK), 0);
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    child = fork();
    if (child == 0) {
        (void)setenv("LD_PRELOAD", library, 1);
        (void)setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
        (void)setenv(variable, number, 1);
        (void)execl(program, "test_snapshot", "put", s->conf, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Renames of put_twice: file, counters, cache; the same again. */
static void a_power_cut_leaves_an_identity_that_is_whole(void **state)
{
    static const char *const variables[] = {"KILL_BEFORE_RENAME", "KILL_AFTER_RENAME"};
    struct shelf *s = *state;

    for (int i = 0; i < 12; i++) {
        bool is_after = i % 2 == 1;
        int n = 1 + i / 2, n_done = n - 1 + is_after, status = run_killed(s, variables[is_after], n);
        struct devid_store *store = shelf_open(s);
        struct devid_snapshot *snap = must_snapshot(store);
        const struct devid_identity *x = look_for(snap, "x");

        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        if (n_done == 0) {
            assert_null(x);
        } else {
            assert_int_equal(x->n_chain, n_done >= 4 ? 1 : 0);
            assert_int_equal(x->pub.area.len != 0, n_done >= 3); /* the cache follows */
        }
        devid_snapshot_free(snap);
        if (x != NULL || n_done == 0) { /* again, and it ends complete and with nothing left over */
            struct sample sample = sample_make("x", "P-256", 0x81000002);
            char owner[300], cache[300];

            (void)snprintf(owner, sizeof owner, "%s/owner", s->state);
            (void)snprintf(cache, sizeof cache, "%s/.cache", s->state);
            must_put(store, &sample.identity);
            assert_int_equal(folder_count(owner), 1);
            assert_int_equal(folder_count(cache), 1);
            assert_int_equal(remove_identity(store, &sample.identity, NULL), DEVID_OK);
            sample_free(&sample);
        }
        devid_store_free(store);
    }
    assert_int_equal(run_killed(s, "KILL_AFTER_RENAME", 7), 0); /* there are no more than six */
}

/* PKCS#11 lets a client call its key as another one is called. */
static void a_name_is_that_of_the_store_before_it_is_what_a_client_calls_a_half(void **state)
{
    struct sample other = sample_make("a", "P-256", 0), named = sample_make("key", "P-256", 0);
    const struct devid_query query = {.token = "owner", .label = "key"}, half = {.label = "b"};
    const struct devid_identity *found = NULL;
    struct shelf *s = *state;
    struct devid_snapshot *snap;

    other.identity.public_label = "key";
    other.identity.private_label = "b";
    must_put(s->store, &other.identity);
    must_put(s->store, &named.identity);
    snap = must_snapshot(s->store);
    assert_int_equal(devid_snapshot_find(snap, &query, &found, NULL), DEVID_OK);
    assert_string_equal(found->label, "key");
    assert_int_equal(devid_snapshot_find(snap, &half, &found, NULL), DEVID_OK);
    assert_string_equal(found->label, "a");
    devid_snapshot_free(snap);
    sample_free(&other);
    sample_free(&named);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_make, shelf_end)
    const struct CMUnitTest tests[] = {
        TEST(while_nothing_changes_the_snapshot_is_the_same),
        TEST(what_another_process_puts_is_seen_at_once),
        TEST(a_token_that_another_process_makes_is_seen),
        TEST(a_snapshot_lives_on_as_it_was),
        TEST(without_a_tpm_the_files_are_all_there_is),
        TEST(readers_see_key_and_certificate_as_a_pair),
        TEST(children_of_a_busy_process_use_the_store),
        TEST(a_power_cut_leaves_an_identity_that_is_whole),
        TEST(a_name_is_that_of_the_store_before_it_is_what_a_client_calls_a_half),
    };

    if (argc == 3 && strcmp(argv[1], "put") == 0)
        return put_twice(argv[2]);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
