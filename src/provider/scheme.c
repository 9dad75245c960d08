/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From OpenSSL's words for a signature to ours and back. The words are read from a context of the
 * default provider, which knows all spellings, numbers and defaults of its version.
 */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "core/der.h"
#include "provider/provider.h"

#define NAME_MAX_LEN 64
#define SALT_AUTO_DIGEST_MAX (-4) /* RSA_PSS_SALTLEN_AUTO_DIGEST_MAX of OpenSSL 3.1 */

/* DEVID_HASH_NONE: a digest that core does not know. */
static enum devid_hash hash_of(const EVP_MD *md)
{
    enum devid_hash fetched = devid_libctx_hash(md);

    if (fetched != DEVID_HASH_NONE)
        return fetched;
    for (int hash = DEVID_HASH_NONE + 1; md != NULL && hash < DEVID_HASH_END; hash++)
        if (EVP_MD_is_a(md, devid_hash_name((enum devid_hash)hash)))
            return (enum devid_hash)hash;
    return DEVID_HASH_NONE;
}

/* DEVID_HASH_NONE: one that no TPM signs under its own name. */
static enum devid_hash tpm_hash_of(const EVP_MD *md)
{
    enum devid_hash hash = hash_of(md);

    return devid_hash_is_tpm(hash) ? hash : DEVID_HASH_NONE;
}

/* As programs and libssl spell them, and as libcrypto does. */
static const struct {
    const char *name, *ours;
    enum devid_hash hash;
} common[] = {
    {"SHA2-256", "SHA256", DEVID_SHA256},
    {"SHA2-384", "SHA384", DEVID_SHA384},
    {"SHA2-512", "SHA512", DEVID_SHA512},
};

EVP_MD *scheme_common_md(const char *name)
{
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        if (strcmp(name, common[i].ours) == 0 || strcmp(name, common[i].name) == 0) {
            EVP_MD *md = (EVP_MD *)(uintptr_t)devid_libctx_md(common[i].hash);

            return md != NULL && EVP_MD_up_ref(md) == 1 ? md : NULL;
        }
    return NULL;
}

static devid_rc fetch(const char *name, EVP_MD **out, struct devid_error *err)
{
    *out = scheme_common_md(name);
    if (*out == NULL && name[0] != 0)
        *out = EVP_MD_fetch(devid_libctx(), name, NULL);
    if (name[0] != 0 && *out == NULL)
        return devid_fail(err, DEVID_E_ARG, "there is no digest named %s", name);
    return DEVID_OK;
}

static devid_rc wrong_length(const EVP_MD *md, size_t len, struct devid_error *err)
{
    return devid_fail(err, DEVID_E_DATA, "a %s digest has %d bytes, not %zu", EVP_MD_get0_name(md), EVP_MD_get_size(md),
                      len);
}

/* PKCS#1 wants digests in a DigestInfo; the TPM makes it for those that it knows. */
static devid_rc wrap_digest(const EVP_MD *md, struct devid_slice *digest, struct devid_bytes *made,
                            struct devid_error *err)
{
    X509_ALGOR *alg = NULL;
    ASN1_OCTET_STRING *value = NULL;
    X509_SIG *info = X509_SIG_new();
    unsigned char *der = NULL;
    devid_rc rc = DEVID_OK;
    int len = 0;

    if (digest->len != (size_t)EVP_MD_get_size(md)) {
        rc = wrong_length(md, digest->len, err);
    } else if (info != NULL) {
        X509_SIG_getm(info, &alg, &value);
        if (X509_ALGOR_set0(alg, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL) == 1 &&
            ASN1_OCTET_STRING_set(value, digest->data, (int)digest->len) == 1)
            len = i2d_X509_SIG(info, &der);
    }
    if (rc == DEVID_OK && len <= 0)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    if (rc == DEVID_OK)
        rc = devid_bytes_copy((struct devid_slice){der, (size_t)len}, made, err);
    if (rc == DEVID_OK)
        *digest = devid_slice_of(*made);
    OPENSSL_free(der);
    X509_SIG_free(info);
    return rc;
}

