/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects that clients make, change, copy and destroy. */
#include <openssl/evp.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tpm/pkcs11_face.h"

static CK_OBJECT_CLASS data = CKO_DATA, certificate = CKO_CERTIFICATE, public_key = CKO_PUBLIC_KEY;
static CK_CERTIFICATE_TYPE x509 = CKC_X_509;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#define TEXT(s) (char *)(uintptr_t)(s), sizeof(s) - 1

static CK_ULONG count(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label)
{
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (char *)(uintptr_t)label, strlen(label)}};

    return p11_count(session, t, 2);
}

static CK_RV set_label(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const char *label)
{
    CK_ATTRIBUTE a = {CKA_LABEL, (char *)(uintptr_t)label, strlen(label)};

    return f->C_SetAttributeValue(session, object, &a, 1);
}

/* A pair of the owner's, wrapped. */
static void generate(struct p11 *t, const char *label, bool is_token, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_MECHANISM mech = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE pub[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_TOKEN, is_token ? &yes : &no, 1},
                          {CKA_LABEL, (char *)(uintptr_t)label, strlen(label)}};
    CK_ATTRIBUTE priv[] = {{CKA_TOKEN, is_token ? &yes : &no, 1}, {CKA_LABEL, (char *)(uintptr_t)label, strlen(label)}};

    assert_rv(f->C_GenerateKeyPair(t->session, &mech, pub, 3, priv, 2, public, private), CKR_OK);
}

static void assert_signs(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    unsigned char digest[32] = {1}, sig[64];
    CK_ULONG len = sizeof sig;

    assert_rv(f->C_SignInit(session, &ecdsa, key), CKR_OK);
    assert_rv(f->C_Sign(session, digest, sizeof digest, sig, &len), CKR_OK);
    assert_int_equal(len, 64);
}

/* Case 46: a key stays what it was made. */
static void what_a_key_is_does_not_change(void **state)
{
    struct p11 *t = *state;
    CK_ATTRIBUTE wrong[] = {{CKA_CLASS, &data, sizeof data}, {CKA_SENSITIVE, &no, 1}, {CKA_EXTRACTABLE, &yes, 1},
                            {CKA_SIGN, &no, 1},              {CKA_PRIVATE, &yes, 1},  {CKA_TOKEN, &no, 1}};
    CK_OBJECT_HANDLE public, private;

    generate(t, "same", true, &public, &private);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CK_ATTRIBUTE with_label[] = {{CKA_LABEL, TEXT("other")}, wrong[i]};

        assert_rv(f->C_SetAttributeValue(t->session, private, with_label, 2), CKR_ATTRIBUTE_READ_ONLY);
        assert_int_equal(p11_find(t->session, CKO_PRIVATE_KEY, "same"), private); /* all of it, or nothing */
    }
    assert_signs(t->session, private);
    assert_rv(f->C_DestroyObject(t->session, public), CKR_OK);
    assert_rv(f->C_DestroyObject(t->session, private), CKR_OK);
}

/* Azure's rotation: public, then private, each by its label alone. Handles stay, and no name is seen twice. */
static void halves_are_renamed_one_by_one(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE public, private;

    generate(t, "est-id-temp", true, &public, &private);
    world_forget_commands(t->world);
    assert_rv(set_label(t->session, public, "est-id"), CKR_OK);
    assert_int_equal(p11_find(t->session, CKO_PUBLIC_KEY, "est-id"), public);
    assert_int_equal(p11_find(t->session, CKO_PRIVATE_KEY, "est-id-temp"), private);
    assert_int_equal(count(t->session, CKO_PUBLIC_KEY, "est-id-temp"), 0);
    assert_rv(set_label(t->session, private, "est-id"), CKR_OK);
    assert_int_equal(p11_find(t->session, CKO_PUBLIC_KEY, "est-id"), public);
    assert_int_equal(p11_find(t->session, CKO_PRIVATE_KEY, "est-id"), private);
    assert_int_equal(count(t->session, CKO_PRIVATE_KEY, "est-id-temp"), 0);
    assert_commands(t, "");
    assert_signs(t->session, private);
    assert_rv(f->C_DestroyObject(t->session, public), CKR_OK);
    assert_int_equal(count(t->session, CKO_PUBLIC_KEY, "est-id"), 0);
    assert_int_equal(p11_find(t->session, CKO_PRIVATE_KEY, "est-id"), private);
    assert_rv(f->C_DestroyObject(t->session, private), CKR_OK);
    assert_int_equal(count(t->session, CKO_PRIVATE_KEY, "est-id"), 0);
    assert_rv(f->C_DestroyObject(t->session, private), CKR_OBJECT_HANDLE_INVALID);
}

