/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Algorithms that name their digest, "ECDSA-SHA256" (provider-signature(7), "Message Signing Functions"; OpenSSL 3.4): the digest is
 * theirs, and a program gives them either the message or its digest.
 */
#include "provider/keymgmt.h"
#include "provider/signature.h"

#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

/* The digest is not to be chosen. */
static const OSSL_PARAM settable[] = {
    OSSL_PARAM_uint(PROVIDER_PARAM_NONCE_TYPE, NULL), /* ECDSA's */
    OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_SIGNATURE, NULL, 0),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *settable_ec(void *ctx, void *provctx)
{
    (void)ctx;
    (void)provctx;
    return settable;
}

static const OSSL_PARAM *settable_rsa(void *ctx, void *provctx)
{
    (void)ctx;
    (void)provctx;
    return settable + 1;
}

static int set_nonce(struct signing *s, const OSSL_PARAM *nonce)
{
    const OSSL_PARAM one[] = {*nonce, OSSL_PARAM_END};

    return signing_set_params(s, one);
}

/* The signature is what the message's end will be compared with. */
static int composite_set_params(void *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *at = params == NULL ? NULL : OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_SIGNATURE);
    const OSSL_PARAM *nonce = params == NULL ? NULL : OSSL_PARAM_locate_const(params, PROVIDER_PARAM_NONCE_TYPE);
    struct signing *s = ctx;
    const void *data = NULL;
    size_t len = 0;

    if (nonce != NULL && !set_nonce(s, nonce))
        return 0;
    if (at == NULL)
        return 1;
    devid_bytes_free(&s->expected);
    return OSSL_PARAM_get_octet_string_ptr(at, &data, &len) == 1 &&
           devid_bytes_copy((struct devid_slice){data, len}, &s->expected, NULL) == DEVID_OK;
}

static int set_digest(struct signing *s, const char *md)
{
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)(uintptr_t)md, 0), OSSL_PARAM_END};

    params[0].data_size = strlen(md);
    return signing_set_params(s, params);
}

/* RSA's padding is in the name, too: a key of the TPM that is fixed to another is refused now. */
static int set_padding(struct signing *s)
{
    int padding = RSA_PKCS1_PADDING;
    const OSSL_PARAM params[] = {OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, &padding), OSSL_PARAM_END};

    return !signing_is_tpm(s) || s->key->alg != DEVID_RSA || signing_set_params(s, params);
}

/* A new operation; the signature to compare with is the former's. */
static void forget_expected(void *ctx)
{
    struct signing *s = ctx;

    devid_bytes_free(&s->expected);
}

static int composite_sign_init(void *ctx, void *key, const char *md, const OSSL_PARAM params[])
{
    return signing_sign_init(ctx, key, NULL) && set_digest(ctx, md) && set_padding(ctx) &&
           composite_set_params(ctx, params);
}

static int composite_verify_init(void *ctx, void *key, const char *md, const OSSL_PARAM params[])
{
    forget_expected(ctx);
    return signing_verify_init(ctx, key, NULL) && set_digest(ctx, md) && composite_set_params(ctx, params);
}

static int message_sign_init(void *ctx, void *key, const char *md, const OSSL_PARAM params[])
{
    return signing_digest_sign_init(ctx, md, key, NULL) && set_padding(ctx) && composite_set_params(ctx, params);
}

static int message_verify_init(void *ctx, void *key, const char *md, const OSSL_PARAM params[])
{
    forget_expected(ctx);
    return signing_digest_verify_init(ctx, md, key, NULL) && composite_set_params(ctx, params);
}

/* A message, if it was begun with one; else its digest. */
static int composite_sign(void *ctx, unsigned char *sig, size_t *len, size_t room, const unsigned char *tbs, size_t tbs_len)
{
    const struct signing *s = ctx;
    bool is_message = s->hash != NULL || s->inner_md != NULL;

    return (is_message ? signing_digest_sign : signing_sign)(ctx, sig, len, room, tbs, tbs_len);
}