static devid_rc pkcs1(const EVP_MD *md, struct devid_slice *digest, struct devid_bytes *made,
                      struct devid_scheme *out, struct devid_error *err)
{
    out->padding = DEVID_PKCS1;
    out->hash = tpm_hash_of(md);
    /* TLS 1.0 and 1.1: MD5 and SHA-1 side by side, without a DigestInfo */
    if (md == NULL || out->hash != DEVID_HASH_NONE || EVP_MD_is_a(md, "MD5-SHA1"))
        return DEVID_OK;
    return wrap_digest(md, digest, made, err);
}

static devid_rc pss(const struct pkey *pk, const EVP_MD *md, const EVP_MD *mgf, int salt, struct devid_scheme *out,
                    struct devid_error *err)
{
    /* RFC 8017, 9.1.1: emLen is that of the modulus less one bit */
    size_t room = (size_t)(EVP_PKEY_get_bits(pk->soft) - 1 + 7) / 8, hash, most;

    out->padding = DEVID_PSS;
    out->hash = hash_of(md);
    out->mgf = hash_of(mgf);
    hash = devid_hash_len(out->hash);
    if (hash == 0 || (mgf != NULL && out->mgf == DEVID_HASH_NONE))
        return devid_fail(err, DEVID_E_KEY, "PSS is made with SHA-1, SHA-2 and SHA-3 only");
    if (room < hash + 2)
        return devid_fail(err, DEVID_E_KEY, "the key is too short for this digest");
    most = room - hash - 2;

    if (salt == RSA_PSS_SALTLEN_DIGEST)
        out->salt_len = hash;
    else if (salt == RSA_PSS_SALTLEN_MAX)
        out->salt_len = most;
    else if (salt == RSA_PSS_SALTLEN_AUTO || salt == SALT_AUTO_DIGEST_MAX)
        out->salt_len = hash < most ? hash : most;
    else if (salt >= 0 && (size_t)salt <= most)
        out->salt_len = (size_t)salt;
    else
        return devid_fail(err, DEVID_E_ARG, "a PSS salt of %d bytes does not fit this key and digest", salt);
    return DEVID_OK;
}

static devid_rc scheme_with(const struct pkey *pk, const EVP_MD *md, const EVP_MD *mgf, int padding, int salt,
                            struct devid_slice *digest, struct devid_bytes *made, struct devid_scheme *out, struct devid_error *err)
{
    *out = (struct devid_scheme){0};
    if (pk->alg == DEVID_EC && md != NULL && digest->len != (size_t)EVP_MD_get_size(md))
        return wrong_length(md, digest->len, err);
    if (pk->alg == DEVID_EC) {
        *out = (struct devid_scheme){.padding = DEVID_ECDSA, .hash = tpm_hash_of(md)};
        return DEVID_OK;
    }
    switch (padding) {
    case RSA_PKCS1_PADDING:
        return pkcs1(md, digest, made, out, err);
    case RSA_PKCS1_PSS_PADDING:
        return pss(pk, md, mgf, salt, out, err);
    case RSA_NO_PADDING:
        out->padding = DEVID_RAW;
        return DEVID_OK;
    default:
        return devid_fail(err, DEVID_E_KEY, "only PKCS#1 v1.5, PSS and no padding are made");
    }
}

devid_rc scheme_of(const struct pkey *pk, EVP_PKEY_CTX *shadow, struct devid_slice *digest, struct devid_bytes *made,
                   struct devid_scheme *out, struct devid_error *err)
{
    char md_name[NAME_MAX_LEN] = "", mgf_name[NAME_MAX_LEN] = "";
    int padding = RSA_PKCS1_PADDING, salt = RSA_PSS_SALTLEN_AUTO;
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, md_name, sizeof md_name),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, mgf_name, sizeof mgf_name),
        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, &padding),
        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt),
        OSSL_PARAM_END,
    };
    EVP_MD *md = NULL, *mgf = NULL;
    devid_rc rc;

    if (EVP_PKEY_CTX_get_params(shadow, params) != 1)
        return devid_fail(err, DEVID_E_ARG, "the signature's parameters cannot be read");
    rc = fetch(md_name, &md, err);
    if (rc == DEVID_OK)
        rc = fetch(mgf_name, &mgf, err);
    if (rc == DEVID_OK)
        rc = scheme_with(pk, md, mgf, padding, salt, digest, made, out, err);
    EVP_MD_free(md);
    EVP_MD_free(mgf);
    return rc;
}

