/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store: the identities that this device has, from the configuration, the TPM and the
 * state folder. Readers take immutable, counted snapshots; writers make the next one.
 *
 * On disk:  STATE/TOKEN/NAME.pem, one file an identity:
 * "field: value" lines, then PEM blocks: DEVID KEY REFERENCE (key at a handle) or TSS2 PRIVATE
 * KEY (wrapped key), then CERTIFICATE, leaf first. "template:" is, in hexadecimal, what a primary was made by. NAME is the label, with every byte outside
 * [A-Za-z0-9._-] as %XX. Key and certificate are in one file, so they change at one instant: by
 * rename. STATE/.cache/HANDLE holds what may be deleted at any time: public area and saved
 * ESYS object of a persistent handle. Unknown fields and PEM blocks are kept.
 */
#ifndef DEVID_CORE_STORE_H
#define DEVID_CORE_STORE_H

#include "core/conf.h"
#include "core/identity.h"
#include "core/item.h"

struct devid_store;
struct devid_snapshot;

/**
 * Open the store of a configuration. Sends nothing to the TPM and reads no identity yet.
 *
 * \param conf_path  as devid_conf_load
 * \param out        the caller frees it, after every key and snapshot that came from it
 */
devid_rc devid_store_open(const char *conf_path, struct devid_store **out, struct devid_error *err);

/* What a program may want otherwise. Zero-initialised is as devid_store_open. */
struct devid_store_options {
    const char *conf_path; /* as devid_conf_load */
    const char *tcti;      /* instead of the configuration's; NULL: that */
};

/** The same with options; lent. */
devid_rc devid_store_open_with(const struct devid_store_options *options, struct devid_store **out, struct devid_error *err);
void devid_store_free(struct devid_store *store);

/**
 * Connect to the TPM now, so that children of a fork go on with the connection where they may not open one of their own. Sends
 * nothing. Before the first fork.
 * \return DEVID_E_AWAY
 */
devid_rc devid_store_preconnect(struct devid_store *store, struct devid_error *err);

/** TPM commands that this process sent through the store since it was opened. Sends nothing, opens nothing. */
uint64_t devid_store_commands(struct devid_store *store);

/** Its configuration; lives as long as the store. */
const struct devid_conf *devid_store_conf(const struct devid_store *store);

/**
 * The identities as they are now. If nothing changed since the last call (one stat a token), the
 * same snapshot is given again. A manufacturer identity that this device has not seen before
 * (no file, no cache) is looked for in the TPM: TPM2_ReadPublic, TPM2_NV_ReadPublic, TPM2_NV_Read; what
 * is found is kept for the next process if the folder can be written. An absent TPM is no error:
 * its unseen identities are missing until a later call. A damaged file is skipped and logged.
 *
 * \param out  released by devid_snapshot_free; any thread
 */
devid_rc devid_store_snapshot(struct devid_store *store, struct devid_snapshot **out, struct devid_error *err);
/** As devid_store_snapshot, but of what files tell: the TPM is not asked for more. */
devid_rc devid_store_known(struct devid_store *store, struct devid_snapshot **out, struct devid_error *err);
/** One more holder. */
struct devid_snapshot *devid_snapshot_hold(struct devid_snapshot *snap);
void devid_snapshot_free(struct devid_snapshot *snap);

/** Every snapshot's number; equal numbers of one store mean equal content. Never 0. */
uint64_t devid_snapshot_number(const struct devid_snapshot *snap);

/** The identity after prev (NULL: the first), in order of token, then label; NULL at the end. */
const struct devid_identity *devid_snapshot_next(const struct devid_snapshot *snap,
                                                 const struct devid_identity *prev);

/* What a URI or a person names. Unset members match everything. */
struct devid_query {
    const char *token, *label; /* NULL: any; label matches that in the store, and where none has it those of both halves */
    const char *serial;        /* of the token, as devid_about_serial tells it; NULL: any */
    struct devid_slice id;     /* empty: any */
    uint32_t handle;           /* 0: any */
};

/** Whether a query of one snapshot means that identity of it. */
bool devid_snapshot_matches(const struct devid_snapshot *snap, const struct devid_query *query,
                            const struct devid_identity *identity);

