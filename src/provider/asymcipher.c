/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RSA decryption (provider-asym_cipher(7)). As for signatures, each of our contexts drives one of the default provider:
 * it encrypts, and works for software keys; for a TPM key it keeps the parameters and the TPM decrypts.
 */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#include "provider/keymgmt.h"

/* OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION of OpenSSL 3.2, which may serve a build with 3.0 */
#define PARAM_IMPLICIT_REJECTION "implicit-rejection"

struct ciphering {
    struct provider *prov;
    struct pkey *key;
    EVP_PKEY_CTX *inner;
    bool is_decrypting;
    bool hides_wrong; /* PKCS#1 by the TPM: a text in the place of an error */
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
    to->hides_wrong = from->hides_wrong;
    if (from->key != NULL)
        to->key = pkey_hold(from->key);
    if (from->inner != NULL && (to->inner = EVP_PKEY_CTX_dup(from->inner)) == NULL) {
        ciphering_free(to);
        return NULL;
    }
    return to;
}

static bool is_tpm(const struct ciphering *c)
{
    return c->is_decrypting && c->key->place != PKEY_SOFTWARE;
}

/* As software does it by itself from that version on; before, it knows nothing of it. */
static bool hides_by_default(void)
{
    return OPENSSL_version_major() > 3 || (OPENSSL_version_major() == 3 && OPENSSL_version_minor() >= 2);
}

static int take_rejection(struct ciphering *c, const OSSL_PARAM params[])
{
    const OSSL_PARAM *at = OSSL_PARAM_locate_const(params, PARAM_IMPLICIT_REJECTION);
    unsigned is_wanted = 0;

    if (at == NULL)
        return 1;
    if (OSSL_PARAM_get_uint(at, &is_wanted) != 1)
        return 0;
    c->hides_wrong = is_wanted != 0;
    return 1;
}

static int set_params(void *ctx, const OSSL_PARAM params[])
{
    struct ciphering *c = ctx;

    if (params == NULL || params[0].key == NULL)
        return 1;
    return c->inner != NULL && take_rejection(c, params) && EVP_PKEY_CTX_set_params(c->inner, params) == 1;
}

static int get_params(void *ctx, OSSL_PARAM params[])
{
    struct ciphering *c = ctx;

    return c->inner != NULL && EVP_PKEY_CTX_get_params(c->inner, params) == 1;
}

/* What every version of the default provider takes: provider-asym_cipher(7). A context that has begun says what its version does. */
static const OSSL_PARAM known[] = {
    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
    OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
    OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *settable(void *ctx, void *provctx)
{
    const struct ciphering *c = ctx;

    (void)provctx;
    return c == NULL || c->inner == NULL ? known : EVP_PKEY_CTX_settable_params(c->inner);
}

static const OSSL_PARAM *gettable(void *ctx, void *provctx)
{
    const struct ciphering *c = ctx;

    (void)provctx;
    return c == NULL || c->inner == NULL ? known : EVP_PKEY_CTX_gettable_params(c->inner);
}

static int begin(struct ciphering *c, struct pkey *pk, bool is_decrypting, const OSSL_PARAM params[])
{
    if (pk == NULL || pk->soft == NULL)
        return 0;
    EVP_PKEY_CTX_free(c->inner);
    pkey_free(c->key);
    c->key = pkey_hold(pk);
    c->is_decrypting = is_decrypting;
    c->hides_wrong = hides_by_default();
    c->inner = EVP_PKEY_CTX_new_from_pkey(devid_libctx(), pk->soft, NULL);
    return c->inner != NULL &&
           (is_decrypting && !is_tpm(c) ? EVP_PKEY_decrypt_init(c->inner) : EVP_PKEY_encrypt_init(c->inner)) == 1 &&
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

static int decrypt_by_tpm(struct ciphering *c, unsigned char *out, size_t *len, size_t room, struct devid_slice block)
{
    KEEPS_ERRNO;
    struct devid_cipher cipher = {0};
    struct devid_key *key = NULL;
    struct devid_secret text = {0};
    struct devid_error err = {0};
    devid_rc rc = scheme_cipher_of(c->inner, &cipher, &err);

    cipher.hides_wrong = c->hides_wrong;
    if (rc == DEVID_OK && out == NULL) {
        *len = cipher.padding == DEVID_CIPHER_TLS ? DEVID_PREMASTER_LEN : (size_t)EVP_PKEY_get_size(c->key->soft);
        return 1;
    }
    if (rc == DEVID_OK && cipher.padding == DEVID_CIPHER_TLS && room < DEVID_PREMASTER_LEN)
        rc = devid_fail(&err, DEVID_E_ROOM, "a premaster secret has %d bytes", DEVID_PREMASTER_LEN);
    if (rc == DEVID_OK)
        rc = pkey_private(c->key, &key, &err);
    if (rc == DEVID_OK)
        rc = devid_key_decrypt(key, &cipher, block, &text, &err);
    if (rc == DEVID_OK && text.len > room)
        rc = devid_fail(&err, DEVID_E_ROOM, "the text needs %zu bytes", text.len);
    if (rc == DEVID_OK && text.len != 0)
        memcpy(out, text.data, text.len);
    room = text.len;
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

    if (is_tpm(c))
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
    ENTRY(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, settable),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS, get_params),
    ENTRY(OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, gettable),
    {0, NULL},
};

const OSSL_ALGORITHM provider_asymcipher[] = {
    {KEYMGMT_RSA_NAMES, PROVIDER_PROPERTY, functions, "RSA decryption by this device's TPM"},
    {NULL, NULL, NULL, NULL},
};
