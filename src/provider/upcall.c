/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One loaded provider: what libcrypto lent us, and the store, which is opened at first need.
 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "provider/provider.h"

/* One for each library context that has loaded us; core's library context is shared by all. */
static atomic_uint n_alive;

static void take_upcalls(struct provider *p, const OSSL_DISPATCH *in)
{
    for (; in->function_id != 0; in++) {
        switch (in->function_id) {
        case OSSL_FUNC_CORE_GET_PARAMS:
            p->get_params = OSSL_FUNC_core_get_params(in);
            break;
        case OSSL_FUNC_CORE_NEW_ERROR:
            p->new_error = OSSL_FUNC_core_new_error(in);
            break;
        case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
            p->set_error_debug = OSSL_FUNC_core_set_error_debug(in);
            break;
        case OSSL_FUNC_CORE_VSET_ERROR:
            p->vset_error = OSSL_FUNC_core_vset_error(in);
            break;
        case OSSL_FUNC_BIO_READ_EX:
            p->bio_read_ex = OSSL_FUNC_BIO_read_ex(in);
            break;
        case OSSL_FUNC_BIO_GETS:
            p->bio_gets = OSSL_FUNC_BIO_gets(in);
            break;
        case OSSL_FUNC_BIO_WRITE_EX:
            p->bio_write_ex = OSSL_FUNC_BIO_write_ex(in);
            break;
        default:
            break;
        }
    }
}

struct provider *provider_new(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *upcalls)
{
    struct provider *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    atomic_init(&p->holders, 1);
    atomic_init(&p->store, NULL);
    for (size_t i = 0; i < 2; i++)
        atomic_init(&p->gen_settable[i], NULL);
    p->core = core;
    take_upcalls(p, upcalls);
    if (p->new_error == NULL || p->set_error_debug == NULL || p->vset_error == NULL || p->bio_read_ex == NULL ||
        p->bio_gets == NULL || p->bio_write_ex == NULL) {
        free(p);
        return NULL;
    }
    settings_take(p);
    atomic_fetch_add(&n_alive, 1);
    return p;
}

struct provider *provider_hold(struct provider *p)
{
    atomic_fetch_add(&p->holders, 1);
    return p;
}

void provider_free(struct provider *p)
{
    if (p == NULL || atomic_fetch_sub(&p->holders, 1) != 1)
        return;
    devid_store_free(atomic_load(&p->store));
    for (size_t i = 0; i < 2; i++)
        free((void *)(uintptr_t)atomic_load(&p->gen_settable[i]));
    free(p->auth_path);
    free(p);
    if (atomic_fetch_sub(&n_alive, 1) == 1)
        devid_libctx_drop();
}

devid_rc provider_store(struct provider *p, struct devid_store **out, struct devid_error *err)
{
    const struct devid_store_options options = {.conf_path = p->conf_path, .tcti = p->tcti};
    struct devid_store *mine, *there = atomic_load(&p->store);
    devid_rc rc;

    if (p->setting_rc != DEVID_OK)
        return devid_fail(err, p->setting_rc, "%s", p->setting_error.text);
    if (there == NULL) {
        rc = devid_store_open_with(&options, &mine, err);
        if (rc != DEVID_OK)
            return rc;
        if (atomic_compare_exchange_strong(&p->store, &there, mine))
            there = mine;
        else
            devid_store_free(mine); /* another thread was first; ours has not been used */
    }
    *out = there;
    return DEVID_OK;
}
