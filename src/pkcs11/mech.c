/* SPDX-License-Identifier: BSD-2-Clause */
/* Mechanisms: PKCS#11 2.40 mechanisms, 2.1 (RSA), 2.3 (EC), 2.21 (SHA). The table is what the module can do. */
#include "pkcs11/mech.h"

#define OAEP_LABEL_MAX 4096 /* more than any client has, and little enough to be copied */

#define SIGNS (CKF_SIGN | CKF_VERIFY)
#define CRYPTS (CKF_ENCRYPT | CKF_DECRYPT)
#define EC(type, hash) {type, SIGNS, DEVID_EC, DEVID_ECDSA, hash, 0}
#define RSA(type, padding, hash) {type, SIGNS, DEVID_RSA, padding, hash, 0}

static const struct mechanism rows[] = {
    EC(CKM_ECDSA, DEVID_HASH_NONE),
    EC(CKM_ECDSA_SHA1, DEVID_SHA1),
    EC(CKM_ECDSA_SHA224, DEVID_SHA224),
    EC(CKM_ECDSA_SHA256, DEVID_SHA256),
    EC(CKM_ECDSA_SHA384, DEVID_SHA384),
    EC(CKM_ECDSA_SHA512, DEVID_SHA512),
    {CKM_RSA_PKCS, SIGNS | CRYPTS, DEVID_RSA, DEVID_PKCS1, DEVID_HASH_NONE, DEVID_CIPHER_PKCS1},
    RSA(CKM_SHA1_RSA_PKCS, DEVID_PKCS1, DEVID_SHA1),
    RSA(CKM_SHA224_RSA_PKCS, DEVID_PKCS1, DEVID_SHA224),
    RSA(CKM_SHA256_RSA_PKCS, DEVID_PKCS1, DEVID_SHA256),
    RSA(CKM_SHA384_RSA_PKCS, DEVID_PKCS1, DEVID_SHA384),
    RSA(CKM_SHA512_RSA_PKCS, DEVID_PKCS1, DEVID_SHA512),
    RSA(CKM_RSA_PKCS_PSS, DEVID_PSS, DEVID_HASH_NONE),
    RSA(CKM_SHA1_RSA_PKCS_PSS, DEVID_PSS, DEVID_SHA1),
    RSA(CKM_SHA224_RSA_PKCS_PSS, DEVID_PSS, DEVID_SHA224),
    RSA(CKM_SHA256_RSA_PKCS_PSS, DEVID_PSS, DEVID_SHA256),
    RSA(CKM_SHA384_RSA_PKCS_PSS, DEVID_PSS, DEVID_SHA384),
    RSA(CKM_SHA512_RSA_PKCS_PSS, DEVID_PSS, DEVID_SHA512),
    {CKM_RSA_X_509, SIGNS | CRYPTS, DEVID_RSA, DEVID_RAW, DEVID_HASH_NONE, DEVID_CIPHER_RAW},
    {CKM_RSA_PKCS_OAEP, CRYPTS, DEVID_RSA, 0, DEVID_HASH_NONE, DEVID_CIPHER_OAEP},
    {CKM_ECDH1_DERIVE, CKF_DERIVE, DEVID_EC, 0, DEVID_HASH_NONE, 0},
    {CKM_ECDH1_COFACTOR_DERIVE, CKF_DERIVE, DEVID_EC, 0, DEVID_HASH_NONE, 0},
    {CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, DEVID_EC, 0, DEVID_HASH_NONE, 0},
    {CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, DEVID_RSA, 0, DEVID_HASH_NONE, 0},
    {CKM_SHA_1, CKF_DIGEST, 0, 0, DEVID_SHA1, 0},
    {CKM_SHA224, CKF_DIGEST, 0, 0, DEVID_SHA224, 0},
    {CKM_SHA256, CKF_DIGEST, 0, 0, DEVID_SHA256, 0},
    {CKM_SHA384, CKF_DIGEST, 0, 0, DEVID_SHA384, 0},
    {CKM_SHA512, CKF_DIGEST, 0, 0, DEVID_SHA512, 0},
};

#define N_ROWS (sizeof rows / sizeof rows[0])

_Static_assert(N_ROWS <= DEVID_MECHANISMS_MAX, "a list has room for every row");

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

