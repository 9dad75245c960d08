/* SPDX-License-Identifier: BSD-2-Clause */
/* What a server wants to be in a request, and what becomes of it. RFC 8951 section 3, RFC 9908. The structures are written as openssl.cnf. */
#include "est_test.h"

#include <openssl/conf.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "est/csr.h"
#include "est/message.h"
#include "est/subject.h"
#include "est_pki.h"

/* DER of the section [a] of a configuration, a SEQUENCE. */
static struct devid_bytes der_of(const char *text)
{
    BIO *in = BIO_new_mem_buf(text, -1);
    CONF *conf = NCONF_new(NULL);
    struct devid_bytes out = {0};
    unsigned char *der = NULL;
    ASN1_TYPE *type;
    long line = 0;
    int len;

    assert_true(NCONF_load_bio(conf, in, &line) > 0);
    type = ASN1_generate_nconf("SEQUENCE:a", conf);
    assert_non_null(type);
    len = i2d_ASN1_TYPE(type, &der);
    assert_rc(DEVID_OK, devid_bytes_copy((struct devid_slice){der, (size_t)len}, &out, NULL), &(struct devid_error){0});
    OPENSSL_free(der);
    ASN1_TYPE_free(type);
    NCONF_free(conf);
    BIO_free(in);
    return out;
}

static struct attrs parsed(const char *text)
{
    struct devid_bytes der = der_of(text);
    struct devid_error err = {0};
    struct attrs attrs;

    assert_rc(DEVID_OK, attrs_parse(devid_slice_of(der), &attrs, &err), &err);
    devid_bytes_free(&der);
    return attrs;
}

static void assert_malformed(const char *text, const char *words)
{
    struct devid_bytes der = der_of(text);
    struct devid_error err = {0};
    struct attrs attrs;

    assert_rc(DEVID_E_DATA, attrs_parse(devid_slice_of(der), &attrs, &err), &err);
    assert_says(&err, words);
    attrs_free(&attrs);
    devid_bytes_free(&der);
}

static void assert_text(const struct attrs *attrs, const char *expected)
{
    struct devid_bytes text = {0};
    struct devid_error err = {0};

    assert_rc(DEVID_OK, attrs_text(attrs, &text, &err), &err);
    assert_string_equal((char *)text.data, expected);
    devid_bytes_free(&text);
}

/* A request made as the server wants it. */
static X509_REQ *made(const struct est_csr *request, const struct attrs *attrs, const char *challenge)
{
    struct devid_bytes der = {0};
    struct devid_error err = {0};
    const unsigned char *at;
    X509_REQ *req;

    assert_rc(DEVID_OK, csr_make(request, attrs, challenge, &der, &err), &err);
    at = der.data;
    req = d2i_X509_REQ(NULL, &at, (long)der.len);
    assert_non_null(req);
    assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
    devid_bytes_free(&der);
    return req;
}

static void assert_not_made(const struct est_csr *request, const struct attrs *attrs, devid_rc expected, const char *words)
{
    struct devid_bytes der = {0};
    struct devid_error err = {0};

    assert_rc(expected, csr_make(request, attrs, NULL, &der, &err), &err);
    assert_says(&err, words);
    assert_null(der.data);
}

static void assert_subject_is(X509_REQ *req, const char *expected)
{
    char text[256];

    assert_non_null(X509_NAME_oneline(X509_REQ_get_subject_name(req), text, sizeof text));
    assert_string_equal(text, expected);
}

/* The example of RFC 7030 section 4.5.2, which has an OID where an Extensions should be; GlobalSign's server sends just this. */
static void the_example_of_the_standard_is_read(void **state)
{
    static const char body[] = "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJ\r\nBgcrBgEBAQEWBggqhkjOPQQDAw==\r\n";
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec384, .subject = "CN=gw-1", .usage = EST_USAGE_CLIENT};
    struct devid_error err = {0};
    struct attrs attrs;
    X509_REQ *req;

    assert_rc(DEVID_OK, message_attrs("application/csrattrs", slice_of(body), &attrs, &err), &err);
    assert_text(&attrs, "a proof of possession: tls-unique as challengePassword\na key: ec-p384\na signature with SHA384\n");
    req = made(&request, &attrs, NULL);
    assert_int_equal(X509_REQ_get_signature_nid(req), NID_ecdsa_with_SHA384);
    X509_REQ_free(req);
    request.key_uri = w->ec;
    assert_not_made(&request, &attrs, DEVID_E_KEY, "takes a key of ec-p384, and this one is ec-p256");
    request.key_uri = w->rsa;
    assert_not_made(&request, &attrs, DEVID_E_KEY, "takes a key of ec-p384, and this one is rsa-2048");
    attrs_free(&attrs);
}

