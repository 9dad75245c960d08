/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C_CreateObject and C_CopyObject: PKCS#11 2.40, 5.7. Keys are made in the TPM and do not come from elsewhere. A certificate for a
 * key of the token becomes that key's; all else that clients bring is kept as it is.
 */
#include <string.h>

#include "pkcs11/mech.h"
#include "pkcs11/pair.h"
#include "pkcs11/template.h"
#include "pkcs11/write.h"

/* Malformed values have one answer here, whatever core calls them. */
static CK_RV value_rv(devid_rc rc, const struct devid_error *err)
{
    CK_RV rv = rv_of(rc, err);

    return rc == DEVID_E_DATA || rc == DEVID_E_ARG || rc == DEVID_E_KEY ? CKR_ATTRIBUTE_VALUE_INVALID : rv;
}

/* ---- data ---- */

static CK_RV create_data(const struct session *s, const struct template *t, struct devid_item *item,
                         CK_OBJECT_HANDLE *handle)
{
    struct devid_bytes application = {0};
    CK_RV rv = template_text(t, CKA_APPLICATION, "", &application);

    item->kind = DEVID_ITEM_DATA;
    item->application = (const char *)application.data;
    item->object_id = template_bytes(t, CKA_OBJECT_ID);
    item->content = template_bytes(t, CKA_VALUE);
    if (rv == CKR_OK)
        rv = item_add(s, item, template_bool(t, CKA_TOKEN, false), handle);
    devid_bytes_free(&application);
    return rv;
}

/* ---- public keys ---- */

