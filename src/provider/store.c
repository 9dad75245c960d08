/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * URIs (provider-storemgmt(7), RFC 7512): "pkcs11:token=owner;object=azure:ldevid", "devid:azure:ldevid",
 * "handle:0x81000002". One that names a key opens to the key, its certificate, its chain; one that names
 * none, to the names of all that it matches, as a folder does.
 */
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>
#include <stdio.h>
#include <string.h>

#include "core/uri.h"
#include "provider/provider.h"
#include "provider/search.h"

/* What the next load gives of the identity at hand. */
enum step { STEP_NAME, STEP_KEY, STEP_CERTS, STEP_DONE };

struct opened {
    struct provider *prov;
    char *text; /* the URI as it was given */
    struct devid_uri uri;
    struct devid_snapshot *snap;
    const struct devid_identity *at; /* NULL at the end, or for a handle that no identity has */
    enum step step;
    size_t cert; /* of at->chain, the next */
    bool is_folder;
    int expect; /* OSSL_STORE_INFO_..., 0: everything */
    struct search search;
};

static void store_free(struct opened *o)
{
    if (o == NULL)
        return;
    devid_snapshot_free(o->snap);
    devid_uri_free(&o->uri);
    search_free(&o->search);
    OPENSSL_clear_free(o->text, o->text == NULL ? 0 : strlen(o->text)); /* a PIN may be in it */
    provider_free(o->prov);
    OPENSSL_free(o);
}

static bool matches(const struct opened *o, const struct devid_identity *identity)
{
    return (!o->is_folder || devid_identity_key_enabled(identity)) && devid_snapshot_matches(o->snap, &o->uri.query, identity);
}

static bool wants_key(const struct opened *o)
{
    const struct devid_uri *u = &o->uri;
    bool by_uri = u->wants_private || u->wants_public || !u->wants_cert;

    return by_uri && (o->expect == 0 || o->expect == OSSL_STORE_INFO_PKEY || o->expect == OSSL_STORE_INFO_PUBKEY) &&
           search_wants_key(&o->search, o->at);
}

static bool wants_certs(const struct opened *o)
{
    const struct devid_uri *u = &o->uri;
    bool by_uri = u->wants_cert || !(u->wants_private || u->wants_public);

    return by_uri && (o->expect == 0 || o->expect == OSSL_STORE_INFO_CERT);
}

/* The next of the chain that is wanted, if there is one. */
static bool find_cert(struct opened *o)
{
    if (o->at == NULL || !wants_certs(o) || !devid_identity_cert_enabled(o->at))
        return false;
    while (o->cert < o->at->n_chain && !search_wants_cert(&o->search, o->at, &o->at->chain[o->cert]))
        o->cert++;
    return o->cert < o->at->n_chain;
}

/* Go on until there is something to give; libcrypto takes an empty load for an error. */
static void settle(struct opened *o)
{
    if (o->step == STEP_NAME && o->search.is_set) /* a search is for what is in the folder */
        o->step = STEP_KEY;
    for (;;) {
        if (o->step == STEP_KEY && !wants_key(o))
            o->step = STEP_CERTS;
        if (o->step != STEP_CERTS && o->step != STEP_DONE)
            return;
        if (o->step == STEP_CERTS && find_cert(o))
            return;
        do
            o->at = o->at == NULL ? NULL : devid_snapshot_next(o->snap, o->at);
        while (o->at != NULL && !matches(o, o->at));
        o->cert = 0;
        if (o->at == NULL || !o->is_folder) {
            o->step = STEP_DONE;
            return;
        }
        o->step = STEP_KEY;
    }
}

static bool wants_kind(const struct devid_uri *uri)
{
    return uri->wants_private || uri->wants_public || uri->wants_cert;
}

static devid_rc find_first(struct opened *o, struct devid_error *err)
{
    const struct devid_query *q = &o->uri.query;
    struct devid_store *store = NULL;
    devid_rc rc = provider_store(o->prov, &store, err);

    o->is_folder = q->label == NULL && q->id.len == 0 && q->handle == 0;
    if (rc == DEVID_OK)
        rc = devid_store_find(store, q, &o->snap, &o->at, err);
    while (rc == DEVID_OK && o->is_folder && o->at != NULL && !matches(o, o->at)) /* a disabled one is not listed */
        o->at = devid_snapshot_next(o->snap, o->at);
    if (rc == DEVID_OK && o->at == NULL) {
        o->step = STEP_DONE;
    } else if (rc == DEVID_OK) {
        o->step = o->is_folder && !wants_kind(&o->uri) ? STEP_NAME : STEP_KEY;
    } else if (rc == DEVID_E_ABSENT && store != NULL && q->handle != 0) {
        o->step = STEP_KEY; /* the TPM may have it all the same */
        rc = DEVID_OK;
    } else if (rc == DEVID_E_ABSENT && store != NULL && o->is_folder && q->token == NULL) {
        o->step = STEP_DONE; /* a device without identities is no error: nothing is listed */
        rc = DEVID_OK;
    }
    return rc;
}

