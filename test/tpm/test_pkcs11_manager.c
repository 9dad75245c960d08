/* SPDX-License-Identifier: BSD-2-Clause */
/* The module behind a resource manager: what a process sends from C_Initialize to its first signature, and after it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tpm/manager.h"
#include "tpm/pkcs11_face.h"

static struct manager *manager;
static CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, keygen = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
static unsigned char digest[32] = "0123456789abcdef0123456789abcde";
static CK_BBOOL yes = CK_TRUE;

static int group_start(void **state)
{
    struct p11 *t;

    (void)p11_group_start(state);
    t = *state;
    manager = manager_start(t->world);
    return 0;
}

static int group_end(void **state)
{
    manager_stop(manager);
    return p11_group_end(state);
}

static int begin(void **state)
{
    if (manager == NULL)
        skip(); /* apt-get install tpm2-abrmd libtss2-tcti-tabrmd0 dbus-daemon */
    return p11_start(state);
}

/* The manager takes everything out of the TPM between two commands. */
static int end(void **state)
{
    struct p11 *t = *state;

    if (manager == NULL)
        return 0;
    (void)f->C_Finalize(NULL);
    assert_int_equal(dlclose(t->module), 0);
    manager_settle(manager);
    world_assert_clean(t->world);
    return 0;
}

static void sign(struct p11 *t, CK_OBJECT_HANDLE key)
{
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;

    assert_rv(f->C_SignInit(t->session, &ecdsa, key), CKR_OK);
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_OK);
}

static void the_first_signature_at_a_handle_is_the_first_command(void **state)
{
    struct p11 *t = *state;

    sign(t, p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid"));
    assert_commands(t, "Sign");
    sign(t, p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid"));
    assert_commands(t, "Sign");
}

static void a_wrapped_key_is_loaded_once(void **state)
{
    struct p11 *t = *state;

    sign(t, p11_find(t->session, CKO_PRIVATE_KEY, "wrapped"));
    assert_commands(t, "Load Sign");
    sign(t, p11_find(t->session, CKO_PRIVATE_KEY, "wrapped"));
    assert_commands(t, "Sign");
}

/* A session key's object is flushed with the session, or by the next load. */
static void a_session_key_is_loaded_once_and_not_kept(void **state)
{
    static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}}, private[] = {{CKA_SIGN, &yes, 1}};
    CK_OBJECT_HANDLE ours, public_key;
    struct p11 *t = *state;

    for (int i = 0; i < 12; i++) { /* more than a TPM has slots */
        CK_SESSION_HANDLE session = p11_session(OWNER, 0);

        assert_rv(f->C_GenerateKeyPair(session, &keygen, public, 1, private, 1, &public_key, &ours), CKR_OK);
        world_forget_commands(t->world);
        sign(t, ours);
        sign(t, ours);
        assert_int_equal(world_count(t->world, "Load"), 1);
        assert_int_equal(world_count(t->world, "Sign"), 2);
        assert_rv(f->C_CloseSession(session), CKR_OK);
    }
}

/* Its own session goes through the manager, too. */
static void a_key_behind_a_pin_is_loaded_once_a_login(void **state)
{
    static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, label[] = "vault                           ", mine[] = "mine";
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}}, private[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_LABEL, mine, 4}};
    CK_OBJECT_HANDLE key, public_key;
    CK_SESSION_HANDLE session;
    struct p11 *t = *state;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;

    assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    assert_rv(f->C_InitToken(slots[n - 1], (unsigned char *)"87654321", 8, label), CKR_OK);
    session = t->session = p11_session(slots[n - 1], CKF_RW_SESSION);
    assert_rv(f->C_Login(session, CKU_SO, (unsigned char *)"87654321", 8), CKR_OK);
    assert_rv(f->C_InitPIN(session, (unsigned char *)"123456", 6), CKR_OK);
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_rv(f->C_Login(session, CKU_USER, (unsigned char *)"123456", 6), CKR_OK);
    assert_rv(f->C_GenerateKeyPair(session, &keygen, public, 1, private, 3, &public_key, &key), CKR_OK);
    world_forget_commands(t->world);
    sign(t, key);
    assert_commands(t, "Load StartAuthSession Load ReadPublic FlushContext Sign");
    sign(t, key);
    assert_commands(t, "Sign");
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_commands(t, "");
    assert_rv(f->C_Login(session, CKU_USER, (unsigned char *)"123456", 6), CKR_OK);
    key = p11_find(session, CKO_PRIVATE_KEY, "mine"); /* its handle went with the logout, and what was loaded with the login */
    world_forget_commands(t->world);
    sign(t, key);
    assert_commands(t, "Load StartAuthSession Load ReadPublic FlushContext Sign");
}

