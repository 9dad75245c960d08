/* SPDX-License-Identifier: BSD-2-Clause */
/* ECDH: secrets as OpenSSL computes them, by one command; who may read them, and how long they live. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <string.h>

#include "tpm/pkcs11_face.h"

#define POINT_MAX 200

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_MECHANISM keygen = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
static unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static unsigned char p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static unsigned char info[] = "shared info";

/* Our key in the TPM, the other side's in software. */
struct sides {
    CK_OBJECT_HANDLE ours;
    EVP_PKEY *our_public, *peer;
    unsigned char point[POINT_MAX]; /* the other side's */
    size_t point_len;
};

static void meet(struct p11 *t, const char *curve, unsigned char *params, CK_ULONG params_len, struct sides *s)
{
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, params, params_len}}, private[] = {{CKA_DERIVE, &yes, 1}};
    unsigned char spki[200];
    const unsigned char *at = spki;
    CK_OBJECT_HANDLE public_key;
    CK_ULONG len;

    assert_rv(f->C_GenerateKeyPair(t->session, &keygen, public, 1, private, 1, &public_key, &s->ours), CKR_OK);
    len = p11_attr(t->session, public_key, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
    s->our_public = d2i_PUBKEY(NULL, &at, (long)len);
    s->peer = EVP_EC_gen(curve);
    assert_int_equal(EVP_PKEY_get_octet_string_param(s->peer, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, s->point,
                                                     sizeof s->point, &s->point_len), 1);
    world_forget_commands(t->world);
}

static void part(struct sides *s)
{
    EVP_PKEY_free(s->our_public);
    EVP_PKEY_free(s->peer);
}

/* By OpenSSL: hash NULL is the coordinate. */
static size_t expected(const struct sides *s, const char *hash, size_t len, unsigned char *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->peer, NULL);
    unsigned char z[66];
    size_t z_len = sizeof z;
    EVP_KDF *kdf;
    EVP_KDF_CTX *kctx;
    OSSL_PARAM params[4];

    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(ctx, s->our_public), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, z, &z_len), 1);
    EVP_PKEY_CTX_free(ctx);
    if (hash == NULL) {
        memcpy(out, z, z_len);
        return z_len;
    }
    kdf = EVP_KDF_fetch(NULL, "X963KDF", NULL);
    kctx = EVP_KDF_CTX_new(kdf);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)hash, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, z, z_len);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info);
    params[3] = OSSL_PARAM_construct_end();
    assert_int_equal(EVP_KDF_derive(kctx, out, len, params), 1);
    EVP_KDF_CTX_free(kctx);
    EVP_KDF_free(kdf);
    return len;
}

static CK_RV derive(struct p11 *t, CK_ULONG kdf, struct sides *s, CK_ATTRIBUTE *template, CK_ULONG n,
                    CK_OBJECT_HANDLE *made)
{
    CK_ECDH1_DERIVE_PARAMS params = {.kdf = kdf};
    CK_MECHANISM mech = {CKM_ECDH1_DERIVE, &params, sizeof params};

    params.pPublicData = s->point;
    params.ulPublicDataLen = s->point_len;
    if (kdf != CKD_NULL) {
        params.pSharedData = info;
        params.ulSharedDataLen = sizeof info;
    }
    return f->C_DeriveKey(t->session, &mech, s->ours, template, n, made);
}

static void the_secret_is_the_one_that_the_other_side_has(void **state)
{
    static const struct {
        CK_ULONG kdf;
        const char *hash;
        CK_ULONG len;
    } cases[] = {{CKD_NULL, NULL, 0},         {CKD_SHA1_KDF, "SHA1", 20},     {CKD_SHA256_KDF, "SHA256", 32},
                 {CKD_SHA384_KDF, "SHA384", 100}, {CKD_SHA512_KDF, "SHA512", 1024}, {CKD_SHA256_KDF, "SHA256", 1}};
    static unsigned char value[1024], wanted[1024];
    struct p11 *t = *state;

    for (int curve = 0; curve < 2; curve++) {
        struct sides s;

        meet(t, curve == 0 ? "P-256" : "P-384", curve == 0 ? p256 : p384, curve == 0 ? sizeof p256 : sizeof p384, &s);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            CK_ULONG len = cases[i].len, told = 0;
            CK_ATTRIBUTE template[] = {{CKA_VALUE_LEN, &len, sizeof len}};
            CK_OBJECT_HANDLE made;

            assert_rv(derive(t, cases[i].kdf, &s, template, len != 0 ? 1 : 0, &made), CKR_OK);
            assert_commands(t, "Load ECDH_ZGen FlushContext");
            len = p11_attr(t->session, made, CKA_VALUE, value, sizeof value);
            assert_int_equal(len, expected(&s, cases[i].hash, cases[i].len, wanted));
            assert_memory_equal(value, wanted, len);
            (void)p11_attr(t->session, made, CKA_VALUE_LEN, &told, sizeof told);
            assert_int_equal(told, len);
        }
        part(&s);
    }
}

