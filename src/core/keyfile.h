/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TSS2 PRIVATE KEY: a wrapped key as the other TPM programs write it. draft-bottomley-tpm2-keys.
 */
#ifndef DEVID_CORE_KEYFILE_H
#define DEVID_CORE_KEYFILE_H

#include "core/bytes.h"

#define DEVID_KEYFILE_LABEL "TSS2 PRIVATE KEY"
#define DEVID_PEM_MAX (256 * 1024) /* bytes of a PEM file that any reader of ours accepts */

struct devid_keyfile {
    struct devid_bytes area; /* TPM2B_PUBLIC, marshalled */
    struct devid_bytes blob; /* TPM2B_PRIVATE, marshalled */
    uint32_t parent;         /* persistent handle, or a hierarchy: its primary by the template of devid_template_parent */
    bool is_empty_auth;      /* false: the key has an auth value of its own */
    bool has_rsa_parent;     /* the hierarchy's primary is RSA 2048, not EC P-256 */
    uint32_t handle;         /* 0x81...: the key is at that persistent handle and blob empty, which is read but never written */
};

/**
 * Read a loadable key's DER (OID 2.23.133.10.1.3).
 * \return DEVID_E_DATA if malformed, longer than DEVID_PEM_MAX, or with bytes behind; DEVID_E_KEY if it is no
 *         loadable key, or has a policy (named in err) or secret, which are not supported
 */
devid_rc devid_keyfile_read(struct devid_slice der, struct devid_keyfile *out, struct devid_error *err);
/** DER of it, freed by the caller. */
devid_rc devid_keyfile_write(const struct devid_keyfile *key, struct devid_bytes *der, struct devid_error *err);
void devid_keyfile_free(struct devid_keyfile *key);

#endif
