/* SPDX-License-Identifier: BSD-2-Clause */
/* The body's table, what keys hold of the provider, and the store, which is opened at first need. */
#include <stdlib.h>

#include "core/random.h"
#include "provider/body.h"

static const OSSL_ALGORITHM *query(struct provider *p, int operation)
{
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
        return store_loaders(p);
    case OSSL_OP_DECODER:
        return provider_decoders;
    case OSSL_OP_ENCODER:
        return provider_encoders;
    default:
        return NULL;
    }
}

static uint64_t commands(struct provider *p)
{
    struct devid_store *store = atomic_load(&p->store);

    return store == NULL ? 0 : devid_store_commands(store);
}

struct provider *provider_hold(struct provider *p)
{
    atomic_fetch_add(&p->holders, 1);
    return p;
}

/* Core's library context stays, as this file does: another thread may be loading us again. */
void provider_free(struct provider *p)
{
    if (p == NULL || atomic_fetch_sub(&p->holders, 1) != 1)
        return;
    devid_store_free(atomic_load(&p->store));
    for (size_t i = 0; i <= PKEY_RSA_PSS; i++)
        free((void *)(uintptr_t)atomic_load(&p->gen_settable[i]));
    free((void *)(uintptr_t)atomic_load(&p->loaders));
    body_free_front(p);
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

static devid_rc random_of(struct provider *p, unsigned char *out, size_t len, struct devid_error *err)
{
    KEEPS_ERRNO;
    struct devid_store *store = NULL;
    devid_rc rc = provider_store(p, &store, err);

    return rc == DEVID_OK ? devid_random_all(store, out, len, err) : rc;
}

extern const struct body devid_provider_body;

__attribute__((visibility("default"))) const struct body devid_provider_body = {
    .version = PACKAGE_VERSION,
    .provider_size = sizeof(struct provider),
    .query = query,
    .commands = commands,
    .random = random_of,
    .free = provider_free,
};
