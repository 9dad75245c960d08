/* SPDX-License-Identifier: BSD-2-Clause */
/* EC keys: what differs from the other type is names. */
#include "provider/keymgmt.h"

static const OSSL_PARAM *ec_types(int selection)
{
    return keymgmt_types(PKEY_EC, selection);
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