/* devid.conf, rsa-generation: where it takes too long, Azure's key service makes EC keys instead. */
bool mech_is_offered(const struct mechanism *mech)
{
    return mech->type != CKM_RSA_PKCS_KEY_PAIR_GEN || the.store == NULL ||
           !devid_store_conf(the.store)->no_rsa_generation;
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
    case CKG_MGF1_SHA224: return DEVID_SHA224;
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

/* CK_RSA_PKCS_OAEP_PARAMS: 2.1.8. A source that is not named has no data: OpenSC sends it so. */
static CK_RV oaep_take(const CK_MECHANISM *given, struct devid_cipher *cipher)
{
    const CK_RSA_PKCS_OAEP_PARAMS *p = given->pParameter;

    if (p == NULL || given->ulParameterLen != sizeof *p)
        return CKR_MECHANISM_PARAM_INVALID;
    cipher->hash = hash_of(p->hashAlg);
    cipher->mgf = hash_of_mgf(p->mgf);
    cipher->label = (struct devid_slice){p->pSourceData, p->ulSourceDataLen};
    if (cipher->hash == DEVID_HASH_NONE || cipher->mgf == DEVID_HASH_NONE ||
        is_wild(p->pSourceData, p->ulSourceDataLen) || p->ulSourceDataLen > OAEP_LABEL_MAX)
        return CKR_MECHANISM_PARAM_INVALID;
    if (p->source != CKZ_DATA_SPECIFIED && (p->source != 0 || p->ulSourceDataLen != 0))
        return CKR_MECHANISM_PARAM_INVALID;
    return CKR_OK;
}

CK_RV mech_take_cipher(const CK_MECHANISM *given, CK_FLAGS use, const struct mechanism **out,
                       struct devid_cipher *cipher)
{
    const struct mechanism *mech = mech_find(given->mechanism, use);
    CK_RV rv = CKR_OK;

    if (mech == NULL)
        return CKR_MECHANISM_INVALID;
    *cipher = (struct devid_cipher){.padding = mech->cipher};
    if (mech->cipher == DEVID_CIPHER_OAEP)
        rv = oaep_take(given, cipher);
    else if (given->ulParameterLen != 0 && given->pParameter != NULL)
        rv = CKR_MECHANISM_PARAM_INVALID;
    if (rv == CKR_OK)
        *out = mech;
    return rv;
}

/* What who made the key wanted of it. */
static CK_FLAGS uses_wanted(const struct object *o)
{
    static const struct {
        CK_FLAGS use;
        enum devid_usage usage;
    } uses[] = {{CKF_SIGN, DEVID_FOR_SIGN},       {CKF_VERIFY, DEVID_FOR_VERIFY}, {CKF_DECRYPT, DEVID_FOR_DECRYPT},
                {CKF_ENCRYPT, DEVID_FOR_ENCRYPT}, {CKF_DERIVE, DEVID_FOR_DERIVE}};
    CK_FLAGS wanted = 0;

    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++)
        if (object_is_for(o, uses[i].usage))
            wanted |= uses[i].use;
    return wanted;
}

/* Whether this very key does what the row says, as far as use asks. */
static bool row_works(const struct mechanism *row, const struct devid_key *key, CK_FLAGS use)
{
    const struct devid_cipher cipher = {.padding = row->cipher};
    struct devid_scheme scheme = {.padding = row->padding, .hash = row->hash};

    use &= row->flags;
    if (row->alg != devid_key_public(key)->alg)
        return false;
    if ((use & CRYPTS) != 0 && devid_key_can_decrypt(key, &cipher, NULL) == DEVID_OK)
        return true;
    if ((use & CKF_DERIVE) != 0)
        return devid_key_can_ecdh(key, NULL) == DEVID_OK;
    if ((use & SIGNS) == 0)
        return false;
    if (scheme.padding == DEVID_PSS) { /* as TLS 1.3 does it; without a hash of its own it takes any */
        scheme.hash = scheme.hash == DEVID_HASH_NONE ? DEVID_SHA256 : scheme.hash;
        scheme.salt_len = devid_hash_len(scheme.hash);
    }
    return devid_key_can_sign(key, &scheme, NULL) == DEVID_OK;
}

static size_t rows_that_work(const struct object *o, CK_FLAGS use, CK_MECHANISM_TYPE *list)
{
    struct devid_key *key = NULL;
    size_t n = 0;

    use &= uses_wanted(o);
    if (o->view->kind == VIEW_KEY) /* no TPM has a part in it */
        use &= CKF_VERIFY | CKF_ENCRYPT;
    else if (object_key(o, &key) != CKR_OK)
        return 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        if (!allowed_has(o, rows[i].type))
            continue;
        if (key == NULL ? rows[i].alg != o->view->pub->alg || (rows[i].flags & use) == 0 : !row_works(&rows[i], key, use))
            continue;
        if (list != NULL)
            list[n] = rows[i].type;
        n++;
    }
    return n;
}

size_t mech_allowed(const struct object *o, CK_MECHANISM_TYPE *list)
{
    size_t n;

    return allowed_list(o, list, &n) ? n : rows_that_work(o, SIGNS | CRYPTS | CKF_DERIVE, list);
}

bool mech_can(const struct object *o, CK_FLAGS use)
{
    return rows_that_work(o, use, NULL) != 0;
}

bool mech_is_wanted(const struct object *o, const struct mechanism *mech, enum devid_usage usage)
{
    return object_is_for(o, usage) && allowed_has(o, mech->type);
}
