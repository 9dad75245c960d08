/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that others damage, lock up or change, and processes that are killed while they write to it: the token is shown, the rest
 * works, and nothing of what is there is overwritten.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tpm/pkcs11_face.h"

#define TEXT(s) (void *)(uintptr_t)(s), strlen(s)

static CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, keygen = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
static CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY, data = CKO_DATA, certificate = CKO_CERTIFICATE;
static CK_BBOOL yes = CK_TRUE;
static char *self;

/* ---- what a client does; nothing here fails a test, for a child does it, too ---- */

static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label)
{
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, TEXT(label)}};
    CK_OBJECT_HANDLE found[2] = {0};
    CK_ULONG n = 0;

    if (f->C_FindObjectsInit(session, template, 2) == CKR_OK) {
        (void)f->C_FindObjects(session, found, 2, &n);
        (void)f->C_FindObjectsFinal(session);
    }
    return n == 1 ? found[0] : 0;
}

static CK_RV sign(CK_SESSION_HANDLE session, const char *label)
{
    unsigned char digest[32] = {1}, sig[64];
    CK_ULONG n = sizeof sig;
    CK_RV rv = f->C_SignInit(session, &ecdsa, find(session, private_key, label));

    return rv == CKR_OK ? f->C_Sign(session, digest, sizeof digest, sig, &n) : rv;
}

static CK_RV set_label(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const char *label)
{
    CK_ATTRIBUTE a = {CKA_LABEL, TEXT(label)};

    return f->C_SetAttributeValue(session, object, &a, 1);
}

static CK_RV generate(CK_SESSION_HANDLE session, const char *label)
{
    static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_LABEL, TEXT(label)}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1}, {CKA_LABEL, TEXT(label)}};
    CK_OBJECT_HANDLE key[2];

    return f->C_GenerateKeyPair(session, &keygen, public, 2, private, 2, &key[0], &key[1]);
}

static CK_RV note(CK_SESSION_HANDLE session, const char *label, const char *value)
{
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &data, sizeof data}, {CKA_TOKEN, &yes, 1}, {CKA_LABEL, TEXT(label)}, {CKA_VALUE, TEXT(value)}};
    CK_OBJECT_HANDLE made;

    return f->C_CreateObject(session, t, 4, &made);
}

/* Another certificate for the key "wrapped", from a file of the world's folder. */
static CK_RV renew(CK_SESSION_HANDLE session, const char *path)
{
    CK_CERTIFICATE_TYPE x509 = CKC_X_509;
    unsigned char der[4096];
    FILE *file = fopen(path, "r");
    size_t len = file != NULL ? fread(der, 1, sizeof der, file) : 0;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &certificate, sizeof certificate}, {CKA_CERTIFICATE_TYPE, &x509, sizeof x509},
                        {CKA_TOKEN, &yes, 1}, {CKA_VALUE, der, len}};
    CK_OBJECT_HANDLE made;

    if (file != NULL)
        (void)fclose(file);
    return f->C_CreateObject(session, t, 4, &made);
}

static CK_SESSION_HANDLE begin(void)
{
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    return p11_session(OWNER, CKF_RW_SESSION);
}

