/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TPM key's context of the default provider: asked to verify, it keeps the parameters of a signature and gives its AlgorithmIdentifier. To make
 * it costs more than the rest of a signature's way through us, and TLS with an EC key asks it nothing: so it is made at the first
 * question.
 */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

#include "provider/signature.h"

int signing_settle_salt(struct signing *s)
{
    int padding = 0, salt = 0;
    OSSL_PARAM get[] = {OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, &padding),
                        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt), OSSL_PARAM_END};

    if (!signing_is_tpm(s) || s->key->alg != DEVID_RSA || EVP_PKEY_CTX_get_params(s->inner, get) != 1 ||
        padding != RSA_PKCS1_PSS_PADDING || salt != RSA_PSS_SALTLEN_AUTO)
        return 1;
    return EVP_PKEY_CTX_set_rsa_pss_saltlen(s->inner, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool set_digest(EVP_PKEY_CTX *ctx, const char *name)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)(uintptr_t)name, 0),
        OSSL_PARAM_END,
    };

    params[0].data_size = strlen(name);
    return EVP_PKEY_CTX_set_params(ctx, params) == 1;
}

bool signing_make_shadow(struct signing *s)
{
    s->inner = EVP_PKEY_CTX_new_from_pkey(devid_libctx(), s->key->soft, NULL);
    if (s->inner != NULL && EVP_PKEY_verify_init(s->inner) == 1 &&
        (s->md == NULL || set_digest(s->inner, s->md_name)) && signing_settle_salt(s))
        return true;
    EVP_PKEY_CTX_free(s->inner);
    s->inner = NULL;
    return false;
}

EVP_PKEY_CTX *signing_shadow(struct signing *s)
{
    if (s->inner == NULL && s->key != NULL && s->key->soft != NULL && signing_is_tpm(s))
        (void)signing_make_shadow(s);
    return s->inner;
}

/* Named if nobody has begun yet; else what the default provider says. */
static const OSSL_PARAM known_params[] = {
    OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
    OSSL_PARAM_END,
};

const OSSL_PARAM *signing_gettable(void *ctx, void *provctx)
{
    struct signing *s = ctx;

    (void)provctx;
    return s == NULL || signing_shadow(s) == NULL ? known_params : EVP_PKEY_CTX_gettable_params(s->inner);
}

const OSSL_PARAM *signing_settable(void *ctx, void *provctx)
{
    struct signing *s = ctx;

    (void)provctx;
    /* behind the AlgorithmIdentifier, which only is read */
    return s == NULL || signing_shadow(s) == NULL ? known_params + 1 : EVP_PKEY_CTX_settable_params(s->inner);
}
