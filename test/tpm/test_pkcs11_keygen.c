/* SPDX-License-Identifier: BSD-2-Clause */
/* Key pairs made by clients: with the templates that they really send, and what becomes of wrong ones. */
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tpm/pkcs11_face.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define HALVES(public, private) (public), N(public), (private), N(private)

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_ULONG bits2048 = 2048;
static unsigned char f4[] = {1, 0, 1}, id[] = {0x0a, 0x00, 0x0d};
static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static unsigned char p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY, private_class = CKO_PRIVATE_KEY;
static CK_KEY_TYPE ec_type = CKK_EC, rsa_type = CKK_RSA;
static CK_MECHANISM ec = {CKM_EC_KEY_PAIR_GEN, NULL, 0}, rsa = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
static CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, rsa_pkcs = {CKM_RSA_PKCS, NULL, 0};
static CK_MECHANISM rsa_sha256 = {CKM_SHA256_RSA_PKCS, NULL, 0};
static unsigned char digest[32] = "0123456789abcdef0123456789abcde";

struct pair {
    CK_OBJECT_HANDLE public, private;
};

static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM *mech, const CK_ATTRIBUTE *public, CK_ULONG n_public,
                      const CK_ATTRIBUTE *private, CK_ULONG n_private, struct pair *pair)
{
    return f->C_GenerateKeyPair(session, mech, (CK_ATTRIBUTE *)(uintptr_t)public, n_public,
                                (CK_ATTRIBUTE *)(uintptr_t)private, n_private, &pair->public, &pair->private);
}

