/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/cert.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "unit/soft.h"

static const char never[] = "99991231235959Z";

static bool lies_in(struct devid_slice part, struct devid_bytes whole)
{
    return part.data >= whole.data && part.data + part.len <= whole.data + whole.len;
}

/* Name, DER: one commonName of that string type. */
static struct devid_bytes name_of(int nid, int type, const void *text, size_t len)
{
    X509_NAME *name = X509_NAME_new();
    unsigned char *der = NULL;
    struct devid_bytes out = {0};
    int der_len;

    assert_int_equal(X509_NAME_add_entry_by_NID(name, nid, type, text, (int)len, -1, 0), 1);
    der_len = i2d_X509_NAME(name, &der);
    assert_true(der_len > 0);
    assert_int_equal(devid_bytes_copy((struct devid_slice){der, (size_t)der_len}, &out, NULL), DEVID_OK);
    OPENSSL_free(der);
    X509_NAME_free(name);
    return out;
}

static void fields_are_those_of_the_certificate_and_point_into_it(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_bytes der = soft_cert(key, "gw-1", never), spki = soft_spki(key), text = {0};
    struct devid_cert cert = {0};
    static const unsigned char serial[] = {0x02, 0x02, 0x12, 0x34};

    (void)state;
    assert_int_equal(devid_cert_parse(devid_slice_of(der), &cert, NULL), DEVID_OK);
    assert_true(devid_slice_eq(cert.serial, SLICE(serial)));
    assert_true(devid_slice_eq(cert.spki, devid_slice_of(spki)));
    assert_true(devid_slice_eq(cert.subject, cert.issuer));
    assert_ptr_equal(cert.der.data, der.data);
    assert_true(lies_in(cert.serial, der) && lies_in(cert.spki, der) && lies_in(cert.subject, der) &&
                lies_in(cert.issuer, der));
    assert_true(cert.issuer.data < cert.subject.data);
    assert_int_equal(cert.not_before, 1577836800);
    assert_int_equal(cert.not_after, DEVID_CERT_NEVER);
    assert_true(cert.is_ca);
    assert_int_equal(devid_cert_name_text(cert.subject, &text, NULL), DEVID_OK);
    assert_string_equal((char *)text.data, "CN=gw-1,O=Example");
    devid_bytes_free(&text);
    assert_int_equal(devid_cert_name_cn(cert.subject, &text, NULL), DEVID_OK);
    assert_string_equal((char *)text.data, "gw-1");
    devid_bytes_free(&text);
    assert_queue_is_empty();
    devid_bytes_free(&der);
    devid_bytes_free(&spki);
    EVP_PKEY_free(key);
}

static void a_certificate_cut_anywhere_or_with_more_behind_is_refused(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_bytes der = soft_cert(key, "gw-1", never);
    struct devid_cert cert = {0};

    (void)state;
    for (size_t len = 0; len < der.len; len++) {
        unsigned char *cut = malloc(len + 1);

        memcpy(cut, der.data, len);
        assert_int_equal(devid_cert_parse((struct devid_slice){cut, len}, &cert, NULL), DEVID_E_DATA);
        assert_int_equal(devid_der_len((struct devid_slice){cut, len}), 0);
        free(cut);
    }
    assert_int_equal(devid_der_len(devid_slice_of(der)), der.len);
    assert_int_equal(devid_bytes_append(&der, TEXT("\xff\xff"), NULL), DEVID_OK);
    assert_int_equal(devid_cert_parse(devid_slice_of(der), &cert, NULL), DEVID_E_DATA);
    assert_int_equal(devid_der_len(devid_slice_of(der)), der.len - 2); /* as NV pads it */
    assert_null(cert.der.data);
    assert_queue_is_empty();
    devid_bytes_free(&der);
    EVP_PKEY_free(key);
}

static void a_damaged_certificate_never_gives_fields_outside_of_it(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_bytes der = soft_cert(key, "gw-1", never), copy = {0};

    (void)state;
    assert_int_equal(devid_bytes_copy(devid_slice_of(der), &copy, NULL), DEVID_OK);
    for (size_t i = 0; i < der.len; i++)
        for (int bit = 0; bit < 8; bit += 7) {
            struct devid_cert cert = {0};
            struct devid_slice id;

            copy.data[i] ^= (unsigned char)(1 << bit);
            if (devid_cert_parse(devid_slice_of(copy), &cert, NULL) == DEVID_OK) {
                id = devid_cert_authority_key_id(&cert);
                assert_true(lies_in(cert.serial, copy) && lies_in(cert.spki, copy) && lies_in(cert.subject, copy) &&
                            lies_in(cert.issuer, copy) && (id.len == 0 || lies_in(id, copy)));
            }
            copy.data[i] ^= (unsigned char)(1 << bit);
        }
    assert_queue_is_empty();
    devid_bytes_free(&copy);
    devid_bytes_free(&der);
    EVP_PKEY_free(key);
}

