/* SPDX-License-Identifier: BSD-2-Clause */
/* An identity and the file it is kept in. Core's own. */
#ifndef DEVID_CORE_ENTRY_H
#define DEVID_CORE_ENTRY_H

#include <stdatomic.h>
#include <sys/types.h>

#include "core/files.h"
#include "core/store.h"

#define DEVID_ID_MAX 128 /* bytes of a CKA_ID */

/* Which file something was read from; a stamp that is not settled says nothing. */
struct devid_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t changed; /* ns since 1970 */
    bool is_settled; /* changed long enough ago that another change would show */
};

/* The owner of what a struct devid_said points to. */
struct devid_said_owned {
    struct devid_bytes subject, mechanisms;
};

/* The owner of what an identity points to. */
struct devid_entry {
    struct devid_identity identity;
    atomic_uint holders; /* snapshots that have it */
    struct devid_stamp stamp;
    struct devid_bytes token, label, public_label, id, blob, object, made_by;
    struct devid_bytes private_label, cert_label, public_id, cert_id;
    struct devid_said_owned private_kept, public_kept;
    struct devid_bytes was; /* the name that it had until a rename that was not ended; else empty */
    struct devid_bytes file; /* what it was read from */
    struct devid_entry *previous; /* what identity.previous points into; NULL: none */
    struct devid_bytes der[DEVID_CHAIN_MAX];
    struct devid_cert chain[DEVID_CHAIN_MAX];
};

/**
 * \param token  of the folder that the file is in
 * \param file   its content
 * \param out    held once, until devid_entry_free
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

/** Set (was: its name until now) or, with NULL, end a rename in a file; file is replaced. */
devid_rc devid_entry_set_was(struct devid_bytes *file, const char *was, struct devid_error *err);

/* previous.c: the pair before, as it was in its file, in a PEM block of this one. */

#define DEVID_PREVIOUS_LABEL "DEVID PREVIOUS IDENTITY"

/** One that is damaged is logged and passed over: the identity itself is good. */
devid_rc devid_previous_read(struct devid_store *store, struct devid_entry *e, const struct devid_record *record,
                             struct devid_error *err);
/** \param rest  PEM blocks of the file, which this one joins */
devid_rc devid_previous_write(struct devid_record *record, const struct devid_identity *identity, struct devid_bytes *rest,
                              struct devid_error *err);

/* marks.c: lines that are there only for what is not as usual. */

/** What clients chose for each object of an identity; label and id of *e are read already. */
devid_rc devid_marks_read(struct devid_entry *e, const struct devid_record *record, struct devid_error *err);
/** The reverse. \param id  the identity's; lent */
devid_rc devid_marks_write(struct devid_record *record, const struct devid_identity *identity, struct devid_slice id,
                           struct devid_error *err);
void devid_marks_free(struct devid_entry *e);
/** A field in hexadecimal; usual if there is no such field. \return DEVID_E_DATA if it is longer than DEVID_ID_MAX */
devid_rc devid_id_read(const struct devid_record *record, const char *field, struct devid_slice usual,
                       struct devid_bytes *out, struct devid_error *err);
devid_rc devid_id_write(struct devid_record *record, const char *field, struct devid_slice id, struct devid_slice usual,
                        struct devid_error *err);
/** What was said of a half; which: "private-", "public-", or "" before the names of its fields. */
devid_rc devid_said_read(const struct devid_record *record, const char *which, struct devid_said_owned *kept,
                         struct devid_said *said, struct devid_error *err);
devid_rc devid_said_write(struct devid_record *record, const char *which, const struct devid_said *said,
                          struct devid_error *err);
void devid_said_free(struct devid_said_owned *kept);
/** "private fixed", the names of enum devid_flag's bits; NULL: none */
unsigned devid_flags_read(const char *text);
unsigned devid_uses_read(const char *text);
devid_rc devid_uses_write(struct devid_record *record, unsigned uses, struct devid_error *err);
devid_rc devid_flags_write(struct devid_record *record, const char *field, unsigned flags, struct devid_error *err);

/**
 * The CKA_ID that a key has unless a client chose one: SHA-1 of what the BIT STRING of its SubjectPublicKeyInfo holds, as
 * most certificates' subjectKeyIdentifier. RFC 5280, section 4.2.1.2 (1). id has 20 bytes.
 */
devid_rc devid_entry_default_id(const struct devid_public *pub, unsigned char id[20], struct devid_error *err);

#endif
