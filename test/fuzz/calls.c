/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any functions of the module in any order, with any arguments: a store with keys, objects and a token with a PIN, and a TPM that is
 * away. A byte says which function; those behind it are its arguments: handles that exist or do not, NULL, lengths up to 2^63 (with a
 * pointer that is NULL, or beyond what a process can address: a lie about a real buffer is nothing that a module could find
 * out), templates of known and unknown attributes. What is written lies in memory of just its size.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkcs11/mech.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CALLS_MAX 64
#define POOL 16
#define ATTRIBUTES_MAX 8

static const char key[] =
    "-----BEGIN TSS2 PRIVATE KEY-----\n"
    "MIHxBgZngQUKAQOgAwEBAQIFAIEAAAEEWABWACMACwAGAHIAAAAQABAAAwAQACAL\n"
    "iQMaDdQ8FVn+8RLvOmPLeBePL9sxsEn6GCy+ZSrV8gAgAcnoc87hq0XNeBTpJakl\n"
    "6oOppA/9VzEu2ntUEbS9lfIEgYAAfgAg5/7Dt4AYybIp+x1vMeD6sTsMH86xT92Y\n"
    "9NP4A2KWQWoAECdYHOWELuZbxIWW2Qddg3btwNwHm4U32hOw2DR7D5aoAoP+hUt4\n"
    "GdtlUQSiKAq3C+FWl8marCe1ROtI+YC5IVeFoPNpFWGl1HPxl+ET0Tq9wayEd69T\n"
    "hkh2Tg==\n"
    "-----END TSS2 PRIVATE KEY-----\n";
static char folder[] = "/tmp/devid-fuzz-XXXXXX";

/* ---- the store ---- */

static void put(const char *name, const char *head)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    if (file == NULL || fputs(head, file) < 0 || fclose(file) != 0)
        abort();
}

/* What calls have added goes. */
static void empty(const char *token)
{
    char path[512], text[4096];
    DIR *dir;
    struct dirent *entry;

    (void)snprintf(path, sizeof path, "%s/%s", folder, token);
    if (mkdir(path, 0755) != 0) {
        dir = opendir(path);
        while (dir != NULL && (entry = readdir(dir)) != NULL)
            if (entry->d_type == DT_REG && (size_t)snprintf(path, sizeof path, "%s/%s/%s", folder, token, entry->d_name) < sizeof path)
                (void)unlink(path);
        if (dir != NULL)
            (void)closedir(dir);
    }
    (void)snprintf(path, sizeof path, "%s/k.pem", token);
    (void)snprintf(text, sizeof text, "format: 1\nlabel: k\nparent: 0x81000001\n\n%s", key);
    put(path, text);
}

static void clear_up(void)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        abort();
}

