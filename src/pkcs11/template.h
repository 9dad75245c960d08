/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client wants of a new object, or of a changed one: PKCS#11 2.40, 4.1. */
#ifndef DEVID_PKCS11_TEMPLATE_H
#define DEVID_PKCS11_TEMPLATE_H

#include "pkcs11/module.h"

#define LABEL_MAX 1024 /* bytes of a label or an application's name */
#define ID_MAX 128

struct template {
    const CK_ATTRIBUTE *list;
    CK_ULONG n;
};

/** CKR_ARGUMENTS_BAD for a pointer or length that cannot be a buffer. */
CK_RV template_is_sane(const struct template *t);
/** NULL if it is not there. */
const CK_ATTRIBUTE *template_find(const struct template *t, CK_ATTRIBUTE_TYPE type);
/** Empty if it is not there. */
struct devid_slice template_bytes(const struct template *t, CK_ATTRIBUTE_TYPE type);
/** usual if it is not there. Sizes have been checked. */
bool template_bool(const struct template *t, CK_ATTRIBUTE_TYPE type, bool usual);
CK_ULONG template_ulong(const struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG usual);
/** With a NUL behind, freed by the caller; usual if it is not there. CKR_ATTRIBUTE_VALUE_INVALID for control characters. */
CK_RV template_text(const struct template *t, CK_ATTRIBUTE_TYPE type, const char *usual, struct devid_bytes *out);
/** CKA_PRIVATE, MODIFIABLE, COPYABLE, DESTROYABLE over those that are there: enum devid_flag. */
unsigned template_flags(const struct template *t, unsigned usual);
/** What is said to be not wanted of a public key: enum devid_usage. */
unsigned template_not_for(const struct template *t);

/**
 * Sizes, and what may stand in a template for a new object of that class.
 *
 * \return CKR_ATTRIBUTE_TYPE_INVALID: no such attribute; CKR_TEMPLATE_INCONSISTENT: of another class, or twice;
 *         CKR_ATTRIBUTE_READ_ONLY: the token says it, not the client; CKR_ATTRIBUTE_VALUE_INVALID: a wrong size
 */
CK_RV template_check_new(const struct template *t, CK_OBJECT_CLASS class);
/** The same for what a copy may change. */
CK_RV template_check_copy(const struct template *t);

#endif