/* In the other order the public half stays, with its handle and id, until it is destroyed itself. */
static void a_public_half_outlives_its_key(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE public, private;
    unsigned char id[2][64];

    generate(t, "short", true, &public, &private);
    assert_int_equal(p11_attr(t->session, public, CKA_UNIQUE_ID, id[0], 64), 32);
    assert_rv(f->C_DestroyObject(t->session, private), CKR_OK);
    assert_int_equal(count(t->session, CKO_PRIVATE_KEY, "short"), 0);
    assert_int_equal(p11_find(t->session, CKO_PUBLIC_KEY, "short"), public);
    assert_int_equal(p11_attr(t->session, public, CKA_UNIQUE_ID, id[1], 64), 32);
    assert_memory_equal(id[0], id[1], 32);
    assert_rv(f->C_DestroyObject(t->session, public), CKR_OK);
    assert_int_equal(count(t->session, CKO_PUBLIC_KEY, "short"), 0);
}

static X509 *cert_for(struct p11 *t, CK_OBJECT_HANDLE key, const char *name, unsigned char **der, CK_ULONG *len)
{
    unsigned char spki[256];
    const unsigned char *at = spki;
    EVP_PKEY *pkey;
    X509 *cert;

    *len = p11_attr(t->session, key, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
    pkey = d2i_PUBKEY(NULL, &at, (long)*len);
    cert = identities_certificate(name, pkey, t->ids.ca, t->ids.ca_key);
    *der = NULL;
    *len = (CK_ULONG)i2d_X509(cert, der);
    EVP_PKEY_free(pkey);
    return cert;
}

/* A certificate for a key is the key's, for other faces too; a second one puts the first beside it. */
static void a_certificate_joins_its_key(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE public, private, first, second, again;
    unsigned char *der[2], id[2][64];
    CK_ULONG len[2];
    X509 *cert[2];
    struct devid_snapshot *snap = NULL;
    const struct devid_identity *found;

    generate(t, "enrolled", true, &public, &private);
    world_forget_commands(t->world);
    for (int i = 0; i < 2; i++)
        cert[i] = cert_for(t, private, i == 0 ? "one" : "two", &der[i], &len[i]);
    CK_ATTRIBUTE one[] = {{CKA_CLASS, &certificate, sizeof certificate}, {CKA_CERTIFICATE_TYPE, &x509, sizeof x509},
                          {CKA_TOKEN, &yes, 1}, {CKA_VALUE, der[0], len[0]}};
    CK_ATTRIBUTE two[] = {{CKA_CLASS, &certificate, sizeof certificate}, {CKA_CERTIFICATE_TYPE, &x509, sizeof x509},
                          {CKA_TOKEN, &yes, 1}, {CKA_VALUE, der[1], len[1]}, {CKA_LABEL, TEXT("renewed")}};

    assert_rv(f->C_CreateObject(t->session, one, 4, &first), CKR_OK);
    assert_int_equal(p11_find(t->session, CKO_CERTIFICATE, "enrolled"), first);
    assert_int_equal(p11_attr(t->session, first, CKA_ID, id[0], 64), p11_attr(t->session, private, CKA_ID, id[1], 64));
    assert_memory_equal(id[0], id[1], 20);
    assert_rv(f->C_CreateObject(t->session, one, 4, &again), CKR_OK);
    assert_int_equal(again, first);
    assert_rv(f->C_CreateObject(t->session, two, 5, &second), CKR_OK);
    assert_int_equal(p11_find(t->session, CKO_CERTIFICATE, "renewed"), second);
    assert_int_equal(p11_find(t->session, CKO_CERTIFICATE, "enrolled"), first);
    assert_int_equal(devid_store_snapshot(world_store(t->world), &snap, NULL), DEVID_OK);
    assert_int_equal(devid_snapshot_find(snap, &(struct devid_query){.label = "enrolled"}, &found, NULL), DEVID_OK);
    assert_true(devid_slice_eq(found->chain[0].der, (struct devid_slice){der[1], len[1]}));
    devid_snapshot_free(snap);
    assert_rv(f->C_DestroyObject(t->session, first), CKR_OK);
    assert_rv(f->C_DestroyObject(t->session, private), CKR_OK); /* the rest stays */
    assert_int_equal(p11_find(t->session, CKO_CERTIFICATE, "renewed"), second);
    assert_rv(f->C_DestroyObject(t->session, second), CKR_OK);
    assert_rv(f->C_DestroyObject(t->session, public), CKR_OK);
    assert_int_equal(count(t->session, CKO_CERTIFICATE, "renewed"), 0);
    assert_commands(t, "");
    for (int i = 0; i < 2; i++) {
        X509_free(cert[i]);
        OPENSSL_free(der[i]);
    }
}

static void a_certificate_for_another_key_is_no_keys(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE made;
    unsigned char *der = NULL, id[64];
    CK_ULONG len = (CK_ULONG)i2d_X509(t->ids.ca, &der);
    CK_ULONG id_len = p11_attr(t->session, p11_find(t->session, CKO_PRIVATE_KEY, "rsa"), CKA_ID, id, sizeof id);
    CK_ATTRIBUTE ca[] = {{CKA_CLASS, &certificate, sizeof certificate}, {CKA_CERTIFICATE_TYPE, &x509, sizeof x509},
                         {CKA_TOKEN, &yes, 1}, {CKA_VALUE, der, len}, {CKA_LABEL, TEXT("my CA")}, {CKA_ID, id, id_len}};

    assert_rv(f->C_CreateObject(t->session, ca, 6, &made), CKR_TEMPLATE_INCONSISTENT);
    ca[3].ulValueLen--;
    assert_rv(f->C_CreateObject(t->session, ca, 5, &made), CKR_ATTRIBUTE_VALUE_INVALID);
    ca[3].ulValueLen++;
    assert_rv(f->C_CreateObject(t->session, ca, 5, &made), CKR_OK);
    assert_int_equal(p11_find(t->session, CKO_CERTIFICATE, "my CA"), made);
    assert_rv(f->C_DestroyObject(t->session, made), CKR_OK);
    OPENSSL_free(der);
}

/* Cases 41, 42 and 48: in a session that may write nothing they are made, and end with it. */
static void session_objects_end_with_their_session(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE session = p11_session(OWNER, 0);
    CK_OBJECT_HANDLE made, copy, public, private, found;
    CK_ATTRIBUTE t1[] = {{CKA_CLASS, &data, sizeof data}, {CKA_LABEL, TEXT("note")}, {CKA_VALUE, TEXT("hello")},
                         {CKA_TOKEN, &no, 1}};
    CK_ATTRIBUTE token = {CKA_TOKEN, &yes, 1};
    char value[16];

    assert_rv(f->C_CreateObject(session, t1, 4, &made), CKR_OK);
    t1[3].pValue = &yes;
    assert_rv(f->C_CreateObject(session, t1, 4, &copy), CKR_SESSION_READ_ONLY);
    assert_rv(f->C_CopyObject(session, made, &token, 1, &copy), CKR_SESSION_READ_ONLY);
    assert_rv(f->C_CopyObject(session, made, NULL, 0, &copy), CKR_OK);
    assert_int_equal(count(t->session, CKO_DATA, "note"), 2);
    assert_rv(set_label(session, copy, "copy"), CKR_OK);
    assert_int_equal(p11_find(t->session, CKO_DATA, "copy"), copy);
    assert_int_equal(p11_attr(session, copy, CKA_VALUE, value, sizeof value), 5);
    assert_memory_equal(value, "hello", 5);
    assert_rv(f->C_DestroyObject(session, made), CKR_OK);
    assert_int_equal(count(session, CKO_DATA, "note"), 0);
    assert_rv(f->C_CloseSession(session), CKR_OK);
    assert_int_equal(count(t->session, CKO_DATA, "copy"), 0);

    generate(t, "brief", false, &public, &private);
    assert_signs(t->session, private);
    assert_rv(f->C_DestroyObject(t->session, private), CKR_OK);
    assert_int_equal(p11_find(t->session, CKO_PUBLIC_KEY, "brief"), public);
    assert_rv(f->C_DestroyObject(t->session, public), CKR_OK);
    generate(t, "brief", false, &public, &private); /* Java's way to a token key */
    CK_ATTRIBUTE kept[] = {{CKA_TOKEN, &yes, 1}, {CKA_LABEL, TEXT("java")}};
    assert_rv(f->C_CopyObject(t->session, private, kept, 2, &found), CKR_OK);
    assert_rv(f->C_DestroyObject(t->session, private), CKR_OK);
    assert_int_equal(count(t->session, CKO_PUBLIC_KEY, "java"), 0);
    assert_signs(t->session, found);
    assert_rv(f->C_DestroyObject(t->session, found), CKR_OK);
    assert_rv(f->C_DestroyObject(t->session, public), CKR_OK);
}

static void data_and_public_keys_are_kept_in_the_token(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE maker = p11_session(MANUFACTURER, CKF_RW_SESSION);
    CK_KEY_TYPE rsa = CKK_RSA;
    unsigned char modulus[256], e[] = {1, 0, 1}, zero[] = {0};
    CK_OBJECT_HANDLE key, note, from = p11_find(t->session, CKO_PUBLIC_KEY, "rsa");
    CK_ATTRIBUTE k[] = {{CKA_CLASS, &public_key, sizeof public_key}, {CKA_KEY_TYPE, &rsa, sizeof rsa},
                        {CKA_TOKEN, &yes, 1}, {CKA_LABEL, TEXT("peer")}, {CKA_MODULUS, modulus, sizeof modulus},
                        {CKA_PUBLIC_EXPONENT, e, sizeof e}};
    CK_ATTRIBUTE d[] = {{CKA_CLASS, &data, sizeof data}, {CKA_TOKEN, &yes, 1}, {CKA_LABEL, TEXT("note")},
                        {CKA_APPLICATION, TEXT("test")}, {CKA_VALUE, TEXT("first")}};
    CK_ATTRIBUTE changed = {CKA_VALUE, TEXT("second")};
    CK_MECHANISM pkcs1 = {CKM_RSA_PKCS, NULL, 0};
    unsigned char out[256];
    CK_ULONG size = sizeof out;
    char value[16];

    assert_int_equal(p11_attr(t->session, from, CKA_MODULUS, modulus, sizeof modulus), 256);
    k[5].pValue = zero;
    k[5].ulValueLen = 1;
    assert_rv(f->C_CreateObject(t->session, k, 6, &key), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_rv(f->C_CreateObject(t->session, k, 5, &key), CKR_TEMPLATE_INCOMPLETE);
    k[5].pValue = e;
    k[5].ulValueLen = sizeof e;
    assert_rv(f->C_CreateObject(t->session, k, 6, &key), CKR_OK);
    assert_rv(f->C_EncryptInit(t->session, &pkcs1, key), CKR_OK);
    assert_rv(f->C_Encrypt(t->session, modulus, 8, out, &size), CKR_OK);
    assert_int_equal(size, 256);
    assert_rv(f->C_CreateObject(maker, d, 5, &note), CKR_TOKEN_WRITE_PROTECTED);
    assert_rv(f->C_CreateObject(t->session, d, 5, &note), CKR_OK);
    assert_rv(f->C_SetAttributeValue(t->session, note, &changed, 1), CKR_OK);
    assert_rv(f->C_GetObjectSize(t->session, note, &size), CKR_OK);
    assert_true(size > 6 && size < 1000);

    /* another application, from the beginning */
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    t->session = p11_session(OWNER, CKF_RW_SESSION);
    note = p11_find(t->session, CKO_DATA, "note");
    assert_int_equal(p11_attr(t->session, note, CKA_VALUE, value, sizeof value), 6);
    assert_memory_equal(value, "second", 6);
    assert_rv(f->C_DestroyObject(t->session, note), CKR_OK);
    assert_rv(f->C_DestroyObject(t->session, p11_find(t->session, CKO_PUBLIC_KEY, "peer")), CKR_OK);
    assert_commands(t, "");
}

static void nonsense_has_its_own_answer(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE made;
    CK_ULONG odd = 1;
    CK_ATTRIBUTE base = {CKA_CLASS, &data, sizeof data};
    const struct {
        CK_ATTRIBUTE more;
        CK_RV expected;
    } cases[] = {{{CKA_VENDOR_DEFINED, &yes, 1}, CKR_ATTRIBUTE_TYPE_INVALID},
                 {{CKA_MODULUS, &odd, sizeof odd}, CKR_TEMPLATE_INCONSISTENT},
                 {{CKA_SENSITIVE, &yes, 1}, CKR_TEMPLATE_INCONSISTENT},
                 {{CKA_UNIQUE_ID, &odd, sizeof odd}, CKR_ATTRIBUTE_READ_ONLY},
                 {{CKA_PRIVATE, &odd, sizeof odd}, CKR_ATTRIBUTE_VALUE_INVALID},
                 {{CKA_LABEL, TEXT("two\nlines")}, CKR_ATTRIBUTE_VALUE_INVALID},
                 {{CKA_CLASS, &public_key, sizeof public_key}, CKR_TEMPLATE_INCONSISTENT},
                 {{CKA_VALUE, NULL, 3}, CKR_ARGUMENTS_BAD}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CK_ATTRIBUTE template[] = {base, cases[i].more};

        assert_rv(f->C_CreateObject(t->session, template, 2, &made), cases[i].expected);
    }
}

/* A client's flags are kept to. */
static void fixed_objects_stay_as_they_are(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE session = p11_session(OWNER, CKF_RW_SESSION);
    CK_OBJECT_HANDLE made, copy;
    CK_ATTRIBUTE d[] = {{CKA_CLASS, &data, sizeof data}, {CKA_MODIFIABLE, &no, 1}, {CKA_COPYABLE, &no, 1},
                        {CKA_DESTROYABLE, &no, 1}};

    (void)t;
    assert_rv(f->C_CreateObject(session, d, 4, &made), CKR_OK);
    assert_rv(set_label(session, made, "x"), CKR_ACTION_PROHIBITED);
    assert_rv(f->C_CopyObject(session, made, NULL, 0, &copy), CKR_ACTION_PROHIBITED);
    assert_rv(f->C_DestroyObject(session, made), CKR_ACTION_PROHIBITED);
    assert_rv(f->C_CloseSession(session), CKR_OK);
}

/* Who gives a list of mechanisms has a key that knows no other: over processes, copies, and the end of its pair. */
static void a_key_does_what_its_list_of_mechanisms_says(void **state)
{
    static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_MECHANISM_TYPE list[] = {CKM_ECDSA_SHA384, CKM_ECDSA_SHA256}, got[32], odd[] = {CKM_ECDSA, CKM_RSA_PKCS};
    CK_MECHANISM mech = {CKM_EC_KEY_PAIR_GEN, NULL, 0}, ecdsa = {CKM_ECDSA, NULL, 0}, sha256 = {CKM_ECDSA_SHA256, NULL, 0};
    CK_MECHANISM ecdh = {CKM_ECDH1_DERIVE, NULL, 0};
    CK_ATTRIBUTE pub[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_TOKEN, &yes, 1}, {CKA_LABEL, TEXT("listed")},
                          {CKA_ALLOWED_MECHANISMS, &list[1], sizeof list[1]}};
    CK_ATTRIBUTE priv[] = {{CKA_TOKEN, &yes, 1}, {CKA_LABEL, TEXT("listed")}, {CKA_ALLOWED_MECHANISMS, list, sizeof list}};
    CK_ATTRIBUTE bad = {CKA_ALLOWED_MECHANISMS, odd, sizeof odd}, renamed = {CKA_LABEL, TEXT("copied")};
    CK_OBJECT_HANDLE public, private, copy;
    struct p11 *t = *state;
    CK_BBOOL can = CK_TRUE;

    priv[2] = bad;
    assert_rv(f->C_GenerateKeyPair(t->session, &mech, pub, 4, priv, 3, &public, &private), CKR_TEMPLATE_INCONSISTENT);
    assert_commands(t, "");
    priv[2] = (CK_ATTRIBUTE){CKA_ALLOWED_MECHANISMS, list, sizeof list};
    assert_rv(f->C_GenerateKeyPair(t->session, &mech, pub, 4, priv, 3, &public, &private), CKR_OK);
    assert_rv(f->C_CopyObject(t->session, private, &renamed, 1, &copy), CKR_OK);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    t->session = p11_session(OWNER, CKF_RW_SESSION);
    for (int i = 0; i < 2; i++) {
        private = p11_find(t->session, CKO_PRIVATE_KEY, i == 0 ? "listed" : "copied");
        assert_int_equal(p11_attr(t->session, private, CKA_ALLOWED_MECHANISMS, got, sizeof got), sizeof list);
        assert_memory_equal(got, list, sizeof list);
        assert_rv(f->C_SignInit(t->session, &ecdsa, private), CKR_KEY_FUNCTION_NOT_PERMITTED);
        assert_rv(f->C_DeriveKey(t->session, &ecdh, private, NULL, 0, &copy), CKR_KEY_FUNCTION_NOT_PERMITTED);
        assert_int_equal(p11_attr(t->session, private, CKA_DERIVE, &can, 1), 1);
        assert_int_equal(can, CK_FALSE);
        assert_rv(f->C_SignInit(t->session, &sha256, private), CKR_OK);
        assert_rv(f->C_SignInit(t->session, NULL, private), CKR_OK);
        assert_rv(f->C_DestroyObject(t->session, private), CKR_OK);
    }
    public = p11_find(t->session, CKO_PUBLIC_KEY, "listed"); /* on its own now */
    assert_int_equal(p11_attr(t->session, public, CKA_ALLOWED_MECHANISMS, got, sizeof got), sizeof list[1]);
    assert_rv(f->C_VerifyInit(t->session, &ecdsa, public), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_VerifyInit(t->session, &sha256, public), CKR_OK);
    assert_rv(f->C_DestroyObject(t->session, public), CKR_OK);
}

static void assert_subject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const void *expected, CK_ULONG len)
{
    unsigned char got[256];

    assert_int_equal(p11_attr(session, key, CKA_SUBJECT, got, sizeof got), len);
    assert_memory_equal(got, expected, len);
}

