/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads, forks, a TPM that is gone, a configuration that is wrong. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tpm/pkcs11_face.h"

static CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
static unsigned char digest[32] = "0123456789abcdef0123456789abcde";

static CK_RV sign_by_label(CK_SESSION_HANDLE session, const char *label, unsigned char sig[64])
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (char *)(uintptr_t)label, strlen(label)}};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = 0;
    CK_RV rv = f->C_FindObjectsInit(session, template, 2);

    if (rv == CKR_OK)
        rv = f->C_FindObjects(session, &key, 1, &n);
    if (rv == CKR_OK)
        rv = f->C_FindObjectsFinal(session);
    if (rv == CKR_OK)
        rv = f->C_SignInit(session, &ecdsa, key);
    n = 64;
    return rv == CKR_OK ? f->C_Sign(session, digest, sizeof digest, sig, &n) : rv;
}

/* Every thread its own session, opened for each signature. */
static void *open_sign_close(void *label)
{
    uintptr_t n_failed = 0;

    for (int i = 0; i < 10; i++) {
        CK_SESSION_HANDLE session;
        unsigned char sig[64];

        n_failed += f->C_OpenSession(OWNER, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK;
        n_failed += sign_by_label(session, label, sig) != CKR_OK;
        n_failed += f->C_CloseSession(session) != CKR_OK;
    }
    return (void *)n_failed;
}

static void eight_threads_open_sign_and_close(void **state)
{
    struct p11 *t = *state;
    pthread_t threads[8];
    void *n_failed;

    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_sign_close,
                                        (void *)(uintptr_t)(i % 2 == 0 ? "azure:ldevid" : "wrapped")),
                         0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], &n_failed), 0);
        assert_ptr_equal(n_failed, NULL);
    }
    assert_int_equal(world_count(t->world, "Sign"), 80);
}

static void *sign_in_shared_session(void *session)
{
    unsigned char sig[64];

    for (int i = 0; i < 20; i++)
        (void)sign_by_label(*(CK_SESSION_HANDLE *)session, "azure:ldevid", sig);
    return NULL;
}

