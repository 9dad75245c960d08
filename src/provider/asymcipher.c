/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RSA decryption (provider-asym_cipher(7)). As for signatures, each of our contexts drives one of the default provider:
 * it encrypts, and works for software keys; for a TPM key it keeps the parameters and the TPM decrypts.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/prov_ssl.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

#include "provider/keymgmt.h"

struct ciphering {
    struct provider *prov;
    struct pkey *key;
    EVP_PKEY_CTX *inner;
    bool is_decrypting;
};

static void *ciphering_new(void *provctx)
{
    struct ciphering *c = OPENSSL_zalloc(sizeof *c);

    if (c != NULL)
        c->prov = provider_hold(provctx);
    return c;
}

static void ciphering_free(void *ctx)
{
    struct ciphering *c = ctx;

    if (c == NULL)
        return;
    EVP_PKEY_CTX_free(c->inner);
    pkey_free(c->key);
    provider_free(c->prov);
    OPENSSL_free(c);
}

static void *ciphering_dup(void *ctx)
{
    struct ciphering *from = ctx, *to = ciphering_new(from->prov);

    if (to == NULL)
        return NULL;
    to->is_decrypting = from->is_decrypting;
    if (from->key != NULL)
        to->key = pkey_hold(from->key);
    if (from->inner != NULL && (to->inner = EVP_PKEY_CTX_dup(from->inner)) == NULL) {
        ciphering_free(to);
        return NULL;
    }
    return to;
}

static int set_params(void *ctx, const OSSL_PARAM params[])
{
    struct ciphering *c = ctx;

    return params == NULL || params[0].key == NULL || (c->inner != NULL && EVP_PKEY_CTX_set_params(c->inner, params) == 1);
}

static int get_params(void *ctx, OSSL_PARAM params[])
{
    struct ciphering *c = ctx;

    return c->inner != NULL && EVP_PKEY_CTX_get_params(c->inner, params) == 1;
}

/* What every version of the default provider takes: provider-asym_cipher(7). */
static const OSSL_PARAM *known(void *ctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provctx;
    return params;
}

static int begin(struct ciphering *c, struct pkey *pk, bool is_decrypting, const OSSL_PARAM params[])
{
    bool is_tpm;

    if (pk == NULL || pk->soft == NULL)
        return 0;
    EVP_PKEY_CTX_free(c->inner);
    pkey_free(c->key);
    c->key = pkey_hold(pk);
    c->is_decrypting = is_decrypting;
    is_tpm = is_decrypting && pk->place != PKEY_SOFTWARE;
    c->inner = EVP_PKEY_CTX_new_from_pkey(devid_libctx(), pk->soft, NULL);
    return c->inner != NULL &&
           (is_decrypting && !is_tpm ? EVP_PKEY_decrypt_init(c->inner) : EVP_PKEY_encrypt_init(c->inner)) == 1 &&
           set_params(c, params);
}

static int encrypt_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin(ctx, key, false, params);
}

static int decrypt_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin(ctx, key, true, params);
}

static int encrypt(void *ctx, unsigned char *out, size_t *len, size_t room, const unsigned char *in, size_t in_len)
{
    struct ciphering *c = ctx;
    int ok = EVP_PKEY_encrypt(c->inner, out, out == NULL ? len : &room, in, in_len);

    if (ok == 1 && out != NULL)
        *len = room;
    return ok == 1;
}

/* All ones if a is 0, else zero; a below 256. */
static unsigned char mask_zero(unsigned a)
{
    return (unsigned char)((a - 1) >> 8);
}

static unsigned char mask_version(const unsigned char *at, unsigned version)
{
    return mask_zero((at[0] ^ (version >> 8 & 0xff)) | (at[1] ^ (version & 0xff)));
}

/*
 * The premaster secret of TLS: what the block holds if its padding and version are right, else random bytes, and nobody can
 * tell which. RFC 5246, 7.4.7.1. It stands at the end of the block, so no position is secret.
 */
