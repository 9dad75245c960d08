/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key templates as data. A primary is the same key only if every bit of its template is the same, so
 * nothing here may change once devices exist.
 */
#include "core/template.h"

#include <string.h>

/*
 * authPolicy of a device identity: TPM2_PolicyOR of
 *   A  PolicySecret(endorsement)                     the owner of the endorsement hierarchy uses the key
 *   B  A, then PolicyCommandCode(Certify)            another key attests it
 *   C  A, then PolicyCommandCode(ActivateCredential) a CA's challenge
 *   D  PolicyAuthorizeNV(index)                      what the manufacturer wrote to 0x01C9001x
 * test_template computes them from this definition.
 */
static const unsigned char idevid_sha256[] = {
    0xad, 0x6b, 0x3a, 0x22, 0x84, 0xfd, 0x69, 0x8a, 0x07, 0x10, 0xbf, 0x5c, 0xc1, 0xb9, 0xbd, 0xf1,
    0x5e, 0x25, 0x32, 0xe3, 0xf6, 0x01, 0xfa, 0x4b, 0x93, 0xa6, 0xa8, 0xfa, 0x8d, 0xe5, 0x79, 0xea,
};
static const unsigned char iak_sha256[] = {
    0x54, 0x37, 0x18, 0x23, 0x26, 0xe4, 0x14, 0xfc, 0xa7, 0x97, 0xd5, 0xf1, 0x74, 0x61, 0x5a, 0x16,
    0x41, 0xf6, 0x12, 0x55, 0x79, 0x7c, 0x3a, 0x2b, 0x22, 0xc2, 0x1d, 0x12, 0x0b, 0x2d, 0x1e, 0x07,
};
static const unsigned char idevid_sha384[] = {
    0x4d, 0xb1, 0xaa, 0x83, 0x6d, 0x0b, 0x56, 0x15, 0xdf, 0x6e, 0xe5, 0x3a, 0x40, 0xef, 0x70, 0xc6,
    0x1c, 0x21, 0x7f, 0x43, 0x03, 0xd4, 0x46, 0x95, 0x92, 0x59, 0x72, 0xbc, 0x92, 0x70, 0x06, 0xcf,
    0xa5, 0xcb, 0xdf, 0x6d, 0xc1, 0x8c, 0x4d, 0xbe, 0x32, 0x9b, 0x2f, 0x15, 0x42, 0xc3, 0xdd, 0x33,
};
static const unsigned char iak_sha384[] = {
    0x12, 0x9d, 0x94, 0xeb, 0xf8, 0x45, 0x56, 0x65, 0x2c, 0x6e, 0xef, 0x43, 0xbb, 0xb7, 0x57, 0x51,
    0x2a, 0xc8, 0x7e, 0x52, 0xbe, 0x7b, 0x34, 0x9c, 0xa6, 0xce, 0x4d, 0x82, 0x6f, 0x74, 0x9f, 0xcf,
    0x67, 0x2f, 0x51, 0x71, 0x6c, 0x5c, 0xbb, 0x60, 0x5f, 0x31, 0x3b, 0xf3, 0x45, 0xaa, 0xb3, 0x12,
};

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
    const unsigned char *policy;
    uint16_t policy_len;
    const char *unique; /* its bytes, not padded */
} device_templates[] = {
    {DEVID_ROLE_IDEVID, DEVID_RSA, 2048, TPM2_ALG_SHA256, TPM2_ALG_NULL, 0, DEVICE_KEY,
     idevid_sha256, sizeof idevid_sha256, "IDEVID"},
    {DEVID_ROLE_IDEVID, DEVID_EC, 256, TPM2_ALG_SHA256, TPM2_ALG_ECDSA, TPM2_ALG_SHA256, DEVICE_KEY,
     idevid_sha256, sizeof idevid_sha256, "IDEVID"},
    {DEVID_ROLE_IDEVID, DEVID_EC, 384, TPM2_ALG_SHA384, TPM2_ALG_ECDSA, TPM2_ALG_SHA384, DEVICE_KEY,
     idevid_sha384, sizeof idevid_sha384, "IDEVID"},
    {DEVID_ROLE_IAK, DEVID_RSA, 2048, TPM2_ALG_SHA256, TPM2_ALG_RSAPSS, TPM2_ALG_SHA256,
     DEVICE_KEY | TPMA_OBJECT_RESTRICTED, iak_sha256, sizeof iak_sha256, "IAK"},
    {DEVID_ROLE_IAK, DEVID_EC, 256, TPM2_ALG_SHA256, TPM2_ALG_ECDSA, TPM2_ALG_SHA256,
     DEVICE_KEY | TPMA_OBJECT_RESTRICTED, iak_sha256, sizeof iak_sha256, "IAK"},
    {DEVID_ROLE_IAK, DEVID_EC, 384, TPM2_ALG_SHA384, TPM2_ALG_ECDSA, TPM2_ALG_SHA384,
     DEVICE_KEY | TPMA_OBJECT_RESTRICTED, iak_sha384, sizeof iak_sha384, "IAK"},
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
        if (scheme == TPM2_ALG_RSAPSS)
            rsa->scheme.details.rsapss.hashAlg = hash;
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
        out->publicArea.authPolicy.size = t->policy_len;
        memcpy(out->publicArea.authPolicy.buffer, t->policy, t->policy_len);
        devid_template_set_type(&out->publicArea, alg, bits, t->scheme, t->hash);
        set_unique(&out->publicArea, t->unique);
        return DEVID_OK;
    }
    return devid_fail(err, DEVID_E_KEY,
                      "there is no TCG template for an %s key of type %s%u: use key = ec-p256, ec-p384 or rsa-2048",
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
    if (!is_offered(wanted->alg, wanted->bits))
        return devid_fail(err, DEVID_E_KEY,
                          "keys of type %s%u are not offered: use ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072 or rsa-4096",
                          wanted->alg == DEVID_RSA ? "rsa-" : "ec-p", wanted->bits);
    if (!wanted->signs && !wanted->decrypts)
        return devid_fail(err, DEVID_E_ARG, "a key that neither signs nor decrypts is of no use");
    memset(out, 0, sizeof *out);
    out->publicArea.nameAlg = TPM2_ALG_SHA256;
    out->publicArea.objectAttributes = OWNER_KEY;
    if (wanted->signs)
        out->publicArea.objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT;
    if (wanted->decrypts)
        out->publicArea.objectAttributes |= TPMA_OBJECT_DECRYPT;
    devid_template_set_type(&out->publicArea, wanted->alg, wanted->bits, TPM2_ALG_NULL, 0);
    return DEVID_OK;
}
