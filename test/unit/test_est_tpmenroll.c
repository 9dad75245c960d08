/* SPDX-License-Identifier: BSD-2-Clause */
/* What /tpmenroll sends, taken apart: multipart bodies, and EncryptedData in the engine's form and in that of the RFCs. */
#include "est_test.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/salt.h"
#include "est/cms.h"
#include "est/multipart.h"

#define TYPE "multipart/mixed; boundary=estTPMEnrollBoundary"
#define PLAIN "certificate DER goes here"

/* Recorded from the engine, key f0f1...ff. */
#define PSK "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define CONTENT_INFO "306e06092a864886f70d010706a061305f020100305a06092a864886f70d010701"
#define NONCE "101112131415161718191a1b"
#define TEXT "ee369e495aa4b0c8a2c28a1c72547af6767b5a3c7a62a960eeae8f7287ec4ed2c0da532551e4fad506"
#define ENGINES CONTENT_INFO "3020060960864801650304010610133011840c" NONCE "020110a02b0429" TEXT

static struct devid_bytes bytes(const char *hex)
{
    struct devid_bytes b = {0};

    assert_int_equal(devid_hex_decode(hex, &b, NULL), DEVID_OK);
    return b;
}

static devid_rc decrypt(struct devid_slice der, const char *key, struct devid_bytes *plain, struct devid_error *err)
{
    struct devid_bytes k = bytes(key);
    devid_rc rc = cms_decrypt(der, devid_slice_of(k), plain, err);

    devid_bytes_free(&k);
    return rc;
}

static void assert_opens(const char *hex, const char *key)
{
    struct devid_bytes der = bytes(hex), plain = {0};
    struct devid_error err = {0};

    assert_rc(DEVID_OK, decrypt(devid_slice_of(der), key, &plain, &err), &err);
    assert_true(devid_slice_eq(devid_slice_of(plain), devid_slice_text(PLAIN)));
    devid_bytes_free(&der);
    devid_bytes_free(&plain);
}

static void the_engines_own_form_is_opened(void **state)
{
    (void)state;
    assert_opens(ENGINES, PSK);
}

static void the_forms_of_the_rfcs_are_opened_too(void **state)
{
    (void)state;
    /* RFC 5084: one SEQUENCE, OCTET STRING */
    assert_opens("306c06092a864886f70d010706a05f305d020100305806092a864886f70d010701"
                 "301e060960864801650304010630" "11040c" NONCE "020110a02b0429" TEXT, PSK);
    /* RFC 5652: [0] IMPLICIT, primitive */
    assert_opens("306a06092a864886f70d010706a05d305b020100305606092a864886f70d010701"
                 "301e060960864801650304010630" "11040c" NONCE "0201108029" TEXT, PSK);
}

/* What OpenSSL writes, AES-CBC in both sizes; BIO_s_mem makes it in one piece, or streamed in several. */
static void what_openssl_encrypts_is_opened(void **state)
{
    static const char key[] = PSK PSK;
    struct devid_bytes k = bytes(key);

    (void)state;
    for (size_t len = 16; len <= 32; len += 16) {
        BIO *in = BIO_new_mem_buf(PLAIN, -1);
        CMS_ContentInfo *cms = CMS_EncryptedData_encrypt(in, len == 16 ? EVP_aes_128_cbc() : EVP_aes_256_cbc(), k.data, len,
                                                         CMS_BINARY);
        struct devid_bytes plain = {0};
        struct devid_error err = {0};
        unsigned char *der = NULL;
        int n;

        assert_non_null(cms);
        n = i2d_CMS_ContentInfo(cms, &der);
        assert_true(n > 0);
        assert_rc(DEVID_OK, cms_decrypt((struct devid_slice){der, (size_t)n}, (struct devid_slice){k.data, len}, &plain, &err), &err);
        assert_true(devid_slice_eq(devid_slice_of(plain), devid_slice_text(PLAIN)));
        devid_bytes_free(&plain);
        assert_rc(DEVID_E_DATA, cms_decrypt((struct devid_slice){der, (size_t)n}, (struct devid_slice){k.data, 48 - len}, &plain, &err), &err);
        OPENSSL_free(der);
        CMS_ContentInfo_free(cms);
        BIO_free(in);
    }
    devid_bytes_free(&k);
}

