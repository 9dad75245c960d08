/* SPDX-License-Identifier: BSD-2-Clause */
/* Behind a resource manager a wrapped key is loaded once, and stays. */
#include "core/tpm.h"
#include "tpm/keys.h"
#include "tpm/manager.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIXED "fixed"
#define WRAPPED "wrapped"
#define N_THREADS 8
#define N_ROUNDS 5
#define N_KEYS 40 /* more than tpm2-abrmd keeps for one connection: 27 */

static const struct devid_scheme ecdsa = {.padding = DEVID_ECDSA};

struct fixture {
    struct world *world;
    struct manager *manager;
};

static int start(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->world = world_start();
    f->manager = manager_start(f->world);
    if (f->manager != NULL) {
        keys_make(world_store(f->world), FIXED, DEVID_EC, 256, 0x81000002);
        keys_make(world_store(f->world), WRAPPED, DEVID_EC, 256, 0);
    }
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;

    manager_stop(f->manager);
    world_stop(f->world);
    free(f);
    return 0;
}

/* Before each test a connection that has sent nothing yet. */
static int begin(void **state)
{
    struct fixture *f = *state;

    if (f->manager == NULL)
        skip(); /* apt-get install tpm2-abrmd libtss2-tcti-tabrmd0 dbus-daemon */
    world_connect_by(f->world, MANAGER_TCTI);
    world_forget_commands(f->world);
    return 0;
}

/* The manager takes everything out of the TPM between two commands. */
static int nothing_left(void **state)
{
    struct fixture *f = *state;

    manager_settle(f->manager);
    world_assert_clean(f->world);
    return 0;
}

static void signs(struct devid_key *key)
{
    struct devid_error err = {0};

    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
}

static int status_of(pid_t child)
{
    int status = 0;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void a_wrapped_key_is_loaded_once(void **state)
{
    struct fixture *f = *state;
    struct devid_key *key = keys_open(world_store(f->world), WRAPPED);

    signs(key);
    assert_sent(f->world, "Load Sign");
    signs(key);
    signs(key);
    assert_sent(f->world, "Sign Sign");
    devid_key_free(key);
    assert_sent(f->world, "");
}

static void a_key_at_a_handle_needs_no_more_than_without(void **state)
{
    struct fixture *f = *state;
    struct devid_key *key = keys_open(world_store(f->world), FIXED);

    signs(key);
    signs(key);
    assert_sent(f->world, "Sign Sign");
    devid_key_free(key);
}

/* A program that opens its key for each connection. */
static void keys_opened_and_freed_do_not_pile_up(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < N_KEYS; i++) {
        struct devid_key *key = keys_open(world_store(f->world), WRAPPED);

        signs(key);
        devid_key_free(key);
    }
    assert_int_equal(world_count(f->world, "Load"), N_KEYS);
    assert_int_equal(world_count(f->world, "FlushContext"), N_KEYS - 1);
    assert_int_equal(world_count(f->world, NULL), 3 * N_KEYS - 1);
}

/* The one who frees may hold locks that others want, and the TPM takes its time. */
static void a_key_is_freed_without_waiting_for_the_tpm(void **state)
{
    struct fixture *f = *state;
    struct devid_tpm *tpm = devid_store_tpm(world_store(f->world));
    struct devid_key *fixed = keys_open(world_store(f->world), FIXED), *wrapped = keys_open(world_store(f->world), WRAPPED);
    ESYS_CONTEXT *esys;

    signs(fixed);
    signs(wrapped);
    assert_int_equal(devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, NULL), DEVID_OK);
    devid_key_free(fixed);
    devid_key_free(wrapped);
    devid_tpm_leave(tpm);
    wrapped = keys_open(world_store(f->world), WRAPPED);
    signs(wrapped);
    assert_sent(f->world, "Sign Load Sign FlushContext Load Sign");
    devid_key_free(wrapped);
}

static void more_keys_than_the_manager_keeps_can_be_open(void **state)
{
    struct fixture *f = *state;
    struct devid_key *keys[N_KEYS];

    for (int i = 0; i < N_KEYS; i++)
        keys[i] = keys_open(world_store(f->world), WRAPPED);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N_KEYS; i++)
            signs(keys[i]);
    /* the manager has never refused one: what was not used for longest went before */
    assert_int_equal(world_count(f->world, "Load"), 2 * N_KEYS);
    assert_int_equal(world_count(f->world, "Sign"), 2 * N_KEYS);
    assert_int_equal(world_count(f->world, "FlushContext"), 2 * N_KEYS - (27 - 1));
    world_forget_commands(f->world);
    signs(keys[N_KEYS - 1]);
    signs(keys[N_KEYS - 2]);
    assert_sent(f->world, "Sign Sign");
    for (int i = 0; i < N_KEYS; i++)
        devid_key_free(keys[i]);
}

