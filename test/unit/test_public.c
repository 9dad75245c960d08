/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/public.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#include "unit/soft.h"

static const struct soft_area signs = {.attributes = TPMA_OBJECT_SIGN_ENCRYPT};
static const char *const curves[] = {"P-256", "P-384", "P-521"};

static void assert_bytes(struct devid_bytes a, struct devid_bytes b)
{
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
}

/* RFC 5480; the TPM gives coordinates without leading zeros, padded, or padded to more than the curve. */
static void area_and_spki_of_an_ec_key_say_the_same_as_openssl(void **state)
{
    static const size_t lens[] = {32, 48, 66};
    static const char *const names[] = {"EC P-256", "EC P-384", "EC P-521"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *key = soft_key(curves[i]);
        struct devid_bytes spki = soft_spki(key);
        size_t pads[] = {0, lens[i], lens[i] + 2};
        struct devid_public from_spki = {0};

        assert_int_equal(devid_public_from_spki(devid_slice_of(spki), &from_spki, NULL), DEVID_OK);
        for (size_t n = 0; n < 3; n++) {
            struct soft_area how = {.attributes = TPMA_OBJECT_SIGN_ENCRYPT, .pad_to = pads[n]};
            struct devid_bytes area = soft_area(key, &how);
            struct devid_public pub = {0};

            assert_int_equal(devid_public_from_area(devid_slice_of(area), &pub, NULL), DEVID_OK);
            assert_int_equal(pub.alg, DEVID_EC);
            assert_bytes(pub.spki, spki);
            assert_bytes(pub.area, area);
            assert_bytes(pub.point, from_spki.point);
            assert_int_equal(pub.point.len, 1 + 2 * lens[i]);
            assert_int_equal(devid_public_sig_len(&pub), 2 * lens[i]);
            assert_string_equal(devid_public_name(&pub), names[i]);
            assert_true(pub.can_sign);
            devid_public_free(&pub);
            devid_bytes_free(&area);
        }
        assert_bytes(from_spki.spki, spki);
        assert_int_equal(from_spki.area.len, 0);
        assert_false(from_spki.can_sign);
        devid_public_free(&from_spki);
        devid_bytes_free(&spki);
        EVP_PKEY_free(key);
    }
    assert_queue_is_empty();
}

static EVP_PKEY *key_of_point(unsigned char *raw, size_t len)
{
    char group[] = "P-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group - 1),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, raw, len),
        OSSL_PARAM_END,
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* One coordinate in 256 begins with a zero byte: take multiples of the generator until three have done so. */
static void a_short_coordinate_is_padded_on_the_left(void **state)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = EC_POINT_new(group);
    const EC_POINT *g = EC_GROUP_get0_generator(group);
    unsigned char raw[65];
    int n_short = 0;

    (void)state;
    EC_POINT_copy(point, g);
    for (int i = 0; i < 2000 && n_short < 3; i++) {
        EVP_PKEY *key;
        struct devid_bytes area, spki;
        struct devid_public pub = {0};

        EC_POINT_add(group, point, point, g, NULL);
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, raw, sizeof raw, NULL);
        if (raw[1] != 0 && raw[33] != 0)
            continue;
        n_short++;
        key = key_of_point(raw, sizeof raw);
        area = soft_area(key, &signs);
        spki = soft_spki(key);
        assert_int_equal(devid_public_from_area(devid_slice_of(area), &pub, NULL), DEVID_OK);
        assert_bytes(pub.spki, spki);
        assert_memory_equal(pub.point.data, raw, sizeof raw);
        devid_public_free(&pub);
        devid_bytes_free(&area);
        devid_bytes_free(&spki);
        EVP_PKEY_free(key);
    }
    assert_int_equal(n_short, 3);
    EC_POINT_free(point);
    EC_GROUP_free(group);
}