/* By OpenSSL, with the key as CKA_PUBLIC_KEY_INFO gives it. */
static void assert_signs(CK_SESSION_HANDLE session, struct pair pair)
{
    unsigned char spki[600], sig[512], hash[32], *der = NULL;
    const unsigned char *at = spki, *good = sig;
    CK_ULONG n = sizeof sig, spki_len = p11_attr(session, pair.public, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki_len);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool is_ec = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
    size_t len;

    assert_rv(f->C_SignInit(session, is_ec ? &ecdsa : &rsa_sha256, pair.private), CKR_OK);
    assert_rv(f->C_Sign(session, digest, sizeof digest, sig, &n), CKR_OK);
    len = n;
    assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    if (is_ec) {
        ECDSA_SIG *value = ECDSA_SIG_new();

        assert_int_equal(ECDSA_SIG_set0(value, BN_bin2bn(sig, (int)n / 2, NULL), BN_bin2bn(sig + n / 2, (int)n / 2, NULL)), 1);
        len = (size_t)i2d_ECDSA_SIG(value, &der);
        good = der;
        ECDSA_SIG_free(value);
    } else {
        assert_int_equal(EVP_PKEY_CTX_ctrl_str(ctx, "rsa_padding_mode", "pkcs1"), 1);
        assert_int_equal(EVP_PKEY_CTX_ctrl_str(ctx, "digest", "SHA256"), 1);
    }
    assert_int_equal(EVP_Digest(digest, sizeof digest, hash, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(EVP_PKEY_verify(ctx, good, len, is_ec ? digest : hash, sizeof hash), 1);
    OPENSSL_free(der);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static bool is_true(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL is = 2;

    assert_int_equal(p11_attr(session, object, type, &is, sizeof is), sizeof is);
    return is == CK_TRUE;
}

/* Azure's key service: order, attributes and values as it sends them; EC keys that shall encrypt and decrypt. */
static void azure_gets_its_keys(void **state)
{
    static char label[] = "device-id-temp";
    const CK_ATTRIBUTE ec_public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_ENCRYPT, &yes, 1}, {CKA_PRIVATE, &no, 1},
                                      {CKA_TOKEN, &yes, 1}, {CKA_VERIFY, &yes, 1}, {CKA_LABEL, label, 14}};
    const CK_ATTRIBUTE rsa_public[] = {{CKA_MODULUS_BITS, &bits2048, sizeof bits2048}, {CKA_PUBLIC_EXPONENT, f4, 3},
                                       {CKA_ENCRYPT, &yes, 1}, {CKA_PRIVATE, &no, 1}, {CKA_TOKEN, &yes, 1},
                                       {CKA_VERIFY, &yes, 1}, {CKA_LABEL, label, 10}};
    const CK_ATTRIBUTE private[] = {{CKA_DECRYPT, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1},
                                    {CKA_SIGN, &yes, 1}, {CKA_TOKEN, &yes, 1}, {CKA_LABEL, label, 14}};
    CK_ATTRIBUTE rsa_private[N(private)];
    CK_MECHANISM raw = {CKM_RSA_X_509, NULL, 0};
    struct p11 *t = *state;
    struct pair pair;
    unsigned char block[256], sig[256];
    CK_ULONG n = sizeof sig;

    world_forget_commands(t->world);
    assert_rv(generate(t->session, &ec, HALVES(ec_public, private), &pair), CKR_OK);
    assert_commands(t, "ReadPublic Create"); /* the storage root key is looked at, for a clear may have been */
    assert_int_equal(pair.public, p11_find(t->session, CKO_PUBLIC_KEY, label));
    assert_int_equal(pair.private, p11_find(t->session, CKO_PRIVATE_KEY, label));
    assert_signs(t->session, pair);
    assert_commands(t, "Load Sign FlushContext");
    assert_false(is_true(t->session, pair.private, CKA_DECRYPT));
    assert_false(is_true(t->session, pair.private, CKA_DERIVE));

    memcpy(rsa_private, private, sizeof private);
    rsa_private[5].ulValueLen = 10;
    assert_rv(generate(t->session, &rsa, HALVES(rsa_public, rsa_private), &pair), CKR_OK);
    assert_int_equal(pair.private, p11_find(t->session, CKO_PRIVATE_KEY, "device-id-"));
    world_forget_commands(t->world);
    assert_signs(t->session, pair);
    /* what OpenSSL has padded for PSS */
    memset(block, 0x5a, sizeof block);
    assert_rv(f->C_SignInit(t->session, &raw, pair.private), CKR_OK);
    assert_rv(f->C_Sign(t->session, block, sizeof block, sig, &n), CKR_OK);
    assert_commands(t, "Load Sign FlushContext Load RSA_Decrypt FlushContext");
    assert_true(is_true(t->session, pair.private, CKA_DECRYPT));
}

/* NSS: certutil -R -k ec. Uses of either half on both, wrapping and recovery among them. */
static void nss_gets_its_keys(void **state)
{
    const CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &no, 1},
                                   {CKA_DERIVE, &yes, 1}, {CKA_WRAP, &no, 1}, {CKA_VERIFY, &yes, 1},
                                   {CKA_VERIFY_RECOVER, &yes, 1}, {CKA_ENCRYPT, &no, 1}, {CKA_MODIFIABLE, &yes, 1}};
    const CK_ATTRIBUTE private[] = {{CKA_SENSITIVE, &yes, 1}, {CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1},
                                    {CKA_EXTRACTABLE, &no, 1}, {CKA_DERIVE, &yes, 1}, {CKA_UNWRAP, &no, 1},
                                    {CKA_SIGN, &yes, 1}, {CKA_SIGN_RECOVER, &yes, 1}, {CKA_DECRYPT, &no, 1},
                                    {CKA_VERIFY, &yes, 1}};
    struct p11 *t = *state;
    struct pair pair;

    assert_rv(generate(t->session, &ec, HALVES(public, private), &pair), CKR_OK);
    assert_signs(t->session, pair);
    assert_true(is_true(t->session, pair.private, CKA_SIGN));
    assert_false(is_true(t->session, pair.private, CKA_SIGN_RECOVER));
}

