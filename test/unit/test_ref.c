/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/ref.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/keyfile.h"
#include "unit/soft.h"

static const char uri[] = "pkcs11:token=owner;object=azure:ldevid;type=private";

static struct devid_bytes example(EVP_PKEY *key)
{
    struct devid_bytes der = {0}, spki = key != NULL ? soft_spki(key) : (struct devid_bytes){0};
    struct devid_ref ref = {{(unsigned char *)(uintptr_t)uri, sizeof uri - 1}, spki};

    assert_int_equal(devid_ref_write_der(&ref, &der, NULL), DEVID_OK);
    devid_bytes_free(&spki);
    return der;
}

static void a_reference_comes_back_as_written(void **state)
{
    EVP_PKEY *key = soft_key("P-256");

    (void)state;
    for (int with_key = 0; with_key < 2; with_key++) {
        struct devid_bytes der = example(with_key ? key : NULL), spki = soft_spki(key);
        struct devid_ref ref = {0};

        assert_int_equal(devid_ref_read_der(devid_slice_of(der), &ref, NULL), DEVID_OK);
        assert_string_equal((char *)ref.uri.data, uri);
        assert_int_equal(ref.spki.len, with_key ? spki.len : 0);
        if (with_key)
            assert_memory_equal(ref.spki.data, spki.data, spki.len);
        devid_ref_free(&ref);
        devid_bytes_free(&der);
        devid_bytes_free(&spki);
    }
    EVP_PKEY_free(key);
}

static void a_reference_cut_anywhere_or_with_more_behind_is_refused(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_bytes der = example(key);
    struct devid_ref ref = {0};

    (void)state;
    for (size_t len = 0; len < der.len; len++) {
        unsigned char *cut = malloc(len + 1);

        memcpy(cut, der.data, len);
        assert_int_equal(devid_ref_read_der((struct devid_slice){cut, len}, &ref, NULL), DEVID_E_DATA);
        free(cut);
    }
    assert_int_equal(devid_bytes_append(&der, TEXT("x"), NULL), DEVID_OK);
    assert_int_equal(devid_ref_read_der(devid_slice_of(der), &ref, NULL), DEVID_E_DATA);
    assert_null(ref.uri.data);
    devid_bytes_free(&der);
    EVP_PKEY_free(key);
}

static void fields_of_later_versions_are_passed_over(void **state)
{
    static const struct {
        devid_rc rc;
        unsigned char der[24];
    } cases[] = {
        {DEVID_OK, {0x30, 6, 2, 1, 0, 0x0c, 1, 'x'}},
        {DEVID_OK, {0x30, 8, 2, 1, 0, 0x0c, 1, 'x', 0x80, 0}},             /* no key, and a later field */
        {DEVID_OK, {0x30, 12, 2, 1, 0, 0x0c, 1, 'x', 0x30, 0, 0xa0, 0, 5, 0}},
        {DEVID_E_DATA, {0x30, 6, 2, 1, 1, 0x0c, 1, 'x'}},                  /* version 1 */
        {DEVID_E_DATA, {0x30, 6, 2, 1, 0xff, 0x0c, 1, 'x'}},
        {DEVID_E_DATA, {0x30, 7, 2, 2, 0, 0, 0x0c, 1, 'x'}},
        {DEVID_E_DATA, {0x30, 5, 2, 1, 0, 0x0c, 0}},                       /* no URI */
        {DEVID_E_DATA, {0x30, 6, 2, 1, 0, 0x13, 1, 'x'}},                  /* another string type */
        {DEVID_E_DATA, {0x30, 6, 2, 1, 0, 0x0c, 1, 0}},                    /* NUL */
        {DEVID_E_DATA, {0x30, 6, 2, 1, 0, 0x0c, 1, '\n'}},
        {DEVID_E_DATA, {0x30, 6, 2, 1, 0, 0x0c, 1, 0x7f}},
        {DEVID_E_DATA, {0x30, 7, 2, 1, 0, 0x0c, 2, 0xc2, 0x9b}},           /* CSI, as one C1 character */
        {DEVID_E_DATA, {0x30, 6, 2, 1, 0, 0x0c, 1, 0xc3}},                 /* no UTF-8 */
        {DEVID_E_DATA, {0x30, 7, 2, 1, 0, 0x0c, 1, 'x', 0x80}},            /* half a field */
        {DEVID_E_DATA, {0x30, 0x80, 2, 1, 0, 0x0c, 1, 'x', 0, 0}},         /* BER's indefinite length */
        {DEVID_E_DATA, {0x30, 0x81, 6, 2, 1, 0, 0x0c, 1, 'x'}},            /* not the shortest length */
        {DEVID_E_DATA, {0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 0}},
        {DEVID_E_DATA, {0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 6, 2, 1, 0, 0x0c, 1, 'x'}},
        {DEVID_E_DATA, {0x3f, 6, 2, 1, 0, 0x0c, 1, 'x'}},                  /* a tag of several bytes */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = sizeof cases[i].der;
        struct devid_ref ref = {0};

        while (len > 1 && cases[i].der[len - 1] == 0)
            len--; /* to what is written above, but for zeros that belong to it */
        if ((cases[i].der[1] & 0x80) == 0)
            len = cases[i].der[1] + 2U;
        if (devid_ref_read_der((struct devid_slice){cases[i].der, len}, &ref, NULL) != cases[i].rc)
            fail_msg("case %zu", i);
        devid_ref_free(&ref);
    }
}

