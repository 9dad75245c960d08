/* SPDX-License-Identifier: BSD-2-Clause */
/* Signatures, verification, digests: what the caller gets, and what the TPM is asked. */
#include <openssl/evp.h>
#include <string.h>

#include "tpm/pkcs11_face.h"

static CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, ecdsa_sha256 = {CKM_ECDSA_SHA256, NULL, 0};
static CK_MECHANISM rsa_pkcs = {CKM_RSA_PKCS, NULL, 0}, rsa_sha256 = {CKM_SHA256_RSA_PKCS, NULL, 0};
static unsigned char digest[32] = "0123456789abcdef0123456789abcde", message[] = "a message of some length";

/* Case 53. */
static void asking_for_the_length_does_not_end_the_signature(void **state)
{
    struct p11 *t = *state;
    unsigned char sig[72]; /* Azure gives the size of the DER form */
    CK_ULONG n = 0;

    assert_rv(f->C_SignInit(t->session, &ecdsa, p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid")), CKR_OK);
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, NULL, &n), CKR_OK);
    assert_int_equal(n, 64);
    n = 63;
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, 64);
    assert_commands(t, "");
    n = sizeof sig;
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_OK);
    assert_int_equal(n, 64);
    assert_commands(t, "Sign");
    assert_true(p11_is_signature(t->ids.ldevid.cert, NULL, NULL, digest, sizeof digest, sig, n));
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_OPERATION_NOT_INITIALIZED);
}

static void a_wrapped_key_is_loaded_for_its_signature_and_flushed(void **state)
{
    struct p11 *t = *state;
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;

    assert_rv(f->C_SignInit(t->session, &ecdsa_sha256, p11_find(t->session, CKO_PRIVATE_KEY, "wrapped")), CKR_OK);
    assert_rv(f->C_Sign(t->session, message, sizeof message, sig, &n), CKR_OK);
    assert_commands(t, "Load Sign FlushContext");
    assert_true(p11_is_signature(t->ids.wrapped.cert, "SHA256", NULL, message, sizeof message, sig, n));
}

struct case_of {
    CK_MECHANISM_TYPE type;
    const char *label, *hash, *padding;
};