static void end(void)
{
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

/* ---- processes that are killed ---- */

/* What the program does when it is run as a child; its exit status. */
static int act(const char *what, const char *path)
{
    CK_SESSION_HANDLE session = 0;
    CK_C_GetFunctionList get;
    char module[1024];
    void *handle;
    CK_RV rv;

    (void)snprintf(module, sizeof module, "%s/.libs/devid-pkcs11.so", getenv("DEVID_BUILD"));
    handle = dlopen(module, RTLD_NOW);
    get = handle != NULL ? (CK_C_GetFunctionList)dlsym(handle, "C_GetFunctionList") : NULL;
    if (get == NULL || get(&f) != CKR_OK || f->C_Initialize(NULL) != CKR_OK ||
        f->C_OpenSession(OWNER, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) != CKR_OK)
        return 1;
    if (strcmp(what, "rename") == 0)
        rv = set_label(session, find(session, private_key, "old"), "new");
    else if (strcmp(what, "generate") == 0)
        rv = generate(session, "made");
    else
        rv = renew(session, path);
    return rv == CKR_OK ? 0 : 2;
}

/* As waitpid tells it. */
static int run_with(struct p11 *t, const char *what, const char *variable, const char *value)
{
    char library[1024], path[512];
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        (void)snprintf(library, sizeof library, "%s/.libs/libfile-fault.so", getenv("DEVID_BUILD"));
        (void)snprintf(path, sizeof path, "%s/new.der", world_folder(t->world));
        (void)setenv(variable, value, 1);
        (void)setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
        (void)setenv("LD_PRELOAD", library, 1);
        (void)execl(self, self, what, path, (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* True if it was killed in the middle, false if it came to its end. */
static bool is_killed(struct p11 *t, const char *what, const char *variable, int at)
{
    char number[16];
    int status;

    (void)snprintf(number, sizeof number, "%d", at);
    status = run_with(t, what, variable, number);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    assert_int_equal(status, 0);
    return false;
}

static const char *const renames[] = {"KILL_BEFORE_RENAME", "KILL_AFTER_RENAME"};

/* A key has its old name or its new one, whenever it is: never two, and never none. */
static void a_rename_that_is_cut_off_leaves_one_key_of_one_name(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE session = begin();

    assert_rv(generate(session, "old"), CKR_OK);
    end();
    for (int i = 0; i < 2; i++) {
        bool killed = true;
        int n;

        for (n = 1; killed; n++) {
            CK_OBJECT_HANDLE old, new;

            killed = is_killed(t, "rename", renames[i], n);
            session = begin();
            old = find(session, private_key, "old");
            new = find(session, private_key, "new");
            assert_true((old == 0) != (new == 0));
            assert_true(killed || new != 0);
            assert_rv(sign(session, old != 0 ? "old" : "new"), CKR_OK);
            if (new != 0)
                assert_rv(set_label(session, new, "old"), CKR_OK);
            end();
        }
        assert_true(n > 3); /* it writes twice, and every cut was tried */
    }
    session = begin();
    assert_rv(f->C_DestroyObject(session, find(session, CKO_PUBLIC_KEY, "old")), CKR_OK);
    assert_rv(f->C_DestroyObject(session, find(session, private_key, "old")), CKR_OK);
    end();
}

/* Case 73: at each rename, and after each TPM command. */
static void a_key_pair_that_is_cut_off_is_whole_or_not_there(void **state)
{
    static const char *const cuts[] = {"KILL_BEFORE_RENAME", "KILL_AFTER_RENAME", "DEVID_TCTI_KILL"};
    struct p11 *t = *state;

    for (int i = 0; i < 3; i++) {
        bool killed = true;

        for (int n = 1; killed; n++) {
            CK_SESSION_HANDLE session;
            CK_OBJECT_HANDLE key, public;

            killed = is_killed(t, "generate", cuts[i], n);
            session = begin();
            key = find(session, private_key, "made");
            public = find(session, CKO_PUBLIC_KEY, "made");
            assert_true((key == 0) == (public == 0));
            assert_true(killed || key != 0);
            if (key != 0) {
                assert_rv(sign(session, "made"), CKR_OK);
                assert_rv(f->C_DestroyObject(session, public), CKR_OK);
                assert_rv(f->C_DestroyObject(session, key), CKR_OK);
            }
            assert_rv(sign(session, "wrapped"), CKR_OK);
            end();
            world_assert_clean(t->world);
        }
    }
}

/* Each change of a file fails in turn, the last of all, the folder's sync, too: a pair that the client was told not to have is not there. */
static void a_key_pair_that_fails_is_not_there(void **state)
{
    enum { N_MOST = 18 };
    struct p11 *t = *state;
    unsigned n_failed = 0;
    char folder[512];

    (void)snprintf(folder, sizeof folder, "%s/state/owner", world_folder(t->world));
    assert_int_equal(setenv("FILE_FAULT_DIRS", folder, 1), 0);
    for (int n = 1; n <= N_MOST; n++) {
        char fault[32];
        int status;
        CK_SESSION_HANDLE session;
        CK_OBJECT_HANDLE key;

        (void)snprintf(fault, sizeof fault, "%d:fail", n);
        status = run_with(t, "generate", "FILE_FAULT", fault);
        assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2));
        n_failed += WEXITSTATUS(status) == 2;
        assert_false(n == N_MOST && WEXITSTATUS(status) != 0);
        session = begin();
        key = find(session, private_key, "made");
        assert_int_equal(key != 0, WEXITSTATUS(status) == 0);
        if (key != 0) {
            assert_rv(f->C_DestroyObject(session, find(session, CKO_PUBLIC_KEY, "made")), CKR_OK);
            assert_rv(f->C_DestroyObject(session, key), CKR_OK);
        }
        end();
    }
    assert_int_equal(unsetenv("FILE_FAULT_DIRS"), 0);
    assert_int_equal(n_failed, 5); /* the file: made, written, synced, renamed, and its folder synced */
    world_assert_clean(t->world);
}

static void write_new_certificate(struct p11 *t)
{
    X509 *cert = identities_certificate("new", X509_get0_pubkey(t->ids.wrapped.cert), t->ids.ca, t->ids.ca_key);
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/new.der", world_folder(t->world));
    assert_non_null(file = fopen(path, "w"));
    assert_int_equal(fwrite(der, 1, (size_t)len, file), (size_t)len);
    assert_int_equal(fclose(file), 0);
    OPENSSL_free(der);
    X509_free(cert);
}

/* Case 73, and the one that it had is not lost. */
static void a_certificate_that_is_cut_off_leaves_the_old_one(void **state)
{
    struct p11 *t = *state;
    CK_ATTRIBUTE all[] = {{CKA_CLASS, &certificate, sizeof certificate}};
    CK_ULONG n_before, n_after;
    CK_SESSION_HANDLE session = begin();

    n_before = p11_count(session, all, 1);
    end();
    write_new_certificate(t);
    for (int i = 0; i < 2; i++) {
        bool killed = true;

        for (int n = 1; killed; n++) {
            killed = is_killed(t, "certificate", renames[i], n);
            session = begin();
            n_after = p11_count(session, all, 1);
            assert_true(n_after == n_before || n_after == n_before + 1);
            assert_rv(sign(session, "wrapped"), CKR_OK);
            end();
        }
        assert_int_equal(n_after, n_before + 1);
    }
}

/* ---- files that are damaged ---- */

static size_t read_bytes(const char *path, unsigned char out[8192])
{
    FILE *file = fopen(path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(out, 1, 8192, file);
    assert_int_equal(fclose(file), 0);
    assert_true(len < 8192);
    return len;
}

static void write_bytes(const char *path, const unsigned char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

static void assert_bytes(const char *path, const unsigned char *expected, size_t len)
{
    unsigned char now[8192];

    assert_int_equal(read_bytes(path, now), len);
    assert_memory_equal(now, expected, len);
}

/* The only .obj file of the owner's folder. */
static void object_path(struct p11 *t, char path[512])
{
    char command[512];
    FILE *pipe;

    (void)snprintf(command, sizeof command, "ls %s/state/owner/*.obj", world_folder(t->world));
    assert_non_null(pipe = popen(command, "r"));
    assert_non_null(fgets(path, 512, pipe));
    path[strcspn(path, "\n")] = 0;
    assert_int_equal(pclose(pipe), 0);
}

/* Cut off after each of its bytes: what it held may be missing; all else is there, and the file stays as it is. */
static void cut_everywhere(const char *path, CK_OBJECT_CLASS class, const char *label)
{
    unsigned char whole[8192];
    size_t len = read_bytes(path, whole);
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO info;

    for (size_t cut = 0; cut < len; cut++) {
        write_bytes(path, whole, cut);
        session = begin();
        assert_rv(f->C_GetTokenInfo(OWNER, &info), CKR_OK);
        assert_int_not_equal(find(session, private_key, "rsa"), 0);
        if (cut % 64 == 0)
            assert_rv(sign(session, "azure:ldevid"), CKR_OK);
        if (cut % 64 == 0 && find(session, class, label) == 0) { /* nor does who writes beside it */
            assert_rv(note(session, "beside", "it"), CKR_OK);
            assert_rv(f->C_DestroyObject(session, find(session, data, "beside")), CKR_OK);
        }
        end();
        assert_bytes(path, whole, cut);
    }
    write_bytes(path, whole, len);
    session = begin();
    assert_int_not_equal(find(session, class, label), 0);
    end();
}

/* Case 50. */
static void a_file_that_is_cut_at_any_byte_hides_nothing_else(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE session = begin();
    char path[512];

    assert_rv(note(session, "cut", "some text that is kept in the token"), CKR_OK);
    end();
    object_path(t, path);
    cut_everywhere(path, data, "cut");
    session = begin();
    assert_rv(f->C_DestroyObject(session, find(session, data, "cut")), CKR_OK);
    end();
    (void)snprintf(path, sizeof path, "%s/state/owner/wrapped.pem", world_folder(t->world));
    cut_everywhere(path, private_key, "wrapped");
    session = begin();
    assert_rv(sign(session, "wrapped"), CKR_OK);
}

/* Case 50: a later version's file means something that this one does not know. */
static void a_file_of_another_version_is_left_alone(void **state)
{
    struct p11 *t = *state;
    unsigned char whole[8192];
    CK_SESSION_HANDLE session;
    char path[512], *format;
    size_t len;

    (void)snprintf(path, sizeof path, "%s/state/owner/wrapped.pem", world_folder(t->world));
    len = read_bytes(path, whole);
    whole[len] = 0;
    assert_non_null(format = strstr((char *)whole, "format: 1"));
    format[8] = '2';
    write_bytes(path, whole, len);
    session = begin();
    assert_int_equal(find(session, private_key, "wrapped"), 0);
    assert_rv(sign(session, "azure:ldevid"), CKR_OK);
    assert_rv(generate(session, "wrapped"), CKR_OK); /* another one, in a file of its own */
    assert_rv(sign(session, "wrapped"), CKR_OK);
    assert_rv(f->C_DestroyObject(session, find(session, CKO_PUBLIC_KEY, "wrapped")), CKR_OK);
    assert_rv(f->C_DestroyObject(session, find(session, private_key, "wrapped")), CKR_OK);
    end();
    assert_bytes(path, whole, len);
    format[8] = '1';
    write_bytes(path, whole, len);
    session = begin();
    assert_rv(sign(session, "wrapped"), CKR_OK);
}

/* ---- files of others ---- */

/* Permissions mean something to root only without its capabilities. */
static void become_a_user(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};

    (void)syscall(SYS_capset, &header, none);
}

/* What a user sees that may not do all; 0, or the number of what was wrong. */
static int user_sees(bool has_wrapped, bool may_write)
{
    CK_RV wanted = may_write ? CKR_OK : CKR_DEVICE_ERROR;
    CK_ATTRIBUTE data_object = {CKA_CLASS, &data, sizeof data};
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE made;
    CK_TOKEN_INFO info;

    become_a_user();
    if (f->C_Initialize(NULL) != CKR_OK || f->C_GetTokenInfo(OWNER, &info) != CKR_OK ||
        f->C_OpenSession(OWNER, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) != CKR_OK)
        return 1;
    if ((find(session, private_key, "wrapped") != 0) != has_wrapped || sign(session, "azure:ldevid") != CKR_OK)
        return 2;
    if (f->C_CreateObject(session, &data_object, 1, &made) != CKR_OK) /* in the session */
        return 3;
    if (note(session, "mine", "text") != wanted || generate(session, "wrapped-2") != wanted)
        return 4;
    if (may_write) {
        if (f->C_DestroyObject(session, find(session, data, "mine")) != CKR_OK ||
            f->C_DestroyObject(session, find(session, CKO_PUBLIC_KEY, "wrapped-2")) != CKR_OK ||
            f->C_DestroyObject(session, find(session, private_key, "wrapped-2")) != CKR_OK)
            return 5;
    } else if (set_label(session, find(session, private_key, "wrapped"), "mine") != CKR_DEVICE_ERROR ||
               f->C_DestroyObject(session, find(session, private_key, "wrapped")) != CKR_DEVICE_ERROR ||
               find(session, private_key, "wrapped") == 0) {
        return 6;
    }
    return f->C_Finalize(NULL) == CKR_OK ? 0 : 7;
}

static void assert_user_sees(bool has_wrapped, bool may_write)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(user_sees(has_wrapped, may_write));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Case 50. */
static void a_file_of_another_user_hides_nothing_else(void **state)
{
    struct p11 *t = *state;
    unsigned char before[8192];
    char path[512];
    size_t len;

    (void)snprintf(path, sizeof path, "%s/state/owner/wrapped.pem", world_folder(t->world));
    len = read_bytes(path, before);
    if (geteuid() == 0)
        assert_int_equal(chown(path, 65534, 65534), 0);
    assert_int_equal(chmod(path, geteuid() == 0 ? 0600 : 0), 0);
    assert_user_sees(false, true);
    assert_int_equal(chmod(path, 0644), 0);
    assert_user_sees(true, true); /* another one's, and to be read */
    assert_bytes(path, before, len);
    if (geteuid() == 0)
        assert_int_equal(chown(path, 0, 0), 0);
}

/* Case 50: it can be used, and writing is an error of the device. */
static void a_store_that_is_read_only_is_used(void **state)
{
    struct p11 *t = *state;
    char path[512];

    (void)snprintf(path, sizeof path, "%s/state/owner", world_folder(t->world));
    assert_int_equal(chmod(path, 0555), 0);
    assert_user_sees(true, false);
    assert_int_equal(chmod(path, 0755), 0);
    assert_user_sees(true, true);
}

/* ---- changes by others, meanwhile ---- */

/* Another process changes one attribute, this one another, of what it saw before: both are kept. */
static void a_change_that_comes_second_keeps_the_first(void **state)
{
    CK_SESSION_HANDLE session = begin();
    CK_ATTRIBUTE theirs = {CKA_VALUE, TEXT("theirs")};
    CK_OBJECT_HANDLE object;
    char value[16];
    int status;
    pid_t child;

    (void)state;
    assert_rv(note(session, "shared", "first"), CKR_OK);
    object = find(session, data, "shared");
    child = fork();
    if (child == 0) {
        CK_SESSION_HANDLE other = 0;

        _exit(f->C_Initialize(NULL) == CKR_OK &&
                      f->C_OpenSession(OWNER, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &other) == CKR_OK &&
                      f->C_SetAttributeValue(other, find(other, data, "shared"), &theirs, 1) == CKR_OK
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_rv(set_label(session, object, "ours"), CKR_OK);
    assert_int_equal(find(session, data, "ours"), object);
    assert_int_equal(p11_attr(session, object, CKA_VALUE, value, sizeof value), 6);
    assert_memory_equal(value, "theirs", 6);
    assert_rv(f->C_DestroyObject(session, object), CKR_OK);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        P11_RAW_TEST(a_rename_that_is_cut_off_leaves_one_key_of_one_name),
        P11_RAW_TEST(a_key_pair_that_is_cut_off_is_whole_or_not_there),
        P11_RAW_TEST(a_key_pair_that_fails_is_not_there),
        P11_RAW_TEST(a_certificate_that_is_cut_off_leaves_the_old_one),
        P11_RAW_TEST(a_file_that_is_cut_at_any_byte_hides_nothing_else),
        P11_RAW_TEST(a_file_of_another_version_is_left_alone),
        P11_RAW_TEST(a_file_of_another_user_hides_nothing_else),
        P11_RAW_TEST(a_store_that_is_read_only_is_used),
        P11_RAW_TEST(a_change_that_comes_second_keeps_the_first),
    };

    self = argv[0];
    if (argc == 3)
        return act(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