/* Whatever a session's users do to each other, and to the one that closes it, the process lives. */
static void a_session_may_be_closed_while_it_is_used(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE session = p11_session(OWNER, 0);
    pthread_t threads[4];
    CK_SESSION_INFO info;

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_in_shared_session, &session), 0);
    assert_rv(f->C_CloseSession(session), CKR_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_rv(f->C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    assert_rv(f->C_GetSessionInfo(t->session, &info), CKR_OK);
}

static void *finalize(void *unused)
{
    (void)unused;
    return (void *)(uintptr_t)f->C_Finalize(NULL);
}

static void finalising_waits_for_those_inside(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE session = t->session;
    pthread_t signer, finalizer;
    void *rv;

    assert_int_equal(pthread_create(&signer, NULL, sign_in_shared_session, &session), 0);
    assert_int_equal(pthread_create(&finalizer, NULL, finalize, NULL), 0);
    assert_int_equal(pthread_join(finalizer, &rv), 0);
    assert_int_equal(pthread_join(signer, NULL), 0);
    assert_ptr_equal(rv, NULL);
    assert_rv(f->C_Initialize(NULL), CKR_OK);
}

/* What the child found wrong, by number; 0 for nothing. */
static int child_begins_anew(CK_SESSION_HANDLE parents)
{
    CK_SESSION_HANDLE session;
    CK_SESSION_INFO info;
    unsigned char sig[64];

    if (f->C_GetSessionInfo(parents, &info) != CKR_CRYPTOKI_NOT_INITIALIZED)
        return 1;
    if (f->C_SignInit(parents, &ecdsa, 1) != CKR_CRYPTOKI_NOT_INITIALIZED || f->C_Finalize(NULL) == CKR_OK)
        return 2;
    if (f->C_Initialize(NULL) != CKR_OK)
        return 3;
    if (f->C_GetSessionInfo(parents, &info) != CKR_SESSION_HANDLE_INVALID)
        return 4;
    if (f->C_OpenSession(OWNER, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
        return 5;
    if (sign_by_label(session, "wrapped", sig) != CKR_OK || sign_by_label(session, "azure:ldevid", sig) != CKR_OK)
        return 6;
    return f->C_Finalize(NULL) == CKR_OK ? 0 : 7;
}

/* Case 8. */
static void a_child_begins_anew_and_leaves_its_parent_alone(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "wrapped");
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;
    int status;
    pid_t child;

    assert_rv(sign_by_label(t->session, "azure:ldevid", sig), CKR_OK); /* connected, and in the middle of another */
    assert_rv(f->C_SignInit(t->session, &ecdsa, key), CKR_OK);
    child = fork();
    if (child == 0)
        _exit(child_begins_anew(t->session));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_OK);
    assert_true(p11_is_signature(t->ids.wrapped.cert, NULL, NULL, digest, sizeof digest, sig, n));
    child = fork(); /* a child that only ends does nothing to anybody */
    if (child == 0)
        exit(0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_rv(sign_by_label(t->session, "wrapped", sig), CKR_OK);
}

/* Case 11: the module is loaded and unloaded, and the program ends without a word to it. */
static void exit_without_finalize_is_quiet(void **state)
{
    struct p11 *t = *state;
    int status;
    pid_t child;

    for (int i = 0; i < 20; i++) {
        (void)p11_end(state);
        (void)p11_start(state);
    }
    child = fork();
    if (child == 0) {
        unsigned char sig[64];

        if (f->C_Initialize(NULL) != CKR_OK ||
            f->C_OpenSession(OWNER, CKF_SERIAL_SESSION, NULL, NULL, &t->session) != CKR_OK ||
            sign_by_label(t->session, "wrapped", sig) != CKR_OK)
            _exit(1);
        exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static CK_FUNCTION_LIST *last; /* of a process that finalises when it ends */

static void last_words(void)
{
    if (last != NULL && last->C_Finalize(NULL) != CKR_OK)
        _exit(3);
}

/* main registers last_words before libcrypto registers its own cleanup, so that is over by then. */
static void finalising_after_libcrypto_is_gone_is_quiet(void **state)
{
    struct p11 *t = *state;
    int status;
    pid_t child = fork();

    if (child == 0) {
        unsigned char sig[64];

        if (f->C_Initialize(NULL) != CKR_OK ||
            f->C_OpenSession(OWNER, CKF_SERIAL_SESSION, NULL, NULL, &t->session) != CKR_OK ||
            sign_by_label(t->session, "wrapped", sig) != CKR_OK)
            _exit(1);
        last = f;
        exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* A configuration of this text, beside the world's. */
static void with_conf(struct p11 *t, const char *name, const char *text)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", world_folder(t->world), name);
    assert_non_null(file = fopen(path, "w"));
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(setenv("DEVID_CONF", path, 1), 0);
}

static void assert_empty_slots(void)
{
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slots[4];
    CK_TOKEN_INFO info;
    CK_ULONG n = 4;

    assert_rv(f->C_Initialize(NULL), CKR_OK);
    assert_rv(f->C_GetSlotList(CK_FALSE, slots, &n), CKR_OK);
    assert_int_equal(n, 2);
    n = 4;
    assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    assert_int_equal(n, 0);
    assert_rv(f->C_GetTokenInfo(OWNER, &info), CKR_TOKEN_NOT_PRESENT);
    assert_rv(f->C_OpenSession(OWNER, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_TOKEN_NOT_PRESENT);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

/* Case 18. */
static void without_a_tpm_the_slots_are_empty(void **state)
{
    struct p11 *t = *state;
    char *before = strdup(getenv("DEVID_CONF"));

    with_conf(t, "no-tpm.conf", "[device]\ntcti = swtpm:path=/nowhere/swtpm\nstate = /nowhere/state\n");
    assert_empty_slots();
    assert_int_equal(setenv("DEVID_CONF", before, 1), 0);
    free(before);
}

static void a_broken_configuration_breaks_no_program(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE session;
    unsigned char sig[64];
    char *before = strdup(getenv("DEVID_CONF"));

    with_conf(t, "broken.conf", "[device\nnonsense\n");
    assert_empty_slots();
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    assert_int_equal(setenv("DEVID_CONF", before, 1), 0); /* mended: no restart is needed */
    session = p11_session(OWNER, 0);
    assert_rv(sign_by_label(session, "azure:ldevid", sig), CKR_OK);
    free(before);
}

/* Standard error goes to a file, as long as a test looks whether anything is written to it. */
static int hush(struct p11 *t)
{
    int before = dup(STDERR_FILENO), file;
    char path[512];

    (void)snprintf(path, sizeof path, "%s/stderr", world_folder(t->world));
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(before >= 0 && file >= 0);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    (void)close(file);
    return before;
}

static void assert_nothing_said(int before)
{
    struct stat st;

    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(before);
    assert_int_equal(st.st_size, 0);
}

static bool is_about_the_device(CK_RV rv)
{
    return rv == CKR_DEVICE_REMOVED || rv == CKR_DEVICE_ERROR || rv == CKR_TOKEN_NOT_PRESENT;
}

/* Case 67. No restart is needed, and no new session: the TPM is back, and goes on. */
static void a_tpm_that_goes_is_an_error_of_the_device_until_it_comes_back(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid");
    int before = hush(t);
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;
    CK_SLOT_ID slots[8];
    CK_TOKEN_INFO info;

    assert_rv(sign_by_label(t->session, "wrapped", sig), CKR_OK);
    assert_rv(f->C_SignInit(t->session, &ecdsa, key), CKR_OK);
    world_stop_tpm(t->world);
    assert_true(is_about_the_device(f->C_Sign(t->session, digest, sizeof digest, sig, &n)));
    assert_true(is_about_the_device(sign_by_label(t->session, "wrapped", sig)));
    assert_rv(f->C_GetTokenInfo(OWNER, &info), CKR_OK); /* what is known stays known */
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    assert_rv(f->C_Initialize(NULL), CKR_OK); /* nor does a program notice that begins without it */
    n = 8;
    assert_rv(f->C_GetSlotList(CK_FALSE, slots, &n), CKR_OK);
    t->session = p11_session(OWNER, CKF_RW_SESSION);
    assert_true(is_about_the_device(sign_by_label(t->session, "azure:ldevid", sig)));
    world_start_tpm(t->world);
    assert_rv(sign_by_label(t->session, "azure:ldevid", sig), CKR_OK);
    assert_rv(sign_by_label(t->session, "wrapped", sig), CKR_OK);
    assert_nothing_said(before);
}

/* The store remembers the TPM of yesterday. What is in it is shown, and signs nothing; when that one is back, it does. */
static void another_tpm_than_yesterdays_signs_nothing(void **state)
{
    static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}};
    CK_MECHANISM keygen = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    struct p11 *t = *state;
    int before = hush(t);
    CK_OBJECT_HANDLE key[2];
    unsigned char sig[64];
    CK_SLOT_ID slots[8];
    CK_TOKEN_INFO info;
    CK_ULONG n = 8;

    assert_rv(sign_by_label(t->session, "wrapped", sig), CKR_OK);
    world_change_tpm(t->world);
    for (int i = 0; i < 2; i++) { /* in the process that saw the change, and in one that did not */
        assert_true(is_about_the_device(sign_by_label(t->session, "azure:ldevid", sig)));
        assert_true(is_about_the_device(sign_by_label(t->session, "wrapped", sig)));
        n = 8;
        assert_rv(f->C_GetSlotList(CK_FALSE, slots, &n), CKR_OK);
        assert_rv(f->C_GetTokenInfo(OWNER, &info), CKR_OK);
        assert_rv(f->C_Finalize(NULL), CKR_OK);
        assert_rv(f->C_Initialize(NULL), CKR_OK);
        t->session = p11_session(OWNER, CKF_RW_SESSION);
        /* with a storage root key of its own it knows a wrapped key for another one's */
        assert_rv(f->C_GenerateKeyPair(t->session, &keygen, public, 1, NULL, 0, &key[0], &key[1]), CKR_OK);
    }
    world_change_tpm(t->world);
    assert_rv(sign_by_label(t->session, "azure:ldevid", sig), CKR_OK);
    assert_rv(sign_by_label(t->session, "wrapped", sig), CKR_OK);
    assert_nothing_said(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_TEST(eight_threads_open_sign_and_close),
        P11_TEST(a_session_may_be_closed_while_it_is_used),
        P11_TEST(finalising_waits_for_those_inside),
        P11_TEST(a_child_begins_anew_and_leaves_its_parent_alone),
        P11_TEST(exit_without_finalize_is_quiet),
        P11_TEST(finalising_after_libcrypto_is_gone_is_quiet),
        P11_RAW_TEST(without_a_tpm_the_slots_are_empty),
        P11_RAW_TEST(a_broken_configuration_breaks_no_program),
        P11_TEST(a_tpm_that_goes_is_an_error_of_the_device_until_it_comes_back),
        P11_TEST(another_tpm_than_yesterdays_signs_nothing),
    };

    assert_int_equal(atexit(last_words), 0);
    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
