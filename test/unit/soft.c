/* SPDX-License-Identifier: BSD-2-Clause */
/* Software keys for unit tests. All by the process's default library context, which core does not use. */
#include "unit/soft.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/public.h"

EVP_PKEY *soft_key(const char *name)
{
    EVP_PKEY *key = strcmp(name, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                             : EVP_PKEY_Q_keygen(NULL, NULL, "EC", name);

    assert_non_null(key);
    return key;
}

struct devid_bytes soft_spki(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    struct devid_bytes out = {0};

    assert_true(len > 0);
    assert_int_equal(devid_bytes_copy((struct devid_slice){der, (size_t)len}, &out, NULL), DEVID_OK);
    OPENSSL_free(der);
    return out;
}

static uint16_t put_number(EVP_PKEY *key, const char *param, unsigned char *out, size_t pad_to)
{
    BIGNUM *n = NULL;
    int len;

    assert_int_equal(EVP_PKEY_get_bn_param(key, param, &n), 1);
    len = pad_to != 0 ? (int)pad_to : BN_num_bytes(n);
    assert_int_equal(BN_bn2binpad(n, out, len), len);
    BN_free(n);
    return (uint16_t)len;
}

struct devid_bytes soft_area(EVP_PKEY *key, const struct soft_area *how)
{
    TPM2B_PUBLIC in = {.publicArea = {.nameAlg = TPM2_ALG_SHA256, .objectAttributes = how->attributes}};
    TPMT_PUBLIC *area = &in.publicArea;
    unsigned char buf[sizeof in];
    struct devid_bytes out = {0};
    size_t len = 0;

    if (EVP_PKEY_is_a(key, "EC")) {
        TPMS_ECC_PARMS *ec = &area->parameters.eccDetail;
        int bits = EVP_PKEY_get_bits(key);

        area->type = TPM2_ALG_ECC;
        ec->symmetric.algorithm = ec->kdf.scheme = TPM2_ALG_NULL;
        ec->scheme.scheme = how->scheme != 0 ? how->scheme : TPM2_ALG_NULL;
        ec->scheme.details.ecdsa.hashAlg = how->hash;
        ec->curveID = bits == 256 ? TPM2_ECC_NIST_P256 : bits == 384 ? TPM2_ECC_NIST_P384 : TPM2_ECC_NIST_P521;
        area->unique.ecc.x.size = put_number(key, OSSL_PKEY_PARAM_EC_PUB_X, area->unique.ecc.x.buffer, how->pad_to);
        area->unique.ecc.y.size = put_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, area->unique.ecc.y.buffer, how->pad_to);
    } else {
        TPMS_RSA_PARMS *rsa = &area->parameters.rsaDetail;

        area->type = TPM2_ALG_RSA;
        rsa->symmetric.algorithm = TPM2_ALG_NULL;
        rsa->scheme.scheme = how->scheme != 0 ? how->scheme : TPM2_ALG_NULL;
        rsa->scheme.details.rsassa.hashAlg = how->hash;
        rsa->keyBits = (uint16_t)EVP_PKEY_get_bits(key);
        area->unique.rsa.size = put_number(key, OSSL_PKEY_PARAM_RSA_N, area->unique.rsa.buffer, 0);
    }
    assert_int_equal(Tss2_MU_TPM2B_PUBLIC_Marshal(&in, buf, sizeof buf, &len), TSS2_RC_SUCCESS);
    assert_int_equal(devid_bytes_copy((struct devid_slice){buf, len}, &out, NULL), DEVID_OK);
    return out;
}

static struct devid_bytes raw_ecdsa(EVP_PKEY *key, const unsigned char *der, size_t len)
{
    int half = (EVP_PKEY_get_bits(key) + 7) / 8;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    struct devid_bytes out = {calloc(2, (size_t)half), 2 * (size_t)half};

    assert_non_null(pair);
    assert_non_null(out.data);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), out.data, half), half);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), out.data + half, half), half);
    ECDSA_SIG_free(pair);
    return out;
}

struct devid_bytes soft_sign(EVP_PKEY *key, const struct devid_scheme *scheme, struct devid_slice digest)
{
    static const int paddings[] = {[DEVID_PKCS1] = RSA_PKCS1_PADDING, [DEVID_PSS] = RSA_PKCS1_PSS_PADDING,
                                   [DEVID_RAW] = RSA_NO_PADDING};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    unsigned char sig[1024];
    struct devid_bytes out = {0};
    size_t len = sizeof sig;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    if (scheme->padding != DEVID_ECDSA)
        assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, paddings[scheme->padding]) > 0);
    if (scheme->hash != DEVID_HASH_NONE)
        assert_true(EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(devid_hash_name(scheme->hash))) > 0);
    if (scheme->padding == DEVID_PSS) {
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)scheme->salt_len) > 0);
        if (scheme->mgf != DEVID_HASH_NONE)
            assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbyname(devid_hash_name(scheme->mgf))) > 0);
    }
    assert_int_equal(EVP_PKEY_sign(ctx, sig, &len, digest.data, digest.len), 1);
    EVP_PKEY_CTX_free(ctx);
    if (scheme->padding == DEVID_ECDSA)
        return raw_ecdsa(key, sig, len);
    assert_int_equal(devid_bytes_copy((struct devid_slice){sig, len}, &out, NULL), DEVID_OK);
    return out;
}

static void add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    extension = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

struct devid_bytes soft_cert(EVP_PKEY *key, const char *cn, const char *not_after)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_NAME_new();
    unsigned char *der = NULL;
    struct devid_bytes out = {0};
    int len;

    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 0x1234), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Example", -1, -1, 0), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0), 1);
    assert_int_equal(X509_set_subject_name(x, name), 1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20200101000000Z"), 1);
    assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), not_after), 1);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x, NID_subject_key_identifier, "hash");
    add_extension(x, NID_authority_key_identifier, "keyid:always");
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    len = i2d_X509(x, &der);
    assert_true(len > 0);
    assert_int_equal(devid_bytes_copy((struct devid_slice){der, (size_t)len}, &out, NULL), DEVID_OK);
    OPENSSL_free(der);
    X509_NAME_free(name);
    X509_free(x);
    return out;
}

void assert_queue_is_empty(void)
{
    assert_int_equal(ERR_peek_error(), 0);
}
