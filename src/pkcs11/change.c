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
    const struct template *to;
    struct devid_bytes label, application;
};

static enum template_for change_of(const struct view *v)
{
    if (v->kind == VIEW_DATA)
        return TEMPLATE_CHANGE_DATA;
    return (v->kind & (VIEW_PRIVATE | VIEW_PUBLICS)) != 0 ? TEMPLATE_CHANGE_KEY : TEMPLATE_CHANGE_CERT;
}

static bool has(const struct change *c, CK_ATTRIBUTE_TYPE type)
{
    return template_find(c->to, type) != NULL;
}

/* Nothing, if the attribute is to stay as it is. */
static void set_bytes(const struct change *c, CK_ATTRIBUTE_TYPE type, struct devid_slice *out)
{
    if (has(c, type))
        *out = template_bytes(c->to, type);
}

/* A key that the configuration names is found by that name. */
static CK_RV check_name(const struct object *o, const struct change *c)
{
    bool is_half = o->view->kind == VIEW_PRIVATE || o->view->kind == VIEW_PUBLIC;

    if (!is_half || !has(c, CKA_LABEL) || devid_slice_eq(devid_slice_of(c->label), o->view->label))
        return CKR_OK;
    return object_is_provisioned(o) ? CKR_ACTION_PROHIBITED : CKR_OK;
}

static CK_RV change_identity(const struct object *o, const struct change *c)
{
    struct devid_identity next = *o->view->identity;
    const char *label = (const char *)c->label.data;

    switch (o->view->kind) {
    case VIEW_PRIVATE:
        if (has(c, CKA_LABEL) && strcmp(label, next.private_label) != 0)
            next.label = next.private_label = label;
        set_bytes(c, CKA_ID, &next.id);
        set_bytes(c, CKA_SUBJECT, &next.private_said.subject);
        break;
    case VIEW_PUBLIC:
        if (has(c, CKA_LABEL))
            next.public_label = label;
        set_bytes(c, CKA_ID, &next.public_id);
        set_bytes(c, CKA_SUBJECT, &next.public_said.subject);
        break;
    case VIEW_LEAF:
        if (has(c, CKA_LABEL))
            next.cert_label = label;
        set_bytes(c, CKA_ID, &next.cert_id);
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

    if (has(c, CKA_LABEL))
        next.label = (const char *)c->label.data;
    if (has(c, CKA_APPLICATION))
        next.application = (const char *)c->application.data;
    set_bytes(c, CKA_ID, &next.id);
    set_bytes(c, CKA_SUBJECT, &next.said.subject);
    set_bytes(c, CKA_OBJECT_ID, &next.object_id);
    set_bytes(c, CKA_VALUE, &next.content);
    return object_put_item(o, &next);
}

static CK_RV change_once(const struct session *s, CK_OBJECT_HANDLE handle, const struct template *t)
{
    struct change change = {.to = t};
    struct object o = {0};
    CK_RV rv = object_find(s, handle, &o);

    if (rv == CKR_OK && !o.catalogue->is_session && !session_is_rw(s))
        rv = CKR_SESSION_READ_ONLY;
    if (rv == CKR_OK)
        rv = t->list != NULL ? template_check(t, change_of(o.view)) : CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK && !object_may(&o, DEVID_FLAG_FIXED))
        rv = CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK)
        rv = template_text(t, CKA_LABEL, "", &change.label);
    if (rv == CKR_OK)
        rv = template_text(t, CKA_APPLICATION, "", &change.application);
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