static void area_and_spki_of_an_rsa_key_say_the_same_as_openssl(void **state)
{
    EVP_PKEY *key = soft_key("RSA");
    struct devid_bytes spki = soft_spki(key), area = soft_area(key, &signs);
    struct devid_public pub = {0}, copy = {0};

    (void)state;
    assert_int_equal(devid_public_from_area(devid_slice_of(area), &pub, NULL), DEVID_OK);
    assert_int_equal(pub.alg, DEVID_RSA);
    assert_int_equal(pub.bits, 2048);
    assert_int_equal(pub.exponent, 65537); /* the TPM says 0 */
    assert_int_equal(pub.modulus.len, 256);
    assert_bytes(pub.spki, spki);
    assert_int_equal(devid_public_sig_len(&pub), 256);
    assert_string_equal(devid_public_name(&pub), "RSA 2048");

    assert_int_equal(devid_public_copy(&pub, &copy, NULL), DEVID_OK);
    assert_bytes(copy.modulus, pub.modulus);
    assert_bytes(copy.area, pub.area);
    assert_ptr_not_equal(copy.spki.data, pub.spki.data);
    devid_public_free(&copy);
    devid_public_free(&pub);

    assert_int_equal(devid_public_from_spki(devid_slice_of(spki), &pub, NULL), DEVID_OK);
    assert_bytes(pub.spki, spki);
    assert_int_equal(pub.exponent, 65537);
    devid_public_free(&pub);
    devid_bytes_free(&spki);
    devid_bytes_free(&area);
    EVP_PKEY_free(key);
}

static void attributes_and_fixed_schemes_are_taken_from_the_area(void **state)
{
    static const struct {
        const char *key;
        struct soft_area how;
        bool can_sign, can_decrypt, is_restricted, is_fixed, has_scheme;
        enum devid_padding padding;
        enum devid_hash hash;
    } cases[] = {
        {"P-256", {TPMA_OBJECT_SIGN_ENCRYPT, TPM2_ALG_ECDSA, TPM2_ALG_SHA256, 0}, 1, 0, 0, 0, 1, DEVID_ECDSA, DEVID_SHA256},
        {"P-384", {TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_RESTRICTED, TPM2_ALG_ECDSA, TPM2_ALG_SHA384, 0}, 1, 0, 1, 0, 1, DEVID_ECDSA, DEVID_SHA384},
        {"RSA", {TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_NODA, TPM2_ALG_RSASSA, TPM2_ALG_SHA1, 0}, 1, 0, 0, 0, 1, DEVID_PKCS1, DEVID_SHA1},
        {"RSA", {TPMA_OBJECT_SIGN_ENCRYPT, TPM2_ALG_RSAPSS, TPM2_ALG_SHA512, 0}, 1, 0, 0, 0, 1, DEVID_PSS, DEVID_SHA512},
        {"RSA", {TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN, 0, 0, 0}, 1, 1, 0, 1, 0, 0, 0},
        {"RSA", {TPMA_OBJECT_DECRYPT | TPMA_OBJECT_FIXEDTPM, TPM2_ALG_OAEP, TPM2_ALG_SHA256, 0}, 0, 1, 0, 0, 1, 0, 0},
        {"P-256", {TPMA_OBJECT_SIGN_ENCRYPT, TPM2_ALG_ECSCHNORR, TPM2_ALG_SHA256, 0}, 0, 0, 0, 0, 1, 0, 0},
        {"P-256", {TPMA_OBJECT_SIGN_ENCRYPT, TPM2_ALG_ECDSA, TPM2_ALG_SHA3_256, 0}, 0, 0, 0, 0, 1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EVP_PKEY *key = soft_key(cases[i].key);
        struct devid_bytes area = soft_area(key, &cases[i].how);
        struct devid_public pub = {0};

        assert_int_equal(devid_public_from_area(devid_slice_of(area), &pub, NULL), DEVID_OK);
        assert_int_equal(pub.can_sign, cases[i].can_sign);
        assert_int_equal(pub.can_decrypt, cases[i].can_decrypt);
        assert_int_equal(pub.is_restricted, cases[i].is_restricted);
        assert_int_equal(pub.is_fixed, cases[i].is_fixed);
        assert_int_equal(devid_public_is_counted(&pub), (cases[i].how.attributes & TPMA_OBJECT_NODA) == 0);
        assert_int_equal(pub.has_scheme, cases[i].has_scheme);
        if (pub.can_sign && pub.has_scheme) {
            assert_int_equal(pub.padding, cases[i].padding);
            assert_int_equal(pub.hash, cases[i].hash);
        }
        devid_public_free(&pub);
        devid_bytes_free(&area);
        EVP_PKEY_free(key);
    }
}

/* TCG's templates fill unique with zeros or leave it empty: no key, whatever else it says. */
/* The same key of OpenSSL's type RSA-PSS. */
static struct devid_bytes pss_spki(EVP_PKEY *key, const char *hash, int salt_len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    BIGNUM *n = NULL, *e = NULL;
    unsigned char modulus[256], exponent[3];
    EVP_PKEY *pss = NULL;
    struct devid_bytes spki;

    assert_true(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1);
    assert_true(BN_bn2nativepad(n, modulus, sizeof modulus) > 0 && BN_bn2nativepad(e, exponent, sizeof exponent) > 0);
    OSSL_PARAM params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, modulus, sizeof modulus),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, exponent, sizeof exponent),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_DIGEST, (char *)(uintptr_t)hash, hash == NULL ? 0 : strlen(hash)),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, (char *)(uintptr_t)hash, hash == NULL ? 0 : strlen(hash)),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, &salt_len),
        OSSL_PARAM_END,
    };
    if (hash == NULL)
        params[2] = OSSL_PARAM_construct_end();
    assert_true(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &pss, EVP_PKEY_PUBLIC_KEY, params) == 1);
    spki = soft_spki(pss);
    EVP_PKEY_free(pss);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return spki;
}

