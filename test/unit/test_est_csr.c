/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests and subjects. The keys are files: to this room a key is what a URI opens. */
#include "est_test.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "est/est.h"
#include "est/subject.h"
#include "est_pki.h"

/* The request, whose signature is good. */
static X509_REQ *make(const struct est_csr *request)
{
    struct devid_bytes der = {0};
    struct devid_error err = {0};
    const unsigned char *at;
    X509_REQ *req;

    assert_rc(DEVID_OK, est_csr_make(request, &der, &err), &err);
    at = der.data;
    req = d2i_X509_REQ(NULL, &at, (long)der.len);
    assert_non_null(req);
    assert_ptr_equal(at, der.data + der.len);
    assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
    devid_bytes_free(&der);
    return req;
}

static char *subject_text(const X509_NAME *name)
{
    BIO *mem = BIO_new(BIO_s_mem());
    char *data = NULL, *text;
    long len;

    assert_true(X509_NAME_print_ex(mem, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0);
    len = BIO_get_mem_data(mem, &data);
    text = strndup(data != NULL ? data : "", (size_t)len);
    BIO_free(mem);
    return text;
}

static void assert_subject(const char *text, const char *expected)
{
    struct devid_error err = {0};
    X509_NAME *name = NULL;
    char *seen;

    assert_rc(DEVID_OK, subject_parse(text, &name, &err), &err);
    seen = subject_text(name);
    assert_string_equal(seen, expected);
    free(seen);
    X509_NAME_free(name);
}

static void assert_no_subject(const char *text, const char *words)
{
    struct devid_error err = {0};
    X509_NAME *name = NULL;

    assert_rc(DEVID_E_ARG, subject_parse(text, &name, &err), &err);
    assert_says(&err, words);
    assert_null(name);
}

static void a_subject_keeps_its_order(void **state)
{
    (void)state;
    assert_subject("CN=gw-1,serialNumber=7,O=Example", "CN = gw-1, serialNumber = 7, O = Example");
    assert_subject("O=Example, CN = gw-1 ,2.5.4.5=7", "O = Example, CN = gw-1, serialNumber = 7");
    assert_subject("commonName=a,cn=b", "CN = a, CN = b");
    assert_subject("CN=a=b+c", "CN = \"a=b+c\""); /* the quotes are the printer's */
    assert_subject("", "");
    assert_subject("  ", "");
}

static void backslash_escapes(void **state)
{
    struct devid_error err = {0};
    X509_NAME *name = NULL;
    const ASN1_STRING *value;

    (void)state;
    assert_rc(DEVID_OK, subject_parse("CN=a\\,b\\\\c\\ ,O=M\\C3\\BCller \xc3\xa4", &name, &err), &err);
    value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, 0));
    assert_int_equal(ASN1_STRING_length(value), 6);
    assert_memory_equal(ASN1_STRING_get0_data(value), "a,b\\c ", 6);
    value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, 1));
    assert_int_equal(ASN1_STRING_type(value), V_ASN1_UTF8STRING);
    assert_memory_equal(ASN1_STRING_get0_data(value), "M\xc3\xbcller \xc3\xa4", 10);
    X509_NAME_free(name);
}

static void a_subject_that_cannot_be_read_is_refused_with_the_place(void **state)
{
    char long_cn[80] = "CN=";

    (void)state;
    memset(long_cn + 3, 'x', 65);
    assert_no_subject("gw-1", "expected at character 1");
    assert_no_subject("CN=a,O", "expected at character 6");
    assert_no_subject("CN=a,,O=b", "expected at character 6");
    assert_no_subject("CN=a,=b", "at character 6");
    assert_no_subject("CN=a,", "nothing follows its last ','");
    assert_no_subject("CN=a\\", "nothing follows the '\\'");
    assert_no_subject("CN=,O=b", "CN has no value");
    assert_no_subject("CN=a,nonsense=b", "no attribute is called nonsense (at character 6)");
    assert_no_subject("C=Germany", "C cannot have this value");
    assert_no_subject("CN=\xff\xfe", "CN cannot have this value");
    assert_no_subject(long_cn, "CN cannot have this value");
}

static X509_EXTENSION *extension_of(const STACK_OF(X509_EXTENSION) *list, int nid)
{
    int at = X509v3_get_ext_by_NID(list, nid, -1);

    return sk_X509_EXTENSION_value(list, at); /* NULL where there is none */
}