static void a_uri_has_a_limit_and_no_control_characters(void **state)
{
    unsigned char text[1025];
    struct devid_ref ref = {.uri = {text, 1024}}, back = {0};
    struct devid_bytes der = {0};

    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(devid_ref_write_der(&ref, &der, NULL), DEVID_OK);
    assert_int_equal(devid_ref_read_der(devid_slice_of(der), &back, NULL), DEVID_OK);
    assert_int_equal(back.uri.len, 1024);
    devid_ref_free(&back);
    devid_bytes_free(&der);
    ref.uri.len = 1025;
    assert_int_equal(devid_ref_write_der(&ref, &der, NULL), DEVID_E_DATA);
    ref.uri.len = 0;
    assert_int_equal(devid_ref_write_der(&ref, &der, NULL), DEVID_E_DATA);
    ref.uri.len = 10;
    text[5] = '\r';
    assert_int_equal(devid_ref_write_der(&ref, &der, NULL), DEVID_E_DATA);
    text[5] = 'x';
    ref.spki = (struct devid_bytes){text, 10};
    assert_int_equal(devid_ref_write_der(&ref, &der, NULL), DEVID_E_DATA);
    assert_null(der.data);
}

/* haproxy keeps certificates before the key, mosquitto text between, Windows ends lines with CR LF. */
static void a_block_is_found_among_others(void **state)
{
    static const char file[] = "Subject: somebody\n-----BEGIN CERTIFICATE-----\n****\n-----END CERTIFICATE-----\n"
                               "-----BEGIN A-----\r\nAQID\r\n-----END A-----\r\n"
                               " -----BEGIN A-----\nBBBB\n-----END A-----\n"
                               "-----BEGIN AB-----\nBAUG\n-----END AB-----\n"
                               "-----BEGIN A-----\nBwgJ\n-----END A-----";
    struct devid_bytes der = {0};

    (void)state;
    assert_int_equal(devid_pem_find(TEXT(file), "A", 0, &der, NULL), DEVID_OK);
    assert_true(devid_slice_eq(devid_slice_of(der), TEXT("\1\2\3")));
    devid_bytes_free(&der);
    assert_int_equal(devid_pem_find(TEXT(file), "A", 1, &der, NULL), DEVID_OK); /* the indented one is text */
    assert_true(devid_slice_eq(devid_slice_of(der), TEXT("\7\10\11")));
    devid_bytes_free(&der);
    assert_int_equal(devid_pem_find(TEXT(file), "A", 2, &der, NULL), DEVID_E_ABSENT);
    assert_int_equal(devid_pem_find(TEXT(file), "AB", 0, &der, NULL), DEVID_OK);
    devid_bytes_free(&der);
    assert_int_equal(devid_pem_find(TEXT(file), "B", 0, &der, NULL), DEVID_E_ABSENT);
    assert_int_equal(devid_pem_find(TEXT(file), "CERTIFICATE", 0, &der, NULL), DEVID_E_DATA);
    assert_int_equal(devid_pem_find(TEXT(""), "A", 0, &der, NULL), DEVID_E_ABSENT);
    assert_null(der.data);
    assert_queue_is_empty();
}

