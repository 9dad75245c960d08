/* SPDX-License-Identifier: BSD-2-Clause */
/* Key derivation, by libcrypto. Declared in libctx.h and hash.h. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include "core/libctx.h"

devid_rc devid_libctx_derive(const char *method, const OSSL_PARAM *params, unsigned char *out, size_t len, struct devid_error *err)
{
    EVP_KDF *kdf;
    EVP_KDF_CTX *ctx;
    devid_rc rc = DEVID_OK;

    (void)ERR_set_mark();
    kdf = EVP_KDF_fetch(devid_libctx(), method, NULL);
    ctx = EVP_KDF_CTX_new(kdf);
    if (ctx == NULL || EVP_KDF_derive(ctx, out, len, params) != 1)
        rc = devid_fail(err, DEVID_E_MEM, "%s cannot be computed: out of memory", method);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    (void)ERR_pop_to_mark();
    return rc;
}

devid_rc devid_x963(enum devid_hash hash, struct devid_slice z, struct devid_slice shared, unsigned char *out, size_t len,
                    struct devid_error *err)
{
    const char *name = devid_hash_name(hash);
    OSSL_PARAM params[4];
    size_t n = 0;

    if (name == NULL)
        return devid_fail(err, DEVID_E_ARG, "X9.63 needs a hash");
    params[n++] = devid_libctx_text(OSSL_KDF_PARAM_DIGEST, name);
    params[n++] = devid_libctx_bytes(OSSL_KDF_PARAM_KEY, z);
    if (shared.len != 0)
        params[n++] = devid_libctx_bytes(OSSL_KDF_PARAM_INFO, shared);
    params[n] = OSSL_PARAM_construct_end();
    return devid_libctx_derive(OSSL_KDF_NAME_X963KDF, params, out, len, err);
}