static void an_empty_list_asks_for_nothing(void **state)
{
    struct devid_error err = {0};
    struct attrs attrs;

    (void)state;
    assert_rc(DEVID_OK, message_attrs("application/csrattrs", slice_of("MAA=\r\n"), &attrs, &err), &err);
    assert_text(&attrs, "nothing in particular\n");
    attrs_free(&attrs);
}

/* Whatever it is: an OID, an attribute, something of a later standard. */
static void what_is_not_known_is_passed_over(void **state)
{
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec, .subject = "CN=gw-1", .usage = EST_USAGE_CLIENT};
    struct attrs attrs = parsed("[a]\na=OID:1.2.3.4\nb=SEQUENCE:b\nc=INTEGER:5\nd=UTF8:later\ne=OID:ED25519\nf=EXP:3,NULL\n"
                                "[b]\na=OID:1.2.3.5\nb=SET:c\n[c]\na=UTF8:x\nb=SEQUENCE:d\n[d]\na=NULL\n");

    assert_text(&attrs, "nothing in particular\n");
    X509_REQ_free(made(&request, &attrs, NULL));
    attrs_free(&attrs);
}

static void what_is_malformed_is_told(void **state)
{
    struct devid_error err = {0};
    struct devid_bytes der = {0};
    struct attrs attrs;

    (void)state;
    assert_rc(DEVID_E_DATA, message_attrs("application/csrattrs", slice_of("AAAA"), &attrs, &err), &err);
    assert_rc(DEVID_E_DATA, message_attrs("application/csrattrs", slice_of("MAABAA=="), &attrs, &err), &err);
    assert_rc(DEVID_E_DATA, message_attrs("text/html", slice_of("<html>"), &attrs, &err), &err);
    assert_says(&err, "HTML");
    assert_rc(DEVID_E_DATA, message_attrs("application/pkcs7-mime", slice_of("MAA="), &attrs, &err), &err);
    assert_says(&err, "instead of application/csrattrs");
    assert_rc(DEVID_E_DATA, message_attrs(NULL, slice_of("MAA="), &attrs, &err), &err);
    assert_says(&err, "no Content-Type");
    assert_malformed("[a]\na=SEQUENCE:b\n[b]\na=OID:1.2.3\n", "an attribute in it is malformed");
    assert_malformed("[a]\na=SEQUENCE:b\n[b]\na=INTEGER:1\nb=SET:c\n[c]\n", "an attribute in it is malformed");
    assert_malformed("[a]\na=SEQUENCE:b\n[b]\na=OID:extReq\nb=SET:c\n[c]\na=SEQUENCE:d\n[d]\na=INTEGER:1\n",
                     "the extensions that it asks for are malformed");
    assert_malformed("[a]\na=SEQUENCE:b\n[b]\na=OID:extReq\nb=SET:c\n[c]\na=SEQUENCE:d\nb=SEQUENCE:e\n[d]\n[e]\na=NULL\n",
                     "more than once");
    assert_malformed("[a]\na=SEQUENCE:b\n[b]\na=OID:1.2.840.113549.1.9.16.2.61\nb=SET:c\n[c]\na=SEQUENCE:d\n[d]\na=INTEGER:1\n",
                     "of a version that is not known");
    assert_malformed("[a]\na=SEQUENCE:b\n[b]\na=OID:1.2.840.113549.1.9.16.2.61\nb=SET:c\n[c]\na=SEQUENCE:d\n[d]\na=NULL\n",
                     "its template is malformed");
    /* more wishes than anyone has */
    der.len = 4 + 300 * 5;
    der.data = calloc(1, der.len);
    memcpy(der.data, "\x30\x82\x05\xdc", 4);
    for (size_t i = 0; i < 300; i++)
        memcpy(der.data + 4 + 5 * i, "\x06\x03\x2a\x03\x04", 5);
    assert_rc(DEVID_E_DATA, attrs_parse(devid_slice_of(der), &attrs, &err), &err);
    assert_says(&err, "more than 256");
    devid_bytes_free(&der);
}

