/* SPDX-License-Identifier: BSD-2-Clause */
/* Tokens with a PIN, as clients make and use them. PKCS#11 2.40, 5.5 and 5.6. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tpm/by_hand.h"
#undef assert_commands
#include "tpm/pkcs11_face.h"

#define PIN(text) (unsigned char *)(uintptr_t)(text), sizeof(text) - 1

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static CK_MECHANISM ec = {CKM_EC_KEY_PAIR_GEN, NULL, 0}, ecdsa = {CKM_ECDSA, NULL, 0};
static unsigned char digest[32] = "0123456789abcdef0123456789abcde";
static CK_SLOT_ID vault; /* slot of the token that the tests make */

static CK_RV init_token(CK_SLOT_ID slot, const char *name, const char *pin)
{
    unsigned char label[32];

    memset(label, ' ', sizeof label);
    memcpy(label, name, strlen(name));
    return f->C_InitToken(slot, (unsigned char *)(uintptr_t)pin, strlen(pin), label);
}

static CK_FLAGS token_flags(CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;

    assert_rv(f->C_GetTokenInfo(slot, &info), CKR_OK);
    return info.flags;
}

static CK_ULONG state_of(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    assert_rv(f->C_GetSessionInfo(session, &info), CKR_OK);
    return info.state;
}

/* The last slot: the one with room. */
static CK_SLOT_ID free_slot(void)
{
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16;

    assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    assert_int_equal(token_flags(slots[n - 1]) & CKF_TOKEN_INITIALIZED, 0);
    return slots[n - 1];
}

/* A token "vault", with the security officer's PIN 87654321 and the user's 123456. */
static int start(void **state)
{
    CK_SESSION_HANDLE session;
    struct p11 *t;

    if (p11_start(state) != 0)
        return -1;
    t = *state;
    by_hand(t->world, "rm -rf state/vault state/safe; tpm2_dictionarylockout -c");
    vault = free_slot();
    assert_rv(init_token(vault, "vault", "87654321"), CKR_OK);
    assert_int_equal(token_flags(vault), CKF_RNG | CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED);
    session = p11_session(vault, CKF_RW_SESSION);
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_USER_PIN_NOT_INITIALIZED);
    assert_rv(f->C_InitPIN(session, PIN("123456")), CKR_USER_NOT_LOGGED_IN);
    assert_rv(f->C_Login(session, CKU_SO, PIN("87654321")), CKR_OK);
    assert_int_equal(state_of(session), CKS_RW_SO_FUNCTIONS);
    assert_rv(f->C_InitPIN(session, PIN("123")), CKR_PIN_LEN_RANGE);
    assert_rv(f->C_InitPIN(session, PIN("123456")), CKR_OK);
    assert_rv(f->C_CloseSession(session), CKR_OK);
    assert_int_equal(token_flags(vault), CKF_RNG | CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED);
    world_forget_commands(t->world);
    return 0;
}

static int end(void **state)
{
    struct p11 *t = *state;

    by_hand(t->world, "tpm2_dictionarylockout -c");
    return p11_end(state);
}

static CK_RV generate(CK_SESSION_HANDLE session, CK_BBOOL *is_token, CK_BBOOL *is_private, CK_OBJECT_HANDLE key[2])
{
    CK_ATTRIBUTE public[] = {{CKA_TOKEN, is_token, 1}, {CKA_EC_PARAMS, p256, sizeof p256}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, is_token, 1}, {CKA_PRIVATE, is_private, 1}, {CKA_LABEL, (void *)(uintptr_t)"k", 1}};

    return f->C_GenerateKeyPair(session, &ec, public, 2, private, 3, &key[0], &key[1]);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;
    CK_RV rv = f->C_SignInit(session, &ecdsa, key);

    return rv == CKR_OK ? f->C_Sign(session, digest, sizeof digest, sig, &n) : rv;
}

static CK_ULONG count(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class)
{
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}};

    return p11_count(session, template, 1);
}