/* Mechanisms, 2.3.7: truncation removes bytes in front. */
static void a_shorter_secret_is_the_end_of_the_coordinate(void **state)
{
    CK_KEY_TYPE aes = CKK_AES, got = 0;
    CK_ULONG len = 16, odd = 15, much = 33;
    CK_ATTRIBUTE template[] = {{CKA_VALUE_LEN, &len, sizeof len}, {CKA_KEY_TYPE, &aes, sizeof aes}};
    CK_ATTRIBUTE wrong[] = {{CKA_VALUE_LEN, &odd, sizeof odd}, {CKA_KEY_TYPE, &aes, sizeof aes}};
    CK_ATTRIBUTE longer[] = {{CKA_VALUE_LEN, &much, sizeof much}};
    unsigned char value[66], wanted[66];
    struct p11 *t = *state;
    CK_OBJECT_HANDLE made;
    struct sides s;

    meet(t, "P-256", p256, sizeof p256, &s);
    assert_rv(derive(t, CKD_NULL, &s, template, 2, &made), CKR_OK);
    assert_int_equal(p11_attr(t->session, made, CKA_VALUE, value, sizeof value), 16);
    (void)expected(&s, NULL, 0, wanted);
    assert_memory_equal(value, wanted + 16, 16);
    (void)p11_attr(t->session, made, CKA_KEY_TYPE, &got, sizeof got);
    assert_int_equal(got, CKK_AES);
    world_forget_commands(t->world);
    assert_rv(derive(t, CKD_NULL, &s, wrong, 2, &made), CKR_KEY_SIZE_RANGE);
    assert_rv(derive(t, CKD_NULL, &s, longer, 1, &made), CKR_KEY_SIZE_RANGE);
    len = 1025;
    assert_rv(derive(t, CKD_SHA256_KDF, &s, template, 1, &made), CKR_KEY_SIZE_RANGE);
    len = 0;
    assert_rv(derive(t, CKD_SHA256_KDF, &s, template, 1, &made), CKR_KEY_SIZE_RANGE);
    assert_commands(t, "");
    part(&s);
}

/* CKA_EC_POINT as it is, which is what some clients give. */
static void the_other_sides_point_may_be_der(void **state)
{
    unsigned char der[POINT_MAX + 3], value[66], wanted[66];
    struct p11 *t = *state;
    CK_OBJECT_HANDLE made;
    struct sides s;

    meet(t, "P-256", p256, sizeof p256, &s);
    der[0] = 0x04;
    der[1] = (unsigned char)s.point_len;
    memcpy(der + 2, s.point, s.point_len);
    (void)expected(&s, NULL, 0, wanted);
    memcpy(s.point, der, s.point_len += 2);
    assert_rv(derive(t, CKD_NULL, &s, NULL, 0, &made), CKR_OK);
    assert_int_equal(p11_attr(t->session, made, CKA_VALUE, value, sizeof value), 32);
    assert_memory_equal(value, wanted, 32);
    part(&s);
}

static CK_RV get(struct p11 *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out, CK_ULONG room)
{
    CK_ATTRIBUTE a = {type, out, room};

    return f->C_GetAttributeValue(t->session, object, &a, 1);
}

static void a_secret_is_read_by_whom_its_maker_allows(void **state)
{
    static char label[] = "secret";
    CK_ATTRIBUTE sensitive[] = {{CKA_SENSITIVE, &yes, 1}, {CKA_LABEL, label, 6}}, kept[] = {{CKA_EXTRACTABLE, &no, 1}};
    CK_ATTRIBUTE wanted[] = {{CKA_LABEL, label, 6}};
    struct p11 *t = *state;
    CK_OBJECT_CLASS class = 0;
    unsigned char value[66];
    CK_OBJECT_HANDLE made, other;
    CK_BBOOL is = 2;
    struct sides s;

    meet(t, "P-256", p256, sizeof p256, &s);
    assert_rv(derive(t, CKD_NULL, &s, sensitive, 2, &made), CKR_OK);
    assert_rv(get(t, made, CKA_VALUE, value, sizeof value), CKR_ATTRIBUTE_SENSITIVE);
    assert_rv(get(t, made, CKA_SENSITIVE, &is, 1), CKR_OK);
    assert_int_equal(is, CK_TRUE);
    assert_rv(get(t, made, CKA_TOKEN, &is, 1), CKR_OK);
    assert_int_equal(is, CK_FALSE);
    assert_rv(get(t, made, CKA_CLASS, &class, sizeof class), CKR_OK);
    assert_int_equal(class, CKO_SECRET_KEY);
    assert_int_equal(p11_count(t->session, wanted, 1), 1);
    assert_rv(derive(t, CKD_NULL, &s, kept, 1, &other), CKR_OK);
    assert_int_not_equal(made, other);
    assert_rv(get(t, other, CKA_VALUE, value, sizeof value), CKR_ATTRIBUTE_SENSITIVE);
    assert_rv(f->C_DestroyObject(t->session, other), CKR_OK);
    assert_rv(f->C_DestroyObject(t->session, other), CKR_OBJECT_HANDLE_INVALID);
    assert_rv(get(t, other, CKA_CLASS, &class, sizeof class), CKR_OBJECT_HANDLE_INVALID);
    assert_rv(get(t, made, CKA_CLASS, &class, sizeof class), CKR_OK);
    part(&s);
}