/* Something is loaded for that, beside all that stays. */
static void keys_are_made_while_many_are_loaded(void **state)
{
    struct fixture *f = *state;
    struct devid_key *keys[N_KEYS];

    for (int i = 0; i < N_KEYS; i++)
        signs(keys[i] = keys_open(world_store(f->world), WRAPPED));
    keys_make(world_store(f->world), "made", DEVID_EC, 256, 0x81000004);
    for (int i = 0; i < N_KEYS; i++)
        devid_key_free(keys[i]);
    keys_make(world_store(f->world), "made-too", DEVID_EC, 256, 0x81000005);
}

static void *sign_rounds(void *key)
{
    uintptr_t n_failed = 0;

    for (int i = 0; i < N_ROUNDS; i++) {
        unsigned char sig[64];
        size_t len = sizeof sig;

        n_failed += devid_key_sign(key, &ecdsa, keys_digest(32), sig, &len, NULL) != DEVID_OK;
    }
    return (void *)n_failed;
}

static void threads_share_what_is_loaded(void **state)
{
    struct fixture *f = *state;
    struct devid_key *key = keys_open(world_store(f->world), WRAPPED);
    pthread_t threads[N_THREADS];
    void *n_failed;

    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_rounds, key), 0);
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &n_failed), 0);
        assert_ptr_equal(n_failed, NULL);
    }
    assert_int_equal(world_count(f->world, "Load"), 1);
    assert_int_equal(world_count(f->world, NULL), 1 + N_THREADS * N_ROUNDS);
    devid_key_free(key);
}

/* A server: keys before fork, signatures in two workers, then in itself. A program of its own, which knows no bus yet. */
static int server_with_workers(void)
{
    const struct devid_identity *identity = NULL;
    struct devid_store *store = NULL;
    struct devid_snapshot *snap = NULL;
    struct devid_key *key = NULL;
    int failed = 0;

    if (devid_store_open(NULL, &store, NULL) != DEVID_OK ||
        devid_store_find(store, &(struct devid_query){.label = WRAPPED}, &snap, &identity, NULL) != DEVID_OK ||
        devid_key_open(store, snap, identity, &key, NULL) != DEVID_OK)
        return 1;
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        int status = 1;

        if (child == 0)
            _exit(sign_rounds(key) != NULL);
        failed += waitpid(child, &status, 0) != child || status != 0;
    }
    failed += sign_rounds(key) != NULL;
    devid_key_free(key);
    devid_snapshot_free(snap);
    devid_store_free(store);
    return failed;
}

static void workers_load_their_own(void **state)
{
    struct fixture *f = *state;
    pid_t child = fork();

    if (child == 0) {
        (void)execl("/proc/self/exe", "server", "server", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(status_of(child), 0);
    assert_sent(f->world, "Load Sign Sign Sign Sign Sign Load Sign Sign Sign Sign Sign Load Sign Sign Sign Sign Sign");
}

/* What the parent loaded is the parent's. GLib, and with it tabrmd's TCTI, does not survive fork: it is said at once. */
static void a_child_of_one_that_signed_is_told_why_it_cannot(void **state)
{
    struct fixture *f = *state;
    struct devid_key *key = keys_open(world_store(f->world), WRAPPED);
    pid_t child;

    signs(key);
    world_forget_commands(f->world);
    child = fork();
    if (child == 0) {
        struct devid_error err = {0};
        unsigned char sig[64];
        size_t len = sizeof sig;
        devid_rc rc = devid_key_sign(key, &ecdsa, keys_digest(32), sig, &len, &err);

        devid_key_free(key);
        devid_store_free(world_store(f->world));
        _exit(rc == DEVID_E_AWAY && strstr(err.text, "child") != NULL ? 0 : 1);
    }
    assert_int_equal(status_of(child), 0);
    assert_sent(f->world, "");
    signs(key);
    assert_sent(f->world, "Sign");
    devid_key_free(key);
}

static void a_manager_that_was_restarted_is_found_again(void **state)
{
    struct fixture *f = *state;
    struct devid_key *key = keys_open(world_store(f->world), WRAPPED);

    signs(key);
    manager_restart(f->manager);
    signs(key);
    signs(key);
    devid_key_free(key);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, nothing_left)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wrapped_key_is_loaded_once),
        TEST(a_key_at_a_handle_needs_no_more_than_without),
        TEST(keys_opened_and_freed_do_not_pile_up),
        TEST(a_key_is_freed_without_waiting_for_the_tpm),
        TEST(more_keys_than_the_manager_keeps_can_be_open),
        TEST(keys_are_made_while_many_are_loaded),
        TEST(threads_share_what_is_loaded),
        TEST(workers_load_their_own),
        TEST(a_child_of_one_that_signed_is_told_why_it_cannot),
        TEST(a_manager_that_was_restarted_is_found_again),
    };

    if (argc == 2 && strcmp(argv[1], "server") == 0)
        return server_with_workers();
    return cmocka_run_group_tests(tests, start, stop);
}