static devid_rc premaster_of(struct ciphering *c, struct devid_slice block, unsigned char *out, struct devid_error *err)
{
    unsigned client = 0, negotiated = 0;
    OSSL_PARAM get[] = {OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &client),
                        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, &negotiated), OSSL_PARAM_END};
    size_t text = block.len - SSL_MAX_MASTER_KEY_LENGTH;
    unsigned char good, either;

    if (EVP_PKEY_CTX_get_params(c->inner, get) != 1 || client == 0)
        return devid_fail(err, DEVID_E_ARG, "the client's version of TLS is not known");
    if (RAND_priv_bytes_ex(devid_libctx(), out, SSL_MAX_MASTER_KEY_LENGTH, 0) != 1)
        return devid_fail(err, DEVID_E_MEM, "there are no random numbers");
    good = mask_zero(block.data[0]) & mask_zero(block.data[1] ^ 2U) & mask_zero(block.data[text - 1]);
    for (size_t i = 2; i < text - 1; i++)
        good &= (unsigned char)~mask_zero(block.data[i]);
    either = mask_version(block.data + text, client);
    if (negotiated != 0) /* clients of old send that instead, and libssl was told to bear with them */
        either |= mask_version(block.data + text, negotiated);
    good &= either;
    for (size_t i = 0; i < SSL_MAX_MASTER_KEY_LENGTH; i++)
        out[i] = (unsigned char)((good & block.data[text + i]) | (~good & out[i]));
    return DEVID_OK;
}

static int decrypt_by_tpm(struct ciphering *c, unsigned char *out, size_t *len, size_t room, struct devid_slice block)
{
    struct devid_cipher cipher = {0};
    struct devid_key *key = NULL;
    struct devid_secret text = {0};
    struct devid_error err = {0};
    bool is_tls = false;
    devid_rc rc = scheme_cipher_of(c->inner, &cipher, &is_tls, &err);

    if (rc == DEVID_OK && out == NULL) {
        *len = is_tls ? SSL_MAX_MASTER_KEY_LENGTH : (size_t)EVP_PKEY_get_size(c->key->soft);
        return 1;
    }
    if (rc == DEVID_OK && is_tls && room < SSL_MAX_MASTER_KEY_LENGTH)
        rc = devid_fail(&err, DEVID_E_ROOM, "a premaster secret has %d bytes", SSL_MAX_MASTER_KEY_LENGTH);
    if (rc == DEVID_OK)
        rc = pkey_private(c->key, &key, &err);
    if (rc == DEVID_OK)
        rc = devid_key_decrypt(key, &cipher, block, &text, &err);
    if (rc == DEVID_OK && is_tls) {
        rc = premaster_of(c, (struct devid_slice){text.data, text.len}, out, &err);
        room = SSL_MAX_MASTER_KEY_LENGTH;
    } else if (rc == DEVID_OK && text.len > room) {
        rc = devid_fail(&err, DEVID_E_ROOM, "the text needs %zu bytes", text.len);
    } else if (rc == DEVID_OK) {
        room = text.len;
        if (room != 0)
            memcpy(out, text.data, room);
    }
    devid_secret_free(&text);
    if (rc != DEVID_OK)
        return RAISE(c->prov, rc, &err);
    *len = room;
    return 1;
}

static int decrypt(void *ctx, unsigned char *out, size_t *len, size_t room, const unsigned char *in, size_t in_len)
{
    struct ciphering *c = ctx;
    int ok;

    if (c->key->place != PKEY_SOFTWARE)
        return decrypt_by_tpm(c, out, len, room, (struct devid_slice){in, in_len});
    ok = EVP_PKEY_decrypt(c->inner, out, out == NULL ? len : &room, in, in_len);
    if (ok == 1 && out != NULL)
        *len = room;
    return ok == 1;
}

static const OSSL_DISPATCH functions[] = {
    ENTRY(OSSL_FUNC_ASYM_CIPHER_NEWCTX, ciphering_new),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_FREECTX, ciphering_free),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_DUPCTX, ciphering_dup),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT, encrypt_init),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_ENCRYPT, encrypt),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, decrypt_init),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_DECRYPT, decrypt),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, set_params),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, known),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS, get_params),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, known),
    {0, NULL},
};

const OSSL_ALGORITHM provider_asymcipher[] = {
    {KEYMGMT_RSA_NAMES, PROVIDER_PROPERTY, functions, "RSA decryption by this device's TPM"},
    {NULL, NULL, NULL, NULL},
};
