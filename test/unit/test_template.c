/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/policy.h"
#include "core/template.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include <cmocka.h>

struct text {
    unsigned char data[512];
    size_t len;
};

static void put(struct text *t, const void *data, size_t len)
{
    assert_true(t->len + len <= sizeof t->data);
    memcpy(t->data + t->len, data, len);
    t->len += len;
}

static void put_number(struct text *t, uint32_t n, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;) {
        unsigned char byte = (unsigned char)(n >> 8 * i);

        put(t, &byte, 1);
    }
}

static void put_digest(struct text *to, const EVP_MD *md, const struct text *in)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    assert_int_equal(EVP_Digest(in->data, in->len, digest, &len, md, NULL), 1);
    put(to, digest, len);
}

static struct text zeros(const EVP_MD *md)
{
    struct text t = {.len = (size_t)EVP_MD_get_size(md)};

    return t;
}

/* TPM 2.0 Library, Part 3, TPM2_PolicySecret(endorsement, no policyRef). */
static struct text policy_secret(const EVP_MD *md)
{
    struct text step = zeros(md), half = {0}, out = {0};

    put_number(&step, TPM2_CC_PolicySecret, 4);
    put_number(&step, TPM2_RH_ENDORSEMENT, 4);
    put_digest(&half, md, &step);
    put_digest(&out, md, &half); /* the second round, with an empty policyRef */
    return out;
}

static struct text policy_command(const EVP_MD *md, const struct text *before, uint32_t command)
{
    struct text step = *before, out = {0};

    put_number(&step, TPM2_CC_PolicyCommandCode, 4);
    put_number(&step, command, 4);
    put_digest(&out, md, &step);
    return out;
}

/* The index that the owner may fill with another policy: 0x220f1008 says who reads and writes it. */
static struct text policy_authorize_nv(const EVP_MD *md, uint32_t index, uint16_t alg, const struct text *secret)
{
    struct text public = {0}, step = zeros(md), out = {0};

    put_number(&public, index, 4);
    put_number(&public, alg, 2);
    put_number(&public, 0x220f1008, 4);
    put_number(&public, (uint32_t)secret->len, 2);
    put(&public, secret->data, secret->len);
    put_number(&public, (uint32_t)secret->len + 2, 2);
    put_number(&step, TPM2_CC_PolicyAuthorizeNV, 4);
    put_number(&step, alg, 2);
    put_digest(&step, md, &public);
    put_digest(&out, md, &step);
    return out;
}

static struct text policy_or(const EVP_MD *md, uint32_t index, uint16_t alg)
{
    struct text a = policy_secret(md);
    struct text b = policy_command(md, &a, TPM2_CC_Certify);
    struct text c = policy_command(md, &a, TPM2_CC_ActivateCredential);
    struct text d = policy_authorize_nv(md, index, alg, &a);
    struct text step = zeros(md), out = {0};

    put_number(&step, TPM2_CC_PolicyOR, 4);
    put(&step, a.data, a.len);
    put(&step, b.data, b.len);
    put(&step, c.data, c.len);
    put(&step, d.data, d.len);
    put_digest(&out, md, &step);
    return out;
}

static void assert_policy(enum devid_role role, enum devid_alg alg, unsigned bits, const EVP_MD *md, uint32_t index,
                          uint16_t name_alg)
{
    struct text want = policy_or(md, index, name_alg);
    TPM2B_PUBLIC t;

    assert_int_equal(devid_template_devid(role, alg, bits, &t, NULL), DEVID_OK);
    assert_int_equal(t.publicArea.nameAlg, name_alg);
    assert_int_equal(t.publicArea.authPolicy.size, want.len);
    assert_memory_equal(t.publicArea.authPolicy.buffer, want.data, want.len);
}

/* TCG Keys for Device Identity and Attestation 1.00, 7.3.4: PolicyOR of four branches. */
static void policies_are_those_of_their_definition(void **state)
{
    (void)state;
    assert_policy(DEVID_ROLE_IDEVID, DEVID_RSA, 2048, EVP_sha256(), 0x01c90010, TPM2_ALG_SHA256);
    assert_policy(DEVID_ROLE_IDEVID, DEVID_EC, 256, EVP_sha256(), 0x01c90010, TPM2_ALG_SHA256);
    assert_policy(DEVID_ROLE_IDEVID, DEVID_EC, 384, EVP_sha384(), 0x01c90011, TPM2_ALG_SHA384);
    assert_policy(DEVID_ROLE_IAK, DEVID_RSA, 2048, EVP_sha256(), 0x01c90018, TPM2_ALG_SHA256);
    assert_policy(DEVID_ROLE_IAK, DEVID_EC, 256, EVP_sha256(), 0x01c90018, TPM2_ALG_SHA256);
    assert_policy(DEVID_ROLE_IAK, DEVID_EC, 384, EVP_sha384(), 0x01c90019, TPM2_ALG_SHA384);
    assert_policy(DEVID_ROLE_IDEVID, DEVID_EC, 521, EVP_sha512(), 0x01c90012, TPM2_ALG_SHA512);
    assert_policy(DEVID_ROLE_IAK, DEVID_EC, 521, EVP_sha512(), 0x01c9001a, TPM2_ALG_SHA512);
}

