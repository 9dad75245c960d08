/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evidence judged, without a TPM. TPM 2.0 Library, Part 2, section 10.12 (TPMS_ATTEST); Part 1, "Names"; TCG "EK Credential Profile" 2.5,
 * section 3.2.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/alg.h"
#include "core/evidence.h"
#include "core/libctx.h"
#include "core/object.h"
#include "core/ref.h"
#include "core/template.h"

#define OID_EK_CERTIFICATE "2.23.133.8.1" /* tcg-kp-EKCertificate */
#define SIG_MAX 512

/* What is known so far. */
struct judge {
    const struct devid_evidence *e;
    const struct devid_evidence_wish *wish;
    struct devid_evidence_verdict *verdict;
    struct devid_public key, iak;
    TPMS_ATTEST attest;
};

static void DEVID_PRINTF(3, 4) find(struct judge *j, bool was_checked, const char *fmt, ...)
{
    struct devid_evidence_verdict *v = j->verdict;
    va_list args;

    if (v->n == sizeof v->findings / sizeof v->findings[0])
        return;
    va_start(args, fmt);
    v->findings[v->n].was_checked = was_checked;
    (void)vsnprintf(v->findings[v->n++].text, sizeof v->findings[0].text, fmt, args);
    va_end(args);
}

static devid_rc read_keys(struct judge *j, struct devid_error *err)
{
    devid_rc rc = devid_public_from_area(devid_slice_of(j->e->iak_area), &j->iak, err);

    if (rc != DEVID_OK)
        return devid_error_in(err, rc, "the attestation key's public area");
    rc = devid_public_from_area(devid_slice_of(j->e->key_area), &j->key, err);
    if (rc != DEVID_OK)
        return devid_error_in(err, rc, "the key's public area");
    if (!j->iak.is_restricted || !j->iak.can_sign || j->iak.can_decrypt)
        return devid_fail(err, DEVID_E_DENIED, "the attestation key is no restricted signing key: it could sign an attestation that "
                                               "no TPM made");
    if (!j->iak.is_fixed)
        return devid_fail(err, DEVID_E_DENIED, "the attestation key is not fixed in its TPM, or was not made there");
    if (!j->key.is_fixed)
        return devid_fail(err, DEVID_E_DENIED, "the key is not fixed in its TPM, or was not made there");
    return DEVID_OK;
}

/* r || s, or the modulus's size. */
static bool signature_of(const struct judge *j, const TPMT_SIGNATURE *sig, struct devid_scheme *scheme, unsigned char *out, size_t *len)
{
    size_t size = (j->iak.bits + 7U) / 8U;

    *len = devid_public_sig_len(&j->iak);
    memset(out, 0, *len);
    scheme->hash = devid_hash_of_alg(sig->signature.any.hashAlg);
    if (sig->sigAlg == TPM2_ALG_ECDSA && j->iak.alg == DEVID_EC) {
        const TPM2B_ECC_PARAMETER *r = &sig->signature.ecdsa.signatureR, *s = &sig->signature.ecdsa.signatureS;

        scheme->padding = DEVID_ECDSA;
        if (r->size > size || s->size > size)
            return false;
        memcpy(out + size - r->size, r->buffer, r->size);
        memcpy(out + 2 * size - s->size, s->buffer, s->size);
        return true;
    }
    if ((sig->sigAlg != TPM2_ALG_RSASSA && sig->sigAlg != TPM2_ALG_RSAPSS) || j->iak.alg != DEVID_RSA)
        return false;
    scheme->padding = sig->sigAlg == TPM2_ALG_RSASSA ? DEVID_PKCS1 : DEVID_PSS;
    scheme->salt_len = devid_hash_len(scheme->hash);
    if (sig->signature.rsassa.sig.size > *len) /* RSAPSS has the same layout */
        return false;
    memcpy(out + *len - sig->signature.rsassa.sig.size, sig->signature.rsassa.sig.buffer, sig->signature.rsassa.sig.size);
    return true;
}

