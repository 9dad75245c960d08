/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is: PKCS#11 2.40, 4.2. An object is a view of an identity: its key's public half, its private half, a
 * certificate of its chain. The catalogue has the views of one snapshot; the next one keeps the handles of those that
 * are still the same, so a handle means one object for as long as that exists, and nothing after.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/module.h"

/* Never the same again in a process. */
static _Atomic CK_OBJECT_HANDLE next_handle = 1;

/* What makes the object this one and no other. */
static struct devid_slice view_content(const struct view *v)
{
    return v->cert != NULL ? v->cert->der : devid_slice_of(v->identity->pub.spki);
}

/* The order of a catalogue. */
static int view_compare(const struct view *a, const struct view *b)
{
    int d = strcmp(a->identity->token, b->identity->token);

    if (d == 0)
        d = strcmp(a->identity->label, b->identity->label);
    if (d == 0)
        d = (int)a->kind - (int)b->kind;
    return d;
}

static int by_handle(const void *a, const void *b)
{
    const struct view *x = *(struct view *const *)a, *y = *(struct view *const *)b;

    return (x->handle > y->handle) - (x->handle < y->handle);
}

/* An issuer's certificate stands in the chain of each key that it certified, and is one object in their token. */
static bool is_listed(const struct catalogue *c, const struct devid_identity *identity, const struct devid_cert *cert)
{
    for (size_t i = c->n_views; i-- > 0 && strcmp(c->views[i].token, identity->token) == 0;)
        if (c->views[i].kind == VIEW_ISSUER && devid_slice_eq(c->views[i].cert->der, cert->der))
            return true;
    return false;
}

static void view_add(struct catalogue *c, const struct devid_identity *identity, enum view_kind kind,
                     const struct devid_cert *cert)
{
    unsigned flags = 0;

    switch (kind) {
    case VIEW_PUBLIC:  flags = identity->public_flags; break;
    case VIEW_PRIVATE: flags = identity->private_flags; break;
    case VIEW_LEAF:    flags = identity->cert_flags; break;
    case VIEW_ISSUER:  break;
    }
    if ((flags & DEVID_FLAG_HIDDEN) != 0 || (kind == VIEW_ISSUER && is_listed(c, identity, cert)))
        return;
    c->views[c->n_views++] = (struct view){
        .token = identity->token, .identity = identity, .kind = kind, .cert = cert, .flags = flags};
}

/* Handles of what the catalogue before it had are kept; both are in the same order. */
static void handles_give(struct catalogue *c, const struct catalogue *before)
{
    size_t from = 0;

    for (size_t i = 0; i < c->n_views; i++) {
        struct view *v = &c->views[i];

        while (before != NULL && from < before->n_views && view_compare(&before->views[from], v) < 0)
            from++;
        for (size_t j = from; before != NULL && j < before->n_views && v->handle == 0; j++) {
            if (view_compare(&before->views[j], v) != 0)
                break;
            if (devid_slice_eq(view_content(&before->views[j]), view_content(v)))
                v->handle = before->views[j].handle;
        }
        if (v->handle == 0)
            v->handle = atomic_fetch_add(&next_handle, 1);
        c->by_handle[i] = v;
    }
    qsort(c->by_handle, c->n_views, sizeof c->by_handle[0], by_handle);
}

struct catalogue *catalogue_new(struct devid_store *store, struct devid_snapshot *snap,
                                const struct catalogue *before)
{
    const struct devid_identity *identity = NULL;
    struct catalogue *c = calloc(1, sizeof *c);
    size_t room = 0;

    while ((identity = devid_snapshot_next(snap, identity)) != NULL)
        room += 2 + identity->n_chain;
    if (c != NULL) {
        c->views = calloc(room + 1, sizeof *c->views);
        c->by_handle = calloc(room + 1, sizeof *c->by_handle);
    }
    if (c == NULL || c->views == NULL || c->by_handle == NULL) {
        devid_snapshot_free(snap);
        catalogue_free(c);
        return NULL;
    }
    atomic_store(&c->holders, 1);
    c->store = store;
    c->snap = snap;
    while ((identity = devid_snapshot_next(snap, identity)) != NULL) {
        view_add(c, identity, VIEW_PUBLIC, NULL);
        view_add(c, identity, VIEW_PRIVATE, NULL);
        for (size_t i = 0; i < identity->n_chain; i++)
            view_add(c, identity, i == 0 ? VIEW_LEAF : VIEW_ISSUER, &identity->chain[i]);
    }
    handles_give(c, before);
    return c;
}

struct catalogue *catalogue_hold(struct catalogue *c)
{
    if (c != NULL)
        (void)atomic_fetch_add(&c->holders, 1);
    return c;
}

void catalogue_free(struct catalogue *c)
{
    if (c == NULL || atomic_fetch_sub(&c->holders, 1) > 1)
        return;
    for (size_t i = 0; i < c->n_views; i++)
        devid_key_free(atomic_load(&c->views[i].key));
    devid_snapshot_free(c->snap);
    free(c->by_handle);
    free(c->views);
    free(c);
}

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
    next = catalogue_new(store, snap, before);
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

struct view *catalogue_find(const struct catalogue *c, CK_OBJECT_HANDLE handle)
{
    struct view wanted = {.handle = handle};
    struct view *key = &wanted, **found = bsearch(&key, c->by_handle, c->n_views, sizeof c->by_handle[0], by_handle);

    return found != NULL ? *found : NULL;
}

bool catalogue_has_token(const struct catalogue *c, const char *token)
{
    /* An owner who has no key yet has a token all the same, in a TPM that is known to be there. */
    if (c == NULL || c->n_views == 0)
        return false;
    for (size_t i = 0; i < c->n_views; i++)
        if (strcmp(c->views[i].token, token) == 0)
            return true;
    return strcmp(token, devid_store_conf(c->store)->owner_token) == 0;
}
