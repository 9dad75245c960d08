/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key templates as data. A primary is the same key only if every bit of its template is the same, so
 * nothing here may change once devices exist.
 */
#include "core/template.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/alg.h"
#include "core/policy.h"

#define DEVICE_KEY                                                                                          \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                     \
     TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_SIGN_ENCRYPT)
/* NODA: power cuts and killed processes never bring a device into dictionary attack lockout. */
#define OWNER_KEY                                                                                           \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                     \
     TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)

static const struct device_template {
    enum devid_role role;
    enum devid_alg alg;
    unsigned bits;
    TPM2_ALG_ID name_alg, scheme, hash;
    TPMA_OBJECT attributes;
    enum devid_policy policy; /* for name_alg */
    const char *unique;       /* its bytes, not padded */
} device_templates[] = {
    {DEVID_ROLE_IDEVID, DEVID_RSA, 2048, TPM2_ALG_SHA256, TPM2_ALG_NULL, 0, DEVICE_KEY, DEVID_POLICY_IDEVID, "IDEVID"},
    {DEVID_ROLE_IDEVID, DEVID_EC, 256, TPM2_ALG_SHA256, TPM2_ALG_ECDSA, TPM2_ALG_SHA256, DEVICE_KEY,
     DEVID_POLICY_IDEVID, "IDEVID"},
    {DEVID_ROLE_IDEVID, DEVID_EC, 384, TPM2_ALG_SHA384, TPM2_ALG_ECDSA, TPM2_ALG_SHA384, DEVICE_KEY,
     DEVID_POLICY_IDEVID, "IDEVID"},
    {DEVID_ROLE_IDEVID, DEVID_EC, 521, TPM2_ALG_SHA512, TPM2_ALG_ECDSA, TPM2_ALG_SHA512, DEVICE_KEY,
     DEVID_POLICY_IDEVID, "IDEVID"},
    {DEVID_ROLE_IAK, DEVID_RSA, 2048, TPM2_ALG_SHA256, TPM2_ALG_RSAPSS, TPM2_ALG_SHA256,
     DEVICE_KEY | TPMA_OBJECT_RESTRICTED, DEVID_POLICY_IAK, "IAK"},
    {DEVID_ROLE_IAK, DEVID_EC, 256, TPM2_ALG_SHA256, TPM2_ALG_ECDSA, TPM2_ALG_SHA256,
     DEVICE_KEY | TPMA_OBJECT_RESTRICTED, DEVID_POLICY_IAK, "IAK"},
    {DEVID_ROLE_IAK, DEVID_EC, 384, TPM2_ALG_SHA384, TPM2_ALG_ECDSA, TPM2_ALG_SHA384,
     DEVICE_KEY | TPMA_OBJECT_RESTRICTED, DEVID_POLICY_IAK, "IAK"},
    {DEVID_ROLE_IAK, DEVID_EC, 521, TPM2_ALG_SHA512, TPM2_ALG_ECDSA, TPM2_ALG_SHA512,
     DEVICE_KEY | TPMA_OBJECT_RESTRICTED, DEVID_POLICY_IAK, "IAK"},
};

static TPMI_ECC_CURVE curve_of(unsigned bits)
{
    switch (bits) {
    case 384: return TPM2_ECC_NIST_P384;
    case 521: return TPM2_ECC_NIST_P521;
    default:  return TPM2_ECC_NIST_P256;
    }
}

/* The parts that differ by type. The hash of a NULL scheme is not marshalled. */
void devid_template_set_type(TPMT_PUBLIC *area, enum devid_alg alg, unsigned bits, TPM2_ALG_ID scheme, TPM2_ALG_ID hash)
{
    if (alg == DEVID_RSA) {
        TPMS_RSA_PARMS *rsa = &area->parameters.rsaDetail;

        area->type = TPM2_ALG_RSA;
        rsa->symmetric.algorithm = TPM2_ALG_NULL;
        rsa->scheme.scheme = scheme;
        if (scheme != TPM2_ALG_NULL)
            rsa->scheme.details.anySig.hashAlg = hash;
        rsa->keyBits = (TPMI_RSA_KEY_BITS)bits;
        rsa->exponent = 0; /* 65537 */
    } else {
        TPMS_ECC_PARMS *ecc = &area->parameters.eccDetail;

        area->type = TPM2_ALG_ECC;
        ecc->symmetric.algorithm = TPM2_ALG_NULL;
        ecc->scheme.scheme = scheme;
        if (scheme == TPM2_ALG_ECDSA)
            ecc->scheme.details.ecdsa.hashAlg = hash;
        ecc->curveID = curve_of(bits);
        ecc->kdf.scheme = TPM2_ALG_NULL;
    }
}

static void set_unique(TPMT_PUBLIC *area, const char *text)
{
    uint16_t len = (uint16_t)strlen(text);

    if (area->type == TPM2_ALG_RSA) {
        area->unique.rsa.size = len;
        memcpy(area->unique.rsa.buffer, text, len);
    } else {
        area->unique.ecc.x.size = len; /* y stays empty, as in the keys that swtpm_setup makes */
        memcpy(area->unique.ecc.x.buffer, text, len);
    }
}