devid_rc scheme_of_md(const struct pkey *pk, const EVP_MD *md, struct devid_slice *digest, struct devid_bytes *made,
                      struct devid_scheme *out, struct devid_error *err)
{
    return scheme_with(pk, md, NULL, RSA_PKCS1_PADDING, RSA_PSS_SALTLEN_AUTO, digest, made, out, err);
}

static devid_rc oaep(const char *md_name, const char *mgf_name, struct devid_slice label, struct devid_cipher *out,
                     struct devid_error *err)
{
    EVP_MD *md = NULL, *mgf = NULL;
    devid_rc rc = fetch(md_name[0] == 0 ? "SHA1" : md_name, &md, err);

    if (rc == DEVID_OK)
        rc = fetch(mgf_name, &mgf, err);
    if (rc == DEVID_OK) {
        *out = (struct devid_cipher){.padding = DEVID_CIPHER_OAEP, .hash = hash_of(md), .mgf = hash_of(mgf), .label = label};
        if (out->hash == DEVID_HASH_NONE || (mgf != NULL && out->mgf == DEVID_HASH_NONE))
            rc = devid_fail(err, DEVID_E_KEY, "OAEP is undone with SHA-1, SHA-2 and SHA-3 only");
    }
    EVP_MD_free(md);
    EVP_MD_free(mgf);
    return rc;
}

devid_rc scheme_cipher_of(EVP_PKEY_CTX *shadow, struct devid_cipher *out, struct devid_error *err)
{
    char md_name[NAME_MAX_LEN] = "", mgf_name[NAME_MAX_LEN] = "";
    int padding = RSA_PKCS1_PADDING;
    unsigned client = 0, negotiated = 0;
    unsigned char *label = NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, md_name, sizeof md_name),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, mgf_name, sizeof mgf_name),
        OSSL_PARAM_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, &padding),
        OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, &label, 0),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &client),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, &negotiated),
        OSSL_PARAM_END,
    };
    size_t label_len;

    if (EVP_PKEY_CTX_get_params(shadow, params) != 1)
        return devid_fail(err, DEVID_E_ARG, "the parameters of the decryption cannot be read");
    label_len = params[3].return_size == OSSL_PARAM_UNMODIFIED ? 0 : params[3].return_size;
    switch (padding) {
    case RSA_PKCS1_PADDING:
        *out = (struct devid_cipher){.padding = DEVID_CIPHER_PKCS1};
        return DEVID_OK;
    case RSA_PKCS1_WITH_TLS_PADDING:
        *out = (struct devid_cipher){.padding = DEVID_CIPHER_TLS, .tls_client = client, .tls_negotiated = negotiated};
        return DEVID_OK;
    case RSA_NO_PADDING:
        *out = (struct devid_cipher){.padding = DEVID_CIPHER_RAW};
        return DEVID_OK;
    case RSA_PKCS1_OAEP_PADDING:
        return oaep(md_name, mgf_name, (struct devid_slice){label, label_len}, out, err);
    default:
        return devid_fail(err, DEVID_E_KEY, "only PKCS#1 v1.5, OAEP and no padding are undone");
    }
}

devid_rc scheme_ecdsa_der(struct devid_slice rs, unsigned char *sig, size_t *len, struct devid_error *err)
{
    struct devid_slice r = {rs.data, rs.len / 2}, s = {rs.data + rs.len / 2, rs.len / 2};
    struct devid_bytes der = {0};
    devid_rc rc = devid_der_put_unsigned(&der, r, err);

    if (rc == DEVID_OK)
        rc = devid_der_put_unsigned(&der, s, err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(&der, DEVID_DER_SEQUENCE, err);
    if (rc == DEVID_OK && der.len > *len)
        rc = devid_fail(err, DEVID_E_ROOM, "the signature needs %zu bytes", der.len);
    if (rc == DEVID_OK) {
        memcpy(sig, der.data, der.len);
        *len = der.len;
    }
    devid_bytes_free(&der);
    return rc;
}
