/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates of C_GenerateKeyPair: each rule of the standard, and each code for what breaks it. */
#include "pkcs11/pair.h"

#include <string.h>

#include "unit/soft.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define V(thing) (void *)(uintptr_t)&(thing), sizeof(thing)

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE, maybe = 2;
static const CK_ULONG bits2048 = 2048, bits2049 = 2049, bits1024 = 1024;
static const CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY, secret_class = CKO_SECRET_KEY;
static const CK_KEY_TYPE rsa_type = CKK_RSA;
static const unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const unsigned char k256[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a}; /* secp256k1 */
static const unsigned char f4[] = {0, 1, 0, 1}, three[] = {3}, long_f4[] = {1, 0, 0, 0, 0, 1, 0, 1};
static const unsigned char name[] = {0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, 0x78}; /* CN=x */
static const unsigned char lines[] = "two\nlines", nul[] = "nul";
static const CK_ATTRIBUTE curve = {CKA_EC_PARAMS, V(p256)}, size = {CKA_MODULUS_BITS, V(bits2048)};

/* The least that makes a pair, and one attribute more in the public (0) or the private half (1). */
static CK_RV with(enum devid_alg alg, int half, CK_ATTRIBUTE more, struct pair_wanted *out)
{
    const CK_ATTRIBUTE public[] = {alg == DEVID_EC ? curve : size, more};

    return pair_take(alg, (struct template){public, half == 0 ? 2 : 1}, (struct template){&more, half == 1 ? 1 : 0}, out);
}

static void assert_code(enum devid_alg alg, int half, CK_ATTRIBUTE more, CK_RV expected)
{
    struct pair_wanted out;

    assert_int_equal(with(alg, half, more, &out), expected);
}

static void a_wrong_value_has_its_code(void **state)
{
    static const struct {
        enum devid_alg alg;
        int half;
        CK_ATTRIBUTE a;
        CK_RV rv;
    } cases[] = {
        {DEVID_EC, 0, {CKA_TOKEN, V(bits2048)}, CKR_ATTRIBUTE_VALUE_INVALID}, /* eight bytes */
        {DEVID_EC, 0, {CKA_TOKEN, V(maybe)}, CKR_ATTRIBUTE_VALUE_INVALID},
        {DEVID_EC, 0, {CKA_TOKEN, NULL, 0}, CKR_ATTRIBUTE_VALUE_INVALID},
        {DEVID_EC, 1, {CKA_TOKEN, NULL, 1}, CKR_ARGUMENTS_BAD},
        {DEVID_EC, 1, {CKA_LABEL, (void *)(uintptr_t)lines, (CK_ULONG)-1}, CKR_ARGUMENTS_BAD},
        {DEVID_EC, 1, {CKA_LABEL, V(lines)}, CKR_ATTRIBUTE_VALUE_INVALID},
        {DEVID_EC, 1, {CKA_LABEL, V(nul)}, CKR_ATTRIBUTE_VALUE_INVALID},
        {DEVID_EC, 1, {CKA_START_DATE, V(yes)}, CKR_ATTRIBUTE_VALUE_INVALID},
        {DEVID_EC, 1, {CKA_ALLOWED_MECHANISMS, NULL, 0}, CKR_OK}, /* says nothing */
        {DEVID_EC, 1, {CKA_ALLOWED_MECHANISMS, V(f4)}, CKR_ATTRIBUTE_VALUE_INVALID},
        {DEVID_EC, 1, {CKA_SUBJECT, V(name)}, CKR_OK},
        {DEVID_EC, 0, {CKA_SUBJECT, NULL, 0}, CKR_OK},
        {DEVID_EC, 0, {CKA_SUBJECT, V(p256)}, CKR_ATTRIBUTE_VALUE_INVALID}, /* no Name */
        {DEVID_EC, 0, {CKA_CLASS, V(secret_class)}, CKR_TEMPLATE_INCONSISTENT},
        {DEVID_EC, 1, {CKA_CLASS, V(public_class)}, CKR_TEMPLATE_INCONSISTENT},
        {DEVID_EC, 0, {CKA_KEY_TYPE, V(rsa_type)}, CKR_TEMPLATE_INCONSISTENT},
        {DEVID_EC, 0, {CKA_MODULUS_BITS, V(bits2048)}, CKR_TEMPLATE_INCONSISTENT},
        {DEVID_EC, 1, {CKA_EC_PARAMS, V(p256)}, CKR_TEMPLATE_INCONSISTENT},
        {DEVID_EC, 0, {CKA_EC_PARAMS, V(k256)}, CKR_TEMPLATE_INCONSISTENT}, /* said twice */
        {DEVID_EC, 0, {CKA_EC_PARAMS, V(p256)}, CKR_OK},
        {DEVID_EC, 0, {CKA_SENSITIVE, V(yes)}, CKR_TEMPLATE_INCONSISTENT}, /* no public key is */
        {DEVID_EC, 1, {CKA_SENSITIVE, V(no)}, CKR_TEMPLATE_INCONSISTENT},
        {DEVID_EC, 1, {CKA_EXTRACTABLE, V(yes)}, CKR_TEMPLATE_INCONSISTENT},
        {DEVID_EC, 1, {CKA_LOCAL, V(yes)}, CKR_ATTRIBUTE_READ_ONLY},
        {DEVID_EC, 1, {CKA_ALWAYS_SENSITIVE, V(yes)}, CKR_ATTRIBUTE_READ_ONLY},
        {DEVID_EC, 1, {CKA_VALUE, V(p256)}, CKR_ATTRIBUTE_READ_ONLY},
        {DEVID_EC, 0, {CKA_EC_POINT, V(p256)}, CKR_ATTRIBUTE_READ_ONLY},
        {DEVID_EC, 0, {CKA_TRUSTED, V(yes)}, CKR_ATTRIBUTE_READ_ONLY},
        {DEVID_EC, 0, {CKA_TRUSTED, V(no)}, CKR_OK},
        {DEVID_EC, 0, {CKA_CERTIFICATE_TYPE, V(bits2048)}, CKR_TEMPLATE_INCONSISTENT},
        {DEVID_EC, 1, {CKA_VENDOR_DEFINED | 7, V(yes)}, CKR_ATTRIBUTE_TYPE_INVALID},
        {DEVID_RSA, 0, {CKA_PUBLIC_EXPONENT, V(f4)}, CKR_OK},
        {DEVID_RSA, 0, {CKA_PUBLIC_EXPONENT, V(three)}, CKR_ATTRIBUTE_VALUE_INVALID},
        {DEVID_RSA, 0, {CKA_PUBLIC_EXPONENT, V(long_f4)}, CKR_ATTRIBUTE_VALUE_INVALID},
        {DEVID_RSA, 0, {CKA_PUBLIC_EXPONENT, NULL, 0}, CKR_ATTRIBUTE_VALUE_INVALID},
        {DEVID_RSA, 0, {CKA_MODULUS, V(p256)}, CKR_ATTRIBUTE_READ_ONLY},
        {DEVID_RSA, 0, {CKA_EC_PARAMS, V(p256)}, CKR_TEMPLATE_INCONSISTENT},
        {DEVID_RSA, 1, {CKA_PRIME_1, V(p256)}, CKR_ATTRIBUTE_READ_ONLY},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++)
        assert_code(cases[i].alg, cases[i].half, cases[i].a, cases[i].rv);
}

