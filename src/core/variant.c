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
        if (devid_template_ek(pub->alg, pub->bits, v->x == EMPTY, out, NULL) != DEVID_OK)
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
    if (lost->recorded.len != 0 && Tss2_MU_TPMT_PUBLIC_Unmarshal(lost->recorded.data, lost->recorded.len, &used, &out->publicArea) ==
                                       TSS2_RC_SUCCESS && i-- == 0) {
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