static int composite_verify(void *ctx, const unsigned char *sig, size_t len, const unsigned char *tbs, size_t tbs_len)
{
    const struct signing *s = ctx;

    if (s->inner_md == NULL)
        return signing_verify(ctx, sig, len, tbs, tbs_len);
    return signing_digest_verify_update(ctx, tbs, tbs_len) && signing_digest_verify_final(ctx, sig, len);
}

static int message_verify_final(void *ctx)
{
    const struct signing *s = ctx;

    return s->expected.len != 0 && signing_digest_verify_final(ctx, s->expected.data, s->expected.len);
}

static const char **key_types_ec(void)
{
    static const char *types[] = {"EC", NULL};

    return types;
}

static const char **key_types_rsa(void)
{
    static const char *types[] = {"RSA", NULL};

    return types;
}

/* provider-signature(7) hands no name of the algorithm to its functions: some each. */
#define COMPOSITE_INIT(name, what, md)                                         \
    static int name##_##what(void *ctx, void *key, const OSSL_PARAM params[])  \
    {                                                                          \
        return what(ctx, key, md, params);                                     \
    }

#define COMPOSITE(name, type, md)                                                              \
    COMPOSITE_INIT(name, composite_sign_init, md)                                              \
    COMPOSITE_INIT(name, composite_verify_init, md)                                            \
    COMPOSITE_INIT(name, message_sign_init, md)                                                \
    COMPOSITE_INIT(name, message_verify_init, md)                                              \
    static const OSSL_DISPATCH name[] = {                                                      \
        SIGNING_SHARED,                                                                        \
        ENTRY(OSSL_FUNC_SIGNATURE_SIGN_INIT, name##_composite_sign_init),                      \
        ENTRY(OSSL_FUNC_SIGNATURE_SIGN, composite_sign),                                       \
        ENTRY(OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT, name##_message_sign_init),                \
        ENTRY(OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_UPDATE, signing_digest_sign_update),            \
        ENTRY(OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_FINAL, signing_digest_sign_final),              \
        ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_INIT, name##_composite_verify_init),                  \
        ENTRY(OSSL_FUNC_SIGNATURE_VERIFY, composite_verify),                                   \
        ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT, name##_message_verify_init),            \
        ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_UPDATE, signing_digest_verify_update),        \
        ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_FINAL, message_verify_final),                 \
        ENTRY(OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES, key_types_##type),                          \
        ENTRY(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, composite_set_params),                       \
        ENTRY(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, settable_##type),                       \
        {0, NULL},                                                                             \
    }

COMPOSITE(ecdsa_sha1, ec, "SHA1");
COMPOSITE(ecdsa_sha224, ec, "SHA224");
COMPOSITE(ecdsa_sha256, ec, "SHA256");
COMPOSITE(ecdsa_sha384, ec, "SHA384");
COMPOSITE(ecdsa_sha512, ec, "SHA512");
COMPOSITE(ecdsa_sha3_224, ec, "SHA3-224");
COMPOSITE(ecdsa_sha3_256, ec, "SHA3-256");
COMPOSITE(ecdsa_sha3_384, ec, "SHA3-384");
COMPOSITE(ecdsa_sha3_512, ec, "SHA3-512");
COMPOSITE(rsa_sha1, rsa, "SHA1");
COMPOSITE(rsa_sha224, rsa, "SHA224");
COMPOSITE(rsa_sha256, rsa, "SHA256");
COMPOSITE(rsa_sha384, rsa, "SHA384");
COMPOSITE(rsa_sha512, rsa, "SHA512");
COMPOSITE(rsa_sha512_224, rsa, "SHA512-224");
COMPOSITE(rsa_sha512_256, rsa, "SHA512-256");
COMPOSITE(rsa_sha3_224, rsa, "SHA3-224");
COMPOSITE(rsa_sha3_256, rsa, "SHA3-256");
COMPOSITE(rsa_sha3_384, rsa, "SHA3-384");
COMPOSITE(rsa_sha3_512, rsa, "SHA3-512");

/* libcrypto's names: its default provider's, all of them or the two would not be one algorithm */
#define BY_DIGEST(names, table) {names, PROVIDER_PROPERTY, table, "a signature that names its digest, by this device's TPM"}

#endif

const OSSL_ALGORITHM provider_signature[] = {
    {"ECDSA", PROVIDER_PROPERTY, signing_functions, "ECDSA by this device's TPM"},
    {KEYMGMT_RSA_NAMES, PROVIDER_PROPERTY, signing_functions, "RSA signatures by this device's TPM"},
#ifdef BY_DIGEST
    BY_DIGEST("ECDSA-SHA1:ECDSA-SHA-1:ecdsa-with-SHA1:1.2.840.10045.4.1", ecdsa_sha1),
    BY_DIGEST("ECDSA-SHA2-224:ECDSA-SHA224:ecdsa-with-SHA224:1.2.840.10045.4.3.1", ecdsa_sha224),
    BY_DIGEST("ECDSA-SHA2-256:ECDSA-SHA256:ecdsa-with-SHA256:1.2.840.10045.4.3.2", ecdsa_sha256),
    BY_DIGEST("ECDSA-SHA2-384:ECDSA-SHA384:ecdsa-with-SHA384:1.2.840.10045.4.3.3", ecdsa_sha384),
    BY_DIGEST("ECDSA-SHA2-512:ECDSA-SHA512:ecdsa-with-SHA512:1.2.840.10045.4.3.4", ecdsa_sha512),
    BY_DIGEST("ECDSA-SHA3-224:ecdsa_with_SHA3-224:id-ecdsa-with-sha3-224:2.16.840.1.101.3.4.3.9", ecdsa_sha3_224),
    BY_DIGEST("ECDSA-SHA3-256:ecdsa_with_SHA3-256:id-ecdsa-with-sha3-256:2.16.840.1.101.3.4.3.10", ecdsa_sha3_256),
    BY_DIGEST("ECDSA-SHA3-384:ecdsa_with_SHA3-384:id-ecdsa-with-sha3-384:2.16.840.1.101.3.4.3.11", ecdsa_sha3_384),
    BY_DIGEST("ECDSA-SHA3-512:ecdsa_with_SHA3-512:id-ecdsa-with-sha3-512:2.16.840.1.101.3.4.3.12", ecdsa_sha3_512),
    BY_DIGEST("RSA-SHA1:RSA-SHA-1:sha1WithRSAEncryption:1.2.840.113549.1.1.5", rsa_sha1),
    BY_DIGEST("RSA-SHA2-224:RSA-SHA224:sha224WithRSAEncryption:1.2.840.113549.1.1.14", rsa_sha224),
    BY_DIGEST("RSA-SHA2-256:RSA-SHA256:sha256WithRSAEncryption:1.2.840.113549.1.1.11", rsa_sha256),
    BY_DIGEST("RSA-SHA2-384:RSA-SHA384:sha384WithRSAEncryption:1.2.840.113549.1.1.12", rsa_sha384),
    BY_DIGEST("RSA-SHA2-512:RSA-SHA512:sha512WithRSAEncryption:1.2.840.113549.1.1.13", rsa_sha512),
    BY_DIGEST("RSA-SHA2-512/224:RSA-SHA512-224:sha512-224WithRSAEncryption:1.2.840.113549.1.1.15", rsa_sha512_224),
    BY_DIGEST("RSA-SHA2-512/256:RSA-SHA512-256:sha512-256WithRSAEncryption:1.2.840.113549.1.1.16", rsa_sha512_256),
    BY_DIGEST("RSA-SHA3-224:id-rsassa-pkcs1-v1_5-with-sha3-224:2.16.840.1.101.3.4.3.13", rsa_sha3_224),
    BY_DIGEST("RSA-SHA3-256:id-rsassa-pkcs1-v1_5-with-sha3-256:2.16.840.1.101.3.4.3.14", rsa_sha3_256),
    BY_DIGEST("RSA-SHA3-384:id-rsassa-pkcs1-v1_5-with-sha3-384:2.16.840.1.101.3.4.3.15", rsa_sha3_384),
    BY_DIGEST("RSA-SHA3-512:id-rsassa-pkcs1-v1_5-with-sha3-512:2.16.840.1.101.3.4.3.16", rsa_sha3_512),
#endif
    {NULL, NULL, NULL, NULL},
};
