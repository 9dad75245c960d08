/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects: what is found, what is told of it, and that nobody can change it. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "put.h"
#include "tpm/pkcs11_face.h"

#define ABSENT CK_UNAVAILABLE_INFORMATION

/* Cases 31 and 32. */
static void a_search_keeps_its_order(void **state)
{
    struct p11 *t = *state;
    CK_ATTRIBUTE nowhere = {CKA_LABEL, NULL, 3};
    CK_OBJECT_HANDLE found[64];
    CK_ULONG n;

    assert_rv(f->C_FindObjects(t->session, found, 1, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_FindObjectsFinal(t->session), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_FindObjectsInit(t->session, NULL, 3), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_FindObjectsInit(t->session, &nowhere, 1), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_FindObjectsInit(t->session, &nowhere, (CK_ULONG)1 << 40), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_FindObjectsInit(t->session, NULL, 0), CKR_OK);
    assert_rv(f->C_FindObjectsInit(t->session, NULL, 0), CKR_OPERATION_ACTIVE);
    assert_rv(f->C_FindObjects(t->session, NULL, 1, &n), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_FindObjects(t->session, found, 1, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_FindObjects(t->session, found, 4, &n), CKR_OK);
    assert_int_equal(n, 4);
    assert_rv(f->C_FindObjects(t->session, found, 64, &n), CKR_OK);
    assert_int_equal(n, 6); /* three keys of two halves and a certificate, one issuer of all */
    assert_rv(f->C_FindObjects(t->session, found, 64, &n), CKR_OK);
    assert_int_equal(n, 0);
    assert_rv(f->C_FindObjectsFinal(t->session), CKR_OK);
    assert_commands(t, "");
}

static void searches_match_every_attribute(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_CLASS private = CKO_PRIVATE_KEY, cert = CKO_CERTIFICATE, secret = CKO_SECRET_KEY;
    CK_KEY_TYPE ec = CKK_EC;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    unsigned char id[64];
    CK_ULONG id_len = p11_attr(t->session, p11_find(t->session, CKO_PRIVATE_KEY, "rsa"), CKA_ID, id, sizeof id);
    CK_ATTRIBUTE keys[] = {{CKA_CLASS, &private, sizeof private}, {CKA_KEY_TYPE, &ec, sizeof ec}};
    CK_ATTRIBUTE certs[] = {{CKA_CLASS, &cert, sizeof cert}, {CKA_TOKEN, &yes, 1}};
    CK_ATTRIBUTE secrets[] = {{CKA_CLASS, &secret, sizeof secret}};
    CK_ATTRIBUTE by_id[] = {{CKA_ID, id, id_len}};
    CK_ATTRIBUTE session[] = {{CKA_TOKEN, &no, 1}};
    CK_ATTRIBUTE wide[] = {{CKA_TOKEN, &ec, sizeof ec}};
    CK_ATTRIBUTE sensitive[] = {{CKA_PRIVATE_EXPONENT, id, 0}};
    CK_ATTRIBUTE unknown[] = {{CKA_VENDOR_DEFINED | 1, id, 1}};

    assert_int_equal(id_len, 20);
    assert_int_equal(p11_count(t->session, keys, 2), 2);
    assert_int_equal(p11_count(t->session, keys, 1), 3);
    assert_int_equal(p11_count(t->session, certs, 2), 4);
    assert_int_equal(p11_count(t->session, by_id, 1), 3); /* both halves and the certificate */
    assert_int_equal(p11_count(t->session, secrets, 1), 0);
    assert_int_equal(p11_count(t->session, session, 1), 0);
    assert_int_equal(p11_count(t->session, wide, 1), 0);
    assert_int_equal(p11_count(t->session, sensitive, 1), 0);
    assert_int_equal(p11_count(t->session, unknown, 1), 0);
    assert_commands(t, "");
}

/* Cases 35 and 36. */
static void attributes_are_answered_one_by_one(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_CLASS class = 99;
    unsigned char label[16] = {0}, secret[256], small[4];
    CK_ATTRIBUTE mixed[] = {{CKA_CLASS, &class, sizeof class}, {CKA_PRIVATE_EXPONENT, secret, sizeof secret},
                            {CKA_LABEL, label, sizeof label}, {CKA_EC_POINT, secret, sizeof secret},
                            {CKA_MODULUS, NULL, 0}};
    CK_ATTRIBUTE tight[] = {{CKA_MODULUS, small, sizeof small}, {CKA_LABEL, label, sizeof label}};
    CK_RV rv = f->C_GetAttributeValue(t->session, key, mixed, 5);

    assert_true(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID);
    assert_int_equal(class, CKO_PRIVATE_KEY);
    assert_int_equal(mixed[1].ulValueLen, ABSENT);
    assert_int_equal(mixed[2].ulValueLen, 3);
    assert_memory_equal(label, "rsa", 4);
    assert_int_equal(mixed[3].ulValueLen, ABSENT);
    assert_int_equal(mixed[4].ulValueLen, 256);

    memset(label, 0, sizeof label);
    assert_rv(f->C_GetAttributeValue(t->session, key, tight, 2), CKR_BUFFER_TOO_SMALL);
    assert_rv(f->C_GetAttributeValue(t->session, key, tight, 1), CKR_BUFFER_TOO_SMALL); /* what was answered is no room */
    assert_int_equal(tight[0].ulValueLen, ABSENT);
    assert_memory_equal(label, "rsa", 4);
    assert_commands(t, "");
}

/* Cases 34 and 37. */
static void wild_arguments_are_refused(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE theirs = p11_find(p11_session(MANUFACTURER, 0), CKO_PRIVATE_KEY, "idevid");
    CK_ATTRIBUTE a = {CKA_CLASS, NULL, 0};

    assert_rv(f->C_GetAttributeValue(t->session, 0, &a, 1), CKR_OBJECT_HANDLE_INVALID);
    assert_rv(f->C_GetAttributeValue(t->session, key + 1000, &a, 1), CKR_OBJECT_HANDLE_INVALID);
    assert_rv(f->C_GetAttributeValue(t->session, theirs, &a, 1), CKR_OBJECT_HANDLE_INVALID); /* another token's */
    assert_rv(f->C_GetAttributeValue(t->session, key, NULL, 1), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_GetAttributeValue(t->session, key, &a, (CK_ULONG)1 << 63), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_GetAttributeValue(t->session, key, &a, 0), CKR_OK);
    assert_rv(f->C_DestroyObject(t->session, 0), CKR_OBJECT_HANDLE_INVALID);
}

static void assert_spki(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, X509 *cert)
{
    unsigned char spki[1024], *expected = NULL;
    CK_ULONG len = p11_attr(session, object, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);

    assert_int_equal(i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &expected), len);
    assert_memory_equal(spki, expected, len);
    OPENSSL_free(expected);
}

/* Cases 38 to 40. */
static void an_ec_key_has_all_that_clients_ask_for(void **state)
{
    static const unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const CK_ATTRIBUTE_TYPE asked[] = {
        CKA_CLASS, CKA_KEY_TYPE, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_ID, CKA_SUBJECT, CKA_MODIFIABLE, CKA_COPYABLE,
        CKA_DESTROYABLE, CKA_SIGN, CKA_DECRYPT, CKA_DERIVE, CKA_UNWRAP, CKA_SIGN_RECOVER, CKA_SENSITIVE,
        CKA_ALWAYS_SENSITIVE, CKA_EXTRACTABLE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL, CKA_KEY_GEN_MECHANISM,
        CKA_ALWAYS_AUTHENTICATE, CKA_WRAP_WITH_TRUSTED, CKA_ALLOWED_MECHANISMS, CKA_EC_PARAMS, CKA_EC_POINT,
        CKA_PUBLIC_KEY_INFO, CKA_UNIQUE_ID, CKA_START_DATE, CKA_END_DATE};
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid");
    CK_OBJECT_HANDLE public = p11_find(t->session, CKO_PUBLIC_KEY, "azure:ldevid");
    CK_MECHANISM_TYPE allowed[32];
    unsigned char buffer[512];
    CK_ULONG n;

    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        (void)p11_attr(t->session, key, asked[i], buffer, sizeof buffer);
    assert_int_equal(p11_attr(t->session, key, CKA_EC_PARAMS, buffer, sizeof buffer), sizeof p256);
    assert_memory_equal(buffer, p256, sizeof p256);
    assert_int_equal(p11_attr(t->session, public, CKA_EC_POINT, buffer, sizeof buffer), 67);
    assert_memory_equal(buffer, "\x04\x41\x04", 3);
    assert_spki(t->session, key, t->ids.ldevid.cert);
    assert_spki(t->session, public, t->ids.ldevid.cert);
    (void)p11_attr(t->session, key, CKA_PRIVATE, buffer, 1);
    assert_int_equal(buffer[0], CK_FALSE); /* found without a login */
    (void)p11_attr(t->session, key, CKA_NEVER_EXTRACTABLE, buffer, 1);
    assert_int_equal(buffer[0], CK_TRUE);
    n = p11_attr(t->session, key, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed) / sizeof allowed[0];
    assert_true(n >= 4);
    for (CK_ULONG i = 0; i < n; i++) { /* each of them really starts */
        CK_MECHANISM mech = {allowed[i], NULL, 0};

        assert_rv(f->C_SignInit(t->session, &mech, key), CKR_OK);
        assert_rv(f->C_SignInit(t->session, NULL, key), CKR_OK);
    }
    assert_commands(t, "");
}

static void an_rsa_key_has_modulus_and_exponent(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE public = p11_find(t->session, CKO_PUBLIC_KEY, "rsa");
    unsigned char modulus[512], exponent[8];
    CK_ULONG bits;

    assert_int_equal(p11_attr(t->session, public, CKA_MODULUS, modulus, sizeof modulus), 256);
    assert_int_equal(p11_attr(t->session, public, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent), 3);
    assert_memory_equal(exponent, "\x01\x00\x01", 3);
    (void)p11_attr(t->session, public, CKA_MODULUS_BITS, &bits, sizeof bits);
    assert_int_equal(bits, 2048);
    assert_spki(t->session, public, t->ids.rsa.cert);
    assert_commands(t, "");
}

static void a_certificate_belongs_to_its_key(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid");
    CK_OBJECT_HANDLE leaf = p11_find(t->session, CKO_CERTIFICATE, "azure:ldevid");
    CK_OBJECT_HANDLE issuer = p11_find(t->session, CKO_CERTIFICATE, "test CA");
    unsigned char of_key[64], of_leaf[64], value[4096], *der = NULL, digest[64];
    CK_ULONG len, category, type = 99;
    unsigned digest_len;

    assert_int_equal(p11_attr(t->session, key, CKA_ID, of_key, 64), 20);
    assert_int_equal(p11_attr(t->session, leaf, CKA_ID, of_leaf, 64), 20);
    assert_memory_equal(of_key, of_leaf, 20);
    len = p11_attr(t->session, leaf, CKA_VALUE, value, sizeof value);
    assert_int_equal(i2d_X509(t->ids.ldevid.cert, &der), len);
    assert_memory_equal(value, der, len);
    OPENSSL_free(der);
    der = NULL;
    len = p11_attr(t->session, leaf, CKA_SERIAL_NUMBER, value, sizeof value);
    assert_int_equal(i2d_ASN1_INTEGER(X509_get_serialNumber(t->ids.ldevid.cert), &der), len);
    assert_memory_equal(value, der, len);
    OPENSSL_free(der);
    der = NULL;
    len = p11_attr(t->session, leaf, CKA_ISSUER, value, sizeof value);
    assert_int_equal(p11_attr(t->session, issuer, CKA_SUBJECT, of_leaf, 64), len);
    assert_memory_equal(value, of_leaf, len);
    (void)p11_attr(t->session, leaf, CKA_CERTIFICATE_TYPE, &type, sizeof type);
    assert_int_equal(type, CKC_X_509);
    (void)p11_attr(t->session, leaf, CKA_CERTIFICATE_CATEGORY, &category, sizeof category);
    assert_int_equal(category, 1);
    (void)p11_attr(t->session, issuer, CKA_CERTIFICATE_CATEGORY, &category, sizeof category);
    assert_int_equal(category, 2);
    /* an issuer's id is made from its own key, as a key's is */
    assert_int_equal(X509_pubkey_digest(t->ids.ca, EVP_sha1(), digest, &digest_len), 1);
    assert_int_equal(p11_attr(t->session, issuer, CKA_ID, of_leaf, 64), digest_len);
    assert_memory_equal(of_leaf, digest, digest_len);
    assert_int_equal(p11_attr(t->session, leaf, CKA_CHECK_VALUE, of_leaf, 64), 3);
    assert_int_equal(X509_digest(t->ids.ldevid.cert, EVP_sha1(), digest, &digest_len), 1);
    assert_memory_equal(of_leaf, digest, 3);
    assert_commands(t, "");
}

/* Case 66: keys that sign nothing from outside say so before they are asked. */
static void restricted_keys_do_not_offer_to_sign(void **state)
{
    static const char *const labels[] = {"ek", "iak"};
    struct p11 *t = *state;
    CK_SESSION_HANDLE session = p11_session(MANUFACTURER, 0);
    CK_MECHANISM ecdsa = {CKM_ECDSA_SHA256, NULL, 0}, rsa = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_MECHANISM_TYPE allowed[32];
    CK_BBOOL signs;

    for (int i = 0; i < 2; i++) {
        CK_OBJECT_HANDLE key = p11_find(session, CKO_PRIVATE_KEY, labels[i]);

        (void)p11_attr(session, key, CKA_SIGN, &signs, 1);
        assert_int_equal(signs, CK_FALSE);
        assert_int_equal(p11_attr(session, key, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed), 0);
        assert_rv(f->C_SignInit(session, i == 0 ? &rsa : &ecdsa, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    }
    (void)p11_attr(session, p11_find(session, CKO_PRIVATE_KEY, "idevid"), CKA_SIGN, &signs, 1);
    assert_int_equal(signs, CK_TRUE);
    assert_commands(t, "");
}

/* Cases 46 and 47, and what Azure tries when a certificate's file is missing. */
static void nothing_can_be_changed_or_destroyed(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE maker = p11_session(MANUFACTURER, CKF_RW_SESSION), read_only = p11_session(MANUFACTURER, 0);
    CK_OBJECT_HANDLE key = p11_find(maker, CKO_PRIVATE_KEY, "idevid"), made;
    CK_BBOOL no = CK_FALSE;
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    char mine[] = "mine";
    CK_ATTRIBUTE label = {CKA_LABEL, mine, 4}, kind = {CKA_CLASS, &class, sizeof class},
                 sensitive = {CKA_SENSITIVE, &no, 1}, unknown = {CKA_VENDOR_DEFINED, &no, 1};

    assert_rv(f->C_SetAttributeValue(read_only, key, &label, 1), CKR_SESSION_READ_ONLY);
    assert_rv(f->C_DestroyObject(read_only, key), CKR_SESSION_READ_ONLY);
    assert_rv(f->C_SetAttributeValue(maker, key, &kind, 1), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(f->C_SetAttributeValue(maker, key, &sensitive, 1), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(f->C_SetAttributeValue(maker, key, &unknown, 1), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_rv(f->C_SetAttributeValue(maker, key, NULL, 1), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_SetAttributeValue(maker, key, &label, 1), CKR_ACTION_PROHIBITED);
    assert_rv(f->C_DestroyObject(maker, key), CKR_ACTION_PROHIBITED);
    assert_rv(f->C_CopyObject(maker, key, &label, 1, &made), CKR_ACTION_PROHIBITED);
    assert_int_equal(p11_find(maker, CKO_PRIVATE_KEY, "idevid"), key);
    assert_commands(t, "");
}

/* Cases 42 to 45. */
static void what_cannot_be_created_is_refused_for_its_reason(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE read_only = p11_session(OWNER, 0);
    CK_OBJECT_CLASS private = CKO_PRIVATE_KEY, data = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG wide = 1;
    CK_OBJECT_HANDLE made;
    CK_ATTRIBUTE token[] = {{CKA_CLASS, &data, sizeof data}, {CKA_TOKEN, &yes, 1}};
    CK_ATTRIBUTE wide_token[] = {{CKA_CLASS, &data, sizeof data}, {CKA_TOKEN, &wide, sizeof wide}};
    CK_ATTRIBUTE nowhere[] = {{CKA_CLASS, &data, sizeof data}, {CKA_VALUE, NULL, 5}};
    CK_ATTRIBUTE key[] = {{CKA_CLASS, &private, sizeof private}};

    assert_rv(f->C_CreateObject(read_only, token, 2, &made), CKR_SESSION_READ_ONLY);
    assert_rv(f->C_CreateObject(t->session, NULL, 0, &made), CKR_TEMPLATE_INCOMPLETE);
    assert_rv(f->C_CreateObject(t->session, wide_token, 2, &made), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_rv(f->C_CreateObject(t->session, nowhere, 2, &made), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_CreateObject(t->session, key, 1, &made), CKR_TEMPLATE_INCONSISTENT);
    assert_rv(f->C_CreateObject(t->session, token, 2, NULL), CKR_ARGUMENTS_BAD);
}

/* Case 49. Another process renews a certificate: the key keeps its handle, the old certificate is gone. */
static void another_process_is_seen_without_a_restart(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "wrapped");
    CK_OBJECT_HANDLE old = p11_find(t->session, CKO_CERTIFICATE, "wrapped"), renewed;
    CK_OBJECT_HANDLE other = p11_find(t->session, CKO_CERTIFICATE, "rsa");
    unsigned char first_id[64], id[64], *der = NULL;
    CK_ULONG id_len = p11_attr(t->session, key, CKA_UNIQUE_ID, first_id, sizeof first_id);
    X509 *cert = identities_certificate("renewed", X509_get0_pubkey(t->ids.wrapped.cert), t->ids.ca, t->ids.ca_key);
    CK_ATTRIBUTE a = {CKA_CLASS, NULL, 0};
    int len = i2d_X509(cert, &der), status;
    pid_t child = fork();

    if (child == 0) {
        struct devid_store *store = NULL;
        struct devid_snapshot *snap = NULL;
        const struct devid_identity *found;
        struct devid_identity changed;
        struct devid_cert chain;
        struct devid_query query = {.token = "owner", .label = "wrapped"};

        if (devid_store_open(NULL, &store, NULL) != DEVID_OK || devid_store_snapshot(store, &snap, NULL) != DEVID_OK ||
            devid_snapshot_find(snap, &query, &found, NULL) != DEVID_OK ||
            devid_cert_parse((struct devid_slice){der, (size_t)len}, &chain, NULL) != DEVID_OK)
            _exit(1);
        changed = *found;
        changed.chain = &chain;
        changed.n_chain = 1;
        _exit(put_identity(store, &changed, NULL) == DEVID_OK ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    renewed = p11_find(t->session, CKO_CERTIFICATE, "wrapped");
    assert_int_not_equal(renewed, old);
    assert_int_equal(p11_find(t->session, CKO_PRIVATE_KEY, "wrapped"), key);
    assert_int_equal(p11_find(t->session, CKO_CERTIFICATE, "rsa"), other);
    assert_rv(f->C_GetAttributeValue(t->session, old, &a, 1), CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(p11_attr(t->session, key, CKA_UNIQUE_ID, id, sizeof id), id_len);
    assert_memory_equal(id, first_id, id_len);
    X509_free(cert);
    OPENSSL_free(der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_TEST(a_search_keeps_its_order),
        P11_TEST(searches_match_every_attribute),
        P11_TEST(attributes_are_answered_one_by_one),
        P11_TEST(wild_arguments_are_refused),
        P11_TEST(an_ec_key_has_all_that_clients_ask_for),
        P11_TEST(an_rsa_key_has_modulus_and_exponent),
        P11_TEST(a_certificate_belongs_to_its_key),
        P11_TEST(restricted_keys_do_not_offer_to_sign),
        P11_TEST(nothing_can_be_changed_or_destroyed),
        P11_TEST(what_cannot_be_created_is_refused_for_its_reason),
        P11_TEST(another_process_is_seen_without_a_restart),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
