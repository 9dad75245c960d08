/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key pairs: PKCS#11 2.40, 5.14. TPM2_Create under the storage root key (or that of a token with a PIN), then the pair's file. A label that
 * devid.conf knows is that identity: its key is of the type and gets to the place that stand there.
 */
#include <string.h>

#include "core/make.h"
#include "pkcs11/mech.h"
#include "pkcs11/pair.h"

/* Which mechanism comes first of all questions, even before the session: Azure's key service falls back on this answer only. */
static CK_RV mechanism_check(const CK_MECHANISM *given, const struct mechanism **out)
{
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    if (given == NULL)
        return table_leave(CKR_ARGUMENTS_BAD);
    *out = mech_find(given->mechanism, CKF_GENERATE_KEY_PAIR);
    if (*out == NULL || !mech_is_offered(*out))
        return table_leave(CKR_MECHANISM_INVALID);
    if (given->pParameter != NULL && given->ulParameterLen != 0)
        return table_leave(CKR_MECHANISM_PARAM_INVALID);
    return table_leave(CKR_OK);
}

/* Before the TPM makes anything. */
static CK_RV session_check(const struct session *s, const struct pair_wanted *wanted)
{
    bool is_private = ((wanted->private.flags | wanted->public.flags) & DEVID_FLAG_PRIVATE) != 0;

    if (wanted->is_token && !session_is_rw(s))
        return CKR_SESSION_READ_ONLY;
    if (wanted->is_token && !slot_is_writable(s->slot))
        return CKR_TOKEN_WRITE_PROTECTED;
    if (is_private && session_hides_private(s))
        return CKR_USER_NOT_LOGGED_IN;
    return CKR_OK;
}

/* The identity of devid.conf that the pair is to be; NULL if it is none. CKR_TEMPLATE_INCONSISTENT for another type of key. */
static CK_RV configured(const struct session *s, struct devid_store *store, const struct pair_wanted *wanted,
                        const char *label, const struct devid_conf_identity **out)
{
    const struct devid_conf_identity *identity = devid_conf_find(devid_store_conf(store), label);

    *out = NULL;
    if (!wanted->is_token || identity == NULL || strcmp(identity->token, s->slot->token) != 0)
        return CKR_OK;
    if (identity->alg != wanted->key.alg || identity->bits != wanted->key.bits) {
        devid_log(DEVID_LOG_ERROR, "pkcs11", "%s: devid.conf wants another type of key (line %u)", label, identity->line);
        return CKR_TEMPLATE_INCONSISTENT;
    }
    *out = identity;
    return CKR_OK;
}

/* What a TPM does not have is told by its answer to the template. */
static CK_RV make_answer(devid_rc rc, const struct pair_wanted *wanted, const struct devid_error *err)
{
    CK_RV rv = rv_of_key(rc, err, CKR_DEVICE_ERROR);

    if (rc == DEVID_E_KEY && err->handle == 0)
        return wanted->key.alg == DEVID_EC ? CKR_CURVE_NOT_SUPPORTED : CKR_KEY_SIZE_RANGE;
    return rc == DEVID_E_KEY ? CKR_DEVICE_ERROR : rv;
}

/*
 * To its handle. The pair has its file already, as a wrapped key: who is killed between leaves a key that works, and that
 * "devid provision" moves.
 */
static devid_rc move_to_handle(struct devid_store *store, const struct devid_identity *identity, uint32_t handle,
                               struct devid_error *err)
{
    struct devid_identity moved = *identity;
    struct devid_made made = {0};
    devid_rc rc = devid_make_persistent(store, identity, handle, &made, err);

    if (rc == DEVID_OK) {
        moved.key_place = DEVID_PLACE_HANDLE;
        moved.handle = made.handle;
        moved.parent = 0;
        moved.blob = (struct devid_slice){0};
        moved.object = devid_slice_of(made.object);
        rc = devid_store_replace(store, identity, &moved, err);
    } else if (devid_store_replace(store, identity, NULL, NULL) != DEVID_OK) {
        devid_log(DEVID_LOG_ERROR, "pkcs11", "%s: the key that could not be put to its handle stays in its file",
                  identity->label);
    }
    devid_made_free(&made);
    return rc;
}

static CK_RV settle(const struct session *s, struct devid_store *store, const struct devid_conf_identity *conf,
                    CK_OBJECT_HANDLE private_key)
{
    struct devid_error err = {0};
    struct catalogue *fresh = NULL;
    struct object o = {0};
    CK_RV rv;

    if (conf == NULL || conf->handle == 0)
        return CKR_OK;
    rv = object_find(s, private_key, &o);
    if (rv == CKR_OK && strcmp(o.view->identity->label, conf->name) == 0 &&
        o.view->identity->parent != DEVID_PARENT_PIN) /* at a handle it would not be behind the PIN */
        rv = rv_of(move_to_handle(store, o.view->identity, conf->handle, &err), &err);
    object_free(&o);
    if (rv == CKR_OK) { /* the next signature goes to the handle */
        rv = catalogue_refresh(&fresh);
        catalogue_free(fresh);
    }
    return rv;
}

