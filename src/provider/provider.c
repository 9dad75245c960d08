/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The provider as libcrypto loads it (provider(7)). Loading reads no file and sends nothing: every program that
 * reads openssl.cnf loads us, and hardly one of them has a key in the TPM. What such a program may ask is answered here; the rest is
 * the body's (body.h).
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

#include "provider/body.h"

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
    const struct body *body = atomic_load(&p->body);
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
        !OSSL_PARAM_set_int(at, p->setting_rc == DEVID_OK && !atomic_load(&p->is_incomplete)))
        return 0;
    at = OSSL_PARAM_locate(params, "tpm-commands");
    return at == NULL || OSSL_PARAM_set_uint64(at, body == NULL ? 0 : body->commands(p));
}

/* Operations of keys. */
static bool is_ours(int operation)
{
    switch (operation) {
    case OSSL_OP_KEYMGMT:
    case OSSL_OP_SIGNATURE:
    case OSSL_OP_ASYM_CIPHER:
    case OSSL_OP_KEYEXCH:
    case OSSL_OP_STORE:
    case OSSL_OP_DECODER:
    case OSSL_OP_ENCODER:
        return true;
    default:
        return false;
    }
}

/* libcrypto may ask more than once for one key. */
static bool is_said(const struct devid_error *err)
{
    const char *data = NULL;
    int flags = 0;

    return ERR_peek_last_error_data(&data, &flags) != 0 && (flags & ERR_TXT_STRING) != 0 && strcmp(data, err->text) == 0;
}

/*
 * Without the body we have no algorithm, and software keys go on without us. Why is told where a key of ours would come in; libcrypto forgets
 * it where another provider can read what is there.
 */
static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    KEEPS_ERRNO;
    struct provider *p = provctx;
    const struct body *body = NULL;
    struct devid_error err = {0};
    devid_rc rc;

    *no_cache = 0;
    if (operation == OSSL_OP_RAND) /* asked of everybody by each program that needs a random number: without the body */
        return provider_rand;
    if (!is_ours(operation))
        return NULL;
    rc = body_load(p, &body, &err);
    atomic_store(&p->is_incomplete, rc != DEVID_OK);
    if (rc == DEVID_OK)
        return body->query(p, operation);
    if ((operation == OSSL_OP_STORE || operation == OSSL_OP_DECODER) && !is_said(&err))
        (void)RAISE(p, rc, &err);
    *no_cache = 1; /* the next query may succeed */
    return NULL;
}

static void teardown(void *provctx)
{
    struct provider *p = provctx;
    const struct body *body = atomic_load(&p->body);

    if (body == NULL)
        body_free_front(p);
    else
        body->free(p); /* keys may hold it */
}

static const OSSL_DISPATCH functions[] = {
    ENTRY(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
    ENTRY(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, gettable),
    ENTRY(OSSL_FUNC_PROVIDER_GET_PARAMS, get_params),
    ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
    ENTRY(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, groups_give),
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
