/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys for requests and for TLS come as for any client: our provider is loaded into the default
 * library context, and the URI goes to OSSL_STORE.
 */
#include "est/keys.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/uri.h"
#include "est/est.h"
#include "est/ossl.h"

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static OSSL_PROVIDER *software, *loaded; /* for the life of the process */
static bool is_complete;

/* devid.so loads the rest of it when it is asked for something. */
static devid_rc complete(struct devid_error *err)
{
    int no_cache = 0;
    const OSSL_ALGORITHM *loaders = OSSL_PROVIDER_query_operation(loaded, OSSL_OP_STORE, &no_cache);

    if (loaders == NULL)
        return ossl_fail(err, DEVID_E_FILE, "the OpenSSL provider does not work");
    OSSL_PROVIDER_unquery_operation(loaded, OSSL_OP_STORE, loaders);
    return DEVID_OK;
}

static devid_rc load(struct devid_error *err)
{
    const char *folder = secure_getenv("OPENSSL_MODULES");

    if (folder == NULL) {
        folder = DEVID_OSSL_MODULES;
        if (OSSL_PROVIDER_set_default_search_path(NULL, folder) != 1)
            return ossl_fail(err, DEVID_E_MEM, "cannot set the folder of OpenSSL's modules");
    }
    /* the first provider loaded by name switches off the implicit default one */
    if (software == NULL)
        software = OSSL_PROVIDER_load(NULL, "default");
    if (software == NULL)
        return ossl_fail(err, DEVID_E_FILE, "cannot load OpenSSL's default provider");
    if (loaded == NULL)
        loaded = OSSL_PROVIDER_load(NULL, "devid");
    if (loaded == NULL)
        return ossl_fail(err, DEVID_E_FILE,
                         "cannot load devid.so from %s: install it there, or name its folder in OPENSSL_MODULES", folder);
    return complete(err);
}

devid_rc est_keys_load(struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    (void)pthread_mutex_lock(&loading);
    if (!is_complete)
        rc = load(err);
    is_complete = rc == DEVID_OK;
    (void)pthread_mutex_unlock(&loading);
    return rc;
}

uint64_t est_keys_commands(void)
{
    uint64_t n = 0;
    OSSL_PARAM params[] = {OSSL_PARAM_uint64("tpm-commands", &n), OSSL_PARAM_END};

    (void)pthread_mutex_lock(&loading);
    if (loaded == NULL || OSSL_PROVIDER_get_params(loaded, params) != 1)
        n = 0;
    (void)pthread_mutex_unlock(&loading);
    return n;
}

/* Our schemes must not go to another provider that serves pkcs11: too. */
static const char *query_of(const char *uri)
{
    static const char *const ours[] = {"pkcs11:", "devid:", "handle:"};

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strncasecmp(uri, ours[i], strlen(ours[i])) == 0)
            return "provider=devid";
    return NULL;
}

int est_key_shown(const char *uri)
{
    return (int)devid_uri_shown(uri);
}

devid_rc est_key_open(const char *uri, EVP_PKEY **out, struct devid_error *err)
{
    OSSL_STORE_CTX *store;
    EVP_PKEY *key = NULL;

    ERR_clear_error();
    /* UI_null: a device has no one to type a passphrase */
    store = OSSL_STORE_open_ex(uri, NULL, query_of(uri), UI_null(), NULL, NULL, NULL, NULL);
    if (store == NULL || OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) != 1) {
        (void)OSSL_STORE_close(store);
        return ossl_fail(err, DEVID_E_KEY, "cannot open the key %.*s", est_key_shown(uri), uri);
    }
    while (key == NULL && OSSL_STORE_eof(store) == 0) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info == NULL && OSSL_STORE_error(store) != 0)
            break;
        if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    (void)OSSL_STORE_close(store);
    if (key == NULL)
        return ossl_fail(err, DEVID_E_ABSENT, "%.*s names no private key", est_key_shown(uri), uri);
    ERR_clear_error();
    *out = key;
    return DEVID_OK;
}
