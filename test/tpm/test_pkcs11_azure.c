/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Azure IoT Identity Service's key service, call by call: the order, the templates and the arguments of its own PKCS#11 code, with what it
 * takes for an answer. It loads the module for each operation when it has no base slot, and keeps one session when it has.
 */
#include <dlfcn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tpm/pkcs11_face.h"

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static unsigned char digest[32] = "0123456789abcdef0123456789abcde";

/* ---- what it does to begin ---- */

static CK_RV create_mutex(void **mutex)
{
    *mutex = &yes;
    return CKR_OK;
}

static CK_RV use_mutex(void *mutex)
{
    assert_ptr_equal(mutex, &yes);
    return CKR_OK;
}

static void initialize(void)
{
    CK_C_INITIALIZE_ARGS args = {.CreateMutex = create_mutex, .DestroyMutex = use_mutex, .LockMutex = use_mutex,
                                 .UnlockMutex = use_mutex, .flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK};
    CK_INFO info;

    assert_int_equal(f->version.major, 2);
    assert_true(f->version.minor >= 1);
    assert_true(f->C_GetInfo != NULL && f->C_Finalize != NULL && f->C_GenerateKey != NULL && f->C_Encrypt != NULL);
    assert_rv(f->C_Initialize(&args), CKR_OK);
    assert_rv(f->C_GetInfo(&info), CKR_OK);
    assert_int_equal(info.cryptokiVersion.major, 2);
    assert_true(info.cryptokiVersion.minor >= 20);
}

/* Without a base slot each operation is a life of its own: dlopen, C_Initialize, ..., C_Finalize, dlclose. */
static void load_again(void **state)
{
    struct p11 *t = *state;

    assert_int_equal(dlclose(t->module), 0);
    (void)p11_open(state);
    initialize();
}

/* By the token's label: the first list is asked for with a pointer to nowhere and room for nothing. */
static CK_SLOT_ID slot_of(const char *token)
{
    char wanted[33] = "                                ";
    CK_SLOT_ID slots[16];
    CK_TOKEN_INFO info;
    CK_ULONG n = 0;

    memcpy(wanted, token, strlen(token));
    assert_rv(f->C_GetSlotList(CK_TRUE, (CK_SLOT_ID *)8, &n), CKR_BUFFER_TOO_SMALL);
    assert_true(n <= 16);
    assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) {
        assert_rv(f->C_GetTokenInfo(slots[i], &info), CKR_OK); /* any failure ends its search */
        if ((info.flags & CKF_TOKEN_INITIALIZED) != 0 && memcmp(info.label, wanted, 32) == 0)
            return slots[i];
    }
    fail_msg("no token %s", token);
    return 0;
}

static CK_SESSION_HANDLE open_token(const char *token)
{
    CK_SESSION_HANDLE session = 0;

    assert_rv(f->C_OpenSession(slot_of(token), CKF_RW_SESSION | CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    return session;
}

static const char *pin = "1234"; /* of the URI; NULL: it has none, and the service goes on without a login */

/* Before each use of what is private, if its URI has a PIN, and nobody is logged in. */
static void log_in(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;
    CK_RV rv;

    assert_rv(f->C_GetSessionInfo(session, &info), CKR_OK);
    if (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS || info.state == CKS_RW_SO_FUNCTIONS)
        return;
    if (pin == NULL)
        return;
    rv = f->C_Login(session, CKU_USER, (unsigned char *)(uintptr_t)pin, strlen(pin));
    assert_true(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
}

/* ---- objects ---- */

/* The first of that class and label; 0: none. */
static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label)
{
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)}};
    CK_OBJECT_HANDLE found = 0;
    CK_ULONG n = 0;

    assert_rv(f->C_FindObjectsInit(session, template, 2), CKR_OK);
    assert_rv(f->C_FindObjects(session, &found, 1, &n), CKR_OK);
    assert_rv(f->C_FindObjectsFinal(session), CKR_OK);
    return n == 1 ? found : 0;
}