devid_rc devid_template_devid(enum devid_role role, enum devid_alg alg, unsigned bits, TPM2B_PUBLIC *out,
                              struct devid_error *err)
{
    for (size_t i = 0; i < sizeof device_templates / sizeof device_templates[0]; i++) {
        const struct device_template *t = &device_templates[i];

        if (t->role != role || t->alg != alg || t->bits != bits)
            continue;
        memset(out, 0, sizeof *out);
        out->publicArea.nameAlg = t->name_alg;
        out->publicArea.objectAttributes = t->attributes;
        devid_template_set_type(&out->publicArea, alg, bits, t->scheme, t->hash);
        set_unique(&out->publicArea, t->unique);
        return devid_policy_digest(t->policy, t->name_alg, &out->publicArea.authPolicy, err);
    }
    return devid_fail(err, DEVID_E_KEY,
                      "there is no TCG template for an %s key of type %s%u: use key = ec-p256, ec-p384, ec-p521 or rsa-2048",
                      devid_role_name(role), alg == DEVID_RSA ? "rsa-" : "ec-p", bits);
}

void devid_template_parent(enum devid_alg alg, TPM2B_PUBLIC *out)
{
    static const TPMT_SYM_DEF_OBJECT cipher = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
    TPMT_PUBLIC *area = &out->publicArea;

    memset(out, 0, sizeof *out);
    area->nameAlg = TPM2_ALG_SHA256;
    area->objectAttributes = OWNER_KEY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
    devid_template_set_type(area, alg, alg == DEVID_EC ? 256 : 2048, TPM2_ALG_NULL, 0);
    if (alg == DEVID_EC)
        area->parameters.eccDetail.symmetric = cipher;
    else
        area->parameters.rsaDetail.symmetric = cipher;
}

void devid_template_srk(TPM2B_PUBLIC *out)
{
    TPMT_PUBLIC *area = &out->publicArea;

    devid_template_parent(DEVID_EC, out);
    /* The TCG's SRK is its P-256 EK template with other attributes, so unique is 32 zero bytes twice and
     * not empty: firmware or an installer that makes the TCG's SRK makes this very key. */
    area->unique.ecc.x.size = 32;
    area->unique.ecc.y.size = 32;
}

void devid_template_pin(TPM2B_PUBLIC *out)
{
    devid_template_parent(DEVID_EC, out);
    out->publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_NODA;
}

/* Those that the TPM may have; which it has, it says when a key is made. */
static bool is_offered(enum devid_alg alg, unsigned bits)
{
    if (alg == DEVID_RSA)
        return bits == 2048 || bits == 3072 || bits == 4096;
    return bits == 256 || bits == 384 || bits == 521;
}

devid_rc devid_template_owner(const struct devid_wanted *wanted, TPM2B_PUBLIC *out, struct devid_error *err)
{
    TPM2_ALG_ID scheme = TPM2_ALG_NULL, hash = TPM2_ALG_SHA256;

    if (!is_offered(wanted->alg, wanted->bits))
        return devid_fail(err, DEVID_E_KEY,
                          "keys of type %s%u are not offered: use ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072 or rsa-4096",
                          wanted->alg == DEVID_RSA ? "rsa-" : "ec-p", wanted->bits);
    if (!wanted->signs && !wanted->decrypts)
        return devid_fail(err, DEVID_E_ARG, "a key that neither signs nor decrypts is of no use");
    if (wanted->has_scheme && wanted->decrypts)
        return devid_fail(err, DEVID_E_ARG, "a key of one signature scheme cannot decrypt");
    if (wanted->pss_hash != DEVID_HASH_NONE && (wanted->alg != DEVID_RSA || wanted->decrypts || !devid_hash_is_tpm(wanted->pss_hash)))
        return devid_fail(err, DEVID_E_ARG, "RSA keys that only sign may be made for PSS, with SHA-1, SHA-256, SHA-384 or SHA-512");
    memset(out, 0, sizeof *out);
    out->publicArea.nameAlg = TPM2_ALG_SHA256;
    out->publicArea.objectAttributes = OWNER_KEY;
    if (wanted->auth.len != 0)
        out->publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_NODA;
    if (wanted->signs)
        out->publicArea.objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT;
    if (wanted->decrypts)
        out->publicArea.objectAttributes |= TPMA_OBJECT_DECRYPT;
    if (wanted->has_scheme)
        scheme = wanted->alg == DEVID_RSA ? TPM2_ALG_RSASSA : TPM2_ALG_ECDSA;
    if (wanted->pss_hash != DEVID_HASH_NONE) {
        scheme = TPM2_ALG_RSAPSS;
        hash = devid_alg_of_hash(wanted->pss_hash);
    }
    devid_template_set_type(&out->publicArea, wanted->alg, wanted->bits, scheme, hash);
    return DEVID_OK;
}

devid_rc devid_template_marshal(const TPM2B_PUBLIC *template, struct devid_bytes *out, struct devid_error *err)
{
    unsigned char buffer[sizeof *template];
    size_t len = 0;
    TSS2_RC r = Tss2_MU_TPMT_PUBLIC_Marshal(&template->publicArea, buffer, sizeof buffer, &len);

    return r == TSS2_RC_SUCCESS ? devid_bytes_copy((struct devid_slice){buffer, len}, out, err)
                                : devid_fail_tss(err, r, 0, "encode a template");
}