/* A half's texts, as C has them. */
struct texts {
    struct devid_bytes label, mechanisms;
};

static CK_RV texts_take(const struct half_wanted *half, enum devid_alg alg, struct texts *out)
{
    struct devid_error err = {0};
    CK_RV rv = allowed_take(half->mechanisms, alg, &out->mechanisms);

    return rv == CKR_OK ? rv_of(devid_bytes_copy(half->label, &out->label, &err), &err) : rv;
}

static void texts_free(struct texts *texts)
{
    devid_bytes_free(&texts->label);
    devid_bytes_free(&texts->mechanisms);
}

static struct devid_said said_of(const struct half_wanted *half, const struct texts *texts)
{
    return (struct devid_said){half->subject, (const char *)texts->mechanisms.data};
}

/* The pair, as the templates want it. */
static CK_RV pair_make(const struct session *s, const struct pair_wanted *wanted, const struct texts *private,
                       const struct texts *public, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    const struct devid_conf_identity *conf = NULL;
    struct devid_store *store = module_store();
    struct devid_made made = {0};
    struct devid_error err = {0};
    struct devid_identity pair = {0};
    struct devid_wanted key = wanted->key;
    CK_RV rv;

    if (store == NULL)
        return CKR_TOKEN_NOT_PRESENT;
    /* a private session key, too: Java keeps it by copying it to the token, where all keys are behind the PIN */
    key.token = wanted->is_token || (wanted->private.flags & DEVID_FLAG_PRIVATE) != 0 ? s->slot->token : NULL;
    rv = configured(s, store, wanted, (const char *)private->label.data, &conf);
    if (rv == CKR_OK)
        rv = make_answer(devid_make_key(store, &key, &made, &err), wanted, &err);
    if (rv != CKR_OK)
        return rv;
    pair.role = conf != NULL ? conf->role : DEVID_ROLE_CLIENT;
    pair.private_label = (const char *)private->label.data;
    pair.public_label = (const char *)public->label.data;
    pair.id = wanted->private.id;
    pair.public_id = wanted->public.id;
    pair.private_said = said_of(&wanted->private, private);
    pair.public_said = said_of(&wanted->public, public);
    pair.private_flags = wanted->private.flags;
    pair.public_flags = wanted->public.flags;
    pair.not_for = wanted->not_for;
    pair.pub = made.pub;
    pair.key_place = DEVID_PLACE_BLOB;
    pair.parent = made.parent;
    pair.blob = devid_slice_of(made.blob);
    rv = object_add_pair(s, &pair, wanted->is_token, public_key, private_key);
    devid_made_free(&made);
    return rv == CKR_OK ? settle(s, store, conf, *private_key) : rv;
}

static CK_RV generate(const struct session *s, enum devid_alg alg, struct template public, struct template private,
                      CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    CK_OBJECT_HANDLE made[2] = {CK_INVALID_HANDLE, CK_INVALID_HANDLE};
    struct texts of_public = {0}, of_private = {0};
    struct pair_wanted wanted;
    CK_RV rv;

    if (public_key == NULL || private_key == NULL)
        return CKR_ARGUMENTS_BAD;
    rv = pair_take(alg, public, private, &wanted);
    if (rv == CKR_OK)
        rv = session_check(s, &wanted);
    if (rv == CKR_OK)
        rv = texts_take(&wanted.private, alg, &of_private);
    if (rv == CKR_OK)
        rv = texts_take(&wanted.public, alg, &of_public);
    if (rv == CKR_OK)
        rv = pair_make(s, &wanted, &of_private, &of_public, &made[0], &made[1]);
    if (rv == CKR_OK) {
        *public_key = made[0];
        *private_key = made[1];
    }
    texts_free(&of_private);
    texts_free(&of_public);
    return rv;
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM *given, CK_ATTRIBUTE *public_template,
                        CK_ULONG n_public, CK_ATTRIBUTE *private_template, CK_ULONG n_private,
                        CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    const struct template public = {public_template, n_public}, private = {private_template, n_private};
    const struct mechanism *mech = NULL;
    struct session *s;
    CK_RV rv = mechanism_check(given, &mech);

    if (rv == CKR_OK)
        rv = session_enter(handle, &s);
    if (rv != CKR_OK)
        return rv;
    return session_leave(s, generate(s, mech->alg, public, private, public_key, private_key));
}

/* No mechanism makes secret keys: Azure's key service then keeps them in files, on this answer and on no other. */
CK_RV C_GenerateKey(CK_SESSION_HANDLE handle, CK_MECHANISM *given, CK_ATTRIBUTE *template, CK_ULONG n,
                    CK_OBJECT_HANDLE *made)
{
    CK_RV rv = table_enter();

    (void)handle, (void)template, (void)n, (void)made;
    if (rv != CKR_OK)
        return rv;
    return table_leave(given == NULL ? CKR_ARGUMENTS_BAD : CKR_MECHANISM_INVALID);
}
