/* SPDX-License-Identifier: BSD-2-Clause */
/* Encryption, decryption and random numbers: what the caller gets, and what the TPM is asked. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "tpm/pkcs11_face.h"

#define BLOCK 256 /* bytes of an RSA-2048 key's */

static char label_text[] = "label";
static CK_RSA_PKCS_OAEP_PARAMS sha256 = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
static CK_RSA_PKCS_OAEP_PARAMS sha1 = {CKM_SHA_1, CKG_MGF1_SHA1, 0, NULL, 0}; /* as OpenSC sends it */
static CK_RSA_PKCS_OAEP_PARAMS label = {CKM_SHA384, CKG_MGF1_SHA512, CKZ_DATA_SPECIFIED, label_text, 5};
static CK_MECHANISM pkcs = {CKM_RSA_PKCS, NULL, 0}, raw = {CKM_RSA_X_509, NULL, 0};
static CK_MECHANISM oaep256 = {CKM_RSA_PKCS_OAEP, &sha256, sizeof sha256}, oaep1 = {CKM_RSA_PKCS_OAEP, &sha1, sizeof sha1};
static CK_MECHANISM oaep_label = {CKM_RSA_PKCS_OAEP, &label, sizeof label};
static unsigned char text[] = "forty-eight bytes of a secret, as TLS 1.2 has it";

static void encrypt(struct p11 *t, CK_MECHANISM *mech, unsigned char *in, CK_ULONG len, unsigned char *block)
{
    CK_OBJECT_HANDLE key = p11_find(t->session, CKO_PUBLIC_KEY, "rsa");
    CK_ULONG n = 0;

    assert_rv(f->C_EncryptInit(t->session, mech, key), CKR_OK);
    assert_rv(f->C_Encrypt(t->session, in, len, NULL, &n), CKR_OK);
    assert_int_equal(n, BLOCK);
    n--;
    assert_rv(f->C_Encrypt(t->session, in, len, block, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, BLOCK);
    assert_rv(f->C_Encrypt(t->session, in, len, block, &n), CKR_OK);
    assert_int_equal(n, BLOCK);
    assert_rv(f->C_Encrypt(t->session, in, len, block, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_commands(t, "");
}

static void start(struct p11 *t, CK_MECHANISM *mech)
{
    assert_rv(f->C_DecryptInit(t->session, mech, p11_find(t->session, CKO_PRIVATE_KEY, "rsa")), CKR_OK);
}

static void what_was_encrypted_is_decrypted_with_one_command(void **state)
{
    static const struct {
        CK_MECHANISM *mech;
        CK_ULONG room;
    } cases[] = {{&pkcs, 245}, {&oaep256, 190}, {&oaep1, 214}, {&oaep_label, 158}};
    struct p11 *t = *state;
    unsigned char block[BLOCK], out[BLOCK];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CK_ULONG n = 0;

        encrypt(t, cases[i].mech, text, sizeof text, block);
        start(t, cases[i].mech);
        assert_rv(f->C_Decrypt(t->session, block, sizeof block, NULL, &n), CKR_OK);
        assert_int_equal(n, cases[i].room);
        assert_commands(t, "");
        assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_OK);
        assert_commands(t, "RSA_Decrypt");
        assert_int_equal(n, sizeof text);
        assert_memory_equal(out, text, sizeof text);
        assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_OPERATION_NOT_INITIALIZED);
    }
}

/* OpenSSL encrypts, with nothing of ours between. */
static void what_others_encrypted_is_decrypted(void **state)
{
    struct p11 *t = *state;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(X509_get0_pubkey(t->ids.rsa.cert), NULL);
    unsigned char block[BLOCK], out[BLOCK];
    size_t len = sizeof block;
    CK_ULONG n = sizeof out;

    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, block, &len, text, sizeof text), 1);
    EVP_PKEY_CTX_free(ctx);
    start(t, &oaep256);
    assert_rv(f->C_Decrypt(t->session, block, len, out, &n), CKR_OK);
    assert_int_equal(n, sizeof text);
    assert_memory_equal(out, text, sizeof text);
}

