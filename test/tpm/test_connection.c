/* SPDX-License-Identifier: BSD-2-Clause */
/* The connection: opened late, shared by threads, never over fork; other processes, and a TPM that goes and comes. */
#include "tpm/keys.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#include "core/cache.h"
#include "core/tpm.h"

#define FIXED "fixed"
#define WRAPPED "wrapped"
#define N_THREADS 8
#define N_PROCESSES 8
#define N_ROUNDS 5

static const struct devid_scheme ecdsa = {.padding = DEVID_ECDSA};

static int start(void **state)
{
    struct world *w = world_start();

    keys_make(world_store(w), FIXED, DEVID_EC, 256, 0x81000002);
    keys_make(world_store(w), WRAPPED, DEVID_EC, 256, 0);
    *state = w;
    return 0;
}

/* Before each test a store that has sent nothing yet. */
static int begin(void **state)
{
    world_connect_by(*state, world_tcti(*state));
    world_forget_commands(*state);
    return 0;
}

static int nothing_left(void **state)
{
    world_assert_clean(*state);
    return 0;
}

static void signs(struct world *w, const char *label)
{
    struct devid_key *key = keys_open(world_store(w), label);
    struct devid_error err = {0};

    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    devid_key_free(key);
}

/* What a child does must not reach cmocka: its result is its exit status. */
static int status_of(pid_t child)
{
    int status = 0;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void nothing_is_sent_before_a_signature(void **state)
{
    struct devid_key *fixed = keys_open(world_store(*state), FIXED), *wrapped = keys_open(world_store(*state), WRAPPED);

    assert_int_equal(devid_key_sig_len(fixed), 64);
    assert_int_equal(devid_key_public(wrapped)->bits, 256);
    assert_rc(devid_key_can_sign(fixed, &ecdsa, NULL), DEVID_OK, (struct devid_error){0});
    devid_key_free(fixed);
    devid_key_free(wrapped);
    assert_sent(*state, "");
}

static void a_process_that_signs_once_sends_no_more_than_it_must(void **state)
{
    signs(*state, FIXED);
    assert_sent(*state, "Sign");
    assert_int_equal(devid_store_commands(world_store(*state)), 1);
    assert_int_equal(begin(state), 0);
    signs(*state, WRAPPED);
    assert_sent(*state, "Load Sign FlushContext");
    assert_int_equal(devid_store_commands(world_store(*state)), 3);
}

/* A key at a handle is used by its handle: nothing that is known of it has to be kept, nor asked for again. */
static void a_lost_cache_costs_a_key_at_a_handle_nothing(void **state)
{
    struct devid_key *key = NULL;
    struct devid_error err = {0};
    char path[512], aside[512];

    assert_rc(devid_key_open_handle(world_store(*state), 0x81000002, &key, &err), DEVID_OK, err);
    (void)snprintf(path, sizeof path, "%s/state/.cache/0x81000002", world_folder(*state));
    (void)snprintf(aside, sizeof aside, "%s/aside", world_folder(*state));
    assert_int_equal(rename(path, aside), 0);
    world_forget_commands(*state);
    for (int i = 0; i < 2; i++)
        assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    assert_sent(*state, "Sign Sign");
    assert_int_equal(rename(aside, path), 0);
    devid_key_free(key);
}

/* What is known of the handles may be deleted at any time. */
static void a_lost_cache_costs_one_look(void **state)
{
    char path[512];

    assert_int_equal(begin(state), 0);
    (void)snprintf(path, sizeof path, "%s/state/.cache/0x81000001", world_folder(*state));
    assert_int_equal(unlink(path), 0);
    signs(*state, WRAPPED);
    assert_sent(*state, "ReadPublic Load Sign FlushContext");
    assert_int_equal(begin(state), 0);
    signs(*state, WRAPPED);
    assert_sent(*state, "Load Sign FlushContext");
}

/* A file of the cache may be another handle's, or no saved object at all. */
static void a_cache_that_lies_is_not_believed(void **state)
{
    char path[512], other[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/state/.cache/0x81000001", world_folder(*state));
    (void)snprintf(other, sizeof other, "%s/state/.cache/0x81000002", world_folder(*state));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(link(other, path), 0);
    assert_int_equal(begin(state), 0);
    signs(*state, WRAPPED);
    assert_sent(*state, "ReadPublic Load Sign FlushContext");

    assert_int_equal(unlink(path), 0);
    assert_non_null(file = fopen(path, "w"));
    assert_true(fputs("object: 00010203040506070809\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(begin(state), 0);
    signs(*state, WRAPPED);
    assert_sent(*state, "ReadPublic Load Sign FlushContext");
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

static void threads_share_a_connection_and_keys(void **state)
{
    struct devid_key *keys[2] = {keys_open(world_store(*state), FIXED), keys_open(world_store(*state), WRAPPED)};
    pthread_t threads[N_THREADS];
    void *n_failed;

    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_rounds, keys[i % 2]), 0);
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &n_failed), 0);
        assert_ptr_equal(n_failed, NULL);
    }
    assert_int_equal(world_count(*state, "Sign"), N_THREADS * N_ROUNDS);
    assert_int_equal(world_count(*state, NULL), 2 * N_THREADS * N_ROUNDS);
    devid_key_free(keys[0]);
    devid_key_free(keys[1]);
}

