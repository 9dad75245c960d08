/* SPDX-License-Identifier: BSD-2-Clause */
/* Base64 and certs-only PKCS#7 as servers really send them. RFC 7030 section 4, RFC 8951. */
#include "est_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "est/message.h"
#include "est_pki.h"

#define P7 "application/pkcs7-mime; smime-type=certs-only"

struct world {
    struct pki pki;
    struct devid_bytes p7;   /* of both certificates, DER */
    struct devid_bytes text; /* the same in base64 */
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    pki_new(&w->pki, "message");
    w->p7 = pki_p7(w->pki.ca, w->pki.root, NULL);
    *state = w;
    return message_base64_encode(devid_slice_of(w->p7), &w->text, NULL) == DEVID_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    pki_free(&w->pki);
    devid_bytes_free(&w->p7);
    devid_bytes_free(&w->text);
    free(w);
    return 0;
}

static void assert_two_certs(const struct world *w, const char *type, struct devid_slice body)
{
    struct devid_error err = {0};
    STACK_OF(X509) *certs = NULL;

    assert_rc(DEVID_OK, message_certs(type, body, &certs, &err), &err);
    assert_int_equal(sk_X509_num(certs), 2);
    assert_int_equal(X509_cmp(sk_X509_value(certs, 0), w->pki.ca), 0);
    message_certs_free(certs);
}

static void assert_no_certs(const char *type, struct devid_slice body, const char *words)
{
    struct devid_error err = {0};
    STACK_OF(X509) *certs = NULL;

    assert_rc(DEVID_E_DATA, message_certs(type, body, &certs, &err), &err);
    assert_says(&err, words);
    assert_null(certs);
}

/* The text with another line length and line end; width 0: one line. */
static struct devid_bytes rewrapped(const struct world *w, size_t width, const char *line_end)
{
    struct devid_bytes out = {0};
    size_t column = 0;

    for (size_t i = 0; i < w->text.len; i++) {
        if (w->text.data[i] == '\n')
            continue;
        assert_int_equal(devid_bytes_append(&out, (struct devid_slice){w->text.data + i, 1}, NULL), DEVID_OK);
        if (width != 0 && ++column % width == 0)
            assert_int_equal(devid_bytes_append(&out, slice_of(line_end), NULL), DEVID_OK);
    }
    return out;
}

static void base64_goes_out_in_lines_of_64(void **state)
{
    struct world *w = *state;
    const char *line = (const char *)w->text.data;

    assert_int_equal(w->text.data[w->text.len - 1], '\n');
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        assert_true(end - line == 64 || (end[1] == 0 && end - line < 64 && end > line));
}

