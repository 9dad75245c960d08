/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. TPM 2.0 Library, Part 3, section 23. */
#include "core/policy.h"

#include <string.h>

#include "core/alg.h"
#include "core/bytes.h"
#include "core/chip.h"

/* Who reads and writes the index of PolicyAuthorizeNV: the owner's, readable by everybody, written by policy A. */
#define POLICY_INDEX                                                                                        \
    (TPMA_NV_POLICYWRITE | TPMA_NV_WRITEALL | TPMA_NV_PPREAD | TPMA_NV_OWNERREAD | TPMA_NV_AUTHREAD |       \
     TPMA_NV_POLICYREAD | TPMA_NV_NO_DA | TPMA_NV_WRITTEN)

/* The index with a policy for SHA-256; those for SHA-384 and SHA-512 follow it. 0: the policy is A alone. */
static const struct {
    uint32_t index;
    bool has_commands; /* B and C are branches */
} policies[DEVID_POLICIES] = {
    [DEVID_POLICY_EK_LOW] = {0, false},
    [DEVID_POLICY_EK_HIGH] = {0x01c07f01, false},
    [DEVID_POLICY_IDEVID] = {0x01c90010, true},
    [DEVID_POLICY_IAK] = {0x01c90018, true},
};

struct text {
    unsigned char data[4 + 8 * TPM2_SHA512_DIGEST_SIZE];
    size_t len;
};

static void put(struct text *t, const void *data, size_t len)
{
    memcpy(t->data + t->len, data, len);
    t->len += len;
}

static void put_number(struct text *t, uint32_t n, unsigned bytes)
{
    while (bytes-- > 0)
        t->data[t->len++] = (unsigned char)(n >> 8 * bytes);
}

/* policyDigest = H(before || more) */
static devid_rc extend(enum devid_hash hash, const TPM2B_DIGEST *before, const struct text *more, TPM2B_DIGEST *out,
                       struct devid_error *err)
{
    struct text all = {0};

    put(&all, before->buffer, before->size);
    put(&all, more->data, more->len);
    out->size = (UINT16)devid_hash_len(hash);
    return devid_hash_once(hash, (struct devid_slice){all.data, all.len}, out->buffer, err);
}

static TPM2B_DIGEST zeros(enum devid_hash hash)
{
    return (TPM2B_DIGEST){.size = (UINT16)devid_hash_len(hash)};
}

static devid_rc secret(enum devid_hash hash, TPM2B_DIGEST *out, struct devid_error *err)
{
    const TPM2B_DIGEST start = zeros(hash);
    const struct text no_reference = {0};
    struct text step = {0};
    devid_rc rc;

    put_number(&step, TPM2_CC_PolicySecret, 4);
    put_number(&step, TPM2_RH_ENDORSEMENT, 4);
    rc = extend(hash, &start, &step, out, err);
    return rc == DEVID_OK ? extend(hash, out, &no_reference, out, err) : rc;
}

static devid_rc command_code(enum devid_hash hash, const TPM2B_DIGEST *before, TPM2_CC command, TPM2B_DIGEST *out,
                             struct devid_error *err)
{
    struct text step = {0};

    put_number(&step, TPM2_CC_PolicyCommandCode, 4);
    put_number(&step, command, 4);
    return extend(hash, before, &step, out, err);
}

/* The index's Name is that of its public area: TPMS_NV_PUBLIC. */
static devid_rc authorize_nv(enum devid_hash hash, uint32_t index, const TPM2B_DIGEST *writer, TPM2B_DIGEST *out,
                             struct devid_error *err)
{
    const TPM2B_DIGEST start = zeros(hash);
    struct text public = {0}, step = {0};
    unsigned char name[DEVID_HASH_MAX];
    devid_rc rc;

    put_number(&public, index, 4);
    put_number(&public, devid_alg_of_hash(hash), 2);
    put_number(&public, POLICY_INDEX, 4);
    put_number(&public, writer->size, 2);
    put(&public, writer->buffer, writer->size);
    put_number(&public, (uint32_t)devid_hash_len(hash) + 2, 2);
    rc = devid_hash_once(hash, (struct devid_slice){public.data, public.len}, name, err);
    put_number(&step, TPM2_CC_PolicyAuthorizeNV, 4);
    put_number(&step, devid_alg_of_hash(hash), 2);
    put(&step, name, devid_hash_len(hash));
    return rc == DEVID_OK ? extend(hash, &start, &step, out, err) : rc;
}

/* The branches, in order; one alone needs no PolicyOR. */
static devid_rc branches_of(enum devid_policy policy, enum devid_hash hash, TPML_DIGEST *out, struct devid_error *err)
{
    uint32_t index = policies[policy].index;
    TPM2B_DIGEST *a = &out->digests[0];
    devid_rc rc = secret(hash, a, err);

    out->count = 1;
    if (rc == DEVID_OK && policies[policy].has_commands) {
        rc = command_code(hash, a, TPM2_CC_Certify, &out->digests[1], err);
        if (rc == DEVID_OK)
            rc = command_code(hash, a, TPM2_CC_ActivateCredential, &out->digests[2], err);
        out->count = 3;
    }
    if (rc == DEVID_OK && index != 0)
        rc = authorize_nv(hash, index + (uint32_t)(hash - DEVID_SHA256), a, &out->digests[out->count++], err);
    return rc;
}