/* Java's SunPKCS11: nothing but the type; session keys, which it copies into the token later. */
static void java_gets_its_keys(void **state)
{
    const CK_ATTRIBUTE rsa_public[] = {{CKA_MODULUS_BITS, &bits2048, sizeof bits2048}, {CKA_PUBLIC_EXPONENT, f4, 3}};
    const CK_ATTRIBUTE ec_public[] = {{CKA_EC_PARAMS, p384, sizeof p384}};
    struct p11 *t = *state;
    struct pair pair;

    assert_rv(generate(t->session, &rsa, rsa_public, 2, NULL, 0, &pair), CKR_OK);
    assert_signs(t->session, pair);
    assert_false(is_true(t->session, pair.private, CKA_TOKEN));
    assert_true(is_true(t->session, pair.private, CKA_SIGN) && is_true(t->session, pair.private, CKA_DECRYPT));
    assert_rv(generate(t->session, &ec, ec_public, 1, NULL, 0, &pair), CKR_OK);
    assert_signs(t->session, pair);
}

/* pkcs11-tool, p11tool and pkcs11-provider: class, type and id. */
static void opensc_gnutls_and_pkcs11_provider_get_their_keys(void **state)
{
    static char label[] = "tool";
    const CK_ATTRIBUTE public[] = {{CKA_CLASS, &public_class, sizeof public_class}, {CKA_TOKEN, &yes, 1},
                                   {CKA_MODULUS_BITS, &bits2048, sizeof bits2048}, {CKA_PUBLIC_EXPONENT, f4, 3},
                                   {CKA_VERIFY, &yes, 1}, {CKA_ENCRYPT, &yes, 1}, {CKA_WRAP, &yes, 1},
                                   {CKA_KEY_TYPE, &rsa_type, sizeof rsa_type}, {CKA_LABEL, label, 4}, {CKA_ID, id, sizeof id}};
    const CK_ATTRIBUTE private[] = {{CKA_CLASS, &private_class, sizeof private_class}, {CKA_TOKEN, &yes, 1},
                                    {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1}, {CKA_EXTRACTABLE, &no, 1},
                                    {CKA_DECRYPT, &yes, 1}, {CKA_SIGN, &yes, 1}, {CKA_UNWRAP, &yes, 1},
                                    {CKA_KEY_TYPE, &rsa_type, sizeof rsa_type}, {CKA_LABEL, label, 4}, {CKA_ID, id, sizeof id},
                                    {CKA_SUBJECT, NULL, 0}};
    struct p11 *t = *state;
    unsigned char got[20];
    CK_MECHANISM_TYPE made_by;
    struct pair pair;

    assert_rv(generate(t->session, &rsa, HALVES(public, private), &pair), CKR_OK);
    assert_int_equal(p11_attr(t->session, pair.private, CKA_ID, got, sizeof got), sizeof id);
    assert_memory_equal(got, id, sizeof id);
    assert_int_equal(p11_attr(t->session, pair.public, CKA_ID, got, sizeof got), sizeof id);
    assert_true(is_true(t->session, pair.private, CKA_LOCAL));
    assert_true(is_true(t->session, pair.private, CKA_NEVER_EXTRACTABLE));
    assert_true(is_true(t->session, pair.private, CKA_ALWAYS_SENSITIVE));
    assert_true(is_true(t->session, pair.private, CKA_PRIVATE) && !is_true(t->session, pair.public, CKA_PRIVATE));
    (void)p11_attr(t->session, pair.public, CKA_KEY_GEN_MECHANISM, &made_by, sizeof made_by);
    assert_int_equal(made_by, CKM_RSA_PKCS_KEY_PAIR_GEN);
    assert_false(is_true(t->session, pair.public, CKA_WRAP));
}