static void times_before_and_after_2050_are_seconds(void **state)
{
    static const struct {
        const char *asn1;
        int64_t seconds;
        const char *text;
    } cases[] = {
        {"20261124100000Z", 1795514400, "2026-11-24 10:00:00Z"},
        {"20380119031408Z", INT64_C(2147483648), "2038-01-19 03:14:08Z"},
        {"20500101000000Z", INT64_C(2524608000), "2050-01-01 00:00:00Z"},
        {"99991231235958Z", INT64_C(253402300798), "9999-12-31 23:59:58Z"},
        {"99991231235959Z", INT64_C(253402300799), "never"},
    };
    EVP_PKEY *key = soft_key("P-256");
    char text[24];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct devid_bytes der = soft_cert(key, "x", cases[i].asn1);
        struct devid_cert cert = {0};

        assert_int_equal(devid_cert_parse(devid_slice_of(der), &cert, NULL), DEVID_OK);
        assert_int_equal(cert.not_after, cases[i].seconds);
        devid_cert_time_text(cert.not_after, text);
        assert_string_equal(text, cases[i].text);
        devid_bytes_free(&der);
    }
    devid_cert_time_text(0, text);
    assert_string_equal(text, "1970-01-01 00:00:00Z");
    devid_cert_time_text(INT64_MAX, text);
    assert_string_equal(text, "?");
    devid_cert_time_text(INT64_MIN, text);
    assert_true(strlen(text) < sizeof text);
    EVP_PKEY_free(key);
}

static void names_are_shown_as_utf8_and_steer_no_terminal(void **state)
{
    static const unsigned char bmp[] = {0x00, 'M', 0x00, 0xfc, 0x00, 'l', 0x00, 'l'};
    static const struct {
        int type;
        const void *text;
        size_t len;
        const char *whole, *cn;
    } cases[] = {
        {V_ASN1_UTF8STRING, "M\xc3\xbcll", 5, "CN=M\xc3\xbcll", "M\xc3\xbcll"},
        {V_ASN1_BMPSTRING, bmp, 8, "CN=M\xc3\xbcll", "M\xc3\xbcll"},
        {V_ASN1_T61STRING, "M\xfcll", 4, "CN=M\xc3\xbcll", "M\xc3\xbcll"},
        {V_ASN1_UTF8STRING, "a,b+c", 5, "CN=a\\,b\\+c", "a,b+c"},
        {V_ASN1_UTF8STRING, "a\nb\x1b[2J", 7, "CN=a\\0Ab\\1B[2J", "a\\0Ab\\1B[2J"},
        {V_ASN1_UTF8STRING, "a\0b", 3, "CN=a\\00b", "a\\00b"},
        {V_ASN1_UTF8STRING, "a\xc2\x9b" "2J\xc2\xa0\xc2", 7, NULL, NULL}, /* ends in the middle of a character */
        {V_ASN1_UTF8STRING, "\xc2\x9b" "2J\xc2\xa0", 6, "CN=\\C2\\9B2J\xc2\xa0", "\\C2\\9B2J\xc2\xa0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct devid_bytes name = name_of(NID_commonName, cases[i].type, cases[i].text, cases[i].len);
        struct devid_bytes whole = {0}, cn = {0};

        assert_int_equal(devid_cert_name_text(devid_slice_of(name), &whole, NULL), DEVID_OK);
        assert_int_equal(devid_cert_name_cn(devid_slice_of(name), &cn, NULL), DEVID_OK);
        if (cases[i].whole != NULL) {
            assert_string_equal((char *)whole.data, cases[i].whole);
            assert_string_equal((char *)cn.data, cases[i].cn);
        }
        for (size_t k = 0; k < whole.len; k++)
            assert_true(whole.data[k] >= 0x20 && whole.data[k] != 0x7f);
        assert_int_equal(strlen((char *)whole.data), whole.len);
        devid_bytes_free(&name);
        devid_bytes_free(&whole);
        devid_bytes_free(&cn);
    }
    assert_queue_is_empty();
}

static void a_name_without_cn_is_shown_whole_and_a_broken_one_refused(void **state)
{
    static const unsigned char empty[] = {0x30, 0x00}, behind[] = {0x30, 0x00, 0x00}, broken[] = {0x30, 0x02, 0x31, 0x05};
    struct devid_bytes name = name_of(NID_serialNumber, V_ASN1_PRINTABLESTRING, "42", 2), text = {0};

    (void)state;
    assert_int_equal(devid_cert_name_cn(devid_slice_of(name), &text, NULL), DEVID_OK);
    assert_string_equal((char *)text.data, "serialNumber=42");
    devid_bytes_free(&text);
    assert_int_equal(devid_cert_name_text(SLICE(empty), &text, NULL), DEVID_OK); /* an EK certificate has its name in an extension */
    assert_int_equal(text.len, 0);
    assert_string_equal((char *)text.data, "");
    devid_bytes_free(&text);
    assert_int_equal(devid_cert_name_text(SLICE(behind), &text, NULL), DEVID_E_DATA);
    assert_int_equal(devid_cert_name_text(SLICE(broken), &text, NULL), DEVID_E_DATA);
    assert_int_equal(devid_cert_name_text((struct devid_slice){0}, &text, NULL), DEVID_E_DATA);
    assert_queue_is_empty();
    devid_bytes_free(&name);
}

static void a_certificate_is_for_its_key_in_any_encoding(void **state)
{
    EVP_PKEY *key = soft_key("P-256"), *other = soft_key("P-256"), *rsa = soft_key("RSA");
    struct devid_bytes der = soft_cert(key, "x", never), own = soft_spki(key), others = soft_spki(other),
                       rsas = soft_spki(rsa), compressed;
    struct devid_cert cert = {0};

    (void)state;
    assert_int_equal(devid_cert_parse(devid_slice_of(der), &cert, NULL), DEVID_OK);
    assert_true(devid_cert_is_for(&cert, devid_slice_of(own)));
    assert_false(devid_cert_is_for(&cert, devid_slice_of(others)));
    assert_false(devid_cert_is_for(&cert, devid_slice_of(rsas)));
    assert_false(devid_cert_is_for(&cert, (struct devid_slice){0}));
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 1);
    compressed = soft_spki(key);
    assert_true(compressed.len < own.len);
    assert_true(devid_cert_is_for(&cert, devid_slice_of(compressed)));
    assert_queue_is_empty();
    devid_bytes_free(&compressed);
    devid_bytes_free(&der);
    devid_bytes_free(&own);
    devid_bytes_free(&others);
    devid_bytes_free(&rsas);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(rsa);
}