/* RFC 4055, 3.1. */
static void a_key_that_signs_pss_alone_is_called_so_in_openssls_very_bytes(void **state)
{
    static const struct {
        TPM2_ALG_ID tpm;
        const char *openssl;
        int salt_len;
    } hashes[] = {{TPM2_ALG_SHA1, "SHA1", 20}, {TPM2_ALG_SHA256, "SHA256", 32}, {TPM2_ALG_SHA384, "SHA384", 48}, {TPM2_ALG_SHA512, "SHA512", 64}};
    EVP_PKEY *key = soft_key("RSA");

    (void)state;
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        struct soft_area how = {TPMA_OBJECT_SIGN_ENCRYPT, TPM2_ALG_RSAPSS, hashes[i].tpm, 0};
        struct devid_bytes area = soft_area(key, &how), expected = pss_spki(key, hashes[i].openssl, hashes[i].salt_len), found = {0};
        struct devid_public pub = {0}, again = {0};

        assert_int_equal(devid_public_from_area(devid_slice_of(area), &pub, NULL), DEVID_OK);
        assert_int_equal(devid_public_as_certified(&pub, (struct devid_slice){0}, &found, NULL), DEVID_OK);
        assert_bytes(found, expected);
        assert_true(devid_spki_is_pss(devid_slice_of(found)) && !devid_spki_is_pss(devid_slice_of(pub.spki)));
        assert_true(devid_spki_same(devid_slice_of(found), devid_slice_of(pub.spki)));
        assert_int_equal(devid_public_from_spki(devid_slice_of(found), &again, NULL), DEVID_OK);
        assert_bytes(again.spki, pub.spki);
        devid_public_free(&again);
        devid_public_free(&pub);
        devid_bytes_free(&found);
        devid_bytes_free(&expected);
        devid_bytes_free(&area);
    }
    EVP_PKEY_free(key);
    assert_queue_is_empty();
}

static void assert_called(const struct devid_public *pub, struct devid_bytes certified, struct devid_bytes expected)
{
    struct devid_bytes found = {0};

    assert_int_equal(devid_public_as_certified(pub, devid_slice_of(certified), &found, NULL), DEVID_OK);
    assert_bytes(found, expected);
    devid_bytes_free(&found);
}