/* Cases 48 and 69: a session key needs no read-write session, ends with its session, and leaves nothing anywhere. */
static void a_session_key_lives_as_long_as_its_session(void **state)
{
    static char label[] = "passing";
    const CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_PRIVATE, &no, 1}, {CKA_LABEL, label, 7}};
    const CK_ATTRIBUTE private[] = {{CKA_TOKEN, &no, 1}, {CKA_PRIVATE, &no, 1}, {CKA_LABEL, label, 7}};
    const CK_ATTRIBUTE token[] = {{CKA_TOKEN, &yes, 1}};
    CK_ATTRIBUTE wanted[] = {{CKA_LABEL, label, 7}};
    struct p11 *t = *state;
    CK_SESSION_HANDLE other = p11_session(OWNER, 0);
    struct pair pair = {1, 2};

    assert_rv(generate(other, &ec, HALVES(public, private), &pair), CKR_OK);
    assert_signs(other, pair);
    assert_signs(t->session, pair); /* all sessions of the application have it */
    assert_int_equal(p11_count(t->session, wanted, 1), 2);
    assert_rv(f->C_CloseSession(other), CKR_OK);
    assert_int_equal(p11_count(t->session, wanted, 1), 0);
    assert_rv(f->C_SignInit(t->session, &ecdsa, pair.private), CKR_KEY_HANDLE_INVALID);
    other = p11_session(OWNER, 0);
    world_forget_commands(t->world);
    pair = (struct pair){1, 2};
    assert_rv(generate(other, &ec, HALVES(public, token), &pair), CKR_SESSION_READ_ONLY);
    assert_int_equal(pair.public, 1);
    assert_int_equal(pair.private, 2);
    assert_commands(t, "");
}

/* In the manufacturer's token nobody makes keys that stay. */
static void the_manufacturers_token_takes_session_keys_only(void **state)
{
    const CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}};
    const CK_ATTRIBUTE token[] = {{CKA_TOKEN, &yes, 1}};
    CK_SESSION_HANDLE maker = p11_session(MANUFACTURER, CKF_RW_SESSION);
    struct p11 *t = *state;
    struct pair pair;

    world_forget_commands(t->world);
    assert_rv(generate(maker, &ec, HALVES(public, token), &pair), CKR_TOKEN_WRITE_PROTECTED);
    assert_commands(t, "");
    assert_rv(generate(maker, &ec, public, 1, NULL, 0, &pair), CKR_OK);
    assert_signs(maker, pair);
}

static void uses_that_were_not_wanted_are_refused(void **state)
{
    const CK_ATTRIBUTE ec_public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_VERIFY, &no, 1}};
    const CK_ATTRIBUTE derives[] = {{CKA_DERIVE, &yes, 1}};
    const CK_ATTRIBUTE rsa_public[] = {{CKA_MODULUS_BITS, &bits2048, sizeof bits2048}};
    const CK_ATTRIBUTE signs[] = {{CKA_SIGN, &yes, 1}, {CKA_DECRYPT, &no, 1}};
    const CK_ATTRIBUTE decrypts[] = {{CKA_DECRYPT, &yes, 1}};
    struct p11 *t = *state;
    struct pair pair;

    assert_rv(generate(t->session, &ec, HALVES(ec_public, derives), &pair), CKR_OK);
    assert_false(is_true(t->session, pair.private, CKA_SIGN));
    assert_false(is_true(t->session, pair.public, CKA_VERIFY));
    assert_rv(f->C_SignInit(t->session, &ecdsa, pair.private), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_VerifyInit(t->session, &ecdsa, pair.public), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(generate(t->session, &rsa, HALVES(rsa_public, signs), &pair), CKR_OK);
    assert_signs(t->session, pair);
    assert_false(is_true(t->session, pair.private, CKA_DECRYPT));
    assert_rv(f->C_DecryptInit(t->session, &rsa_pkcs, pair.private), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_EncryptInit(t->session, &rsa_pkcs, pair.public), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(generate(t->session, &rsa, HALVES(rsa_public, decrypts), &pair), CKR_OK);
    assert_false(is_true(t->session, pair.private, CKA_SIGN));
    assert_rv(f->C_SignInit(t->session, &rsa_pkcs, pair.private), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_DecryptInit(t->session, &rsa_pkcs, pair.private), CKR_OK);
}

static void pss_take(CK_RSA_PKCS_PSS_PARAMS *pss, CK_MECHANISM *mech, CK_ULONG salt)
{
    *pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA256, CKG_MGF1_SHA256, salt};
    *mech = (CK_MECHANISM){CKM_SHA256_RSA_PKCS_PSS, pss, sizeof *pss};
}

