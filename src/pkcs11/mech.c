/* SPDX-License-Identifier: BSD-2-Clause */
/* Mechanisms: PKCS#11 2.40 mechanisms, 2.1 (RSA), 2.3 (EC), 2.21 (SHA). The table is what the module can do. */
#include "pkcs11/module.h"

#define SIGNS (CKF_SIGN | CKF_VERIFY)

static const struct mechanism rows[] = {
    {CKM_ECDSA, SIGNS, DEVID_EC, DEVID_ECDSA, DEVID_HASH_NONE},
    {CKM_ECDSA_SHA1, SIGNS, DEVID_EC, DEVID_ECDSA, DEVID_SHA1},
    {CKM_ECDSA_SHA256, SIGNS, DEVID_EC, DEVID_ECDSA, DEVID_SHA256},
    {CKM_ECDSA_SHA384, SIGNS, DEVID_EC, DEVID_ECDSA, DEVID_SHA384},
    {CKM_ECDSA_SHA512, SIGNS, DEVID_EC, DEVID_ECDSA, DEVID_SHA512},
    {CKM_RSA_PKCS, SIGNS, DEVID_RSA, DEVID_PKCS1, DEVID_HASH_NONE},
    {CKM_SHA1_RSA_PKCS, SIGNS, DEVID_RSA, DEVID_PKCS1, DEVID_SHA1},
    {CKM_SHA256_RSA_PKCS, SIGNS, DEVID_RSA, DEVID_PKCS1, DEVID_SHA256},
    {CKM_SHA384_RSA_PKCS, SIGNS, DEVID_RSA, DEVID_PKCS1, DEVID_SHA384},
    {CKM_SHA512_RSA_PKCS, SIGNS, DEVID_RSA, DEVID_PKCS1, DEVID_SHA512},
    {CKM_RSA_PKCS_PSS, SIGNS, DEVID_RSA, DEVID_PSS, DEVID_HASH_NONE},
    {CKM_SHA256_RSA_PKCS_PSS, SIGNS, DEVID_RSA, DEVID_PSS, DEVID_SHA256},
    {CKM_SHA384_RSA_PKCS_PSS, SIGNS, DEVID_RSA, DEVID_PSS, DEVID_SHA384},
    {CKM_SHA512_RSA_PKCS_PSS, SIGNS, DEVID_RSA, DEVID_PSS, DEVID_SHA512},
    {CKM_RSA_X_509, SIGNS, DEVID_RSA, DEVID_RAW, DEVID_HASH_NONE},
    {CKM_SHA_1, CKF_DIGEST, 0, 0, DEVID_SHA1},
    {CKM_SHA256, CKF_DIGEST, 0, 0, DEVID_SHA256},
    {CKM_SHA384, CKF_DIGEST, 0, 0, DEVID_SHA384},
    {CKM_SHA512, CKF_DIGEST, 0, 0, DEVID_SHA512},
};

#define N_ROWS (sizeof rows / sizeof rows[0])

const struct mechanism *mech_row(size_t i)
{
    return i < N_ROWS ? &rows[i] : NULL;
}

const struct mechanism *mech_find(CK_MECHANISM_TYPE type, CK_FLAGS use)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].type == type && (rows[i].flags & use) != 0)
            return &rows[i];
    return NULL;
}

static enum devid_hash hash_of(CK_MECHANISM_TYPE digest)
{
    const struct mechanism *mech = mech_find(digest, CKF_DIGEST);

    return mech != NULL ? mech->hash : DEVID_HASH_NONE;
}

static enum devid_hash hash_of_mgf(CK_ULONG mgf)
{
    switch (mgf) {
    case CKG_MGF1_SHA1:   return DEVID_SHA1;
    case CKG_MGF1_SHA256: return DEVID_SHA256;
    case CKG_MGF1_SHA384: return DEVID_SHA384;
    case CKG_MGF1_SHA512: return DEVID_SHA512;
    default:              return DEVID_HASH_NONE;
    }
}

/* CK_RSA_PKCS_PSS_PARAMS: 2.1.10. */
static CK_RV pss_take(const CK_MECHANISM *given, const struct mechanism *mech, struct devid_scheme *scheme)
{
    const CK_RSA_PKCS_PSS_PARAMS *p = given->pParameter;

    if (p == NULL || given->ulParameterLen != sizeof *p)
        return CKR_MECHANISM_PARAM_INVALID;
    scheme->hash = hash_of(p->hashAlg);
    scheme->mgf = hash_of_mgf(p->mgf);
    scheme->salt_len = p->sLen;
    if (scheme->hash == DEVID_HASH_NONE || scheme->mgf == DEVID_HASH_NONE || p->sLen > DEVID_BLOCK_MAX)
        return CKR_MECHANISM_PARAM_INVALID;
    return mech->hash == DEVID_HASH_NONE || mech->hash == scheme->hash ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV mech_take(const CK_MECHANISM *given, CK_FLAGS use, const struct mechanism **out, struct devid_scheme *scheme)
{
    const struct mechanism *mech = mech_find(given->mechanism, use);
    CK_RV rv = CKR_OK;

    if (mech == NULL)
        return CKR_MECHANISM_INVALID;
    *scheme = (struct devid_scheme){.padding = mech->padding, .hash = mech->hash};
    if ((mech->flags & CKF_SIGN) != 0 && mech->padding == DEVID_PSS)
        rv = pss_take(given, mech, scheme);
    else if (given->ulParameterLen != 0 && given->pParameter != NULL)
        rv = CKR_MECHANISM_PARAM_INVALID;
    if (rv == CKR_OK)
        *out = mech;
    return rv;
}

size_t mech_allowed(const struct object *o, CK_MECHANISM_TYPE *list)
{
    const struct devid_identity *identity = o->view->identity;
    struct devid_key *key = NULL;
    size_t n = 0;

    if (object_key(o, &key) != CKR_OK)
        return 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        struct devid_scheme scheme = {.padding = rows[i].padding, .hash = rows[i].hash};

        if ((rows[i].flags & CKF_SIGN) == 0 || rows[i].alg != identity->pub.alg)
            continue;
        if (scheme.padding == DEVID_PSS) { /* as TLS 1.3 does it; without a hash of its own it takes any */
            scheme.hash = scheme.hash == DEVID_HASH_NONE ? DEVID_SHA256 : scheme.hash;
            scheme.salt_len = devid_hash_len(scheme.hash);
        }
        if (devid_key_can_sign(key, &scheme, NULL) != DEVID_OK)
            continue;
        if (list != NULL)
            list[n] = rows[i].type;
        n++;
    }
    return n;
}