/* Case 67. What was loaded is gone with it; a signature that has begun is made all the same, or is an error of the device. */
static void the_manager_may_be_restarted(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "wrapped");
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;
    CK_RV rv;

    sign(t, key);
    assert_rv(f->C_SignInit(t->session, &ecdsa, key), CKR_OK);
    manager_restart(manager);
    rv = f->C_Sign(t->session, digest, sizeof digest, sig, &n);
    assert_true(rv == CKR_OK || rv == CKR_DEVICE_ERROR || rv == CKR_DEVICE_REMOVED);
    sign(t, key);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    t->session = p11_session(OWNER, 0);
    sign(t, p11_find(t->session, CKO_PRIVATE_KEY, "wrapped"));
}

static char *self;

/* One of many processes: from nothing to three signatures. Its exit status. */
static int one_of_many(void)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (void *)(uintptr_t)"wrapped", 7}};
    CK_C_GetFunctionList get;
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE key = 0;
    unsigned char sig[64];
    CK_ULONG n = 0;
    char path[1024];
    void *module;

    (void)snprintf(path, sizeof path, "%s/.libs/devid-pkcs11.so", getenv("DEVID_BUILD"));
    module = dlopen(path, RTLD_NOW);
    get = module != NULL ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
    if (get == NULL || get(&f) != CKR_OK || f->C_Initialize(NULL) != CKR_OK ||
        f->C_OpenSession(OWNER, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK ||
        f->C_FindObjectsInit(session, template, 2) != CKR_OK || f->C_FindObjects(session, &key, 1, &n) != CKR_OK || n != 1)
        return 1;
    for (int i = 0; i < 3; i++) {
        n = sizeof sig;
        if (f->C_SignInit(session, &ecdsa, key) != CKR_OK || f->C_Sign(session, digest, sizeof digest, sig, &n) != CKR_OK)
            return 2;
    }
    return f->C_Finalize(NULL) == CKR_OK ? 0 : 3;
}

static void sixteen_processes_at_once(void **state)
{
    int failed = 0, status;
    pid_t processes[16];

    (void)state;
    for (int i = 0; i < 16; i++) {
        processes[i] = fork();
        if (processes[i] == 0) {
            (void)execl(self, self, "one", (char *)NULL);
            _exit(99);
        }
        assert_true(processes[i] > 0);
    }
    for (int i = 0; i < 16; i++) {
        assert_int_equal(waitpid(processes[i], &status, 0), processes[i]);
        failed += status != 0;
    }
    assert_int_equal(failed, 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_signature_at_a_handle_is_the_first_command),
        TEST(a_wrapped_key_is_loaded_once),
        TEST(a_session_key_is_loaded_once_and_not_kept),
        TEST(sixteen_processes_at_once),
        TEST(a_key_behind_a_pin_is_loaded_once_a_login),
        TEST(the_manager_may_be_restarted),
    };

    self = argv[0];
    if (argc == 2)
        return one_of_many();
    return cmocka_run_group_tests(tests, group_start, group_end);
}
