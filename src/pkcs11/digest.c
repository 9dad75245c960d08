/* SPDX-License-Identifier: BSD-2-Clause */
/* Digests: PKCS#11 2.40, 5.10. In software; nobody needs to be logged in. */
#include <string.h>

#include "pkcs11/mech.h"

void digest_end(struct digesting *op)
{
    message_free(&op->message);
    *op = (struct digesting){0};
}

static CK_RV digest_begin(struct digesting *op, const CK_MECHANISM *given)
{
    struct devid_scheme scheme;
    CK_RV rv;

    if (given == NULL && op->mech != NULL) { /* PKCS#11 3.0, 5.12.1 */
        digest_end(op);
        return CKR_OK;
    }
    if (op->mech != NULL)
        return CKR_OPERATION_ACTIVE;
    if (given == NULL)
        return CKR_ARGUMENTS_BAD;
    rv = mech_take(given, CKF_DIGEST, &op->mech, &scheme);
    if (rv == CKR_OK)
        op->message.hash = op->mech->hash;
    return rv;
}

CK_RV C_DigestInit(CK_SESSION_HANDLE handle, CK_MECHANISM *given)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, digest_begin(&s->digesting, given));
}

/* whole NULL: what the parts have put together. */
static CK_RV digest(struct digesting *op, const struct devid_slice *whole, unsigned char *to, CK_ULONG *to_len)
{
    unsigned char made[DEVID_HASH_MAX];
    struct devid_slice out;
    CK_RV rv;

    if (op->mech == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (whole != NULL && op->message.is_begun)
        return CKR_OPERATION_ACTIVE;
    if (to_len == NULL || (whole != NULL && is_wild(whole->data, whole->len))) {
        rv = CKR_ARGUMENTS_BAD;
    } else {
        if (only_says_room(to, to_len, devid_hash_len(op->mech->hash), &rv))
            return rv;
        rv = message_end(&op->message, whole, made, &out);
        if (rv == CKR_OK)
            memcpy(to, made, *to_len = out.len);
    }
    digest_end(op);
    return rv;
}

CK_RV C_Digest(CK_SESSION_HANDLE handle, unsigned char *data, CK_ULONG data_len, unsigned char *to,
               CK_ULONG *to_len)
{
    const struct devid_slice whole = {data, data_len};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, digest(&s->digesting, &whole, to, to_len));
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE handle, unsigned char *part, CK_ULONG part_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (s->digesting.mech == NULL)
        return session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
    rv = CKR_ARGUMENTS_BAD;
    if (!is_wild(part, part_len))
        rv = message_add(&s->digesting.message, (struct devid_slice){part, part_len});
    if (rv != CKR_OK)
        digest_end(&s->digesting);
    return session_leave(s, rv);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE handle, unsigned char *to, CK_ULONG *to_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, digest(&s->digesting, NULL, to, to_len));
}
