/* SPDX-License-Identifier: BSD-2-Clause */
/* Searches: PKCS#11 2.40, 5.7. A search sees the identities as they were at C_FindObjectsInit. */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/module.h"

void find_end(struct finding *op)
{
    free(op->found);
    *op = (struct finding){0};
}

static CK_RV template_check(const CK_ATTRIBUTE *template, CK_ULONG n)
{
    if ((template == NULL && n != 0) || n > TEMPLATE_MAX)
        return CKR_ARGUMENTS_BAD;
    for (CK_ULONG i = 0; i < n; i++)
        if (template[i].pValue == NULL && template[i].ulValueLen != 0)
            return CKR_ARGUMENTS_BAD;
    return CKR_OK;
}

static const CK_ATTRIBUTE *label_of(const CK_ATTRIBUTE *template, CK_ULONG n)
{
    for (CK_ULONG i = 0; i < n; i++)
        if (template[i].type == CKA_LABEL)
            return &template[i];
    return NULL;
}

/* What the session sees of a catalogue and the template means. */
static CK_RV find_in(const struct session *s, struct catalogue *c, const CK_ATTRIBUTE *template, CK_ULONG n,
                     struct finding *op)
{
    const CK_ATTRIBUTE *label = label_of(template, n);
    struct view **named = NULL;
    size_t n_views = c->n_views;
    CK_OBJECT_HANDLE *grown;

    if (label != NULL)
        n_views = catalogue_label(c, (struct devid_slice){label->pValue, label->ulValueLen}, &named);
    if (n_views == 0)
        return CKR_OK;
    grown = realloc(op->found, (op->n_found + n_views) * sizeof *grown);
    if (grown == NULL)
        return CKR_HOST_MEMORY;
    op->found = grown;
    for (size_t i = 0; i < n_views; i++) {
        struct object o = {.catalogue = c, .view = label != NULL ? named[i] : &c->views[i]};

        if (!o.view->is_old && object_is_visible(s, o.view) && attr_match(&o, template, n))
            op->found[op->n_found++] = o.view->handle;
    }
    return CKR_OK;
}

static CK_RV find_begin(struct session *s, const CK_ATTRIBUTE *template, CK_ULONG n)
{
    struct finding next = {.is_active = true};
    struct catalogue *c = NULL, **loose = NULL;
    size_t n_loose = 0;
    CK_RV rv;

    if (s->finding.is_active)
        return CKR_OPERATION_ACTIVE;
    rv = template_check(template, n);
    if (rv == CKR_OK)
        rv = catalogue_refresh(&c);
    if (rv == CKR_OK)
        rv = find_in(s, c, template, n, &next);
    if (rv == CKR_OK)
        rv = loose_list(&loose, &n_loose);
    for (size_t i = 0; rv == CKR_OK && i < n_loose; i++)
        rv = find_in(s, loose[i], template, n, &next);
    loose_list_free(loose, n_loose);
    catalogue_free(c);
    if (rv == CKR_OK)
        s->finding = next;
    else
        find_end(&next);
    return rv;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG n)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, find_begin(s, template, n));
}

CK_RV C_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *n)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);
    struct finding *op;

    if (rv != CKR_OK)
        return rv;
    op = &s->finding;
    if (!op->is_active)
        return session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
    if (n == NULL || (objects == NULL && max != 0))
        return session_leave(s, CKR_ARGUMENTS_BAD);
    for (*n = 0; *n < max && op->next < op->n_found; (*n)++)
        objects[*n] = op->found[op->next++];
    return session_leave(s, CKR_OK);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE handle)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (!s->finding.is_active)
        return session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
    find_end(&s->finding);
    return session_leave(s, CKR_OK);
}
