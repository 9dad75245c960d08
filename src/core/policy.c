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

/* ---- sessions ---- */

/* A session that is being made, and what it must satisfy. */
struct making {
    struct devid_tpm *tpm;
    ESYS_CONTEXT *esys;
    ESYS_TR session;
    enum devid_policy policy;
    enum devid_hash hash; /* of the key's name, the session and the policy's index */
    TPM2_CC command;
    bool is_admin;
    TPML_DIGEST branches;
};

/* PolicySecret(endorsement), and what makes A to B or C. */
static TSS2_RC take_secret(const struct making *m)
{
    static const TPM2B_NONCE no_nonce, no_reference;
    static const TPM2B_DIGEST no_parameters;
    TPM2B_TIMEOUT *timeout = NULL;
    TPMT_TK_AUTH *ticket = NULL;
    TSS2_RC r = Esys_PolicySecret(m->esys, ESYS_TR_RH_ENDORSEMENT, m->session, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                  &no_nonce, &no_parameters, &no_reference, 0, &timeout, &ticket);

    Esys_Free(timeout);
    Esys_Free(ticket);
    if (r == TSS2_RC_SUCCESS && policies[m->policy].has_commands)
        r = Esys_PolicyCommandCode(m->esys, m->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, m->command);
    return r;
}

/* Does the index hold the policy PolicyCommandCode(command), or the empty one? TPMT_HA: the hash's number, the digest. */
static bool is_delegated(const struct making *m, const TPM2B_MAX_NV_BUFFER *held, bool *by_command)
{
    const TPM2B_DIGEST nothing = zeros(m->hash);
    TPM2B_DIGEST command = {0};
    TPM2_ALG_ID alg = devid_alg_of_hash(m->hash);

    if (held->size != 2U + nothing.size || held->buffer[0] != alg >> 8 || held->buffer[1] != (alg & 0xff) ||
        command_code(m->hash, &nothing, m->command, &command, NULL) != DEVID_OK)
        return false;
    *by_command = memcmp(held->buffer + 2, command.buffer, command.size) == 0;
    return *by_command || (!m->is_admin && memcmp(held->buffer + 2, nothing.buffer, nothing.size) == 0);
}

/* Branch D. \return false: it delegates nothing that is known here; the session is as it was */
static bool take_delegated(const struct making *m)
{
    uint32_t index = policies[m->policy].index + (uint32_t)(m->hash - DEVID_SHA256);
    TPM2B_MAX_NV_BUFFER *held = NULL;
    ESYS_TR nv = ESYS_TR_NONE;
    bool by_command = false, good;

    if (policies[m->policy].index == 0 || devid_chip_find(m->tpm, m->esys, index, &nv, NULL) != DEVID_OK)
        return false;
    good = Esys_NV_Read(m->esys, nv, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, (UINT16)(2 + devid_hash_len(m->hash)), 0,
                        &held) == TSS2_RC_SUCCESS &&
           is_delegated(m, held, &by_command);
    if (good && by_command)
        good = Esys_PolicyCommandCode(m->esys, m->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, m->command) == TSS2_RC_SUCCESS;
    if (good)
        good = Esys_PolicyAuthorizeNV(m->esys, nv, nv, m->session, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE) == TSS2_RC_SUCCESS;
    Esys_Free(held);
    devid_chip_close(m->esys, &nv);
    return good;
}

static bool is_refused(TSS2_RC r)
{
    return devid_tss_says(r, TPM2_RC_AUTH_FAIL) || devid_tss_says(r, TPM2_RC_BAD_AUTH);
}

static devid_rc satisfy(struct making *m, struct devid_error *err)
{
    devid_rc rc = branches_of(m->policy, m->hash, &m->branches, err);
    TSS2_RC r;

    if (rc != DEVID_OK)
        return rc;
    r = take_secret(m);
    if (is_refused(r) && take_delegated(m))
        r = TSS2_RC_SUCCESS;
    if (r == TSS2_RC_SUCCESS && m->branches.count > 1)
        r = Esys_PolicyOR(m->esys, m->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &m->branches);
    return r == TSS2_RC_SUCCESS ? DEVID_OK
                                : devid_chip_fail(err, r, ESYS_TR_RH_ENDORSEMENT, 0, "satisfy the policy of a key");
}

devid_rc devid_policy_session(struct devid_tpm *tpm, ESYS_CONTEXT *esys, const TPM2B_PUBLIC *area, TPM2_CC command, bool is_admin,
                              ESYS_TR *session, struct devid_error *err)
{
    static const TPMT_SYM_DEF no_cipher = {.algorithm = TPM2_ALG_NULL};
    const TPMT_PUBLIC *key = &area->publicArea;
    bool password_will_do = is_admin ? (key->objectAttributes & TPMA_OBJECT_ADMINWITHPOLICY) == 0
                                     : (key->objectAttributes & TPMA_OBJECT_USERWITHAUTH) != 0;
    struct making m = {.tpm = tpm, .esys = esys, .session = ESYS_TR_NONE, .hash = devid_hash_of_alg(key->nameAlg),
                       .command = command, .is_admin = is_admin};
    devid_rc rc;
    TSS2_RC r;

    if (!find(key, &m.policy)) {
        *session = ESYS_TR_PASSWORD;
        return password_will_do ? DEVID_OK
                                : devid_fail(err, DEVID_E_KEY, "the key wants a policy for this that devid does not know");
    }
    r = Esys_StartAuthSession(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                              TPM2_SE_POLICY, &no_cipher, key->nameAlg, &m.session);
    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "start a policy session");
    rc = satisfy(&m, err);
    if (rc == DEVID_OK)
        *session = m.session;
    else
        devid_policy_end(esys, &m.session);
    return rc;
}

void devid_policy_end(ESYS_CONTEXT *esys, ESYS_TR *session)
{
    if (*session != ESYS_TR_PASSWORD)
        devid_chip_flush(esys, session);
    *session = ESYS_TR_NONE;
}
