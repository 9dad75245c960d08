/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An identity: a role, a key, a certificate chain. It is a value and has no verbs: it is read.
 */
#ifndef DEVID_CORE_IDENTITY_H
#define DEVID_CORE_IDENTITY_H

#include "core/cert.h"
#include "core/public.h"

enum devid_role {
    DEVID_ROLE_EK,     /* the chip maker's endorsement key */
    DEVID_ROLE_IDEVID, /* the manufacturer's identity, IEEE 802.1AR */
    DEVID_ROLE_IAK,    /* the manufacturer's attestation key */
    DEVID_ROLE_LDEVID, /* the owner's identity, IEEE 802.1AR */
    DEVID_ROLE_CA,     /* a certification authority on the device ("device-ca") */
    DEVID_ROLE_CLIENT, /* any other key of the owner ("device-id") */
};

enum devid_place {
    DEVID_PLACE_NONE,
    DEVID_PLACE_HANDLE, /* key: persistent handle */
    DEVID_PLACE_BLOB,   /* key: wrapped under parent, loaded for use */
    DEVID_PLACE_NV,     /* certificate: NV index */
    DEVID_PLACE_FILE,   /* certificate: in the identity's file */
};

/* Everything belongs to the snapshot that the identity came from, and lives as long as it. */
struct devid_identity {
    const char *token;        /* "manufacturer", "owner", ... */
    const char *label;        /* "idevid", "azure:ldevid": unique in its token */
    const char *public_label; /* label of the public half: the same until a client renames one half */
    enum devid_role role;
    struct devid_slice id;    /* CKA_ID of key and certificates: SHA-1 of the public key's bits
                                 unless a client chose one */
    struct devid_public pub;

    enum devid_place key_place;
    uint32_t handle;          /* persistent handle of the key, 0 if it is a blob */
    uint32_t parent;          /* blob: persistent handle of its parent */
    struct devid_slice blob;  /* blob: TPM2B_PRIVATE, marshalled */
    struct devid_slice object; /* saved ESYS object of a key at a handle; empty if not seen before */

    enum devid_place cert_place;
    uint32_t nv_index;        /* certificate in NV: its index */
    const struct devid_cert *chain; /* leaf first */
    size_t n_chain;           /* 0: no certificate yet */
    bool is_read_only;        /* the manufacturer's: cannot be deleted, renamed or replaced */
};

/** "ek", "idevid", ... A literal. */
const char *devid_role_name(enum devid_role role);
/** The reverse; false if there is no such role. */
bool devid_role_of(const char *name, enum devid_role *out);

#endif
