/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evidence judged, without a TPM. TPM 2.0 Library, Part 2, section 10.12 (TPMS_ATTEST); Part 1, "Names"; certificates are
 * in evidence_cert.c.
 */
#include "core/judge.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/alg.h"
#include "core/object.h"

/* ---- the keys ---- */

devid_rc devid_judge_iak(struct judge *j, struct devid_error *err)
{
    devid_rc rc = devid_public_from_area(devid_slice_of(j->e->iak_area), &j->iak, err);

    if (rc != DEVID_OK)
        return devid_error_in(err, rc, "the attestation key's public area");
    if (!j->iak.is_restricted || !j->iak.can_sign || j->iak.can_decrypt)
        return devid_fail(err, DEVID_E_DENIED, "the attestation key is no restricted signing key: it could sign an attestation that "
                                               "no TPM made");
    if (!j->iak.is_fixed)
        return devid_fail(err, DEVID_E_DENIED, "the attestation key is not fixed in its TPM, or was not made there");
    return DEVID_OK;
}

static devid_rc read_key(struct judge *j, struct devid_error *err)
{
    devid_rc rc = devid_public_from_area(devid_slice_of(j->e->key_area), &j->key, err);

    if (rc != DEVID_OK)
        return devid_error_in(err, rc, "the key's public area");
    if (!j->key.is_fixed)
        return devid_fail(err, DEVID_E_DENIED, "the key is not fixed in its TPM, or was not made there");
    return DEVID_OK;
}

/* r || s, or the modulus's size. */
static bool signature_of(const struct devid_public *key, const TPMT_SIGNATURE *sig, struct devid_scheme *scheme, unsigned char *out,
                         size_t *len)
{
    size_t size = (key->bits + 7U) / 8U;

    *len = devid_public_sig_len(key);
    memset(out, 0, *len);
    scheme->hash = devid_hash_of_alg(sig->signature.any.hashAlg);
    if (sig->sigAlg == TPM2_ALG_ECDSA && key->alg == DEVID_EC) {
        const TPM2B_ECC_PARAMETER *r = &sig->signature.ecdsa.signatureR, *s = &sig->signature.ecdsa.signatureS;

        scheme->padding = DEVID_ECDSA;
        if (r->size > size || s->size > size)
            return false;
        memcpy(out + size - r->size, r->buffer, r->size);
        memcpy(out + 2 * size - s->size, s->buffer, s->size);
        return true;
    }
    if ((sig->sigAlg != TPM2_ALG_RSASSA && sig->sigAlg != TPM2_ALG_RSAPSS) || key->alg != DEVID_RSA)
        return false;
    scheme->padding = sig->sigAlg == TPM2_ALG_RSASSA ? DEVID_PKCS1 : DEVID_PSS;
    scheme->salt_len = devid_hash_len(scheme->hash);
    if (sig->signature.rsassa.sig.size > *len) /* RSAPSS has the same layout */
        return false;
    memcpy(out + *len - sig->signature.rsassa.sig.size, sig->signature.rsassa.sig.buffer, sig->signature.rsassa.sig.size);
    return true;
}

bool devid_judge_tpm_signature(const struct devid_public *key, struct devid_slice tpmt, struct devid_scheme *scheme,
                               unsigned char sig[JUDGE_SIG_MAX], size_t *len)
{
    TPMT_SIGNATURE parsed = {0};
    size_t at = 0;

    return devid_public_sig_len(key) <= JUDGE_SIG_MAX &&
           Tss2_MU_TPMT_SIGNATURE_Unmarshal(tpmt.data, tpmt.len, &at, &parsed) == TSS2_RC_SUCCESS && at == tpmt.len &&
           signature_of(key, &parsed, scheme, sig, len);
}

devid_rc devid_judge_signed(const struct devid_public *key, struct devid_slice data, struct devid_scheme scheme, struct devid_slice sig,
                            const char *whose, struct devid_error *err)
{
    struct devid_slice spki = devid_slice_of(key->spki), digest;
    unsigned char hash[DEVID_HASH_MAX];
    devid_rc rc;

    if (key->has_scheme && (scheme.padding != key->padding || scheme.hash != key->hash))
        return devid_fail(err, DEVID_E_DENIED, "its signature is by another scheme than %s's", whose);
    rc = devid_hash_once(scheme.hash, data, hash, err);
    if (rc != DEVID_OK)
        return rc;
    digest = (struct devid_slice){hash, devid_hash_len(scheme.hash)};
    rc = devid_verify(spki, &scheme, digest, sig, NULL);
    if (rc != DEVID_OK && scheme.padding == DEVID_PSS) { /* older chips take the longest salt that fits */
        scheme.salt_len = key->modulus.len - digest.len - 2;
        rc = devid_verify(spki, &scheme, digest, sig, NULL);
    }
    return rc == DEVID_OK ? rc : devid_fail(err, DEVID_E_DENIED, "its signature is not %s's", whose);
}

