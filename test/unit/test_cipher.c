/* SPDX-License-Identifier: BSD-2-Clause */
/* RSA encryption in software, and its paddings taken off again: against OpenSSL's own, and with every byte of them wrong. */
#include "core/cipher.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "core/unpad.h"
#include "unit/soft.h"

#define SIZE 256 /* bytes of the modulus */

static const struct devid_cipher pkcs1 = {.padding = DEVID_CIPHER_PKCS1};
static const struct devid_cipher raw = {.padding = DEVID_CIPHER_RAW};

struct keys {
    EVP_PKEY *rsa, *ec;
    struct devid_bytes rsa_spki, ec_spki;
};

static int start(void **state)
{
    struct keys *k = calloc(1, sizeof *k);

    assert_non_null(k);
    k->rsa = soft_key("RSA");
    k->ec = soft_key("P-256");
    k->rsa_spki = soft_spki(k->rsa);
    k->ec_spki = soft_spki(k->ec);
    *state = k;
    return 0;
}

static int stop(void **state)
{
    struct keys *k = *state;

    EVP_PKEY_free(k->rsa);
    EVP_PKEY_free(k->ec);
    devid_bytes_free(&k->rsa_spki);
    devid_bytes_free(&k->ec_spki);
    free(k);
    return 0;
}

/* What the chip does: the private operation, no padding. */
static void private_operation(EVP_PKEY *key, const unsigned char *in, unsigned char *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    size_t len = SIZE;

    assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_decrypt(ctx, out, &len, in, SIZE), 1);
    assert_int_equal(len, SIZE);
    EVP_PKEY_CTX_free(ctx);
}

static devid_rc unpad(const struct devid_cipher *cipher, unsigned char *block, size_t *len)
{
    return cipher->padding == DEVID_CIPHER_OAEP ? devid_oaep_decode(cipher, block, len, NULL)
                                                : devid_type2_decode(block, len, NULL);
}

/* OpenSSL decrypts it, and so do we. */
static void goes_round(const struct keys *k, const struct devid_cipher *cipher, size_t len)
{
    unsigned char text[SIZE], block[SIZE], plain[SIZE];
    size_t plain_len = SIZE;

    for (size_t i = 0; i < len; i++)
        text[i] = (unsigned char)(i * 7); /* zeros and ones among them */
    assert_int_equal(devid_encrypt(devid_slice_of(k->rsa_spki), cipher, (struct devid_slice){text, len}, block, NULL),
                     DEVID_OK);
    private_operation(k->rsa, block, plain);
    assert_int_equal(unpad(cipher, plain, &plain_len), DEVID_OK);
    assert_int_equal(plain_len, len);
    assert_memory_equal(plain, text, len);
    for (size_t i = len; i < SIZE; i++)
        assert_int_equal(plain[i], 0);
}

static void pkcs1_goes_round_at_every_length(void **state)
{
    assert_int_equal(devid_cipher_room(&pkcs1, SIZE), SIZE - 11);
    assert_int_equal(devid_cipher_room(&pkcs1, 10), 0);
    for (size_t len = 0; len <= SIZE - 11; len += len < 40 ? 1 : 13)
        goes_round(*state, &pkcs1, len);
    goes_round(*state, &pkcs1, SIZE - 11);
}

static void oaep_goes_round_with_any_hash_and_label(void **state)
{
    static const struct devid_cipher all[] = {
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA1},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256, .mgf = DEVID_SHA1},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA384, .label = {(const unsigned char *)"label", 5}},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA512, .mgf = DEVID_SHA256, .label = {(const unsigned char *)"\0", 1}},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA512_256, .mgf = DEVID_SHA3_384},
        {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA3_512},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t room = devid_cipher_room(&all[i], SIZE);

        assert_int_equal(room, SIZE - 2 - 2 * devid_hash_len(all[i].hash));
        goes_round(*state, &all[i], 0);
        goes_round(*state, &all[i], 1);
        goes_round(*state, &all[i], 20);
        goes_round(*state, &all[i], room);
    }
}

static void openssl_reads_what_was_encrypted(void **state)
{
    struct devid_cipher oaep = {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256, .label = TEXT("label")};
    const struct keys *k = *state;
    unsigned char block[SIZE], plain[SIZE];
    unsigned char *label = OPENSSL_memdup("label", 5);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->rsa, NULL);
    size_t len = sizeof plain;

    assert_int_equal(devid_encrypt(devid_slice_of(k->rsa_spki), &oaep, TEXT("hello"), block, NULL), DEVID_OK);
    assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, 5), 1);
    assert_int_equal(EVP_PKEY_decrypt(ctx, plain, &len, block, sizeof block), 1);
    assert_int_equal(len, 5);
    assert_memory_equal(plain, "hello", 5);
    EVP_PKEY_CTX_free(ctx);
}

static void type2(unsigned char *block, size_t padding, const char *text)
{
    memset(block, 0xa5, SIZE);
    block[0] = 0;
    block[1] = 2;
    block[2 + padding] = 0;
    memcpy(block + 3 + padding, text, SIZE - 3 - padding);
}

