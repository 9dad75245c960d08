/* SPDX-License-Identifier: BSD-2-Clause */
/* RSA keys, and those that sign PSS alone: what differs from other types is names. */
#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/keymgmt.h"

/* What a key may be made of, and taken apart into: provider-keymgmt(7), EVP_PKEY-RSA(7). */
/* clang-format off */
#define PUBLIC_KEY \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0), \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0)
/* clang-format on */

static const OSSL_PARAM public_types[] = {PUBLIC_KEY, OSSL_PARAM_END};
static const OSSL_PARAM pair_types[] = {
    PUBLIC_KEY,
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_D, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR1, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR2, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR3, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR4, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR5, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR6, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR7, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR8, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR9, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR10, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT1, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT2, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT3, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT4, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT5, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT6, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT7, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT8, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT9, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT10, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT2, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT3, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT4, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT5, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT6, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT7, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT8, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT9, NULL, 0),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *rsa_types(int selection)
{
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return pair_types;
    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? public_types : NULL;
}

static const char *rsa_operation(int operation)
{
    (void)operation;
    return "RSA";
}

/* A type's own functions, and their table. Both sign, and the first decrypts, by what libcrypto calls "RSA". */
#define TYPE(name, type)                                                                  \
    static void *name##_new(void *provctx)                                                \
    {                                                                                     \
        return pkey_new(provctx, type);                                                   \
    }                                                                                     \
    static void *name##_gen_init(void *provctx, int selection, const OSSL_PARAM params[]) \
    {                                                                                     \
        return keymgmt_gen_init(provctx, type, selection, params);                        \
    }                                                                                     \
    static const OSSL_PARAM *name##_gettable(void *provctx)                               \
    {                                                                                     \
        (void)provctx;                                                                    \
        return keymgmt_gettable(type);                                                    \
    }                                                                                     \
    static const OSSL_PARAM *name##_settable(void *provctx)                               \
    {                                                                                     \
        (void)provctx;                                                                    \
        return keymgmt_settable(type);                                                    \
    }                                                                                     \
    static const OSSL_PARAM *name##_gen_settable(void *genctx, void *provctx)             \
    {                                                                                     \
        (void)genctx;                                                                     \
        return keymgmt_gen_settable(provctx, type);                                       \
    }                                                                                     \
    const OSSL_DISPATCH keymgmt_##name[] = {                                              \
        ENTRY(OSSL_FUNC_KEYMGMT_NEW, name##_new),                                         \
        ENTRY(OSSL_FUNC_KEYMGMT_GEN_INIT, name##_gen_init),                               \
        ENTRY(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, name##_gen_settable),                \
        ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, name##_gettable),                        \
        ENTRY(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, name##_settable),                        \
        ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, rsa_types),                                 \
        ENTRY(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, rsa_types),                                 \
        ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, rsa_operation),                     \
        KEYMGMT_SHARED,                                                                   \
        {0, NULL},                                                                        \
    }

TYPE(rsa, PKEY_RSA);
TYPE(rsa_pss, PKEY_RSA_PSS);