/* Signs and verifies; the TPM command that made the signature. */
static void assert_made_by(struct p11 *t, struct pair pair, CK_MECHANISM *mech, unsigned char *data, CK_ULONG len,
                           const char *commands)
{
    unsigned char sig[256];
    CK_ULONG n = sizeof sig;

    world_forget_commands(t->world);
    assert_rv(f->C_SignInit(t->session, mech, pair.private), CKR_OK);
    assert_rv(f->C_Sign(t->session, data, len, sig, &n), CKR_OK);
    assert_commands(t, commands);
    assert_rv(f->C_VerifyInit(t->session, mech, pair.public), CKR_OK);
    assert_rv(f->C_Verify(t->session, data, len, sig, n), CKR_OK);
}

/* PSS with any salt where the raw operation is to be had; what the chip's own PSS can do where it is not. */
static void rsa_signs_as_far_as_the_key_lets_it(void **state)
{
    static const unsigned char info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    const CK_ATTRIBUTE public[] = {{CKA_MODULUS_BITS, &bits2048, sizeof bits2048}};
    const CK_ATTRIBUTE usual[] = {{CKA_SIGN, &yes, 1}}, signs_only[] = {{CKA_SIGN, &yes, 1}, {CKA_DECRYPT, &no, 1}};
    static const CK_ULONG salts[] = {0, 1, 20, 32, 222};
    CK_MECHANISM mech, raw = {CKM_RSA_X_509, NULL, 0};
    unsigned char block[256], sig[256];
    CK_ULONG n = sizeof sig;
    struct p11 *t = *state;
    CK_RSA_PKCS_PSS_PARAMS pss;
    struct pair pair;

    memset(block, 0xff, sizeof block);
    block[0] = 0;
    block[1] = 1;
    block[sizeof block - sizeof info - 33] = 0;
    memcpy(block + sizeof block - sizeof info - 32, info, sizeof info);
    memcpy(block + sizeof block - 32, digest, 32);

    assert_rv(generate(t->session, &rsa, HALVES(public, usual), &pair), CKR_OK);
    for (size_t i = 0; i < N(salts); i++) {
        pss_take(&pss, &mech, salts[i]);
        assert_made_by(t, pair, &mech, digest, sizeof digest, "Load RSA_Decrypt FlushContext");
    }
    assert_made_by(t, pair, &raw, block, sizeof block, "Load RSA_Decrypt FlushContext");

    assert_rv(generate(t->session, &rsa, HALVES(public, signs_only), &pair), CKR_OK);
    assert_made_by(t, pair, &raw, block, sizeof block, "Load Sign FlushContext"); /* type 1 becomes RSASSA */
    block[1] = 2;
    assert_rv(f->C_SignInit(t->session, &raw, pair.private), CKR_OK);
    assert_rv(f->C_Sign(t->session, block, sizeof block, sig, &n), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_commands(t, "");
    mech = (CK_MECHANISM){CKM_SHA224_RSA_PKCS, NULL, 0}; /* no chip knows that hash */
    assert_rv(f->C_SignInit(t->session, &mech, pair.private), CKR_KEY_FUNCTION_NOT_PERMITTED);
    pss_take(&pss, &mech, 20); /* neither the hash's length nor the longest: no chip makes it */
    world_forget_commands(t->world);
    assert_rv(f->C_SignInit(t->session, &mech, pair.private), CKR_OK);
    n = sizeof sig;
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

/* Case 65. A token without a PIN takes any. */
static void a_key_that_asks_is_asked_for_each_signature(void **state)
{
    const CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}};
    const CK_ATTRIBUTE private[] = {{CKA_SIGN, &yes, 1}, {CKA_ALWAYS_AUTHENTICATE, &yes, 1}};
    unsigned char sig[64], pin[] = "1234";
    CK_ULONG n = sizeof sig;
    struct p11 *t = *state;
    struct pair pair;

    assert_rv(f->C_Login(t->session, CKU_CONTEXT_SPECIFIC, pin, 4), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(generate(t->session, &ec, HALVES(public, private), &pair), CKR_OK);
    assert_true(is_true(t->session, pair.private, CKA_ALWAYS_AUTHENTICATE));
    world_forget_commands(t->world);
    assert_rv(f->C_SignInit(t->session, &ecdsa, pair.private), CKR_OK);
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_USER_NOT_LOGGED_IN);
    assert_commands(t, "");
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(f->C_SignInit(t->session, &ecdsa, pair.private), CKR_OK);
    assert_rv(f->C_Login(t->session, CKU_CONTEXT_SPECIFIC, pin, 4), CKR_OK);
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, NULL, &n), CKR_OK);
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_OK);
    assert_rv(f->C_SignInit(t->session, &ecdsa, pair.private), CKR_OK); /* and again */
    assert_rv(f->C_Sign(t->session, digest, sizeof digest, sig, &n), CKR_USER_NOT_LOGGED_IN);
    assert_rv(f->C_SignInit(t->session, &ecdsa, p11_find(t->session, CKO_PRIVATE_KEY, "wrapped")), CKR_OK);
    assert_rv(f->C_Login(t->session, CKU_CONTEXT_SPECIFIC, pin, 4), CKR_OPERATION_NOT_INITIALIZED); /* it does not ask */
}

