/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C_DestroyObject: PKCS#11 2.40, 5.7. One object goes, the others of its identity stay: without its private half an
 * identity is none any more, and what remains are items. They are written before it goes, so that a process killed in between leaves
 * the identity whole.
 */
#include <string.h>

#include "pkcs11/secret.h"
#include "pkcs11/write.h"

/* An item that a killed process left of it would come to light. */
static CK_RV forget_rest(const struct object *o)
{
    char name[DEVID_ITEM_NAME + 1];
    struct devid_error err = {0};
    CK_RV rv = view_unique_id(o->view, name);

    if (rv != CKR_OK || o->catalogue->is_session)
        return rv;
    return rv_of(devid_store_remove_item(o->catalogue->store, o->view->token, name, &err), &err);
}

static CK_RV hide_public(const struct object *o)
{
    struct devid_identity next = *o->view->identity;
    CK_RV rv = forget_rest(o);

    next.public_flags |= DEVID_FLAG_HIDDEN;
    return rv == CKR_OK ? object_put_identity(o, &next) : rv;
}

/* The issuers that came with it stay, on their own. */
static CK_RV destroy_leaf(const struct object *o)
{
    struct devid_identity next = *o->view->identity;
    CK_RV rv = forget_rest(o);

    if (rv == CKR_OK && !o->catalogue->is_session)
        rv = item_keep_others(o, VIEW_ISSUER);
    next.chain = NULL;
    next.n_chain = 0;
    next.cert_place = DEVID_PLACE_NONE;
    next.cert_label = NULL;
    next.cert_id = (struct devid_slice){0};
    next.cert_flags = 0;
    return rv == CKR_OK ? object_put_identity(o, &next) : rv;
}

static CK_RV cut_chain(const struct object *o, const struct devid_identity *identity)
{
    struct devid_cert chain[DEVID_CHAIN_MAX];
    struct devid_identity next = *identity;
    struct devid_error err = {0};
    devid_rc rc;

    next.n_chain = 0;
    next.chain = chain;
    for (size_t i = 0; i < identity->n_chain; i++)
        if (i == 0 || !devid_slice_eq(identity->chain[i].der, o->view->cert->der))
            chain[next.n_chain++] = identity->chain[i];
    if (next.n_chain == identity->n_chain)
        return CKR_OK;
    rc = devid_store_replace(o->catalogue->store, identity, &next, &err);
    return rc == DEVID_E_BUSY ? CKR_LOOK_AGAIN : rv_of(rc, &err);
}

/* It is one object, and stands in the chain of each key that it certified. */
static CK_RV destroy_issuer(const struct object *o)
{
    const struct devid_identity *identity = NULL;
    struct catalogue *c = NULL;
    CK_RV rv = forget_rest(o);

    while (rv == CKR_OK && (identity = devid_snapshot_next(o->catalogue->snap, identity)) != NULL)
        if (strcmp(identity->token, o->view->token) == 0)
            rv = cut_chain(o, identity);
    (void)catalogue_refresh(&c);
    catalogue_free(c);
    return rv;
}

/* Session objects: the public half goes on as an object of its own, in the same place; one of those in flags goes, too. */
static CK_RV destroy_loose_private(const struct catalogue *c, unsigned flags)
{
    struct devid_snapshot *snap = NULL;
    char name[DEVID_ITEM_NAME + 1];
    struct devid_error err = {0};
    struct catalogue *next = NULL;
    struct devid_item item;
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < c->n_views; i++) {
        if (c->views[i].kind != VIEW_PUBLIC || (c->views[i].flags & flags) != 0)
            continue;
        rv = item_of_view(&c->views[i], name, &item);
        if (rv == CKR_OK)
            rv = rv_of(devid_snapshot_of_item(&item, &snap, &err), &err);
    }
    if (rv == CKR_OK && snap != NULL) {
        next = catalogue_new(c->store, snap, true, c, NULL);
        rv = next != NULL ? CKR_OK : CKR_HOST_MEMORY;
    }
    if (rv == CKR_OK && !loose_replace(c, next))
        rv = CKR_LOOK_AGAIN;
    return rv;
}

static bool has_private(const struct catalogue *c, const char *token)
{
    for (size_t i = 0; i < c->n_views; i++)
        if ((c->views[i].flags & DEVID_FLAG_PRIVATE) != 0 && strcmp(c->views[i].token, token) == 0)
            return true;
    return false;
}

/* One that a call in another thread changes just now is met in its new form the next time. */
void destroy_private_loose(const char *token)
{
    bool again = true;

    while (again) {
        struct catalogue **list = NULL;
        size_t n = 0;

        again = false;
        if (loose_list(&list, &n) != CKR_OK)
            return;
        for (size_t i = 0; i < n; i++) {
            CK_RV rv = has_private(list[i], token) ? destroy_loose_private(list[i], DEVID_FLAG_PRIVATE) : CKR_OK;

            again |= rv == CKR_LOOK_AGAIN;
            if (rv != CKR_OK && rv != CKR_LOOK_AGAIN)
                (void)loose_replace(list[i], NULL);
        }
        loose_list_free(list, n);
    }
}

/* The TPM first: a key that no file tells of could not be removed by anybody who does not know its handle. */
static CK_RV destroy_private(const struct object *o)
{
    struct devid_error err = {0};
    CK_RV rv;

    if (o->catalogue->is_session)
        return destroy_loose_private(o->catalogue, 0);
    rv = item_keep_others(o, VIEW_PUBLIC | VIEW_LEAF | VIEW_ISSUER);
    if (rv == CKR_OK)
        rv = rv_of(devid_key_evict(o->catalogue->store, o->view->identity, &err), &err);
    return rv == CKR_OK ? object_put_identity(o, NULL) : rv;
}

static CK_RV destroy_once(const struct session *s, CK_OBJECT_HANDLE handle)
{
    struct object o = {0};
    CK_RV rv = object_find(s, handle, &o);

    if (rv == CKR_OK && !o.catalogue->is_session && !session_is_rw(s))
        rv = CKR_SESSION_READ_ONLY;
    if (rv == CKR_OK && !object_may(&o, DEVID_FLAG_KEPT))
        rv = CKR_ACTION_PROHIBITED;
    if (rv != CKR_OK) {
        object_free(&o);
        return rv;
    }
    switch (o.view->kind) {
    case VIEW_PUBLIC:  rv = hide_public(&o); break;
    case VIEW_PRIVATE: rv = destroy_private(&o); break;
    case VIEW_LEAF:    rv = destroy_leaf(&o); break;
    case VIEW_ISSUER:  rv = destroy_issuer(&o); break;
    case VIEW_DATA:
    case VIEW_CERT:
    case VIEW_KEY:     rv = object_put_item(&o, NULL); break;
    case VIEW_SECRET:  rv = secret_destroy(&o) ? CKR_OK : CKR_OBJECT_HANDLE_INVALID; break;
    case VIEW_PROFILE: rv = CKR_ACTION_PROHIBITED; break;
    }
    object_free(&o);
    return rv;
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = CKR_LOOK_AGAIN;
    for (int i = 0; rv == CKR_LOOK_AGAIN && i < TRIES; i++)
        rv = destroy_once(s, object);
    return session_leave(s, rv == CKR_LOOK_AGAIN ? CKR_DEVICE_ERROR : rv);
}