/* In one part, in parts of odd lengths, and verified by the module as well. One command each, whatever is signed. */
static void every_hashing_mechanism_signs_with_one_command(void **state)
{
    static const struct case_of cases[] = {
        {CKM_ECDSA_SHA1, "azure:ldevid", "SHA1", NULL},       {CKM_ECDSA_SHA256, "azure:ldevid", "SHA256", NULL},
        {CKM_ECDSA_SHA384, "azure:ldevid", "SHA384", NULL},   {CKM_ECDSA_SHA512, "azure:ldevid", "SHA512", NULL},
        {CKM_SHA1_RSA_PKCS, "rsa", "SHA1", "pkcs1"},          {CKM_SHA256_RSA_PKCS, "rsa", "SHA256", "pkcs1"},
        {CKM_SHA384_RSA_PKCS, "rsa", "SHA384", "pkcs1"},      {CKM_SHA512_RSA_PKCS, "rsa", "SHA512", "pkcs1"},
        {CKM_SHA256_RSA_PKCS_PSS, "rsa", "SHA256", "pss"},    {CKM_SHA384_RSA_PKCS_PSS, "rsa", "SHA384", "pss"},
        {CKM_SHA512_RSA_PKCS_PSS, "rsa", "SHA512", "pss"},    {CKM_SHA224_RSA_PKCS_PSS, "rsa", "SHA224", "pss"},
        {CKM_ECDSA_SHA224, "azure:ldevid", "SHA224", NULL},   {CKM_SHA224_RSA_PKCS, "rsa", "SHA224", "pkcs1"},
    };
    static const CK_RSA_PKCS_PSS_PARAMS pss[] = {{CKM_SHA256, CKG_MGF1_SHA256, 32},
                                                 {CKM_SHA384, CKG_MGF1_SHA384, 48},
                                                 {CKM_SHA512, CKG_MGF1_SHA512, 64},
                                                 {CKM_SHA224, CKG_MGF1_SHA224, 28}};
    struct p11 *t = *state;
    unsigned char sig[256];
    CK_ULONG n;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct case_of *c = &cases[i];
        X509 *cert = c->label[0] == 'r' ? t->ids.rsa.cert : t->ids.ldevid.cert;
        CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, c->label);
        CK_OBJECT_HANDLE public = p11_find(t->session, CKO_PUBLIC_KEY, c->label);
        CK_MECHANISM mech = {c->type, NULL, 0};

        if (i >= 8 && i < 12)
            mech = (CK_MECHANISM){c->type, (void *)(uintptr_t)&pss[i - 8], sizeof pss[0]};
        world_forget_commands(t->world);
        n = sizeof sig;
        assert_rv(f->C_SignInit(t->session, &mech, key), CKR_OK);
        assert_rv(f->C_Sign(t->session, message, sizeof message, sig, &n), CKR_OK);
        assert_true(p11_is_signature(cert, c->hash, c->padding, message, sizeof message, sig, n));
        assert_int_equal(world_count(t->world, NULL), 1);

        assert_rv(f->C_VerifyInit(t->session, &mech, public), CKR_OK);
        assert_rv(f->C_Verify(t->session, message, sizeof message, sig, n), CKR_OK);
        assert_rv(f->C_VerifyInit(t->session, &mech, public), CKR_OK);
        sig[7] ^= 1;
        assert_rv(f->C_Verify(t->session, message, sizeof message, sig, n), CKR_SIGNATURE_INVALID);

        n = sizeof sig;
        assert_rv(f->C_SignInit(t->session, &mech, key), CKR_OK);
        assert_rv(f->C_SignUpdate(t->session, message, 1), CKR_OK);
        assert_rv(f->C_SignUpdate(t->session, message + 1, 0), CKR_OK);
        assert_rv(f->C_SignUpdate(t->session, message + 1, sizeof message - 1), CKR_OK);
        assert_rv(f->C_SignFinal(t->session, sig, &n), CKR_OK);
        assert_true(p11_is_signature(cert, c->hash, c->padding, message, sizeof message, sig, n));
        assert_int_equal(world_count(t->world, NULL), 2);

        assert_rv(f->C_VerifyInit(t->session, &mech, public), CKR_OK);
        assert_rv(f->C_VerifyUpdate(t->session, message, 3), CKR_OK);
        assert_rv(f->C_VerifyUpdate(t->session, message + 3, sizeof message - 3), CKR_OK);
        assert_rv(f->C_VerifyFinal(t->session, sig, n), CKR_OK);
        assert_int_equal(world_count(t->world, NULL), 2); /* verification is software's */
    }
}

/* What Azure's engine does for PSS, and what OpenSSH, NSS and GnuTLS do for PKCS#1. */
static void raw_rsa_is_what_the_caller_padded(void **state)
{
    static const unsigned char info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE public = p11_find(t->session, CKO_PUBLIC_KEY, "rsa");
    CK_MECHANISM x509 = {CKM_RSA_X_509, NULL, 0};
    unsigned char block[256], digest_info[sizeof info + 32], sig[256];
    unsigned len = 32;
    CK_ULONG n = sizeof sig;

    memcpy(digest_info, info, sizeof info);
    assert_int_equal(EVP_Digest(message, sizeof message, digest_info + sizeof info, &len, EVP_sha256(), NULL), 1);
    assert_rv(f->C_SignInit(t->session, &rsa_pkcs, key), CKR_OK);
    assert_rv(f->C_Sign(t->session, digest_info, sizeof digest_info, sig, &n), CKR_OK);
    assert_true(p11_is_signature(t->ids.rsa.cert, "SHA256", "pkcs1", message, sizeof message, sig, n));
    assert_int_equal(world_count(t->world, NULL), 1);

    memset(block, 0xff, sizeof block);
    block[0] = 0, block[1] = 1, block[sizeof block - sizeof digest_info - 1] = 0;
    memcpy(block + sizeof block - sizeof digest_info, digest_info, sizeof digest_info);
    n = sizeof sig;
    assert_rv(f->C_SignInit(t->session, &x509, key), CKR_OK);
    assert_rv(f->C_Sign(t->session, block, sizeof block, sig, &n), CKR_OK);
    assert_true(p11_is_signature(t->ids.rsa.cert, "SHA256", "pkcs1", message, sizeof message, sig, n));
    assert_rv(f->C_VerifyInit(t->session, &x509, public), CKR_OK);
    assert_rv(f->C_Verify(t->session, block, sizeof block, sig, n), CKR_OK);
    n = sizeof sig; /* zeros in front may be left out */
    assert_rv(f->C_SignInit(t->session, &x509, key), CKR_OK);
    assert_rv(f->C_Sign(t->session, block + 1, sizeof block - 1, sig, &n), CKR_OK);
    assert_true(p11_is_signature(t->ids.rsa.cert, "SHA256", "pkcs1", message, sizeof message, sig, n));
    n = sizeof sig;
    memset(block, 0xff, sizeof block); /* larger than the modulus */
    assert_rv(f->C_SignInit(t->session, &x509, key), CKR_OK);
    assert_rv(f->C_Sign(t->session, block, sizeof block, sig, &n), CKR_DATA_INVALID);
}

