/* SPDX-License-Identifier: BSD-2-Clause */
/* A new pair for an identity, and the end of the old one. */
#include "core/key.h"
#include "core/make.h"

devid_rc devid_store_renew(struct devid_store *store, const struct devid_identity *old, const struct devid_made *made,
                           const struct devid_cert *chain, size_t n_chain, int64_t now, struct devid_error *err)
{
    struct devid_identity next = *old;

    next.pub = made->pub;
    next.key_place = DEVID_PLACE_BLOB;
    next.handle = 0;
    next.parent = made->parent;
    next.blob = devid_slice_of(made->blob);
    next.object = (struct devid_slice){0};
    next.chain = chain;
    next.n_chain = n_chain;
    next.cert_place = DEVID_PLACE_FILE;
    next.nv_index = 0;
    next.previous = old;
    next.replaced = now;
    return devid_store_replace(store, old, &next, err);
}

static devid_rc forget(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    struct devid_identity next = *identity;
    devid_rc rc = devid_key_evict_previous(store, identity, err);

    next.previous = NULL;
    next.replaced = 0;
    return rc == DEVID_OK ? devid_store_replace(store, identity, &next, err) : rc;
}

/* That the grace time is over stands in the file before the handle is empty: who is killed between leaves that to the next. */
devid_rc devid_store_end_grace(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    const struct devid_query query = {.token = identity->token, .label = identity->label};
    struct devid_identity ended = *identity;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = DEVID_OK;

    if (identity->previous == NULL || identity->previous->key_place != DEVID_PLACE_HANDLE || identity->replaced == 0)
        return forget(store, identity, err);
    ended.replaced = 0;
    rc = devid_store_replace(store, identity, &ended, err);
    if (rc == DEVID_OK)
        rc = devid_store_find(store, &query, &snap, &identity, err);
    if (rc == DEVID_OK)
        rc = forget(store, identity, err);
    devid_snapshot_free(snap);
    return rc;
}
