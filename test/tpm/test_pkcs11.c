/* SPDX-License-Identifier: BSD-2-Clause */
/* The module's frame: lists, initialisation, slots, tokens, sessions, login. */
#include <dirent.h>
#include <dlfcn.h>
#include <string.h>

#include "tpm/pkcs11_face.h"

/* A list is a version and then pointers. */
static void assert_every_pointer_is_set(const void *list, size_t size)
{
    void (*const *pointers)(void) = (void (*const *)(void))((const char *)list + sizeof(void *));

    for (size_t i = 0; i < size / sizeof(void *) - 1; i++)
        if (pointers[i] == NULL)
            fail_msg("pointer %zu is not set", i);
}

/* Acceptance cases 1 and 9. */
static void every_interface_is_complete(void **state)
{
    struct p11 *t = *state;
    CK_RV (*get_list)(CK_INTERFACE *, CK_ULONG *);
    CK_RV (*get)(unsigned char *, CK_VERSION *, CK_INTERFACE **, CK_FLAGS);
    CK_INTERFACE list[4], *one = NULL;
    CK_VERSION v3 = {3, 0}, v2 = {2, 40}, v9 = {9, 9};
    CK_ULONG n = 0;
    CK_INFO info;

    assert_rv(f->C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(f->version.major, 2);
    assert_int_equal(f->version.minor, 40);
    assert_every_pointer_is_set(f, sizeof *f);

    *(void **)&get_list = dlsym(t->module, "C_GetInterfaceList");
    *(void **)&get = dlsym(t->module, "C_GetInterface");
    assert_rv(get_list(NULL, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(get_list(NULL, &n), CKR_OK);
    assert_int_equal(n, 2);
    n = 1;
    assert_rv(get_list(list, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, 2);
    assert_rv(get_list(list, &n), CKR_OK);
    assert_string_equal(list[0].pInterfaceName, "PKCS 11");

    assert_rv(get(NULL, NULL, NULL, 0), CKR_ARGUMENTS_BAD);
    assert_rv(get((unsigned char *)"PKCS 11", &v9, &one, 0), CKR_ARGUMENTS_BAD);
    assert_rv(get((unsigned char *)"Vendor", NULL, &one, 0), CKR_ARGUMENTS_BAD);
    assert_rv(get(NULL, NULL, &one, CKF_INTERFACE_FORK_SAFE), CKR_ARGUMENTS_BAD);
    assert_rv(get((unsigned char *)"PKCS 11", &v2, &one, 0), CKR_OK);
    assert_ptr_equal(one->pFunctionList, f);
    assert_rv(get(NULL, &v3, &one, 0), CKR_OK);
    assert_every_pointer_is_set(one->pFunctionList, sizeof(CK_FUNCTION_LIST_3_0));

    assert_rv(f->C_Initialize(NULL), CKR_OK);
    assert_rv(f->C_GetInfo(NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_GetInfo(&info), CKR_OK);
    assert_int_equal(info.cryptokiVersion.major, 2);
    assert_int_equal(info.cryptokiVersion.minor, 40);
    assert_rv(((CK_FUNCTION_LIST_3_0 *)one->pFunctionList)->C_GetInfo(&info), CKR_OK);
    assert_int_equal(info.cryptokiVersion.major, 3);
    assert_commands(t, "");
}

/* Cases 2 and 16. */
static void nothing_works_before_initialisation(void **state)
{
    CK_MECHANISM mech = {CKM_ECDSA, NULL, 0};
    CK_SESSION_HANDLE session = 1;
    CK_SLOT_ID slot;
    CK_ULONG n = 0;
    CK_INFO info;

    (void)state;
    assert_rv(f->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GetSlotList(CK_FALSE, NULL, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_CloseSession(1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_SignInit(1, &mech, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GenerateKey(1, &mech, NULL, 0, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_WrapKey(1, &mech, 1, 1, NULL, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GetSlotInfo(0, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GetTokenInfo(0, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GetMechanismList(0, NULL, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GetMechanismInfo(0, CKM_ECDSA, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_InitToken(0, NULL, 0, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_InitPIN(1, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_SetPIN(1, NULL, 0, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_CloseAllSessions(0), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GetSessionInfo(1, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GetOperationState(1, NULL, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_Login(1, CKU_USER, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_Logout(1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_CreateObject(1, NULL, 0, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_CopyObject(1, 1, NULL, 0, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_DestroyObject(1, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GetObjectSize(1, 1, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GetAttributeValue(1, 1, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_SetAttributeValue(1, 1, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_FindObjectsInit(1, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_FindObjects(1, &n, 1, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_FindObjectsFinal(1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_EncryptInit(1, &mech, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_DecryptInit(1, &mech, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_DigestInit(1, &mech), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_Sign(1, NULL, 0, NULL, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_VerifyInit(1, &mech, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GenerateKeyPair(1, &mech, NULL, 0, NULL, 0, &n, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_DeriveKey(1, &mech, 1, NULL, 0, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_SeedRandom(1, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f->C_GenerateRandom(1, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
}

/* What the kernel calls tasks of this process. */
static int n_threads(void)
{
    struct dirent *entry;
    DIR *dir = opendir("/proc/self/task");
    int n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        n += entry->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

/* The list of 3.0. */
static CK_FUNCTION_LIST_3_0 *list_3_0(struct p11 *t)
{
    CK_RV (*get)(unsigned char *, CK_VERSION *, CK_INTERFACE **, CK_FLAGS);
    CK_VERSION v3 = {3, 0};
    CK_INTERFACE *one = NULL;

    *(void **)&get = dlsym(t->module, "C_GetInterface");
    assert_rv(get((unsigned char *)"PKCS 11", &v3, &one, 0), CKR_OK);
    return one->pFunctionList;
}

/* Before C_Initialize, and in a session that there is not. */
static void functions_of_3_0_have_the_same_first_answers(void **state)
{
    struct p11 *t = *state;
    CK_FUNCTION_LIST_3_0 *f3 = list_3_0(t);
    CK_MECHANISM mech = {CKM_ECDSA, NULL, 0};
    unsigned char *pin = (unsigned char *)"1234", *name = (unsigned char *)"me";

    assert_rv(f3->C_LoginUser(1, CKU_USER, pin, 4, NULL, 2), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f3->C_LoginUser(1, CKU_USER, pin, 4, name, 2), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f3->C_SessionCancel(1, CKF_SIGN), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f3->C_MessageSignInit(1, &mech, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f3->C_MessageVerifyFinal(1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(f3->C_Initialize(NULL), CKR_OK);
    assert_rv(f3->C_LoginUser(1, CKU_USER, pin, 4, name, 2), CKR_SESSION_HANDLE_INVALID);
    assert_rv(f3->C_MessageSignInit(1, &mech, 1), CKR_SESSION_HANDLE_INVALID);
    assert_rv(f3->C_LoginUser(p11_session(OWNER, 0), CKU_USER, pin, 4, NULL, 2), CKR_ARGUMENTS_BAD);
}

static CK_RV make(void **m) { *m = NULL; return CKR_OK; }
static CK_RV use(void *m) { (void)m; return CKR_OK; }

/* Cases 3 to 6. */
static void initialisation_checks_its_arguments(void **state)
{
    CK_C_INITIALIZE_ARGS args = {0};
    CK_MECHANISM mech = {CKM_ECDSA, NULL, 0};
    unsigned char digest[32] = {1}, sig[64];
    CK_ULONG n = sizeof sig;
    CK_SESSION_HANDLE session;
    int threads = n_threads();

    (void)state;
    args.pReserved = &args;
    assert_rv(f->C_Initialize(&args), CKR_ARGUMENTS_BAD);
    args = (CK_C_INITIALIZE_ARGS){.CreateMutex = make, .LockMutex = use, .flags = CKF_OS_LOCKING_OK};
    assert_rv(f->C_Initialize(&args), CKR_ARGUMENTS_BAD);
    args = (CK_C_INITIALIZE_ARGS){make, use, use, use, 0, NULL};
    assert_rv(f->C_Initialize(&args), CKR_CANT_LOCK);
    /* as Azure's key service has it */
    args.flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK;
    assert_rv(f->C_Initialize(&args), CKR_OK);
    assert_rv(f->C_Initialize(&args), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    session = p11_session(OWNER, 0);
    assert_rv(f->C_SignInit(session, &mech, p11_find(session, CKO_PRIVATE_KEY, "azure:ldevid")), CKR_OK);
    assert_rv(f->C_Sign(session, digest, sizeof digest, sig, &n), CKR_OK);
    assert_int_equal(n_threads(), threads); /* none of its own: it may not */
    assert_rv(f->C_Finalize(&args), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

/* Case 7. */
static void it_can_be_initialised_again_and_again(void **state)
{
    struct p11 *t = *state;
    CK_MECHANISM mech = {CKM_ECDSA, NULL, 0};

    for (int i = 0; i < 20; i++) {
        CK_SESSION_HANDLE session;

        assert_rv(f->C_Initialize(NULL), CKR_OK);
        session = p11_session(OWNER, 0);
        assert_rv(f->C_SignInit(session, &mech, p11_find(session, CKO_PRIVATE_KEY, "wrapped")), CKR_OK);
        assert_rv(f->C_FindObjectsInit(session, NULL, 0), CKR_OK);
        assert_rv(f->C_Finalize(NULL), CKR_OK);
    }
    assert_commands(t, "");
}

/* Case 12; and Azure asks with a length of 0 and a pointer to nowhere. */
static void slots_are_listed(void **state)
{
    struct p11 *t = *state;
    CK_SLOT_ID slots[4] = {77, 77, 77, 77};
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO info;
    CK_ULONG n = 0;

    assert_rv(f->C_GetSlotList(CK_TRUE, slots, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_GetSlotList(CK_TRUE, (CK_SLOT_ID *)8, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, 3);
    n = 1;
    assert_rv(f->C_GetSlotList(CK_FALSE, slots, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, 3);
    n = 4;
    assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(slots[0], MANUFACTURER);
    assert_int_equal(slots[1], OWNER);
    assert_int_equal(slots[3], 77);
    assert_rv(f->C_GetTokenInfo(slots[2], &info), CKR_OK); /* room for one more */
    assert_int_equal(info.flags, CKF_RNG);
    assert_rv(f->C_OpenSession(slots[2], CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_TOKEN_NOT_RECOGNIZED);
    assert_commands(t, "");
}

/* Case 13. */
static void an_unknown_slot_is_refused_everywhere(void **state)
{
    CK_MECHANISM_INFO mech;
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    CK_SLOT_INFO slot;
    CK_ULONG n = 0;

    (void)state;
    assert_rv(f->C_GetSlotInfo(99, &slot), CKR_SLOT_ID_INVALID);
    assert_rv(f->C_GetTokenInfo(99, &token), CKR_SLOT_ID_INVALID);
    assert_rv(f->C_GetMechanismList(99, NULL, &n), CKR_SLOT_ID_INVALID);
    assert_rv(f->C_GetMechanismInfo(99, CKM_ECDSA, &mech), CKR_SLOT_ID_INVALID);
    assert_rv(f->C_OpenSession(99, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_SLOT_ID_INVALID);
    assert_rv(f->C_CloseAllSessions(99), CKR_SLOT_ID_INVALID);
    assert_rv(f->C_InitToken(99, NULL, 0, (unsigned char *)"x"), CKR_SLOT_ID_INVALID);
    assert_rv(f->C_GetSlotInfo(OWNER, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_GetTokenInfo(OWNER, NULL), CKR_ARGUMENTS_BAD);
}

static void assert_padded(const unsigned char *field, size_t len, const char *expected)
{
    size_t used = strlen(expected);

    assert_memory_equal(field, expected, used);
    for (size_t i = used; i < len; i++)
        assert_int_equal(field[i], ' ');
}

/* Case 14. */
static void tokens_are_described_truly(void **state)
{
    struct p11 *t = *state;
    CK_TOKEN_INFO owner, maker;
    CK_SLOT_INFO slot;

    assert_rv(f->C_GetTokenInfo(OWNER, &owner), CKR_OK);
    assert_rv(f->C_GetTokenInfo(MANUFACTURER, &maker), CKR_OK);
    assert_padded(owner.label, sizeof owner.label, "owner");
    assert_padded(maker.label, sizeof maker.label, "manufacturer");
    assert_padded(owner.manufacturerID, sizeof owner.manufacturerID, "devid");
    assert_padded(owner.model, sizeof owner.model, "TPM 2.0");
    for (size_t i = 0; i < sizeof owner.serialNumber; i++)
        assert_non_null(strchr("0123456789abcdef", owner.serialNumber[i]));
    assert_memory_not_equal(owner.serialNumber, maker.serialNumber, sizeof owner.serialNumber);
    assert_int_equal(owner.flags, CKF_TOKEN_INITIALIZED | CKF_RNG); /* no login, no PIN */
    assert_int_equal(maker.flags, CKF_TOKEN_INITIALIZED | CKF_RNG | CKF_WRITE_PROTECTED);
    assert_int_equal(owner.ulSessionCount, 1);
    assert_int_equal(owner.ulRwSessionCount, 1);

    assert_rv(f->C_GetSlotInfo(OWNER, &slot), CKR_OK);
    assert_true((slot.flags & CKF_TOKEN_PRESENT) != 0);
    assert_padded(slot.slotDescription, sizeof slot.slotDescription, "TPM 2.0: owner");
    assert_commands(t, "");
}

/* Case 15. */
static void mechanisms_are_listed_as_they_are(void **state)
{
    CK_MECHANISM_TYPE list[64];
    CK_MECHANISM_INFO info;
    CK_ULONG n = 0, all;

    (void)state;
    assert_rv(f->C_GetMechanismList(OWNER, NULL, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_GetMechanismList(OWNER, NULL, &n), CKR_OK);
    all = n--;
    assert_rv(f->C_GetMechanismList(OWNER, list, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, all);
    assert_rv(f->C_GetMechanismList(OWNER, list, &n), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) {
        assert_rv(f->C_GetMechanismInfo(OWNER, list[i], &info), CKR_OK);
        assert_true(info.ulMinKeySize <= info.ulMaxKeySize);
        assert_true((info.flags & ~(CK_FLAGS)(CKF_HW | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)) != 0);
    }
    assert_rv(f->C_GetMechanismInfo(OWNER, CKM_AES_KEY_GEN, &info), CKR_MECHANISM_INVALID);
    assert_rv(f->C_GetMechanismInfo(OWNER, CKM_ECDSA, NULL), CKR_ARGUMENTS_BAD);
}

/* Cases 10, 16, 70, and what Azure falls back on. */
static void what_a_tpm_does_not_do_is_refused(void **state)
{
    struct p11 *t = *state;
    CK_MECHANISM aes = {CKM_AES_KEY_GEN, NULL, 0}, mech = {CKM_ECDSA, NULL, 0}, sha = {CKM_SHA256, NULL, 0};
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "rsa"), made;
    unsigned char buffer[64];
    CK_ULONG n = sizeof buffer;
    CK_SLOT_ID slot;

    assert_rv(f->C_CancelFunction(t->session), CKR_FUNCTION_NOT_PARALLEL);
    assert_rv(f->C_GetFunctionStatus(t->session), CKR_FUNCTION_NOT_PARALLEL);
    assert_rv(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
    assert_rv(f->C_WrapKey(t->session, &mech, key, key, buffer, &n), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(f->C_SignRecoverInit(t->session, &mech, key), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(f->C_SignEncryptUpdate(t->session, buffer, 1, buffer, &n), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(f->C_GetOperationState(t->session, buffer, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_DigestInit(t->session, &sha), CKR_OK);
    assert_rv(f->C_GetOperationState(t->session, buffer, &n), CKR_STATE_UNSAVEABLE);
    assert_rv(f->C_GetOperationState(t->session, buffer, NULL), CKR_ARGUMENTS_BAD);
    /* the mechanism is the first question, even before the session */
    assert_rv(f->C_GenerateKey(t->session + 1, &aes, NULL, 0, &made), CKR_MECHANISM_INVALID);
    assert_rv(f->C_GenerateKeyPair(t->session, NULL, NULL, 0, NULL, 0, &made, &made), CKR_ARGUMENTS_BAD);
    assert_commands(t, "");
}

/* Cases 19 to 21. */
static void sessions_come_and_go(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE many[64], session;
    CK_SESSION_INFO info;

    assert_rv(f->C_OpenSession(OWNER, CKF_RW_SESSION, NULL, NULL, &session), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    assert_rv(f->C_OpenSession(OWNER, CKF_SERIAL_SESSION, NULL, NULL, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_GetSessionInfo(0, &info), CKR_SESSION_HANDLE_INVALID);
    assert_rv(f->C_GetSessionInfo(t->session, NULL), CKR_ARGUMENTS_BAD);
    for (int i = 0; i < 64; i++)
        many[i] = p11_session(OWNER, i % 2 == 0 ? CKF_RW_SESSION : 0);
    assert_rv(f->C_GetSessionInfo(many[63], &info), CKR_OK);
    assert_int_equal(info.slotID, OWNER);
    assert_int_equal(info.state, CKS_RO_PUBLIC_SESSION);
    assert_int_equal(info.flags, CKF_SERIAL_SESSION);
    assert_rv(f->C_CloseSession(many[7]), CKR_OK);
    assert_rv(f->C_CloseSession(many[7]), CKR_SESSION_HANDLE_INVALID);
    assert_rv(f->C_FindObjectsInit(many[7], NULL, 0), CKR_SESSION_HANDLE_INVALID);
    assert_rv(f->C_GetSessionInfo(many[8], &info), CKR_OK);
    session = p11_session(MANUFACTURER, CKF_RW_SESSION); /* Azure opens no other kind */
    assert_rv(f->C_CloseAllSessions(OWNER), CKR_OK);
    assert_rv(f->C_GetSessionInfo(t->session, &info), CKR_SESSION_HANDLE_INVALID);
    assert_rv(f->C_GetSessionInfo(session, &info), CKR_OK);
    assert_commands(t, "");
}

static CK_STATE state_of(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    assert_rv(f->C_GetSessionInfo(session, &info), CKR_OK);
    return info.state;
}

/* Cases 22 to 27. */
static void a_login_is_not_needed_and_does_no_harm(void **state)
{
    struct p11 *t = *state;
    unsigned char *pin = (unsigned char *)"1234";
    CK_SESSION_HANDLE other = p11_session(OWNER, 0), session;

    assert_rv(f->C_Login(t->session, 7, pin, 4), CKR_USER_TYPE_INVALID);
    assert_rv(f->C_Login(t->session, CKU_CONTEXT_SPECIFIC, pin, 4), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_Login(t->session, CKU_USER, NULL, 5), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_Login(t->session, CKU_SO, pin, 4), CKR_SESSION_READ_ONLY_EXISTS);
    assert_rv(f->C_Logout(t->session), CKR_USER_NOT_LOGGED_IN);
    assert_rv(f->C_Login(t->session, CKU_USER, pin, 4), CKR_OK);
    assert_rv(f->C_Login(other, CKU_USER, pin, 4), CKR_USER_ALREADY_LOGGED_IN);
    assert_rv(f->C_Login(other, CKU_SO, pin, 4), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    assert_int_equal(state_of(t->session), CKS_RW_USER_FUNCTIONS);
    assert_int_equal(state_of(other), CKS_RO_USER_FUNCTIONS);
    assert_rv(f->C_Logout(other), CKR_OK);
    assert_int_equal(state_of(t->session), CKS_RW_PUBLIC_SESSION);
    assert_rv(f->C_Login(t->session, CKU_USER, pin, 4), CKR_OK);
    assert_rv(f->C_CloseAllSessions(OWNER), CKR_OK);
    session = p11_session(OWNER, CKF_RW_SESSION);
    assert_int_equal(state_of(session), CKS_RW_PUBLIC_SESSION); /* the last one logged out */
    assert_rv(f->C_Login(session, CKU_SO, pin, 4), CKR_USER_TYPE_INVALID);
    assert_commands(t, "");
}

/* Cases 17, 23, 29. */
static void pins_are_refused_where_there_are_none(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE read_only = p11_session(OWNER, 0);
    unsigned char *pin = (unsigned char *)"1234", label[32];

    memset(label, ' ', sizeof label);
    memcpy(label, "owner", 5);
    assert_rv(f->C_SetPIN(read_only, pin, 4, pin, 4), CKR_SESSION_READ_ONLY);
    assert_rv(f->C_SetPIN(t->session, pin, 4, NULL, 4), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_SetPIN(t->session, pin, 4, pin, 4), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(f->C_InitPIN(t->session, pin, 4), CKR_USER_NOT_LOGGED_IN);
    assert_rv(f->C_InitToken(OWNER, pin, 4, label), CKR_SESSION_EXISTS);
    assert_rv(f->C_CloseAllSessions(OWNER), CKR_OK);
    assert_rv(f->C_InitToken(OWNER, pin, 4, label), CKR_TOKEN_WRITE_PROTECTED);
    assert_commands(t, "");
}

/* Case 39. Clients of 2.40 would not know what to do with them. */
static void profiles_are_shown_to_clients_of_3_0(void **state)
{
    static const CK_SLOT_ID slots[] = {MANUFACTURER, OWNER};
    static const CK_ULONG expected[] = {CKP_BASELINE_PROVIDER, CKP_AUTHENTICATION_TOKEN, CKP_PUBLIC_CERTIFICATES_TOKEN};
    struct p11 *t = *state;
    CK_FUNCTION_LIST_3_0 *f3 = list_3_0(t);
    CK_OBJECT_CLASS class = CKO_PROFILE;
    CK_ATTRIBUTE profiles = {CKA_CLASS, &class, sizeof class};
    CK_OBJECT_HANDLE found[8];
    CK_SESSION_HANDLE session;
    CK_ULONG n, id;

    assert_int_equal(p11_count(t->session, &profiles, 1), 0);
    for (int i = 0; i < 2; i++) {
        assert_rv(f3->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
        assert_rv(f3->C_FindObjectsInit(session, &profiles, 1), CKR_OK);
        assert_rv(f3->C_FindObjects(session, found, 8, &n), CKR_OK);
        assert_rv(f3->C_FindObjectsFinal(session), CKR_OK);
        assert_int_equal(n, 3);
        for (CK_ULONG j = 0; j < n; j++) {
            assert_int_equal(p11_attr(session, found[j], CKA_PROFILE_ID, &id, sizeof id), sizeof id);
            assert_int_equal(id, expected[j]);
            assert_rv(f3->C_DestroyObject(session, found[j]), CKR_ACTION_PROHIBITED);
        }
    }
    assert_commands(t, "");
}

/* What 3.0 adds: an operation ends by its name, or with all others; messages are no thing of a TPM's. */
static void operations_are_cancelled_by_3_0(void **state)
{
    struct p11 *t = *state;
    CK_FUNCTION_LIST_3_0 *f3 = list_3_0(t);
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, sha = {CKM_SHA256, NULL, 0};
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid");
    CK_INFO info;

    assert_rv(f3->C_GetInfo(&info), CKR_OK);
    assert_int_equal(info.cryptokiVersion.major, 3);
    assert_rv(f3->C_SessionCancel(t->session + 99, CKF_SIGN), CKR_SESSION_HANDLE_INVALID);
    assert_rv(f3->C_SignInit(t->session, &ecdsa, key), CKR_OK);
    assert_rv(f3->C_DigestInit(t->session, &sha), CKR_OK);
    assert_rv(f3->C_FindObjectsInit(t->session, NULL, 0), CKR_OK);
    assert_rv(f3->C_SessionCancel(t->session, CKF_DIGEST), CKR_OK);
    assert_rv(f3->C_DigestInit(t->session, &sha), CKR_OK);
    assert_rv(f3->C_SignInit(t->session, &ecdsa, key), CKR_OPERATION_ACTIVE);
    assert_rv(f3->C_SessionCancel(t->session, CKF_SIGN | CKF_DIGEST | CKF_FIND_OBJECTS), CKR_OK);
    assert_rv(f3->C_SignInit(t->session, &ecdsa, key), CKR_OK);
    assert_rv(f3->C_FindObjectsInit(t->session, NULL, 0), CKR_OK);
    assert_rv(f3->C_MessageSignInit(t->session, &ecdsa, key), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(f3->C_LoginUser(t->session, CKU_USER, (unsigned char *)"1234", 4, NULL, 0), CKR_OK);
    assert_rv(f3->C_LoginUser(t->session, CKU_USER, (unsigned char *)"1234", 4, (unsigned char *)"me", 2), CKR_FUNCTION_NOT_SUPPORTED);
    assert_commands(t, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_RAW_TEST(every_interface_is_complete),
        P11_RAW_TEST(nothing_works_before_initialisation),
        P11_RAW_TEST(functions_of_3_0_have_the_same_first_answers),
        P11_RAW_TEST(initialisation_checks_its_arguments),
        P11_RAW_TEST(it_can_be_initialised_again_and_again),
        P11_TEST(slots_are_listed),
        P11_TEST(profiles_are_shown_to_clients_of_3_0),
        P11_TEST(operations_are_cancelled_by_3_0),
        P11_TEST(an_unknown_slot_is_refused_everywhere),
        P11_TEST(tokens_are_described_truly),
        P11_TEST(mechanisms_are_listed_as_they_are),
        P11_TEST(what_a_tpm_does_not_do_is_refused),
        P11_TEST(sessions_come_and_go),
        P11_TEST(a_login_is_not_needed_and_does_no_harm),
        P11_TEST(pins_are_refused_where_there_are_none),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
