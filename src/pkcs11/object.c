/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects: PKCS#11 2.40, 5.7. An object is a view of an identity: its key's public half, its private half, a
 * certificate of its chain. The catalogue has the views of one snapshot; the next one keeps the handles of those that
 * are still the same, so a handle means one object for as long as that exists, and nothing after.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/module.h"

/* Under the refresh lock. Never the same again in a process. */
static CK_OBJECT_HANDLE next_handle = 1;

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
    for (size_t i = c->n_views; i-- > 0 && strcmp(c->views[i].identity->token, identity->token) == 0;)
        if (c->views[i].kind == VIEW_ISSUER && devid_slice_eq(c->views[i].cert->der, cert->der))
            return true;
    return false;
}

static void view_add(struct catalogue *c, const struct devid_identity *identity, enum view_kind kind,
                     const struct devid_cert *cert)
{
    if (kind != VIEW_ISSUER || !is_listed(c, identity, cert))
        c->views[c->n_views++] = (struct view){.identity = identity, .kind = kind, .cert = cert};
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
            v->handle = next_handle++;
        c->by_handle[i] = v;
    }
    qsort(c->by_handle, c->n_views, sizeof c->by_handle[0], by_handle);
}

/* Takes the snapshot over. */
static struct catalogue *catalogue_new(struct devid_store *store, struct devid_snapshot *snap,
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

static struct catalogue *catalogue_hold(struct catalogue *c)
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

static struct catalogue *catalogue_current(void)
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
    atomic_store(&next->holders, 2); /* the module's and the caller's */
    (void)pthread_mutex_lock(&the.current);
    the.catalogue = next;
    (void)pthread_mutex_unlock(&the.current);
    catalogue_free(before); /* the module's */
    *out = next;
out:
    catalogue_free(before);
    (void)pthread_mutex_unlock(&the.refresh);
    return rv;
}

bool catalogue_has_token(const struct catalogue *c, const char *token)
{
    /* An owner who has no key yet has a token all the same, in a TPM that is known to be there. */
    if (c == NULL || c->n_views == 0)
        return false;
    for (size_t i = 0; i < c->n_views; i++)
        if (strcmp(c->views[i].identity->token, token) == 0)
            return true;
    return strcmp(token, devid_store_conf(c->store)->owner_token) == 0;
}

CK_RV object_find(const struct session *s, CK_OBJECT_HANDLE handle, struct object *out)
{
    struct catalogue *c = catalogue_current();
    struct view wanted = {.handle = handle};
    struct view *key = &wanted, **found = NULL;

    if (c != NULL)
        found = bsearch(&key, c->by_handle, c->n_views, sizeof c->by_handle[0], by_handle);
    if (found == NULL || strcmp((*found)->identity->token, s->slot->token) != 0) {
        catalogue_free(c);
        return CKR_OBJECT_HANDLE_INVALID;
    }
    *out = (struct object){.catalogue = c, .view = *found};
    return CKR_OK;
}

CK_RV object_find_key(const struct session *s, CK_OBJECT_HANDLE handle, enum view_kind half, struct object *out)
{
    struct object o = {0};

    if (object_find(s, handle, &o) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    if (o.view->kind != half) {
        CK_RV rv = o.view->cert != NULL ? CKR_KEY_HANDLE_INVALID : CKR_KEY_FUNCTION_NOT_PERMITTED;

        object_free(&o);
        return rv;
    }
    *out = o;
    return CKR_OK;
}

void object_free(struct object *o)
{
    catalogue_free(o->catalogue);
    *o = (struct object){0};
}

CK_RV object_key(const struct object *o, struct devid_key **out)
{
    struct devid_key *mine = NULL, *first = atomic_load(&o->view->key);
    struct devid_error err = {0};
    CK_RV rv;

    if (first == NULL) {
        rv = rv_of(devid_key_open(o->catalogue->store, o->catalogue->snap, o->view->identity, &mine, &err), &err);
        if (rv != CKR_OK)
            return rv;
        if (atomic_compare_exchange_strong(&o->view->key, &first, mine))
            first = mine;
        else
            devid_key_free(mine); /* another thread was here before */
    }
    *out = first;
    return CKR_OK;
}

static const CK_ATTRIBUTE *template_find(const CK_ATTRIBUTE *template, CK_ULONG n, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < n; i++)
        if (template[i].type == type)
            return &template[i];
    return NULL;
}

/* Answers as the standard orders them; at the end of them, no class of object is made by a client. */
static CK_RV create_refuse(const struct session *s, const CK_ATTRIBUTE *template, CK_ULONG n)
{
    const CK_ATTRIBUTE *class, *token;
    CK_OBJECT_CLASS wanted;

    if ((template == NULL && n != 0) || n > TEMPLATE_MAX)
        return CKR_ARGUMENTS_BAD;
    for (CK_ULONG i = 0; i < n; i++)
        if (is_wild(template[i].pValue, template[i].ulValueLen))
            return CKR_ARGUMENTS_BAD;
    class = template_find(template, n, CKA_CLASS);
    token = template_find(template, n, CKA_TOKEN);
    if (class == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    if (class->ulValueLen != sizeof wanted || (token != NULL && token->ulValueLen != sizeof(CK_BBOOL)))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (token != NULL && *(const CK_BBOOL *)token->pValue && !session_is_rw(s))
        return CKR_SESSION_READ_ONLY;
    memcpy(&wanted, class->pValue, sizeof wanted);
    /* Keys are made in the TPM and do not come from elsewhere. */
    if (wanted == CKO_PRIVATE_KEY || wanted == CKO_SECRET_KEY)
        return CKR_TEMPLATE_INCONSISTENT;
    return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV C_CreateObject(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *object)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, object == NULL ? CKR_ARGUMENTS_BAD : create_refuse(s, template, n));
}

/* What all changes of an object have in common; CKA_COPYABLE and CKA_DESTROYABLE are false on every object. */
static CK_RV change_refuse(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object)
{
    struct object o = {0};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = object_find(s, object, &o);
    object_free(&o);
    if (rv == CKR_OK)
        rv = session_is_rw(s) ? CKR_ACTION_PROHIBITED : CKR_SESSION_READ_ONLY;
    return session_leave(s, rv);
}

CK_RV C_CopyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n,
                   CK_OBJECT_HANDLE *made)
{
    (void)template, (void)n, (void)made;
    return change_refuse(handle, object);
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object)
{
    return change_refuse(handle, object);
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ULONG *size)
{
    struct object o = {0};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = object_find(s, object, &o);
    object_free(&o);
    if (rv == CKR_OK && size == NULL)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        *size = CK_UNAVAILABLE_INFORMATION;
    return session_leave(s, rv);
}
