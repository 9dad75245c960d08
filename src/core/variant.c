/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. A new variant is a new line of a table; the order is that of likelihood. */
#include "core/variant.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/template.h"

enum fill {
    EMPTY,
    TEXT,   /* "IDEVID", "IAK": its bytes */
    PADDED, /* the same, and zeros up to the size of a coordinate or the modulus */
    ZEROS,
};
enum scheme { OWN, NONE, RSASSA, RSAPSS };

struct variant {
    enum scheme scheme;
    bool has_policy; /* TCG's; else what a tool makes that knows none */
    enum fill x, y;  /* unique: of an RSA key x alone */
    const char *how;
};

static const struct variant ec_device[] = {
    {OWN, true, TEXT, EMPTY, "TCG template, unique in x"},
    {OWN, true, TEXT, TEXT, "TCG template, unique in x and y"},
    {OWN, true, PADDED, PADDED, "TCG template, unique padded in x and y"},
    {OWN, true, PADDED, EMPTY, "TCG template, unique padded in x"},
    {OWN, true, PADDED, ZEROS, "TCG template, unique padded in x, y of zeros"},
    {OWN, true, EMPTY, EMPTY, "TCG template, unique empty"},
    {OWN, true, ZEROS, ZEROS, "TCG template, unique of zeros"},
    {NONE, true, TEXT, EMPTY, "TCG template without scheme, unique in x"},
    {NONE, true, TEXT, TEXT, "TCG template without scheme, unique in x and y"},
    {NONE, false, EMPTY, EMPTY, "template without policy and scheme"},
};
static const struct variant rsa_device[] = {
    {OWN, true, TEXT, EMPTY, "TCG template"},
    {NONE, true, TEXT, EMPTY, "TCG template without scheme"},
    {RSASSA, true, TEXT, EMPTY, "TCG template with RSASSA"},
    {RSAPSS, true, TEXT, EMPTY, "TCG template with RSAPSS"},
    {OWN, true, PADDED, EMPTY, "TCG template, unique padded"},
    {NONE, true, PADDED, EMPTY, "TCG template without scheme, unique padded"},
    {RSASSA, true, PADDED, EMPTY, "TCG template with RSASSA, unique padded"},
    {OWN, true, EMPTY, EMPTY, "TCG template, unique empty"},
    {OWN, true, ZEROS, EMPTY, "TCG template, unique of zeros"},
    {NONE, false, EMPTY, EMPTY, "template without policy and scheme"},
};
/* The low range's unique is zeros, the high range's is empty. */
static const struct variant endorsement[] = {
    {OWN, true, ZEROS, ZEROS, "EK template, unique of zeros"},
    {OWN, true, EMPTY, EMPTY, "EK template, unique empty"},
};

/* ---- EK templates ---- */

#define EK_LOW                                                                                              \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                     \
     TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define EK_HIGH (EK_LOW | TPMA_OBJECT_USERWITHAUTH)

/* PolicySecret(endorsement) */
static const unsigned char policy_a_sha256[] = {
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};
/* PolicyOR(PolicySecret(endorsement), PolicyAuthorizeNV(0x01c07f0x)) */
static const unsigned char policy_b_sha256[] = {
    0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3,
    0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0,
};
static const unsigned char policy_b_sha384[] = {
    0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a,
    0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca,
    0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12,
};
static const unsigned char policy_b_sha512[] = {
    0xb8, 0x22, 0x1c, 0xa6, 0x9e, 0x85, 0x50, 0xa4, 0x91, 0x4d, 0xe3, 0xfa, 0xa6, 0xa1, 0x8c, 0x07,
    0x2c, 0xc0, 0x12, 0x08, 0x07, 0x3a, 0x92, 0x8d, 0x5d, 0x66, 0xd5, 0x9e, 0xf7, 0x9e, 0x49, 0xa4,
    0x29, 0xc4, 0x1a, 0x6b, 0x26, 0x95, 0x71, 0xd5, 0x7e, 0xdb, 0x25, 0xfb, 0xdb, 0x18, 0x38, 0x42,
    0x56, 0x08, 0xb4, 0x13, 0xcd, 0x61, 0x6a, 0x5f, 0x6d, 0xb5, 0xb6, 0x07, 0x1a, 0xf9, 0x9b, 0xea,
};

