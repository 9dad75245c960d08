/* SPDX-License-Identifier: BSD-2-Clause */
/* PKCS#10 requests: RFC 2986. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "core/public.h"
#include "est/csr.h"
#include "est/extensions.h"
#include "est/keys.h"
#include "est/ossl.h"
#include "est/subject.h"

/* The only one that the key signs with; else the one that fits its strength, for RSA SHA-256. */
static const EVP_MD *digest_of(EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    char only[64];

    if (EVP_PKEY_get_default_digest_name(key, only, sizeof only) == 2)
        return EVP_get_digestbyname(only);
    if (!EVP_PKEY_is_a(key, "EC") || bits <= 256)
        return EVP_sha256();
    return bits <= 384 ? EVP_sha384() : EVP_sha512();
}

static bool sign(X509_REQ *req, const struct est_csr *request, const EVP_MD *digest, EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, &how, digest, NULL, key) == 1 &&
                (!request->is_pss || (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
                                      EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
                X509_REQ_sign_ctx(req, ctx) > 0;

    EVP_MD_CTX_free(ctx);
    return good;
}

/* All that a request says, but for its signature. */
static devid_rc fill(X509_REQ *req, const struct attrs *attrs, const char *challenge, const X509_NAME *subject,
                     STACK_OF(X509_EXTENSION) *list, EVP_PKEY *key, struct devid_error *err)
{
    if (X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 || X509_REQ_set_subject_name(req, subject) != 1 ||
        (sk_X509_EXTENSION_num(list) > 0 && X509_REQ_add_extensions(req, list) != 1) ||
        (challenge != NULL && X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_ASC,
                                                        (const unsigned char *)challenge, -1) != 1))
        return ossl_fail(err, DEVID_E_MEM, "cannot make the request");
    if (X509_REQ_set_pubkey(req, key) != 1)
        return ossl_fail(err, DEVID_E_KEY, "cannot put the public key into the request");
    return attrs_check_key(attrs, key, err);
}

static devid_rc make(X509_REQ *req, const struct est_csr *request, const struct attrs *attrs, const char *challenge,
                     const X509 *as, const X509_NAME *ours, EVP_PKEY *key, struct devid_error *err)
{
    STACK_OF(X509_EXTENSION) *list = NULL;
    const EVP_MD *digest = NULL;
    X509_NAME *subject = NULL;
    devid_rc rc = DEVID_OK;

    if (as == NULL)
        rc = attrs_subject(attrs, ours, &subject, err);
    if (rc == DEVID_OK)
        rc = extensions_of(request, as, X509_NAME_entry_count(subject != NULL ? subject : ours) == 0, &list, err);
    if (rc == DEVID_OK)
        rc = attrs_extend(attrs, as != NULL, list, err);
    if (rc == DEVID_OK)
        rc = fill(req, attrs, challenge, subject != NULL ? subject : ours, list, key, err);
    if (rc == DEVID_OK)
        rc = attrs_digest(attrs, key, digest_of(key), &digest, err);
    if (rc == DEVID_OK && !sign(req, request, digest, key))
        rc = ossl_fail(err, DEVID_E_KEY, "cannot sign the request with %.*s (%s)", est_key_shown(request->key_uri),
                       request->key_uri, EVP_MD_get0_name(digest));
    X509_NAME_free(subject);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return rc;
}

/* The subject of the request: from its text, or that of a certificate in the very encoding that it has there. */
static devid_rc find_subject(const struct est_csr *request, X509 **as, X509_NAME **subject, struct devid_error *err)
{
    const unsigned char *at = request->as_cert.data;

    if (request->as_cert.len == 0)
        return subject_parse(request->subject != NULL ? request->subject : "", subject, err);
    *as = d2i_X509(NULL, &at, (long)request->as_cert.len);
    if (*as == NULL)
        return ossl_fail(err, DEVID_E_DATA, "the certificate to be renewed is none");
    *subject = X509_NAME_dup(X509_get_subject_name(*as));
    return *subject != NULL ? DEVID_OK : devid_fail(err, DEVID_E_MEM, "out of memory");
}

devid_rc csr_make(const struct est_csr *request, const struct attrs *attrs, const char *challenge, struct devid_bytes *der,
                  struct devid_error *err)
{
    X509_REQ *req = X509_REQ_new();
    X509_NAME *subject = NULL;
    unsigned char *out = NULL;
    EVP_PKEY *key = NULL;
    X509 *as = NULL;
    int len;
    devid_rc rc;

    ERR_clear_error();
    if (req == NULL) {
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
        goto out;
    }
    if (request->hw_serial != NULL && (request->hw_serial[0] == 0 || strlen(request->hw_serial) > HW_SERIAL_MAX)) {
        rc = devid_fail(err, DEVID_E_ARG, "the hardware serial number must have 1 to %d characters", HW_SERIAL_MAX);
        goto out;
    }
    rc = find_subject(request, &as, &subject, err);
    if (rc == DEVID_OK)
        rc = est_key_open(request->key_uri, &key, err);
    if (rc == DEVID_OK)
        rc = make(req, request, attrs, challenge, as, subject, key, err);
    if (rc != DEVID_OK)
        goto out;
    len = i2d_X509_REQ(req, &out);
    if (len <= 0)
        rc = ossl_fail(err, DEVID_E_MEM, "cannot write the request");
    else
        rc = devid_bytes_copy((struct devid_slice){out, (size_t)len}, der, err);
out:
    OPENSSL_free(out);
    EVP_PKEY_free(key);
    X509_NAME_free(subject);
    X509_free(as);
    X509_REQ_free(req);
    ERR_clear_error();
    return rc;
}

devid_rc csr_check(struct devid_slice csr, struct devid_slice spki, struct devid_error *err)
{
    const unsigned char *at = csr.data;
    X509_REQ *req = csr.len == 0 ? NULL : d2i_X509_REQ(NULL, &at, (long)csr.len);
    unsigned char *der = NULL;
    int len = req != NULL ? i2d_PUBKEY(X509_REQ_get0_pubkey(req), &der) : 0;
    devid_rc rc = DEVID_OK;

    if (req == NULL || at != csr.data + csr.len)
        rc = devid_fail(err, DEVID_E_ARG, "there is no request to send: PKCS#10 is expected");
    else if (len <= 0 || !devid_spki_same((struct devid_slice){der, (size_t)len}, spki))
        rc = devid_fail(err, DEVID_E_ARG, "the request is for another key");
    else if (X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) != 1)
        rc = devid_fail(err, DEVID_E_ARG, "the signature of the request is not its key's");
    OPENSSL_free(der);
    X509_REQ_free(req);
    ERR_clear_error();
    return rc;
}

devid_rc est_csr_make(const struct est_csr *request, struct devid_bytes *der, struct devid_error *err)
{
    static const struct attrs none;

    return csr_make(request, &none, NULL, der, err);
}