static CK_KEY_TYPE type_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_KEY_TYPE type = 0;
    CK_ATTRIBUTE a = {CKA_KEY_TYPE, &type, sizeof type};

    assert_rv(f->C_GetAttributeValue(session, key, &a, 1), CKR_OK);
    return type;
}

/* Its length first, then its value: one attribute a call. */
static CK_ULONG value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, unsigned char room[600])
{
    CK_ATTRIBUTE a = {type, NULL, 0};

    assert_rv(f->C_GetAttributeValue(session, key, &a, 1), CKR_OK);
    assert_true(a.ulValueLen > 0 && a.ulValueLen <= 600);
    a.pValue = room;
    assert_rv(f->C_GetAttributeValue(session, key, &a, 1), CKR_OK);
    return a.ulValueLen;
}

struct pair {
    CK_OBJECT_HANDLE public, private;
    CK_KEY_TYPE type;
};

static bool look_up(CK_SESSION_HANDLE session, const char *label, struct pair *out)
{
    log_in(session);
    out->public = find(session, CKO_PUBLIC_KEY, label);
    if (out->public == 0)
        return false;
    out->type = type_of(session, out->public);
    out->private = find(session, CKO_PRIVATE_KEY, label);
    assert_int_not_equal(out->private, 0);
    assert_int_equal(type_of(session, out->private), out->type);
    return true;
}

/* Each half alone; that it is not there is fine. */
static CK_RV delete(CK_SESSION_HANDLE session, const char *label)
{
    CK_OBJECT_HANDLE half;
    CK_RV rv = CKR_OK;

    log_in(session);
    if ((half = find(session, CKO_PUBLIC_KEY, label)) != 0)
        rv = f->C_DestroyObject(session, half);
    if (rv == CKR_OK && (half = find(session, CKO_PRIVATE_KEY, label)) != 0)
        rv = f->C_DestroyObject(session, half);
    return rv;
}

static CK_RV generate(CK_SESSION_HANDLE session, const char *label, CK_ULONG rsa_bits)
{
    static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, f4[] = {1, 0, 1};
    CK_MECHANISM mechanism = {rsa_bits != 0 ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE name = {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)};
    CK_ATTRIBUTE ec[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_ENCRYPT, &yes, 1}, {CKA_PRIVATE, &no, 1},
                         {CKA_TOKEN, &yes, 1}, {CKA_VERIFY, &yes, 1}, name};
    CK_ATTRIBUTE rsa[] = {{CKA_MODULUS_BITS, &rsa_bits, sizeof rsa_bits}, {CKA_PUBLIC_EXPONENT, f4, sizeof f4},
                          {CKA_ENCRYPT, &yes, 1}, {CKA_PRIVATE, &no, 1}, {CKA_TOKEN, &yes, 1}, {CKA_VERIFY, &yes, 1}, name};
    CK_ATTRIBUTE private[] = {{CKA_DECRYPT, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1},
                              {CKA_SIGN, &yes, 1}, {CKA_TOKEN, &yes, 1}, name};
    CK_OBJECT_HANDLE a, b;

    return f->C_GenerateKeyPair(session, &mechanism, rsa_bits != 0 ? rsa : ec, rsa_bits != 0 ? 7 : 6, private, 6, &a, &b);
}

/* "rsa-2048:*" and "ec-p256:rsa-4096:*": any error goes on to the next. */
static void create_if_missing(CK_SESSION_HANDLE session, const char *label, bool prefers_rsa, struct pair *out)
{
    const CK_ULONG by_rsa[] = {2048, 0, 2048}, by_ec[] = {0, 4096, 2048};

    if (look_up(session, label, out))
        return;
    for (int i = 0; i < 3; i++) {
        (void)delete(session, label);
        if (generate(session, label, prefers_rsa ? by_rsa[i] : by_ec[i]) == CKR_OK)
            break;
    }
    assert_true(look_up(session, label, out));
}