static CK_RV public_take(const struct template *t, struct devid_public *pub)
{
    struct devid_slice params = template_bytes(t, CKA_EC_PARAMS), point = template_bytes(t, CKA_EC_POINT);
    struct devid_slice modulus = template_bytes(t, CKA_MODULUS), exponent = template_bytes(t, CKA_PUBLIC_EXPONENT);
    bool has_ec = template_find(t, CKA_EC_PARAMS) != NULL || template_find(t, CKA_EC_POINT) != NULL;
    bool has_rsa = template_find(t, CKA_MODULUS) != NULL || template_find(t, CKA_PUBLIC_EXPONENT) != NULL;
    struct devid_error err = {0};
    unsigned bits = 0;
    CK_RV rv;

    if (template_find(t, CKA_KEY_TYPE) == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    switch (template_ulong(t, CKA_KEY_TYPE, 0)) {
    case CKK_EC:
        if (has_rsa)
            return CKR_TEMPLATE_INCONSISTENT;
        if (params.len == 0 || point.len == 0)
            return CKR_TEMPLATE_INCOMPLETE;
        rv = curve_take(params, &bits);
        return rv == CKR_OK ? value_rv(devid_public_from_point(bits, point_take(point, 1 + 2 * ((bits + 7) / 8)), pub, &err), &err) : rv;
    case CKK_RSA:
        if (has_ec)
            return CKR_TEMPLATE_INCONSISTENT;
        if (modulus.len == 0 || exponent.len == 0)
            return CKR_TEMPLATE_INCOMPLETE;
        return value_rv(devid_public_from_modulus(modulus, exponent, pub, &err), &err);
    default: return CKR_ATTRIBUTE_VALUE_INVALID;
    }
}

static CK_RV create_public(const struct session *s, const struct template *t, struct devid_item *item,
                           CK_OBJECT_HANDLE *handle)
{
    struct devid_slice info = template_bytes(t, CKA_PUBLIC_KEY_INFO);
    struct devid_bytes mechanisms = {0};
    struct devid_public pub = {0};
    CK_RV rv = public_take(t, &pub);

    if (rv == CKR_OK)
        rv = allowed_take(template_bytes(t, CKA_ALLOWED_MECHANISMS), pub.alg, &mechanisms);
    if (rv == CKR_OK && info.len != 0 && !devid_slice_eq(info, devid_slice_of(pub.spki)))
        rv = CKR_TEMPLATE_INCONSISTENT;
    item->kind = DEVID_ITEM_PUBLIC;
    item->content = devid_slice_of(pub.spki);
    item->not_for = template_not_for(t);
    item->said = (struct devid_said){template_bytes(t, CKA_SUBJECT), (const char *)mechanisms.data};
    if (rv == CKR_OK)
        rv = item_add(s, item, template_bool(t, CKA_TOKEN, false), handle);
    devid_bytes_free(&mechanisms);
    devid_public_free(&pub);
    return rv;
}

/* ---- certificates ---- */

/* What the client says of the certificate beside it. Some send the serial number without its header. */
static CK_RV cert_check(const struct template *t, const struct devid_cert *cert)
{
    struct devid_slice subject = template_bytes(t, CKA_SUBJECT), issuer = template_bytes(t, CKA_ISSUER);
    struct devid_slice serial = template_bytes(t, CKA_SERIAL_NUMBER), info = template_bytes(t, CKA_PUBLIC_KEY_INFO);
    struct devid_slice bare = {cert->serial.data + 2, cert->serial.len - 2};

    if ((subject.len != 0 && !devid_slice_eq(subject, cert->subject)) ||
        (issuer.len != 0 && !devid_slice_eq(issuer, cert->issuer)) ||
        (serial.len != 0 && !devid_slice_eq(serial, cert->serial) && !devid_slice_eq(serial, bare)) ||
        (info.len != 0 && !devid_slice_eq(info, cert->spki)))
        return CKR_TEMPLATE_INCONSISTENT;
    return template_ulong(t, CKA_CERTIFICATE_CATEGORY, 0) > 3 ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK;
}

/* The private half in the session's token that a certificate is for; NULL if there is none. */
static const struct view *key_of_cert(const struct session *s, const struct catalogue *c, const struct template *t,
                                      const struct devid_cert *cert, CK_RV *rv)
{
    struct devid_slice id = template_bytes(t, CKA_ID);
    const struct view *named = NULL;

    for (size_t i = 0; i < c->n_views; i++) {
        const struct view *v = &c->views[i];

        if (v->kind != VIEW_PRIVATE || v->is_old || !object_is_visible(s, v))
            continue;
        if (devid_slice_eq(devid_slice_of(v->pub->spki), cert->spki))
            return v;
        if (id.len != 0 && devid_slice_eq(v->id, id))
            named = v;
    }
    if (named != NULL && !devid_cert_is_for(cert, devid_slice_of(named->pub->spki))) {
        *rv = CKR_TEMPLATE_INCONSISTENT; /* by this id clients would take it for that key's */
        return NULL;
    }
    return named;
}

static CK_OBJECT_HANDLE leaf_handle(const struct session *s, const struct devid_cert *cert)
{
    struct catalogue *c = catalogue_current();
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;

    for (size_t i = 0; c != NULL && i < c->n_views; i++)
        if (c->views[i].kind == VIEW_LEAF && !c->views[i].is_old && strcmp(c->views[i].token, s->slot->token) == 0 &&
            devid_slice_eq(c->views[i].cert->der, cert->der))
            handle = c->views[i].handle;
    catalogue_free(c);
    return handle;
}

/* The certificate that the key had, and issuers that are not the new one's, stay on their own. */
static CK_RV attach(const struct object *o, const struct devid_item *item, const struct template *t,
                    const struct devid_cert *cert)
{
    const struct devid_identity *identity = o->view->identity;
    struct devid_cert chain[DEVID_CHAIN_MAX] = {*cert};
    struct devid_identity next = *identity;
    bool is_same = identity->n_chain > 0 && devid_slice_eq(identity->chain[0].der, cert->der);
    bool same_issuer = identity->n_chain > 1 && devid_slice_eq(identity->chain[1].subject, cert->issuer);
    CK_RV rv = is_same ? CKR_OK : item_keep_others(o, same_issuer ? VIEW_LEAF : VIEW_LEAF | VIEW_ISSUER);

    next.chain = chain;
    next.n_chain = 1;
    if (same_issuer || is_same)
        for (; next.n_chain < identity->n_chain; next.n_chain++)
            chain[next.n_chain] = identity->chain[next.n_chain];
    next.cert_place = DEVID_PLACE_FILE;
    next.cert_label = template_find(t, CKA_LABEL) != NULL ? item->label : identity->private_label;
    next.cert_id = item->id.len != 0 ? item->id : identity->id;
    next.cert_flags = item->flags;
    return rv == CKR_OK ? object_put_identity(o, &next) : rv;
}

static CK_RV create_token_cert(const struct session *s, const struct template *t, struct devid_item *item,
                               const struct devid_cert *cert, CK_OBJECT_HANDLE *handle)
{
    struct object o = {0};
    CK_RV rv = CKR_LOOK_AGAIN;

    if (!slot_is_writable(s->slot))
        return CKR_TOKEN_WRITE_PROTECTED;
    for (int i = 0; rv == CKR_LOOK_AGAIN && i < TRIES; i++) {
        rv = catalogue_refresh(&o.catalogue);
        if (rv != CKR_OK)
            break;
        o.view = (struct view *)(uintptr_t)key_of_cert(s, o.catalogue, t, cert, &rv);
        if (rv == CKR_OK && o.view != NULL)
            rv = attach(&o, item, t, cert);
        else if (rv == CKR_OK)
            rv = item_add(s, item, true, handle);
        if (rv == CKR_OK && o.view != NULL)
            *handle = leaf_handle(s, cert);
        object_free(&o);
    }
    return rv == CKR_LOOK_AGAIN || (rv == CKR_OK && *handle == CK_INVALID_HANDLE) ? CKR_DEVICE_ERROR : rv;
}

static CK_RV create_cert(const struct session *s, const struct template *t, struct devid_item *item,
                         CK_OBJECT_HANDLE *handle)
{
    struct devid_error err = {0};
    struct devid_cert cert;
    CK_RV rv;

    if (template_find(t, CKA_CERTIFICATE_TYPE) == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    if (template_ulong(t, CKA_CERTIFICATE_TYPE, CKC_X_509) != CKC_X_509 || template_bytes(t, CKA_URL).len != 0)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    item->kind = DEVID_ITEM_CERTIFICATE;
    item->content = template_bytes(t, CKA_VALUE);
    if (item->content.len == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    rv = value_rv(devid_cert_parse(item->content, &cert, &err), &err);
    if (rv == CKR_OK)
        rv = cert_check(t, &cert);
    if (rv != CKR_OK)
        return rv;
    return template_bool(t, CKA_TOKEN, false) ? create_token_cert(s, t, item, &cert, handle)
                                              : item_add(s, item, false, handle);
}

/* ---- the call ---- */

/* Answers in the order of the standard. */
static CK_RV create_check(const struct session *s, const struct template *t, CK_OBJECT_CLASS *class)
{
    const CK_ATTRIBUTE *given = template_find(t, CKA_CLASS), *token = template_find(t, CKA_TOKEN);

    if (given == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    if (given->ulValueLen != sizeof *class || (token != NULL && token->ulValueLen != sizeof(CK_BBOOL)))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (template_bool(t, CKA_TOKEN, false) && !session_is_rw(s))
        return CKR_SESSION_READ_ONLY;
    *class = template_ulong(t, CKA_CLASS, 0);
    if (*class == CKO_PRIVATE_KEY || *class == CKO_SECRET_KEY)
        return CKR_TEMPLATE_INCONSISTENT;
    if (*class != CKO_DATA && *class != CKO_CERTIFICATE && *class != CKO_PUBLIC_KEY)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return template_check(t, *class == CKO_DATA ? TEMPLATE_DATA : *class == CKO_CERTIFICATE ? TEMPLATE_CERT : TEMPLATE_KEY);
}

static CK_RV create(const struct session *s, const struct template *t, CK_OBJECT_HANDLE *handle)
{
    struct devid_item item = {.token = s->slot->token};
    struct devid_bytes label = {0};
    CK_OBJECT_CLASS class;
    CK_RV rv = template_is_sane(t);

    if (rv == CKR_OK)
        rv = create_check(s, t, &class);
    if (rv == CKR_OK)
        rv = template_text(t, CKA_LABEL, "", &label);
    if (rv != CKR_OK)
        return rv;
    item.label = (const char *)label.data;
    item.id = template_bytes(t, CKA_ID);
    item.flags = template_flags(t, 0);
    if ((item.flags & DEVID_FLAG_PRIVATE) != 0 && session_hides_private(s))
        rv = CKR_USER_NOT_LOGGED_IN;
    else if (class == CKO_DATA)
        rv = create_data(s, t, &item, handle);
    else if (class == CKO_PUBLIC_KEY)
        rv = create_public(s, t, &item, handle);
    else
        rv = create_cert(s, t, &item, handle);
    devid_bytes_free(&label);
    return rv;
}

CK_RV C_CreateObject(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *object)
{
    const struct template t = {template, n};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, object == NULL ? CKR_ARGUMENTS_BAD : create(s, &t, object));
}