static void private_keys_are_there_for_who_is_logged_in(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE session = p11_session(vault, CKF_RW_SESSION), other;
    CK_OBJECT_HANDLE key[2];

    assert_rv(generate(session, &yes, &yes, key), CKR_USER_NOT_LOGGED_IN);
    assert_commands(t, "");
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_commands(t, "Load StartAuthSession ObjectChangeAuth FlushContext");
    assert_rv(generate(session, &yes, &yes, key), CKR_OK);
    world_forget_commands(t->world);
    assert_rv(sign(session, key[1]), CKR_OK);
    assert_commands(t, "Load StartAuthSession Load ReadPublic ContextSave FlushContext Sign FlushContext");
    assert_rv(sign(session, key[1]), CKR_OK);
    assert_commands(t, "ContextLoad Sign FlushContext");
    other = p11_session(vault, 0);
    assert_int_equal(state_of(other), CKS_RO_USER_FUNCTIONS);
    assert_rv(sign(other, key[1]), CKR_OK);
    assert_int_equal(count(session, CKO_PRIVATE_KEY), 1);

    world_forget_commands(t->world);
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_int_equal(count(session, CKO_PRIVATE_KEY), 0);
    assert_int_equal(count(session, CKO_PUBLIC_KEY), 1);
    assert_rv(sign(session, key[1]), CKR_KEY_HANDLE_INVALID);
    assert_commands(t, "");
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(sign(session, key[1]), CKR_KEY_HANDLE_INVALID); /* 5.6, C_Logout: it remains so */
    assert_rv(f->C_DestroyObject(session, key[1]), CKR_OBJECT_HANDLE_INVALID);
    key[1] = p11_find(session, CKO_PRIVATE_KEY, "k");
    assert_rv(sign(session, key[1]), CKR_OK);
    assert_rv(f->C_VerifyInit(session, &ecdsa, key[0]), CKR_OK); /* the public half is for everybody */
    assert_rv(f->C_DestroyObject(session, key[1]), CKR_OK);
}

/* The last session takes the login with it, and so does the end. */
static void a_login_ends_with_the_last_session(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, 0), other = p11_session(vault, 0);

    (void)state;
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(f->C_Login(other, CKU_USER, PIN("123456")), CKR_USER_ALREADY_LOGGED_IN);
    assert_rv(f->C_CloseSession(session), CKR_OK);
    assert_int_equal(state_of(other), CKS_RO_USER_FUNCTIONS);
    assert_rv(f->C_CloseSession(other), CKR_OK);
    session = p11_session(vault, 0);
    assert_int_equal(state_of(session), CKS_RO_PUBLIC_SESSION);
    assert_rv(f->C_Logout(session), CKR_USER_NOT_LOGGED_IN);
}

static void officer_and_user_are_not_logged_in_together(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, CKF_RW_SESSION), read_only;
    CK_OBJECT_HANDLE key[2];

    (void)state;
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(f->C_Login(session, CKU_SO, PIN("87654321")), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    assert_rv(f->C_Logout(session), CKR_OK);
    read_only = p11_session(vault, 0);
    assert_rv(f->C_Login(session, CKU_SO, PIN("87654321")), CKR_SESSION_READ_ONLY_EXISTS);
    assert_rv(f->C_CloseSession(read_only), CKR_OK);
    assert_rv(f->C_Login(session, CKU_SO, PIN("87654321")), CKR_OK);
    assert_rv(f->C_OpenSession(vault, CKF_SERIAL_SESSION, NULL, NULL, &read_only), CKR_SESSION_READ_WRITE_SO_EXISTS);
    assert_rv(generate(session, &yes, &yes, key), CKR_USER_NOT_LOGGED_IN);
}

static void flags_tell_what_the_tpm_has_counted(void **state)
{
    const CK_FLAGS low = CKF_USER_PIN_COUNT_LOW | CKF_SO_PIN_COUNT_LOW, final = CKF_USER_PIN_FINAL_TRY | CKF_SO_PIN_FINAL_TRY,
                   locked = CKF_USER_PIN_LOCKED | CKF_SO_PIN_LOCKED, all = low | final | locked;
    CK_SESSION_HANDLE session = p11_session(vault, 0);
    struct p11 *t = *state;

    assert_int_equal(token_flags(vault) & all, 0);
    assert_rv(f->C_Login(session, CKU_USER, PIN("12345")), CKR_PIN_INCORRECT);
    assert_int_equal(token_flags(vault) & all, low);
    assert_rv(f->C_Login(session, CKU_USER, PIN("1")), CKR_PIN_INCORRECT); /* not asked, not counted */
    assert_rv(f->C_Login(session, CKU_USER, PIN("12345")), CKR_PIN_INCORRECT);
    assert_int_equal(token_flags(vault) & all, low | final); /* the emulator has three */
    assert_rv(f->C_Login(session, CKU_USER, PIN("12345")), CKR_PIN_INCORRECT);
    assert_int_equal(token_flags(vault) & all, low | locked);
    for (int i = 0; i < 32; i++)
        assert_rv(f->C_Login(session, CKU_USER, PIN("12345")), CKR_PIN_LOCKED);
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_PIN_LOCKED); /* the right one, too */
    assert_int_equal(token_flags(OWNER) & all, 0);
    by_hand(t->world, "tpm2_dictionarylockout -c");
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
}

