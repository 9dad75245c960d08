/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TCG's request judged, as its CA does before it challenges. TCG "TPM 2.0 Keys for Device Identity and Attestation" 1.00,
 * sections 6.2.2 and 13.1.
 */
#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/alg.h"
#include "core/judge.h"
#include "core/policy.h"
#include "core/tcg_csr.h"

/* ---- evidence of it ---- */

/* TPMT_PUBLIC becomes a TPM2B_PUBLIC, which others write in its place. */
static devid_rc area_of(struct devid_slice part, struct devid_bytes *out, struct devid_error *err)
{
    const unsigned char size[2] = {(unsigned char)(part.len >> 8), (unsigned char)part.len};
    bool is_sized = part.len > 2 && (size_t)(part.data[0] << 8 | part.data[1]) == part.len - 2;
    devid_rc rc = DEVID_OK;

    if (part.len > UINT16_MAX)
        return devid_fail(err, DEVID_E_DATA, "a public area of %zu bytes", part.len);
    if (!is_sized)
        rc = devid_bytes_append(out, (struct devid_slice){size, sizeof size}, err);
    return rc == DEVID_OK ? devid_bytes_append(out, part, err) : rc;
}

/* TPMS_ATTEST begins with its magic; a TPM2B_ATTEST with its size. */
static struct devid_slice attest_of(struct devid_slice part)
{
    if (part.len > 2 && part.data[0] != 0xff && (size_t)(part.data[0] << 8 | part.data[1]) == part.len - 2)
        return (struct devid_slice){part.data + 2, part.len - 2};
    return part;
}