static void a_secret_ends_with_its_session(void **state)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_ATTRIBUTE secrets[] = {{CKA_CLASS, &class, sizeof class}};
    struct p11 *t = *state;
    CK_SESSION_HANDLE first = t->session;
    CK_OBJECT_HANDLE made;
    struct sides s;

    meet(t, "P-256", p256, sizeof p256, &s);
    t->session = p11_session(OWNER, 0); /* read-only: session objects may be made */
    assert_rv(derive(t, CKD_NULL, &s, NULL, 0, &made), CKR_OK);
    assert_int_equal(p11_count(first, secrets, 1), 1);
    assert_rv(f->C_CloseSession(t->session), CKR_OK);
    t->session = first;
    assert_int_equal(p11_count(first, secrets, 1), 0);
    assert_rv(get(t, made, CKA_CLASS, &class, sizeof class), CKR_OBJECT_HANDLE_INVALID);
    part(&s);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct p11 *t = *state;
    CK_ATTRIBUTE token[] = {{CKA_TOKEN, &yes, 1}}, value[] = {{CKA_VALUE, info, 5}};
    CK_ECDH1_DERIVE_PARAMS params = {.kdf = CKD_NULL};
    CK_MECHANISM mech = {CKM_ECDH1_DERIVE, &params, sizeof params}, ecdsa = {CKM_ECDSA, NULL, 0};
    CK_MECHANISM bare = {CKM_ECDH1_DERIVE, NULL, 0};
    CK_OBJECT_HANDLE made, signs = p11_find(t->session, CKO_PRIVATE_KEY, "azure:ldevid");
    CK_OBJECT_HANDLE rsa = p11_find(t->session, CKO_PRIVATE_KEY, "rsa");
    struct sides s;

    meet(t, "P-256", p256, sizeof p256, &s);
    params.pPublicData = s.point;
    params.ulPublicDataLen = s.point_len;
    assert_rv(f->C_DeriveKey(t->session, NULL, s.ours, NULL, 0, &made), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_DeriveKey(t->session, &mech, s.ours, NULL, 0, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_DeriveKey(t->session, &mech, s.ours, NULL, 2, &made), CKR_ARGUMENTS_BAD);
    assert_rv(f->C_DeriveKey(t->session, &ecdsa, s.ours, NULL, 0, &made), CKR_MECHANISM_INVALID);
    assert_rv(f->C_DeriveKey(t->session, &bare, s.ours, NULL, 0, &made), CKR_MECHANISM_PARAM_INVALID);
    assert_rv(f->C_DeriveKey(t->session, &mech, signs, NULL, 0, &made), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(f->C_DeriveKey(t->session, &mech, rsa, NULL, 0, &made), CKR_KEY_TYPE_INCONSISTENT);
    assert_rv(f->C_DeriveKey(t->session, &mech, 9999, NULL, 0, &made), CKR_KEY_HANDLE_INVALID);
    assert_rv(f->C_DeriveKey(t->session, &mech, s.ours, token, 1, &made), CKR_TEMPLATE_INCONSISTENT);
    assert_rv(f->C_DeriveKey(t->session, &mech, s.ours, value, 1, &made), CKR_ATTRIBUTE_READ_ONLY);
    params.pSharedData = info;
    params.ulSharedDataLen = 3; /* which a bare coordinate does not use */
    assert_rv(f->C_DeriveKey(t->session, &mech, s.ours, NULL, 0, &made), CKR_MECHANISM_PARAM_INVALID);
    params.ulSharedDataLen = 0;
    params.ulPublicDataLen--;
    assert_rv(f->C_DeriveKey(t->session, &mech, s.ours, NULL, 0, &made), CKR_MECHANISM_PARAM_INVALID);
    params.kdf = 99;
    assert_rv(derive(t, 99, &s, NULL, 0, &made), CKR_MECHANISM_PARAM_INVALID);
    assert_commands(t, "");
    s.point[s.point_len - 1] ^= 1; /* not on the curve: the TPM says so */
    assert_rv(derive(t, CKD_NULL, &s, NULL, 0, &made), CKR_MECHANISM_PARAM_INVALID);
    part(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P11_TEST(the_secret_is_the_one_that_the_other_side_has),
        P11_TEST(a_shorter_secret_is_the_end_of_the_coordinate),
        P11_TEST(the_other_sides_point_may_be_der),
        P11_TEST(a_secret_is_read_by_whom_its_maker_allows),
        P11_TEST(a_secret_ends_with_its_session),
        P11_TEST(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, p11_group_start, p11_group_end);
}
