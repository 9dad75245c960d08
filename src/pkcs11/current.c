/* SPDX-License-Identifier: BSD-2-Clause */
/* The catalogue of now: one stat tells whether it still is; then one thread makes the next one. */
#include <string.h>

#include "pkcs11/module.h"

struct catalogue *catalogue_current(void)
{
    struct catalogue *c;

    (void)pthread_mutex_lock(&the.current);
    c = catalogue_hold(the.catalogue);
    (void)pthread_mutex_unlock(&the.current);
    return c;
}

CK_RV catalogue_refresh(struct catalogue **out)
{
    struct devid_store *store = module_store();
    struct devid_snapshot *snap = NULL;
    struct catalogue *next, *before = NULL;
    struct devid_error err = {0};
    CK_RV rv;

    if (store == NULL)
        return CKR_TOKEN_NOT_PRESENT;
    (void)pthread_mutex_lock(&the.refresh);
    rv = rv_of(devid_store_snapshot(store, &snap, &err), &err);
    if (rv != CKR_OK)
        goto out;
    before = catalogue_current();
    if (before != NULL && devid_snapshot_number(before->snap) == devid_snapshot_number(snap)) {
        devid_snapshot_free(snap);
        *out = before;
        before = NULL;
        goto out;
    }
    next = catalogue_new(store, snap, false, before, NULL);
    if (next == NULL) {
        rv = CKR_HOST_MEMORY;
        goto out;
    }
    *out = catalogue_hold(next);
    (void)pthread_mutex_lock(&the.current);
    the.catalogue = next;
    (void)pthread_mutex_unlock(&the.current);
    catalogue_free(before); /* the module's */
out:
    catalogue_free(before);
    (void)pthread_mutex_unlock(&the.refresh);
    return rv;
}

/* Without memory for the next one it is made at the next look, with new handles for all. */
void catalogue_forget(const char *token)
{
    struct catalogue *next = NULL, *before;

    (void)pthread_mutex_lock(&the.refresh);
    before = catalogue_current();
    if (before != NULL)
        next = catalogue_new(before->store, devid_snapshot_hold(before->snap), false, before, token);
    (void)pthread_mutex_lock(&the.current);
    the.catalogue = next;
    (void)pthread_mutex_unlock(&the.current);
    catalogue_free(before); /* the module's */
    catalogue_free(before);
    (void)pthread_mutex_unlock(&the.refresh);
}

bool catalogue_has_token(const struct catalogue *c, const char *token)
{
    /* An owner who has no key yet has a token all the same, in a TPM that is known to be there. */
    bool is_empty = true;

    if (c != NULL && devid_snapshot_has_pin(c->snap, token, NULL))
        return true;
    for (size_t i = 0; c != NULL && i < c->n_views; i++) {
        if (c->views[i].kind == VIEW_PROFILE)
            continue;
        if (strcmp(c->views[i].token, token) == 0)
            return true;
        is_empty = false;
    }
    return !is_empty && strcmp(token, devid_store_conf(c->store)->owner_token) == 0;
}
