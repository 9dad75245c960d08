/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Secret keys: PKCS#11 2.40, 4.10. What was derived lives in this process's memory for as long as a session, and is wiped with
 * it; its maker said who may read it.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/attr.h"
#include "pkcs11/secret.h"

void secret_free(struct secret *secret)
{
    if (secret == NULL)
        return;
    devid_secret_free(&secret->value);
    devid_bytes_free(&secret->id);
    free(secret);
}

/* A catalogue of one object, of no snapshot. */
static struct catalogue *catalogue_of(const char *token, unsigned flags)
{
    struct catalogue *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    atomic_store(&c->holders, 1);
    c->is_session = true;
    c->views = calloc(1, sizeof *c->views);
    c->by_handle = calloc(1, sizeof *c->by_handle);
    c->by_label = calloc(1, sizeof *c->by_label);
    if (c->views == NULL || c->by_handle == NULL || c->by_label == NULL) {
        catalogue_free(c);
        return NULL;
    }
    c->n_views = 1;
    c->views[0] = (struct view){.handle = handle_next(), .token = token, .kind = VIEW_SECRET, .flags = flags};
    c->by_handle[0] = c->by_label[0] = &c->views[0];
    return c;
}

CK_RV secret_add(const struct session *s, struct secret *secret, struct devid_slice label, unsigned flags,
                 CK_OBJECT_HANDLE *handle)
{
    struct catalogue *c = catalogue_of(s->slot->token, flags);
    struct devid_error err = {0};
    struct view *v;
    CK_RV rv;

    if (c == NULL) {
        secret_free(secret);
        return CKR_HOST_MEMORY;
    }
    v = &c->views[0];
    v->secret = secret;
    v->id = devid_slice_of(secret->id);
    rv = rv_of(devid_bytes_copy(label, &v->own_label, &err), &err);
    if (rv != CKR_OK) {
        catalogue_free(c);
        return rv;
    }
    v->label = devid_slice_of(v->own_label);
    *handle = v->handle;
    return loose_add(s, c);
}

bool secret_destroy(const struct object *o)
{
    return loose_replace(o->catalogue, NULL);
}

CK_RV attr_get_secret(const struct object *o, CK_ULONG type, struct attr_value *out)
{
    const struct secret *secret = o->view->secret;

    switch (type) {
    case CKA_KEY_TYPE:          return attr_get_ulong(o, secret->type, out);
    case CKA_VALUE_LEN:         return attr_get_ulong(o, secret->value.len, out);
    case CKA_SENSITIVE:         return attr_get_bool(o, secret->is_sensitive, out);
    case CKA_EXTRACTABLE:       return attr_get_bool(o, secret->is_extractable, out);
    case CKA_ALWAYS_SENSITIVE:  return attr_get_bool(o, secret->is_sensitive, out);
    case CKA_NEVER_EXTRACTABLE: return attr_get_bool(o, !secret->is_extractable, out);
    default:                    break;
    }
    if (secret->is_sensitive || !secret->is_extractable)
        return CKR_ATTRIBUTE_SENSITIVE;
    out->data = secret->value.data;
    out->len = secret->value.len;
    return CKR_OK;
}