static void a_raw_block_is_the_number_it_is(void **state)
{
    struct p11 *t = *state;
    unsigned char block[BLOCK], out[BLOCK], zeros[BLOCK] = {0};
    CK_ULONG n = sizeof out;

    encrypt(t, &raw, text, sizeof text, block); /* zeros in front */
    start(t, &raw);
    assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_OK);
    assert_int_equal(n, BLOCK);
    assert_memory_equal(out, zeros, BLOCK - sizeof text);
    assert_memory_equal(out + BLOCK - sizeof text, text, sizeof text);
    memset(block, 0xff, sizeof block);
    start(t, &raw);
    assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_ENCRYPTED_DATA_INVALID);
    assert_rv(f->C_EncryptInit(t->session, &raw, p11_find(t->session, CKO_PUBLIC_KEY, "rsa")), CKR_OK);
    assert_rv(f->C_Encrypt(t->session, block, sizeof block, out, &n), CKR_DATA_INVALID);
}

/* PKCS#11 2.40, 5.2; who guesses too little pays one command more, and the operation goes on. */
static void too_little_room_does_not_end_a_decryption(void **state)
{
    struct p11 *t = *state;
    unsigned char block[BLOCK], out[BLOCK];
    CK_ULONG n = 3;

    encrypt(t, &pkcs, text, sizeof text, block);
    start(t, &pkcs);
    assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, sizeof text);
    assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_OK);
    assert_int_equal(n, sizeof text);
    assert_commands(t, "RSA_Decrypt RSA_Decrypt");
    encrypt(t, &pkcs, text, 0, block); /* an empty text needs none */
    start(t, &pkcs);
    n = 0;
    assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_OK);
    assert_int_equal(n, 0);
}

static void parts_are_put_together(void **state)
{
    struct p11 *t = *state;
    unsigned char block[BLOCK], out[BLOCK];
    CK_ULONG n = sizeof block;

    assert_rv(f->C_EncryptInit(t->session, &oaep256, p11_find(t->session, CKO_PUBLIC_KEY, "rsa")), CKR_OK);
    assert_rv(f->C_EncryptUpdate(t->session, text, 7, NULL, &n), CKR_OK); /* a question */
    assert_int_equal(n, 0);
    assert_rv(f->C_EncryptUpdate(t->session, text, 7, block, &n), CKR_OK);
    assert_int_equal(n, 0);
    assert_rv(f->C_EncryptUpdate(t->session, text + 7, sizeof text - 7, block, &n), CKR_OK);
    assert_rv(f->C_EncryptFinal(t->session, NULL, &n), CKR_OK);
    assert_int_equal(n, BLOCK);
    assert_rv(f->C_EncryptFinal(t->session, block, &n), CKR_OK);
    assert_int_equal(n, BLOCK);

    start(t, &oaep256);
    assert_rv(f->C_DecryptUpdate(t->session, block, 200, out, &n), CKR_OK);
    assert_int_equal(n, 0);
    assert_rv(f->C_DecryptUpdate(t->session, block + 200, BLOCK - 200, out, &n), CKR_OK);
    assert_commands(t, "");
    n = sizeof out;
    assert_rv(f->C_DecryptFinal(t->session, out, &n), CKR_OK);
    assert_int_equal(n, sizeof text);
    assert_memory_equal(out, text, sizeof text);
    assert_commands(t, "RSA_Decrypt");
    assert_rv(f->C_DecryptFinal(t->session, out, &n), CKR_OPERATION_NOT_INITIALIZED);
}

static void one_shot_after_a_part_is_refused(void **state)
{
    struct p11 *t = *state;
    unsigned char out[BLOCK];
    CK_ULONG n = sizeof out;

    start(t, &pkcs);
    assert_rv(f->C_DecryptUpdate(t->session, text, 1, out, &n), CKR_OK);
    assert_rv(f->C_Decrypt(t->session, text, 1, out, &n), CKR_OPERATION_ACTIVE);
    assert_rv(f->C_DecryptInit(t->session, &pkcs, p11_find(t->session, CKO_PRIVATE_KEY, "rsa")), CKR_OPERATION_ACTIVE);
    assert_rv(f->C_DecryptInit(t->session, NULL, 0), CKR_OK); /* 3.0: it is cancelled */
    assert_rv(f->C_DecryptInit(t->session, NULL, 0), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_DecryptUpdate(t->session, text, 1, out, &n), CKR_OPERATION_NOT_INITIALIZED);
}

