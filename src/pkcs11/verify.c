/* SPDX-License-Identifier: BSD-2-Clause */
/* Verification: PKCS#11 2.40, 5.13. All of it in software; every answer ends the operation. */
#include "pkcs11/mech.h"

void verify_end(struct verifying *op)
{
    object_free(&op->key);
    message_free(&op->message);
    *op = (struct verifying){0};
}

static CK_RV verify_begin(struct session *s, const CK_MECHANISM *given, CK_OBJECT_HANDLE handle)
{
    struct verifying *op = &s->verifying, next = {0};
    CK_RV rv;

    if (given == NULL && op->mech != NULL) { /* PKCS#11 3.0, 5.15.1 */
        verify_end(op);
        return CKR_OK;
    }
    if (op->mech != NULL)
        return CKR_OPERATION_ACTIVE;
    if (given == NULL)
        return CKR_ARGUMENTS_BAD;
    rv = mech_take(given, CKF_VERIFY, &next.mech, &next.scheme);
    if (rv == CKR_OK)
        rv = object_find_key(s, handle, VIEW_PUBLIC, &next.key);
    if (rv == CKR_OK && next.key.view->pub->alg != next.mech->alg)
        rv = CKR_KEY_TYPE_INCONSISTENT;
    if (rv == CKR_OK && !(mech_can(&next.key, CKF_VERIFY) && mech_is_wanted(&next.key, next.mech, DEVID_FOR_VERIFY)))
        rv = CKR_KEY_FUNCTION_NOT_PERMITTED;
    if (rv == CKR_OK && !message_salt_fits(next.key.view->pub, &next.scheme))
        rv = CKR_MECHANISM_PARAM_INVALID;
    if (rv != CKR_OK) {
        verify_end(&next);
        return rv;
    }
    next.message.hash = next.mech->hash;
    *op = next;
    return CKR_OK;
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE handle, CK_MECHANISM *given, CK_OBJECT_HANDLE key)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, verify_begin(s, given, key));
}

static CK_RV verify_input(const struct verifying *op, struct devid_slice in, struct devid_slice sig)
{
    const struct devid_public *pub = op->key.view->pub;
    unsigned char block[DEVID_BLOCK_MAX];
    struct devid_error err = {0};
    CK_RV rv = message_fits(pub, &op->scheme, in);
    devid_rc rc;

    if (rv != CKR_OK)
        return rv;
    if (sig.len != devid_public_sig_len(pub))
        return CKR_SIGNATURE_LEN_RANGE;
    in = message_block(pub, &op->scheme, in, block);
    rc = devid_verify(devid_slice_of(pub->spki), &op->scheme, in, sig, &err);
    return rc == DEVID_E_DATA ? CKR_SIGNATURE_INVALID : rv_of(rc, &err);
}

/* whole NULL: what the parts have put together. */
static CK_RV verify(struct verifying *op, const struct devid_slice *whole, struct devid_slice sig)
{
    unsigned char digest[DEVID_HASH_MAX];
    struct devid_slice in;
    CK_RV rv;

    if (op->mech == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (whole != NULL && op->message.is_begun)
        return CKR_OPERATION_ACTIVE;
    if (is_wild(sig.data, sig.len) || (whole != NULL && is_wild(whole->data, whole->len)))
        rv = CKR_ARGUMENTS_BAD;
    else
        rv = message_end(&op->message, whole, digest, &in);
    if (rv == CKR_OK)
        rv = verify_input(op, in, sig);
    verify_end(op);
    return rv;
}

CK_RV C_Verify(CK_SESSION_HANDLE handle, unsigned char *data, CK_ULONG data_len, unsigned char *sig, CK_ULONG sig_len)
{
    const struct devid_slice whole = {data, data_len};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, verify(&s->verifying, &whole, (struct devid_slice){sig, sig_len}));
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE handle, unsigned char *part, CK_ULONG part_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (s->verifying.mech == NULL)
        return session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
    rv = CKR_ARGUMENTS_BAD;
    if (!is_wild(part, part_len))
        rv = message_add(&s->verifying.message, (struct devid_slice){part, part_len});
    if (rv != CKR_OK)
        verify_end(&s->verifying);
    return session_leave(s, rv);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE handle, unsigned char *sig, CK_ULONG sig_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, verify(&s->verifying, NULL, (struct devid_slice){sig, sig_len}));
}