/* What the chip has, it says itself: libtpms makes no RSA keys of 4096 bits. */
static void what_the_tpm_lacks_is_told_as_the_standard_says(void **state)
{
    static unsigned char p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
    CK_ULONG bits4096 = 4096;
    const CK_ATTRIBUTE rsa_public[] = {{CKA_MODULUS_BITS, &bits4096, sizeof bits4096}};
    const CK_ATTRIBUTE ec_public[] = {{CKA_EC_PARAMS, p521, sizeof p521}};
    struct p11 *t = *state;
    struct pair pair;
    CK_RV rv = generate(t->session, &rsa, rsa_public, 1, NULL, 0, &pair);

    assert_true(rv == CKR_OK || rv == CKR_KEY_SIZE_RANGE);
    rv = generate(t->session, &ec, ec_public, 1, NULL, 0, &pair);
    assert_true(rv == CKR_OK || rv == CKR_CURVE_NOT_SUPPORTED);
    if (rv == CKR_OK)
        assert_signs(t->session, pair);
}

/* Which mechanism is the first question; then the session; then the arguments. Nothing of it reaches the TPM. */
static void what_is_wrong_is_told_before_the_tpm_is_asked(void **state)
{
    const CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_KEY_TYPE, &ec_type, sizeof ec_type}};
    const CK_ATTRIBUTE local[] = {{CKA_LOCAL, &yes, 1}}, leaves[] = {{CKA_EXTRACTABLE, &yes, 1}};
    CK_MECHANISM with_parameter = {CKM_EC_KEY_PAIR_GEN, p256, 1};
    struct p11 *t = *state;
    struct pair pair = {7, 8};

    assert_rv(generate(t->session + 99, &ecdsa, NULL, 5, NULL, 0, &pair), CKR_MECHANISM_INVALID);
    assert_rv(generate(t->session, NULL, public, 1, NULL, 0, &pair), CKR_ARGUMENTS_BAD);
    assert_rv(generate(t->session, &with_parameter, public, 1, NULL, 0, &pair), CKR_MECHANISM_PARAM_INVALID);
    assert_rv(generate(t->session + 99, &ec, public, 1, NULL, 0, &pair), CKR_SESSION_HANDLE_INVALID);
    assert_rv(generate(t->session, &ec, NULL, 1, NULL, 0, &pair), CKR_ARGUMENTS_BAD);
    assert_rv(generate(t->session, &ec, public, 2, NULL, (CK_ULONG)-1, &pair), CKR_ARGUMENTS_BAD);
    assert_rv(generate(t->session, &ec, NULL, 0, NULL, 0, &pair), CKR_TEMPLATE_INCOMPLETE);
    assert_rv(generate(t->session, &ec, HALVES(public, local), &pair), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(generate(t->session, &ec, HALVES(public, leaves), &pair), CKR_TEMPLATE_INCONSISTENT);
    assert_rv(f->C_GenerateKeyPair(t->session, &ec, (CK_ATTRIBUTE *)(uintptr_t)public, 2, NULL, 0, NULL, &pair.private),
              CKR_ARGUMENTS_BAD);
    assert_int_equal(pair.public, 7);
    assert_int_equal(pair.private, 8);
    assert_commands(t, "");
}