/* One half after the other, each by its own search. */
static void rename_pair(CK_SESSION_HANDLE session, const char *from, const char *to)
{
    CK_ATTRIBUTE name = {CKA_LABEL, (void *)(uintptr_t)to, strlen(to)};

    assert_rv(delete(session, to), CKR_OK);
    assert_rv(f->C_SetAttributeValue(session, find(session, CKO_PUBLIC_KEY, from), &name, 1), CKR_OK);
    assert_rv(f->C_SetAttributeValue(session, find(session, CKO_PRIVATE_KEY, from), &name, 1), CKR_OK);
}

/* For the judge, not for the service. */
static EVP_PKEY_CTX *judge(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE public)
{
    unsigned char spki[600];
    const unsigned char *at = spki;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)p11_attr(session, public, CKA_PUBLIC_KEY_INFO, spki, sizeof spki));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

    assert_non_null(ctx);
    EVP_PKEY_free(key);
    return ctx;
}

static void assert_ecdsa(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE public, const unsigned char *data, size_t len,
                         const unsigned char sig[64])
{
    EVP_PKEY_CTX *ctx = judge(session, public);
    ECDSA_SIG *value = ECDSA_SIG_new();
    unsigned char *der = NULL;
    int der_len;

    assert_int_equal(ECDSA_SIG_set0(value, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL)), 1);
    der_len = i2d_ECDSA_SIG(value, &der);
    assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    assert_int_equal(EVP_PKEY_verify(ctx, der, (size_t)der_len, data, len), 1);
    OPENSSL_free(der);
    ECDSA_SIG_free(value);
    EVP_PKEY_CTX_free(ctx);
}

/* What the signature was made of, by a padding of OpenSSL's. */
static void assert_rsa(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE public, int padding, const unsigned char *data, size_t len,
                       const unsigned char sig[256])
{
    EVP_PKEY_CTX *ctx = judge(session, public);
    unsigned char out[256];
    size_t n = sizeof out;

    assert_int_equal(EVP_PKEY_verify_recover_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    assert_int_equal(EVP_PKEY_verify_recover(ctx, out, &n, sig, 256), 1);
    assert_int_equal(n, len);
    assert_memory_equal(out, data, len);
    EVP_PKEY_CTX_free(ctx);
}

/* As its engine asks: room for a DER signature, a digest; callers of its HTTP interface send shorter and longer ones. */
static void sign_ec(CK_SESSION_HANDLE session, const char *label)
{
    static const CK_ULONG lengths[] = {32, 20, 48, 64};
    unsigned char params[600], point[600], sig[72], data[64];
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    struct pair pair;

    assert_true(look_up(session, label, &pair));
    assert_int_equal(pair.type, CKK_EC);
    assert_int_equal(value(session, pair.public, CKA_EC_PARAMS, params), 10);
    assert_int_equal(value(session, pair.public, CKA_EC_POINT, point), 67);
    memset(data, 0x3c, sizeof data);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CK_ULONG n = sizeof sig;

        assert_rv(f->C_SignInit(session, &ecdsa, pair.private), CKR_OK);
        assert_rv(f->C_Sign(session, data, lengths[i], sig, &n), CKR_OK);
        assert_int_equal(n, 64);
        assert_ecdsa(session, pair.public, data, lengths[i], sig);
    }
}

/* OpenSSL has padded already: a whole block, or a DigestInfo. */
static void sign_rsa(CK_SESSION_HANDLE session, const char *label)
{
    unsigned char info[51] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    unsigned char block[256] = {0}, modulus[600], exponent[600], sig[256];
    CK_MECHANISM raw = {CKM_RSA_X_509, NULL, 0}, pkcs1 = {CKM_RSA_PKCS, NULL, 0};
    CK_ULONG n = sizeof sig;
    struct pair pair;

    assert_true(look_up(session, label, &pair));
    assert_int_equal(pair.type, CKK_RSA);
    assert_int_equal(value(session, pair.public, CKA_MODULUS, modulus), 256);
    assert_int_equal(value(session, pair.public, CKA_PUBLIC_EXPONENT, exponent), 3);
    memset(block + 1, 0x5a, sizeof block - 1);
    assert_rv(f->C_SignInit(session, &raw, pair.private), CKR_OK);
    assert_rv(f->C_Sign(session, block, sizeof block, sig, &n), CKR_OK);
    assert_int_equal(n, 256);
    assert_rsa(session, pair.public, RSA_NO_PADDING, block, sizeof block, sig);
    memcpy(info + 19, digest, sizeof digest);
    assert_rv(f->C_SignInit(session, &pkcs1, pair.private), CKR_OK);
    assert_rv(f->C_Sign(session, info, sizeof info, sig, &n), CKR_OK);
    assert_int_equal(n, 256);
    assert_rsa(session, pair.public, RSA_PKCS1_PADDING, info, sizeof info, sig);
}