static devid_rc check_signature(struct judge *j, struct devid_error *err)
{
    struct devid_slice spki = devid_slice_of(j->iak.spki), attest = devid_slice_of(j->e->attest), digest, raw;
    unsigned char hash[DEVID_HASH_MAX], sig[SIG_MAX];
    struct devid_scheme scheme = {0};
    TPMT_SIGNATURE parsed = {0};
    size_t at = 0, len;
    devid_rc rc;

    if (devid_public_sig_len(&j->iak) > SIG_MAX ||
        Tss2_MU_TPMT_SIGNATURE_Unmarshal(j->e->signature.data, j->e->signature.len, &at, &parsed) != TSS2_RC_SUCCESS ||
        at != j->e->signature.len || !signature_of(j, &parsed, &scheme, sig, &len) || scheme.hash < DEVID_SHA256)
        return devid_fail(err, DEVID_E_DATA, "its signature is malformed, not of the attestation key's type, or by a weak hash");
    if (j->iak.has_scheme && (scheme.padding != j->iak.padding || scheme.hash != j->iak.hash))
        return devid_fail(err, DEVID_E_DENIED, "its signature is by another scheme than the attestation key's");
    rc = devid_hash_once(scheme.hash, attest, hash, err);
    if (rc != DEVID_OK)
        return rc;
    digest = (struct devid_slice){hash, devid_hash_len(scheme.hash)};
    raw = (struct devid_slice){sig, len};
    rc = devid_verify(spki, &scheme, digest, raw, NULL);
    if (rc != DEVID_OK && scheme.padding == DEVID_PSS) { /* older chips take the longest salt that fits */
        scheme.salt_len = j->iak.modulus.len - digest.len - 2;
        rc = devid_verify(spki, &scheme, digest, raw, NULL);
    }
    if (rc != DEVID_OK)
        return devid_fail(err, DEVID_E_DENIED, "its signature is not the attestation key's");
    find(j, true, "the attestation is signed by the attestation key, %s, which signs nothing else that looks like one",
         devid_public_name(&j->iak));
    return DEVID_OK;
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
    find(j, true, "it is of this key, %s, which was made in a TPM and cannot leave it", devid_public_name(&j->key));
    if (j->wish->nonce.len == 0) {
        find(j, false, "whether it is fresh: give the nonce that you asked for (--nonce)");
        return DEVID_OK;
    }
    if (!devid_slice_eq(j->wish->nonce, (struct devid_slice){extra->buffer, extra->size}))
        return devid_fail(err, DEVID_E_DENIED, "its nonce is another one: it was made for another question, or is an old answer");
    find(j, true, "it was made for this nonce");
    return DEVID_OK;
}

/* ---- certificates ---- */

static X509 *parse(struct devid_slice der)
{
    const unsigned char *at = der.data;
    X509 *cert = X509_new_ex(devid_libctx(), NULL);

    if (cert == NULL || d2i_X509(&cert, &at, (long)der.len) == NULL || at != der.data + der.len) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static bool add_roots(X509_STORE *store, struct devid_slice pem)
{
    unsigned n = 0;
    bool good = true;

    for (devid_rc rc = DEVID_OK; good && rc == DEVID_OK; n++) {
        struct devid_bytes der = {0};
        X509 *cert = NULL;

        rc = devid_pem_find(pem, "CERTIFICATE", n, &der, NULL);
        if (rc == DEVID_OK) {
            cert = parse(devid_slice_of(der));
            good = cert != NULL && X509_STORE_add_cert(store, cert) == 1;
        }
        X509_free(cert);
        devid_bytes_free(&der);
        if (rc == DEVID_E_ABSENT)
            break;
        good = good && rc == DEVID_OK;
    }
    return good && n > 0;
}

/* The chain to one of the roots, at this time. A root may be an intermediate that is trusted for itself. */
static devid_rc verify_chain(const struct devid_evidence_chain *chain, struct devid_slice roots, const char *whose,
                             struct devid_error *err)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(devid_libctx(), NULL);
    STACK_OF(X509) *others = sk_X509_new_null();
    X509_STORE *store = X509_STORE_new();
    X509 *leaf = parse(devid_slice_of(chain->der[0]));
    bool good = ctx != NULL && others != NULL && store != NULL;
    devid_rc rc = DEVID_OK;

    for (size_t i = 1; good && i < chain->n; i++) {
        X509 *cert = parse(devid_slice_of(chain->der[i]));

        if (cert == NULL || sk_X509_push(others, cert) < 1) {
            X509_free(cert);
            good = false;
        }
    }
    if (leaf == NULL || !good)
        rc = devid_fail(err, DEVID_E_DATA, "%s certificate or one of its chain is malformed", whose);
    else if (!add_roots(store, roots))
        rc = devid_fail(err, DEVID_E_DATA, "the file of roots for %s certificate has a malformed certificate, or none", whose);
    else if (X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1 || X509_STORE_CTX_init(ctx, store, leaf, others) != 1)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    else if (X509_verify_cert(ctx) != 1)
        rc = devid_fail(err, DEVID_E_DENIED, "%s certificate does not verify: %s", whose,
                        X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_pop_free(others, X509_free);
    X509_free(leaf);
    ERR_clear_error();
    return rc;
}

/* A certificate for that key, by one of those roots. \param spki  of the key */
static devid_rc check_certificate(struct judge *j, const struct devid_evidence_chain *chain, struct devid_slice spki,
                                  struct devid_slice roots, const char *whose, const char *option, struct devid_error *err)
{
    struct devid_cert leaf;
    devid_rc rc = devid_cert_parse(devid_slice_of(chain->der[0]), &leaf, err);

    if (rc == DEVID_OK && !devid_cert_is_for(&leaf, spki))
        return devid_fail(err, DEVID_E_DENIED, "%s certificate is for another key", whose);
    if (rc == DEVID_OK && roots.len != 0)
        rc = verify_chain(chain, roots, whose, err);
    if (rc == DEVID_OK)
        find(j, true, roots.len != 0 ? "%s certificate is for this key, and by one of the CAs given" : "%s certificate is for this key",
             whose);
    if (rc == DEVID_OK && roots.len == 0)
        find(j, false, "who issued %s certificate: give the CAs that you trust (%s)", whose, option);
    return rc;
}

/* RFC 5280, 4.2.1.12: if it says what it is for, that must be an endorsement key. */
static devid_rc check_ek_use(const struct devid_evidence_chain *chain, struct devid_error *err)
{
    X509 *cert = parse(devid_slice_of(chain->der[0]));
    EXTENDED_KEY_USAGE *uses = cert == NULL ? NULL : X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
    bool found = uses == NULL;
    char oid[64];

    for (int i = 0; i < sk_ASN1_OBJECT_num(uses); i++)
        found |= OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(uses, i), 1) > 0 && strcmp(oid, OID_EK_CERTIFICATE) == 0;
    sk_ASN1_OBJECT_pop_free(uses, ASN1_OBJECT_free);
    X509_free(cert);
    ERR_clear_error();
    return found ? DEVID_OK : devid_fail(err, DEVID_E_DENIED, "the EK's certificate is for another purpose than an endorsement key");
}

