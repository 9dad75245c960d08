/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DEVID KEY REFERENCE: a PEM file that names a key, for programs that open files and no URIs.
 *
 *   DevidKeyReference ::= SEQUENCE {
 *       version  INTEGER (0),
 *       uri      UTF8String,                        -- RFC 7512, or handle:0x81...
 *       spki     SubjectPublicKeyInfo OPTIONAL,     -- a client checks its certificate without the TPM
 *       ... }                                       -- later elements are ignored
 */
#ifndef DEVID_CORE_REF_H
#define DEVID_CORE_REF_H

#include "core/bytes.h"

#define DEVID_REF_LABEL "DEVID KEY REFERENCE"

struct devid_ref {
    struct devid_bytes uri;  /* NUL-terminated, at most 1,024 bytes, no control characters */
    struct devid_bytes spki; /* DER; empty if the file had none */
};

/** From DER. \return DEVID_E_DATA if it is malformed */
devid_rc devid_ref_read_der(struct devid_slice der, struct devid_ref *out, struct devid_error *err);
devid_rc devid_ref_write_der(const struct devid_ref *ref, struct devid_bytes *der, struct devid_error *err);
void devid_ref_free(struct devid_ref *ref);

/**
 * Find a PEM block by label: other blocks and text around it are passed over.
 * \param file  at most DEVID_PEM_MAX bytes
 * \param n     which of that label, from 0
 * \return DEVID_E_ABSENT if there is none; DEVID_E_DATA if its base64 is broken
 */
devid_rc devid_pem_find(struct devid_slice file, const char *label, unsigned n, struct devid_bytes *der,
                        struct devid_error *err);
/** Append a block to *out, lines of 64 characters. */
devid_rc devid_pem_append(struct devid_bytes *out, const char *label, struct devid_slice der, struct devid_error *err);

#endif