/* Another devid.conf, read when the module is initialised. */
static void configure(struct p11 *t, const char *more)
{
    char path[512];
    FILE *file;

    (void)f->C_Finalize(NULL);
    (void)snprintf(path, sizeof path, "%s/devid.conf", world_folder(t->world));
    file = fopen(path, "a");
    assert_non_null(file);
    (void)fputs(more, file);
    assert_int_equal(fclose(file), 0);
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    t->session = p11_session(OWNER, CKF_RW_SESSION);
    world_forget_commands(t->world);
}

static void a_configured_label_gets_its_place(void **state)
{
    static char at_handle[] = "azure:est-id", in_file[] = "azure:device-ca";
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_TOKEN, &yes, 1}, {CKA_LABEL, at_handle, 12}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1}, {CKA_SIGN, &yes, 1}, {CKA_LABEL, at_handle, 12}};
    const CK_ATTRIBUTE rsa_public[] = {{CKA_MODULUS_BITS, &bits2048, sizeof bits2048}, {CKA_TOKEN, &yes, 1},
                                       {CKA_LABEL, at_handle, 12}};
    struct p11 *t = *state;
    struct pair pair;

    configure(t, "\n[identity azure:est-id]\nhandle = 0x8100000a\nrole = ldevid\n[identity azure:device-ca]\nkey = ec-p384\n");
    assert_rv(generate(t->session, &rsa, HALVES(rsa_public, private), &pair), CKR_TEMPLATE_INCONSISTENT);
    assert_commands(t, "");
    assert_rv(generate(t->session, &ec, HALVES(public, private), &pair), CKR_OK);
    assert_int_not_equal(world_count(t->world, "EvictControl"), 0);
    world_forget_commands(t->world);
    assert_signs(t->session, pair); /* the handles are still good, and the key is at its own */
    assert_commands(t, "Sign");
    assert_int_equal(pair.private, p11_find(t->session, CKO_PRIVATE_KEY, at_handle));
    public[2] = private[2] = (CK_ATTRIBUTE){CKA_LABEL, in_file, 15};
    assert_rv(generate(t->session, &ec, HALVES(public, private), &pair), CKR_TEMPLATE_INCONSISTENT);
    public[0] = (CK_ATTRIBUTE){CKA_EC_PARAMS, p384, sizeof p384};
    assert_rv(generate(t->session, &ec, HALVES(public, private), &pair), CKR_OK);
    world_forget_commands(t->world);
    assert_signs(t->session, pair);
    assert_commands(t, "Load Sign FlushContext");
}

/* A handle that another key has is not touched, and no pair is left behind. */
static void a_place_that_is_taken_is_an_error(void **state)
{
    static char label[] = "azure:taken";
    const CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_TOKEN, &yes, 1}, {CKA_LABEL, label, 11}};
    const CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1}, {CKA_LABEL, label, 11}};
    CK_ATTRIBUTE wanted[] = {{CKA_LABEL, label, 11}};
    struct p11 *t = *state;
    struct pair pair;

    configure(t, "\n[identity azure:taken]\nhandle = 0x81000009\n"); /* where a key of nobody's is */
    assert_rv(generate(t->session, &ec, HALVES(public, private), &pair), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_int_equal(p11_count(t->session, wanted, 1), 0);
}