static devid_rc check_signature(struct judge *j, struct devid_error *err)
{
    struct devid_scheme scheme = {0};
    unsigned char sig[JUDGE_SIG_MAX];
    size_t len;
    devid_rc rc;

    if (!devid_judge_tpm_signature(&j->iak, devid_slice_of(j->e->signature), &scheme, sig, &len) || scheme.hash < DEVID_SHA256)
        return devid_fail(err, DEVID_E_DATA, "its signature is malformed, not of the attestation key's type, or by a weak hash");
    rc = devid_judge_signed(&j->iak, devid_slice_of(j->e->attest), scheme, (struct devid_slice){sig, len}, "the attestation key", err);
    if (rc == DEVID_OK)
        devid_judge_find(j, true, "the attestation is signed by the attestation key, %s, which signs nothing else that looks like one",
                         devid_public_name(&j->iak));
    return rc;
}

/* Qualified name of a primary: H(hierarchy || Name). It ties all of the attestation key's public area to what was signed. Part 1, "Names". */
static devid_rc check_signer(const struct judge *j, struct devid_error *err)
{
    static const uint32_t hierarchies[] = {TPM2_RH_ENDORSEMENT, TPM2_RH_OWNER, TPM2_RH_PLATFORM};
    enum devid_hash hash = devid_object_name_hash(devid_slice_of(j->e->iak_area));
    const TPM2B_NAME *signer = &j->attest.qualifiedSigner;
    unsigned char text[4 + sizeof signer->name], digest[DEVID_HASH_MAX];
    TPM2B_NAME name;
    devid_rc rc = devid_object_name(devid_slice_of(j->e->iak_area), &name, err);

    for (size_t i = 0; rc == DEVID_OK && i < sizeof hierarchies / sizeof hierarchies[0]; i++) {
        for (unsigned k = 0; k < 4; k++)
            text[k] = (unsigned char)(hierarchies[i] >> (24 - 8 * k));
        memcpy(text + 4, name.name, name.size);
        rc = devid_hash_once(hash, (struct devid_slice){text, 4U + name.size}, digest, err);
        if (rc == DEVID_OK && signer->size == name.size && memcmp(signer->name, name.name, 2) == 0 &&
            memcmp(signer->name + 2, digest, name.size - 2U) == 0)
            return DEVID_OK;
    }
    return rc == DEVID_OK ? devid_fail(err, DEVID_E_DENIED, "the attestation key is no primary of its TPM, or another one than its "
                                                            "public area says")
                          : rc;
}

static devid_rc check_attest(struct judge *j, struct devid_error *err)
{
    const TPM2B_DATA *extra = &j->attest.extraData;
    TPM2B_NAME name;
    size_t at = 0;
    devid_rc rc;

    if (Tss2_MU_TPMS_ATTEST_Unmarshal(j->e->attest.data, j->e->attest.len, &at, &j->attest) != TSS2_RC_SUCCESS ||
        at != j->e->attest.len || j->attest.magic != TPM2_GENERATED_VALUE || j->attest.type != TPM2_ST_ATTEST_CERTIFY)
        return devid_fail(err, DEVID_E_DATA, "it holds no attestation of a key by a TPM (TPM2_Certify)");
    rc = check_signer(j, err);
    if (rc == DEVID_OK)
        rc = devid_object_name(devid_slice_of(j->e->key_area), &name, err);
    if (rc != DEVID_OK)
        return rc;
    if (name.size != j->attest.attested.certify.name.size ||
        memcmp(name.name, j->attest.attested.certify.name.name, name.size) != 0)
        return devid_fail(err, DEVID_E_DENIED, "the attestation is of another key");
    devid_judge_find(j, true, "it is of this key, %s, which was made in a TPM and cannot leave it", devid_public_name(&j->key));
    if (j->wish->nonce.len == 0) {
        devid_judge_find(j, false, "whether it is fresh: give the nonce that you asked for (--nonce)");
        return DEVID_OK;
    }
    if (!devid_slice_eq(j->wish->nonce, (struct devid_slice){extra->buffer, extra->size}))
        return devid_fail(err, DEVID_E_DENIED, "its nonce is another one: it was made for another question, or is an old answer");
    devid_judge_find(j, true, "it was made for this nonce");
    return DEVID_OK;
}

devid_rc devid_judge_key(struct judge *j, struct devid_error *err)
{
    devid_rc rc = read_key(j, err);

    if (rc == DEVID_OK)
        rc = check_signature(j, err);
    return rc == DEVID_OK ? check_attest(j, err) : rc;
}

void devid_judge_end(struct judge *j)
{
    devid_public_free(&j->key);
    devid_public_free(&j->iak);
}

devid_rc devid_evidence_verify(const struct devid_evidence *evidence, const struct devid_evidence_wish *wish,
                               struct devid_evidence_verdict *out, struct devid_error *err)
{
    struct judge j = {.e = evidence, .wish = wish, .verdict = out};
    devid_rc rc;

    *out = (struct devid_evidence_verdict){0};
    rc = devid_judge_iak(&j, err);
    if (rc == DEVID_OK)
        rc = devid_judge_key(&j, err);
    if (rc == DEVID_OK)
        rc = devid_judge_certificates(&j, err);
    devid_judge_end(&j);
    return rc;
}
