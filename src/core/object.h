/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ESYS objects: of a persistent handle (saved, so that no command is needed), or of a wrapped key
 * (loaded). Who flushes, and when. Core's own; all calls between devid_tpm_enter and _leave.
 */
#ifndef DEVID_CORE_OBJECT_H
#define DEVID_CORE_OBJECT_H

#include "core/key.h"
#include "core/tpm.h"

struct devid_kept;

/* What a key remembers of its object in this process. Zero-initialised is "none". */
struct devid_object {
    ESYS_TR tr;
    uint64_t generation; /* of the connection it was made under; another: forget tr */
    uint64_t login;      /* it was loaded in; another: not to be used. 0: the key's token has no PIN */
    bool is_ready, is_transient;
    bool was_loaded;     /* under a primary: the next time its context is kept */
    struct devid_kept *kept; /* for the next time: kept.h */
};

/**
 * Make the object usable: saved ESYS object (0 commands), else TPM2_ReadPublic for a handle; TPM2_Load for a blob.
 * \param identity  handle or blob, parent, saved object
 */
devid_rc devid_object_ready(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                            struct devid_object *object, struct devid_error *err);
/** It is not loaded, and there is nothing to flush. */
void devid_object_forget(struct devid_object *object);
/** TPM2_Load with a parent that has no auth value. */
devid_rc devid_object_load(ESYS_CONTEXT *esys, ESYS_TR parent, struct devid_slice area, struct devid_slice blob,
                           ESYS_TR *out, struct devid_error *err);
/** A wrapped key's two parts, unmarshalled. \return DEVID_E_DATA */
devid_rc devid_object_parts(struct devid_slice area, struct devid_slice blob, TPM2B_PUBLIC *public, TPM2B_PRIVATE *private,
                            struct devid_error *err);
/** After the command: behind a resource manager a transient object may stay, without one it is flushed; forget any other. */
void devid_object_rest(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_object *object);
/** Flush or forget it, resource manager or not. */
void devid_object_drop(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_object *object);

/**
 * ESYS_TR of a persistent handle: from a saved object if that is given (may be empty) or in the cache, else by
 * TPM2_ReadPublic, which the cache then remembers. The caller closes it with Esys_TR_Close.
 */
devid_rc devid_object_of_handle(struct devid_store *store, ESYS_CONTEXT *esys, uint32_t handle,
                                struct devid_slice saved, ESYS_TR *out, struct devid_error *err);
/** The same by TPM2_ReadPublic in any case, as the handle is now; nothing is remembered. */
devid_rc devid_object_ask(ESYS_CONTEXT *esys, uint32_t handle, ESYS_TR *out, struct devid_error *err);
/** The hash that names it; DEVID_HASH_NONE for an unknown one. \param area TPM2B_PUBLIC, marshalled */
enum devid_hash devid_object_name_hash(struct devid_slice area);
/** Name = nameAlg || H(TPMT_PUBLIC). TPM 2.0 Library, Part 1, "Names". */
devid_rc devid_object_name(struct devid_slice area, TPM2B_NAME *name, struct devid_error *err);
/** The saved form of an ESYS object: Esys_TR_Serialize. */
devid_rc devid_object_save(ESYS_CONTEXT *esys, ESYS_TR tr, struct devid_bytes *out, struct devid_error *err);

#endif