static void any_of_several_key_types_will_do(void **state)
{
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec, .subject = "CN=gw-1", .usage = EST_USAGE_CLIENT};
    struct attrs attrs = parsed("[a]\na=SEQUENCE:b\nb=SEQUENCE:c\n[b]\na=OID:id-ecPublicKey\nb=SET:d\n[d]\na=OID:secp384r1\n"
                                "b=OID:secp521r1\n[c]\na=OID:rsaEncryption\nb=SET:e\n[e]\na=INTEGER:2048\nb=INTEGER:4096\n");

    assert_text(&attrs, "a key: ec-p384 or ec-p521 or rsa-2048 or rsa-4096\n");
    assert_not_made(&request, &attrs, DEVID_E_KEY, "ec-p384 or ec-p521 or rsa-2048 or rsa-4096, and this one is ec-p256");
    request.key_uri = w->ec384;
    X509_REQ_free(made(&request, &attrs, NULL));
    request.key_uri = w->rsa;
    X509_REQ_free(made(&request, &attrs, NULL));
    attrs_free(&attrs);

    attrs = parsed("[a]\na=OID:rsaEncryption\nb=OID:id-ecPublicKey\n"); /* mere names: any curve, any size */
    X509_REQ_free(made(&request, &attrs, NULL));
    request.key_uri = w->ec;
    X509_REQ_free(made(&request, &attrs, NULL));
    attrs_free(&attrs);

    attrs = parsed("[a]\na=SEQUENCE:b\n[b]\na=OID:rsaEncryption\nb=SET:c\n[c]\na=INTEGER:0x800000000000000000000000000000001\n");
    request.key_uri = w->rsa;
    assert_not_made(&request, &attrs, DEVID_E_KEY, "and this one is rsa-2048");
    attrs_free(&attrs);
}

static void a_digest_that_is_asked_for_is_used(void **state)
{
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec, .subject = "CN=gw-1", .usage = EST_USAGE_CLIENT};
    struct attrs attrs = parsed("[a]\na=OID:ecdsa-with-SHA512\nb=OID:sha384WithRSAEncryption\n");
    X509_REQ *req = made(&request, &attrs, NULL);

    assert_int_equal(X509_REQ_get_signature_nid(req), NID_ecdsa_with_SHA512);
    X509_REQ_free(req);
    request.key_uri = w->rsa;
    req = made(&request, &attrs, NULL);
    assert_int_equal(X509_REQ_get_signature_nid(req), NID_sha384WithRSAEncryption);
    X509_REQ_free(req);
    attrs_free(&attrs);

    attrs = parsed("[a]\na=OID:sha512\nb=OID:sha256\n"); /* what is usual here is kept if it will do */
    req = made(&request, &attrs, NULL);
    assert_int_equal(X509_REQ_get_signature_nid(req), NID_sha256WithRSAEncryption);
    X509_REQ_free(req);
    attrs_free(&attrs);

    attrs = parsed("[a]\na=OID:ecdsa-with-SHA256\n");
    assert_not_made(&request, &attrs, DEVID_E_KEY, "none of the signatures that this key can make");
    attrs_free(&attrs);
    attrs = parsed("[a]\na=OID:sha1WithRSAEncryption\n");
    assert_not_made(&request, &attrs, DEVID_E_KEY, "none of the signatures that this key can make");
    attrs_free(&attrs);
}

static const char extensions[] = "[a]\na=SEQUENCE:b\n[b]\na=OID:extReq\nb=SET:c\n[c]\na=SEQUENCE:d\n[d]\na=SEQUENCE:e\nb=SEQUENCE:f\n"
                                 "c=SEQUENCE:g\n"
                                 "[e]\na=OID:keyUsage\nb=BOOL:TRUE\nc=OCTWRAP,FORMAT:BITLIST,BITSTRING:0,4\n"
                                 "[f]\na=OID:subjectAltName\nb=OCTWRAP,SEQUENCE:h\n[h]\na=IMP:2,IA5STRING:given.example\n"
                                 "[g]\na=OID:1.2.3.4.5\nb=OCTWRAP,NULL\n";

static void extensions_that_are_asked_for_are_in_the_request(void **state)
{
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec, .subject = "CN=gw-1", .usage = EST_USAGE_CLIENT, .hw_serial = "SN-1"};
    struct attrs attrs = parsed(extensions);
    X509_REQ *req = made(&request, &attrs, NULL);
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(req);
    GENERAL_NAMES *names = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
    ASN1_BIT_STRING *usage = X509V3_get_d2i(list, NID_key_usage, NULL, NULL);

    assert_int_equal(sk_X509_EXTENSION_num(list), 4); /* usage, extended usage of ours, names, and one that no one knows */
    assert_int_equal(sk_GENERAL_NAME_num(names), 1);
    assert_int_equal(sk_GENERAL_NAME_value(names, 0)->type, GEN_DNS);
    assert_int_equal(ASN1_BIT_STRING_get_bit(usage, 4), 1);
    GENERAL_NAMES_free(names);
    ASN1_BIT_STRING_free(usage);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(req);
    attrs_free(&attrs);
}

