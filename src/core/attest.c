/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/attest.h"

#include <openssl/crypto.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/chip.h"
#include "core/object.h"
#include "core/policy.h"
#include "core/template.h"

#define MAX_COORDINATE 66 /* bytes: P-521 */

void devid_attested_free(struct devid_attested *attested)
{
    if (attested == NULL)
        return;
    devid_bytes_free(&attested->attest);
    devid_bytes_free(&attested->signature);
    devid_bytes_free(&attested->key_area);
    devid_bytes_free(&attested->iak_area);
    *attested = (struct devid_attested){0};
}

/* A key that a command needs, what the TPM says of it, and what authorises its use. */
struct party {
    struct devid_object object;
    ESYS_TR primary; /* made for this command; ESYS_TR_NONE if object is meant */
    ESYS_TR tr;
    TPM2B_PUBLIC *area;
    ESYS_TR session;
};

#define PARTY {.primary = ESYS_TR_NONE, .tr = ESYS_TR_NONE, .session = ESYS_TR_NONE}

static devid_rc party_open(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                           struct party *party, struct devid_error *err)
{
    devid_rc rc = devid_object_ready(store, esys, identity, &party->object, err);
    TSS2_RC r;

    if (rc != DEVID_OK)
        return rc;
    party->tr = party->object.tr;
    r = Esys_ReadPublic(esys, party->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &party->area, NULL, NULL);
    return r == TSS2_RC_SUCCESS ? DEVID_OK : devid_fail_tss(err, r, identity->handle, "look at %s", identity->label);
}

static devid_rc party_make_iak(struct devid_store *store, ESYS_CONTEXT *esys, struct party *party, struct devid_error *err)
{
    TPM2B_PUBLIC template;
    devid_rc rc = devid_template_devid(DEVID_ROLE_IAK, DEVID_EC, 256, &template, err);

    if (rc == DEVID_OK)
        rc = devid_chip_primary(devid_store_tpm(store), esys, ESYS_TR_RH_ENDORSEMENT, &template, &party->primary,
                                &party->area, err);
    party->tr = party->primary;
    return rc;
}

static void party_close(struct devid_store *store, ESYS_CONTEXT *esys, struct party *party)
{
    devid_policy_end(esys, &party->session);
    devid_chip_flush(esys, &party->primary);
    devid_object_drop(store, esys, &party->object);
    Esys_Free(party->area);
}

static devid_rc area_of(const TPM2B_PUBLIC *area, struct devid_bytes *out, struct devid_error *err)
{
    unsigned char buffer[sizeof *area];
    size_t len = 0;
    TSS2_RC r = Tss2_MU_TPM2B_PUBLIC_Marshal(area, buffer, sizeof buffer, &len);

    return r == TSS2_RC_SUCCESS ? devid_bytes_copy((struct devid_slice){buffer, len}, out, err)
                                : devid_fail_tss(err, r, 0, "encode a public area");
}

/* One of the two operations, in one bracket. */
struct operation {
    const struct devid_identity *first, *second;
    TPM2_CC command;
    TPM2B_DATA nonce;
    TPM2B_ID_OBJECT blob;
    TPM2B_ENCRYPTED_SECRET secret;
    struct devid_attested *attested;
    struct devid_secret *credential;
};

static devid_rc take_attest(const struct party *key, const struct party *iak, const TPM2B_ATTEST *attest,
                            const TPMT_SIGNATURE *signature, struct devid_attested *out, struct devid_error *err)
{
    unsigned char buffer[sizeof *signature];
    size_t len = 0;
    TSS2_RC r = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, buffer, sizeof buffer, &len);
    devid_rc rc;

    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "encode a signature");
    rc = devid_bytes_copy((struct devid_slice){buffer, len}, &out->signature, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy((struct devid_slice){attest->attestationData, attest->size}, &out->attest, err);
    if (rc == DEVID_OK)
        rc = area_of(key->area, &out->key_area, err);
    return rc == DEVID_OK ? area_of(iak->area, &out->iak_area, err) : rc;
}