static void *store_open(void *provctx, const char *text)
{
    KEEPS_ERRNO;
    struct provider *p = provctx;
    struct opened *o = OPENSSL_zalloc(sizeof *o);
    struct devid_error err = {0};
    devid_rc rc;

    if (o == NULL)
        return NULL;
    o->prov = provider_hold(p);
    o->text = OPENSSL_strdup(text);
    rc = o->text == NULL ? devid_fail(&err, DEVID_E_MEM, "out of memory") : devid_uri_parse(text, &o->uri, &err);
    if (rc == DEVID_OK)
        rc = find_first(o, &err);
    if (rc != DEVID_OK) {
        (void)RAISE(p, rc, &err);
        store_free(o);
        return NULL;
    }
    return o;
}

static const OSSL_PARAM *store_settable(void *provctx)
{
    static const OSSL_PARAM known[] = {OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL), SEARCH_PARAMS, OSSL_PARAM_END};

    (void)provctx;
    return known;
}

static int store_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct opened *o = ctx;
    const OSSL_PARAM *expect = params == NULL ? NULL : OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);

    return (expect == NULL || OSSL_PARAM_get_int(expect, &o->expect)) && (params == NULL || search_take(&o->search, params));
}

/* Names are for people too: "EC P-256, CN=gw-1" stands beside the URI. */
static int give_name(struct opened *o, OSSL_CALLBACK *cb, void *arg)
{
    int type = OSSL_OBJECT_NAME, ok = 0;
    struct devid_bytes uri = {0}, subject = {0};
    struct devid_error err = {0};
    char words[512];
    devid_rc rc = devid_uri_of(o->at, &uri, &err);
    char *kind;

    /* the name of the whole, which opens to the certificates too */
    if (rc == DEVID_OK && (kind = strstr((char *)uri.data, ";type=")) != NULL)
        *kind = 0;
    if (rc == DEVID_OK && o->at->n_chain > 0)
        rc = devid_cert_name_text(o->at->chain[0].subject, &subject, &err);
    if (rc == DEVID_OK) {
        (void)snprintf(words, sizeof words, "%s, %s, %s", devid_role_name(o->at->role),
                       devid_public_name(&o->at->pub),
                       subject.len == 0 ? "no certificate" : (const char *)subject.data);
        const OSSL_PARAM params[] = {
            OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
            OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA, uri.data, strlen((char *)uri.data)),
            OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DESC, words, strlen(words)),
            OSSL_PARAM_END,
        };
        ok = cb(params, arg);
    } else {
        (void)RAISE(o->prov, rc, &err);
    }
    devid_bytes_free(&uri);
    devid_bytes_free(&subject);
    return ok;
}

static devid_rc public_at_hand(const struct opened *o, struct pkey **out, struct devid_error *err)
{
    struct devid_slice certified = o->at->n_chain == 0 ? (struct devid_slice){0} : o->at->chain[0].spki;
    struct devid_bytes spki = {0};
    devid_rc rc = devid_public_as_certified(&o->at->pub, certified, &spki, err);

    if (rc == DEVID_OK)
        rc = pkey_of_spki(o->prov, devid_slice_of(spki), out, err);
    devid_bytes_free(&spki);
    return rc;
}

/* From the store's snapshot if it has the public half, else by name. */
static devid_rc key_at_hand(struct opened *o, bool wants_private, struct pkey **out, struct devid_error *err)
{
    struct devid_bytes uri = {0};
    struct pkey *pair = NULL;
    devid_rc rc;

    if (o->at != NULL && !wants_private)
        return public_at_hand(o, out, err);
    if (o->at == NULL || !o->is_folder)
        rc = pkey_of_uri(o->prov, o->text, &pair, err);
    else if ((rc = devid_uri_of(o->at, &uri, err)) == DEVID_OK)
        rc = pkey_of_uri(o->prov, (const char *)uri.data, &pair, err);
    devid_bytes_free(&uri);
    if (rc == DEVID_OK && wants_private) {
        *out = pair;
        return rc;
    }
    if (rc == DEVID_OK)
        rc = pkey_public(pair, out, err);
    pkey_free(pair);
    return rc;
}

/* For a private key, and for nothing else. */
static devid_rc ask_pin(const struct opened *o, OSSL_PASSPHRASE_CALLBACK *ask, void *arg, struct devid_error *err)
{
    struct devid_slice pin = {o->uri.pin.data, o->uri.pin.len};

    return o->at == NULL ? DEVID_OK : provider_log_in(o->prov, o->at, pin, ask, arg, err);
}

/* "handle:0x81...?pass" */
static devid_rc ask_auth(const struct opened *o, struct pkey *pk, OSSL_PASSPHRASE_CALLBACK *ask, void *arg,
                         struct devid_error *err)
{
    struct devid_secret auth = {0};
    devid_rc rc;