/* As other implementations have them: EK Credential Profile 2.5, B.6, and swtpm_setup. */
static void policies_of_endorsement_keys_are_the_published_ones(void **state)
{
    static const struct {
        enum devid_policy policy;
        TPM2_ALG_ID hash;
        const char *hex;
    } known[] = {
        {DEVID_POLICY_EK_LOW, TPM2_ALG_SHA256, "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"},
        {DEVID_POLICY_EK_HIGH, TPM2_ALG_SHA256, "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0"},
        {DEVID_POLICY_EK_HIGH, TPM2_ALG_SHA384, "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419ca"
                                                "cb47ba09699646150f9fc000f3f80e12"},
        {DEVID_POLICY_EK_HIGH, TPM2_ALG_SHA512, "b8221ca69e8550a4914de3faa6a18c072cc01208073a928d5d66d59ef79e49a4"
                                                "29c41a6b269571d57edb25fbdb1838425608b413cd616a5f6db5b6071af99bea"},
    };
    TPM2B_DIGEST digest;

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct devid_bytes want = {0};

        assert_int_equal(devid_hex_decode(known[i].hex, &want, NULL), DEVID_OK);
        assert_int_equal(devid_policy_digest(known[i].policy, known[i].hash, &digest, NULL), DEVID_OK);
        assert_int_equal(digest.size, want.len);
        assert_memory_equal(digest.buffer, want.data, want.len);
        devid_bytes_free(&want);
    }
    assert_int_equal(devid_policy_digest(DEVID_POLICY_IDEVID, TPM2_ALG_SHA1, &digest, NULL), DEVID_E_KEY);
}

/* The bytes that the TPM derives the key from: one bit else, and a device in the field has another identity. */
static void assert_area(const TPM2B_PUBLIC *t, const char *hex)
{
    unsigned char buffer[sizeof *t];
    struct devid_bytes want = {0};
    size_t len = 0;

    assert_int_equal(Tss2_MU_TPM2B_PUBLIC_Marshal(t, buffer, sizeof buffer, &len), TSS2_RC_SUCCESS);
    assert_int_equal(devid_hex_decode(hex, &want, NULL), DEVID_OK);
    assert_int_equal(len, want.len);
    assert_memory_equal(buffer, want.data, len);
    devid_bytes_free(&want);
}

#define IDEVID_256 "0020 ad6b3a2284fd698a0710bf5cc1b9bdf15e2532e3f601fa4b93a6a8fa8de579ea"
#define IAK_256 "0020 5437182326e414fca797d5f174615a1641f61255797c3a2b22c21d120b2d1e07"
#define IDEVID_384                                                                                          \
    "0030 4db1aa836d0b5615df6ee53a40ef70c61c217f4303d44695925972bc927006cfa5cbdf6dc18c4dbe329b2f1542c3dd33"
#define IAK_384                                                                                             \
    "0030 129d94ebf84556652c6eef43bbb757512ac87e52be7b349ca6ce4d826f749fcf672f51716c5cbb605f313bf345aab312"

static void device_templates_are_byte_for_byte_the_recorded_ones(void **state)
{
    TPM2B_PUBLIC t;

    (void)state;
    assert_int_equal(devid_template_devid(DEVID_ROLE_IDEVID, DEVID_RSA, 2048, &t, NULL), DEVID_OK);
    assert_area(&t, "003c 0001 000b 000400f2" IDEVID_256 "0010 0010 0800 00000000 0006 494445564944");
    assert_int_equal(devid_template_devid(DEVID_ROLE_IAK, DEVID_RSA, 2048, &t, NULL), DEVID_OK);
    assert_area(&t, "003b 0001 000b 000500f2" IAK_256 "0010 0016 000b 0800 00000000 0003 49414b");
    assert_int_equal(devid_template_devid(DEVID_ROLE_IDEVID, DEVID_EC, 256, &t, NULL), DEVID_OK);
    assert_area(&t, "003e 0023 000b 000400f2" IDEVID_256 "0010 0018 000b 0003 0010 0006 494445564944 0000");
    assert_int_equal(devid_template_devid(DEVID_ROLE_IAK, DEVID_EC, 256, &t, NULL), DEVID_OK);
    assert_area(&t, "003b 0023 000b 000500f2" IAK_256 "0010 0018 000b 0003 0010 0003 49414b 0000");
    assert_int_equal(devid_template_devid(DEVID_ROLE_IDEVID, DEVID_EC, 384, &t, NULL), DEVID_OK);
    assert_area(&t, "004e 0023 000c 000400f2" IDEVID_384 "0010 0018 000c 0004 0010 0006 494445564944 0000");
    assert_int_equal(devid_template_devid(DEVID_ROLE_IAK, DEVID_EC, 384, &t, NULL), DEVID_OK);
    assert_area(&t, "004b 0023 000c 000500f2" IAK_384 "0010 0018 000c 0004 0010 0003 49414b 0000");
}

