/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C_CopyObject: PKCS#11 2.40, 5.7. A copy of a private half is a second identity of the same wrapped key, without a public half: one
 * object was asked for. Java makes its token keys so, from session keys.
 */
#include <string.h>

#include "pkcs11/template.h"
#include "pkcs11/write.h"

static CK_RV copy_item(const struct session *s, const struct object *o, const struct template *t, const char *label,
                       bool is_token, CK_OBJECT_HANDLE *made)
{
    char name[DEVID_ITEM_NAME + 1];
    struct devid_item item;
    CK_RV rv = item_of_view(o->view, name, &item);

    if (rv != CKR_OK)
        return rv;
    item.label = label;
    item.flags = template_flags(t, o->view->flags) & ~(unsigned)DEVID_FLAG_REST;
    if (template_find(t, CKA_ID) != NULL)
        item.id = template_bytes(t, CKA_ID);
    return item_add(s, &item, is_token, made);
}

static CK_RV copy_private(const struct session *s, const struct object *o, const struct template *t, const char *label,
                          bool is_token, CK_OBJECT_HANDLE *made)
{
    struct devid_identity next = *o->view->identity;
    CK_OBJECT_HANDLE no_public;

    next.label = NULL;
    next.private_label = label;
    next.public_label = next.cert_label = NULL;
    next.private_flags = template_flags(t, o->view->flags);
    next.public_flags = DEVID_FLAG_HIDDEN;
    next.role = DEVID_ROLE_CLIENT;
    next.chain = NULL;
    next.n_chain = 0;
    next.cert_place = DEVID_PLACE_NONE;
    next.cert_flags = 0;
    if (template_find(t, CKA_ID) != NULL)
        next.id = template_bytes(t, CKA_ID);
    next.public_id = next.cert_id = (struct devid_slice){0};
    return object_add_pair(s, &next, is_token, &no_public, made);
}

static CK_RV copy(const struct session *s, CK_OBJECT_HANDLE handle, const struct template *t, CK_OBJECT_HANDLE *made)
{
    struct devid_bytes label = {0};
    struct object o = {0};
    bool is_token = false;
    CK_RV rv = object_find(s, handle, &o);

    if (rv == CKR_OK && (made == NULL || template_is_sane(t) != CKR_OK))
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK && !object_may(&o, DEVID_FLAG_UNCOPYABLE))
        rv = CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK)
        rv = template_check(t, TEMPLATE_COPY);
    if (rv == CKR_OK && o.view->kind == VIEW_DATA && template_find(t, CKA_ID) != NULL)
        rv = CKR_TEMPLATE_INCONSISTENT;
    /* what was private stays so */
    if (rv == CKR_OK && (o.view->flags & DEVID_FLAG_PRIVATE) != 0 && !template_bool(t, CKA_PRIVATE, true))
        rv = CKR_TEMPLATE_INCONSISTENT;
    if (rv == CKR_OK && (template_flags(t, o.view->flags) & DEVID_FLAG_PRIVATE) != 0 && session_hides_private(s))
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK) {
        is_token = template_bool(t, CKA_TOKEN, !o.catalogue->is_session);
        rv = is_token && !session_is_rw(s) ? CKR_SESSION_READ_ONLY : CKR_OK;
    }
    if (rv == CKR_OK)
        rv = template_text(t, CKA_LABEL, (const char *)o.view->label.data, &label);
    if (rv == CKR_OK)
        rv = o.view->kind == VIEW_PRIVATE ? copy_private(s, &o, t, (const char *)label.data, is_token, made)
                                          : copy_item(s, &o, t, (const char *)label.data, is_token, made);
    devid_bytes_free(&label);
    object_free(&o);
    return rv;
}

CK_RV C_CopyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n,
                   CK_OBJECT_HANDLE *made)
{
    const struct template t = {template, n};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, copy(s, object, &t, made));
}