    if (!o->uri.asks_pin)
        return DEVID_OK;
    rc = provider_password(o->prov, ask, arg, &auth, err);
    if (rc == DEVID_OK)
        rc = devid_key_authorise(atomic_load(&pk->key), (struct devid_slice){auth.data, auth.len}, err);
    devid_secret_free(&auth);
    return rc;
}

/* The key by reference: keymgmt_load takes its own hold of it. */
static int give_key(struct opened *o, OSSL_CALLBACK *cb, void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    bool wants_private = o->uri.wants_private || !o->uri.wants_public;
    int type = OSSL_OBJECT_PKEY, ok = 0;
    struct devid_error err = {0};
    struct pkey *pk = NULL;
    devid_rc rc = DEVID_OK;

    wants_private = wants_private && o->expect != OSSL_STORE_INFO_PUBKEY;
    if (o->at != NULL && !devid_identity_key_enabled(o->at))
        rc = devid_fail(&err, DEVID_E_DENIED, "%s is disabled: \"devid enable %s\" switches it on", o->at->label, o->at->label);
    if (rc == DEVID_OK && wants_private)
        rc = ask_pin(o, ask, ask_arg, &err);
    if (rc == DEVID_OK)
        rc = key_at_hand(o, wants_private, &pk, &err);
    if (rc == DEVID_OK && wants_private)
        rc = ask_auth(o, pk, ask, ask_arg, &err);
    if (rc == DEVID_OK) {
        const char *name = pkey_type_name(pk->type);

        if (wants_private)
            pkey_preconnect(pk);
        const OSSL_PARAM params[] = {
            OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
            OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, (char *)(uintptr_t)name, strlen(name)),
            OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &pk, sizeof pk),
            OSSL_PARAM_END,
        };
        ok = cb(params, arg);
    } else {
        (void)RAISE(o->prov, rc, &err);
    }
    pkey_free(pk);
    return ok;
}

static int give_cert(const struct devid_cert *cert, OSSL_CALLBACK *cb, void *arg)
{
    int type = OSSL_OBJECT_CERT;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, (void *)(uintptr_t)cert->der.data, cert->der.len),
        OSSL_PARAM_END,
    };

    return cb(params, arg);
}

static int store_load(void *ctx, OSSL_CALLBACK *cb, void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    KEEPS_ERRNO;
    struct opened *o = ctx;
    int ok = 0;

    settle(o);
    if (o->step == STEP_NAME) {
        ok = give_name(o, cb, arg);
        do
            o->at = devid_snapshot_next(o->snap, o->at);
        while (o->at != NULL && !matches(o, o->at));
        o->step = o->at == NULL ? STEP_DONE : STEP_NAME;
    } else if (o->step == STEP_KEY) {
        ok = give_key(o, cb, arg, ask, ask_arg);
        o->step = STEP_CERTS;
    } else if (o->step == STEP_CERTS) {
        ok = give_cert(&o->at->chain[o->cert++], cb, arg);
    }
    return ok;
}

static int store_eof(void *ctx)
{
    struct opened *o = ctx;

    settle(o);
    return o->step == STEP_DONE;
}

static int store_close(void *ctx)
{
    store_free(ctx);
    return 1;
}

static const OSSL_DISPATCH functions[] = {
    ENTRY(OSSL_FUNC_STORE_OPEN, store_open),
    ENTRY(OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, store_settable),
    ENTRY(OSSL_FUNC_STORE_SET_CTX_PARAMS, store_set_params),
    ENTRY(OSSL_FUNC_STORE_LOAD, store_load),
    ENTRY(OSSL_FUNC_STORE_EOF, store_eof),
    ENTRY(OSSL_FUNC_STORE_CLOSE, store_close),
    ENTRY(OSSL_FUNC_STORE_EXPORT_OBJECT, keymgmt_export_object),
    {0, NULL},
};

static const OSSL_ALGORITHM all_loaders[] = {
    [SCHEME_DEVID] = {"devid", PROVIDER_PROPERTY, functions, "identities of this device, by name"},
    [SCHEME_HANDLE] = {"handle", PROVIDER_PROPERTY, functions, "keys at persistent handles of the TPM"},
    [SCHEME_PKCS11] = {"pkcs11", PROVIDER_PROPERTY, functions, "identities of this device, by PKCS #11 URI"},
    [N_SCHEMES] = {NULL, NULL, NULL, NULL},
};

const OSSL_ALGORITHM *store_loaders(struct provider *p)
{
    const OSSL_ALGORITHM *there = atomic_load(&p->loaders);
    OSSL_ALGORITHM *made;
    size_t n = 0;

    if (p->schemes == SCHEMES_ALL)
        return all_loaders;
    if (there != NULL)
        return there;
    made = calloc(N_SCHEMES + 1, sizeof *made);
    for (size_t i = 0; made != NULL && i < N_SCHEMES; i++)
        if ((p->schemes & 1U << i) != 0)
            made[n++] = all_loaders[i];
    if (made == NULL || atomic_compare_exchange_strong(&p->loaders, &there, made))
        return made;
    free(made); /* another thread was first */
    return there;
}
