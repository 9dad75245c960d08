/* SPDX-License-Identifier: BSD-2-Clause */
/* The chip maker's endorsement key. TCG "EK Credential Profile" 2.5, section 2.2 and annex B. */
#include <string.h>

#include "core/make.h"
#include "core/nv.h"
#include "core/policy.h"
#include "core/template.h"

#define LOW_ATTRIBUTES                                                                                      \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                     \
     TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define HIGH_ATTRIBUTES (LOW_ATTRIBUTES | TPMA_OBJECT_USERWITHAUTH)

static const struct ek {
    uint32_t index; /* of its certificate */
    bool is_high;   /* template at index + 1; else nonce at index + 1, template at index + 2 */
    enum devid_alg alg;
    unsigned bits;
    TPM2_ALG_ID name_alg;
    uint16_t aes_bits;
} eks[] = {
    {0x01c00002, false, DEVID_RSA, 2048, TPM2_ALG_SHA256, 128}, {0x01c0000a, false, DEVID_EC, 256, TPM2_ALG_SHA256, 128},
    {0x01c00012, true, DEVID_RSA, 2048, TPM2_ALG_SHA256, 128},  {0x01c00014, true, DEVID_EC, 256, TPM2_ALG_SHA256, 128},
    {0x01c00016, true, DEVID_EC, 384, TPM2_ALG_SHA384, 256},    {0x01c00018, true, DEVID_EC, 521, TPM2_ALG_SHA512, 256},
    {0x01c0001c, true, DEVID_RSA, 3072, TPM2_ALG_SHA384, 256},  {0x01c0001e, true, DEVID_RSA, 4096, TPM2_ALG_SHA384, 256},
};

#define N_EKS (sizeof eks / sizeof eks[0])

static void set_cipher(TPMT_SYM_DEF_OBJECT *cipher, uint16_t bits)
{
    cipher->algorithm = TPM2_ALG_AES;
    cipher->keyBits.aes = bits;
    cipher->mode.aes = TPM2_ALG_CFB;
}

/* unique is zeros in the low range, where a nonce may stand, and empty in the high. */
static devid_rc template_of(const struct ek *ek, TPM2B_PUBLIC *out, struct devid_error *err)
{
    TPMT_PUBLIC *area = &out->publicArea;
    bool is_rsa = ek->alg == DEVID_RSA;

    memset(out, 0, sizeof *out);
    area->nameAlg = ek->name_alg;
    area->objectAttributes = ek->is_high ? HIGH_ATTRIBUTES : LOW_ATTRIBUTES;
    devid_template_set_type(area, ek->alg, ek->bits, TPM2_ALG_NULL, 0);
    set_cipher(is_rsa ? &area->parameters.rsaDetail.symmetric : &area->parameters.eccDetail.symmetric, ek->aes_bits);
    if (!ek->is_high && is_rsa)
        area->unique.rsa.size = (UINT16)(ek->bits / 8);
    else if (!ek->is_high)
        area->unique.ecc.x.size = area->unique.ecc.y.size = (UINT16)(ek->bits / 8);
    return devid_policy_digest(ek->is_high ? DEVID_POLICY_EK_HIGH : DEVID_POLICY_EK_LOW, ek->name_alg, &area->authPolicy, err);
}

devid_rc devid_template_ek(enum devid_alg alg, unsigned bits, bool is_high, TPM2B_PUBLIC *out, struct devid_error *err)
{
    for (size_t i = 0; i < N_EKS; i++)
        if (eks[i].alg == alg && eks[i].bits == bits && eks[i].is_high == is_high)
            return template_of(&eks[i], out, err);
    return devid_fail(err, DEVID_E_KEY, "there is no TCG template for such an EK");
}

uint32_t devid_make_ek_index(size_t i)
{
    return i < N_EKS ? eks[i].index : 0;
}

static devid_rc with_nonce(const struct ek *ek, struct devid_slice nonce, struct devid_bytes *made_by, struct devid_error *err)
{
    TPM2B_PUBLIC template;
    TPMU_PUBLIC_ID *unique = &template.publicArea.unique;
    devid_rc rc = template_of(ek, &template, err);

    if (rc != DEVID_OK)
        return rc;
    if (nonce.len > ek->bits / 8)
        return devid_fail(err, DEVID_E_DATA, "the EK nonce in NV 0x%08x has %zu bytes, more than the key", ek->index + 1, nonce.len);
    memcpy(ek->alg == DEVID_RSA ? unique->rsa.buffer : unique->ecc.x.buffer, nonce.data, nonce.len);
    return devid_template_marshal(&template, made_by, err);
}

devid_rc devid_make_ek_template(struct devid_store *store, uint32_t nv_index, struct devid_bytes *made_by,
                                struct devid_error *err)
{
    const struct ek *ek = NULL;
    struct devid_bytes nonce = {0};
    devid_rc rc;

    for (size_t i = 0; i < N_EKS; i++)
        if (eks[i].index == nv_index)
            ek = &eks[i];
    if (ek == NULL)
        return devid_fail(err, DEVID_E_ABSENT, "0x%08x is no NV index where a TPM's maker puts an EK certificate", nv_index);
    rc = devid_nv_read_raw(store, nv_index + (ek->is_high ? 1U : 2U), made_by, err);
    if (rc != DEVID_E_ABSENT || ek->is_high)
        return rc;
    rc = devid_nv_read_raw(store, nv_index + 1, &nonce, err);
    if (rc == DEVID_OK)
        rc = with_nonce(ek, devid_slice_of(nonce), made_by, err);
    devid_bytes_free(&nonce);
    return rc;
}
