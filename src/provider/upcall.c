/* SPDX-License-Identifier: BSD-2-Clause */
/* One loaded provider: what libcrypto lent us. */
#include <stdlib.h>

#include "provider/body.h"

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
    atomic_init(&p->error_lib, 0);
    atomic_init(&p->body, NULL);
    atomic_init(&p->is_incomplete, false);
    atomic_init(&p->store, NULL);
    atomic_init(&p->loaders, NULL);
    for (size_t i = 0; i <= PKEY_RSA_PSS; i++)
        atomic_init(&p->gen_settable[i], NULL);
    p->core = core;
    take_upcalls(p, upcalls);
    if (p->new_error == NULL || p->set_error_debug == NULL || p->vset_error == NULL || p->bio_read_ex == NULL ||
        p->bio_gets == NULL || p->bio_write_ex == NULL || !body_locate(p)) {
        body_free_front(p);
        return NULL;
    }
    settings_take(p);
    return p;
}
