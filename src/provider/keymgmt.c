/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys as libcrypto asks about them (provider-keymgmt(7)). Every answer is the default provider's, given about
 * the public half; a private half in the TPM is only ever said to be there.
 *
 * Software keys, whole pairs too, must pass through unharmed: listed first, or with "?provider=devid", we are asked
 * for the ephemeral keys of TLS and for any key that a program makes or brings along.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

#include "provider/keymgmt.h"

#define PRIVATE OSSL_KEYMGMT_SELECT_PRIVATE_KEY
#define PUBLIC OSSL_KEYMGMT_SELECT_PUBLIC_KEY

/* A context of the default provider for a new key. */
static EVP_PKEY_CTX *fresh_ctx(enum pkey_type type)
{
    OSSL_LIB_CTX *ctx = devid_libctx();

    return ctx == NULL ? NULL : EVP_PKEY_CTX_new_from_name(ctx, pkey_type_name(type), NULL);
}

void keymgmt_free(void *keydata)
{
    pkey_free(keydata);
}

void *keymgmt_load(const void *reference, size_t size)
{
    struct pkey *pk = NULL;

    if (reference == NULL || size != sizeof pk)
        return NULL;
    memcpy(&pk, reference, sizeof pk);
    return pk == NULL ? NULL : pkey_hold(pk);
}

static bool software_has(const struct pkey *pk, const char *param)
{
    BIGNUM *value = NULL;
    size_t len = 0;
    bool has;

    ERR_set_mark();
    if (strcmp(param, OSSL_PKEY_PARAM_PUB_KEY) == 0)
        has = EVP_PKEY_get_octet_string_param(pk->soft, param, NULL, 0, &len) == 1;
    else
        has = EVP_PKEY_get_bn_param(pk->soft, param, &value) == 1;
    ERR_pop_to_mark();
    BN_clear_free(value);
    return has;
}

int keymgmt_has(const void *keydata, int selection)
{
    const struct pkey *pk = keydata;
    bool is_ec;

    if (pk == NULL)
        return 0;
    is_ec = pk->alg == DEVID_EC;
    if (pk->place != PKEY_SOFTWARE)
        return 1;
    if (pk->soft == NULL) /* RSA has no parameters that could be missing */
        return (selection & (PUBLIC | PRIVATE | (is_ec ? OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS : 0))) == 0;
    if ((selection & PUBLIC) != 0 && !software_has(pk, is_ec ? OSSL_PKEY_PARAM_PUB_KEY : OSSL_PKEY_PARAM_RSA_N))
        return 0;
    return (selection & PRIVATE) == 0 ||
           software_has(pk, is_ec ? OSSL_PKEY_PARAM_PRIV_KEY : OSSL_PKEY_PARAM_RSA_D);
}

/* Of two private halves at least one is in a TPM or unknown to us: equal public halves are equal keys. */
int keymgmt_match(const void *a, const void *b, int selection)
{
    const struct pkey *left = a, *right = b;
    int same;

    if (left->soft == NULL || right->soft == NULL)
        return 0;
    ERR_set_mark();
    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0)
        same = EVP_PKEY_eq(left->soft, right->soft);
    else
        same = EVP_PKEY_parameters_eq(left->soft, right->soft);
    ERR_pop_to_mark();
    return same == 1;
}

int keymgmt_validate(const void *keydata, int selection, int check_type)
{
    const struct pkey *pk = keydata;
    bool is_private = (selection & PRIVATE) != 0 && pk->place == PKEY_SOFTWARE;
    EVP_PKEY_CTX *ctx;
    int ok = 0;

    if (pk->soft == NULL || (ctx = EVP_PKEY_CTX_new_from_pkey(devid_libctx(), pk->soft, NULL)) == NULL)
        return 0;
    if (is_private)
        ok = (selection & PUBLIC) != 0 ? EVP_PKEY_pairwise_check(ctx) : EVP_PKEY_private_check(ctx);
    else if ((selection & PUBLIC) != 0 && check_type == OSSL_KEYMGMT_VALIDATE_QUICK_CHECK)
        ok = EVP_PKEY_public_check_quick(ctx);
    else if ((selection & (PUBLIC | PRIVATE)) != 0)
        ok = EVP_PKEY_public_check(ctx);
    else
        ok = pk->alg == DEVID_RSA || EVP_PKEY_param_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok == 1;
}

int keymgmt_import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct pkey *pk = keydata;
    EVP_PKEY *made = NULL;
    EVP_PKEY_CTX *ctx;
    int ok;

    if (pk->place != PKEY_SOFTWARE || (ctx = fresh_ctx(pk->type)) == NULL)
        return 0;
    /* libcrypto lends the parameters to be read, whatever the prototype says */
    ok = EVP_PKEY_fromdata_init(ctx) == 1 &&
         EVP_PKEY_fromdata(ctx, &made, selection, (OSSL_PARAM *)(uintptr_t)params) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (!ok) {
        EVP_PKEY_free(made);
        return 0;
    }
    EVP_PKEY_free(pk->soft);
    pk->soft = made;
    return 1;
}

int keymgmt_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *arg)
{
    struct pkey *pk = keydata;

    if (pk->soft == NULL)
        return 0;
    /*
     * Silent: libcrypto asks this of every key before it turns to our own signature. To give the public half
     * instead would make the default provider sign with it ("missing private key").
     */
    if ((selection & PRIVATE) != 0 && pk->place != PKEY_SOFTWARE)
        return 0;
    return EVP_PKEY_export(pk->soft, selection, cb, arg);
}