static void a_block_of_type_2_is_taken_only_if_every_rule_is_kept(void **state)
{
    static const char text[SIZE] = "text";
    unsigned char block[SIZE];
    size_t len = SIZE;

    (void)state;
    type2(block, 8, text);
    assert_int_equal(devid_type2_decode(block, &len, NULL), DEVID_OK);
    assert_int_equal(len, SIZE - 11);
    for (size_t padding = 0; padding < 8; padding++) { /* too short */
        type2(block, padding, text);
        len = SIZE;
        assert_int_equal(devid_type2_decode(block, &len, NULL), DEVID_E_DATA);
        assert_int_equal(len, SIZE);
    }
    for (unsigned first = 0; first < 2; first++) {
        for (unsigned byte = 1; byte < 256; byte++) {
            type2(block, 8, text);
            block[first] ^= (unsigned char)byte;
            assert_int_equal(devid_type2_decode(block, &len, NULL), DEVID_E_DATA);
        }
    }
    memset(block, 0xa5, SIZE); /* no end of the padding */
    block[0] = 0;
    block[1] = 2;
    assert_int_equal(devid_type2_decode(block, &len, NULL), DEVID_E_DATA);
    len = 10;
    assert_int_equal(devid_type2_decode(block, &len, NULL), DEVID_E_DATA);
}

/* What comes out of block if a wrong padding is hidden: the block's text, or the one that stands in for it. */
static void must_give(const unsigned char *block, const unsigned char *text, size_t text_len, const struct devid_instead *instead)
{
    unsigned char out[SIZE];
    size_t len = SIZE;

    memcpy(out, block, SIZE);
    devid_type2_decode_or(out, &len, instead);
    assert_int_equal(len, text_len);
    assert_memory_equal(out, text, len);
    for (size_t i = len; i < SIZE; i++)
        assert_int_equal(out[i], 0);
}

static void a_wrong_block_gives_what_stands_in_for_it(void **state)
{
    static const unsigned char secret[DEVID_INSTEAD_SECRET] = "secret";
    static const char text[SIZE] = "text";
    unsigned char block[SIZE];
    struct devid_instead instead;

    (void)state;
    type2(block, 8, text);
    assert_int_equal(devid_instead_make(secret, (struct devid_slice){block, SIZE}, &instead, NULL), DEVID_OK);
    must_give(block, (const unsigned char *)text, SIZE - 11, &instead);
    for (size_t padding = 0; padding < 8; padding++) {
        type2(block, padding, text);
        must_give(block, instead.block + instead.from, SIZE - instead.from, &instead);
    }
    for (unsigned first = 0; first < 2; first++) {
        type2(block, 8, text);
        block[first] ^= 0x40;
        must_give(block, instead.block + instead.from, SIZE - instead.from, &instead);
    }
    memset(block, 0xa5, SIZE);
    must_give(block, instead.block + instead.from, SIZE - instead.from, &instead);
    type2(block, SIZE - 3, ""); /* which holds an empty text */
    must_give(block, block, 0, &instead);
}

static void what_stands_in_is_of_any_length_and_always_the_same(void **state)
{
    static const unsigned char secret[DEVID_INSTEAD_SECRET] = "secret", other[DEVID_INSTEAD_SECRET] = "other";
    static const size_t sizes[] = {128, SIZE, 384, 512};
    unsigned char block[512] = {0};
    struct devid_instead made, again;
    size_t shortest, longest;

    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct devid_slice slice = {block, sizes[s]};

        shortest = sizes[s];
        longest = 0;
        for (unsigned i = 0; i < 2000; i++) {
            size_t len;

            memcpy(block + 64, &i, sizeof i);
            assert_int_equal(devid_instead_make(secret, slice, &made, NULL), DEVID_OK);
            assert_in_range(made.from, 11, sizes[s]);
            len = sizes[s] - made.from;
            shortest = len < shortest ? len : shortest;
            longest = len > longest ? len : longest;
        }
        assert_in_range(shortest, 0, 4);
        assert_in_range(longest, sizes[s] - 16, sizes[s] - 11);
        assert_int_equal(devid_instead_make(secret, slice, &again, NULL), DEVID_OK);
        assert_int_equal(again.from, made.from);
        assert_memory_equal(again.block, made.block, sizes[s]);
        assert_int_equal(devid_instead_make(other, slice, &again, NULL), DEVID_OK);
        assert_memory_not_equal(again.block, made.block, sizes[s]);
    }
    assert_int_equal(devid_instead_make(secret, (struct devid_slice){block, 10}, &made, NULL), DEVID_E_DATA);
    assert_int_equal(devid_instead_make(secret, (struct devid_slice){block, 513}, &made, NULL), DEVID_E_DATA);
}