static void pins_are_changed(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, CKF_RW_SESSION);
    CK_OBJECT_HANDLE key[2];

    (void)state;
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(generate(session, &yes, &yes, key), CKR_OK);
    assert_rv(f->C_SetPIN(session, PIN("wrong"), PIN("abcdef")), CKR_PIN_INCORRECT);
    assert_rv(f->C_SetPIN(session, PIN("123456"), PIN("abc")), CKR_PIN_LEN_RANGE);
    assert_rv(f->C_SetPIN(session, PIN("123456"), PIN("abcdef")), CKR_OK);
    assert_rv(sign(session, key[1]), CKR_OK);
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_rv(f->C_SetPIN(session, PIN("abcdef"), PIN("ghijkl")), CKR_OK); /* a public session may, too */
    assert_rv(f->C_Login(session, CKU_USER, PIN("ghijkl")), CKR_OK);
    assert_rv(sign(session, p11_find(session, CKO_PRIVATE_KEY, "k")), CKR_OK);
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_rv(f->C_Login(session, CKU_SO, PIN("87654321")), CKR_OK);
    assert_rv(f->C_SetPIN(session, PIN("87654321"), PIN("officer's")), CKR_OK);
    assert_rv(f->C_InitPIN(session, PIN("mnopqr")), CKR_USER_NOT_LOGGED_IN); /* as the officer with the new PIN, please */
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_rv(f->C_Login(session, CKU_SO, PIN("officer's")), CKR_OK);
    assert_rv(f->C_InitPIN(session, PIN("mnopqr")), CKR_OK); /* who forgot his PIN gets another one, and has his keys */
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_rv(f->C_Login(session, CKU_USER, PIN("mnopqr")), CKR_OK);
    assert_rv(sign(session, p11_find(session, CKO_PRIVATE_KEY, "k")), CKR_OK);
}

static void a_token_made_anew_is_empty(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, CKF_RW_SESSION);
    CK_OBJECT_HANDLE key[2];
    CK_TOKEN_INFO info;

    (void)state;
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(generate(session, &yes, &no, key), CKR_OK);
    assert_rv(init_token(vault, "vault", "87654321"), CKR_SESSION_EXISTS);
    assert_rv(f->C_CloseAllSessions(vault), CKR_OK);
    assert_rv(init_token(vault, "vault", "00000000"), CKR_PIN_INCORRECT);
    assert_rv(init_token(vault, "vault", "0"), CKR_PIN_INCORRECT);
    assert_rv(init_token(free_slot(), "vault", "87654321"), CKR_ARGUMENTS_BAD);
    assert_rv(init_token(free_slot(), "new", "876"), CKR_PIN_LEN_RANGE);
    assert_rv(init_token(free_slot(), "", "87654321"), CKR_ARGUMENTS_BAD);
    assert_rv(init_token(free_slot(), "two\nlines", "87654321"), CKR_ARGUMENTS_BAD);
    assert_rv(init_token(MANUFACTURER, "manufacturer", "87654321"), CKR_TOKEN_WRITE_PROTECTED);
    session = p11_session(vault, 0);
    assert_int_equal(count(session, CKO_PRIVATE_KEY), 1);
    assert_rv(f->C_CloseAllSessions(vault), CKR_OK);
    assert_rv(init_token(vault, "safe", "87654321"), CKR_OK);
    assert_rv(f->C_GetTokenInfo(vault, &info), CKR_OK);
    assert_memory_equal(info.label, "safe                            ", 32);
    assert_int_equal(info.flags & CKF_USER_PIN_INITIALIZED, 0);
    session = p11_session(vault, 0);
    assert_int_equal(count(session, CKO_PRIVATE_KEY), 0);
}

