/* SPDX-License-Identifier: BSD-2-Clause */
/* Sixteen threads at everything: sessions, searches, signatures, logins. DEVID_THREADS_S: how long, in seconds. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tpm/pkcs11_face.h"

#define THREADS 16

static CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, sha256 = {CKM_SHA256, NULL, 0}, keygen = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
static CK_SLOT_ID vault;
static atomic_bool is_over;
static atomic_uint n_signed, n_logins;

static CK_RV sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    unsigned char digest[32] = {1}, sig[64];
    CK_ULONG n = sizeof sig;
    CK_RV rv = f->C_SignInit(session, &ecdsa, key);

    if (rv == CKR_OK)
        rv = f->C_Sign(session, digest, sizeof digest, sig, &n);
    atomic_fetch_add(&n_signed, rv == CKR_OK);
    return rv;
}

static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, const char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)}};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_ULONG n = 0;

    if (f->C_FindObjectsInit(session, template, 2) == CKR_OK) {
        (void)f->C_FindObjects(session, &key, 1, &n);
        (void)f->C_FindObjectsFinal(session);
    }
    return n == 1 ? key : CK_INVALID_HANDLE;
}

/* Others log in and out meanwhile, so what needs the login may be refused, but with the right words. */
static bool is_about_login(CK_RV rv)
{
    return rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID;
}

static void *at_the_owner(void *wrong)
{
    const char *const labels[] = {"azure:ldevid", "wrapped"};
    unsigned char hash[32], data[] = "data";

    for (unsigned i = 0; !atomic_load(&is_over); i++) {
        CK_SESSION_HANDLE session = 0;
        CK_ULONG n = sizeof hash;
        CK_TOKEN_INFO info;

        if (f->C_OpenSession(OWNER, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK ||
            sign(session, find(session, labels[i % 2])) != CKR_OK || f->C_DigestInit(session, &sha256) != CKR_OK ||
            f->C_Digest(session, data, sizeof data, hash, &n) != CKR_OK || f->C_GetTokenInfo(OWNER, &info) != CKR_OK ||
            f->C_GenerateRandom(session, hash, sizeof hash) != CKR_OK || f->C_CloseSession(session) != CKR_OK)
            atomic_fetch_add((atomic_uint *)wrong, 1);
    }
    return NULL;
}

static void *at_the_vault(void *wrong)
{
    while (!atomic_load(&is_over)) {
        CK_SESSION_HANDLE session = 0;
        CK_OBJECT_HANDLE key;
        CK_RV rv = f->C_OpenSession(vault, CKF_SERIAL_SESSION, NULL, NULL, &session);

        if (rv == CKR_OK)
            rv = f->C_Login(session, CKU_USER, (unsigned char *)"123456", 6);
        atomic_fetch_add(&n_logins, rv == CKR_OK);
        if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
            atomic_fetch_add((atomic_uint *)wrong, 1);
        key = find(session, "k");
        rv = key != CK_INVALID_HANDLE ? sign(session, key) : CKR_OK;
        if (rv != CKR_OK && !is_about_login(rv))
            atomic_fetch_add((atomic_uint *)wrong, 1);
        rv = f->C_Logout(session);
        if (rv != CKR_OK && rv != CKR_USER_NOT_LOGGED_IN)
            atomic_fetch_add((atomic_uint *)wrong, 1);
        if (f->C_CloseSession(session) != CKR_OK)
            atomic_fetch_add((atomic_uint *)wrong, 1);
    }
    return NULL;
}

static void make_vault(struct p11 *t)
{
    static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, label[] = "vault                           ";
    static CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_LABEL, (void *)(uintptr_t)"k", 1}};
    CK_OBJECT_HANDLE key, public_key;
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;

    (void)t;
    assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    vault = slots[n - 1];
    assert_rv(f->C_InitToken(vault, (unsigned char *)"87654321", 8, label), CKR_OK);
    session = p11_session(vault, CKF_RW_SESSION);
    assert_rv(f->C_Login(session, CKU_SO, (unsigned char *)"87654321", 8), CKR_OK);
    assert_rv(f->C_InitPIN(session, (unsigned char *)"123456", 6), CKR_OK);
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_rv(f->C_Login(session, CKU_USER, (unsigned char *)"123456", 6), CKR_OK);
    assert_rv(f->C_GenerateKeyPair(session, &keygen, public, 1, private, 3, &public_key, &key), CKR_OK);
    assert_rv(f->C_CloseSession(session), CKR_OK);
}

static void sixteen_threads_do_everything(void **state)
{
    const char *seconds = getenv("DEVID_THREADS_S");
    pthread_t threads[THREADS];
    atomic_uint wrong = 0;

    make_vault(*state);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i % 2 != 0 ? at_the_vault : at_the_owner, &wrong), 0);
    (void)sleep(seconds != NULL ? (unsigned)atoi(seconds) : 3);
    atomic_store(&is_over, true);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
    assert_true(n_signed > 0 && n_logins > 0);
    print_message("%u signatures, %u logins\n", n_signed, n_logins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_TEST(sixteen_threads_do_everything),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