/* Each half has the subject that it was given; without one it has its certificate's, or none. */
static void a_subject_is_kept_or_is_the_certificates(void **state)
{
    static unsigned char x[] = {0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, 'x'};
    CK_ATTRIBUTE to_x = {CKA_SUBJECT, x, sizeof x}, cut = {CKA_SUBJECT, x, sizeof x - 1}, none = {CKA_SUBJECT, NULL, 0};
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE by_subject[] = {{CKA_CLASS, &class, sizeof class}, {CKA_SUBJECT, x, sizeof x}};
    CK_OBJECT_HANDLE public, private;
    unsigned char of_cert[256];
    struct p11 *t = *state;
    CK_ULONG len;

    generate(t, "named", true, &public, &private);
    assert_subject(t->session, private, "", 0);
    assert_rv(f->C_SetAttributeValue(t->session, private, &cut, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_rv(f->C_SetAttributeValue(t->session, private, &to_x, 1), CKR_OK);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    t->session = p11_session(OWNER, CKF_RW_SESSION);
    private = p11_find(t->session, CKO_PRIVATE_KEY, "named");
    public = p11_find(t->session, CKO_PUBLIC_KEY, "named");
    assert_subject(t->session, private, x, sizeof x);
    assert_subject(t->session, public, "", 0);
    assert_int_equal(p11_count(t->session, by_subject, 2), 1);
    assert_rv(f->C_DestroyObject(t->session, private), CKR_OK);
    assert_rv(f->C_SetAttributeValue(t->session, public, &to_x, 1), CKR_OK); /* an item by now */
    assert_subject(t->session, public, x, sizeof x);
    assert_rv(f->C_DestroyObject(t->session, public), CKR_OK);

    private = p11_find(t->session, CKO_PRIVATE_KEY, "wrapped");
    len = p11_attr(t->session, p11_find(t->session, CKO_CERTIFICATE, "wrapped"), CKA_SUBJECT, of_cert, sizeof of_cert);
    assert_subject(t->session, private, of_cert, len);
    assert_rv(f->C_SetAttributeValue(t->session, private, &to_x, 1), CKR_OK);
    assert_subject(t->session, private, x, sizeof x);
    assert_rv(f->C_SetAttributeValue(t->session, private, &none, 1), CKR_OK);
    assert_subject(t->session, private, of_cert, len);
}

/* The last: it takes the key out of the TPM. */
static void a_key_at_a_handle_is_evicted(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE leaf = p11_find(t->session, CKO_CERTIFICATE, "rsa");

    world_forget_commands(t->world);
    assert_rv(f->C_DestroyObject(t->session, key), CKR_OK);
    assert_int_equal(world_count(t->world, "EvictControl"), 1);
    assert_int_equal(count(t->session, CKO_PRIVATE_KEY, "rsa"), 0);
    assert_int_equal(p11_find(t->session, CKO_CERTIFICATE, "rsa"), leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_TEST(what_a_key_is_does_not_change),
        P11_TEST(halves_are_renamed_one_by_one),
        P11_TEST(a_public_half_outlives_its_key),
        P11_TEST(a_certificate_joins_its_key),
        P11_TEST(a_certificate_for_another_key_is_no_keys),
        P11_TEST(session_objects_end_with_their_session),
        P11_TEST(data_and_public_keys_are_kept_in_the_token),
        P11_TEST(nonsense_has_its_own_answer),
        P11_TEST(fixed_objects_stay_as_they_are),
        P11_TEST(a_key_does_what_its_list_of_mechanisms_says),
        P11_TEST(a_subject_is_kept_or_is_the_certificates),
        P11_TEST(a_key_at_a_handle_is_evicted),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