/* What a label is to a file system, no client knows of. */
static void a_label_is_any_text(void **state)
{
    static const char *const labels[] = {"a/b", "..", ".token", "50%41 \303\251", "manufacturer/../owner", "12345678901234567890123456789012"};
    CK_TOKEN_INFO info;
    CK_SLOT_ID slots[16];
    CK_ULONG n;

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        char expected[33] = "                                ";
        CK_SLOT_ID slot = free_slot();
        CK_OBJECT_HANDLE key[2];
        CK_SESSION_HANDLE session;
        bool found = false;

        memcpy(expected, labels[i], strlen(labels[i]));
        assert_rv(init_token(slot, labels[i], "87654321"), CKR_OK);
        session = p11_session(slot, CKF_RW_SESSION);
        assert_rv(f->C_Login(session, CKU_SO, PIN("87654321")), CKR_OK);
        assert_rv(f->C_InitPIN(session, PIN("123456")), CKR_OK);
        assert_rv(f->C_Logout(session), CKR_OK);
        assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
        assert_rv(generate(session, &yes, &yes, key), CKR_OK);
        assert_rv(f->C_Finalize(NULL), CKR_OK); /* the next process knows it by its folder */
        assert_rv(f->C_Initialize(NULL), CKR_OK);
        n = 16;
        assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
        for (CK_ULONG j = 0; j < n && !found; j++) {
            slot = slots[j];
            assert_rv(f->C_GetTokenInfo(slot, &info), CKR_OK);
            found = memcmp(info.label, expected, 32) == 0;
        }
        assert_true(found);
        session = p11_session(slot, CKF_RW_SESSION);
        assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
        assert_rv(sign(session, p11_find(session, CKO_PRIVATE_KEY, "k")), CKR_OK);
        assert_rv(f->C_CloseSession(session), CKR_OK);
        assert_rv(init_token(slot, "again", "87654321"), CKR_OK); /* renamed, and emptied */
        by_hand(((struct p11 *)*state)->world, "! ls -A state | grep -q %% && rm -r state/again");
    }
}

/* Not hidden, but of no use to who is not logged in. */
static void a_key_that_is_not_private_wants_the_login_all_the_same(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, CKF_RW_SESSION);
    CK_OBJECT_HANDLE key[2];

    (void)state;
    assert_rv(generate(session, &yes, &no, key), CKR_USER_NOT_LOGGED_IN);
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(generate(session, &yes, &no, key), CKR_OK);
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_rv(sign(session, key[1]), CKR_USER_NOT_LOGGED_IN);
}

/* A thread that makes private keys of its session, until it may not. */
struct maker {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE made[64][2];
    atomic_uint n;
    CK_RV rv;
};

static void *make_many(void *arg)
{
    struct maker *m = arg;

    do {
        m->rv = generate(m->session, &no, &yes, m->made[m->n]);
        if (m->rv == CKR_OK)
            atomic_fetch_add(&m->n, 1);
    } while (m->rv == CKR_OK && m->n < 64);
    return NULL;
}

/* 5.6, C_Logout: all private session objects are destroyed. One that was on its way is none that came too late. */
static void a_private_session_key_on_its_way_ends_with_the_login_too(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, 0);
    struct p11 *t = *state;

    for (unsigned round = 0; round < 12; round++) {
        struct maker m = {.session = p11_session(vault, 0)};
        pthread_t thread;

        world_forget_commands(t->world);
        assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
        assert_int_equal(pthread_create(&thread, NULL, make_many, &m), 0);
        while (atomic_load(&m.n) < 1 + round % 3)
            (void)sched_yield();
        assert_rv(f->C_Logout(session), CKR_OK);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_rv(m.rv, CKR_USER_NOT_LOGGED_IN);
        assert_int_equal(count(session, CKO_PRIVATE_KEY), 0);
        assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
        assert_int_equal(count(session, CKO_PRIVATE_KEY), 0);
        for (unsigned i = 0; i < m.n; i++)
            assert_rv(sign(session, m.made[i][1]), CKR_KEY_HANDLE_INVALID);
        assert_rv(f->C_Logout(session), CKR_OK);
        assert_rv(f->C_CloseSession(m.session), CKR_OK);
    }
    world_assert_clean(t->world);
}