static void assert_extension(STACK_OF(X509_EXTENSION) *list, int nid, bool is_critical, const char *text)
{
    X509_EXTENSION *extension = extension_of(list, nid);
    BIO *mem = BIO_new(BIO_s_mem());
    char seen[128] = "";

    assert_non_null(extension);
    assert_int_equal(X509_EXTENSION_get_critical(extension), is_critical);
    assert_int_equal(X509V3_EXT_print(mem, extension, 0, 0), 1);
    (void)BIO_read(mem, seen, sizeof seen - 1);
    assert_string_equal(seen, text);
    BIO_free(mem);
}

static void each_usage_asks_for_its_extensions(void **state)
{
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec, .subject = "CN=gw-1", .usage = EST_USAGE_CLIENT};
    X509_REQ *req = make(&request);
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(req);

    assert_int_equal(sk_X509_EXTENSION_num(list), 2);
    assert_extension(list, NID_key_usage, true, "Digital Signature");
    assert_extension(list, NID_ext_key_usage, false, "TLS Web Client Authentication");
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(req);

    request.usage = EST_USAGE_CA;
    req = make(&request);
    list = X509_REQ_get_extensions(req);
    assert_int_equal(sk_X509_EXTENSION_num(list), 2);
    assert_extension(list, NID_basic_constraints, true, "CA:TRUE, pathlen:0");
    assert_extension(list, NID_key_usage, true, "Digital Signature, Certificate Sign");
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(req);

    request.usage = EST_USAGE_DEVID;
    req = make(&request);
    list = X509_REQ_get_extensions(req);
    assert_int_equal(sk_X509_EXTENSION_num(list), 1);
    assert_extension(list, NID_key_usage, true, "Digital Signature");
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(req);
}

/* TCG: otherName 1.3.6.1.5.5.7.8.4 of SEQUENCE { 2.23.133.1.2, OCTET STRING }. */
static void the_hardware_serial_is_a_hardware_module_name(void **state)
{
    static const unsigned char expected[] = {0x30, 0x1d, 0xa0, 0x1b, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05,
                                             0x07, 0x08, 0x04, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x05, 0x67, 0x81,
                                             0x05, 0x01, 0x02, 0x04, 0x04, 'S',  'N',  '-',  '1'};
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec, .subject = "CN=a", .usage = EST_USAGE_DEVID, .hw_serial = "SN-1"};

    for (int i = 0; i < 2; i++) {
        X509_REQ *req = make(&request);
        STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(req);
        X509_EXTENSION *san = extension_of(list, NID_subject_alt_name);

        assert_non_null(san);
        assert_int_equal(X509_EXTENSION_get_critical(san), i); /* critical beside an empty subject */
        assert_int_equal(ASN1_STRING_length(X509_EXTENSION_get_data(san)), sizeof expected);
        assert_memory_equal(ASN1_STRING_get0_data(X509_EXTENSION_get_data(san)), expected, sizeof expected);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        X509_REQ_free(req);
        request.subject = "";
    }
}

static void a_long_hardware_serial_fits_and_a_longer_is_refused(void **state)
{
    char serial[257] = "";
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec, .subject = "CN=a", .usage = EST_USAGE_DEVID, .hw_serial = serial};
    struct devid_bytes der = {0};
    struct devid_error err = {0};

    memset(serial, 'x', 255);
    X509_REQ_free(make(&request));
    serial[255] = 'x';
    assert_rc(DEVID_E_ARG, est_csr_make(&request, &der, &err), &err);
    serial[0] = 0;
    assert_rc(DEVID_E_ARG, est_csr_make(&request, &der, &err), &err);
}