/* OAEP by hand, so that its inside can be wrong. */
static void oaep_block(const struct devid_cipher *cipher, unsigned char *block, size_t wrong_at, unsigned char by)
{
    size_t h_len = devid_hash_len(cipher->hash);
    unsigned char *db = block + 1 + h_len;
    size_t db_len = SIZE - 1 - h_len;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    memset(block, 0, SIZE);
    memset(block + 1, 0x3c, h_len); /* seed */
    assert_int_equal(devid_hash_once(cipher->hash, cipher->label, db, NULL), DEVID_OK);
    db[db_len - 5] = 1;
    memcpy(db + db_len - 4, "text", 4);
    block[wrong_at] ^= by;
    for (size_t turn = 0; turn < 2; turn++) { /* MGF1 by OpenSSL alone */
        const unsigned char *seed = turn == 0 ? block + 1 : db;
        size_t seed_len = turn == 0 ? h_len : db_len, out_len = turn == 0 ? db_len : h_len;
        unsigned char *out = turn == 0 ? db : block + 1, digest[64], counter[4] = {0};

        for (size_t at = 0; at < out_len; at += h_len, counter[3]++) {
            assert_int_equal(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL), 1);
            assert_int_equal(EVP_DigestUpdate(ctx, seed, seed_len), 1);
            assert_int_equal(EVP_DigestUpdate(ctx, counter, 4), 1);
            assert_int_equal(EVP_DigestFinal_ex(ctx, digest, NULL), 1);
            for (size_t i = 0; i < h_len && at + i < out_len; i++)
                out[at + i] ^= digest[i];
        }
    }
    EVP_MD_CTX_free(ctx);
}

static void an_oaep_block_with_one_wrong_byte_is_refused(void **state)
{
    struct devid_cipher oaep = {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256};
    unsigned char block[SIZE];
    size_t len = SIZE;

    (void)state;
    oaep_block(&oaep, block, 0, 0);
    assert_int_equal(devid_oaep_decode(&oaep, block, &len, NULL), DEVID_OK);
    assert_int_equal(len, 4);
    assert_memory_equal(block, "text", 4);
    for (size_t at = 0; at < SIZE; at++) {
        bool is_seed = at >= 1 && at < 33, is_text = at >= SIZE - 4;

        oaep_block(&oaep, block, at, 0x40);
        len = SIZE;
        assert_int_equal(devid_oaep_decode(&oaep, block, &len, NULL), is_seed || is_text ? DEVID_OK : DEVID_E_DATA);
    }
    oaep_block(&oaep, block, 0, 0);
    oaep.label = TEXT("another");
    assert_int_equal(devid_oaep_decode(&oaep, block, &len, NULL), DEVID_E_DATA);
    len = 2 * 32 + 1;
    assert_int_equal(devid_oaep_decode(&oaep, block, &len, NULL), DEVID_E_DATA);
    oaep.hash = DEVID_HASH_NONE;
    assert_int_equal(devid_oaep_decode(&oaep, block, &len, NULL), DEVID_E_ARG);
}

static void what_does_not_fit_is_refused_with_the_length_that_does(void **state)
{
    static const unsigned char long_text[SIZE + 1] = {0xff};
    const struct keys *k = *state;
    struct devid_slice rsa = devid_slice_of(k->rsa_spki);
    struct devid_cipher no_hash = {.padding = DEVID_CIPHER_OAEP};
    unsigned char block[SIZE + 1], big[SIZE];
    struct devid_error err = {0};

    assert_int_equal(devid_encrypt(rsa, &pkcs1, (struct devid_slice){long_text, SIZE - 10}, block, &err), DEVID_E_DATA);
    assert_non_null(strstr(err.text, "up to 245"));
    assert_int_equal(devid_encrypt(rsa, &raw, (struct devid_slice){long_text, SIZE - 1}, block, &err), DEVID_E_DATA);
    assert_non_null(strstr(err.text, "exactly 256"));
    memset(big, 0xff, sizeof big);
    assert_int_equal(devid_encrypt(rsa, &raw, SLICE(big), block, &err), DEVID_E_DATA);
    assert_int_equal(devid_encrypt(rsa, &no_hash, TEXT("x"), block, &err), DEVID_E_ARG);
    assert_int_equal(devid_encrypt(devid_slice_of(k->ec_spki), &pkcs1, TEXT("x"), block, &err), DEVID_E_KEY);
    assert_int_equal(devid_encrypt(TEXT("0000"), &pkcs1, TEXT("x"), block, &err), DEVID_E_DATA);
    assert_queue_is_empty();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pkcs1_goes_round_at_every_length),
        cmocka_unit_test(oaep_goes_round_with_any_hash_and_label),
        cmocka_unit_test(openssl_reads_what_was_encrypted),
        cmocka_unit_test(a_block_of_type_2_is_taken_only_if_every_rule_is_kept),
        cmocka_unit_test(a_wrong_block_gives_what_stands_in_for_it),
        cmocka_unit_test(what_stands_in_is_of_any_length_and_always_the_same),
        cmocka_unit_test(an_oaep_block_with_one_wrong_byte_is_refused),
        cmocka_unit_test(what_does_not_fit_is_refused_with_the_length_that_does),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