static void private_session_keys_end_with_the_login(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, 0);
    CK_OBJECT_HANDLE key[2], kept[2];

    (void)state;
    assert_rv(generate(session, &no, &yes, key), CKR_USER_NOT_LOGGED_IN);
    assert_rv(generate(session, &no, &no, kept), CKR_OK);
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(generate(session, &no, &yes, key), CKR_OK);
    assert_rv(sign(session, key[1]), CKR_OK);
    assert_rv(f->C_Logout(session), CKR_OK);
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(sign(session, key[1]), CKR_KEY_HANDLE_INVALID);
    assert_rv(sign(session, kept[1]), CKR_OK);
    assert_rv(f->C_VerifyInit(session, &ecdsa, key[0]), CKR_OK); /* the public half was never private */
}

static void a_session_key_is_kept_by_a_copy(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, CKF_RW_SESSION);
    CK_ATTRIBUTE token = {CKA_TOKEN, &yes, 1};
    CK_OBJECT_HANDLE key[2], copy;

    (void)state;
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(generate(session, &no, &yes, key), CKR_OK);
    assert_rv(f->C_CopyObject(session, key[1], &token, 1, &copy), CKR_OK);
    assert_rv(sign(session, copy), CKR_OK);
    assert_rv(f->C_CloseSession(session), CKR_OK);
    session = p11_session(vault, CKF_RW_SESSION);
    assert_int_equal(count(session, CKO_PRIVATE_KEY), 0);
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_int_equal(count(session, CKO_PRIVATE_KEY), 1);
    assert_rv(sign(session, copy), CKR_OK);
}

static void a_key_that_always_asks_is_answered_with_the_pin(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, CKF_RW_SESSION);
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_ALWAYS_AUTHENTICATE, &yes, 1}};
    CK_OBJECT_HANDLE key[2];
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;

    (void)state;
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(f->C_GenerateKeyPair(session, &ec, public, 1, private, 3, &key[0], &key[1]), CKR_OK);
    assert_rv(f->C_Login(session, CKU_CONTEXT_SPECIFIC, PIN("123456")), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_SignInit(session, &ecdsa, key[1]), CKR_OK);
    assert_rv(f->C_Login(session, CKU_CONTEXT_SPECIFIC, PIN("654321")), CKR_PIN_INCORRECT);
    assert_rv(f->C_Login(session, CKU_CONTEXT_SPECIFIC, PIN("123456")), CKR_OK);
    assert_rv(f->C_Sign(session, digest, sizeof digest, sig, &n), CKR_OK);
}

static void a_private_copy_wants_the_login(void **state)
{
    CK_SESSION_HANDLE session = p11_session(vault, CKF_RW_SESSION);
    CK_OBJECT_CLASS data = CKO_DATA;
    CK_ATTRIBUTE object[] = {{CKA_CLASS, &data, sizeof data}, {CKA_PRIVATE, &no, 1}}, private = {CKA_PRIVATE, &yes, 1};
    CK_OBJECT_HANDLE source, copy;

    (void)state;
    assert_rv(f->C_CreateObject(session, object, 2, &source), CKR_OK);
    assert_rv(f->C_CopyObject(session, source, &private, 1, &copy), CKR_USER_NOT_LOGGED_IN);
    assert_rv(f->C_CopyObject(session, source, NULL, 0, &copy), CKR_OK);
    assert_rv(f->C_Login(session, CKU_USER, PIN("123456")), CKR_OK);
    assert_rv(f->C_CopyObject(session, source, &private, 1, &copy), CKR_OK);
}

#define PIN_TEST(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIN_TEST(private_keys_are_there_for_who_is_logged_in),
        PIN_TEST(a_login_ends_with_the_last_session),
        PIN_TEST(officer_and_user_are_not_logged_in_together),
        PIN_TEST(flags_tell_what_the_tpm_has_counted),
        PIN_TEST(pins_are_changed),
        PIN_TEST(a_token_made_anew_is_empty),
        PIN_TEST(a_label_is_any_text),
        PIN_TEST(a_key_that_is_not_private_wants_the_login_all_the_same),
        PIN_TEST(private_session_keys_end_with_the_login),
        PIN_TEST(a_private_session_key_on_its_way_ends_with_the_login_too),
        PIN_TEST(a_private_copy_wants_the_login),
        PIN_TEST(a_session_key_is_kept_by_a_copy),
        PIN_TEST(a_key_that_always_asks_is_answered_with_the_pin),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