/* Azure falls back to EC on exactly this answer. */
static void rsa_generation_can_be_switched_off(void **state)
{
    const CK_ATTRIBUTE rsa_public[] = {{CKA_MODULUS_BITS, &bits2048, sizeof bits2048}};
    const CK_ATTRIBUTE ec_public[] = {{CKA_EC_PARAMS, p256, sizeof p256}};
    CK_MECHANISM_TYPE list[64];
    CK_MECHANISM_INFO info;
    CK_ULONG n = N(list);
    struct p11 *t = *state;
    struct pair pair;

    assert_rv(f->C_GetMechanismInfo(OWNER, CKM_RSA_PKCS_KEY_PAIR_GEN, &info), CKR_OK);
    assert_int_equal(info.flags, CKF_HW | CKF_GENERATE_KEY_PAIR);
    assert_int_equal(info.ulMinKeySize, 2048);
    configure(t, "\n[device]\nrsa-generation = no\n");
    assert_rv(generate(t->session, &rsa, rsa_public, 1, NULL, 0, &pair), CKR_MECHANISM_INVALID);
    assert_rv(f->C_GetMechanismInfo(OWNER, CKM_RSA_PKCS_KEY_PAIR_GEN, &info), CKR_MECHANISM_INVALID);
    assert_rv(f->C_GetMechanismList(OWNER, list, &n), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++)
        assert_int_not_equal(list[i], CKM_RSA_PKCS_KEY_PAIR_GEN);
    assert_rv(generate(t->session, &ec, ec_public, 1, NULL, 0, &pair), CKR_OK);
}

/* Case 73, and Azure, which loads the module for each operation. */
static void a_token_key_is_there_for_the_next_process(void **state)
{
    static char label[] = "stays";
    const CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_TOKEN, &yes, 1}, {CKA_LABEL, label, 5}};
    const CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1}, {CKA_LABEL, label, 5}};
    struct p11 *t = *state;
    struct pair pair;

    assert_rv(generate(t->session, &ec, HALVES(public, private), &pair), CKR_OK);
    assert_rv(f->C_Finalize(NULL), CKR_OK);
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    t->session = p11_session(OWNER, 0);
    world_forget_commands(t->world);
    pair = (struct pair){p11_find(t->session, CKO_PUBLIC_KEY, label), p11_find(t->session, CKO_PRIVATE_KEY, label)};
    assert_signs(t->session, pair);
    assert_commands(t, "Load Sign FlushContext");
}

static void without_a_tpm_no_key_is_made(void **state)
{
    const CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}};
    struct p11 *t = *state;
    struct pair pair;

    world_stop_tpm(t->world);
    assert_rv(generate(t->session, &ec, public, 1, NULL, 0, &pair), CKR_DEVICE_REMOVED);
    world_start_tpm(t->world);
    assert_rv(generate(t->session, &ec, public, 1, NULL, 0, &pair), CKR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_TEST(azure_gets_its_keys),
        P11_TEST(nss_gets_its_keys),
        P11_TEST(java_gets_its_keys),
        P11_TEST(opensc_gnutls_and_pkcs11_provider_get_their_keys),
        P11_TEST(a_session_key_lives_as_long_as_its_session),
        P11_TEST(the_manufacturers_token_takes_session_keys_only),
        P11_TEST(uses_that_were_not_wanted_are_refused),
        P11_TEST(rsa_signs_as_far_as_the_key_lets_it),
        P11_TEST(a_key_that_asks_is_asked_for_each_signature),
        P11_TEST(what_the_tpm_lacks_is_told_as_the_standard_says),
        P11_TEST(what_is_wrong_is_told_before_the_tpm_is_asked),
        P11_TEST(a_token_key_is_there_for_the_next_process),
        P11_TEST(without_a_tpm_no_key_is_made),
        P11_TEST(a_configured_label_gets_its_place), /* these three change devid.conf */
        P11_TEST(a_place_that_is_taken_is_an_error),
        P11_TEST(rsa_generation_can_be_switched_off),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