/**
 * The first identity that matches, or DEVID_E_ABSENT with a sentence that names the query. If nothing matches, and what may be meant could not be
 * read: DEVID_E_DENIED with the path and the right that lacks, DEVID_E_DATA with what is wrong in it, or DEVID_E_FILE.
 */
devid_rc devid_snapshot_find(const struct devid_snapshot *snap, const struct devid_query *query,
                             const struct devid_identity **out, struct devid_error *err);

/**
 * As devid_store_snapshot and devid_snapshot_find, for a program that knows what it wants: the TPM is asked only if an
 * identity that it has not told of yet could be meant. A device without EK or IDevID would else pay for
 * looking in every process.
 *
 * \param snap  has all identities that match, perhaps not all others; released by devid_snapshot_free
 * \param out   the first that matches; lives as long as *snap
 */
devid_rc devid_store_find(struct devid_store *store, const struct devid_query *query, struct devid_snapshot **snap,
                          const struct devid_identity **out, struct devid_error *err);

/**
 * Write an identity that is new; no file is replaced. If its label is taken, empty, or too long for a
 * file, it gets another one like it, and the wanted one as private_label: PKCS#11 lets two keys have one label.
 *
 * \param name  its label in the store; freed by the caller
 */
devid_rc devid_store_add(struct devid_store *store, const struct devid_identity *identity, struct devid_bytes *name,
                         struct devid_error *err);

/**
 * Change an identity that nobody else changed since.
 *
 * \param old  of a snapshot of this store
 * \param next what it becomes, at one instant; a label other than old's is a new name, chosen as by devid_store_add. NULL: it is
 *             removed; its key in the TPM is not touched
 * \return DEVID_E_BUSY if the file is not what old was read from: look again; DEVID_E_DENIED if it is read-only
 */
devid_rc devid_store_replace(struct devid_store *store, const struct devid_identity *old,
                             const struct devid_identity *next, struct devid_error *err);

/**
 * The same for who may change the manufacturer's, too, and make an identity of a name that is the device's own: the commands.
 *
 * \param old  NULL: next is new, under its very label
 * \return DEVID_E_BUSY also if it was to be new and another process made one of that name: look again; DEVID_E_FILE if the folder
 *         cannot be written
 */
devid_rc devid_store_change(struct devid_store *store, const struct devid_identity *old, const struct devid_identity *next,
                            struct devid_error *err);

/**
 * A snapshot of one identity that is in no folder: of a key pair that lives as long as a session.
 *
 * \param identity  as for devid_store_change; lent, copied
 */
devid_rc devid_snapshot_of(struct devid_store *store, const struct devid_identity *identity,
                           struct devid_snapshot **out, struct devid_error *err);

/** The i-th item, in order of token and name; NULL after the last. Lives as long as the snapshot. */
const struct devid_item *devid_snapshot_item(const struct devid_snapshot *snap, size_t i);

/**
 * Write a new item, or change one that nobody else changed since.
 *
 * \param old   of a snapshot of this store; NULL: it is new. A file of that name is then what a killed process
 *              left of the same, and is replaced
 * \param next  what it becomes, with old's token and name; NULL: it is removed
 * \return DEVID_E_BUSY if the file is not what old was read from: look again; DEVID_E_ARG for text with line ends, or too much data
 */
devid_rc devid_store_put_item(struct devid_store *store, const struct devid_item *old, const struct devid_item *next,
                              struct devid_error *err);
/** Remove the item of that name, if there is one. */
devid_rc devid_store_remove_item(struct devid_store *store, const char *token, const char *name, struct devid_error *err);

/** As devid_snapshot_of. */
devid_rc devid_snapshot_of_item(const struct devid_item *item, struct devid_snapshot **out, struct devid_error *err);

/** The folder of a token: "STATE/TOKEN", as devid_files_name spells it; *out is NUL-terminated and freed by the caller. */
devid_rc devid_store_token_folder(const struct devid_store *store, const char *token, struct devid_bytes *out,
                                  struct devid_error *err);
/** The same for what is no token's: a name that begins with a dot. */
devid_rc devid_store_folder(const struct devid_store *store, const char *name, struct devid_bytes *out,
                            struct devid_error *err);

#endif