/* RFC 7030 section 4.2.2: the names of a renewal are those of the old certificate. */
static void a_renewal_keeps_its_names_whatever_the_server_wants(void **state)
{
    struct pki_keys *w = *state;
    struct pki_wish wish = {.cn = "old", .san = "DNS:old.example"};
    EVP_PKEY *key = pki_key("P-256");
    X509 *old = pki_cert(&wish, key, NULL, NULL);
    unsigned char *der = NULL;
    int len = i2d_X509(old, &der);
    struct est_csr request = {.key_uri = w->ec, .as_cert = {der, (size_t)len}};
    struct attrs attrs = parsed(extensions);
    X509_REQ *req = made(&request, &attrs, NULL);
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(req);
    GENERAL_NAMES *names = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);

    assert_int_equal(ASN1_STRING_length(sk_GENERAL_NAME_value(names, 0)->d.dNSName), strlen("old.example"));
    assert_subject_is(req, "/CN=old");
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(req);
    attrs_free(&attrs);
    OPENSSL_free(der);
    X509_free(old);
    EVP_PKEY_free(key);
}

/* RFC 9908: subject with blanks, key with a curve, extensions with blanks, a proof; and then nothing else counts. */
static const char template[] =
    "[a]\na=SEQUENCE:b\nb=OID:rsaEncryption\n"
    "[b]\na=OID:1.2.840.113549.1.9.16.2.61\nb=SET:c\n[c]\na=SEQUENCE:d\n"
    "[d]\na=INTEGER:0\nb=SEQUENCE:subject\nc=IMP:0,SEQUENCE:key\nd=IMP:1,SET:attributes\n"
    "[subject]\na=SET:o\nb=SET:two\n[o]\na=SEQUENCE:o1\n[o1]\na=OID:O\nb=UTF8:Given\n"
    "[two]\na=SEQUENCE:cn\nb=SEQUENCE:sn\n[cn]\na=OID:CN\n[sn]\na=OID:serialNumber\n"
    "[key]\na=SEQUENCE:algorithm\n[algorithm]\na=OID:id-ecPublicKey\nb=OID:prime256v1\n"
    "[attributes]\na=SEQUENCE:proof\nb=SEQUENCE:ext\n[proof]\na=OID:challengePassword\nb=SET:none\n[none]\n"
    "[ext]\na=OID:1.2.840.113549.1.9.16.2.62\nb=SET:exts\n[exts]\na=SEQUENCE:list\n[list]\na=SEQUENCE:san\nb=SEQUENCE:eku\n"
    "[san]\na=OID:subjectAltName\nb=BOOL:TRUE\n[eku]\na=OID:extendedKeyUsage\nb=OCTWRAP,SEQUENCE:ekus\n[ekus]\na=OID:serverAuth\n";

static void a_template_is_filled_in(void **state)
{
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->ec, .subject = "CN=gw-1,serialNumber=7,L=Nowhere", .hw_serial = "SN-1"};
    struct attrs attrs = parsed(template);
    X509_REQ *req = made(&request, &attrs, "proof of the connection");
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(req);
    EXTENDED_KEY_USAGE *eku = X509V3_get_d2i(list, NID_ext_key_usage, NULL, NULL);

    assert_text(&attrs, "a template (RFC 9908)\na proof of possession: tls-unique as challengePassword\na key: ec-p256\n"
                        "in the subject, its own value of organizationName\nin the subject commonName\n"
                        "in the subject serialNumber\n"
                        "an extension with its own value: X509v3 Extended Key Usage\n"
                        "an extension: X509v3 Subject Alternative Name\n");
    assert_subject_is(req, "/O=Given/serialNumber=7+CN=gw-1");
    assert_int_equal(X509_NAME_ENTRY_set(X509_NAME_get_entry(X509_REQ_get_subject_name(req), 1)), 1);
    assert_int_equal(X509_NAME_ENTRY_set(X509_NAME_get_entry(X509_REQ_get_subject_name(req), 2)), 1);
    assert_int_equal(OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, 0)), NID_server_auth);
    assert_true(X509v3_get_ext_by_NID(list, NID_subject_alt_name, -1) >= 0);
    assert_true(X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1) >= 0);
    EXTENDED_KEY_USAGE_free(eku);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(req);

    request.subject = "CN=gw-1";
    assert_not_made(&request, &attrs, DEVID_E_DATA, "wants a serialNumber in the subject: add it to");
    request.key_uri = w->rsa; /* what stands beside a template does not count */
    request.subject = "CN=gw-1,serialNumber=7";
    assert_not_made(&request, &attrs, DEVID_E_KEY, "takes a key of ec-p256, and this one is rsa-2048");
    attrs_free(&attrs);
}