static void a_certificate_says_what_an_rsa_key_is_called(void **state)
{
    const struct soft_area any = {TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT, 0, 0, 0},
                           pss_alone = {TPMA_OBJECT_SIGN_ENCRYPT, TPM2_ALG_RSAPSS, TPM2_ALG_SHA256, 0},
                           restricted = {TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_RESTRICTED, TPM2_ALG_RSAPSS, TPM2_ALG_SHA256, 0};
    EVP_PKEY *key = soft_key("RSA"), *other = soft_key("RSA");
    struct devid_bytes rsa = soft_spki(key), pss = pss_spki(key, NULL, 0), another = pss_spki(other, NULL, 0), none = {0};
    const struct soft_area *how[] = {&any, &pss_alone, &restricted};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct devid_bytes area = soft_area(key, how[i]);
        struct devid_public pub = {0};

        assert_int_equal(devid_public_from_area(devid_slice_of(area), &pub, NULL), DEVID_OK);
        assert_called(&pub, rsa, rsa);
        assert_called(&pub, pss, pss);
        assert_called(&pub, another, rsa);
        if (how[i] != &pss_alone)
            assert_called(&pub, none, rsa);
        devid_public_free(&pub);
        devid_bytes_free(&area);
    }
    assert_false(devid_spki_same(devid_slice_of(pss), devid_slice_of(another)));
    assert_false(devid_spki_same(devid_slice_of(none), devid_slice_of(none)));
    devid_bytes_free(&rsa);
    devid_bytes_free(&pss);
    devid_bytes_free(&another);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    assert_queue_is_empty();
}

static void a_template_is_no_key(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct soft_area how = {.attributes = TPMA_OBJECT_SIGN_ENCRYPT, .pad_to = 32};
    struct devid_bytes area = soft_area(key, &how);
    struct devid_public pub = {0};
    struct devid_error err = {0};

    (void)state;
    memset(area.data + area.len - 32, 0, 32);
    memset(area.data + area.len - 32 - 2 - 32, 0, 32);
    assert_int_equal(devid_public_from_area(devid_slice_of(area), &pub, &err), DEVID_E_DATA);
    assert_non_null(strstr(err.text, "template"));
    assert_null(pub.spki.data);
    devid_bytes_free(&area);
    EVP_PKEY_free(key);
}

static void an_area_cut_anywhere_or_with_more_behind_is_refused(void **state)
{
    static const char *const names[] = {"P-256", "RSA"};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        EVP_PKEY *key = soft_key(names[k]);
        struct devid_bytes area = soft_area(key, &signs);
        struct devid_public pub = {0};
        static const unsigned char more[1];

        for (size_t len = 0; len < area.len; len++) {
            unsigned char *cut = len != 0 ? malloc(len) : NULL; /* its own, so that valgrind sees a byte too many */

            if (len != 0)
                memcpy(cut, area.data, len);
            assert_int_equal(devid_public_from_area((struct devid_slice){cut, len}, &pub, NULL), DEVID_E_DATA);
            if (len >= 2) { /* and with a size that agrees */
                cut[0] = (unsigned char)((len - 2) >> 8);
                cut[1] = (unsigned char)(len - 2);
                assert_int_not_equal(devid_public_from_area((struct devid_slice){cut, len}, &pub, NULL), DEVID_OK);
            }
            free(cut);
        }
        assert_int_equal(devid_bytes_append(&area, SLICE(more), NULL), DEVID_OK);
        assert_int_equal(devid_public_from_area(devid_slice_of(area), &pub, NULL), DEVID_E_DATA);
        devid_bytes_free(&area);
        EVP_PKEY_free(key);
    }
}

