/* SPDX-License-Identifier: BSD-2-Clause */
/* What the module can do, and what one key may: mechanisms. */
#ifndef DEVID_PKCS11_MECH_H
#define DEVID_PKCS11_MECH_H

#include "pkcs11/module.h"

struct mechanism {
    CK_MECHANISM_TYPE type;
    CK_FLAGS flags;             /* what it does: CKF_SIGN, CKF_DIGEST, ... */
    enum devid_alg alg;         /* of the key; nothing for a digest */
    enum devid_padding padding; /* CKF_SIGN, CKF_VERIFY */
    enum devid_hash hash;       /* of the data; DEVID_HASH_NONE: it is given as it is to be signed */
    enum devid_cipher_padding cipher; /* CKF_ENCRYPT, CKF_DECRYPT */
};

/** The i-th row, NULL after the last. */
const struct mechanism *mech_row(size_t i);
const struct mechanism *mech_find(CK_MECHANISM_TYPE type, CK_FLAGS use);
/** Between table_enter and _leave: false if devid.conf switches it off. */
bool mech_is_offered(const struct mechanism *mech);
/** A mechanism as the caller gave it, with its parameter. CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID. */
CK_RV mech_take(const CK_MECHANISM *given, CK_FLAGS use, const struct mechanism **out, struct devid_scheme *scheme);
/** The same for CKF_ENCRYPT or CKF_DECRYPT. \param cipher its label is the caller's */
CK_RV mech_take_cipher(const CK_MECHANISM *given, CK_FLAGS use, const struct mechanism **out,
                       struct devid_cipher *cipher);
/** What this very key works with, or its maker's list. \param list room for DEVID_MECHANISMS_MAX */
size_t mech_allowed(const struct object *o, CK_MECHANISM_TYPE *list);
/** True if there is any mechanism by which this very key can be used so: CKF_SIGN, CKF_DECRYPT, ... */
bool mech_can(const struct object *o, CK_FLAGS use);

/** False if the key's maker wanted no such use of it, or not by this mechanism. The key itself may still be unable to. */
bool mech_is_wanted(const struct object *o, const struct mechanism *mech, enum devid_usage usage);

/* allowed.c */

#define DEVID_MECHANISMS_MAX 32 /* of a client's list; more than any key has */

/**
 * CKA_ALLOWED_MECHANISMS of a template, as the store keeps it.
 * \param line  freed by the caller; stays empty for an empty list, which says nothing
 * \return CKR_TEMPLATE_INCONSISTENT for what no key of that kind does; CKR_ATTRIBUTE_VALUE_INVALID: longer than all there is
 */
CK_RV allowed_take(struct devid_slice list, enum devid_alg alg, struct devid_bytes *line);
/** The list as it was given; false if none was: then all is allowed that the key can do. */
bool allowed_list(const struct object *o, CK_MECHANISM_TYPE list[DEVID_MECHANISMS_MAX], size_t *n);
/** True without a list. */
bool allowed_has(const struct object *o, CK_MECHANISM_TYPE type);

#endif