/* ---- what it lives through ---- */

static void keys_are_made_used_renamed_and_deleted(void **state)
{
    CK_SESSION_HANDLE session;
    struct pair first, again;

    (void)state;
    initialize();
    session = open_token("owner");
    create_if_missing(session, "device-id", true, &first);
    assert_int_equal(first.type, CKK_RSA);
    sign_rsa(session, "device-id");
    create_if_missing(session, "device-id", true, &again);
    assert_int_equal(again.private, first.private);
    create_if_missing(session, "est-id", false, &first);
    assert_int_equal(first.type, CKK_EC);
    sign_ec(session, "est-id");

    create_if_missing(session, "est-id-temp", false, &again); /* renewal with another key */
    rename_pair(session, "est-id-temp", "est-id");
    sign_ec(session, "est-id");
    assert_false(look_up(session, "est-id-temp", &again));
    assert_rv(delete(session, "est-id"), CKR_OK);
    assert_rv(delete(session, "est-id"), CKR_OK); /* absent is fine */
    assert_rv(delete(session, "device-id"), CKR_OK);
    assert_rv(f->C_CloseSession(session), CKR_OK);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

/* Without a base slot each operation begins with C_Initialize: ten keys, in a TPM with three slots and no resource manager. */
static void ten_keys_are_used_from_nothing_each_time(void **state)
{
    char label[16] = "key-0";
    CK_SESSION_HANDLE session;
    struct pair pair;

    for (int turn = 0; turn < 3; turn++)
        for (char i = '0'; i <= '9'; i++) {
            label[4] = i;
            load_again(state);
            session = open_token("owner");
            if (turn == 0)
                create_if_missing(session, label, false, &pair);
            else if (turn == 1)
                sign_ec(session, label);
            else
                assert_rv(delete(session, label), CKR_OK);
            assert_rv(f->C_CloseSession(session), CKR_OK);
            assert_rv(f->C_Finalize(NULL), CKR_OK);
        }
}

/* Both are kept in files then; any other answer would end the service. */
static void secret_keys_fall_back_to_files(void **state)
{
    CK_MECHANISM generic = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0}, aes = {CKM_AES_KEY_GEN, NULL, 0};
    CK_KEY_TYPE generic_type = CKK_GENERIC_SECRET, aes_type = CKK_AES;
    CK_ATTRIBUTE name = {CKA_LABEL, (void *)(uintptr_t)"handle-validation-key", 21};
    CK_ULONG len = 32;
    CK_ATTRIBUTE hmac_key[] = {{CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1}, {CKA_TOKEN, &yes, 1}, {CKA_VERIFY, &yes, 1}, name,
                               {CKA_SIGN, &yes, 1}, {CKA_VALUE_LEN, &len, sizeof len}, {CKA_KEY_TYPE, &generic_type, sizeof generic_type}};
    CK_ATTRIBUTE aes_key[] = {{CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1}, {CKA_TOKEN, &yes, 1}, {CKA_VERIFY, &yes, 1}, name,
                              {CKA_DECRYPT, &yes, 1}, {CKA_ENCRYPT, &yes, 1}, {CKA_KEY_TYPE, &aes_type, sizeof aes_type},
                              {CKA_VALUE_LEN, &len, sizeof len}};
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_ATTRIBUTE imported[] = {{CKA_CLASS, &class, sizeof class}, {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1},
                               {CKA_TOKEN, &yes, 1}, {CKA_VALUE, digest, sizeof digest}, name, {CKA_SIGN, &yes, 1},
                               {CKA_VERIFY, &yes, 1}, {CKA_KEY_TYPE, &generic_type, sizeof generic_type}};
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE made;

    (void)state;
    initialize();
    session = open_token("owner");
    assert_int_equal(find(session, CKO_SECRET_KEY, "handle-validation-key"), 0);
    assert_int_not_equal(f->C_CreateObject(session, imported, 9, &made), CKR_OK); /* any error does */
    assert_rv(f->C_GenerateKey(session, &generic, hmac_key, 8, &made), CKR_MECHANISM_INVALID);
    assert_rv(f->C_GenerateKey(session, &aes, aes_key, 9, &made), CKR_MECHANISM_INVALID);
    len = 16;
    assert_rv(f->C_GenerateKey(session, &aes, aes_key, 9, &made), CKR_MECHANISM_INVALID);
    assert_rv(f->C_GenerateKey(session + 999, &aes, aes_key, 9, &made), CKR_MECHANISM_INVALID); /* before any other check */
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

/* The identity service deletes a key whose certificate it misses. The manufacturer's stay, and they sign in a session for writing. */
static void what_is_not_its_own_is_not_deleted(void **state)
{
    CK_ATTRIBUTE name = {CKA_LABEL, (void *)(uintptr_t)"mine", 4};
    CK_SESSION_HANDLE session;

    (void)state;
    initialize();
    session = open_token("manufacturer");
    sign_ec(session, "idevid");
    assert_rv(delete(session, "idevid"), CKR_ACTION_PROHIBITED);
    assert_rv(f->C_SetAttributeValue(session, find(session, CKO_PUBLIC_KEY, "idevid"), &name, 1), CKR_ACTION_PROHIBITED);
    assert_true(generate(session, "mine", 0) != CKR_OK);
    sign_ec(session, "idevid");
    assert_rv(f->C_CloseSession(session), CKR_OK);
    session = open_token("owner");
    sign_ec(session, "azure:ldevid");
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

/* An LDevID that devid.conf names was enrolled in a factory: there is no way back to it from here. */
static void an_ldevid_of_the_configuration_is_not_deleted(void **state)
{
    const char *path = getenv("DEVID_CONF");
    CK_ATTRIBUTE name = {CKA_LABEL, (void *)(uintptr_t)"mine", 4};
    FILE *file = fopen(path, "a");
    CK_SESSION_HANDLE session;
    struct pair pair;
    long end;

    (void)state;
    assert_non_null(file);
    end = ftell(file);
    assert_true(fputs("[identity azure:ldevid]\nrole = ldevid\nhandle = 0x81000002\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    initialize();
    session = open_token("owner");
    assert_true(look_up(session, "azure:ldevid", &pair));
    assert_rv(f->C_DestroyObject(session, pair.private), CKR_ACTION_PROHIBITED);
    assert_rv(f->C_SetAttributeValue(session, pair.private, &name, 1), CKR_ACTION_PROHIBITED);
    sign_ec(session, "azure:ldevid");
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    assert_int_equal(truncate(path, end), 0);
}

/* A URI may have a slot's number instead of a label, no object's label, and no PIN: then there is no list, and no login. */
static void a_slot_by_number_and_no_pin_do_as_well(void **state)
{
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_ATTRIBUTE any = {CKA_CLASS, &class, sizeof class};
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE found = 0;
    CK_SESSION_INFO info;
    struct pair pair;
    CK_ULONG n = 0;

    (void)state;
    initialize();
    pin = NULL;
    assert_rv(f->C_OpenSession(OWNER, CKF_RW_SESSION | CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    sign_ec(session, "azure:ldevid");
    create_if_missing(session, "no-pin", false, &pair);
    sign_ec(session, "no-pin");
    assert_rv(delete(session, "no-pin"), CKR_OK);
    assert_rv(f->C_FindObjectsInit(session, &any, 1), CKR_OK);
    assert_rv(f->C_FindObjects(session, &found, 1, &n), CKR_OK);
    assert_rv(f->C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(n, 1);
    assert_rv(f->C_GetSessionInfo(session, &info), CKR_OK);
    assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
    pin = "1234";
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

/* The token behind its PIN does as the other one. */
static void a_token_with_a_pin_serves_it(void **state)
{
    unsigned char label[] = "azure                           ", officer[] = "87654321", user[] = "1234";
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slots[16];
    struct pair pair;
    CK_ULONG n = 16;

    initialize();
    assert_rv(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
    assert_rv(f->C_InitToken(slots[n - 1], officer, 8, label), CKR_OK);
    session = open_token("azure");
    assert_rv(f->C_Login(session, CKU_SO, officer, 8), CKR_OK);
    assert_rv(f->C_InitPIN(session, user, 4), CKR_OK);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    load_again(state);
    session = open_token("azure");
    assert_int_equal(find(session, CKO_PRIVATE_KEY, "est-id"), 0);
    create_if_missing(session, "est-id", false, &pair);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    load_again(state);
    session = open_token("azure");
    sign_ec(session, "est-id");
    create_if_missing(session, "est-id-temp", false, &pair);
    rename_pair(session, "est-id-temp", "est-id");
    sign_ec(session, "est-id");
    create_if_missing(session, "device-id", true, &pair);
    sign_rsa(session, "device-id");
    assert_rv(delete(session, "est-id"), CKR_OK);
    assert_rv(delete(session, "device-id"), CKR_OK);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

/* Where RSA keys take half a minute, "rsa-generation = no" makes it take EC. */
static void without_rsa_generation_it_takes_ec(void **state)
{
    const char *path = getenv("DEVID_CONF");
    FILE *file = fopen(path, "a");
    CK_SESSION_HANDLE session;
    struct pair pair;
    long end;

    (void)state;
    assert_non_null(file);
    end = ftell(file);
    assert_true(fputs("rsa-generation = no\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    initialize();
    session = open_token("owner");
    create_if_missing(session, "device-id", true, &pair);
    assert_int_equal(pair.type, CKK_EC);
    sign_ec(session, "device-id");
    assert_rv(delete(session, "device-id"), CKR_OK);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    assert_int_equal(truncate(path, end), 0);
}

static void *sign_elsewhere(void *session)
{
    sign_ec(*(CK_SESSION_HANDLE *)session, "azure:ldevid");
    return NULL;
}

/* One call after the other, but in changing threads of the same session. */
static void calls_come_from_changing_threads(void **state)
{
    CK_SESSION_HANDLE session;
    pthread_t thread;

    (void)state;
    initialize();
    session = open_token("owner");
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&thread, NULL, sign_elsewhere, &session), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        sign_ec(session, "azure:ldevid");
    }
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

/* A run of the service: all but making keys and signing sends nothing. */
static void looking_costs_no_command(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE session;
    struct pair pair;

    initialize();
    session = open_token("owner");
    for (int i = 0; i < 30; i++) {
        CK_SESSION_HANDLE other = open_token("manufacturer");

        assert_true(look_up(session, "azure:ldevid", &pair));
        assert_true(look_up(other, "idevid", &pair));
        assert_false(look_up(session, "absent", &pair));
        assert_rv(f->C_CloseSession(other), CKR_OK);
    }
    assert_commands(t, "");
    sign_ec(session, "azure:ldevid");
    assert_commands(t, "Sign Sign Sign Sign");
    assert_rv(f->C_Finalize(NULL), CKR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_RAW_TEST(keys_are_made_used_renamed_and_deleted),
        P11_RAW_TEST(ten_keys_are_used_from_nothing_each_time),
        P11_RAW_TEST(secret_keys_fall_back_to_files),
        P11_RAW_TEST(what_is_not_its_own_is_not_deleted),
        P11_RAW_TEST(an_ldevid_of_the_configuration_is_not_deleted),
        P11_RAW_TEST(looking_costs_no_command),
        P11_RAW_TEST(calls_come_from_changing_threads),
        P11_RAW_TEST(a_slot_by_number_and_no_pin_do_as_well),
        P11_RAW_TEST(without_rsa_generation_it_takes_ec),
        P11_RAW_TEST(a_token_with_a_pin_serves_it),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
