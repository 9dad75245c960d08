/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C_SetAttributeValue: PKCS#11 2.40, 5.7. Each object of an identity is changed alone: Azure's key service renames the two halves
 * of a pair one after the other, and looks for either by its label in between.
 */
#include <string.h>

#include "pkcs11/template.h"
#include "pkcs11/write.h"

/* What an object may become. */
struct change {
    bool has_label, has_id, has_application, has_object_id, has_value;
    struct devid_bytes label, application;
    struct devid_slice id, object_id, value;
};

static bool is_modifiable(const struct view *v, CK_ATTRIBUTE_TYPE type)
{
    if (type == CKA_LABEL)
        return true;
    if (v->kind == VIEW_DATA)
        return type == CKA_APPLICATION || type == CKA_OBJECT_ID || type == CKA_VALUE;
    return type == CKA_ID;
}

static CK_RV check_types(const struct object *o, const struct template *t)
{
    for (CK_ULONG i = 0; i < t->n; i++)
        if (!is_modifiable(o->view, t->list[i].type))
            return attr_is_known(t->list[i].type) ? CKR_ATTRIBUTE_READ_ONLY : CKR_ATTRIBUTE_TYPE_INVALID;
    return CKR_OK;
}

static CK_RV change_take(const struct template *t, struct change *c)
{
    CK_RV rv = template_text(t, CKA_LABEL, "", &c->label);

    if (rv == CKR_OK)
        rv = template_text(t, CKA_APPLICATION, "", &c->application);
    c->has_label = template_find(t, CKA_LABEL) != NULL;
    c->has_application = template_find(t, CKA_APPLICATION) != NULL;
    c->has_id = template_find(t, CKA_ID) != NULL;
    c->has_object_id = template_find(t, CKA_OBJECT_ID) != NULL;
    c->has_value = template_find(t, CKA_VALUE) != NULL;
    c->id = template_bytes(t, CKA_ID);
    c->object_id = template_bytes(t, CKA_OBJECT_ID);
    c->value = template_bytes(t, CKA_VALUE);
    if (c->label.len > LABEL_MAX || c->application.len > LABEL_MAX || c->id.len > ID_MAX || c->object_id.len > ID_MAX ||
        c->value.len > DEVID_ITEM_DATA_MAX)
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    return rv;
}

/* A key that the configuration names is found by that name. */
static CK_RV check_name(const struct object *o, const struct change *c)
{
    bool is_half = o->view->kind == VIEW_PRIVATE || o->view->kind == VIEW_PUBLIC;

    if (!is_half || !c->has_label || devid_slice_eq(devid_slice_of(c->label), o->view->label))
        return CKR_OK;
    return object_is_provisioned(o) ? CKR_ACTION_PROHIBITED : CKR_OK;
}

static CK_RV change_identity(const struct object *o, const struct change *c)
{
    struct devid_identity next = *o->view->identity;
    const char *label = (const char *)c->label.data;

    switch (o->view->kind) {
    case VIEW_PRIVATE:
        if (c->has_label && strcmp(label, next.private_label) != 0)
            next.label = next.private_label = label;
        if (c->has_id)
            next.id = c->id;
        break;
    case VIEW_PUBLIC:
        if (c->has_label)
            next.public_label = label;
        if (c->has_id)
            next.public_id = c->id;
        break;
    case VIEW_LEAF:
        if (c->has_label)
            next.cert_label = label;
        if (c->has_id)
            next.cert_id = c->id;
        break;
    default: return CKR_ACTION_PROHIBITED;
    }
    if (o->catalogue->is_session) /* the name of what is in no folder says nothing */
        next.label = o->view->identity->label;
    return object_put_identity(o, &next);
}

static CK_RV change_item(const struct object *o, const struct change *c)
{
    struct devid_item next = *o->view->item;

    if (c->has_label)
        next.label = (const char *)c->label.data;
    if (c->has_application)
        next.application = (const char *)c->application.data;
    if (c->has_id)
        next.id = c->id;
    if (c->has_object_id)
        next.object_id = c->object_id;
    if (c->has_value)
        next.content = c->value;
    return object_put_item(o, &next);
}

static CK_RV change_once(const struct session *s, CK_OBJECT_HANDLE handle, const struct template *t)
{
    struct change change = {0};
    struct object o = {0};
    CK_RV rv = object_find(s, handle, &o);

    if (rv == CKR_OK && !o.catalogue->is_session && !session_is_rw(s))
        rv = CKR_SESSION_READ_ONLY;
    if (rv == CKR_OK && (t->list == NULL || template_is_sane(t) != CKR_OK))
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = check_types(&o, t);
    if (rv == CKR_OK && !object_may(&o, DEVID_FLAG_FIXED))
        rv = CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK)
        rv = change_take(t, &change);
    if (rv == CKR_OK)
        rv = check_name(&o, &change);
    if (rv == CKR_OK && t->n != 0)
        rv = o.view->item != NULL ? change_item(&o, &change) : change_identity(&o, &change);
    devid_bytes_free(&change.label);
    devid_bytes_free(&change.application);
    object_free(&o);
    return rv;
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n)
{
    const struct template t = {template, n};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = CKR_LOOK_AGAIN;
    for (int i = 0; rv == CKR_LOOK_AGAIN && i < TRIES; i++)
        rv = change_once(s, object, &t);
    return session_leave(s, rv == CKR_LOOK_AGAIN ? CKR_DEVICE_ERROR : rv);
}