/* No signature covers the EK's public area: all of it but the key must be the TCG's template. */
static devid_rc check_ek_area(struct judge *j, struct devid_public *ek, struct devid_error *err)
{
    struct devid_slice area = devid_slice_of(j->e->ek_area);
    TPM2B_PUBLIC seen = {0}, template;
    devid_rc rc = devid_public_from_area(area, ek, err);
    size_t at = 0;

    if (rc != DEVID_OK || Tss2_MU_TPM2B_PUBLIC_Unmarshal(area.data, area.len, &at, &seen) != TSS2_RC_SUCCESS)
        return devid_fail(err, DEVID_E_DATA, "the EK's public area is malformed");
    for (int is_high = 0; is_high < 2; is_high++) {
        struct devid_bytes a = {0}, b = {0};
        bool same;

        if (devid_template_ek(ek->alg, ek->bits, is_high != 0, &template, NULL) != DEVID_OK)
            continue;
        template.publicArea.unique = seen.publicArea.unique;
        same = devid_template_marshal(&template, &a, NULL) == DEVID_OK && devid_template_marshal(&seen, &b, NULL) == DEVID_OK &&
               devid_slice_eq(devid_slice_of(a), devid_slice_of(b));
        devid_bytes_free(&a);
        devid_bytes_free(&b);
        if (same)
            return DEVID_OK;
    }
    return devid_fail(err, DEVID_E_DENIED, "the EK's public area is not by the TCG's template");
}

static devid_rc check_ek(struct judge *j, struct devid_error *err)
{
    struct devid_public ek = {0};
    devid_rc rc;

    if (j->e->ek_area.len == 0 || j->e->ek.n == 0) {
        find(j, false, "which TPM it is: there is no EK with a certificate in it");
        return DEVID_OK;
    }
    rc = check_ek_area(j, &ek, err);
    if (rc == DEVID_OK)
        rc = check_certificate(j, &j->e->ek, devid_slice_of(ek.spki), j->wish->ek_roots, "the EK's", "--ek-roots", err);
    if (rc == DEVID_OK)
        rc = check_ek_use(&j->e->ek, err);
    devid_public_free(&ek);
    return rc;
}

static devid_rc check_certificates(struct judge *j, struct devid_error *err)
{
    devid_rc rc = check_ek(j, err);

    if (rc == DEVID_OK && j->e->iak.n != 0)
        rc = check_certificate(j, &j->e->iak, devid_slice_of(j->iak.spki), j->wish->roots, "the attestation key's", "--roots", err);
    if (rc == DEVID_OK && (j->e->iak.n == 0 || j->wish->roots.len == 0))
        find(j, false, "that attestation key and EK are in one TPM: that takes an IAK certificate, or a challenge to both "
                       "(TPM2_ActivateCredential)");
    if (rc == DEVID_OK && j->e->key.n != 0)
        rc = check_certificate(j, &j->e->key, devid_slice_of(j->key.spki), j->wish->roots, "the key's", "--roots", err);
    else if (rc == DEVID_OK)
        find(j, false, "whose key it is: it has no certificate");
    if (rc == DEVID_OK && j->e->ek.n + j->e->iak.n + j->e->key.n != 0)
        find(j, false, "whether a certificate was revoked");
    return rc;
}

devid_rc devid_evidence_verify(const struct devid_evidence *evidence, const struct devid_evidence_wish *wish,
                               struct devid_evidence_verdict *out, struct devid_error *err)
{
    struct judge j = {.e = evidence, .wish = wish, .verdict = out};
    devid_rc rc;

    *out = (struct devid_evidence_verdict){0};
    rc = read_keys(&j, err);
    if (rc == DEVID_OK)
        rc = check_signature(&j, err);
    if (rc == DEVID_OK)
        rc = check_attest(&j, err);
    if (rc == DEVID_OK)
        rc = check_certificates(&j, err);
    devid_public_free(&j.key);
    devid_public_free(&j.iak);
    return rc;
}
