/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/curve.h"

static const struct devid_curve curves[] = {
    {TPM2_ECC_NIST_P256, 256, 32, "prime256v1", "EC P-256", {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 8},
    {TPM2_ECC_NIST_P384, 384, 48, "secp384r1", "EC P-384", {0x2b, 0x81, 0x04, 0x00, 0x22}, 5},
    {TPM2_ECC_NIST_P521, 521, 66, "secp521r1", "EC P-521", {0x2b, 0x81, 0x04, 0x00, 0x23}, 5},
};

#define N_CURVES (sizeof curves / sizeof curves[0])

const struct devid_curve *devid_curve_of_tpm(TPMI_ECC_CURVE id)
{
    for (size_t i = 0; i < N_CURVES; i++)
        if (curves[i].tpm == id)
            return &curves[i];
    return NULL;
}

const struct devid_curve *devid_curve_of_bits(unsigned bits)
{
    for (size_t i = 0; i < N_CURVES; i++)
        if (curves[i].bits == bits)
            return &curves[i];
    return NULL;
}

const struct devid_curve *devid_curve_of_oid(struct devid_slice oid)
{
    for (size_t i = 0; i < N_CURVES; i++)
        if (devid_slice_eq(oid, (struct devid_slice){curves[i].oid, curves[i].oid_len}))
            return &curves[i];
    return NULL;
}
