/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What PKCS#11 clients keep in a token and is no identity: data, certificates of others, public keys. Each is a file,
 * STATE/TOKEN/NAME.obj: "field: value" lines (format, kind, label, id, flags, not-for, subject, mechanisms, application, object-id), then
 * one PEM block: DEVID DATA, CERTIFICATE or PUBLIC KEY. Unknown fields are kept. Written as identities are: store.h.
 */
#ifndef DEVID_CORE_ITEM_H
#define DEVID_CORE_ITEM_H

#include "core/identity.h"

enum devid_item_kind { DEVID_ITEM_DATA, DEVID_ITEM_CERTIFICATE, DEVID_ITEM_PUBLIC };

#define DEVID_ITEM_NAME 32             /* hexadecimal digits */
#define DEVID_ITEM_DATA_MAX (128 * 1024) /* bytes of data that are accepted */

/* Everything belongs to the snapshot that the item came from. */
struct devid_item {
    const char *token;
    const char *name; /* of DEVID_ITEM_NAME digits: of this object, and of no other in the token, for ever */
    enum devid_item_kind kind;
    const char *label;
    struct devid_slice id;        /* certificate, public key: CKA_ID; may be empty */
    unsigned flags;               /* enum devid_flag */
    const char *application;      /* data */
    struct devid_slice object_id; /* data: OBJECT IDENTIFIER, DER, or empty */
    struct devid_slice content;   /* data as it is; certificate: DER; public key: SubjectPublicKeyInfo, DER */
    struct devid_cert cert;       /* certificate: read from content; not needed for writing */
    struct devid_public pub;      /* public key: the same */
    unsigned not_for;             /* public key: enum devid_usage */
    struct devid_said said;       /* public key */
};

#endif
