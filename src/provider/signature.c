/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signatures (provider-signature(7)): made by the TPM, everything else in software. Each of our contexts
 * drives one of the default provider: for a software key, or to verify, it does the work; for a TPM key it is asked
 * to verify, keeps the parameters, and gives the AlgorithmIdentifier of certificates and requests (shadow.c).
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

#include "provider/keymgmt.h"
#include "provider/signature.h"

#define SIG_MAX 1024 /* bytes of a signature: RSA 8192 */

void *signing_new(void *provctx, const char *propq)
{
    struct signing *s = OPENSSL_zalloc(sizeof *s);

    (void)propq; /* chose us; it is no wish about the software below us */
    if (s != NULL)
        s->prov = provider_hold(provctx);
    return s;
}

static void signing_reset(struct signing *s)
{
    if (s->inner_md == NULL)
        EVP_PKEY_CTX_free(s->inner);
    s->inner = NULL;
    EVP_MD_CTX_free(s->inner_md);
    s->inner_md = NULL;
    EVP_MD_free(s->md);
    s->md = NULL;
    EVP_MD_CTX_free(s->hash);
    s->hash = NULL;
    whole_free(&s->whole);
}

void signing_free(void *ctx)
{
    struct signing *s = ctx;

    if (s == NULL)
        return;
    signing_reset(s);
    devid_bytes_free(&s->expected);
    pkey_free(s->key);
    provider_free(s->prov);
    OPENSSL_free(s);
}

void *signing_dup(void *ctx)
{
    struct signing *from = ctx, *to = signing_new(from->prov, NULL);
    bool ok = to != NULL;

    if (ok && from->key != NULL)
        to->key = pkey_hold(from->key);
    if (ok)
        to->is_signing = from->is_signing;
    if (ok && from->md != NULL && (ok = EVP_MD_up_ref(from->md) == 1))
        to->md = from->md;
    if (ok)
        memcpy(to->md_name, from->md_name, sizeof to->md_name);
    if (ok && from->hash != NULL)
        ok = (to->hash = EVP_MD_CTX_new()) != NULL && EVP_MD_CTX_copy_ex(to->hash, from->hash) == 1 &&
             whole_copy(&from->whole, &to->whole);
    if (ok && from->inner_md != NULL) {
        ok = (to->inner_md = EVP_MD_CTX_new()) != NULL && EVP_MD_CTX_copy_ex(to->inner_md, from->inner_md) == 1;
        if (ok)
            to->inner = EVP_MD_CTX_get_pkey_ctx(to->inner_md);
    } else if (ok && from->inner != NULL) {
        ok = (to->inner = EVP_PKEY_CTX_dup(from->inner)) != NULL;
    }
    if (ok && from->expected.len != 0)
        ok = devid_bytes_copy(devid_slice_of(from->expected), &to->expected, NULL) == DEVID_OK;
    if (!ok) {
        signing_free(to);
        return NULL;
    }
    return to;
}

/* Before there is anything to sign: libssl takes another algorithm then. */
static int permitted(struct signing *s, bool is_padding_said)
{
    struct devid_error err = {0};
    devid_rc rc = signing_is_tpm(s) ? pkey_permits(s->key, s->inner, s->md, is_padding_said, s->hash != NULL, &err) : DEVID_OK;

    return rc == DEVID_OK ? 1 : RAISE(s->prov, rc, &err);
}

int signing_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct signing *s = ctx;
    const OSSL_PARAM *md;

    if (params == NULL || params[0].key == NULL)
        return 1;
    if (signing_shadow(s) == NULL)
        return 0;
    md = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
    if (md != NULL && s->hash != NULL &&
        (md->data_type != OSSL_PARAM_UTF8_STRING || !EVP_MD_is_a(EVP_MD_CTX_get0_md(s->hash), md->data)))
        return 0; /* the message is being hashed already */
    return EVP_PKEY_CTX_set_params(s->inner, params) == 1 && signing_settle_salt(s) &&
           permitted(s, OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE) != NULL);
}

int signing_get_params(void *ctx, OSSL_PARAM params[])
{
    struct signing *s = ctx;

    return signing_shadow(s) != NULL && EVP_PKEY_CTX_get_params(s->inner, params) == 1;
}

/* key NULL: the one of before. */
static bool signing_begin(struct signing *s, void *key, bool is_signing)
{
    signing_reset(s);
    if (key != NULL) {
        pkey_free(s->key);
        s->key = pkey_hold(key);
    }
    s->is_signing = is_signing;
    return s->key != NULL && s->key->soft != NULL;
}