int keymgmt_export_object(void *ctx, const void *reference, size_t size, OSSL_CALLBACK *cb, void *arg)
{
    struct pkey *pk = NULL;

    (void)ctx;
    if (reference == NULL || size != sizeof pk)
        return 0;
    memcpy(&pk, reference, sizeof pk);
    /* Only if this fails does libcrypto turn to our own key type; a public half would satisfy it. */
    return pk != NULL && pk->place == PKEY_SOFTWARE &&
           keymgmt_export(pk, PUBLIC | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, cb, arg);
}

int keymgmt_get_params(void *keydata, OSSL_PARAM params[])
{
    OSSL_PARAM *mandatory = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST);
    struct pkey *pk = keydata;
    enum devid_hash fixed;

    if (pk->soft == NULL || !EVP_PKEY_get_params(pk->soft, params))
        return 0;
    fixed = mandatory == NULL ? DEVID_HASH_NONE : pkey_fixed_hash(pk);
    return fixed == DEVID_HASH_NONE || OSSL_PARAM_set_utf8_string(mandatory, devid_hash_name(fixed));
}

/* A key of the TPM stays what it is; how its public half is written and checked, may be said. */
static devid_rc check_settable(const OSSL_PARAM params[], struct devid_error *err)
{
    static const char *const known[] = {
        OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC,
        OSSL_PKEY_PARAM_EC_GROUP_CHECK_TYPE, OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, /* the curves of a TPM have none */
    };
    const size_t n = sizeof known / sizeof known[0];

    for (; params->key != NULL; params++) {
        size_t i = 0;

        while (i < n && strcmp(params->key, known[i]) != 0)
            i++;
        if (i == n)
            return devid_fail(err, DEVID_E_KEY, "a key of the TPM cannot be changed, and \"%s\" would: set it on a software key", params->key);
    }
    return DEVID_OK;
}

int keymgmt_set_params(void *keydata, const OSSL_PARAM params[])
{
    struct pkey *pk = keydata;
    struct devid_error err = {0};
    devid_rc rc = DEVID_OK;

    if (params == NULL || params[0].key == NULL)
        return 1;
    if (pk->place != PKEY_SOFTWARE)
        rc = check_settable(params, &err);
    if (rc != DEVID_OK)
        return RAISE(pk->prov, rc, &err);
    return pk->soft != NULL && EVP_PKEY_set_params(pk->soft, (OSSL_PARAM *)(uintptr_t)params);
}

void *keymgmt_dup(const void *from, int selection)
{
    struct pkey *pk = (struct pkey *)(uintptr_t)from, *copy = NULL;
    bool ok = true;

    if (pk->place != PKEY_SOFTWARE && (selection & PRIVATE) != 0)
        return pkey_copy(pk, &copy, NULL) == DEVID_OK ? copy : NULL;
    if ((copy = pkey_new(pk->prov, pk->type)) == NULL)
        return NULL;
    if (pk->soft != NULL && (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0) {
        ok = (copy->soft = EVP_PKEY_dup(pk->soft)) != NULL;
    } else if (pk->soft != NULL) {
        ok = (copy->soft = EVP_PKEY_new()) != NULL && EVP_PKEY_copy_parameters(copy->soft, pk->soft) == 1;
    }
    if (!ok) {
        pkey_free(copy);
        return NULL;
    }
    return copy;
}

/* Tables of the default provider: constants of libcrypto, which stay when the fetched method goes. */
static const OSSL_PARAM *of_default(enum pkey_type type, const OSSL_PARAM *(*table)(const EVP_KEYMGMT *method))
{
    OSSL_LIB_CTX *ctx = devid_libctx();
    EVP_KEYMGMT *method = ctx == NULL ? NULL : EVP_KEYMGMT_fetch(ctx, pkey_type_name(type), NULL);
    const OSSL_PARAM *found = method == NULL ? NULL : table(method);

    EVP_KEYMGMT_free(method);
    return found;
}

const OSSL_PARAM *keymgmt_types(enum pkey_type type, int selection)
{
    EVP_PKEY_CTX *ctx = fresh_ctx(type);
    const OSSL_PARAM *types = ctx == NULL ? NULL : EVP_PKEY_fromdata_settable(ctx, selection);

    EVP_PKEY_CTX_free(ctx);
    return types;
}

const OSSL_PARAM *keymgmt_gettable(enum pkey_type type)
{
    return of_default(type, EVP_KEYMGMT_gettable_params);
}

const OSSL_PARAM *keymgmt_settable(enum pkey_type type)
{
    return of_default(type, EVP_KEYMGMT_settable_params);
}

const OSSL_ALGORITHM provider_keymgmt[] = {
    {KEYMGMT_EC_NAMES, PROVIDER_PROPERTY, keymgmt_ec, "EC keys of this device's TPM"},
    {KEYMGMT_RSA_NAMES, PROVIDER_PROPERTY, keymgmt_rsa, "RSA keys of this device's TPM"},
    {KEYMGMT_RSA_PSS_NAMES, PROVIDER_PROPERTY, keymgmt_rsa_pss, "RSASSA-PSS keys of this device's TPM"},
    {NULL, NULL, NULL, NULL},
};
