/* SPDX-License-Identifier: BSD-2-Clause */
/* Signing: PKCS#11 2.40, 5.11. Hashing is software's; the TPM gets one command a signature. */
#include "pkcs11/mech.h"

void sign_end(struct signing *op)
{
    object_free(&op->object);
    message_free(&op->message);
    *op = (struct signing){0};
}

static CK_RV sign_begin(struct session *s, const CK_MECHANISM *given, CK_OBJECT_HANDLE handle)
{
    struct signing *op = &s->signing, next = {0};
    struct devid_error err = {0};
    CK_RV rv;

    if (given == NULL && op->mech != NULL) { /* PKCS#11 3.0, 5.13.1: it ends what is going on */
        sign_end(op);
        return CKR_OK;
    }
    if (op->mech != NULL)
        return CKR_OPERATION_ACTIVE;
    if (given == NULL)
        return CKR_ARGUMENTS_BAD;
    rv = mech_take(given, CKF_SIGN, &next.mech, &next.scheme);
    if (rv == CKR_OK)
        rv = object_find_key(s, handle, VIEW_PRIVATE, &next.object);
    if (rv == CKR_OK && next.object.view->pub->alg != next.mech->alg)
        rv = CKR_KEY_TYPE_INCONSISTENT;
    if (rv == CKR_OK && !mech_is_wanted(&next.object, next.mech, DEVID_FOR_SIGN))
        rv = CKR_KEY_FUNCTION_NOT_PERMITTED;
    if (rv == CKR_OK)
        rv = object_key(&next.object, &next.key);
    if (rv == CKR_OK)
        rv = rv_of(devid_key_can_sign(next.key, &next.scheme, &err), &err);
    if (rv == CKR_OK && !message_salt_fits(next.object.view->pub, &next.scheme))
        rv = CKR_MECHANISM_PARAM_INVALID;
    if (rv != CKR_OK) {
        sign_end(&next);
        return rv;
    }
    next.message.hash = next.mech->hash;
    next.asks = (next.object.view->flags & DEVID_FLAG_ASKS) != 0;
    *op = next;
    return CKR_OK;
}

CK_RV C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM *given, CK_OBJECT_HANDLE key)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, sign_begin(s, given, key));
}

/* The digest, or the bytes as they are, are there: the TPM's part. */
static CK_RV sign_input(struct signing *op, struct devid_slice in, unsigned char *sig, CK_ULONG *sig_len)
{
    const struct devid_public *pub = devid_key_public(op->key);
    unsigned char block[DEVID_BLOCK_MAX];
    struct devid_error err = {0};
    size_t len = devid_key_sig_len(op->key); /* CK_ULONG is another type on 32-bit machines */
    CK_RV rv = op->asks ? CKR_USER_NOT_LOGGED_IN : message_fits(pub, &op->scheme, in);

    if (rv != CKR_OK)
        return rv;
    in = message_block(pub, &op->scheme, in, block);
    rv = rv_of_key(devid_key_sign(op->key, &op->scheme, in, sig, &len, &err), &err, CKR_DATA_INVALID);
    if (rv == CKR_OK)
        *sig_len = len;
    return rv;
}

/* whole NULL: what the parts have put together. */
static CK_RV sign(struct signing *op, const struct devid_slice *whole, unsigned char *sig, CK_ULONG *sig_len)
{
    unsigned char digest[DEVID_HASH_MAX];
    struct devid_slice in;
    CK_RV rv;

    if (op->mech == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (whole != NULL && op->message.is_begun)
        return CKR_OPERATION_ACTIVE;
    if (sig_len == NULL || (whole != NULL && is_wild(whole->data, whole->len))) {
        rv = CKR_ARGUMENTS_BAD;
    } else {
        if (only_says_room(sig, sig_len, devid_key_sig_len(op->key), &rv))
            return rv;
        rv = message_end(&op->message, whole, digest, &in);
        if (rv == CKR_OK)
            rv = sign_input(op, in, sig, sig_len);
    }
    sign_end(op);
    return rv;
}

CK_RV C_Sign(CK_SESSION_HANDLE handle, unsigned char *data, CK_ULONG data_len, unsigned char *sig, CK_ULONG *sig_len)
{
    const struct devid_slice whole = {data, data_len};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, sign(&s->signing, &whole, sig, sig_len));
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE handle, unsigned char *part, CK_ULONG part_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (s->signing.mech == NULL)
        return session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
    rv = CKR_ARGUMENTS_BAD;
    if (!is_wild(part, part_len))
        rv = message_add(&s->signing.message, (struct devid_slice){part, part_len});
    if (rv != CKR_OK)
        sign_end(&s->signing);
    return session_leave(s, rv);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE handle, unsigned char *sig, CK_ULONG *sig_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, sign(&s->signing, NULL, sig, sig_len));
}