static devid_rc evidence_of(const struct devid_tcg_csr *csr, struct devid_evidence *e, struct devid_error *err)
{
    struct devid_slice certs = csr->parts[DEVID_TCG_EK_CERT];
    size_t len;
    devid_rc rc = area_of(csr->parts[DEVID_TCG_ATTEST_PUB], &e->iak_area, err);

    if (rc == DEVID_OK && csr->parts[DEVID_TCG_SIGNING_PUB].len != 0)
        rc = area_of(csr->parts[DEVID_TCG_SIGNING_PUB], &e->key_area, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(attest_of(csr->parts[DEVID_TCG_SIGNING_INFO]), &e->attest, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(csr->parts[DEVID_TCG_SIGNING_SIG], &e->signature, err);
    while (rc == DEVID_OK && certs.len != 0) {
        len = devid_der_len(certs);
        if (len == 0)
            return devid_fail(err, DEVID_E_DATA, "its EK certificate is malformed");
        rc = devid_evidence_add(&e->ek, (struct devid_slice){certs.data, len}, err);
        certs = (struct devid_slice){certs.data + len, certs.len - len};
    }
    return rc;
}

/* ---- judging ---- */

static devid_rc check_hash(struct judge *j, const struct devid_tcg_csr *csr, struct devid_error *err)
{
    unsigned char digest[DEVID_HASH_MAX];
    devid_rc rc;

    if (csr->digest.len == 0)
        return DEVID_OK; /* some leave it out: the signature is over all of it */
    rc = devid_hash_once(csr->hash, csr->hashed, digest, err);
    if (rc == DEVID_OK && !devid_slice_eq(csr->digest, (struct devid_slice){digest, devid_hash_len(csr->hash)}))
        return devid_fail(err, DEVID_E_DENIED, "its hash is not that of its contents");
    if (rc == DEVID_OK)
        devid_judge_find(j, true, "its hash is that of its contents");
    return rc;
}

static devid_rc check_request(struct judge *j, const struct devid_tcg_csr *csr, const struct devid_public *key, const char *whose,
                              struct devid_error *err)
{
    struct devid_scheme scheme = {0};
    unsigned char sig[JUDGE_SIG_MAX];
    size_t len = sizeof sig;
    devid_rc rc = devid_tcg_csr_signature(csr, key, &scheme, sig, &len, err);

    if (rc == DEVID_OK)
        rc = devid_judge_signed(key, csr->contents, scheme, (struct devid_slice){sig, len}, whose, err);
    if (rc == DEVID_OK)
        devid_judge_find(j, true, "the request is signed by %s, %s", whose, devid_public_name(key));
    return rc;
}

/* That a key is fixed follows from its attributes; that it is used as the TCG says, from its policy. */
static void check_policy(struct judge *j, const struct devid_public *key, enum devid_policy policy, const char *whose)
{
    TPM2B_DIGEST digest;
    TPM2B_PUBLIC area = {0};
    size_t at = 0;
    bool good = Tss2_MU_TPM2B_PUBLIC_Unmarshal(key->area.data, key->area.len, &at, &area) == TSS2_RC_SUCCESS &&
                devid_policy_digest(policy, area.publicArea.nameAlg, &digest, NULL) == DEVID_OK &&
                area.publicArea.authPolicy.size == digest.size && memcmp(area.publicArea.authPolicy.buffer, digest.buffer, digest.size) == 0;

    devid_judge_find(j, good, good ? "%s has the TCG's policy" : "who may use %s: its policy is not the TCG's", whose);
}

static devid_rc check_key(struct judge *j, const struct devid_tcg_csr *csr, struct devid_error *err)
{
    devid_rc rc = devid_judge_key(j, err);

    if (rc == DEVID_OK && (!j->key.can_sign || j->key.is_restricted))
        return devid_fail(err, DEVID_E_DENIED, "its key is no identity's: one that signs, and is not restricted, is expected");
    if (rc == DEVID_OK)
        rc = check_request(j, csr, &j->key, "its key", err);
    if (rc == DEVID_OK)
        check_policy(j, &j->key, DEVID_POLICY_IDEVID, "the key");
    if (rc == DEVID_OK && j->key.can_decrypt)
        devid_judge_find(j, false, "what else its key is used for: it decrypts, too, as no IDevID of the TCG's does");
    return rc;
}

static bool is_printable(struct devid_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    return text.len <= 48;
}

/* What the device says of itself. */
static void tell_rest(struct judge *j, const struct devid_tcg_csr *csr)
{
    static const struct {
        enum devid_tcg_part part;
        const char *text;
    } rest[] = {
        {DEVID_TCG_CA_DATA, "its data for the CA (prodCaData)"},
        {DEVID_TCG_BOOT_LOG, "its boot event log"},
        {DEVID_TCG_CREATE_TICKET, "the attestation key's creation ticket: only its TPM can"},
        {DEVID_TCG_ATTEST_INFO, "what certifies the attestation key"},
    };
    struct devid_slice model = csr->parts[DEVID_TCG_MODEL], serial = csr->parts[DEVID_TCG_SERIAL];

    if (is_printable(model) && is_printable(serial))
        devid_judge_find(j, false, "that it is a device of model \"%.*s\", serial number \"%.*s\": it says so", (int)model.len,
                         model.len != 0 ? (const char *)model.data : "", (int)serial.len,
                         serial.len != 0 ? (const char *)serial.data : "");
    else
        devid_judge_find(j, false, "its model and serial number, which are no text of at most 48 letters");
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        if (csr->parts[rest[i].part].len != 0)
            devid_judge_find(j, false, "%s", rest[i].text);
}

devid_rc devid_tcg_csr_verify(const struct devid_tcg_csr *csr, const struct devid_evidence_wish *wish,
                              struct devid_evidence_verdict *out, struct devid_error *err)
{
    struct devid_evidence e = {0};
    struct judge j = {.e = &e, .wish = wish, .verdict = out};
    devid_rc rc;

    *out = (struct devid_evidence_verdict){0};
    rc = evidence_of(csr, &e, err);
    if (rc == DEVID_OK)
        rc = check_hash(&j, csr, err);
    if (rc == DEVID_OK)
        rc = devid_judge_iak(&j, err);
    if (rc == DEVID_OK)
        check_policy(&j, &j.iak, DEVID_POLICY_IAK, "the attestation key");
    if (rc == DEVID_OK)
        rc = e.key_area.len != 0 ? check_key(&j, csr, err) : check_request(&j, csr, &j.iak, "the attestation key", err);
    if (rc == DEVID_OK && e.key_area.len == 0)
        devid_judge_find(&j, false, "whether it is fresh: the request of an attestation key alone has no nonce");
    if (rc == DEVID_OK)
        rc = devid_judge_certificates(&j, err);
    if (rc == DEVID_OK)
        tell_rest(&j, csr);
    devid_judge_end(&j);
    devid_evidence_free(&e);
    return rc;
}
