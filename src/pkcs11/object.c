/* SPDX-License-Identifier: BSD-2-Clause */
/* One object: who sees it, and the key behind it. PKCS#11 2.40, 4.4 and 5.7. */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/secret.h"

bool object_is_visible(const struct session *s, const struct view *view)
{
    if (strcmp(view->token, s->slot->token) != 0)
        return false;
    if (view->kind == VIEW_PROFILE && !s->is_3_0)
        return false;
    return (view->flags & DEVID_FLAG_PRIVATE) == 0 || !view->is_behind_pin || atomic_load(&s->slot->login) == LOGIN_USER;
}

bool session_hides_private(const struct session *s)
{
    struct catalogue *c = catalogue_current();
    bool has_pin = c != NULL && devid_snapshot_has_pin(c->snap, s->slot->token, NULL);

    catalogue_free(c);
    return has_pin && atomic_load(&s->slot->login) != LOGIN_USER;
}

CK_RV object_find(const struct session *s, CK_OBJECT_HANDLE handle, struct object *out)
{
    struct catalogue *c = catalogue_current();
    struct view *view = c != NULL ? catalogue_find(c, handle) : NULL;

    if (view == NULL) {
        catalogue_free(c);
        c = loose_find(handle, &view);
    }
    if (view == NULL || !object_is_visible(s, view)) {
        catalogue_free(c);
        return CKR_OBJECT_HANDLE_INVALID;
    }
    *out = (struct object){.catalogue = c, .view = view};
    return CKR_OK;
}

CK_RV object_find_key(const struct session *s, CK_OBJECT_HANDLE handle, enum view_kind half, struct object *out)
{
    struct object o = {0};

    if (object_find(s, handle, &o) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    if (o.view->kind != half && !(half == VIEW_PUBLIC && o.view->kind == VIEW_KEY)) {
        CK_RV rv = o.view->pub == NULL ? CKR_KEY_HANDLE_INVALID : CKR_KEY_FUNCTION_NOT_PERMITTED;

        object_free(&o);
        return rv;
    }
    *out = o;
    return CKR_OK;
}

bool object_is_provisioned(const struct object *o)
{
    const struct devid_identity *identity = o->view->identity;
    const struct devid_conf_identity *conf;

    if (o->catalogue->is_session || identity == NULL || identity->role != DEVID_ROLE_LDEVID)
        return false;
    conf = devid_conf_find(devid_store_conf(o->catalogue->store), identity->label);
    return conf != NULL && conf->role == DEVID_ROLE_LDEVID && strcmp(conf->token, identity->token) == 0;
}

bool object_may(const struct object *o, enum devid_flag what)
{
    const struct view *v = o->view;

    if ((v->flags & (unsigned)what) != 0 || v->kind == VIEW_PROFILE)
        return false;
    if (v->kind == VIEW_SECRET && what != DEVID_FLAG_KEPT)
        return false;
    if (!o->catalogue->is_session &&
        (devid_token_is_manufacturers(v->token) || (v->identity != NULL && v->identity->is_read_only)))
        return false;
    switch (what) {
    case DEVID_FLAG_FIXED:      return v->kind != VIEW_ISSUER; /* it has nothing that a client gave it */
    case DEVID_FLAG_UNCOPYABLE: return v->kind != VIEW_PRIVATE || v->identity->key_place == DEVID_PLACE_BLOB;
    case DEVID_FLAG_KEPT:       return v->kind != VIEW_PRIVATE || !object_is_provisioned(o);
    default:                    return true;
    }
}

bool object_is_for(const struct object *o, enum devid_usage usage)
{
    const struct view *v = o->view;
    unsigned not_for = v->identity != NULL ? v->identity->not_for : v->item != NULL ? v->item->not_for : 0;

    return (not_for & (unsigned)usage) == 0;
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

    if (o->view->identity == NULL)
        return CKR_KEY_HANDLE_INVALID;
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

/* Handles of the two halves. The first of that name: it was just made, and names are unique. */
static CK_RV pair_handles(const struct catalogue *c, const char *token, const char *name, CK_OBJECT_HANDLE *public_key,
                          CK_OBJECT_HANDLE *private_key)
{
    *public_key = *private_key = CK_INVALID_HANDLE;
    for (size_t i = 0; i < c->n_views; i++) {
        const struct view *v = &c->views[i];

        if (v->identity == NULL || v->is_old || strcmp(v->token, token) != 0 || strcmp(v->identity->label, name) != 0)
            continue;
        if (v->kind == VIEW_PUBLIC)
            *public_key = v->handle;
        else if (v->kind == VIEW_PRIVATE)
            *private_key = v->handle;
    }
    return *private_key != CK_INVALID_HANDLE ? CKR_OK : CKR_DEVICE_ERROR; /* another process removed it at once */
}

static CK_RV add_to_token(struct devid_store *store, const struct devid_identity *pair, CK_OBJECT_HANDLE *public_key,
                          CK_OBJECT_HANDLE *private_key)
{
    struct devid_bytes name = {0};
    struct catalogue *c = NULL;
    struct devid_error err = {0};
    CK_RV rv = rv_of(devid_store_add(store, pair, &name, &err), &err);

    if (rv == CKR_OK)
        rv = catalogue_refresh(&c);
    if (rv == CKR_OK)
        rv = pair_handles(c, pair->token, (const char *)name.data, public_key, private_key);
    catalogue_free(c);
    devid_bytes_free(&name);
    return rv;
}

static CK_RV add_to_session(const struct session *s, struct devid_store *store, const struct devid_identity *pair,
                            CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    struct devid_snapshot *snap = NULL;
    struct devid_error err = {0};
    struct catalogue *c;
    CK_RV rv = rv_of(devid_snapshot_of(store, pair, &snap, &err), &err);

    if (rv != CKR_OK)
        return rv;
    c = catalogue_new(store, snap, true, NULL, NULL);
    if (c == NULL)
        return CKR_HOST_MEMORY;
    rv = pair_handles(c, pair->token, pair->label, public_key, private_key);
    return loose_add(s, c);
}

CK_RV object_add_pair(const struct session *s, const struct devid_identity *pair, bool is_token,
                      CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    struct devid_identity identity = *pair;
    struct devid_store *store = module_store();

    if (store == NULL)
        return CKR_TOKEN_NOT_PRESENT;
    if (is_token && !slot_is_writable(s->slot))
        return CKR_TOKEN_WRITE_PROTECTED;
    identity.token = s->slot->token;
    if (is_token) {
        identity.label = pair->label != NULL ? pair->label : pair->private_label;
        return add_to_token(store, &identity, public_key, private_key);
    }
    if (identity.label == NULL || identity.label[0] == 0)
        identity.label = "session";
    return add_to_session(s, store, &identity, public_key, private_key);
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ULONG *size)
{
    struct object o = {0};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = object_find(s, object, &o);
    if (rv == CKR_OK && size == NULL)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        *size = attr_sum(&o);
    object_free(&o);
    return session_leave(s, rv);
}
