/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificates of evidence, and the EK. TCG "EK Credential Profile" 2.5, section 3.2. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/judge.h"
#include "core/libctx.h"
#include "core/ref.h"
#include "core/template.h"

#define OID_EK_CERTIFICATE "2.23.133.8.1" /* tcg-kp-EKCertificate */

void devid_judge_find(struct judge *j, bool was_checked, const char *fmt, ...)
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

/* A certificate for that key, by one of those roots. \param spki  of the key; empty: the certificate alone tells it */
static devid_rc check_certificate(struct judge *j, const struct devid_evidence_chain *chain, struct devid_slice spki,
                                  struct devid_slice roots, const char *whose, const char *option, struct devid_error *err)
{
    struct devid_cert leaf;
    devid_rc rc = devid_cert_parse(devid_slice_of(chain->der[0]), &leaf, err);

    if (rc == DEVID_OK && spki.len != 0 && !devid_cert_is_for(&leaf, spki))
        return devid_fail(err, DEVID_E_DENIED, "%s certificate is for another key", whose);
    if (rc == DEVID_OK && roots.len != 0)
        rc = verify_chain(chain, roots, whose, err);
    if (rc == DEVID_OK && spki.len != 0)
        devid_judge_find(j, true, roots.len != 0 ? "%s certificate is for this key, and by one of the CAs given"
                                                 : "%s certificate is for this key", whose);
    else if (rc == DEVID_OK && roots.len != 0)
        devid_judge_find(j, true, "%s certificate is by one of the CAs given", whose);
    if (rc == DEVID_OK && roots.len == 0)
        devid_judge_find(j, false, "who issued %s certificate: give the CAs that you trust (%s)", whose, option);
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

    if (j->e->ek.n == 0) {
        devid_judge_find(j, false, "which TPM it is: there is no EK with a certificate in it");
        return DEVID_OK;
    }
    rc = j->e->ek_area.len != 0 ? check_ek_area(j, &ek, err) : DEVID_OK;
    if (rc == DEVID_OK)
        rc = check_certificate(j, &j->e->ek, devid_slice_of(ek.spki), j->wish->ek_roots, "the EK's", "--ek-roots", err);
    if (rc == DEVID_OK)
        rc = check_ek_use(&j->e->ek, err);
    if (rc == DEVID_OK && j->e->ek_area.len == 0)
        devid_judge_find(j, false, "that the EK is by the TCG's template: a challenge to the certificate's key and that template will tell");
    devid_public_free(&ek);
    return rc;
}

devid_rc devid_judge_certificates(struct judge *j, struct devid_error *err)
{
    devid_rc rc = check_ek(j, err);

    if (rc == DEVID_OK && j->e->iak.n != 0)
        rc = check_certificate(j, &j->e->iak, devid_slice_of(j->iak.spki), j->wish->roots, "the attestation key's", "--roots", err);
    if (rc == DEVID_OK && (j->e->iak.n == 0 || j->wish->roots.len == 0))
        devid_judge_find(j, false, "that attestation key and EK are in one TPM: that takes an IAK certificate, or a challenge to both "
                       "(TPM2_ActivateCredential)");
    if (rc == DEVID_OK && j->e->key.n != 0)
        rc = check_certificate(j, &j->e->key, devid_slice_of(j->key.spki), j->wish->roots, "the key's", "--roots", err);
    else if (rc == DEVID_OK)
        devid_judge_find(j, false, "whose key it is: it has no certificate");
    if (rc == DEVID_OK && j->e->ek.n + j->e->iak.n + j->e->key.n != 0)
        devid_judge_find(j, false, "whether a certificate was revoked");
    return rc;
}