devid_rc devid_policy_digest(enum devid_policy policy, TPM2_ALG_ID alg, TPM2B_DIGEST *out, struct devid_error *err)
{
    enum devid_hash hash = devid_hash_of_alg(alg);
    TPML_DIGEST branches = {0};
    struct text step = {0};
    devid_rc rc;

    if (hash != DEVID_SHA256 && hash != DEVID_SHA384 && hash != DEVID_SHA512)
        return devid_fail(err, DEVID_E_KEY, "TCG has no policy for keys that are named by hash 0x%04x", alg);
    rc = branches_of(policy, hash, &branches, err);
    if (rc != DEVID_OK)
        return rc;
    *out = branches.digests[0];
    if (branches.count == 1)
        return DEVID_OK;
    put_number(&step, TPM2_CC_PolicyOR, 4);
    for (UINT32 i = 0; i < branches.count; i++)
        put(&step, branches.digests[i].buffer, branches.digests[i].size);
    *out = zeros(hash);
    return extend(hash, out, &step, out, err);
}

static bool find(const TPMT_PUBLIC *area, enum devid_policy *out)
{
    TPM2B_DIGEST digest;

    for (unsigned i = 0; i < DEVID_POLICIES; i++)
        if (devid_policy_digest((enum devid_policy)i, area->nameAlg, &digest, NULL) == DEVID_OK &&
            digest.size == area->authPolicy.size && memcmp(digest.buffer, area->authPolicy.buffer, digest.size) == 0) {
            *out = (enum devid_policy)i;
            return true;
        }
    return false;
}

static devid_rc satisfy(ESYS_CONTEXT *esys, ESYS_TR session, enum devid_policy policy, TPM2_ALG_ID alg, TPM2_CC command,
                        struct devid_error *err)
{
    static const TPM2B_NONCE no_nonce, no_reference;
    static const TPM2B_DIGEST no_parameters;
    TPML_DIGEST branches = {0};
    TPM2B_TIMEOUT *timeout = NULL;
    TPMT_TK_AUTH *ticket = NULL;
    devid_rc rc = branches_of(policy, devid_hash_of_alg(alg), &branches, err);
    TSS2_RC r;

    if (rc != DEVID_OK)
        return rc;
    r = Esys_PolicySecret(esys, ESYS_TR_RH_ENDORSEMENT, session, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_nonce,
                          &no_parameters, &no_reference, 0, &timeout, &ticket);
    Esys_Free(timeout);
    Esys_Free(ticket);
    if (r == TSS2_RC_SUCCESS && policies[policy].has_commands)
        r = Esys_PolicyCommandCode(esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, command);
    if (r == TSS2_RC_SUCCESS && branches.count > 1)
        r = Esys_PolicyOR(esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &branches);
    return r == TSS2_RC_SUCCESS ? DEVID_OK
                                : devid_chip_fail(err, r, ESYS_TR_RH_ENDORSEMENT, 0, "satisfy the policy of a key");
}

devid_rc devid_policy_session(ESYS_CONTEXT *esys, const TPM2B_PUBLIC *area, TPM2_CC command, bool is_admin,
                              ESYS_TR *session, struct devid_error *err)
{
    static const TPMT_SYM_DEF no_cipher = {.algorithm = TPM2_ALG_NULL};
    const TPMT_PUBLIC *key = &area->publicArea;
    bool password_will_do = is_admin ? (key->objectAttributes & TPMA_OBJECT_ADMINWITHPOLICY) == 0
                                     : (key->objectAttributes & TPMA_OBJECT_USERWITHAUTH) != 0;
    enum devid_policy policy;
    ESYS_TR made = ESYS_TR_NONE;
    devid_rc rc;
    TSS2_RC r;

    if (!find(key, &policy)) {
        *session = ESYS_TR_PASSWORD;
        return password_will_do ? DEVID_OK
                                : devid_fail(err, DEVID_E_KEY, "the key wants a policy for this that devid does not know");
    }
    r = Esys_StartAuthSession(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                              TPM2_SE_POLICY, &no_cipher, key->nameAlg, &made);
    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "start a policy session");
    rc = satisfy(esys, made, policy, key->nameAlg, command, err);
    if (rc == DEVID_OK)
        *session = made;
    else
        devid_policy_end(esys, &made);
    return rc;
}

void devid_policy_end(ESYS_CONTEXT *esys, ESYS_TR *session)
{
    if (*session != ESYS_TR_PASSWORD)
        devid_chip_flush(esys, session);
    *session = ESYS_TR_NONE;
}
