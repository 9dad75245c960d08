/* SPDX-License-Identifier: BSD-2-Clause */
/* RSA keys, and those that sign PSS alone: what differs from other types is names. */
#include "provider/keymgmt.h"

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
    static const OSSL_PARAM *name##_types(int selection)                                  \
    {                                                                                     \
        return keymgmt_types(type, selection);                                            \
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
        ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, name##_types),                              \
        ENTRY(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, name##_types),                              \
        ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, rsa_operation),                     \
        KEYMGMT_SHARED,                                                                   \
        {0, NULL},                                                                        \
    }

TYPE(rsa, PKEY_RSA);
TYPE(rsa_pss, PKEY_RSA_PSS);
