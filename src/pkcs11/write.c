/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects are immutable: a change makes the next one, and puts it in place of the last if nobody else did meanwhile. */
#include "pkcs11/write.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

CK_RV item_new_name(char name[DEVID_ITEM_NAME + 1])
{
    unsigned char random[DEVID_ITEM_NAME / 2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return CKR_GENERAL_ERROR;
    for (size_t i = 0; i < sizeof random; i++)
        (void)snprintf(name + 2 * i, 3, "%02x", random[i]);
    return CKR_OK;
}

static CK_RV add_to_session(const struct session *s, struct devid_store *store, const struct devid_item *item,
                            CK_OBJECT_HANDLE *handle)
{
    struct devid_snapshot *snap = NULL;
    struct devid_error err = {0};
    struct catalogue *c;
    CK_RV rv = rv_of(devid_snapshot_of_item(item, &snap, &err), &err);

    if (rv != CKR_OK)
        return rv;
    c = catalogue_new(store, snap, true, NULL, NULL);
    if (c == NULL)
        return CKR_HOST_MEMORY;
    *handle = c->views[0].handle;
    return loose_add(s, c);
}

static CK_RV add_to_token(struct devid_store *store, const struct devid_item *item, CK_OBJECT_HANDLE *handle)
{
    struct catalogue *c = NULL;
    struct devid_error err = {0};
    CK_RV rv = rv_of(devid_store_put_item(store, NULL, item, &err), &err);

    if (rv == CKR_OK)
        rv = catalogue_refresh(&c);
    *handle = CK_INVALID_HANDLE;
    for (size_t i = 0; rv == CKR_OK && i < c->n_views; i++) {
        const struct view *v = &c->views[i];

        if (v->item != NULL && strcmp(v->item->name, item->name) == 0 && strcmp(v->token, item->token) == 0)
            *handle = v->handle;
    }
    catalogue_free(c);
    return rv == CKR_OK && *handle == CK_INVALID_HANDLE ? CKR_DEVICE_ERROR : rv; /* another process removed it at once */
}

CK_RV item_add(const struct session *s, const struct devid_item *item, bool is_token, CK_OBJECT_HANDLE *handle)
{
    struct devid_store *store = module_store();
    struct devid_item named = *item;
    char name[DEVID_ITEM_NAME + 1];
    CK_RV rv = store != NULL ? item_new_name(name) : CKR_TOKEN_NOT_PRESENT;

    if (rv == CKR_OK && is_token && !slot_is_writable(s->slot))
        rv = CKR_TOKEN_WRITE_PROTECTED;
    if (rv != CKR_OK)
        return rv;
    named.name = name;
    named.token = s->slot->token;
    return is_token ? add_to_token(store, &named, handle) : add_to_session(s, store, &named, handle);
}

CK_RV item_of_view(const struct view *v, char name[DEVID_ITEM_NAME + 1], struct devid_item *out)
{
    CK_RV rv = view_unique_id(v, name);

    if (rv != CKR_OK)
        return rv;
    if (v->item != NULL) {
        *out = *v->item;
        return CKR_OK;
    }
    *out = (struct devid_item){.token = v->token, .name = name, .label = (const char *)v->label.data, .id = v->id,
                               .flags = v->flags, .content = view_content(v)};
    switch (v->kind) {
    case VIEW_PUBLIC:
        out->kind = DEVID_ITEM_PUBLIC;
        out->not_for = v->identity->not_for;
        out->said = v->identity->public_said;
        return CKR_OK;
    case VIEW_LEAF:
    case VIEW_ISSUER:
        out->kind = DEVID_ITEM_CERTIFICATE;
        return CKR_OK;
    case VIEW_PRIVATE:
    case VIEW_DATA:
    case VIEW_CERT:
    case VIEW_KEY:
    case VIEW_SECRET:
    case VIEW_PROFILE: break;
    }
    return CKR_ACTION_PROHIBITED;
}

static CK_RV item_keep_rest(struct devid_store *store, const struct view *v)
{
    char name[DEVID_ITEM_NAME + 1];
    struct devid_error err = {0};
    struct devid_item item;
    CK_RV rv = item_of_view(v, name, &item);

    if (rv != CKR_OK)
        return rv;
    item.flags |= DEVID_FLAG_REST;
    return rv_of(devid_store_put_item(store, NULL, &item, &err), &err);
}

CK_RV item_keep_others(const struct object *o, unsigned kinds)
{
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < o->catalogue->n_views; i++) {
        const struct view *v = &o->catalogue->views[i];

        if (v->identity == o->view->identity && v != o->view && (v->kind & kinds) != 0)
            rv = item_keep_rest(o->catalogue->store, v);
    }
    return rv;
}

/* The session's own snapshot is taken over. */
static CK_RV replace_loose(const struct object *o, struct devid_snapshot *snap)
{
    struct catalogue *c = snap != NULL ? catalogue_new(o->catalogue->store, snap, true, o->catalogue, NULL) : NULL;

    if (snap != NULL && c == NULL)
        return CKR_HOST_MEMORY;
    return loose_replace(o->catalogue, c) ? CKR_OK : CKR_LOOK_AGAIN;
}

/* The next look finds what was done. */
static CK_RV done(devid_rc rc, const struct devid_error *err)
{
    struct catalogue *c = NULL;
    CK_RV rv = rc == DEVID_E_BUSY ? CKR_LOOK_AGAIN : rv_of(rc, err);

    (void)catalogue_refresh(&c);
    catalogue_free(c);
    return rv == CKR_ARGUMENTS_BAD ? CKR_ATTRIBUTE_VALUE_INVALID : rv;
}

CK_RV object_put_identity(const struct object *o, const struct devid_identity *identity)
{
    struct devid_snapshot *snap = NULL;
    struct devid_error err = {0};
    CK_RV rv = CKR_OK;

    if (!o->catalogue->is_session)
        return done(devid_store_replace(o->catalogue->store, o->view->identity, identity, &err), &err);
    if (identity != NULL)
        rv = rv_of(devid_snapshot_of(o->catalogue->store, identity, &snap, &err), &err);
    return rv == CKR_OK ? replace_loose(o, snap) : rv;
}

CK_RV object_put_item(const struct object *o, const struct devid_item *item)
{
    struct devid_snapshot *snap = NULL;
    struct devid_error err = {0};
    CK_RV rv = CKR_OK;

    if (!o->catalogue->is_session)
        return done(devid_store_put_item(o->catalogue->store, o->view->item, item, &err), &err);
    if (item != NULL)
        rv = rv_of(devid_snapshot_of_item(item, &snap, &err), &err);
    return rv == CKR_OK ? replace_loose(o, snap) : rv;
}