/* EVP_PKEY_sign, EVP_PKEY_verify, EVP_PKEY_verify_recover: the caller has the digest. */
static int begin_digested(struct signing *s, void *key, bool is_signing, int (*init)(EVP_PKEY_CTX *ctx),
                          const OSSL_PARAM params[])
{
    if (!signing_begin(s, key, is_signing))
        return 0;
    if (signing_is_tpm(s))
        return signing_make_shadow(s) && signing_set_params(s, params) && permitted(s, false);
    s->inner = EVP_PKEY_CTX_new_from_pkey(devid_libctx(), s->key->soft, NULL);
    return s->inner != NULL && init(s->inner) == 1 && signing_set_params(s, params);
}

int signing_sign_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin_digested(ctx, key, true, EVP_PKEY_sign_init, params);
}

int signing_verify_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin_digested(ctx, key, false, EVP_PKEY_verify_init, params);
}

static int recover_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin_digested(ctx, key, false, EVP_PKEY_verify_recover_init, params);
}

/* The one place that asks the TPM. A question about the length does not. */
static int sign_by_tpm(struct signing *s, struct devid_slice digest, unsigned char *sig, size_t *len, size_t room)
{
    KEEPS_ERRNO;
    unsigned char raw[SIG_MAX];
    struct devid_bytes made = {0};
    struct devid_scheme scheme;
    struct devid_key *key = NULL;
    struct devid_error err = {0};
    size_t n = sizeof raw;
    devid_rc rc;

    if (sig == NULL) {
        *len = (size_t)EVP_PKEY_get_size(s->key->soft);
        return 1;
    }
    rc = s->inner != NULL ? scheme_of(s->key, s->inner, &digest, &made, &scheme, &err)
                          : scheme_of_md(s->key, s->md, &digest, &made, &scheme, &err);
    if (rc == DEVID_OK)
        rc = pkey_private(s->key, &key, &err);
    if (rc == DEVID_OK)
        rc = whole_sign(s->hash != NULL ? &s->whole : NULL, key, &scheme, digest, raw, &n, &err);
    if (rc == DEVID_OK && s->key->alg == DEVID_EC) {
        rc = scheme_ecdsa_der((struct devid_slice){raw, n}, sig, &room, &err);
        n = room;
    } else if (rc == DEVID_OK && n > room) {
        rc = devid_fail(&err, DEVID_E_ROOM, "the signature needs %zu bytes", n);
    } else if (rc == DEVID_OK) {
        memcpy(sig, raw, n);
    }
    devid_bytes_free(&made);
    if (rc != DEVID_OK)
        return RAISE(s->prov, rc, &err);
    *len = n;
    return 1;
}

int signing_sign(void *ctx, unsigned char *sig, size_t *len, size_t room, const unsigned char *tbs, size_t tbs_len)
{
    struct signing *s = ctx;
    int ok;

    if (signing_is_tpm(s))
        return sign_by_tpm(s, (struct devid_slice){tbs, tbs_len}, sig, len, room);
    ok = EVP_PKEY_sign(s->inner, sig, sig == NULL ? len : &room, tbs, tbs_len);
    if (ok == 1 && sig != NULL)
        *len = room;
    return ok == 1;
}

int signing_verify(void *ctx, const unsigned char *sig, size_t len, const unsigned char *tbs, size_t tbs_len)
{
    struct signing *s = ctx;

    return EVP_PKEY_verify(s->inner, sig, len, tbs, tbs_len) == 1;
}

static int recover(void *ctx, unsigned char *out, size_t *len, size_t room, const unsigned char *sig, size_t sig_len)
{
    struct signing *s = ctx;
    int ok = EVP_PKEY_verify_recover(s->inner, out, out == NULL ? len : &room, sig, sig_len);

    if (ok == 1 && out != NULL)
        *len = room;
    return ok == 1;
}

/* No digest named: the key's usual one. */
static const char *digest_name(const struct signing *s, const char *name, char room[64])
{
    if (name != NULL && name[0] != 0 && strcmp(name, "UNDEF") != 0)
        return name;
    return EVP_PKEY_get_default_digest_name(s->key->soft, room, 64) > 0 ? room : NULL;
}

/*
 * Signing by the TPM: the message is hashed here. A digest that every provider takes for every signature needs no shadow to say so, but a
 * key of type RSA-PSS may restrict digests, and has another padding.
 */
