/* SPDX-License-Identifier: BSD-2-Clause */
/* Key templates as data. Core's own. TCG "TPM 2.0 Keys for Device Identity and Attestation" 1.00 section 7.3.4,
 * TCG "TPM v2.0 Provisioning Guidance" 1.0 section 7.5.1. */
#ifndef DEVID_CORE_TEMPLATE_H
#define DEVID_CORE_TEMPLATE_H

#include <tss2/tss2_tpm2_types.h>

#include "core/make.h"

/** IDevID or IAK by type: H-1 RSA 2048, H-2 EC 256, H-3 EC 384, H-4 EC 521. \return DEVID_E_KEY if there is none */
devid_rc devid_template_devid(enum devid_role role, enum devid_alg alg, unsigned bits, TPM2B_PUBLIC *out,
                              struct devid_error *err);
/**
 * Primary that wrapped keys of other programs are under: tpm2-openssl, tpm2-tools and openssl_tpm2_engine make it by one template,
 * which is the SRK's but for an empty unique field. EC P-256 or RSA 2048, restricted decrypt, AES-128-CFB, NODA.
 */
void devid_template_parent(enum devid_alg alg, TPM2B_PUBLIC *out);
/**
 * EK of the low range: RSA 2048, EC 256; of the high range: those, EC 384, EC 521, RSA 3072, RSA 4096.
 * EK Credential Profile 2.5, B.3 and B.4.
 * \return DEVID_E_KEY if the range has none of that type
 */
devid_rc devid_template_ek(enum devid_alg alg, unsigned bits, bool is_high, TPM2B_PUBLIC *out, struct devid_error *err);
/** Storage root key: EC P-256, restricted decrypt, AES-128-CFB, NODA. */
void devid_template_srk(TPM2B_PUBLIC *out);
/** The storage key of a token with a PIN: as the SRK's, but wrong auth values are counted. */
void devid_template_pin(TPM2B_PUBLIC *out);
/** An owner's key: NODA unless it has an auth value, scheme NULL unless it is wanted. Errors as devid_make_key, but for the TPM's. */
devid_rc devid_template_owner(const struct devid_wanted *wanted, TPM2B_PUBLIC *out, struct devid_error *err);

/** TPMT_PUBLIC, marshalled: what devid_identity.made_by records; freed by the caller. */
devid_rc devid_template_marshal(const TPM2B_PUBLIC *template, struct devid_bytes *out, struct devid_error *err);
/** Type, size and scheme of a template; symmetric NULL, kdf NULL, exponent 0. The hash of a NULL scheme is not marshalled. */
void devid_template_set_type(TPMT_PUBLIC *area, enum devid_alg alg, unsigned bits, TPM2_ALG_ID scheme, TPM2_ALG_ID hash);

#endif