static void wrong_arguments_and_wrong_data_end_it(void **state)
{
    struct p11 *t = *state;
    CK_OBJECT_HANDLE public = p11_find(t->session, CKO_PUBLIC_KEY, "rsa");
    unsigned char block[BLOCK] = {0}, out[BLOCK];
    static unsigned char much[2000];
    CK_ULONG n = sizeof out;

    start(t, &pkcs);
    assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_OPERATION_NOT_INITIALIZED);
    start(t, &pkcs);
    assert_rv(f->C_Decrypt(t->session, NULL, 5, out, &n), CKR_ARGUMENTS_BAD);
    start(t, &pkcs);
    assert_rv(f->C_Decrypt(t->session, block, (CK_ULONG)1 << (sizeof(CK_ULONG) * 8 - 1), out, &n), CKR_ARGUMENTS_BAD);
    start(t, &pkcs);
    assert_rv(f->C_Decrypt(t->session, block, sizeof block - 1, out, &n), CKR_ENCRYPTED_DATA_LEN_RANGE);
    start(t, &pkcs);
    n = sizeof out;
    assert_rv(f->C_DecryptUpdate(t->session, much, sizeof much, out, &n), CKR_ENCRYPTED_DATA_LEN_RANGE);
    assert_rv(f->C_DecryptFinal(t->session, out, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_commands(t, "");
    n = sizeof out;
    start(t, &pkcs);
    block[BLOCK - 1] = 2;
    assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_ENCRYPTED_DATA_INVALID);
    assert_rv(f->C_Decrypt(t->session, block, sizeof block, out, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_commands(t, "RSA_Decrypt");

    assert_rv(f->C_EncryptInit(t->session, &pkcs, public), CKR_OK);
    n = sizeof out;
    assert_rv(f->C_Encrypt(t->session, block, 246, out, &n), CKR_DATA_LEN_RANGE);
    assert_rv(f->C_Encrypt(t->session, block, 1, out, &n), CKR_OPERATION_NOT_INITIALIZED);
}

static void keys_and_parameters_that_do_not_fit_are_refused_at_the_start(void **state)
{
    static CK_RSA_PKCS_OAEP_PARAMS no_hash = {CKM_ECDSA, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
    static CK_RSA_PKCS_OAEP_PARAMS no_mgf = {CKM_SHA256, 0, CKZ_DATA_SPECIFIED, NULL, 0};
    static CK_RSA_PKCS_OAEP_PARAMS no_data = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 9};
    static CK_RSA_PKCS_OAEP_PARAMS no_source = {CKM_SHA256, CKG_MGF1_SHA256, 0, label_text, 5};
    CK_RSA_PKCS_OAEP_PARAMS *wrong[] = {&no_hash, &no_mgf, &no_data, &no_source};
    struct p11 *t = *state;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, short_params = {CKM_RSA_PKCS_OAEP, &sha256, 3};
    CK_OBJECT_HANDLE private = p11_find(t->session, CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE public = p11_find(t->session, CKO_PUBLIC_KEY, "rsa");
    CK_SESSION_HANDLE maker = p11_session(MANUFACTURER, 0);

    assert_rv(f->C_DecryptInit(t->session, &pkcs, public), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_EncryptInit(t->session, &pkcs, private), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_DecryptInit(t->session, &pkcs, 9999), CKR_KEY_HANDLE_INVALID);
    assert_rv(f->C_DecryptInit(t->session, &ecdsa, private), CKR_MECHANISM_INVALID);
    assert_rv(f->C_DecryptInit(t->session, &pkcs, p11_find(t->session, CKO_PRIVATE_KEY, "wrapped")),
              CKR_KEY_TYPE_INCONSISTENT);
    assert_rv(f->C_DecryptInit(t->session, &short_params, private), CKR_MECHANISM_PARAM_INVALID);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CK_MECHANISM mech = {CKM_RSA_PKCS_OAEP, wrong[i], sizeof *wrong[i]};

        assert_rv(f->C_DecryptInit(t->session, &mech, private), CKR_MECHANISM_PARAM_INVALID);
    }
    /* an endorsement key is restricted: it decrypts what a certificate authority made for the TPM, and nothing else */
    assert_rv(f->C_DecryptInit(maker, &pkcs, p11_find(maker, CKO_PRIVATE_KEY, "ek")), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_EncryptInit(maker, &pkcs, p11_find(maker, CKO_PUBLIC_KEY, "ek")), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_commands(t, "");
}

static bool is_true(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *name, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL is = 2;

    assert_int_equal(p11_attr(session, p11_find(session, class, name), type, &is, sizeof is), sizeof is);
    assert_true(is <= 1);
    return is == CK_TRUE;
}

static void attributes_say_what_a_key_can_do(void **state)
{
    struct p11 *t = *state;

    assert_true(is_true(t->session, CKO_PRIVATE_KEY, "rsa", CKA_DECRYPT));
    assert_true(is_true(t->session, CKO_PUBLIC_KEY, "rsa", CKA_ENCRYPT));
    assert_true(is_true(t->session, CKO_PRIVATE_KEY, "rsa", CKA_SIGN));
    assert_false(is_true(t->session, CKO_PRIVATE_KEY, "wrapped", CKA_DECRYPT));
    assert_false(is_true(t->session, CKO_PUBLIC_KEY, "wrapped", CKA_ENCRYPT));
    assert_true(is_true(t->session, CKO_PUBLIC_KEY, "wrapped", CKA_VERIFY));
}

/* Case 71. */
static void random_numbers_take_one_command(void **state)
{
    static unsigned char random[2][5000], zeros[64];
    struct p11 *t = *state;
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE public = p11_session(MANUFACTURER, 0);

    world_forget_commands(t->world);
    assert_rv(f->C_GenerateRandom(t->session, random[0], sizeof random[0]), CKR_OK);
    assert_commands(t, "GetRandom");
    assert_rv(f->C_GenerateRandom(public, random[1], sizeof random[1]), CKR_OK);
    assert_commands(t, "GetRandom");
    for (size_t at = 0; at + sizeof zeros <= sizeof random[0]; at += sizeof zeros) {
        assert_memory_not_equal(random[0] + at, zeros, sizeof zeros);
        assert_memory_not_equal(random[0] + at, random[1] + at, sizeof zeros);
    }
    assert_rv(f->C_GenerateRandom(t->session, random[0], 0), CKR_OK);
    assert_rv(f->C_GenerateRandom(t->session, NULL, 8), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_GenerateRandom(t->session, random[0], (CK_ULONG)-1), CKR_ARGUMENTS_BAD);
    assert_commands(t, "");
    assert_rv(f->C_SeedRandom(t->session, text, sizeof text), CKR_OK);
    assert_commands(t, "StirRandom");
    assert_rv(f->C_SeedRandom(t->session, NULL, 8), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_GetTokenInfo(OWNER, &token), CKR_OK);
    assert_true((token.flags & CKF_RNG) != 0);
}

static void without_a_tpm_there_are_no_random_numbers(void **state)
{
    struct p11 *t = *state;
    unsigned char random[8];

    world_stop_tpm(t->world);
    assert_rv(f->C_GenerateRandom(t->session, random, sizeof random), CKR_DEVICE_REMOVED);
    world_start_tpm(t->world);
    assert_rv(f->C_GenerateRandom(t->session, random, sizeof random), CKR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_TEST(what_was_encrypted_is_decrypted_with_one_command),
        P11_TEST(what_others_encrypted_is_decrypted),
        P11_TEST(a_raw_block_is_the_number_it_is),
        P11_TEST(too_little_room_does_not_end_a_decryption),
        P11_TEST(parts_are_put_together),
        P11_TEST(one_shot_after_a_part_is_refused),
        P11_TEST(wrong_arguments_and_wrong_data_end_it),
        P11_TEST(keys_and_parameters_that_do_not_fit_are_refused_at_the_start),
        P11_TEST(attributes_say_what_a_key_can_do),
        P11_TEST(random_numbers_take_one_command),
        P11_TEST(without_a_tpm_there_are_no_random_numbers),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