/* A server that loads its keys, and signs in its workers; in threads of theirs, all at once. */
static int sign_in_child(struct devid_key *fixed, struct devid_key *wrapped)
{
    struct devid_key *keys[2] = {fixed, wrapped};
    pthread_t threads[N_THREADS];
    uintptr_t n_failed = 0;
    void *result;

    for (int i = 0; i < N_THREADS; i++)
        if (pthread_create(&threads[i], NULL, sign_rounds, keys[i % 2]) != 0)
            return 1;
    for (int i = 0; i < N_THREADS; i++)
        n_failed += pthread_join(threads[i], &result) != 0 || result != NULL;
    devid_key_free(fixed);
    devid_key_free(wrapped);
    return n_failed == 0 ? 0 : 2;
}

static void a_child_signs_with_its_parents_keys(void **state)
{
    struct devid_key *fixed = keys_open(world_store(*state), FIXED), *wrapped = keys_open(world_store(*state), WRAPPED);
    struct devid_error err = {0};
    pid_t child;

    assert_rc(keys_sign(fixed, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    assert_rc(keys_sign(wrapped, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    child = fork();
    if (child == 0)
        _exit(sign_in_child(fixed, wrapped));
    assert_rc(keys_sign(wrapped, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    assert_int_equal(status_of(child), 0);
    assert_rc(keys_sign(fixed, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    assert_rc(keys_sign(wrapped, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    devid_key_free(fixed);
    devid_key_free(wrapped);
}

/*
 * Forked by one thread while another is in a bracket: in the child nobody will ever leave it. The folder's lock is
 * the parent's until it leaves, whatever copy of the descriptor the child has.
 */
static void a_child_waits_for_no_thread_of_its_parent(void **state)
{
    struct devid_key *fixed = keys_open(world_store(*state), FIXED), *wrapped = keys_open(world_store(*state), WRAPPED);
    struct devid_tpm *tpm = devid_store_tpm(world_store(*state));
    struct devid_cache *cache = devid_store_cache(world_store(*state));
    struct devid_error err = {0};
    ESYS_CONTEXT *esys;
    pid_t child;

    assert_rc(devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, &err), DEVID_OK, err);
    devid_mutex_lock(&cache->mutex);
    child = fork();
    if (child == 0) {
        (void)alarm(60); /* instead of waiting for ever */
        _exit(sign_in_child(fixed, wrapped));
    }
    devid_mutex_unlock(&cache->mutex);
    devid_tpm_leave(tpm);
    assert_rc(keys_sign(wrapped, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    assert_int_equal(status_of(child), 0);
    devid_key_free(fixed);
    devid_key_free(wrapped);
}

/* Frees everything that it has from its parent, and its parent's connection is as it was. */
static void a_child_that_only_cleans_up_sends_nothing(void **state)
{
    struct devid_key *key = keys_open(world_store(*state), WRAPPED);
    struct devid_error err = {0};
    pid_t child;

    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    world_forget_commands(*state);
    child = fork();
    if (child == 0) {
        devid_key_free(key);
        devid_store_free(world_store(*state));
        _exit(0);
    }
    assert_int_equal(status_of(child), 0);
    assert_sent(*state, "");
    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    devid_key_free(key);
}

/* Each as if started by hand: own store, own connection. */
static int process_of_its_own(const char *label)
{
    unsigned char sig[64];
    int n_failed = 0;

    for (int i = 0; i < N_ROUNDS; i++) {
        const struct devid_identity *identity = NULL;
        struct devid_store *store = NULL;
        struct devid_snapshot *snap = NULL;
        struct devid_key *key = NULL;
        struct devid_error err = {0};
        size_t len = sizeof sig;
        devid_rc rc = devid_store_open(NULL, &store, &err);

        if (rc == DEVID_OK)
            rc = devid_store_find(store, &(struct devid_query){.label = label}, &snap, &identity, &err);
        if (rc == DEVID_OK)
            rc = devid_key_open(store, snap, identity, &key, &err);
        if (rc == DEVID_OK)
            rc = devid_key_sign(key, &ecdsa, keys_digest(32), sig, &len, &err);
        if (rc != DEVID_OK)
            print_error("%s\n", err.text);
        n_failed += rc != DEVID_OK;
        devid_key_free(key);
        devid_snapshot_free(snap);
        devid_store_free(store);
    }
    return n_failed;
}

/* The TPM has three slots and no resource manager. */
static void processes_share_a_tpm_without_resource_manager(void **state)
{
    pid_t children[2 * N_PROCESSES];

    for (size_t i = 0; i < 2 * N_PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(process_of_its_own(i < N_PROCESSES ? WRAPPED : FIXED));
    }
    for (size_t i = 0; i < 2 * N_PROCESSES; i++)
        assert_int_equal(status_of(children[i]), 0);
    assert_int_equal(world_count(*state, "Load"), N_PROCESSES * N_ROUNDS);
    assert_int_equal(world_count(*state, "Sign"), 2 * N_PROCESSES * N_ROUNDS);
    assert_int_equal(world_count(*state, "ReadPublic"), 0);
}

/* DEVID_TCTI_KILL: SIGKILL after so many answers. Load is the first, Sign the second. */
static void a_killed_process_holds_nobody_up(void **state)
{
    for (int i = 1; i <= 6; i++) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            (void)setenv("DEVID_TCTI_KILL", i % 2 == 0 ? "2" : "1", 1);
            (void)process_of_its_own(WRAPPED);
            _exit(1);
        }
        status = status_of(child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        signs(*state, WRAPPED);
        signs(*state, FIXED);
    }
    /* six keys were left loaded, and there are three slots: they were swept when there was no room */
    assert_true(world_count(*state, "GetCapability") > 0);
    signs(*state, WRAPPED);
}

/* As a program that is not ours leaves them. */
static void fill_the_slots(struct world *w)
{
    static const TPM2B_SENSITIVE_CREATE no_auth;
    static const TPML_PCR_SELECTION no_pcrs;
    static const TPM2B_DATA no_data;
    TPM2B_PUBLIC template = keys_rsa_template(TPMA_OBJECT_SIGN_ENCRYPT);
    TSS2_TCTI_CONTEXT *tcti = NULL;
    ESYS_CONTEXT *esys = NULL;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    template.publicArea.type = TPM2_ALG_ECC;
    template.publicArea.parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric = {.algorithm = TPM2_ALG_NULL},
                                                                .scheme = {.scheme = TPM2_ALG_NULL},
                                                                .curveID = TPM2_ECC_NIST_P256,
                                                                .kdf = {.scheme = TPM2_ALG_NULL}};
    assert_int_equal(Tss2_TctiLdr_Initialize(world_tcti(w), &tcti), 0);
    assert_int_equal(Esys_Initialize(&esys, tcti, NULL), 0);
    for (int i = 0; i < 20 && rc == TSS2_RC_SUCCESS; i++) {
        ESYS_TR object;

        rc = Esys_CreatePrimary(esys, ESYS_TR_RH_NULL, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth,
                                &template, &no_data, &no_pcrs, &object, NULL, NULL, NULL, NULL);
    }
    assert_int_equal(rc, TPM2_RC_OBJECT_MEMORY);
    Esys_Finalize(&esys);
    Tss2_TctiLdr_Finalize(&tcti);
}

static void a_full_tpm_is_swept(void **state)
{
    fill_the_slots(*state);
    signs(*state, WRAPPED);
    assert_int_equal(nothing_left(state), 0);
    fill_the_slots(*state);
    signs(*state, FIXED); /* it needs a slot while it signs */
}

/* Outside of a bracket that keeps other processes away nobody can tell what is left from what is used just now. */
static void what_others_may_be_using_is_not_swept(void **state)
{
    struct devid_tpm *tpm = devid_store_tpm(world_store(*state));
    struct devid_error err = {0};
    ESYS_CONTEXT *esys;
    char sent[256];

    assert_rc(devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, &err), DEVID_OK, err);
    assert_rc(devid_tpm_sweep(tpm, &err), DEVID_E_BUSY, err);
    devid_tpm_leave(tpm);
    world_commands(*state, sent, sizeof sent);
    assert_string_equal(sent, "");
    assert_rc(devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, &err), DEVID_OK, err);
    assert_rc(devid_tpm_sweep(tpm, &err), DEVID_OK, err);
    devid_tpm_leave(tpm);
}

/* It is no TPM that is missing then, and no right. */
static void a_process_with_too_many_files_is_told_so(void **state)
{
    struct devid_key *key = keys_open(world_store(*state), FIXED);
    struct rlimit before, few;
    struct devid_error err = {0};
    int taken[64], n = 0;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 64, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < 64 && (taken[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_E_AWAY, err);
    while (n > 0)
        (void)close(taken[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(strstr(err.text, "too many open files"));
    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    devid_key_free(key);
}

static void a_tpm_may_go_and_come_back(void **state)
{
    struct devid_key *fixed = keys_open(world_store(*state), FIXED), *wrapped = keys_open(world_store(*state), WRAPPED);
    struct devid_error err = {0};

    assert_rc(keys_sign(wrapped, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    for (int i = 0; i < 2; i++) {
        world_stop_tpm(*state);
        err = (struct devid_error){0};
        assert_rc(keys_sign(fixed, &ecdsa, keys_digest(32), &err), DEVID_E_AWAY, err);
        assert_non_null(strstr(err.text, world_tcti(*state)));
        assert_int_not_equal(err.tss, 0);
        assert_rc(keys_sign(wrapped, &ecdsa, keys_digest(32), &err), DEVID_E_AWAY, err);
        assert_non_null(strstr(err.text, world_tcti(*state)));
        world_start_tpm(*state);
        assert_rc(keys_sign(fixed, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
        assert_rc(keys_sign(wrapped, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    }
    devid_key_free(fixed);
    devid_key_free(wrapped);
}

static void a_tpm_that_was_never_there_is_no_error_before_it_is_needed(void **state)
{
    struct devid_key *key;
    struct devid_error err = {0};

    world_connect_by(*state, "swtpm:path=/nonexistent/swtpm");
    key = keys_open(world_store(*state), FIXED);
    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_E_AWAY, err);
    assert_non_null(strstr(err.text, "/nonexistent/swtpm"));
    devid_key_free(key);
}

/* TPM_RC_RETRY is the answer of many to the first use of a key whose failures they count. */
static void a_tpm_that_says_again_gets_that_command_again(void **state)
{
    assert_int_equal(setenv("DEVID_TCTI_FAULT", "2:retry:3", 1), 0);
    signs(*state, WRAPPED);
    assert_int_equal(unsetenv("DEVID_TCTI_FAULT"), 0);
    assert_sent(*state, "Load Sign(0x922) Sign(0x922) Sign(0x922) Sign FlushContext");
}

/* Whatever a TSS makes of the rest of its buffer. The fault comes again with the new connection. */
static void half_an_answer_is_none(void **state)
{
    struct devid_key *key = keys_open(world_store(*state), FIXED);
    struct devid_error err = {0};

    assert_int_equal(setenv("DEVID_TCTI_FAULT", "1:cut", 1), 0);
    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_E_AWAY, err);
    assert_int_equal(unsetenv("DEVID_TCTI_FAULT"), 0);
    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    assert_sent(*state, "Sign Sign Sign");
    devid_key_free(key);
}

/* Another thread may be looking into the environment while tpm2-tss is told to be quiet there. */
static void the_environment_stays_readable(void **state)
{
    char **before;
    size_t n = 0;

    assert_int_equal(unsetenv("TSS2_LOG"), 0);
    assert_int_equal(setenv("DEVID_TEST", "1", 1), 0); /* the list is libc's own from here on, which it would free */
    before = environ;
    signs(*state, FIXED);
    assert_string_equal(getenv("TSS2_LOG"), "all+none");
    for (; before[n] != NULL; n++)
        assert_ptr_equal(before[n], environ[n]);
    assert_true(n > 0);
    before = environ;
    assert_int_equal(begin(state), 0);
    signs(*state, FIXED);
    assert_ptr_equal(environ, before);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, nothing_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_sent_before_a_signature),
        TEST(a_process_that_signs_once_sends_no_more_than_it_must),
        TEST(a_lost_cache_costs_a_key_at_a_handle_nothing),
        TEST(a_lost_cache_costs_one_look),
        TEST(a_cache_that_lies_is_not_believed),
        TEST(threads_share_a_connection_and_keys),
        TEST(a_child_signs_with_its_parents_keys),
        TEST(a_child_waits_for_no_thread_of_its_parent),
        TEST(a_child_that_only_cleans_up_sends_nothing),
        TEST(processes_share_a_tpm_without_resource_manager),
        TEST(a_killed_process_holds_nobody_up),
        TEST(a_full_tpm_is_swept),
        TEST(what_others_may_be_using_is_not_swept),
        TEST(a_process_with_too_many_files_is_told_so),
        TEST(a_tpm_may_go_and_come_back),
        TEST(a_tpm_that_says_again_gets_that_command_again),
        TEST(half_an_answer_is_none),
        TEST(the_environment_stays_readable),
        TEST(a_tpm_that_was_never_there_is_no_error_before_it_is_needed),
    };

    return cmocka_run_group_tests(tests, start, world_end);
}