static void begin(void)
{
    static const char salt[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static bool is_made;
    char text[8192];

    if (!is_made) {
        if (mkdtemp(folder) == NULL || atexit(clear_up) != 0)
            abort();
        (void)snprintf(text, sizeof text, "[device]\ntcti = swtpm:path=%s/nothing\nstate = %s\n", folder, folder);
        put("devid.conf", text);
        (void)snprintf(text, sizeof text, "%s/devid.conf", folder);
        if (setenv("DEVID_CONF", text, 1) != 0)
            abort();
        is_made = true;
    }
    empty("owner");
    empty("vault");
    (void)snprintf(text, sizeof text, "format: 1\nrounds: 1\nso-salt: %s\nuser-salt: %s\n\n%s%s", salt, salt, key, key);
    put("vault/.token", text);
}

/* ---- arguments ---- */

struct input {
    const uint8_t *data;
    size_t len;
    CK_SESSION_HANDLE sessions[POOL];
    CK_OBJECT_HANDLE objects[POOL];
    size_t n_sessions, n_objects;
    void *taken[256]; /* freed after each call */
    size_t n_taken;
};

static unsigned byte(struct input *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->data++;
}

static void *room(struct input *in, size_t len)
{
    void *p = malloc(len == 0 ? 1 : len);

    if (p == NULL || in->n_taken == 256)
        abort();
    in->taken[in->n_taken++] = p;
    memset(p, 0x5a, len);
    return p;
}

/* Bytes and their number. */
static void *bytes(struct input *in, CK_ULONG *len)
{
    static const CK_ULONG wild[] = {(CK_ULONG)-1, (CK_ULONG)1 << 63, ((CK_ULONG)1 << 47) + 1};
    unsigned kind = byte(in);
    unsigned char *p;

    if (kind >= 250) {
        *len = wild[kind % 3];
        return kind % 2 != 0 ? NULL : room(in, 1);
    }
    if (kind >= 240) {
        *len = kind % 2 != 0 ? 0 : (CK_ULONG)1 << 31;
        return NULL;
    }
    *len = kind < 200 ? kind : kind * 16;
    p = room(in, *len);
    for (CK_ULONG i = 0; i < *len && in->len != 0; i++)
        p[i] = (unsigned char)byte(in);
    return p;
}

/* Room for an answer, and how much it is said to have. */
static void *answer(struct input *in, CK_ULONG **len)
{
    unsigned kind = byte(in);

    if (kind == 255) {
        *len = NULL;
        return room(in, 1);
    }
    *len = room(in, sizeof **len);
    **len = kind < 128 ? kind : kind * 8;
    return kind % 7 == 6 ? NULL : room(in, **len);
}

static CK_SESSION_HANDLE session(struct input *in)
{
    unsigned pick = byte(in);

    return pick < 240 && in->n_sessions != 0 ? in->sessions[pick % in->n_sessions] : pick;
}

static CK_OBJECT_HANDLE object(struct input *in)
{
    unsigned pick = byte(in);

    return pick < 240 && in->n_objects != 0 ? in->objects[pick % in->n_objects] : pick;
}

static CK_ATTRIBUTE *template(struct input *in, CK_ULONG *n)
{
    static const CK_ATTRIBUTE_TYPE types[] = {
        CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_APPLICATION, CKA_VALUE, CKA_OBJECT_ID, CKA_CERTIFICATE_TYPE, CKA_ISSUER,
        CKA_SERIAL_NUMBER, CKA_KEY_TYPE, CKA_SUBJECT, CKA_ID, CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY,
        CKA_DERIVE, CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_EC_PARAMS,
        CKA_EC_POINT, CKA_ALWAYS_AUTHENTICATE, CKA_ALLOWED_MECHANISMS, CKA_VALUE_LEN, 0x102UL, CKA_CERTIFICATE_CATEGORY};
    unsigned count = byte(in);
    CK_ATTRIBUTE *a;

    if (count >= 250) {
        *n = count == 255 ? (CK_ULONG)-1 : 2;
        return NULL;
    }
    *n = count % (ATTRIBUTES_MAX + 1);
    a = room(in, *n * sizeof *a);
    for (CK_ULONG i = 0; i < *n; i++) {
        unsigned type = byte(in), small = byte(in);

        a[i].type = type < 240 ? types[type % (sizeof types / sizeof types[0])] : 0x80000000UL + type;
        if (small < 100) { /* a number or a truth */
            a[i].ulValueLen = small < 50 ? 1 : sizeof(CK_ULONG);
            a[i].pValue = room(in, a[i].ulValueLen);
            memset(a[i].pValue, 0, a[i].ulValueLen);
            *(unsigned char *)a[i].pValue = (unsigned char)byte(in);
        } else {
            a[i].pValue = bytes(in, &a[i].ulValueLen);
        }
    }
    return a;
}

static CK_MECHANISM *mechanism(struct input *in)
{
    unsigned pick = byte(in), i = 0;
    CK_MECHANISM *m;

    if (pick == 255)
        return NULL;
    m = room(in, sizeof *m);
    while (mech_row(i) != NULL)
        i++;
    m->mechanism = pick < 240 ? mech_row(pick % i)->type : pick;
    m->pParameter = NULL;
    m->ulParameterLen = 0;
    if (byte(in) > 128) {
        CK_RSA_PKCS_PSS_PARAMS pss = {byte(in) < 128 ? CKM_SHA256 : CKM_SHA_1, CKG_MGF1_SHA256, byte(in)};
        CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, byte(in) % 2};
        CK_ECDH1_DERIVE_PARAMS ecdh = {.kdf = byte(in) % 4 + 1};
        unsigned which = byte(in) % 4;

        ecdh.pPublicData = bytes(in, &ecdh.ulPublicDataLen);
        m->ulParameterLen = which == 0 ? sizeof pss : which == 1 ? sizeof oaep : which == 2 ? sizeof ecdh : byte(in);
        m->pParameter = room(in, m->ulParameterLen);
        if (which < 3)
            memcpy(m->pParameter, which == 0 ? (void *)&pss : which == 1 ? (void *)&oaep : (void *)&ecdh, m->ulParameterLen);
    }
    return m;
}