/* The size of an RSA key is told by a key of that size, which is no one's. */
static void a_template_tells_the_size_of_an_rsa_key(void **state)
{
    struct pki_keys *w = *state;
    struct est_csr request = {.key_uri = w->rsa, .subject = "CN=gw-1"};
    char text[2048], zeros[800] = "";
    struct attrs attrs;

    for (size_t bits = 2048; bits <= 3072; bits += 1024) {
        memset(zeros, '0', bits / 4 - 1);
        zeros[bits / 4 - 1] = 0;
        (void)snprintf(text, sizeof text,
                       "[a]\na=SEQUENCE:b\n[b]\na=OID:1.2.840.113549.1.9.16.2.61\nb=SET:c\n[c]\na=SEQUENCE:d\n"
                       "[d]\na=INTEGER:0\nb=IMP:0,SEQUENCE:key\nc=IMP:1,SET:none\n[none]\n[key]\na=SEQUENCE:algorithm\n"
                       "b=BITWRAP,SEQUENCE:rsa\n[algorithm]\na=OID:rsaEncryption\nb=NULL\n[rsa]\na=INTEGER:0x8%s\nb=INTEGER:65537\n",
                       zeros);
        attrs = parsed(text);
        if (bits == 2048)
            X509_REQ_free(made(&request, &attrs, NULL));
        else
            assert_not_made(&request, &attrs, DEVID_E_KEY, "takes a key of rsa-3072, and this one is rsa-2048");
        attrs_free(&attrs);
    }
    attrs = parsed("[a]\na=SEQUENCE:b\n[b]\na=OID:1.2.840.113549.1.9.16.2.61\nb=SET:c\n[c]\na=SEQUENCE:d\n"
                   "[d]\na=INTEGER:0\nb=IMP:0,SEQUENCE:key\n[key]\na=SEQUENCE:algorithm\n[algorithm]\na=OID:ED25519\n");
    assert_not_made(&request, &attrs, DEVID_E_KEY, "takes a key of ED25519, and this one is rsa-2048");
    attrs_free(&attrs);
}

/* As many as there may be, as long as they may be; cut anywhere they are refused, not read beyond. */
static void every_truncation_and_change_is_survived(void **state)
{
    struct devid_bytes der = der_of(template);
    struct devid_error err = {0};
    struct attrs attrs;

    (void)state;
    for (size_t len = 0; len < der.len; len++) {
        unsigned char *cut = malloc(len == 0 ? 1 : len);

        memcpy(cut, der.data, len);
        assert_rc(DEVID_E_DATA, attrs_parse((struct devid_slice){cut, len}, &attrs, &err), &err);
        attrs_free(&attrs);
        free(cut);
    }
    for (size_t i = 0; i < der.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            der.data[i] ^= (unsigned char)(1 << bit);
            (void)attrs_parse(devid_slice_of(der), &attrs, &err);
            attrs_free(&attrs);
            der.data[i] ^= (unsigned char)(1 << bit);
        }
    devid_bytes_free(&der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_standard_is_read),
        cmocka_unit_test(an_empty_list_asks_for_nothing),
        cmocka_unit_test(what_is_not_known_is_passed_over),
        cmocka_unit_test(what_is_malformed_is_told),
        cmocka_unit_test(any_of_several_key_types_will_do),
        cmocka_unit_test(a_digest_that_is_asked_for_is_used),
        cmocka_unit_test(extensions_that_are_asked_for_are_in_the_request),
        cmocka_unit_test(a_renewal_keeps_its_names_whatever_the_server_wants),
        cmocka_unit_test(a_template_is_filled_in),
        cmocka_unit_test(a_template_tells_the_size_of_an_rsa_key),
        cmocka_unit_test(every_truncation_and_change_is_survived),
    };

    return cmocka_run_group_tests_name("est/attrs", tests, pki_keys_make, pki_keys_remove);
}