static void keys_of_other_kinds_are_named_as_such(void **state)
{
    EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *brainpool = soft_key("brainpoolP256r1");
    struct devid_bytes a = soft_spki(edwards), b = soft_spki(brainpool);
    /* an algorithm nobody knows, 1.2.3.4, is sound DER all the same */
    static const unsigned char unknown[] = {0x30, 0x0b, 0x30, 0x05, 0x06, 0x03, 0x2a, 0x03, 0x04, 0x03, 0x02, 0x00, 0x01};
    struct devid_public pub = {0};

    (void)state;
    assert_int_equal(devid_public_from_spki(devid_slice_of(a), &pub, NULL), DEVID_E_KEY);
    assert_int_equal(devid_public_from_spki(devid_slice_of(b), &pub, NULL), DEVID_E_KEY);
    assert_int_equal(devid_public_from_spki(SLICE(unknown), &pub, NULL), DEVID_E_KEY);
    assert_queue_is_empty();
    devid_bytes_free(&a);
    devid_bytes_free(&b);
    EVP_PKEY_free(edwards);
    EVP_PKEY_free(brainpool);
}

/* CVE-2020-0601: a curve spelt out may have another generator. */
static void explicit_curve_parameters_are_refused(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_bytes spki;
    struct devid_public pub = {0};

    (void)state;
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT), 1);
    spki = soft_spki(key);
    assert_true(spki.len > 200);
    assert_int_equal(devid_public_from_spki(devid_slice_of(spki), &pub, NULL), DEVID_E_KEY);
    devid_bytes_free(&spki);
    EVP_PKEY_free(key);
}

static void a_compressed_point_becomes_the_one_form(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_bytes full = soft_spki(key), compressed;
    struct devid_public pub = {0};

    (void)state;
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 1);
    compressed = soft_spki(key);
    assert_int_equal(compressed.len, full.len - 32);
    assert_int_equal(devid_public_from_spki(devid_slice_of(compressed), &pub, NULL), DEVID_OK);
    assert_bytes(pub.spki, full);
    devid_public_free(&pub);
    devid_bytes_free(&full);
    devid_bytes_free(&compressed);
    EVP_PKEY_free(key);
}

static void a_damaged_spki_is_refused_and_leaves_no_error_behind(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_bytes spki = soft_spki(key);
    struct devid_public pub = {0};

    (void)state;
    for (size_t len = 0; len < spki.len; len++)
        assert_int_not_equal(devid_public_from_spki((struct devid_slice){spki.data, len}, &pub, NULL), DEVID_OK);
    spki.data[spki.len - 1] ^= 1; /* no point of the curve any more */
    assert_int_equal(devid_public_from_spki(devid_slice_of(spki), &pub, NULL), DEVID_E_DATA);
    assert_queue_is_empty();
    devid_bytes_free(&spki);
    EVP_PKEY_free(key);
}

/* What a program had in its queue before is none of our business. */
static void the_callers_own_errors_stay(void **state)
{
    struct devid_public pub = {0};
    unsigned long mine;

    (void)state;
    ERR_raise(ERR_LIB_USER, 1);
    mine = ERR_peek_error();
    assert_int_equal(devid_public_from_spki(TEXT("no key at all"), &pub, NULL), DEVID_E_DATA);
    assert_int_equal(ERR_get_error(), mine);
    assert_queue_is_empty();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(area_and_spki_of_an_ec_key_say_the_same_as_openssl),
        cmocka_unit_test(a_short_coordinate_is_padded_on_the_left),
        cmocka_unit_test(area_and_spki_of_an_rsa_key_say_the_same_as_openssl),
        cmocka_unit_test(attributes_and_fixed_schemes_are_taken_from_the_area),
        cmocka_unit_test(a_key_that_signs_pss_alone_is_called_so_in_openssls_very_bytes),
        cmocka_unit_test(a_certificate_says_what_an_rsa_key_is_called),
        cmocka_unit_test(a_template_is_no_key),
        cmocka_unit_test(an_area_cut_anywhere_or_with_more_behind_is_refused),
        cmocka_unit_test(keys_of_other_kinds_are_named_as_such),
        cmocka_unit_test(explicit_curve_parameters_are_refused),
        cmocka_unit_test(a_compressed_point_becomes_the_one_form),
        cmocka_unit_test(a_damaged_spki_is_refused_and_leaves_no_error_behind),
        cmocka_unit_test(the_callers_own_errors_stay),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