static void a_broken_block_is_no_missing_one(void **state)
{
    static const char *const broken[] = {
        "-----BEGIN A-----\nAQID\n",                                           /* cut off */
        "-----BEGIN A-----\nAQ=D\n-----END A-----\n",                          /* no base64 */
        "-----BEGIN A-----\n-----END A-----\n",                                /* empty */
        "-----BEGIN A-----\nAQID\n-----END B-----\n",                          /* another's end */
        "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQID\n-----END A-----\n",
    };
    struct devid_bytes der = {0};

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct devid_slice file = {(const unsigned char *)broken[i], strlen(broken[i])};

        if (devid_pem_find(file, "A", 0, &der, NULL) != DEVID_E_DATA)
            fail_msg("case %zu", i);
        assert_null(der.data);
    }
    assert_queue_is_empty();
}

static void a_file_over_the_limit_is_refused(void **state)
{
    struct devid_slice file = {calloc(1, DEVID_PEM_MAX + 1), DEVID_PEM_MAX + 1};
    struct devid_bytes der = {0};

    (void)state;
    assert_int_equal(devid_pem_find(file, "A", 0, &der, NULL), DEVID_E_DATA);
    file.len--;
    assert_int_equal(devid_pem_find(file, "A", 0, &der, NULL), DEVID_E_ABSENT);
    free((void *)(uintptr_t)file.data);
}

static void what_is_appended_is_read_by_openssl_and_by_us(void **state)
{
    struct devid_bytes pem = {0}, der = {0};
    unsigned char data[200], *read = NULL;
    char *name = NULL, *header = NULL;
    long len = 0;
    BIO *in;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)i;
    assert_int_equal(devid_pem_append(&pem, DEVID_REF_LABEL, (struct devid_slice){data, 1}, NULL), DEVID_OK);
    assert_int_equal(devid_pem_append(&pem, DEVID_REF_LABEL, SLICE(data), NULL), DEVID_OK);
    assert_int_equal(devid_pem_find(devid_slice_of(pem), DEVID_REF_LABEL, 1, &der, NULL), DEVID_OK);
    assert_true(devid_slice_eq(devid_slice_of(der), SLICE(data)));

    in = BIO_new_mem_buf(pem.data, (int)pem.len);
    assert_int_equal(PEM_read_bio(in, &name, &header, &read, &len), 1);
    assert_string_equal(name, "DEVID KEY REFERENCE");
    assert_int_equal(len, 1);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(read);
    BIO_free(in);
    devid_bytes_free(&der);
    devid_bytes_free(&pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_comes_back_as_written),
        cmocka_unit_test(a_reference_cut_anywhere_or_with_more_behind_is_refused),
        cmocka_unit_test(fields_of_later_versions_are_passed_over),
        cmocka_unit_test(a_uri_has_a_limit_and_no_control_characters),
        cmocka_unit_test(a_block_is_found_among_others),
        cmocka_unit_test(a_broken_block_is_no_missing_one),
        cmocka_unit_test(a_file_over_the_limit_is_refused),
        cmocka_unit_test(what_is_appended_is_read_by_openssl_and_by_us),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
