/* SPDX-License-Identifier: BSD-2-Clause */
/* EC keys: what differs from the other type is names. */
#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/keymgmt.h"

/* What a key may be made of, and taken apart into: provider-keymgmt(7), EVP_PKEY-EC(7). */
/* clang-format off */
#define DOMAIN_PARAMETERS \
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), \
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0), \
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0), \
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_FIELD_TYPE, NULL, 0), \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_P, NULL, 0), \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_A, NULL, 0), \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_B, NULL, 0), \
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_GENERATOR, NULL, 0), \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_ORDER, NULL, 0), \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_COFACTOR, NULL, 0), \
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_SEED, NULL, 0)
#define PUBLIC_KEY OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0)
/* clang-format on */

static const OSSL_PARAM domain_types[] = {DOMAIN_PARAMETERS, OSSL_PARAM_END};
static const OSSL_PARAM public_types[] = {DOMAIN_PARAMETERS, PUBLIC_KEY, OSSL_PARAM_END};
static const OSSL_PARAM pair_types[] = {
    DOMAIN_PARAMETERS,
    PUBLIC_KEY,
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, NULL),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, NULL),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *ec_types(int selection)
{
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return pair_types;
    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? public_types : domain_types;
}

/* NULL: by the key type's name, as the default provider's encapsulation (DHKEM, HPKE) goes. */
static const char *ec_operation(int operation)
{
    switch (operation) {
    case OSSL_OP_KEYEXCH:
        return "ECDH";
    case OSSL_OP_SIGNATURE:
        return "ECDSA";
    default:
        return NULL;
    }
}

static void *ec_new(void *provctx)
{
    return pkey_new(provctx, PKEY_EC);
}

static void *ec_gen_init(void *provctx, int selection, const OSSL_PARAM params[])
{
    return keymgmt_gen_init(provctx, PKEY_EC, selection, params);
}

static const OSSL_PARAM *ec_gettable(void *provctx)
{
    (void)provctx;
    return keymgmt_gettable(PKEY_EC);
}

static const OSSL_PARAM *ec_settable(void *provctx)
{
    (void)provctx;
    return keymgmt_settable(PKEY_EC);
}

static const OSSL_PARAM *ec_gen_settable(void *genctx, void *provctx)
{
    (void)genctx;
    return keymgmt_gen_settable(provctx, PKEY_EC);
}

const OSSL_DISPATCH keymgmt_ec[] = {
    ENTRY(OSSL_FUNC_KEYMGMT_NEW, ec_new),
    ENTRY(OSSL_FUNC_KEYMGMT_GEN_INIT, ec_gen_init),
    ENTRY(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, ec_gen_settable),
    ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, ec_gettable),
    ENTRY(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, ec_settable),
    ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, ec_types),
    ENTRY(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, ec_types),
    ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation),
    KEYMGMT_SHARED,
    {0, NULL},
};