static void keep_session(struct input *in, CK_RV rv, CK_SESSION_HANDLE s)
{
    if (rv == CKR_OK)
        in->sessions[in->n_sessions++ % POOL] = s;
    if (in->n_sessions > POOL)
        in->n_sessions = POOL;
}

static void keep_objects(struct input *in, const CK_OBJECT_HANDLE *found, CK_ULONG n)
{
    for (CK_ULONG i = 0; i < n; i++)
        in->objects[in->n_objects < POOL ? in->n_objects++ : i % POOL] = found[i];
}

/* ---- calls ---- */

static void call_about_objects(struct input *in, unsigned which)
{
    CK_OBJECT_HANDLE made[2] = {0}, list[8];
    CK_ULONG n = 0, m = 0;
    CK_ATTRIBUTE *a = template(in, &n), *b;

    switch (which) {
    case 0:
        if (C_CreateObject(session(in), a, n, byte(in) == 255 ? NULL : made) == CKR_OK)
            keep_objects(in, made, made[0] != 0);
        break;
    case 1:
        if (C_CopyObject(session(in), object(in), a, n, made) == CKR_OK)
            keep_objects(in, made, 1);
        break;
    case 2: (void)C_DestroyObject(session(in), object(in)); break;
    case 3: (void)C_GetObjectSize(session(in), object(in), byte(in) == 255 ? NULL : &m); break;
    case 4: (void)C_GetAttributeValue(session(in), object(in), a, n); break;
    case 5: (void)C_SetAttributeValue(session(in), object(in), a, n); break;
    case 6: (void)C_FindObjectsInit(session(in), a, n); break;
    case 7:
        if (C_FindObjects(session(in), list, byte(in) % 9, &m) == CKR_OK)
            keep_objects(in, list, m);
        break;
    case 8: (void)C_FindObjectsFinal(session(in)); break;
    case 9:
        b = template(in, &m);
        if (C_GenerateKeyPair(session(in), mechanism(in), a, n, b, m, &made[0], &made[1]) == CKR_OK)
            keep_objects(in, made, 2);
        break;
    case 10: (void)C_GenerateKey(session(in), mechanism(in), a, n, made); break;
    case 11:
        if (C_DeriveKey(session(in), mechanism(in), object(in), a, n, made) == CKR_OK)
            keep_objects(in, made, 1);
        break;
    default: break;
    }
}

static void call_crypto(struct input *in, unsigned which)
{
    CK_ULONG n = 0, m = 0, *len;
    unsigned char *data = bytes(in, &n), *more = NULL;
    unsigned char *out = answer(in, &len);
    CK_SESSION_HANDLE s = session(in);

    switch (which) {
    case 0: (void)C_DigestInit(s, mechanism(in)); break;
    case 1: (void)C_Digest(s, data, n, out, len); break;
    case 2: (void)C_DigestUpdate(s, data, n); break;
    case 3: (void)C_DigestFinal(s, out, len); break;
    case 4: (void)C_SignInit(s, mechanism(in), object(in)); break;
    case 5: (void)C_Sign(s, data, n, out, len); break;
    case 6: (void)C_SignUpdate(s, data, n); break;
    case 7: (void)C_SignFinal(s, out, len); break;
    case 8: (void)C_VerifyInit(s, mechanism(in), object(in)); break;
    case 9:
        more = bytes(in, &m);
        (void)C_Verify(s, data, n, more, m);
        break;
    case 10: (void)C_VerifyUpdate(s, data, n); break;
    case 11: (void)C_VerifyFinal(s, data, n); break;
    case 12: (void)C_EncryptInit(s, mechanism(in), object(in)); break;
    case 13: (void)C_Encrypt(s, data, n, out, len); break;
    case 14: (void)C_EncryptUpdate(s, data, n, out, len); break;
    case 15: (void)C_EncryptFinal(s, out, len); break;
    case 16: (void)C_DecryptInit(s, mechanism(in), object(in)); break;
    case 17: (void)C_Decrypt(s, data, n, out, len); break;
    case 18: (void)C_DecryptUpdate(s, data, n, out, len); break;
    case 19: (void)C_DecryptFinal(s, out, len); break;
    case 20: (void)C_GenerateRandom(s, out, out != NULL && len != NULL ? *len : n); break;
    case 21: (void)C_SeedRandom(s, data, n); break;
    case 22: (void)C_SessionCancel(s, byte(in) * 256UL); break;
    default: break;
    }
}