/* Every bit counts, but those between the engine's tags and the RFCs'. */
static void a_message_cut_off_or_changed_anywhere_is_refused(void **state)
{
    struct devid_bytes der = bytes(ENGINES), plain = {0};
    unsigned n_other_forms = 0;

    (void)state;
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(decrypt((struct devid_slice){der.data, len}, PSK, &plain, NULL), DEVID_E_DATA);
    for (size_t bit = 0; bit < 8 * der.len; bit++) {
        der.data[bit / 8] ^= (unsigned char)(1U << bit % 8);
        if (decrypt(devid_slice_of(der), PSK, &plain, NULL) == DEVID_OK) {
            n_other_forms++;
            assert_true(devid_slice_eq(devid_slice_of(plain), devid_slice_text(PLAIN)));
            devid_bytes_free(&plain);
        }
        der.data[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    assert_int_equal(n_other_forms, 2); /* 10 or 30, 84 or 04 */
    assert_int_equal(ERR_peek_error(), 0);
    devid_bytes_free(&der);
}

/* TPM 2.0 Library, Part 1, section 24: what the engine makes of a seed, by our own functions. */
static void credentials_are_made_as_the_engine_makes_them(void **state)
{
    struct devid_bytes seed = bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), mac = bytes(
        "43da415c6280d6e1a5038ab4fe234ba1fa7efe56a6865619a9970e411d5d785f"), identity = bytes("1e7ada02cc8fb5a8b67bc8c4ef216ecb46fe");
    struct devid_bytes sym = bytes("0415b32b6f43896a87e7b29be8f2ac14"), hmac_key = bytes("bacf689f634ece301e1f1b15b072d9c87db6a69585db42b1a0cb8f73ebe2692e");
    struct devid_bytes psk = bytes("0010" PSK);
    unsigned char name[34], key[16], hkey[32], got[32], iv[16] = {0};

    (void)state;
    memset(name, 0xaa, sizeof name);
    name[0] = 0x00;
    name[1] = 0x0b;
    assert_int_equal(devid_kdfa(devid_slice_of(seed), "STORAGE", (struct devid_slice){name, sizeof name}, (struct devid_slice){0}, key, 16, NULL), DEVID_OK);
    assert_memory_equal(key, sym.data, 16);
    assert_int_equal(devid_kdfa(devid_slice_of(seed), "INTEGRITY", (struct devid_slice){0}, (struct devid_slice){0}, hkey, 32, NULL), DEVID_OK);
    assert_memory_equal(hkey, hmac_key.data, 32);
    assert_int_equal(devid_cfb(key, iv, psk.data, psk.len, NULL), DEVID_OK);
    assert_true(devid_slice_eq(devid_slice_of(psk), devid_slice_of(identity)));
    assert_int_equal(devid_hmac((struct devid_slice){hkey, 32}, (const struct devid_slice[]){devid_slice_of(identity), {name, sizeof name}}, 2, got, NULL), DEVID_OK);
    assert_memory_equal(got, mac.data, 32);
    devid_bytes_free(&seed);
    devid_bytes_free(&mac);
    devid_bytes_free(&identity);
    devid_bytes_free(&sym);
    devid_bytes_free(&hmac_key);
    devid_bytes_free(&psk);
}

static void a_reply_of_three_parts_is_read(void **state)
{
    static const char *const bodies[] = {
        "--estTPMEnrollBoundary\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
        "--estTPMEnrollBoundary\r\nContent-Type: application/octet-stream\r\n\r\nAw\r\n==\r\n"
        "--estTPMEnrollBoundary\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nBAU=\r\n"
        "--estTPMEnrollBoundary--\r\n",
        "preamble\n--estTPMEnrollBoundary \ncontent-type:\tapplication/octet-stream\n\nAAEC\n--estTPMEnrollBoundary\n\nAw==\n"
        "--estTPMEnrollBoundary\n\nBAU=\n--estTPMEnrollBoundary--",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct multipart m;
        struct devid_error err = {0};

        assert_rc(DEVID_OK, multipart_read(i == 0 ? TYPE : "Multipart/Mixed; charset=x; boundary=\"estTPMEnrollBoundary\"",
                                           devid_slice_text(bodies[i]), &m, &err), &err);
        assert_int_equal(m.n, 3);
        assert_string_equal(m.parts[0].type, "application/octet-stream");
        assert_true(m.parts[0].content.len == 3 && memcmp(m.parts[0].content.data, "\0\1\2", 3) == 0);
        assert_true(m.parts[1].content.len == 1 && m.parts[1].content.data[0] == 3);
        assert_true(m.parts[2].content.len == 2);
        multipart_free(&m);
    }
}

static void what_is_written_is_read_again(void **state)
{
    struct devid_bytes body = {0};
    struct multipart m;
    struct devid_error err = {0};

    (void)state;
    assert_int_equal(multipart_add(&body, "application/pkcs10", devid_slice_text("one"), NULL), DEVID_OK);
    assert_int_equal(multipart_add(&body, "application/octet-stream", devid_slice_text("two"), NULL), DEVID_OK);
    assert_int_equal(multipart_end(&body, NULL), DEVID_OK);
    assert_rc(DEVID_OK, multipart_read("multipart/mixed; boundary=" MULTIPART_BOUNDARY, devid_slice_of(body), &m, &err), &err);
    assert_int_equal(m.n, 2);
    assert_string_equal(m.parts[0].type, "application/pkcs10");
    assert_true(devid_slice_eq(devid_slice_of(m.parts[1].content), devid_slice_text("two")));
    multipart_free(&m);
    devid_bytes_free(&body);
}

static void what_is_no_such_body_is_told(void **state)
{
    static const struct {
        const char *type, *body, *words;
    } cases[] = {
        {NULL, "x", "no Content-Type instead of multipart/mixed"},
        {"text/html", "<html>", "text/html instead of multipart/mixed"},
        {"multipart/mixed", "--x\r\n", "instead of multipart/mixed with a boundary"},
        {"multipart/mixed; boundary=", "--x\r\n", "with a boundary"},
        {TYPE, "", "no parts"},
        {TYPE, "--estTPMEnrollBoundary--", "no parts"},
        {TYPE, "--estTPMEnrollBoundary\n\nAAEC\n", "part 1 has no end"},
        {TYPE, "--estTPMEnrollBoundary\n\nA!EC\n--estTPMEnrollBoundary--", "base64 is malformed"},
        {TYPE, "--estTPMEnrollBoundary\n\nAA==\n--estTPMEnrollBoundary\n\nAA==\n--estTPMEnrollBoundary\n\nAA==\n"
               "--estTPMEnrollBoundary\n\nAA==\n--estTPMEnrollBoundary\n\nAA==\n--estTPMEnrollBoundary\n\nAA==\n"
               "--estTPMEnrollBoundary\n\nAA==\n--estTPMEnrollBoundary\n\nAA==\n--estTPMEnrollBoundary\n\nAA==\n"
               "--estTPMEnrollBoundary--", "more than 8 parts"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct multipart m;
        struct devid_error err = {0};

        assert_rc(DEVID_E_DATA, multipart_read(cases[i].type, devid_slice_text(cases[i].body), &m, &err), &err);
        assert_says(&err, cases[i].words);
        multipart_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engines_own_form_is_opened),
        cmocka_unit_test(the_forms_of_the_rfcs_are_opened_too),
        cmocka_unit_test(what_openssl_encrypts_is_opened),
        cmocka_unit_test(a_message_cut_off_or_changed_anywhere_is_refused),
        cmocka_unit_test(credentials_are_made_as_the_engine_makes_them),
        cmocka_unit_test(a_reply_of_three_parts_is_read),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_is_no_such_body_is_told),
    };

    return cmocka_run_group_tests_name("tpmenroll", tests, NULL, NULL);
}