static void rfc_4648_vectors_go_both_ways(void **state)
{
    static const char *const vectors[][2] = {{"f", "Zg==\n"},       {"fo", "Zm8=\n"},         {"foo", "Zm9v\n"},
                                             {"foob", "Zm9vYg==\n"}, {"fooba", "Zm9vYmE=\n"}, {"foobar", "Zm9vYmFy\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct devid_bytes text = {0}, back = {0};
        struct devid_error err = {0};

        assert_rc(DEVID_OK, message_base64_encode(slice_of(vectors[i][0]), &text, &err), &err);
        assert_string_equal((char *)text.data, vectors[i][1]);
        assert_rc(DEVID_OK, message_der(devid_slice_of(text), &back, &err), &err);
        assert_true(devid_slice_eq(devid_slice_of(back), slice_of(vectors[i][0])));
        devid_bytes_free(&text);
        devid_bytes_free(&back);
    }
}

/* 76 characters and CRLF is what the CA of the project's mission sends; OpenXPKI sends one line. */
static void any_line_length_and_line_end_is_read(void **state)
{
    static const struct {
        size_t width;
        const char *line_end;
    } cases[] = {{76, "\r\n"}, {64, "\n"}, {0, ""}, {1, " \t\r\n"}, {76, "\r"}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct devid_bytes text = rewrapped(w, cases[i].width, cases[i].line_end);

        assert_two_certs(w, P7, devid_slice_of(text));
        devid_bytes_free(&text);
    }
}

static void pem_and_bare_der_are_read_too(void **state)
{
    struct world *w = *state;
    char *pem = NULL;

    assert_true(asprintf(&pem, "-----BEGIN PKCS7-----\r\n%s-----END PKCS7-----\r\n", (char *)w->text.data) > 0);
    assert_two_certs(w, P7, slice_of(pem));
    assert_two_certs(w, P7, devid_slice_of(w->p7));
    free(pem);
}

static void content_type_may_be_spelled_in_many_ways(void **state)
{
    static const char *const types[] = {"application/pkcs7-mime", "Application/PKCS7-MIME;smime-type=CERTS-ONLY",
                                        "application/pkcs7-mime ; foo=bar", "application/x-pkcs7-mime"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        assert_two_certs(w, types[i], devid_slice_of(w->text));
}

static void what_is_no_answer_is_named(void **state)
{
    struct world *w = *state;

    assert_no_certs("text/html", slice_of("<p>hello"), "an HTML page");
    assert_no_certs(P7, slice_of(" \r\n<!DOCTYPE html>"), "an HTML page");
    assert_no_certs(P7, slice_of("<HTML>"), "an HTML page");
    assert_no_certs(P7, slice_of(" \r\n"), "no content");
    assert_no_certs(P7, slice_of(""), "no content");
    assert_no_certs("application/json", slice_of("{}"), "application/json instead of");
    assert_no_certs("application/pkcs7-mimes", devid_slice_of(w->text), "instead of");
    assert_no_certs(NULL, devid_slice_of(w->text), "no Content-Type");
}

static void malformed_base64_is_refused(void **state)
{
    static const char *const bodies[] = {"AAA", "A", "AA=A", "AAA==", "A===", "====", "AA==AA==", "MI*I", "AAAA\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_no_certs(P7, slice_of(bodies[i]), "base64 is malformed");
}

static void every_truncation_is_refused(void **state)
{
    struct world *w = *state;

    for (size_t len = 3; len < w->p7.len; len++) {
        STACK_OF(X509) *certs = NULL;

        assert_int_equal(message_certs(P7, (struct devid_slice){w->p7.data, len}, &certs, NULL), DEVID_E_DATA);
    }
}

static void trailing_bytes_and_other_messages_are_refused(void **state)
{
    static const unsigned char data[] = {0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01,
                                         0xa0, 0x80, 0x04, 0x01, 'x',  0,    0,    0,    0};
    struct world *w = *state;
    struct devid_bytes longer = {0}, none = pki_p7(NULL, NULL, NULL), text = {0};

    assert_int_equal(devid_bytes_copy(devid_slice_of(w->p7), &longer, NULL), DEVID_OK);
    assert_int_equal(devid_bytes_append(&longer, slice_of("x"), NULL), DEVID_OK);
    assert_no_certs(P7, devid_slice_of(longer), "no PKCS#7");
    assert_no_certs(P7, (struct devid_slice){data, sizeof data}, "another kind of PKCS#7");
    assert_int_equal(message_base64_encode(devid_slice_of(none), &text, NULL), DEVID_OK);
    assert_no_certs(P7, devid_slice_of(text), "no certificate in it");
    devid_bytes_free(&longer);
    devid_bytes_free(&none);
    devid_bytes_free(&text);
}

/* Several chains, and revocation lists between them, as libest's own server sends. */
static void revocation_lists_in_an_answer_are_passed_over(void **state)
{
    struct world *w = *state;
    const unsigned char *at = w->p7.data;
    PKCS7 *p7 = d2i_PKCS7(NULL, &at, (long)w->p7.len);
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    struct devid_bytes text = {0};
    unsigned char *der = NULL;
    int len;

    assert_true(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 && X509_CRL_set1_lastUpdate(crl, now) == 1);
    assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(w->pki.root)), 1);
    assert_true(X509_CRL_sign(crl, w->pki.root_key, EVP_sha256()) > 0 && PKCS7_add_crl(p7, crl) == 1);
    len = i2d_PKCS7(p7, &der);
    assert_int_equal(message_base64_encode((struct devid_slice){der, (size_t)len}, &text, NULL), DEVID_OK);
    assert_two_certs(w, "application/pkcs7-mime", devid_slice_of(text));
    devid_bytes_free(&text);
    OPENSSL_free(der);
    ASN1_TIME_free(now);
    X509_CRL_free(crl);
    PKCS7_free(p7);
}

static void pem_of_certificates_goes_both_ways(void **state)
{
    struct world *w = *state;
    struct devid_bytes pem = pki_pem(w->pki.ca, w->pki.root), again = {0};
    STACK_OF(X509) *certs = NULL;
    struct devid_error err = {0};

    assert_rc(DEVID_OK, message_certs_of_pem(devid_slice_of(pem), &certs, &err), &err);
    assert_int_equal(sk_X509_num(certs), 2);
    assert_rc(DEVID_OK, message_certs_to_pem(certs, &again, &err), &err);
    assert_true(devid_slice_eq(devid_slice_of(pem), devid_slice_of(again)));
    message_certs_free(certs);

    certs = NULL;
    pem.data[60] = '*';
    assert_rc(DEVID_E_DATA, message_certs_of_pem(devid_slice_of(pem), &certs, &err), &err);
    assert_rc(DEVID_E_DATA, message_certs_of_pem(slice_of("hello"), &certs, &err), &err);
    assert_says(&err, "no certificate in it");
    assert_null(certs);
    devid_bytes_free(&pem);
    devid_bytes_free(&again);
}

/* libcrypto would ask on the terminal. */
static void an_encrypted_block_asks_no_one(void **state)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
                              "DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n"
                              "-----END CERTIFICATE-----\n";
    STACK_OF(X509) *certs = NULL;
    struct devid_error err = {0};

    (void)state;
    assert_rc(DEVID_E_DATA, message_certs_of_pem(slice_of(pem), &certs, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_goes_out_in_lines_of_64),
        cmocka_unit_test(rfc_4648_vectors_go_both_ways),
        cmocka_unit_test(any_line_length_and_line_end_is_read),
        cmocka_unit_test(pem_and_bare_der_are_read_too),
        cmocka_unit_test(content_type_may_be_spelled_in_many_ways),
        cmocka_unit_test(what_is_no_answer_is_named),
        cmocka_unit_test(malformed_base64_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(trailing_bytes_and_other_messages_are_refused),
        cmocka_unit_test(revocation_lists_in_an_answer_are_passed_over),
        cmocka_unit_test(pem_of_certificates_goes_both_ways),
        cmocka_unit_test(an_encrypted_block_asks_no_one),
    };

    return cmocka_run_group_tests_name("est/message", tests, set_up, tear_down);
}