static bool begin_hash(struct signing *s, const char *name)
{
    bool needs_shadow;

    (void)snprintf(s->md_name, sizeof s->md_name, "%s", name);
    s->md = scheme_common_md(name);
    needs_shadow = s->md == NULL || s->key->type == PKEY_RSA_PSS;
    if (s->md == NULL)
        s->md = EVP_MD_fetch(devid_libctx(), name, NULL);
    return s->md != NULL && (!needs_shadow || signing_make_shadow(s)) && (s->hash = EVP_MD_CTX_new()) != NULL &&
           EVP_DigestInit_ex2(s->hash, s->md, NULL) == 1;
}

int signing_digest_sign_init(void *ctx, const char *mdname, void *key, const OSSL_PARAM params[])
{
    struct signing *s = ctx;
    char room[64];

    if (!signing_begin(s, key, true) || (mdname = digest_name(s, mdname, room)) == NULL)
        return 0;
    if (signing_is_tpm(s))
        return begin_hash(s, mdname) && signing_set_params(s, params) && permitted(s, false);
    s->inner_md = EVP_MD_CTX_new();
    return s->inner_md != NULL && EVP_DigestSignInit_ex(s->inner_md, &s->inner, mdname, devid_libctx(),
                                                        NULL, s->key->soft, params) == 1;
}

int signing_digest_sign_update(void *ctx, const unsigned char *data, size_t len)
{
    struct signing *s = ctx;

    if (s->hash == NULL)
        return EVP_DigestSignUpdate(s->inner_md, data, len) == 1;
    return whole_add(&s->whole, s->key, (struct devid_slice){data, len}) && EVP_DigestUpdate(s->hash, data, len) == 1;
}

int signing_digest_sign_final(void *ctx, unsigned char *sig, size_t *len, size_t room)
{
    struct signing *s = ctx;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_len = 0;
    int ok;

    if (s->hash != NULL) {
        if (sig != NULL && EVP_DigestFinal_ex(s->hash, digest, &digest_len) != 1)
            return 0;
        return sign_by_tpm(s, (struct devid_slice){digest, digest_len}, sig, len, room);
    }
    ok = EVP_DigestSignFinal(s->inner_md, sig, sig == NULL ? len : &room);
    if (ok == 1 && sig != NULL)
        *len = room;
    return ok == 1;
}

int signing_digest_sign(void *ctx, unsigned char *sig, size_t *len, size_t room, const unsigned char *data,
                       size_t data_len)
{
    /* asked for the length first: the message would be hashed twice */
    return (sig == NULL || signing_digest_sign_update(ctx, data, data_len)) && signing_digest_sign_final(ctx, sig, len, room);
}

int signing_digest_verify_init(void *ctx, const char *mdname, void *key, const OSSL_PARAM params[])
{
    struct signing *s = ctx;
    char room[64];

    if (!signing_begin(s, key, false) || (mdname = digest_name(s, mdname, room)) == NULL)
        return 0;
    s->inner_md = EVP_MD_CTX_new();
    return s->inner_md != NULL && EVP_DigestVerifyInit_ex(s->inner_md, &s->inner, mdname, devid_libctx(),
                                                          NULL, s->key->soft, params) == 1;
}

int signing_digest_verify_update(void *ctx, const unsigned char *data, size_t len)
{
    struct signing *s = ctx;

    return EVP_DigestVerifyUpdate(s->inner_md, data, len) == 1;
}

int signing_digest_verify_final(void *ctx, const unsigned char *sig, size_t len)
{
    struct signing *s = ctx;

    return EVP_DigestVerifyFinal(s->inner_md, sig, len) == 1;
}

const OSSL_DISPATCH signing_functions[] = {
    SIGNING_SHARED,
    ENTRY(OSSL_FUNC_SIGNATURE_SIGN_INIT, signing_sign_init),
    ENTRY(OSSL_FUNC_SIGNATURE_SIGN, signing_sign),
    ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_INIT, signing_verify_init),
    ENTRY(OSSL_FUNC_SIGNATURE_VERIFY, signing_verify),
    ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT, recover_init),
    ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_RECOVER, recover),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_digest_sign_init),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, signing_digest_sign_update),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, signing_digest_sign_final),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_digest_sign),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, signing_digest_verify_init),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, signing_digest_verify_update),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, signing_digest_verify_final),
    ENTRY(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
    ENTRY(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable),
    {0, NULL},
};
