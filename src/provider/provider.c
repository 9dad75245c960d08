/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The provider as libcrypto loads it (provider(7)). Loading reads no file and sends nothing: every program that
 * reads openssl.cnf loads us, and hardly one of them has a key in the TPM.
 */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#include "provider/provider.h"

static const OSSL_PARAM *gettable(void *provctx)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0), OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
        OSSL_PARAM_uint64("tpm-commands", NULL),                 OSSL_PARAM_END,
    };

    (void)provctx;
    return known;
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
    struct provider *p = provctx;
    struct devid_store *store = atomic_load(&p->store);
    OSSL_PARAM *at;

    if ((at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME)) != NULL && !OSSL_PARAM_set_utf8_ptr(at, PACKAGE_NAME))
        return 0;
    if ((at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION)) != NULL &&
        !OSSL_PARAM_set_utf8_ptr(at, PACKAGE_VERSION))
        return 0;
    if ((at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_BUILDINFO)) != NULL &&
        !OSSL_PARAM_set_utf8_ptr(at, PACKAGE_STRING))
        return 0;
    /* Running, whatever the TPM does: software keys that pass through us work without one. */
    if ((at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS)) != NULL &&
        !OSSL_PARAM_set_int(at, p->setting_rc == DEVID_OK))
        return 0;
    at = OSSL_PARAM_locate(params, "tpm-commands");
    return at == NULL || OSSL_PARAM_set_uint64(at, store == NULL ? 0 : devid_store_commands(store));
}

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    struct provider *p = provctx;

    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return provider_keymgmt;
    case OSSL_OP_SIGNATURE:
        return provider_signature;
    case OSSL_OP_ASYM_CIPHER:
        return provider_asymcipher;
    case OSSL_OP_KEYEXCH:
        return provider_keyexch;
    case OSSL_OP_STORE:
        return p->has_schemes ? p->schemes : provider_store_loaders;
    case OSSL_OP_DECODER:
        return provider_decoders;
    case OSSL_OP_ENCODER:
        return provider_encoders;
    default:
        return NULL;
    }
}

static const OSSL_ITEM *reasons(void *provctx)
{
    (void)provctx;
    return provider_reasons;
}

static void teardown(void *provctx)
{
    provider_free(provctx);
}

static const OSSL_DISPATCH functions[] = {
    ENTRY(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
    ENTRY(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, gettable),
    ENTRY(OSSL_FUNC_PROVIDER_GET_PARAMS, get_params),
    ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
    ENTRY(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, groups_give),
    ENTRY(OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, reasons),
    {0, NULL},
};

/* The only symbol that devid.so exports (dist/provider.map). */
__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

int OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **provctx)
{
    struct provider *p = provider_new(core, in);

    if (p == NULL)
        return 0;
    *out = functions;
    *provctx = p;
    return 1;
}
