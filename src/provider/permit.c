/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a key in the TPM will not sign, told before there is anything to sign: libssl then chooses another algorithm, and a person
 * reads why. Of a key of which neither its file nor the store tells, the TPM is asked once.
 */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "provider/provider.h"

const struct devid_public *pkey_facts(struct pkey *pk)
{
    struct devid_key *key = NULL;

    if (pk->place == PKEY_SOFTWARE || pkey_private(pk, &key, NULL) != DEVID_OK)
        return NULL; /* what is wrong is told when it is used */
    return devid_key_public(key);
}

/* An ECDSA digest is cut and padded to what a fixed scheme takes (core/sign.c); RSA's paddings name theirs. */
enum devid_hash pkey_fixed_hash(struct pkey *pk)
{
    const struct devid_public *facts = pk->alg == DEVID_RSA ? pkey_facts(pk) : NULL;

    return facts != NULL && facts->has_scheme ? facts->hash : DEVID_HASH_NONE;
}

static devid_rc check_hash(const struct devid_public *facts, const char *md, struct devid_error *err)
{
    EVP_MD *fetched = md[0] == 0 ? NULL : EVP_MD_fetch(devid_libctx(), md, NULL);
    bool is_same = fetched == NULL || EVP_MD_is_a(fetched, devid_hash_name(facts->hash));

    EVP_MD_free(fetched);
    return is_same ? DEVID_OK
                   : devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to %s with %s: it does not sign with %s",
                                facts->padding == DEVID_PSS ? "PSS" : "PKCS#1", devid_hash_name(facts->hash), md);
}

/* libssl looks only at the digest, and prefers PSS: what it is to be told stands in no error of its own. */
static devid_rc refuse_padding(const struct devid_public *facts, struct devid_error *err)
{
    const char *hash = devid_hash_name(facts->hash);

    if (facts->padding == DEVID_PSS)
        return devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to PSS with %s", hash);
    return devid_fail(err, DEVID_E_KEY, "the key's scheme is fixed to PKCS#1 with %s: no TLS 1.3, and TLS 1.2 only with "
                      "SignatureAlgorithms = RSA+%s (-sigalgs)", hash, hash);
}

/* Who asks for deterministic ones has a reason, and would not notice. */
static devid_rc check_nonce(EVP_PKEY_CTX *shadow, struct devid_error *err)
{
    unsigned kind = 0;
    OSSL_PARAM params[] = {OSSL_PARAM_uint(PROVIDER_PARAM_NONCE_TYPE, &kind), OSSL_PARAM_END};

    if (shadow == NULL || EVP_PKEY_CTX_get_params(shadow, params) != 1 || kind == 0)
        return DEVID_OK;
    return devid_fail(err, DEVID_E_KEY, "the TPM makes ECDSA's nonces at random, not by RFC 6979: leave out " PROVIDER_PARAM_NONCE_TYPE
                      ", or set it to 0");
}

devid_rc pkey_permits(struct pkey *pk, EVP_PKEY_CTX *shadow, const EVP_MD *md, bool is_padding_said, bool has_message,
                      struct devid_error *err)
{
    const struct devid_public *facts = pkey_facts(pk);
    int padding = RSA_PKCS1_PADDING;
    char name[64] = "";
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, name, sizeof name),
        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, &padding),
        OSSL_PARAM_END,
    };

    if (pk->alg == DEVID_EC && check_nonce(shadow, err) != DEVID_OK)
        return DEVID_E_KEY;
    if (facts == NULL || facts->area.len == 0)
        return DEVID_OK;
    if (facts->is_restricted && !has_message)
        return devid_fail(err, DEVID_E_KEY, "the key is restricted: it signs only what the TPM made itself");
    if (!facts->can_sign)
        return devid_fail(err, DEVID_E_KEY, "the key is not for signing");
    if (pk->alg != DEVID_RSA || !facts->has_scheme || (shadow != NULL && EVP_PKEY_CTX_get_params(shadow, params) != 1))
        return DEVID_OK;
    if (shadow == NULL && md != NULL)
        (void)snprintf(name, sizeof name, "%s", EVP_MD_get0_name(md));
    if (is_padding_said && (padding == RSA_PKCS1_PSS_PADDING) != (facts->padding == DEVID_PSS))
        return refuse_padding(facts, err);
    return check_hash(facts, name, err);
}
