/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C_DeriveKey: PKCS#11 2.40, 5.14; mechanisms, 2.3.7 and 2.3.8. One TPM2_ECDH_ZGen; what follows it, ANSI X9.63's key derivation
 * function, is software's. The cofactor of the NIST curves is 1, so both mechanisms are one.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/mech.h"
#include "pkcs11/pair.h"
#include "pkcs11/secret.h"

#define SECRET_MAX 1024 /* bytes; a KDF could give any number */

static bool hash_of_kdf(CK_ULONG kdf, enum devid_hash *hash)
{
    switch (kdf) {
    case CKD_NULL:       *hash = DEVID_HASH_NONE; return true;
    case CKD_SHA1_KDF:   *hash = DEVID_SHA1; return true;
    case CKD_SHA224_KDF: *hash = DEVID_SHA224; return true;
    case CKD_SHA256_KDF: *hash = DEVID_SHA256; return true;
    case CKD_SHA384_KDF: *hash = DEVID_SHA384; return true;
    case CKD_SHA512_KDF: *hash = DEVID_SHA512; return true;
    default:             return false;
    }
}

struct derivation {
    enum devid_hash kdf; /* DEVID_HASH_NONE: the coordinate itself */
    struct devid_slice shared, point;
};

static CK_RV parameter_take(const CK_MECHANISM *given, const struct devid_public *pub, struct derivation *out)
{
    const CK_ECDH1_DERIVE_PARAMS *p = given->pParameter;

    if (p == NULL || given->ulParameterLen != sizeof *p || !hash_of_kdf(p->kdf, &out->kdf))
        return CKR_MECHANISM_PARAM_INVALID;
    if (is_wild(p->pSharedData, p->ulSharedDataLen) || is_wild(p->pPublicData, p->ulPublicDataLen) ||
        p->ulPublicDataLen == 0 || (out->kdf == DEVID_HASH_NONE && p->ulSharedDataLen != 0))
        return CKR_MECHANISM_PARAM_INVALID;
    out->shared = (struct devid_slice){p->pSharedData, p->ulSharedDataLen};
    out->point = point_take((struct devid_slice){p->pPublicData, p->ulPublicDataLen}, pub->point.len);
    return out->point.len == pub->point.len ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

/* Of a bare coordinate the bytes in front are cut off. */
static CK_RV value_make(const struct derivation *d, struct devid_slice z, size_t len, struct devid_secret *out)
{
    struct devid_secret value = {0};
    struct devid_error err = {0};
    devid_rc rc;

    if (d->kdf == DEVID_HASH_NONE)
        return rv_of(devid_secret_copy((struct devid_slice){z.data + z.len - len, len}, out, &err), &err);
    value.len = len;
    value.data = calloc(1, len);
    if (value.data == NULL)
        return CKR_HOST_MEMORY;
    rc = devid_x963(d->kdf, z, d->shared, value.data, len, &err);
    if (rc == DEVID_OK)
        *out = value;
    else
        devid_secret_free(&value);
    return rv_of(rc, &err);
}

/* CKA_VALUE_LEN, or what the mechanism and the type give. */
static CK_RV length_take(const struct derivation *d, const struct secret_wanted *wanted, size_t z_len, size_t *len)
{
    size_t all = d->kdf == DEVID_HASH_NONE ? z_len : SECRET_MAX;

    *len = d->kdf == DEVID_HASH_NONE ? z_len : devid_hash_len(d->kdf);
    if (wanted->has_len)
        *len = wanted->len;
    if (*len == 0 || *len > all)
        return CKR_KEY_SIZE_RANGE;
    if (wanted->type == CKK_AES && *len != 16 && *len != 24 && *len != 32)
        return CKR_KEY_SIZE_RANGE;
    return CKR_OK;
}

static CK_RV derive_with(const struct session *s, const struct derivation *d, struct devid_key *key,
                         const struct secret_wanted *wanted, CK_OBJECT_HANDLE *made)
{
    struct secret *secret = NULL;
    struct devid_secret z = {0};
    struct devid_error err = {0};
    size_t len;
    CK_RV rv = length_take(d, wanted, (devid_key_public(key)->bits + 7U) / 8U, &len);

    if (rv != CKR_OK)
        return rv;
    secret = calloc(1, sizeof *secret);
    if (secret == NULL)
        return CKR_HOST_MEMORY;
    *secret = (struct secret){.type = wanted->type, .is_sensitive = wanted->is_sensitive,
                              .is_extractable = wanted->is_extractable};
    rv = rv_of(devid_bytes_copy(wanted->half.id, &secret->id, &err), &err);
    if (rv == CKR_OK)
        rv = rv_of_key(devid_key_ecdh(key, d->point, &z, &err), &err, CKR_MECHANISM_PARAM_INVALID);
    if (rv == CKR_OK)
        rv = value_make(d, (struct devid_slice){z.data, z.len}, len, &secret->value);
    devid_secret_free(&z);
    if (rv == CKR_OK)
        return secret_add(s, secret, wanted->half.label, wanted->half.flags, made);
    secret_free(secret);
    return rv;
}

static CK_RV derive(const struct session *s, const CK_MECHANISM *given, CK_OBJECT_HANDLE handle,
                    struct template template, CK_OBJECT_HANDLE *made)
{
    const struct mechanism *mech = mech_find(given->mechanism, CKF_DERIVE);
    struct secret_wanted wanted;
    struct derivation d = {0};
    struct object o = {0};
    struct devid_key *key = NULL;
    struct devid_error err = {0};
    CK_RV rv;

    if (mech == NULL)
        return CKR_MECHANISM_INVALID;
    if (made == NULL)
        return CKR_ARGUMENTS_BAD;
    rv = secret_take(template, &wanted);
    if (rv == CKR_OK && (wanted.half.flags & DEVID_FLAG_PRIVATE) != 0 && session_hides_private(s))
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK)
        rv = object_find_key(s, handle, VIEW_PRIVATE, &o);
    if (rv == CKR_OK && o.view->pub->alg != mech->alg)
        rv = CKR_KEY_TYPE_INCONSISTENT;
    if (rv == CKR_OK && !mech_is_wanted(&o, mech, DEVID_FOR_DERIVE))
        rv = CKR_KEY_FUNCTION_NOT_PERMITTED;
    if (rv == CKR_OK && (o.view->flags & DEVID_FLAG_ASKS) != 0) /* there is no moment between to answer */
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK)
        rv = parameter_take(given, o.view->pub, &d);
    if (rv == CKR_OK)
        rv = object_key(&o, &key);
    if (rv == CKR_OK)
        rv = rv_of(devid_key_can_ecdh(key, &err), &err);
    if (rv == CKR_OK)
        rv = derive_with(s, &d, key, &wanted, made);
    object_free(&o);
    return rv;
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE handle, CK_MECHANISM *given, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *template,
                  CK_ULONG n, CK_OBJECT_HANDLE *made)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (given == NULL)
        return session_leave(s, CKR_ARGUMENTS_BAD);
    return session_leave(s, derive(s, given, key, (struct template){template, n}, made));
}
