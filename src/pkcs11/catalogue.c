/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is: PKCS#11 2.40, 4.2. An object is a view of an identity (its key's public half, its private half, a
 * certificate of its chain), or an item that a client keeps. The catalogue has the views of one snapshot; the next one
 * keeps the handles of those that are still the same, so a handle means one object for as long as that exists, and nothing
 * after.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/secret.h"

/* Never the same again in a process. */
static _Atomic CK_OBJECT_HANDLE next_handle = 1;

CK_OBJECT_HANDLE handle_next(void)
{
    return atomic_fetch_add(&next_handle, 1);
}

struct devid_slice view_content(const struct view *v)
{
    if (v->cert != NULL)
        return v->cert->der;
    if (v->pub != NULL)
        return devid_slice_of(v->pub->spki);
    if (v->secret != NULL)
        return (struct devid_slice){(const unsigned char *)&v->handle, sizeof v->handle};
    return v->item != NULL ? devid_slice_text(v->item->name) : (struct devid_slice){&v->profile, 1};
}

/* ---- order and handles ---- */

static const char *source_name(const struct view *v)
{
    return v->identity != NULL ? v->identity->label : v->item != NULL ? v->item->name : "";
}

static int source_rank(const struct view *v)
{
    if (v->identity != NULL)
        return v->is_old ? 2 : 0;
    return v->item != NULL ? 1 : 3;
}

/* The order of a catalogue: identities, items, renewed pairs, profiles, each by token and name. */
static int view_compare(const struct view *a, const struct view *b)
{
    int d = source_rank(a) - source_rank(b);

    if (d == 0)
        d = strcmp(a->token, b->token);
    if (d == 0)
        d = strcmp(source_name(a), source_name(b));
    if (d == 0)
        d = (int)a->kind - (int)b->kind;
    return d;
}

static int by_handle(const void *a, const void *b)
{
    const struct view *x = *(struct view *const *)a, *y = *(struct view *const *)b;

    return (x->handle > y->handle) - (x->handle < y->handle);
}

/* Two views of one class; a public half may go on as an item, and so may a certificate. */
static bool is_one_class(enum view_kind a, enum view_kind b)
{
    return a == b || ((a & VIEW_PUBLICS) != 0 && (b & VIEW_PUBLICS) != 0) ||
           ((a & VIEW_CERTS) != 0 && (b & VIEW_CERTS) != 0);
}

static bool is_same_object(const struct view *a, const struct view *b)
{
    return is_one_class(a->kind, b->kind) && strcmp(a->token, b->token) == 0 &&
           devid_slice_eq(view_content(a), view_content(b));
}

/* A private object of a token whose user logged out: 5.6, C_Logout. */
static bool is_forgotten(const struct catalogue *c, const struct view *v)
{
    return c->forgets != NULL && v->is_behind_pin && (v->flags & DEVID_FLAG_PRIVATE) != 0 && strcmp(v->token, c->forgets) == 0;
}

/* The one before that v goes on: of its name rather than of another one (it was renamed, or is an item now). */
static struct view *view_before(const struct catalogue *before, const bool *is_taken, const struct view *v)
{
    struct view *best = NULL;

    for (size_t i = 0; i < before->n_views; i++) {
        struct view *old = &before->views[i];

        if (is_taken[i] || !is_same_object(old, v))
            continue;
        if (strcmp(source_name(old), source_name(v)) == 0)
            return old;
        if (best == NULL)
            best = old;
    }
    return best;
}

/*
 * Handles of what the catalogue before it had are kept. Most views are of what did not change: both catalogues have it in
 * the same order. The few others are looked for by content.
 */
static bool handles_give(struct catalogue *c, const struct catalogue *before)
{
    size_t n_before = before != NULL ? before->n_views : 0, from = 0;
    bool *is_taken = calloc(n_before + 1, sizeof *is_taken);

    if (is_taken == NULL)
        return false;
    for (size_t i = 0; i < c->n_views; i++) {
        struct view *v = &c->views[i];

        while (from < n_before && view_compare(&before->views[from], v) < 0)
            from++;
        for (size_t j = from; j < n_before && v->handle == 0 && !is_forgotten(c, v) && view_compare(&before->views[j], v) == 0; j++) {
            if (!is_taken[j] && before->views[j].cert == v->cert && before->views[j].pub == v->pub &&
                before->views[j].item == v->item && v->kind != VIEW_PROFILE) {
                v->handle = before->views[j].handle;
                is_taken[j] = true;
            }
        }
    }
    for (size_t i = 0; i < c->n_views; i++) {
        struct view *v = &c->views[i], *old;

        old = v->handle == 0 && before != NULL && !is_forgotten(c, v) ? view_before(before, is_taken, v) : NULL;
        if (old != NULL) {
            v->handle = old->handle;
            is_taken[old - before->views] = true;
        }
        if (v->handle == 0)
            v->handle = handle_next();
        c->by_handle[i] = v;
    }
    qsort(c->by_handle, c->n_views, sizeof c->by_handle[0], by_handle);
    free(is_taken);
    return true;
}

