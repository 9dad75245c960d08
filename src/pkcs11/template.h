/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client wants of a new object, or of a changed one: PKCS#11 2.40, 4.1. */
#ifndef DEVID_PKCS11_TEMPLATE_H
#define DEVID_PKCS11_TEMPLATE_H

#include "pkcs11/module.h"

#define LABEL_MAX 1024 /* bytes of a label or an application's name */
#define ID_MAX 128

/* A list of attributes as it came. */
struct template {
    const CK_ATTRIBUTE *list;
    CK_ULONG n;
};

/* What it is for. */
enum template_for {
    TEMPLATE_DATA = 1,          /* C_CreateObject */
    TEMPLATE_CERT = 2,
    TEMPLATE_KEY = 4,           /* a public one */
    TEMPLATE_PUBLIC = 8,        /* C_GenerateKeyPair */
    TEMPLATE_PRIVATE = 16,
    TEMPLATE_SECRET = 32,       /* C_DeriveKey */
    TEMPLATE_COPY = 64,         /* C_CopyObject */
    TEMPLATE_CHANGE_DATA = 128, /* C_SetAttributeValue */
    TEMPLATE_CHANGE_CERT = 256,
    TEMPLATE_CHANGE_KEY = 512,
};

/** CKR_ARGUMENTS_BAD for a pointer or length that cannot be a buffer. */
CK_RV template_is_sane(const struct template *t);

/**
 * Which attributes may stand in it, and what values have: by one table.
 *
 * \return CKR_ARGUMENTS_BAD: no list; CKR_ATTRIBUTE_TYPE_INVALID: no such attribute; CKR_TEMPLATE_INCONSISTENT: of other
 *         objects, or twice with two values; CKR_ATTRIBUTE_READ_ONLY: the token says it, not the client, or not now;
 *         CKR_ATTRIBUTE_VALUE_INVALID
 */
CK_RV template_check(const struct template *t, enum template_for what);

/* Of one that was checked. */

/** NULL if it is not there. */
const CK_ATTRIBUTE *template_find(const struct template *t, CK_ATTRIBUTE_TYPE type);
/** Empty if it is not there. */
struct devid_slice template_bytes(const struct template *t, CK_ATTRIBUTE_TYPE type);
/** usual if it is not there. */
bool template_bool(const struct template *t, CK_ATTRIBUTE_TYPE type, bool usual);
CK_ULONG template_ulong(const struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG usual);
/** With a NUL behind, freed by the caller; usual if it is not there. */
CK_RV template_text(const struct template *t, CK_ATTRIBUTE_TYPE type, const char *usual, struct devid_bytes *out);
/** CKA_PRIVATE, MODIFIABLE, COPYABLE, DESTROYABLE over those that are there: enum devid_flag. */
unsigned template_flags(const struct template *t, unsigned usual);
/** What is said to be not wanted of a public key: enum devid_usage. */
unsigned template_not_for(const struct template *t);

#endif