/* Cases 55 to 57. */
static void a_signature_begins_only_where_it_can_end(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE ec = p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid");
    CK_OBJECT_HANDLE public = p11_find(t->session, CKO_PUBLIC_KEY, "azure:ldevid");
    CK_OBJECT_HANDLE cert = p11_find(t->session, CKO_CERTIFICATE, "azure:ldevid");
    CK_MECHANISM unknown = {CKM_AES_CBC, NULL, 0}, sha = {CKM_SHA256, NULL, 0}, odd = {CKM_ECDSA, message, 3};

    assert_rv(f->C_SignInit(t->session, NULL, ec), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_VerifyInit(t->session, NULL, public), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_DigestInit(t->session, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_SignInit(t->session, &ecdsa, 0), CKR_KEY_HANDLE_INVALID);
    assert_rv(f->C_SignInit(t->session, &ecdsa, cert), CKR_KEY_HANDLE_INVALID);
    assert_rv(f->C_SignInit(t->session, &ecdsa, public), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_VerifyInit(t->session, &ecdsa, ec), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_SignInit(t->session, &unknown, ec), CKR_MECHANISM_INVALID);
    assert_rv(f->C_SignInit(t->session, &sha, ec), CKR_MECHANISM_INVALID);
    assert_rv(f->C_DigestInit(t->session, &ecdsa), CKR_MECHANISM_INVALID);
    assert_rv(f->C_SignInit(t->session, &rsa_pkcs, ec), CKR_KEY_TYPE_INCONSISTENT);
    assert_rv(f->C_SignInit(t->session, &odd, ec), CKR_MECHANISM_PARAM_INVALID);
    assert_rv(f->C_SignInit(t->session, &ecdsa, ec), CKR_OK);
    assert_rv(f->C_SignInit(t->session, &ecdsa, ec), CKR_OPERATION_ACTIVE);
    assert_rv(f->C_SignInit(t->session, NULL, ec), CKR_OK); /* ends it: PKCS#11 3.0 */
    assert_rv(f->C_SignInit(t->session, &ecdsa, ec), CKR_OK);
    assert_commands(t, "");
}

/* Cases 52, 54 and 58. */
static void operations_keep_their_order(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid");
    unsigned char sig[64];
    CK_ULONG n = sizeof sig;

    assert_rv(f->C_SignInit(t->session, &ecdsa, key), CKR_OK);
    assert_rv(f->C_Sign(t->session, digest, 32, sig, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_SignFinal(t->session, sig, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_SignInit(t->session, &ecdsa_sha256, key), CKR_OK);
    assert_rv(f->C_SignUpdate(t->session, digest, 32), CKR_OK);
    assert_rv(f->C_SignFinal(t->session, sig, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_SignFinal(t->session, sig, &n), CKR_OPERATION_NOT_INITIALIZED);

    assert_rv(f->C_Sign(t->session, digest, 32, sig, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_SignUpdate(t->session, digest, 32), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_SignFinal(t->session, sig, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_Verify(t->session, digest, 32, sig, n), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_SignInit(t->session, &ecdsa, key), CKR_OK);
    assert_rv(f->C_Sign(t->session, NULL, 32, sig, &n), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_Sign(t->session, digest, 32, sig, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_SignInit(t->session, &ecdsa_sha256, key), CKR_OK);
    assert_rv(f->C_SignUpdate(t->session, digest, 32), CKR_OK);
    assert_rv(f->C_Sign(t->session, digest, 32, sig, &n), CKR_OPERATION_ACTIVE);
    assert_rv(f->C_SignFinal(t->session, sig, &n), CKR_OK);
    assert_commands(t, "Sign");
}

/* Case 59: the leftmost bytes count, as in FIPS 186-4; shorter input is a smaller number. */
static void ecdsa_takes_input_of_any_length(void **state)
{
    static const CK_ULONG lengths[] = {1, 20, 32, 48, 64, 300};
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid");
    CK_OBJECT_HANDLE public = p11_find(t->session, CKO_PUBLIC_KEY, "azure:ldevid");
    unsigned char data[300], sig[64];
    CK_ULONG n;

    memset(data, 0x5a, sizeof data);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        n = sizeof sig;
        assert_rv(f->C_SignInit(t->session, &ecdsa, key), CKR_OK);
        assert_rv(f->C_Sign(t->session, data, lengths[i], sig, &n), CKR_OK);
        assert_true(p11_is_signature(t->ids.ldevid.cert, NULL, NULL, data, lengths[i], sig, n));
        assert_rv(f->C_VerifyInit(t->session, &ecdsa, public), CKR_OK);
        assert_rv(f->C_Verify(t->session, data, lengths[i], sig, n), CKR_OK);
    }
}

/* Case 60. */
static void sessions_do_not_mix_their_signatures(void **state)
{
    struct p11 *t = *state;
    CK_SESSION_HANDLE other = p11_session(OWNER, 0);
    CK_MECHANISM sha = {CKM_SHA256, NULL, 0};
    unsigned char one[64], two[256], sum[32], expected[32];
    CK_ULONG one_len = sizeof one, two_len = sizeof two, sum_len = sizeof sum;

    assert_rv(f->C_SignInit(t->session, &ecdsa_sha256, p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid")), CKR_OK);
    assert_rv(f->C_SignInit(other, &rsa_sha256, p11_find(other, CKO_PRIVATE_KEY, "rsa")), CKR_OK);
    assert_rv(f->C_DigestInit(t->session, &sha), CKR_OK);
    assert_rv(f->C_SignUpdate(t->session, message, 5), CKR_OK);
    assert_rv(f->C_SignUpdate(other, message, sizeof message), CKR_OK);
    assert_rv(f->C_DigestUpdate(t->session, message, sizeof message), CKR_OK);
    assert_rv(f->C_SignUpdate(t->session, message + 5, sizeof message - 5), CKR_OK);
    assert_rv(f->C_SignFinal(other, two, &two_len), CKR_OK);
    assert_rv(f->C_DigestFinal(t->session, sum, &sum_len), CKR_OK);
    assert_rv(f->C_SignFinal(t->session, one, &one_len), CKR_OK);
    assert_true(p11_is_signature(t->ids.ldevid.cert, "SHA256", NULL, message, sizeof message, one, one_len));
    assert_true(p11_is_signature(t->ids.rsa.cert, "SHA256", "pkcs1", message, sizeof message, two, two_len));
    assert_int_equal(EVP_Digest(message, sizeof message, expected, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(sum, expected, 32);
}

/* Case 61. */
static void a_signature_of_a_wrong_length_is_told_apart(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE ec = p11_find(t->session, CKO_PUBLIC_KEY, "azure:ldevid");
    CK_OBJECT_HANDLE rsa = p11_find(t->session, CKO_PUBLIC_KEY, "rsa");
    unsigned char sig[256] = {1};

    assert_rv(f->C_VerifyInit(t->session, &ecdsa, ec), CKR_OK);
    assert_rv(f->C_Verify(t->session, digest, 32, sig, 63), CKR_SIGNATURE_LEN_RANGE);
    assert_rv(f->C_Verify(t->session, digest, 32, sig, 64), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_VerifyInit(t->session, &ecdsa, ec), CKR_OK);
    assert_rv(f->C_Verify(t->session, digest, 32, sig, 64), CKR_SIGNATURE_INVALID);
    assert_rv(f->C_VerifyInit(t->session, &rsa_sha256, rsa), CKR_OK);
    assert_rv(f->C_Verify(t->session, digest, 32, sig, 255), CKR_SIGNATURE_LEN_RANGE);
    assert_rv(f->C_VerifyInit(t->session, &rsa_sha256, rsa), CKR_OK);
    assert_rv(f->C_Verify(t->session, digest, 32, sig, 0), CKR_SIGNATURE_LEN_RANGE);
    assert_rv(f->C_VerifyInit(t->session, &rsa_sha256, rsa), CKR_OK);
    assert_rv(f->C_Verify(t->session, digest, 32, sig, 256), CKR_SIGNATURE_INVALID);
    assert_commands(t, "");
}

/* Cases 62 and 63. */
static void parameters_and_lengths_are_checked_before_the_tpm(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "rsa");
    CK_RSA_PKCS_PSS_PARAMS good = {CKM_SHA256, CKG_MGF1_SHA256, 32}, other = {CKM_SHA384, CKG_MGF1_SHA384, 48},
                           unknown = {CKM_SHA_1_HMAC, CKG_MGF1_SHA256, 32}, salty = good;
    CK_MECHANISM pss = {CKM_SHA256_RSA_PKCS_PSS, &good, 3}, raw = {CKM_RSA_PKCS_PSS, &good, sizeof good};
    unsigned char data[250] = {1}, sig[256];
    CK_ULONG n = sizeof sig;

    salty.sLen = ~0UL;
    assert_rv(f->C_SignInit(t->session, &pss, key), CKR_MECHANISM_PARAM_INVALID);
    pss = (CK_MECHANISM){CKM_SHA256_RSA_PKCS_PSS, NULL, 0};
    assert_rv(f->C_SignInit(t->session, &pss, key), CKR_MECHANISM_PARAM_INVALID);
    pss = (CK_MECHANISM){CKM_SHA256_RSA_PKCS_PSS, &other, sizeof other};
    assert_rv(f->C_SignInit(t->session, &pss, key), CKR_MECHANISM_PARAM_INVALID);
    pss.pParameter = &unknown;
    assert_rv(f->C_SignInit(t->session, &pss, key), CKR_MECHANISM_PARAM_INVALID);
    pss.pParameter = &salty;
    assert_rv(f->C_SignInit(t->session, &pss, key), CKR_MECHANISM_PARAM_INVALID);
    salty.sLen = 256 - 32 - 2 + 1; /* one more than fits */
    assert_rv(f->C_SignInit(t->session, &pss, key), CKR_MECHANISM_PARAM_INVALID);
    assert_rv(f->C_VerifyInit(t->session, &pss, p11_find(t->session, CKO_PUBLIC_KEY, "rsa")), CKR_MECHANISM_PARAM_INVALID);
    assert_rv(f->C_SignInit(t->session, &raw, key), CKR_OK);
    assert_rv(f->C_Sign(t->session, data, 31, sig, &n), CKR_DATA_LEN_RANGE);
    assert_rv(f->C_SignInit(t->session, &rsa_pkcs, key), CKR_OK);
    assert_rv(f->C_Sign(t->session, data, sizeof data, sig, &n), CKR_DATA_LEN_RANGE);
    assert_rv(f->C_SignInit(t->session, &rsa_pkcs, key), CKR_OK);
    assert_rv(f->C_SignUpdate(t->session, data, sizeof data), CKR_OK);
    assert_rv(f->C_SignFinal(t->session, sig, &n), CKR_DATA_LEN_RANGE);
    assert_commands(t, "");
}

static void every_digest_is_the_one_of_openssl(void **state)
{
    static const struct {
        CK_MECHANISM_TYPE type;
        const char *name;
    } cases[] = {{CKM_SHA_1, "SHA1"}, {CKM_SHA224, "SHA224"}, {CKM_SHA256, "SHA256"}, {CKM_SHA384, "SHA384"}, {CKM_SHA512, "SHA512"}};
    struct p11 *t = *state;
    unsigned char sum[64], expected[64];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CK_MECHANISM mech = {cases[i].type, NULL, 0};
        CK_ULONG n = sizeof sum;
        unsigned len;

        assert_int_equal(EVP_Digest(message, sizeof message, expected, &len, EVP_get_digestbyname(cases[i].name), NULL), 1);
        assert_rv(f->C_DigestInit(t->session, &mech), CKR_OK);
        assert_rv(f->C_DigestUpdate(t->session, message, 5), CKR_OK);
        assert_rv(f->C_DigestUpdate(t->session, message + 5, sizeof message - 5), CKR_OK);
        assert_rv(f->C_DigestFinal(t->session, sum, &n), CKR_OK);
        assert_int_equal(n, len);
        assert_memory_equal(sum, expected, n);
    }
    assert_commands(t, "");
}

/* Cases 51, 52 and 64. */
static void digests_need_no_login_and_bear_wild_lengths(void **state)
{
    static const CK_ULONG wild[] = {~0UL, ~0UL >> 1, ~0UL - (~0UL >> 1)};
    struct p11 *t = *state;
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid");
    CK_MECHANISM sha = {CKM_SHA384, NULL, 0};
    unsigned char sum[48], expected[48];
    CK_ULONG n = 3;

    assert_rv(f->C_DigestInit(t->session, &sha), CKR_OK);
    assert_rv(f->C_DigestInit(t->session, &sha), CKR_OPERATION_ACTIVE);
    assert_rv(f->C_Digest(t->session, message, sizeof message, sum, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, 48);
    assert_rv(f->C_Digest(t->session, message, sizeof message, sum, &n), CKR_OK);
    assert_int_equal(EVP_Digest(message, sizeof message, expected, NULL, EVP_sha384(), NULL), 1);
    assert_memory_equal(sum, expected, 48);
    assert_rv(f->C_DigestInit(t->session, &sha), CKR_OK);
    assert_rv(f->C_Digest(t->session, message, sizeof message, sum, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_DigestFinal(t->session, sum, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_DigestInit(t->session, &sha), CKR_OK); /* of nothing at all */
    assert_rv(f->C_DigestFinal(t->session, sum, &n), CKR_OK);
    assert_int_equal(EVP_Digest(message, 0, expected, NULL, EVP_sha384(), NULL), 1);
    assert_memory_equal(sum, expected, 48);
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        assert_rv(f->C_DigestInit(t->session, &sha), CKR_OK);
        assert_rv(f->C_Digest(t->session, message, wild[i], sum, &n), CKR_ARGUMENTS_BAD);
        assert_rv(f->C_DigestInit(t->session, &sha), CKR_OK);
        assert_rv(f->C_DigestUpdate(t->session, message, wild[i]), CKR_ARGUMENTS_BAD);
        assert_rv(f->C_SignInit(t->session, &ecdsa, key), CKR_OK);
        assert_rv(f->C_Sign(t->session, message, wild[i], sum, &n), CKR_ARGUMENTS_BAD);
        assert_rv(f->C_SignInit(t->session, &ecdsa_sha256, key), CKR_OK);
        assert_rv(f->C_SignUpdate(t->session, message, wild[i]), CKR_ARGUMENTS_BAD);
        assert_rv(f->C_GenerateRandom(t->session, message, wild[i]), CKR_ARGUMENTS_BAD);
        assert_rv(f->C_Login(t->session, CKU_USER, message, wild[i]), CKR_ARGUMENTS_BAD);
    }
    assert_commands(t, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_TEST(asking_for_the_length_does_not_end_the_signature),
        P11_TEST(a_wrapped_key_is_loaded_for_its_signature_and_flushed),
        P11_TEST(every_hashing_mechanism_signs_with_one_command),
        P11_TEST(raw_rsa_is_what_the_caller_padded),
        P11_TEST(a_signature_begins_only_where_it_can_end),
        P11_TEST(operations_keep_their_order),
        P11_TEST(ecdsa_takes_input_of_any_length),
        P11_TEST(sessions_do_not_mix_their_signatures),
        P11_TEST(a_signature_of_a_wrong_length_is_told_apart),
        P11_TEST(parameters_and_lengths_are_checked_before_the_tpm),
        P11_TEST(every_digest_is_the_one_of_openssl),
        P11_TEST(digests_need_no_login_and_bear_wild_lengths),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