static CK_RV only(enum devid_alg alg, CK_ATTRIBUTE a)
{
    struct pair_wanted out;

    return pair_take(alg, (struct template){&a, 1}, (struct template){NULL, 0}, &out);
}

/* Case 68. */
static void sizes_and_curves_that_there_are_not_have_codes_of_their_own(void **state)
{
    static const unsigned char named[] = {0x13, 0x05, 'c', 'u', 'r', 'v', 'e'}, cut[] = {0x06, 0x08, 0x2a, 0x86};

    (void)state;
    assert_int_equal(only(DEVID_EC, (CK_ATTRIBUTE){CKA_TOKEN, V(yes)}), CKR_TEMPLATE_INCOMPLETE);
    assert_int_equal(only(DEVID_RSA, (CK_ATTRIBUTE){CKA_TOKEN, V(yes)}), CKR_TEMPLATE_INCOMPLETE);
    assert_int_equal(only(DEVID_EC, (CK_ATTRIBUTE){CKA_EC_PARAMS, V(k256)}), CKR_CURVE_NOT_SUPPORTED);
    assert_int_equal(only(DEVID_EC, (CK_ATTRIBUTE){CKA_EC_PARAMS, V(named)}), CKR_CURVE_NOT_SUPPORTED);
    assert_int_equal(only(DEVID_EC, (CK_ATTRIBUTE){CKA_EC_PARAMS, V(cut)}), CKR_DOMAIN_PARAMS_INVALID);
    assert_int_equal(only(DEVID_EC, (CK_ATTRIBUTE){CKA_EC_PARAMS, NULL, 0}), CKR_DOMAIN_PARAMS_INVALID);
    assert_int_equal(only(DEVID_RSA, (CK_ATTRIBUTE){CKA_MODULUS_BITS, V(bits2049)}), CKR_KEY_SIZE_RANGE);
    assert_int_equal(only(DEVID_RSA, (CK_ATTRIBUTE){CKA_MODULUS_BITS, V(bits1024)}), CKR_KEY_SIZE_RANGE);
    assert_int_equal(only(DEVID_RSA, size), CKR_OK);
}

static void who_says_nothing_wants_every_use(void **state)
{
    struct pair_wanted out;

    (void)state;
    assert_int_equal(with(DEVID_EC, 2, curve, &out), CKR_OK);
    assert_true(out.key.signs && out.key.decrypts && !out.is_token);
    assert_int_equal(out.key.bits, 256);
    assert_int_equal(out.not_for, 0);
    assert_int_equal(out.private.flags, DEVID_FLAG_PRIVATE);
    assert_int_equal(out.public.flags, 0);
    assert_int_equal(with(DEVID_RSA, 2, curve, &out), CKR_OK);
    assert_true(out.key.signs && out.key.decrypts);
    assert_int_equal(out.not_for, 0);
}