/* RFC 4055, 4.1: chip makers certify EKs with id-RSAES-OAEP as the key's algorithm, which OpenSSL does not read. */
static void a_certificate_of_an_oaep_key_is_for_the_rsa_key(void **state)
{
    EVP_PKEY *key = soft_key("RSA"), *other = soft_key("RSA");
    struct devid_bytes der = soft_cert(key, "ek", never), own = soft_spki(key), others = soft_spki(other);
    struct devid_cert cert = {0};
    unsigned char *oid;

    (void)state;
    oid = memmem(der.data, der.len, own.data, own.len); /* SEQUENCE { SEQUENCE { OID 9 bytes */
    assert_non_null(oid);
    assert_int_equal(oid[4 + 2 + 2 + 8], 0x01);
    oid[4 + 2 + 2 + 8] = 0x07;
    assert_int_equal(devid_cert_parse(devid_slice_of(der), &cert, NULL), DEVID_OK);
    assert_true(devid_cert_is_for(&cert, devid_slice_of(own)));
    assert_false(devid_cert_is_for(&cert, devid_slice_of(others)));
    assert_queue_is_empty();
    devid_bytes_free(&der);
    devid_bytes_free(&own);
    devid_bytes_free(&others);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* subjectKeyIdentifier of a root is its authorityKeyIdentifier: SHA-1 of the key's bits, RFC 5280, 4.2.1.2. */
static void the_authority_key_id_is_found(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_bytes der = soft_cert(key, "x", never);
    struct devid_cert cert = {0};
    struct devid_slice id, bits;
    unsigned char sha1[20];

    (void)state;
    assert_int_equal(devid_cert_parse(devid_slice_of(der), &cert, NULL), DEVID_OK);
    id = devid_cert_authority_key_id(&cert);
    assert_true(lies_in(id, der));
    bits = (struct devid_slice){cert.spki.data + cert.spki.len - 65, 65};
    assert_int_equal(devid_hash_once(DEVID_SHA1, bits, sha1, NULL), DEVID_OK);
    assert_true(devid_slice_eq(id, SLICE(sha1)));
    devid_bytes_free(&der);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_those_of_the_certificate_and_point_into_it),
        cmocka_unit_test(a_certificate_cut_anywhere_or_with_more_behind_is_refused),
        cmocka_unit_test(a_damaged_certificate_never_gives_fields_outside_of_it),
        cmocka_unit_test(times_before_and_after_2050_are_seconds),
        cmocka_unit_test(names_are_shown_as_utf8_and_steer_no_terminal),
        cmocka_unit_test(a_name_without_cn_is_shown_whole_and_a_broken_one_refused),
        cmocka_unit_test(a_certificate_is_for_its_key_in_any_encoding),
        cmocka_unit_test(a_certificate_of_an_oaep_key_is_for_the_rsa_key),
        cmocka_unit_test(the_authority_key_id_is_found),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
