/* SPDX-License-Identifier: BSD-2-Clause */
/* Many processes, many loads, and a store that is damaged at any byte. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tpm/pkcs11_face.h"

static CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
static unsigned char digest[32] = "0123456789abcdef0123456789abcde";
static char *self;

static CK_RV sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;
    CK_RV rv = f->C_SignInit(session, &ecdsa, key);

    return rv == CKR_OK ? f->C_Sign(session, digest, sizeof digest, sig, &n) : rv;
}

static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, const char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)}};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = 0;

    if (f->C_FindObjectsInit(session, template, 2) == CKR_OK) {
        (void)f->C_FindObjects(session, &key, 1, &n);
        (void)f->C_FindObjectsFinal(session);
    }
    return n == 1 ? key : 0;
}

static void *load(void)
{
    CK_C_GetFunctionList get;
    char path[1024];
    void *module;

    (void)snprintf(path, sizeof path, "%s/.libs/devid-pkcs11.so", getenv("DEVID_BUILD"));
    module = dlopen(path, RTLD_NOW);
    get = module != NULL ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
    return get != NULL && get(&f) == CKR_OK ? module : NULL;
}

/* What one of many processes does; its exit status. */
static int one_of_many(void)
{
    const char *const labels[] = {"wrapped", "azure:ldevid", "wrapped"};
    CK_SESSION_HANDLE session = 0;
    void *module = load();

    if (module == NULL || f->C_Initialize(NULL) != CKR_OK)
        return 1;
    if (f->C_OpenSession(OWNER, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
        return 2;
    for (int i = 0; i < 3; i++)
        if (sign(session, find(session, labels[i])) != CKR_OK)
            return 3;
    return f->C_Finalize(NULL) == CKR_OK ? 0 : 4;
}

/* In a TPM with three slots and nobody who manages them. */
static void sixty_four_processes_at_once(void **state)
{
    pid_t processes[64];
    int failed = 0, status;

    (void)state;
    for (int i = 0; i < 64; i++) {
        processes[i] = fork();
        if (processes[i] == 0) {
            (void)execl(self, self, "one", (char *)NULL);
            _exit(99);
        }
        assert_true(processes[i] > 0);
    }
    for (int i = 0; i < 64; i++) {
        assert_int_equal(waitpid(processes[i], &status, 0), processes[i]);
        failed += status != 0;
    }
    assert_int_equal(failed, 0);
}

static void a_thousand_loads(void **state)
{
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slots[8];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        void *module = load();
        CK_ULONG n = 8;

        assert_non_null(module);
        assert_rv(f->C_Initialize(NULL), CKR_OK);
        assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
        if (i % 100 == 0) { /* it is left as it is: a session, and a signature that has begun */
            session = p11_session(OWNER, 0);
            assert_rv(sign(session, find(session, "wrapped")), CKR_OK);
            assert_rv(f->C_SignInit(session, &ecdsa, find(session, "wrapped")), CKR_OK);
        }
        assert_rv(f->C_Finalize(NULL), CKR_OK);
        assert_int_equal(dlclose(module), 0);
    }
    assert_non_null(load());
}

static void write_bytes(const char *path, const unsigned char *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

/* A token whose PIN's file is damaged: its keys stay hidden. */
static void a_pin_file_that_is_cut_opens_nothing(void **state)
{
    static CK_BBOOL yes = CK_TRUE;
    static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, label[] = "vault                           ";
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_LABEL, (void *)(uintptr_t)"k", 1}};
    CK_MECHANISM keygen = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE key[2];
    struct p11 *t = *state;
    unsigned char data[8192];
    char path[512];
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    size_t len;
    FILE *file;
    CK_RV rv;

    assert_rv(f->C_Initialize(NULL), CKR_OK);
    assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    assert_rv(f->C_InitToken(slots[n - 1], (unsigned char *)"87654321", 8, label), CKR_OK);
    t->session = p11_session(slots[n - 1], CKF_RW_SESSION);
    assert_rv(f->C_Login(t->session, CKU_SO, (unsigned char *)"87654321", 8), CKR_OK);
    assert_rv(f->C_InitPIN(t->session, (unsigned char *)"123456", 6), CKR_OK);
    assert_rv(f->C_Logout(t->session), CKR_OK);
    assert_rv(f->C_Login(t->session, CKU_USER, (unsigned char *)"123456", 6), CKR_OK);
    assert_rv(f->C_GenerateKeyPair(t->session, &keygen, public, 1, private, 3, &key[0], &key[1]), CKR_OK);
    assert_rv(f->C_Finalize(NULL), CKR_OK);

    (void)snprintf(path, sizeof path, "%s/state/vault/.token", world_folder(t->world));
    assert_non_null(file = fopen(path, "r"));
    len = fread(data, 1, sizeof data, file);
    assert_int_equal(fclose(file), 0);
    for (size_t cut = 0; cut + 2 < len; cut += 13) {
        write_bytes(path, data, cut);
        assert_rv(f->C_Initialize(NULL), CKR_OK);
        t->session = p11_session(2, 0);
        assert_int_equal(find(t->session, "k"), 0);
        rv = f->C_Login(t->session, CKU_USER, (unsigned char *)"123456", 6);
        assert_true(rv == CKR_DEVICE_ERROR || rv == CKR_USER_PIN_NOT_INITIALIZED); /* nobody typed a wrong one */
        assert_rv(f->C_Finalize(NULL), CKR_OK);
    }
    write_bytes(path, data, len);
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    t->session = p11_session(2, 0);
    assert_rv(f->C_Login(t->session, CKU_USER, (unsigned char *)"123456", 6), CKR_OK);
    assert_rv(sign(t->session, find(t->session, "k")), CKR_OK);
}

/* Case 28: what was begun before does not go on after. */
static void a_signature_does_not_outlive_the_login(void **state)
{
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;
    CK_RV rv;
    struct p11 *t = *state;

    assert_rv(f->C_Initialize(NULL), CKR_OK);
    t->session = p11_session(2, 0);
    assert_rv(f->C_Login(t->session, CKU_USER, (unsigned char *)"123456", 6), CKR_OK);
    assert_rv(f->C_SignInit(t->session, &ecdsa, find(t->session, "k")), CKR_OK);
    assert_rv(f->C_Logout(t->session), CKR_OK);
    rv = f->C_Sign(t->session, digest, sizeof digest, sig, &n);
    assert_true(rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_OPERATION_NOT_INITIALIZED);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        P11_RAW_TEST(sixty_four_processes_at_once),
        P11_RAW_TEST(a_thousand_loads),
        P11_RAW_TEST(a_pin_file_that_is_cut_opens_nothing),
        P11_RAW_TEST(a_signature_does_not_outlive_the_login),
    };

    self = argv[0];
    if (argc == 2 && strcmp(argv[1], "one") == 0)
        return one_of_many();
    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