/* RFC 7030 section 4.2.2: a CA compares the bytes, so another type of string would be another name. */
static void a_renewal_has_subject_and_names_of_the_old_certificate_byte_for_byte(void **state)
{
    struct pki_keys *w = *state;
    struct pki_wish wish = {.cn = "replaced", .san = "critical,DNS:gw-1.example,otherName:1.2.3;UTF8:x", .eku = "clientAuth"};
    EVP_PKEY *ca_key = pki_key("P-256"), *old_key = pki_key("P-256");
    X509 *old = pki_cert(&wish, old_key, NULL, NULL);
    struct est_csr request = {.key_uri = w->ec384, .subject = "CN=another", .usage = EST_USAGE_CA, .hw_serial = "SN-2"};
    X509_NAME *name = X509_NAME_new();
    unsigned char *expected = NULL, *seen = NULL, *der = NULL;
    STACK_OF(X509_EXTENSION) *list;
    X509_EXTENSION *san, *old_san;
    X509_REQ *req;
    int len;

    /* a name as no one writes it today */
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", V_ASN1_T61STRING, (const unsigned char *)"B\xfcro", 4, -1, 0), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_BMPSTRING, (const unsigned char *)"\0g\0w", 4, -1, 0), 1);
    assert_int_equal(X509_set_subject_name(old, name), 1);
    assert_true(X509_sign(old, ca_key, EVP_sha256()) > 0);
    len = i2d_X509(old, &der);
    request.as_cert = (struct devid_slice){der, (size_t)len};
    req = make(&request);
    len = i2d_X509_NAME(name, &expected);
    assert_int_equal(i2d_X509_NAME(X509_REQ_get_subject_name(req), &seen), len);
    assert_memory_equal(seen, expected, (size_t)len);
    list = X509_REQ_get_extensions(req);
    assert_int_equal(sk_X509_EXTENSION_num(list), 3);
    assert_extension(list, NID_basic_constraints, true, "CA:FALSE");
    assert_extension(list, NID_ext_key_usage, false, "TLS Web Client Authentication");
    san = extension_of(list, NID_subject_alt_name);
    old_san = extension_of(X509_get0_extensions(old), NID_subject_alt_name);
    assert_int_equal(X509_EXTENSION_get_critical(san), 1);
    assert_int_equal(ASN1_STRING_cmp(X509_EXTENSION_get_data(san), X509_EXTENSION_get_data(old_san)), 0);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(req);
    X509_NAME_free(name);
    OPENSSL_free(expected);
    OPENSSL_free(seen);
    OPENSSL_free(der);
    X509_free(old);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(old_key);
}

static void what_is_no_certificate_cannot_be_renewed(void **state)
{
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec, .subject = "CN=a", .as_cert = slice_of("nonsense")};
    struct devid_bytes der = {0};
    struct devid_error err = {0};

    assert_rc(DEVID_E_DATA, est_csr_make(&request, &der, &err), &err);
    assert_says(&err, "to be renewed");
    assert_null(der.data);
}

static void the_digest_fits_the_key(void **state)
{
    struct pki_keys *w = *state;
    const struct {
        const char *uri;
        int nid;
    } cases[] = {{w->ec, NID_ecdsa_with_SHA256}, {w->ec384, NID_ecdsa_with_SHA384}, {w->rsa, NID_sha256WithRSAEncryption}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct est_csr request = {.key_uri = cases[i].uri, .subject = "CN=gw-1", .usage = EST_USAGE_CLIENT};
        X509_REQ *req = make(&request);

        assert_int_equal(X509_REQ_get_signature_nid(req), cases[i].nid);
        X509_REQ_free(req);
    }
}

static void a_key_that_is_not_there_is_named(void **state)
{
    struct est_csr request = {.key_uri = "file:/nonexistent/key.pem", .subject = "CN=a", .usage = EST_USAGE_CLIENT};
    struct devid_bytes der = {0};
    struct devid_error err = {0};

    (void)state;
    assert_rc(DEVID_E_KEY, est_csr_make(&request, &der, &err), &err);
    assert_says(&err, "file:/nonexistent/key.pem");
    request.key_uri = "pkcs11:object=x?pin-value=12345678";
    assert_rc(DEVID_E_KEY, est_csr_make(&request, &der, &err), &err);
    assert_says(&err, "pkcs11:object=x");
    assert_silent_about(&err, "12345678");
    assert_null(der.data);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subject_keeps_its_order),
        cmocka_unit_test(backslash_escapes),
        cmocka_unit_test(a_subject_that_cannot_be_read_is_refused_with_the_place),
        cmocka_unit_test(each_usage_asks_for_its_extensions),
        cmocka_unit_test(the_hardware_serial_is_a_hardware_module_name),
        cmocka_unit_test(a_long_hardware_serial_fits_and_a_longer_is_refused),
        cmocka_unit_test(a_renewal_has_subject_and_names_of_the_old_certificate_byte_for_byte),
        cmocka_unit_test(what_is_no_certificate_cannot_be_renewed),
        cmocka_unit_test(the_digest_fits_the_key),
        cmocka_unit_test(a_key_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests_name("est/csr", tests, pki_keys_make, pki_keys_remove);
}