static void who_names_a_use_wants_no_other(void **state)
{
    static const CK_ATTRIBUTE signs = {CKA_SIGN, V(yes)}, derives = {CKA_DERIVE, V(yes)}, not_signs = {CKA_SIGN, V(no)};
    static const CK_ATTRIBUTE not_decrypts = {CKA_DECRYPT, V(no)}, none[] = {{CKA_SIGN, V(no)}, {CKA_DERIVE, V(no)}};
    struct pair_wanted out;

    (void)state;
    assert_int_equal(with(DEVID_EC, 1, signs, &out), CKR_OK);
    assert_true(out.key.signs && !out.key.decrypts);
    assert_int_equal(out.not_for, DEVID_FOR_DERIVE);
    assert_int_equal(with(DEVID_EC, 1, derives, &out), CKR_OK);
    assert_true(!out.key.signs && out.key.decrypts);
    assert_int_equal(with(DEVID_EC, 1, not_signs, &out), CKR_OK);
    assert_true(!out.key.signs && out.key.decrypts);
    /* the chip may still decrypt: PSS and raw blocks need it */
    assert_int_equal(with(DEVID_RSA, 1, signs, &out), CKR_OK);
    assert_true(out.key.signs && out.key.decrypts);
    assert_int_equal(out.not_for, DEVID_FOR_DECRYPT);
    assert_int_equal(with(DEVID_RSA, 1, not_decrypts, &out), CKR_OK);
    assert_true(out.key.signs && !out.key.decrypts);
    assert_int_equal(pair_take(DEVID_EC, (struct template){&curve, 1}, (struct template){none, 2}, &out),
                     CKR_TEMPLATE_INCONSISTENT);
}

static void what_is_said_of_the_objects_is_kept(void **state)
{
    static const CK_ATTRIBUTE private[] = {{CKA_MODIFIABLE, V(no)}, {CKA_COPYABLE, V(no)}, {CKA_DESTROYABLE, V(no)},
                                           {CKA_ALWAYS_AUTHENTICATE, V(yes)}, {CKA_ID, V(f4)}, {CKA_TOKEN, V(yes)}};
    static const CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, V(p256)}, {CKA_PRIVATE, V(yes)}};
    static const CK_ATTRIBUTE asks[] = {{CKA_ALWAYS_AUTHENTICATE, V(yes)}, {CKA_PRIVATE, V(no)}};
    static const CK_ATTRIBUTE passing[] = {{CKA_EC_PARAMS, V(p256)}, {CKA_TOKEN, V(no)}};
    struct pair_wanted out;

    (void)state;
    assert_int_equal(pair_take(DEVID_EC, (struct template){public, 2}, (struct template){private, 6}, &out), CKR_OK);
    assert_int_equal(out.private.flags, DEVID_FLAG_PRIVATE | DEVID_FLAG_FIXED | DEVID_FLAG_UNCOPYABLE |
                                            DEVID_FLAG_KEPT | DEVID_FLAG_ASKS);
    assert_int_equal(out.public.flags, DEVID_FLAG_PRIVATE);
    assert_int_equal(out.private.id.len, sizeof f4);
    assert_int_equal(out.public.id.len, 0);
    assert_true(out.is_token);
    assert_int_equal(pair_take(DEVID_EC, (struct template){public, 1}, (struct template){asks, 2}, &out),
                     CKR_TEMPLATE_INCONSISTENT);
    assert_int_equal(pair_take(DEVID_EC, (struct template){passing, 2}, (struct template){private, 6}, &out),
                     CKR_TEMPLATE_INCONSISTENT);
}

/* One bare point of 256 begins as an OCTET STRING of its own length would. */
static void a_point_is_taken_bare_or_in_an_octet_string(void **state)
{
    unsigned char p256_point[67] = {0x04, 0x41, 0x04, 0x3f}, p521_point[136] = {0x04, 0x81, 0x85, 0x04};
    struct devid_slice point;

    (void)state;
    point = point_take((struct devid_slice){p256_point, 67}, 65);
    assert_true(point.data == p256_point + 2 && point.len == 65);
    point = point_take((struct devid_slice){p256_point + 2, 65}, 65);
    assert_true(point.data == p256_point + 2 && point.len == 65);
    point = point_take((struct devid_slice){p521_point, 136}, 133);
    assert_true(point.data == p521_point + 3 && point.len == 133);
    point = point_take((struct devid_slice){p256_point, 66}, 65);
    assert_true(point.data == p256_point && point.len == 66);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_value_has_its_code),
        cmocka_unit_test(sizes_and_curves_that_there_are_not_have_codes_of_their_own),
        cmocka_unit_test(who_says_nothing_wants_every_use),
        cmocka_unit_test(who_names_a_use_wants_no_other),
        cmocka_unit_test(what_is_said_of_the_objects_is_kept),
        cmocka_unit_test(a_point_is_taken_bare_or_in_an_octet_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
