/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An identity: a role, a key, a certificate chain. It is a value and has no verbs: it is read.
 */
#ifndef DEVID_CORE_IDENTITY_H
#define DEVID_CORE_IDENTITY_H

#include <string.h>

#include "core/cert.h"
#include "core/public.h"

#define DEVID_MANUFACTURER "manufacturer" /* the token of EK, IDevID and IAK, unless devid.conf names another one for them */

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

/* What a client said of one object of an identity, or of an item. */
enum devid_flag {
    DEVID_FLAG_PRIVATE = 1,    /* where the token has a PIN, only for who is logged in */
    DEVID_FLAG_FIXED = 2,      /* is never modified */
    DEVID_FLAG_UNCOPYABLE = 4, /* is never copied */
    DEVID_FLAG_KEPT = 8,       /* is never destroyed */
    DEVID_FLAG_HIDDEN = 16,    /* was destroyed alone, or never made: it is shown to no PKCS#11 client */
    DEVID_FLAG_ASKS = 32,      /* private half: wants a login for each use */
    DEVID_FLAG_DISABLED = 128, /* private half: the key is shown to no client and does not sign; certificate: nor is its chain */
    DEVID_FLAG_REST = 64,      /* an item that is left of an identity, and counts only when that is gone */
};

/* Uses of a key, one by one. */
enum devid_usage {
    DEVID_FOR_SIGN = 1,
    DEVID_FOR_VERIFY = 2,
    DEVID_FOR_DECRYPT = 4,
    DEVID_FOR_ENCRYPT = 8,
    DEVID_FOR_DERIVE = 16,
};

#define DEVID_TEMPLATE_MAX 1024

/* What a client said of one half of a key, beside label, id and flags. */
struct devid_said {
    struct devid_slice subject; /* CKA_SUBJECT: a Name, DER; empty: the certificate's */
    const char *mechanisms;     /* CKA_ALLOWED_MECHANISMS: "1041 1044", hexadecimal; NULL: all that the key can do */
};

#define DEVID_SUBJECT_MAX 4096 /* bytes that are kept */

/* A parent that is at no handle: the storage key of the token, which has a PIN. As a handle it is the null hierarchy's. */
#define DEVID_PARENT_PIN 0x40000007U
/* The owner hierarchy's primary by the template of other programs (template.h, devid_template_parent), which is made for each use. */
#define DEVID_PARENT_OWNER 0x40000001U

/* Everything belongs to the snapshot that the identity came from, and lives as long as it. */
struct devid_identity {
    const char *token;        /* DEVID_MANUFACTURER, "owner", ... */
    const char *label;        /* "idevid", "azure:ldevid": unique in its token */
    const char *public_label; /* label of the public half: the same until a client renames one half */
    enum devid_role role;
    struct devid_slice id;    /* CKA_ID of key and certificates: SHA-1 of the public key's bits
                                 unless a client chose one */
    struct devid_public pub;

    /*
     * What PKCS#11 clients chose for each object alone. For devid_store_change: a NULL label is as label (public_label, then
     * label), an empty id as id.
     */
    const char *private_label; /* label, unless another identity of the token had it first: it may be empty */
    const char *cert_label;    /* of the chain's first */
    struct devid_slice public_id, cert_id;
    unsigned private_flags, public_flags, cert_flags; /* enum devid_flag */
    struct devid_said private_said, public_said;
    unsigned not_for;          /* enum devid_usage: what the key could do, and its maker did not want */

    enum devid_place key_place;
    uint32_t handle;          /* persistent handle of the key, 0 if it is a blob */
    uint32_t parent;          /* blob: persistent handle of its parent, or a hierarchy (parent.h), or DEVID_PARENT_PIN */
    bool has_rsa_parent;      /* blob under a hierarchy */
    struct devid_slice blob;  /* blob: TPM2B_PRIVATE, marshalled */
    struct devid_slice object; /* saved ESYS object of a key at a handle; empty if not seen before */
    struct devid_slice made_by; /* TPMT_PUBLIC that the primary at handle was made by, marshalled, at most
                                    DEVID_TEMPLATE_MAX bytes: it makes the same key again. Empty: not known, or no primary */

    enum devid_place cert_place;
    uint32_t nv_index;        /* certificate in NV: its index */
    const struct devid_cert *chain; /* leaf first */
    size_t n_chain;           /* 0: no certificate yet */
    bool is_read_only;        /* the manufacturer's: cannot be deleted, renamed or replaced */

    /*
     * The pair that a renewal replaced, for who has it open still; read-only, without a previous one of its own. In what is given to
     * the store it comes from a snapshot.
     */
    const struct devid_identity *previous; /* NULL: none */
    int64_t replaced;         /* since when, seconds since 1970; 0 without previous */
};

/** Is a role the chip's or the device's manufacturer's? */
static inline bool devid_role_is_manufacturers(enum devid_role role)
{
    return role <= DEVID_ROLE_IAK;
}

/** Is a token? */
static inline bool devid_token_is_manufacturers(const char *token)
{
    return strcmp(token, DEVID_MANUFACTURER) == 0;
}

/** Is what has that role and is in that token? Its owner neither makes, changes nor removes it. */
static inline bool devid_is_manufacturers(enum devid_role role, const char *token)
{
    return devid_role_is_manufacturers(role) || devid_token_is_manufacturers(token);
}

/** IEEE 802.1AR, 7.2: a key, or a certificate with its chain, may be switched off. Both are enabled unless somebody did. */
bool devid_identity_key_enabled(const struct devid_identity *identity);
bool devid_identity_cert_enabled(const struct devid_identity *identity);

/** "ek", "idevid", ... A literal. */
const char *devid_role_name(enum devid_role role);
/** The reverse; false if there is no such role. */
bool devid_role_of(const char *name, enum devid_role *out);

#endif