#define POLICY(digest) digest, sizeof(digest)

static const struct ek_template {
    enum devid_alg alg;
    unsigned bits;
    enum fill unique; /* of the range */
    TPM2_ALG_ID name_alg;
    uint16_t aes_bits;
    TPMA_OBJECT attributes;
    const unsigned char *policy;
    size_t policy_len;
} ek_templates[] = {
    {DEVID_RSA, 2048, ZEROS, TPM2_ALG_SHA256, 128, EK_LOW, POLICY(policy_a_sha256)},
    {DEVID_EC, 256, ZEROS, TPM2_ALG_SHA256, 128, EK_LOW, POLICY(policy_a_sha256)},
    {DEVID_RSA, 2048, EMPTY, TPM2_ALG_SHA256, 128, EK_HIGH, POLICY(policy_b_sha256)},
    {DEVID_EC, 256, EMPTY, TPM2_ALG_SHA256, 128, EK_HIGH, POLICY(policy_b_sha256)},
    {DEVID_EC, 384, EMPTY, TPM2_ALG_SHA384, 256, EK_HIGH, POLICY(policy_b_sha384)},
    {DEVID_EC, 521, EMPTY, TPM2_ALG_SHA512, 256, EK_HIGH, POLICY(policy_b_sha512)},
    {DEVID_RSA, 3072, EMPTY, TPM2_ALG_SHA384, 256, EK_HIGH, POLICY(policy_b_sha384)},
    {DEVID_RSA, 4096, EMPTY, TPM2_ALG_SHA384, 256, EK_HIGH, POLICY(policy_b_sha384)},
};

static void set_aes(TPMT_SYM_DEF_OBJECT *symmetric, uint16_t bits)
{
    symmetric->algorithm = TPM2_ALG_AES;
    symmetric->keyBits.aes = bits;
    symmetric->mode.aes = TPM2_ALG_CFB;
}

static bool ek_template(enum devid_alg alg, unsigned bits, enum fill unique, TPM2B_PUBLIC *out)
{
    TPMT_PUBLIC *area = &out->publicArea;

    for (size_t i = 0; i < sizeof ek_templates / sizeof ek_templates[0]; i++) {
        const struct ek_template *t = &ek_templates[i];

        if (t->alg != alg || t->bits != bits || t->unique != unique)
            continue;
        memset(out, 0, sizeof *out);
        area->nameAlg = t->name_alg;
        area->objectAttributes = t->attributes;
        area->authPolicy.size = (uint16_t)t->policy_len;
        memcpy(area->authPolicy.buffer, t->policy, t->policy_len);
        devid_template_set_type(area, alg, bits, TPM2_ALG_NULL, 0);
        set_aes(alg == DEVID_RSA ? &area->parameters.rsaDetail.symmetric : &area->parameters.eccDetail.symmetric,
                t->aes_bits);
        return true;
    }
    return false;
}

/* ---- unique and scheme ---- */

static uint16_t fill_in(unsigned char *buffer, size_t full, enum fill fill, const char *text)
{
    size_t len = strlen(text);

    memset(buffer, 0, full);
    if (fill == TEXT || fill == PADDED)
        memcpy(buffer, text, len);
    switch (fill) {
    case EMPTY: return 0;
    case TEXT:  return (uint16_t)len;
    case PADDED:
    case ZEROS: break;
    }
    return (uint16_t)full;
}

static void set_unique(TPMT_PUBLIC *area, const struct variant *v, enum devid_role role, unsigned bits)
{
    const char *text = role == DEVID_ROLE_IAK ? "IAK" : "IDEVID";
    size_t full = (bits + 7U) / 8U;

    memset(&area->unique, 0, sizeof area->unique);
    if (area->type == TPM2_ALG_RSA) {
        area->unique.rsa.size = fill_in(area->unique.rsa.buffer, full, v->x, text);
    } else {
        area->unique.ecc.x.size = fill_in(area->unique.ecc.x.buffer, full, v->x, text);
        area->unique.ecc.y.size = fill_in(area->unique.ecc.y.buffer, full, v->y, text);
    }
}

