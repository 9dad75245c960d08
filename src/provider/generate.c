/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a key (provider-keymgmt(7), "Key Generation Functions"): a software key, as the program would get without us, but for who
 * says that it is to be the TPM's (wish.h).
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "provider/keymgmt.h"
#include "provider/wish.h"

#define PARAMS_MAX 32 /* of one call; more than any version of libcrypto knows */

struct making {
    struct provider *prov;
    enum pkey_type type;
    bool is_parameters;
    EVP_PKEY_CTX *ctx;
    struct wish wish;
};

static int making_start(struct making *m)
{
    return m->ctx != NULL && (m->is_parameters ? EVP_PKEY_paramgen_init(m->ctx) : EVP_PKEY_keygen_init(m->ctx)) == 1;
}

void keymgmt_gen_cleanup(void *genctx)
{
    struct making *m = genctx;

    if (m == NULL)
        return;
    EVP_PKEY_CTX_free(m->ctx);
    wish_free(&m->wish);
    OPENSSL_free(m);
}

/* The default provider's key type would take ours for a mistake. */
static int software_params(struct making *m, const OSSL_PARAM params[])
{
    OSSL_PARAM rest[PARAMS_MAX + 1];
    size_t n = 0;

    for (; params->key != NULL; params++) {
        if (wish_is_ours(params->key))
            continue;
        if (n == PARAMS_MAX)
            return 0;
        rest[n++] = *params;
    }
    rest[n] = OSSL_PARAM_construct_end();
    return n == 0 || EVP_PKEY_CTX_set_params(m->ctx, rest) == 1;
}

int keymgmt_gen_set_params(void *genctx, const OSSL_PARAM params[])
{
    struct making *m = genctx;
    struct devid_error err = {0};
    devid_rc rc;

    if (params == NULL || params[0].key == NULL)
        return 1;
    rc = wish_take(params, &m->wish, &err);
    return rc == DEVID_OK ? software_params(m, params) : RAISE(m->prov, rc, &err);
}

void *keymgmt_gen_init(struct provider *p, enum pkey_type type, int selection, const OSSL_PARAM params[])
{
    struct making *m = OPENSSL_zalloc(sizeof *m);
    OSSL_LIB_CTX *ctx = devid_libctx();

    if (m == NULL)
        return NULL;
    m->prov = p;
    m->type = type;
    m->is_parameters = (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0;
    m->ctx = ctx == NULL ? NULL : EVP_PKEY_CTX_new_from_name(ctx, pkey_type_name(type), NULL);
    if (!making_start(m) || !keymgmt_gen_set_params(m, params)) {
        keymgmt_gen_cleanup(m);
        return NULL;
    }
    return m;
}

/* It comes last: what was said before stands. As in the default provider, it has an EC key's group, and nothing of an RSA key. */
int keymgmt_gen_set_template(void *genctx, void *keydata)
{
    struct making *m = genctx;
    struct pkey *pk = keydata;
    char group[64] = "";
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0), OSSL_PARAM_END};

    if (m->type != PKEY_EC)
        return 1;
    if (pk == NULL || pk->soft == NULL)
        return 0;
    if (EVP_PKEY_get_group_name(pk->soft, group, sizeof group, &params[0].data_size) == 1)
        return keymgmt_gen_set_params(m, params);
    EVP_PKEY_CTX_free(m->ctx); /* a curve without a name */
    m->ctx = EVP_PKEY_CTX_new_from_pkey(devid_libctx(), pk->soft, NULL);
    return making_start(m);
}

void *keymgmt_gen(void *genctx, OSSL_CALLBACK *cb, void *arg)
{
    KEEPS_ERRNO;
    struct making *m = genctx;
    struct devid_error err = {0};
    struct pkey *pk = NULL;
    devid_rc rc;

    (void)cb;
    (void)arg;
    if (m->wish.is_said && !m->is_parameters) {
        rc = wish_fulfil(m->prov, m->type, &m->wish, &pk, &err);
        if (rc != DEVID_OK)
            (void)RAISE(m->prov, rc, &err);
        return rc == DEVID_OK ? pk : NULL;
    }
    pk = pkey_new(m->prov, m->type);
    if (pk != NULL && EVP_PKEY_generate(m->ctx, &pk->soft) != 1) {
        pkey_free(pk);
        return NULL;
    }
    return pk;
}

static size_t n_params(const OSSL_PARAM *p)
{
    size_t n = 0;

    while (p != NULL && p[n].key != NULL)
        n++;
    return n;
}

/* The default provider's, as its version has them, and ours behind. */
static const OSSL_PARAM *settable_of(enum pkey_type type)
{
    OSSL_LIB_CTX *ctx = devid_libctx();
    EVP_KEYMGMT *method = ctx == NULL ? NULL : EVP_KEYMGMT_fetch(ctx, pkey_type_name(type), NULL);
    const OSSL_PARAM *theirs = method == NULL ? NULL : EVP_KEYMGMT_gen_settable_params(method);
    size_t n = n_params(theirs), n_own = n_params(wish_params);
    OSSL_PARAM *all = calloc(n + n_own + 1, sizeof *all);

    if (all != NULL) {
        if (n != 0)
            memcpy(all, theirs, n * sizeof *all);
        memcpy(all + n, wish_params, (n_own + 1) * sizeof *all);
    }
    EVP_KEYMGMT_free(method);
    return all;
}

const OSSL_PARAM *keymgmt_gen_settable(struct provider *p, enum pkey_type type)
{
    _Atomic(const OSSL_PARAM *) *at = &p->gen_settable[type];
    const OSSL_PARAM *there = atomic_load(at), *made;

    if (there != NULL)
        return there;
    made = settable_of(type);
    if (made == NULL || atomic_compare_exchange_strong(at, &there, made))
        return made;
    free((void *)(uintptr_t)made); /* another thread was first */
    return there;
}