static devid_rc send_certify(ESYS_CONTEXT *esys, const struct party *key, const struct party *iak,
                             const struct operation *op, struct devid_error *err)
{
    static const TPMT_SIG_SCHEME own_scheme = {.scheme = TPM2_ALG_NULL};
    TPMA_OBJECT attributes = iak->area->publicArea.objectAttributes;
    TPMT_SIGNATURE *signature = NULL;
    TPM2B_ATTEST *attest = NULL;
    devid_rc rc;
    TSS2_RC r;

    if ((attributes & TPMA_OBJECT_RESTRICTED) == 0 || (attributes & TPMA_OBJECT_SIGN_ENCRYPT) == 0)
        return devid_fail(err, DEVID_E_KEY, "%s is no attestation key: only a restricted signing key's word proves anything",
                          op->second != NULL ? op->second->label : "what the template makes");
    r = Esys_Certify(esys, key->tr, iak->tr, key->session, iak->session, ESYS_TR_NONE, &op->nonce, &own_scheme, &attest,
                     &signature);
    rc = r == TSS2_RC_SUCCESS ? take_attest(key, iak, attest, signature, op->attested, err)
                              : devid_fail_tss(err, r, op->first->handle, "attest %s", op->first->label);
    Esys_Free(attest);
    Esys_Free(signature);
    return rc;
}

/* Some say "failure" to a padding that is wrong, and are well: a TPM that failed would not read a public area. */
static bool is_well(ESYS_CONTEXT *esys, ESYS_TR key)
{
    TPM2B_PUBLIC *area = NULL;
    bool good = Esys_ReadPublic(esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, NULL, NULL) == TSS2_RC_SUCCESS;

    Esys_Free(area);
    return good;
}

static bool says_not_for_us(ESYS_CONTEXT *esys, ESYS_TR ek, TSS2_RC r)
{
    static const TSS2_RC codes[] = {TPM2_RC_INTEGRITY, TPM2_RC_VALUE, TPM2_RC_SIZE, TPM2_RC_INSUFFICIENT, TPM2_RC_ECC_POINT};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (devid_tss_says(r, codes[i]))
            return true;
    return devid_tss_says(r, TPM2_RC_FAILURE) && is_well(esys, ek);
}

/*
 * A number that is not below the modulus, or a point that is not on the curve, is refused here: a TPM's own word for it may be that
 * it is broken, until the machine starts anew.
 */
static devid_rc check_secret(const TPM2B_PUBLIC *ek, const TPM2B_ENCRYPTED_SECRET *secret, struct devid_error *err)
{
    struct devid_public pub = {0}, point = {0};
    unsigned char bytes[1 + 2 * MAX_COORDINATE] = {0x04};
    devid_rc rc = devid_chip_public(ek, &pub, err);
    TPMS_ECC_POINT parsed;
    size_t at = 0, len;

    if (rc == DEVID_OK && pub.alg == DEVID_RSA) {
        if (secret->size != pub.modulus.len || memcmp(secret->secret, pub.modulus.data, secret->size) >= 0)
            rc = devid_fail(err, DEVID_E_DATA, "the credential's secret is no number below the EK's modulus");
    } else if (rc == DEVID_OK) {
        len = pub.point.len / 2;
        if (Tss2_MU_TPMS_ECC_POINT_Unmarshal(secret->secret, secret->size, &at, &parsed) != TSS2_RC_SUCCESS ||
            at != secret->size || parsed.x.size > len || parsed.y.size > len) {
            rc = DEVID_E_DATA;
        } else {
            memcpy(bytes + 1 + len - parsed.x.size, parsed.x.buffer, parsed.x.size);
            memcpy(bytes + 1 + 2 * len - parsed.y.size, parsed.y.buffer, parsed.y.size);
            rc = devid_public_from_point(pub.bits, (struct devid_slice){bytes, pub.point.len}, &point, err);
        }
        if (rc != DEVID_OK)
            rc = devid_fail(err, DEVID_E_DATA, "the credential's secret is no point of the EK's curve");
    }
    devid_public_free(&pub);
    devid_public_free(&point);
    return rc;
}

static devid_rc send_activate(ESYS_CONTEXT *esys, const struct party *key, const struct party *ek,
                              const struct operation *op, struct devid_error *err)
{
    TPM2B_DIGEST *info = NULL;
    devid_rc rc;
    TSS2_RC r;

    r = Esys_ActivateCredential(esys, key->tr, ek->tr, key->session, ek->session, ESYS_TR_NONE, &op->blob, &op->secret, &info);
    if (r == TSS2_RC_SUCCESS) {
        rc = devid_secret_copy((struct devid_slice){info->buffer, info->size}, op->credential, err);
    } else if (says_not_for_us(esys, ek->tr, r)) {
        rc = devid_fail(err, DEVID_E_DATA,
                        "the credential is for another TPM's EK or for another key than %s, or was changed on its way",
                        op->first->label);
        rc = devid_error_about(err, rc, r, op->second->handle);
    } else {
        rc = devid_fail_tss(err, r, op->second->handle, "activate a credential for %s", op->first->label);
    }
    if (info != NULL)
        OPENSSL_cleanse(info, sizeof *info);
    Esys_Free(info);
    return rc;
}