static void call_general(struct input *in, unsigned which)
{
    union {
        CK_INFO info;
        CK_SLOT_INFO slot;
        CK_TOKEN_INFO token;
        CK_SESSION_INFO session;
        CK_MECHANISM_INFO mechanism;
        CK_SLOT_ID slots[8];
        CK_MECHANISM_TYPE types[128];
    } out;
    bool is_null = byte(in) > 250;
    CK_ULONG n = byte(in) % 9, pin_len = 0, new_len = 0;
    unsigned char *pin = bytes(in, &pin_len), *next, label[32];
    CK_SESSION_HANDLE made = 0;
    CK_RV rv;

    memset(label, byte(in) < 128 ? 'v' : ' ', sizeof label);
    switch (which) {
    case 0: (void)C_GetInfo(is_null ? NULL : &out.info); break;
    case 1: (void)C_GetSlotList(byte(in) % 2 != 0, is_null ? NULL : out.slots, &n); break;
    case 2: (void)C_GetSlotInfo(byte(in) % 5, is_null ? NULL : &out.slot); break;
    case 3: (void)C_GetTokenInfo(byte(in) % 5, is_null ? NULL : &out.token); break;
    case 4:
        n = byte(in) % 129;
        (void)C_GetMechanismList(byte(in) % 5, is_null ? NULL : out.types, &n);
        break;
    case 5: (void)C_GetMechanismInfo(byte(in) % 5, byte(in), is_null ? NULL : &out.mechanism); break;
    case 6:
        rv = C_OpenSession(byte(in) % 4, byte(in) < 200 ? CKF_SERIAL_SESSION | CKF_RW_SESSION : byte(in) % 8, NULL, NULL,
                           is_null ? NULL : &made);
        keep_session(in, rv, made);
        break;
    case 7: (void)C_CloseSession(session(in)); break;
    case 8: (void)C_CloseAllSessions(byte(in) % 4); break;
    case 9: (void)C_GetSessionInfo(session(in), is_null ? NULL : &out.session); break;
    case 10: (void)C_Login(session(in), byte(in) % 4, pin, pin_len); break;
    case 11: (void)C_Logout(session(in)); break;
    case 12: (void)C_InitToken(byte(in) % 5, pin, pin_len, is_null ? NULL : label); break;
    case 13: (void)C_InitPIN(session(in), pin, pin_len); break;
    case 14:
        next = bytes(in, &new_len);
        (void)C_SetPIN(session(in), pin, pin_len, next, new_len);
        break;
    case 15: (void)C_GetOperationState(session(in), pin, &n); break;
    case 16: (void)C_WaitForSlotEvent(byte(in) % 2, out.slots, NULL); break;
    default: break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {.data = data, .len = len};
    CK_SESSION_HANDLE first = 0;

    begin();
    if (C_Initialize(NULL) != CKR_OK)
        abort();
    keep_session(&in, C_OpenSession(1, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &first), first);
    for (int i = 0; i < CALLS_MAX && in.len != 0; i++) {
        unsigned which = byte(&in);

        if (which < 70)
            call_general(&in, which % 17);
        else if (which < 150)
            call_about_objects(&in, which % 12);
        else
            call_crypto(&in, which % 23);
        while (in.n_taken > 0)
            free(in.taken[--in.n_taken]);
    }
    if (C_Finalize(NULL) != CKR_OK)
        abort();
    return 0;
}