static void set_scheme(TPMT_PUBLIC *area, enum scheme scheme)
{
    TPMT_RSA_SCHEME *rsa = &area->parameters.rsaDetail.scheme;

    if (scheme == OWN)
        return;
    if (area->type == TPM2_ALG_ECC) {
        area->parameters.eccDetail.scheme = (TPMT_ECC_SCHEME){.scheme = TPM2_ALG_NULL};
        return;
    }
    *rsa = (TPMT_RSA_SCHEME){.scheme = TPM2_ALG_NULL};
    if (scheme == RSASSA) {
        rsa->scheme = TPM2_ALG_RSASSA;
        rsa->details.rsassa.hashAlg = area->nameAlg;
    } else if (scheme == RSAPSS) {
        rsa->scheme = TPM2_ALG_RSAPSS;
        rsa->details.rsapss.hashAlg = area->nameAlg;
    }
}

static bool of_table(const struct variant *v, enum devid_role role, const struct devid_public *pub, TPM2B_PUBLIC *out)
{
    if (role == DEVID_ROLE_EK) {
        if (!ek_template(pub->alg, pub->bits, v->x, out))
            return false;
    } else if (devid_template_devid(role, pub->alg, pub->bits, out, NULL) != DEVID_OK) {
        return false;
    }
    if (v->scheme == NONE && (out->publicArea.objectAttributes & TPMA_OBJECT_RESTRICTED) != 0 && role != DEVID_ROLE_EK)
        return false; /* a TPM makes no such key */
    set_scheme(&out->publicArea, v->scheme);
    if (!v->has_policy) {
        out->publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_ADMINWITHPOLICY;
        out->publicArea.authPolicy.size = 0;
    }
    set_unique(&out->publicArea, v, role, pub->bits);
    return true;
}

/* A public area tells all of a template but unique. */
static bool of_area(const struct variant *v, enum devid_role role, const struct devid_public *pub,
                    struct devid_slice area, TPM2B_PUBLIC *out)
{
    size_t used = 0;

    *out = (TPM2B_PUBLIC){0};
    if (v->scheme != OWN || area.len == 0 ||
        Tss2_MU_TPM2B_PUBLIC_Unmarshal(area.data, area.len, &used, out) != TSS2_RC_SUCCESS)
        return false;
    out->size = 0;
    set_unique(&out->publicArea, v, role, pub->bits);
    return true;
}

bool devid_variant(const struct devid_lost *lost, const struct devid_public *pub, size_t i, TPM2B_PUBLIC *out,
                   const char **how)
{
    const struct variant *rows = pub->alg == DEVID_RSA ? rsa_device : ec_device;
    size_t n = pub->alg == DEVID_RSA ? sizeof rsa_device / sizeof *rows : sizeof ec_device / sizeof *rows, used = 0;

    if (lost->role == DEVID_ROLE_EK) {
        rows = endorsement;
        n = sizeof endorsement / sizeof *rows;
    }
    *out = (TPM2B_PUBLIC){0};
    if (lost->recorded.len != 0 && Tss2_MU_TPM2B_PUBLIC_Unmarshal(lost->recorded.data, lost->recorded.len, &used, out) ==
                                       TSS2_RC_SUCCESS && i-- == 0) {
        out->size = 0;
        *how = "recorded template";
        return true;
    }
    for (size_t k = 0; k < 2 * n; k++) {
        const struct variant *v = &rows[k % n];
        bool is_seen = k < n;

        if (!(is_seen ? of_area(v, lost->role, pub, lost->area, out) : of_table(v, lost->role, pub, out)) || i-- != 0)
            continue;
        *how = is_seen ? "public area as it was seen" : v->how;
        return true;
    }
    return false;
}