static devid_rc check_enabled(const struct devid_identity *identity, struct devid_error *err)
{
    return identity == NULL || devid_identity_key_enabled(identity)
               ? DEVID_OK
               : devid_fail(err, DEVID_E_DENIED, "%s is disabled: \"devid enable %s\" switches it on", identity->label,
                            identity->label);
}

static devid_rc attempt(struct devid_store *store, ESYS_CONTEXT *esys, const struct operation *op, struct devid_error *err)
{
    struct party first = PARTY, second = PARTY;
    devid_rc rc = party_open(store, esys, op->first, &first, err);

    if (rc == DEVID_OK)
        rc = op->second != NULL ? party_open(store, esys, op->second, &second, err)
                                : party_make_iak(store, esys, &second, err);
    if (rc == DEVID_OK && op->command == TPM2_CC_ActivateCredential)
        rc = check_secret(second.area, &op->secret, err);
    if (rc == DEVID_OK)
        rc = devid_policy_session(devid_store_tpm(store), esys, first.area, op->command, true, &first.session, err);
    second.session = ESYS_TR_PASSWORD; /* an attestation key's USER role needs no more */
    if (rc == DEVID_OK && op->command == TPM2_CC_ActivateCredential)
        rc = devid_policy_session(devid_store_tpm(store), esys, second.area, op->command, false, &second.session, err);
    if (rc == DEVID_OK)
        rc = op->command == TPM2_CC_Certify ? send_certify(esys, &first, &second, op, err)
                                            : send_activate(esys, &first, &second, op, err);
    party_close(store, esys, &first);
    party_close(store, esys, &second);
    return rc;
}

static devid_rc carry_out(struct devid_store *store, const struct operation *op, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct devid_error why = {0};
    ESYS_CONTEXT *esys;
    devid_rc rc = check_enabled(op->first, err);

    if (rc == DEVID_OK)
        rc = check_enabled(op->second, err);
    if (rc == DEVID_OK)
        rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
    if (rc != DEVID_OK)
        return rc;
    rc = attempt(store, esys, op, &why);
    if (rc != DEVID_OK && devid_chip_made_room(tpm, why.tss))
        rc = attempt(store, esys, op, &why);
    devid_chip_leave(tpm, rc);
    if (rc != DEVID_OK && err != NULL)
        *err = why;
    return rc;
}

devid_rc devid_attest_certify(struct devid_store *store, const struct devid_identity *key,
                              const struct devid_identity *iak, struct devid_slice nonce, struct devid_attested *out,
                              struct devid_error *err)
{
    struct operation op = {.first = key, .second = iak, .command = TPM2_CC_Certify, .attested = out};
    devid_rc rc;

    if (nonce.len > sizeof op.nonce.buffer || nonce.len > 64)
        return devid_fail(err, DEVID_E_ARG, "a nonce of at most 64 bytes is expected, not of %zu", nonce.len);
    op.nonce.size = (UINT16)nonce.len;
    if (nonce.len != 0)
        memcpy(op.nonce.buffer, nonce.data, nonce.len);
    rc = carry_out(store, &op, err);
    if (rc != DEVID_OK)
        devid_attested_free(out);
    return rc;
}

devid_rc devid_attest_activate(struct devid_store *store, const struct devid_identity *key,
                               const struct devid_identity *ek, struct devid_slice blob, struct devid_slice secret,
                               struct devid_secret *credential, struct devid_error *err)
{
    struct operation op = {.first = key, .second = ek, .command = TPM2_CC_ActivateCredential, .credential = credential};

    if (blob.len == 0 || blob.len > sizeof op.blob.credential || secret.len == 0 || secret.len > sizeof op.secret.secret)
        return devid_fail(err, DEVID_E_DATA, "a credential of %zu and %zu bytes is none that a TPM takes", blob.len,
                          secret.len);
    op.blob.size = (UINT16)blob.len;
    memcpy(op.blob.credential, blob.data, blob.len);
    op.secret.size = (UINT16)secret.len;
    memcpy(op.secret.secret, secret.data, secret.len);
    return carry_out(store, &op, err);
}
