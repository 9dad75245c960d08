/* SPDX-License-Identifier: BSD-2-Clause */
/* The chip's number, from an EK and its certificate as a chip vendor leaves them. */
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/make.h"
#include "core/nv.h"
#include "tpm/by_hand.h"
#include "unit/soft.h"

#define EK 0x81010001U
#define EK_CERT 0x01c00002U

static int start(void **state)
{
    *state = world_start();
    return 0;
}

static struct devid_store *store_with_ek(struct world *w)
{
    struct devid_store *store = NULL;
    struct devid_error err = {0};
    char path[256];

    by_hand(w, "{ cat devid.conf; printf '[identity ek]\\nrole = ek\\nhandle = 0x%08x\\ncertificate = nv:0x%08x\\n'; } "
            ">ek.conf", EK, EK_CERT);
    (void)snprintf(path, sizeof path, "%s/ek.conf", world_folder(w));
    if (devid_store_open(path, &store, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    return store;
}

static void make_ek(struct world *w)
{
    by_hand(w, "tpm2_createek -Q -c 0x%08x -G rsa -u ek.pub && tpm2_flushcontext -Q -t", EK);
}

/* As a vendor's CA does; the serial's first bit is set, so that its INTEGER has a zero before it. */
static void give_certificate(struct world *w)
{
    struct devid_made ek = {0};
    EVP_PKEY *ca = soft_key("P-256"), *key;
    X509 *cert = X509_new();
    X509V3_CTX ctx;
    X509_NAME *name = X509_NAME_new();
    X509_EXTENSION *akid;
    BIGNUM *serial = NULL;
    unsigned char *der = NULL;
    const unsigned char *at;
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    AUTHORITY_KEYID *issuer = AUTHORITY_KEYID_new();
    int len;

    assert_int_equal(devid_make_look(world_store(w), EK, &ek, NULL), DEVID_OK);
    at = ek.pub.spki.data;
    assert_non_null(key = d2i_PUBKEY(NULL, &at, (long)ek.pub.spki.len));
    assert_int_not_equal(BN_hex2bn(&serial, "D1D2D3D4"), 0);
    assert_non_null(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)));
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"Vendor CA", -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(cert, name), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
    assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), "99991231235959Z"), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_int_equal(ASN1_OCTET_STRING_set(id, (const unsigned char *)"\xa0\xa1\xa2\xa3", 4), 1);
    issuer->keyid = id;
    X509V3_set_ctx(&ctx, NULL, cert, NULL, NULL, 0);
    assert_non_null(akid = X509V3_EXT_i2d(NID_authority_key_identifier, 0, issuer));
    assert_int_equal(X509_add_ext(cert, akid, -1), 1);
    assert_true(X509_sign(cert, ca, EVP_sha256()) > 0);
    assert_true((len = i2d_X509(cert, &der)) > 0);
    assert_int_equal(devid_nv_write(world_store(w), EK_CERT, (struct devid_slice){der, (size_t)len}, NULL), DEVID_OK);

    OPENSSL_free(der);
    X509_EXTENSION_free(akid);
    X509_NAME_free(name);
    AUTHORITY_KEYID_free(issuer);
    BN_free(serial);
    X509_free(cert);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca);
    devid_made_free(&ek);
}

static void it_is_maker_authority_key_id_and_serial_of_the_ek_certificate(void **state)
{
    struct world *w = *state;
    struct devid_store *store;
    struct devid_bytes text = {0};

    make_ek(w);
    give_certificate(w);
    store = store_with_ek(w);
    assert_int_equal(devid_make_hw_serial(store, &text, NULL), DEVID_OK);
    assert_string_equal((const char *)text.data, "IBM:a0a1a2a3:d1d2d3d4");
    assert_int_equal(text.len, strlen("IBM:a0a1a2a3:d1d2d3d4"));
    devid_bytes_free(&text);
    devid_store_free(store);
    world_assert_clean(w);
}

static void without_a_certificate_it_is_a_digest_of_the_ek(void **state)
{
    struct world *w = *state;
    struct devid_store *store;
    struct devid_bytes text = {0}, hex = {0};
    struct devid_made ek = {0};
    unsigned char digest[DEVID_HASH_MAX];

    make_ek(w);
    assert_int_equal(devid_make_look(world_store(w), EK, &ek, NULL), DEVID_OK);
    assert_int_equal(devid_hash_once(DEVID_SHA256, devid_slice_of(ek.pub.spki), digest, NULL), DEVID_OK);
    assert_int_equal(devid_hex_encode((struct devid_slice){digest, 32}, &hex, NULL), DEVID_OK);
    store = store_with_ek(w);
    assert_int_equal(devid_make_hw_serial(store, &text, NULL), DEVID_OK);
    assert_memory_equal(text.data, "IBM:", 4);
    assert_string_equal((const char *)text.data + 4, (const char *)hex.data);
    devid_bytes_free(&text);
    devid_bytes_free(&hex);
    devid_made_free(&ek);
    devid_store_free(store);
}

static void a_tpm_without_ek_has_no_number(void **state)
{
    struct devid_store *store = store_with_ek(*state);
    struct devid_bytes text = {0};
    struct devid_error err = {0};

    assert_int_equal(devid_make_hw_serial(store, &text, &err), DEVID_E_ABSENT);
    assert_non_null(strstr(err.text, "no endorsement key"));
    assert_null(text.data);
    devid_store_free(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, world_end)
    const struct CMUnitTest tests[] = {
        TEST(it_is_maker_authority_key_id_and_serial_of_the_ek_certificate),
        TEST(without_a_certificate_it_is_a_digest_of_the_ek),
        TEST(a_tpm_without_ek_has_no_number),
    };

    return cmocka_run_group_tests_name("hardware serial number", tests, NULL, NULL);
}
