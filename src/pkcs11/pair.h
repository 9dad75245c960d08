/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates of C_GenerateKeyPair and C_DeriveKey: from lists of attributes to what is wanted, or to the code that says what is wrong. */
#ifndef DEVID_PKCS11_PAIR_H
#define DEVID_PKCS11_PAIR_H

#include "core/make.h"
#include "pkcs11/template.h"

/* One half. Slices are the caller's. */
struct half_wanted {
    struct devid_slice label, id, subject, mechanisms; /* mechanisms: as CKA_ALLOWED_MECHANISMS has them */
    unsigned flags; /* enum devid_flag */
};

struct pair_wanted {
    struct devid_wanted key;
    bool is_token;
    unsigned not_for; /* enum devid_usage */
    struct half_wanted public, private;
};

/**
 * What a client sends that wants a key pair. Nothing but the templates is looked at.
 *
 * \return CKR_ARGUMENTS_BAD for what is no list; CKR_ATTRIBUTE_TYPE_INVALID; CKR_ATTRIBUTE_READ_ONLY for what only
 *         the token can say; CKR_ATTRIBUTE_VALUE_INVALID; CKR_TEMPLATE_INCOMPLETE without size or curve;
 *         CKR_TEMPLATE_INCONSISTENT for what contradicts itself or a TPM; CKR_KEY_SIZE_RANGE; CKR_DOMAIN_PARAMS_INVALID;
 *         CKR_CURVE_NOT_SUPPORTED
 */
CK_RV pair_take(enum devid_alg alg, struct template public, struct template private, struct pair_wanted *out);

struct secret_wanted {
    CK_KEY_TYPE type; /* CKK_GENERIC_SECRET or CKK_AES */
    bool has_len, is_sensitive, is_extractable;
    CK_ULONG len;     /* bytes, if has_len */
    struct half_wanted half;
};

/** The same for a secret key that is derived: it lives as long as a session, and who says nothing may read it. */
CK_RV secret_take(struct template t, struct secret_wanted *out);

/**
 * The bits of a named curve.
 * \param params  CKA_EC_PARAMS, DER
 */
CK_RV curve_take(struct devid_slice params, unsigned *bits);
/**
 * An EC point, which some clients send bare and some as CKA_EC_POINT has it, in a DER OCTET STRING.
 * \param len  bytes of a point on its curve: by its first bytes alone a bare one cannot be told
 * \return of that length, or in as it is
 */
struct devid_slice point_take(struct devid_slice in, size_t len);
/** The reverse of curve_take; empty if there is none. */
struct devid_slice curve_params(unsigned bits);

#endif