#define EK_LOW "0020 837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"
#define EK_HIGH "0020 ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0"
#define EK_HIGH_384                                                                                         \
    "0030 b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12"
#define ZEROS_32 "0000000000000000000000000000000000000000000000000000000000000000"

static void endorsement_key_templates_are_byte_for_byte_the_profiles(void **state)
{
    char rsa[2048];
    size_t len = (size_t)snprintf(rsa, sizeof rsa, "013a 0001 000b 000300b2" EK_LOW "0006 0080 0043 0010 0800 00000000 0100");
    TPM2B_PUBLIC t;

    (void)state;
    memset(rsa + len, '0', 512);
    rsa[len + 512] = 0;
    assert_int_equal(devid_template_ek(DEVID_RSA, 2048, false, &t, NULL), DEVID_OK);
    assert_area(&t, rsa);
    assert_int_equal(devid_template_ek(DEVID_EC, 256, false, &t, NULL), DEVID_OK);
    assert_area(&t, "007a 0023 000b 000300b2" EK_LOW "0006 0080 0043 0010 0003 0010 0020" ZEROS_32 "0020" ZEROS_32);
    assert_int_equal(devid_template_ek(DEVID_RSA, 2048, true, &t, NULL), DEVID_OK);
    assert_area(&t, "003a 0001 000b 000300f2" EK_HIGH "0006 0080 0043 0010 0800 00000000 0000");
    assert_int_equal(devid_template_ek(DEVID_EC, 384, true, &t, NULL), DEVID_OK);
    assert_area(&t, "004a 0023 000c 000300f2" EK_HIGH_384 "0006 0100 0043 0010 0004 0010 0000 0000");
    assert_int_equal(devid_template_ek(DEVID_RSA, 3072, true, &t, NULL), DEVID_OK);
    assert_area(&t, "004a 0001 000c 000300f2" EK_HIGH_384 "0006 0100 0043 0010 0c00 00000000 0000");
    assert_int_equal(devid_template_ek(DEVID_RSA, 4096, true, &t, NULL), DEVID_OK);
    assert_area(&t, "004a 0001 000c 000300f2" EK_HIGH_384 "0006 0100 0043 0010 1000 00000000 0000");
    assert_int_equal(devid_template_ek(DEVID_EC, 256, true, &t, NULL), DEVID_OK);
    assert_area(&t, "003a 0023 000b 000300f2" EK_HIGH "0006 0080 0043 0010 0003 0010 0000 0000");
    assert_int_equal(devid_template_ek(DEVID_RSA, 3072, false, &t, NULL), DEVID_E_KEY);
    assert_int_equal(devid_template_ek(DEVID_RSA, 4096, false, &t, NULL), DEVID_E_KEY);
    assert_int_equal(devid_template_ek(DEVID_EC, 384, false, &t, NULL), DEVID_E_KEY);
}

static void the_storage_root_key_is_the_tcg_one(void **state)
{
    TPM2B_PUBLIC t;

    (void)state;
    devid_template_srk(&t);
    assert_area(&t, "005a 0023 000b 00030472 0000 0006 0080 0043 0010 0003 0010"
                    "0020 0000000000000000000000000000000000000000000000000000000000000000"
                    "0020 0000000000000000000000000000000000000000000000000000000000000000");
}

static devid_rc owner(enum devid_alg alg, unsigned bits, const char *uses, TPM2B_PUBLIC *out, struct devid_error *err)
{
    const struct devid_wanted wanted = {.alg = alg, .bits = bits, .signs = strchr(uses, 's') != NULL,
                                        .decrypts = strchr(uses, 'd') != NULL};

    return devid_template_owner(&wanted, out, err);
}

