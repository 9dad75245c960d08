/* SPDX-License-Identifier: BSD-2-Clause */
/* An identity and the file it is kept in. Core's own. */
#ifndef DEVID_CORE_ENTRY_H
#define DEVID_CORE_ENTRY_H

#include "core/store.h"

/* The owner of what an identity points to. */
struct devid_entry {
    struct devid_identity identity;
    struct devid_bytes token, label, public_label, id, blob, object;
    struct devid_bytes file; /* what it was read from */
    struct devid_bytes der[DEVID_CHAIN_MAX];
    struct devid_cert chain[DEVID_CHAIN_MAX];
};

/**
 * \param token  of the folder that the file is in
 * \param file   its content
 * \param out    freed by devid_entry_free
 * \return DEVID_E_DATA with what is wrong in it
 */
devid_rc devid_entry_read(struct devid_store *store, const char *token, struct devid_slice file,
                          struct devid_entry **out, struct devid_error *err);
void devid_entry_free(struct devid_entry *entry);

/**
 * The file of an identity.
 * \param old  what the file holds now, or empty: unknown fields and PEM blocks of it are kept
 */
devid_rc devid_entry_write(const struct devid_identity *identity, struct devid_slice old, struct devid_bytes *file,
                           struct devid_error *err);

/**
 * The CKA_ID that a key has unless a client chose one: SHA-1 of what the BIT STRING of its SubjectPublicKeyInfo holds, as
 * most certificates' subjectKeyIdentifier. RFC 5280, section 4.2.1.2 (1). id has 20 bytes.
 */
devid_rc devid_entry_default_id(const struct devid_public *pub, unsigned char id[20], struct devid_error *err);

#endif
