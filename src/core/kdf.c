/* SPDX-License-Identifier: BSD-2-Clause */
/* Key derivation, by libcrypto. Declared in hash.h. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "core/libctx.h"

devid_rc devid_x963(enum devid_hash hash, struct devid_slice z, struct devid_slice shared, unsigned char *out, size_t len,
                    struct devid_error *err)
{
    const char *name = devid_hash_name(hash);
    OSSL_PARAM params[4];
    EVP_KDF *method;
    EVP_KDF_CTX *ctx;
    size_t n = 0;
    devid_rc rc = DEVID_OK;

    if (name == NULL)
        return devid_fail(err, DEVID_E_ARG, "X9.63 needs a hash");
    (void)ERR_set_mark();
    method = EVP_KDF_fetch(devid_libctx(), OSSL_KDF_NAME_X963KDF, NULL);
    ctx = EVP_KDF_CTX_new(method);
    /* read only, though the types do not say so */
    params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)name, 0);
    params[n++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)z.data, z.len);
    if (shared.len != 0)
        params[n++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)shared.data, shared.len);
    params[n] = OSSL_PARAM_construct_end();
    if (ctx == NULL || EVP_KDF_derive(ctx, out, len, params) != 1)
        rc = devid_fail(err, DEVID_E_MEM, "the key cannot be derived: out of memory");
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(method);
    (void)ERR_pop_to_mark();
    return rc;
}