static void owner_keys_are_fixed_noda_and_without_scheme(void **state)
{
    TPM2B_PUBLIC t;

    (void)state;
    assert_int_equal(owner(DEVID_EC, 256, "s", &t, NULL), DEVID_OK);
    assert_area(&t, "0016 0023 000b 00040472 0000 0010 0010 0003 0010 0000 0000");
    assert_int_equal(owner(DEVID_EC, 384, "s", &t, NULL), DEVID_OK);
    assert_area(&t, "0016 0023 000b 00040472 0000 0010 0010 0004 0010 0000 0000");
    assert_int_equal(owner(DEVID_RSA, 2048, "sd", &t, NULL), DEVID_OK);
    assert_area(&t, "0016 0001 000b 00060472 0000 0010 0010 0800 00000000 0000");
    assert_int_equal(owner(DEVID_RSA, 3072, "sd", &t, NULL), DEVID_OK);
    assert_area(&t, "0016 0001 000b 00060472 0000 0010 0010 0c00 00000000 0000");
}

static void an_owner_key_may_have_one_scheme(void **state)
{
    struct devid_wanted wanted = {.alg = DEVID_EC, .bits = 256, .signs = true, .has_scheme = true};
    struct devid_error err = {0};
    TPM2B_PUBLIC t;

    (void)state;
    assert_int_equal(devid_template_owner(&wanted, &t, NULL), DEVID_OK);
    assert_area(&t, "0018 0023 000b 00040472 0000 0010 0018 000b 0003 0010 0000 0000");
    wanted.alg = DEVID_RSA;
    wanted.bits = 2048;
    assert_int_equal(devid_template_owner(&wanted, &t, NULL), DEVID_OK);
    assert_area(&t, "0018 0001 000b 00040472 0000 0010 0014 000b 0800 00000000 0000");
    wanted.decrypts = true;
    assert_int_equal(devid_template_owner(&wanted, &t, &err), DEVID_E_ARG);
    assert_non_null(strstr(err.text, "cannot decrypt"));
}

static void an_owner_key_does_what_was_asked_and_no_more(void **state)
{
    struct devid_error err = {0};
    TPM2B_PUBLIC t;

    (void)state;
    assert_int_equal(owner(DEVID_EC, 521, "s", &t, NULL), DEVID_OK);
    assert_area(&t, "0016 0023 000b 00040472 0000 0010 0010 0005 0010 0000 0000");
    assert_int_equal(owner(DEVID_EC, 256, "d", &t, NULL), DEVID_OK);
    assert_area(&t, "0016 0023 000b 00020472 0000 0010 0010 0003 0010 0000 0000");
    assert_int_equal(owner(DEVID_EC, 384, "sd", &t, NULL), DEVID_OK);
    assert_area(&t, "0016 0023 000b 00060472 0000 0010 0010 0004 0010 0000 0000");
    assert_int_equal(owner(DEVID_RSA, 4096, "s", &t, NULL), DEVID_OK);
    assert_area(&t, "0016 0001 000b 00040472 0000 0010 0010 1000 00000000 0000");
    assert_int_equal(owner(DEVID_RSA, 2048, "d", &t, NULL), DEVID_OK);
    assert_area(&t, "0016 0001 000b 00020472 0000 0010 0010 0800 00000000 0000");
    assert_int_equal(owner(DEVID_RSA, 2048, "", &t, &err), DEVID_E_ARG);
    assert_non_null(strstr(err.text, "of no use"));
}

static void a_type_without_template_is_refused_with_those_there_are(void **state)
{
    struct devid_error err = {0};
    TPM2B_PUBLIC t;

    (void)state;
    assert_int_equal(devid_template_devid(DEVID_ROLE_IDEVID, DEVID_RSA, 3072, &t, &err), DEVID_E_KEY);
    assert_non_null(strstr(err.text, "ec-p256, ec-p384, ec-p521 or rsa-2048"));
    assert_int_equal(devid_template_devid(DEVID_ROLE_LDEVID, DEVID_EC, 256, &t, &err), DEVID_E_KEY);
    assert_int_equal(owner(DEVID_EC, 224, "s", &t, &err), DEVID_E_KEY);
    assert_int_equal(owner(DEVID_RSA, 1024, "sd", &t, &err), DEVID_E_KEY);
    assert_int_equal(owner(DEVID_RSA, 256, "sd", &t, &err), DEVID_E_KEY);
    assert_non_null(strstr(err.text, "rsa-256 are not offered"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_are_those_of_their_definition),
        cmocka_unit_test(device_templates_are_byte_for_byte_the_recorded_ones),
        cmocka_unit_test(policies_of_endorsement_keys_are_the_published_ones),
        cmocka_unit_test(endorsement_key_templates_are_byte_for_byte_the_profiles),
        cmocka_unit_test(the_storage_root_key_is_the_tcg_one),
        cmocka_unit_test(owner_keys_are_fixed_noda_and_without_scheme),
        cmocka_unit_test(an_owner_key_may_have_one_scheme),
        cmocka_unit_test(an_owner_key_does_what_was_asked_and_no_more),
        cmocka_unit_test(a_type_without_template_is_refused_with_those_there_are),
    };

    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