static int by_label(const void *a, const void *b)
{
    const struct view *x = *(struct view *const *)a, *y = *(struct view *const *)b;
    size_t len = x->label.len < y->label.len ? x->label.len : y->label.len;
    int d = len != 0 ? memcmp(x->label.data, y->label.data, len) : 0;

    if (d == 0)
        d = (x->label.len > y->label.len) - (x->label.len < y->label.len);
    return d != 0 ? d : (x > y) - (x < y);
}

size_t catalogue_label(const struct catalogue *c, struct devid_slice label, struct view ***first)
{
    size_t low = 0, high = c->n_views, n = 0;
    struct view wanted = {.label = label}, *key = &wanted;

    while (low < high) { /* views stand higher in memory than nothing: the first of that label */
        size_t middle = low + (high - low) / 2;
        const struct view *at = c->by_label[middle];

        if (!devid_slice_eq(at->label, label) && by_label(&c->by_label[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *first = &c->by_label[low];
    while (low + n < c->n_views && devid_slice_eq(c->by_label[low + n]->label, label))
        n++;
    return n;
}

/* ---- views ---- */

/* An issuer's certificate stands in the chain of each key that it certified, and is one object in their token. */
static bool is_listed(const struct catalogue *c, size_t token_from, const struct devid_cert *cert)
{
    for (size_t i = token_from; i < c->n_issuers; i++)
        if (devid_slice_eq(c->issuers[i]->cert->der, cert->der))
            return true;
    return false;
}

static struct view *view_new(struct catalogue *c, const char *token, enum view_kind kind, unsigned flags)
{
    struct view *v = &c->views[c->n_views++];

    *v = (struct view){.token = token, .kind = kind, .flags = flags,
                       .is_behind_pin = devid_snapshot_has_pin(c->snap, token, NULL)};
    return v;
}

static void add_halves(struct catalogue *c, const struct devid_identity *identity)
{
    struct view *v;

    if (!devid_identity_key_enabled(identity))
        return;
    if ((identity->public_flags & DEVID_FLAG_HIDDEN) == 0) {
        v = view_new(c, identity->token, VIEW_PUBLIC, identity->public_flags);
        v->identity = identity;
        v->pub = &identity->pub;
        v->label = devid_slice_text(identity->public_label);
        v->id = identity->public_id;
    }
    v = view_new(c, identity->token, VIEW_PRIVATE, identity->private_flags);
    v->identity = identity;
    v->pub = &identity->pub;
    v->label = devid_slice_text(identity->private_label);
    v->id = identity->id;
}

/* Nobody gave an issuer a label or an id: its common name, and what its own key would have. */
static CK_RV add_issuer(struct catalogue *c, const struct devid_identity *identity, const struct devid_cert *cert)
{
    struct view *v = view_new(c, identity->token, VIEW_ISSUER, 0);
    struct devid_error err = {0};
    CK_RV rv;

    v->identity = identity;
    v->cert = cert;
    c->issuers[c->n_issuers++] = v;
    rv = rv_of(devid_cert_name_cn(cert->subject, &v->own_label, &err), &err);
    v->label = rv == CKR_OK ? devid_slice_of(v->own_label) : devid_slice_text("");
    if (rv == CKR_OK)
        rv = view_key_id(cert->spki, v->own_id);
    v->id = (struct devid_slice){v->own_id, sizeof v->own_id};
    return rv == CKR_HOST_MEMORY ? rv : CKR_OK;
}

static CK_RV add_chain(struct catalogue *c, const struct devid_identity *identity, size_t token_from)
{
    CK_RV rv = CKR_OK;

    if (!devid_identity_cert_enabled(identity))
        return CKR_OK;
    if (identity->n_chain != 0) {
        struct view *v = view_new(c, identity->token, VIEW_LEAF, identity->cert_flags);

        v->identity = identity;
        v->cert = &identity->chain[0];
        v->label = devid_slice_text(identity->cert_label);
        v->id = identity->cert_id;
    }
    for (size_t i = 1; rv == CKR_OK && i < identity->n_chain; i++)
        if (!is_listed(c, token_from, &identity->chain[i]))
            rv = add_issuer(c, identity, &identity->chain[i]);
    return rv;
}

/* What is left of an identity that is still whole: a process was killed in the middle, or does it now. */
static bool is_rest(const struct catalogue *c, const struct devid_item *item, const struct view *v)
{
    if ((item->flags & DEVID_FLAG_REST) == 0)
        return false;
    for (size_t i = 0; i < c->n_views; i++)
        if (c->views[i].identity != NULL && !c->views[i].is_old && is_same_object(&c->views[i], v))
            return true;
    return false;
}

static void add_item(struct catalogue *c, const struct devid_item *item)
{
    static const enum view_kind kinds[] = {[DEVID_ITEM_DATA] = VIEW_DATA,
                                           [DEVID_ITEM_CERTIFICATE] = VIEW_CERT,
                                           [DEVID_ITEM_PUBLIC] = VIEW_KEY};
    struct view *v = view_new(c, item->token, kinds[item->kind], item->flags);

    v->item = item;
    v->cert = item->kind == DEVID_ITEM_CERTIFICATE ? &item->cert : NULL;
    v->pub = item->kind == DEVID_ITEM_PUBLIC ? &item->pub : NULL;
    v->label = devid_slice_text(item->label);
    v->id = item->id;
    if (is_rest(c, item, v))
        c->n_views--;
}

/* Issuers go on with the new pair: most CAs have not changed. */
static void add_old(struct catalogue *c, const struct devid_identity *old)
{
    size_t from = c->n_views;
    struct view *v;

    add_halves(c, old);
    if (old->n_chain != 0) {
        v = view_new(c, old->token, VIEW_LEAF, old->cert_flags);
        v->identity = old;
        v->cert = &old->chain[0];
        v->label = devid_slice_text(old->cert_label);
        v->id = old->cert_id;
    }
    while (from < c->n_views)
        c->views[from++].is_old = true;
}

static CK_RV add_all(struct catalogue *c)
{
    const struct devid_identity *identity = NULL, *before = NULL;
    const struct devid_item *item;
    size_t token_from = 0;
    CK_RV rv = CKR_OK;

    while (rv == CKR_OK && (identity = devid_snapshot_next(c->snap, identity)) != NULL) {
        if (before != NULL && strcmp(before->token, identity->token) != 0)
            token_from = c->n_issuers;
        add_halves(c, identity);
        rv = add_chain(c, identity, token_from);
        before = identity;
    }
    for (size_t i = 0; rv == CKR_OK && (item = devid_snapshot_item(c->snap, i)) != NULL; i++)
        add_item(c, item);
    identity = NULL;
    while (rv == CKR_OK && (identity = devid_snapshot_next(c->snap, identity)) != NULL)
        if (identity->previous != NULL)
            add_old(c, identity->previous);
    return rv;
}

static size_t count_views(const struct devid_snapshot *snap)
{
    const struct devid_identity *identity = NULL;
    size_t n = 0;

    while ((identity = devid_snapshot_next(snap, identity)) != NULL)
        n += 2 + identity->n_chain + (identity->previous != NULL ? 3 : 0);
    for (size_t i = 0; devid_snapshot_item(snap, i) != NULL; i++)
        n++;
    return n;
}

struct catalogue *catalogue_new(struct devid_store *store, struct devid_snapshot *snap, bool is_session,
                                const struct catalogue *before, const char *forgets)
{
    struct catalogue *c = calloc(1, sizeof *c);
    size_t room;

    if (c == NULL) {
        devid_snapshot_free(snap);
        return NULL;
    }
    atomic_store(&c->holders, 1);
    c->is_session = is_session;
    c->forgets = forgets;
    c->store = store;
    c->snap = snap;
    room = count_views(snap) + profiles_room(c) + 1;
    c->views = calloc(room, sizeof *c->views);
    c->by_handle = calloc(room, sizeof *c->by_handle);
    c->by_label = calloc(room, sizeof *c->by_label);
    c->issuers = calloc(room, sizeof *c->issuers);
    if (c->views == NULL || c->by_handle == NULL || c->by_label == NULL || c->issuers == NULL || add_all(c) != CKR_OK)
        goto fail;
    if (!is_session)
        profiles_add(c);
    if (!handles_give(c, before))
        goto fail;
    memcpy(c->by_label, c->by_handle, c->n_views * sizeof *c->by_label);
    qsort(c->by_label, c->n_views, sizeof c->by_label[0], by_label);
    return c;
fail:
    catalogue_free(c);
    return NULL;
}

/* ---- who holds it ---- */

struct catalogue *catalogue_hold(struct catalogue *c)
{
    if (c != NULL)
        (void)atomic_fetch_add(&c->holders, 1);
    return c;
}

void catalogue_free(struct catalogue *c)
{
    if (c == NULL || atomic_fetch_sub(&c->holders, 1) > 1)
        return;
    for (size_t i = 0; i < c->n_views; i++) {
        devid_key_free(atomic_load(&c->views[i].key));
        devid_bytes_free(&c->views[i].own_label);
        secret_free(c->views[i].secret);
    }
    devid_snapshot_free(c->snap);
    free(c->issuers);
    free(c->by_label);
    free(c->by_handle);
    free(c->views);
    free(c);
}

struct view *catalogue_find(const struct catalogue *c, CK_OBJECT_HANDLE handle)
{
    struct view wanted = {.handle = handle};
    struct view *key = &wanted, **found = bsearch(&key, c->by_handle, c->n_views, sizeof c->by_handle[0], by_handle);

    return found != NULL ? *found : NULL;
}
