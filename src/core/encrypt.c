/* SPDX-License-Identifier: BSD-2-Clause */
/* RSA encryption in software. RFC 8017, section 7. Declared in cipher.h. */
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "core/cipher.h"
#include "core/libctx.h"

#define PKCS1_OVERHEAD 11 /* 00 02, eight bytes, 00 */

size_t devid_cipher_room(const struct devid_cipher *cipher, size_t modulus_len)
{
    size_t overhead = 0;

    switch (cipher->padding) {
    case DEVID_CIPHER_PKCS1: overhead = PKCS1_OVERHEAD; break;
    case DEVID_CIPHER_OAEP:  overhead = 2 * devid_hash_len(cipher->hash) + 2; break;
    case DEVID_CIPHER_RAW:   break;
    case DEVID_CIPHER_TLS:   return modulus_len >= DEVID_PREMASTER_LEN + PKCS1_OVERHEAD ? DEVID_PREMASTER_LEN : 0;
    }
    return modulus_len > overhead ? modulus_len - overhead : 0;
}

static bool set_oaep(EVP_PKEY_CTX *ctx, const struct devid_cipher *cipher)
{
    const EVP_MD *md = devid_libctx_md(cipher->hash);
    const EVP_MD *mgf = cipher->mgf != DEVID_HASH_NONE ? devid_libctx_md(cipher->mgf) : md;
    struct devid_slice label = cipher->label;
    void *copy = NULL;

    if (md == NULL || mgf == NULL || EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) != 1 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf) != 1)
        return false;
    if (label.len == 0)
        return true;
    copy = OPENSSL_memdup(label.data, label.len);
    if (copy != NULL && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)label.len) == 1)
        return true; /* which owns it */
    OPENSSL_free(copy);
    return false;
}

/* By functions: where an engine has taken over such keys, parameters are lost. */
static bool encrypt_start(EVP_PKEY_CTX *ctx, const struct devid_cipher *cipher)
{
    int padding = cipher->padding == DEVID_CIPHER_OAEP    ? RSA_PKCS1_OAEP_PADDING
                  : cipher->padding == DEVID_CIPHER_PKCS1 ? RSA_PKCS1_PADDING
                                                          : RSA_NO_PADDING;

    return EVP_PKEY_encrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
           (cipher->padding != DEVID_CIPHER_OAEP || set_oaep(ctx, cipher));
}

static devid_rc encrypt_with(EVP_PKEY *key, const struct devid_cipher *cipher, struct devid_slice text,
                             unsigned char *out, struct devid_error *err)
{
    size_t len = (size_t)EVP_PKEY_get_size(key), room = devid_cipher_room(cipher, len);
    EVP_PKEY_CTX *ctx;
    devid_rc rc = DEVID_OK;

    if (!EVP_PKEY_is_a(key, "RSA"))
        return devid_fail(err, DEVID_E_KEY, "only RSA keys encrypt");
    if (cipher->padding == DEVID_CIPHER_TLS)
        return devid_fail(err, DEVID_E_ARG, "a premaster secret is encrypted by PKCS#1");
    if (cipher->padding == DEVID_CIPHER_OAEP && cipher->hash == DEVID_HASH_NONE)
        return devid_fail(err, DEVID_E_ARG, "OAEP needs a hash");
    if (text.len > room || (cipher->padding == DEVID_CIPHER_RAW && text.len != room))
        return devid_fail(err, DEVID_E_DATA, "%zu bytes do not fit: this key encrypts %s%zu", text.len,
                          cipher->padding == DEVID_CIPHER_RAW ? "exactly " : "up to ", room);
    ctx = EVP_PKEY_CTX_new_from_pkey(devid_libctx(), key, NULL);
    if (ctx == NULL || !encrypt_start(ctx, cipher))
        rc = devid_fail(err, DEVID_E_MEM, "RSA encryption cannot be started: out of memory");
    else if (EVP_PKEY_encrypt(ctx, out, &len, text.len != 0 ? text.data : (const unsigned char *)"", text.len) != 1)
        rc = devid_fail(err, DEVID_E_DATA, "the text is no number below the key's modulus");
    EVP_PKEY_CTX_free(ctx);
    return rc;
}

devid_rc devid_encrypt(struct devid_slice spki, const struct devid_cipher *cipher, struct devid_slice text,
                       unsigned char *out, struct devid_error *err)
{
    EVP_PKEY *key = NULL;
    devid_rc rc = devid_libctx_pkey(spki, &key, err);

    if (rc != DEVID_OK)
        return rc;
    (void)ERR_set_mark();
    rc = encrypt_with(key, cipher, text, out, err);
    EVP_PKEY_free(key);
    (void)ERR_pop_to_mark();
    return rc;
}
