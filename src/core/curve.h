/* SPDX-License-Identifier: BSD-2-Clause */
/* The curves of EC keys: NIST's prime curves, which TPMs have. Core's own. RFC 5480, section 2.1.1.1; TCG Algorithm Registry. */
#ifndef DEVID_CORE_CURVE_H
#define DEVID_CORE_CURVE_H

#include <tss2/tss2_tpm2_types.h>

#include "core/bytes.h"

#define DEVID_COORDINATE_MAX 66 /* P-521 */

struct devid_curve {
    TPMI_ECC_CURVE tpm;
    unsigned bits;
    size_t coordinate; /* bytes */
    const char *openssl, *text;
    unsigned char oid[8];
    size_t oid_len;
};

/** NULL for another one. */
const struct devid_curve *devid_curve_of_tpm(TPMI_ECC_CURVE id);
const struct devid_curve *devid_curve_of_bits(unsigned bits);
/** \param oid  content of an OBJECT IDENTIFIER */
const struct devid_curve *devid_curve_of_oid(struct devid_slice oid);

#endif
