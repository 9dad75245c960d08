/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of a certificate that faces show and checks need. RFC 5280.
 */
#ifndef DEVID_CORE_CERT_H
#define DEVID_CORE_CERT_H

#include "core/bytes.h"

/* All slices point into the DER that was parsed and live as long as it. */
struct devid_cert {
    struct devid_slice der;
    struct devid_slice subject, issuer; /* Name, DER */
    struct devid_slice serial;          /* INTEGER with tag and length, as PKCS#11 wants it */
    struct devid_slice spki;            /* SubjectPublicKeyInfo, DER */
    int64_t not_before, not_after;      /* seconds since 1970 UTC; 99991231235959Z is 253402300799 */
    bool is_ca;                         /* basicConstraints CA:TRUE */
};

#define DEVID_CERT_NEVER INT64_C(253402300799)
#define DEVID_CERT_MAX 65536 /* bytes of a certificate that is accepted */
#define DEVID_CHAIN_MAX 16   /* certificates in a chain */

/**
 * Parse one certificate.
 *
 * \param der  lent, and referred to by *out
 * \return DEVID_E_DATA if it is malformed or bytes follow it
 */
devid_rc devid_cert_parse(struct devid_slice der, struct devid_cert *out, struct devid_error *err);

/**
 * The same of a certificate that was parsed when it came: its fields are found, and nothing else of it is judged. A
 * fortieth of the time.
 */
devid_rc devid_cert_look(struct devid_slice der, struct devid_cert *out, struct devid_error *err);

/** The content of the serial number: without tag and length, as other tools print it. Lent. */
struct devid_slice devid_cert_serial(const struct devid_cert *cert);

/** Subject or issuer for a person, RFC 2253 order, UTF-8, "CN=gw-1,O=Example". *out is NUL-terminated. */
devid_rc devid_cert_name_text(struct devid_slice name, struct devid_bytes *out, struct devid_error *err);

/** The commonName of a Name, or the whole as text if it has none. */
devid_rc devid_cert_name_cn(struct devid_slice name, struct devid_bytes *out, struct devid_error *err);

/** "2026-11-24 10:00:00Z" or "never"; buf has room for 24 characters. */
void devid_cert_time_text(int64_t when, char buf[24]);

/** True if the certificate's public key is that of spki (compared as keys, not as bytes). */
bool devid_cert_is_for(const struct devid_cert *cert, struct devid_slice spki);

/** authorityKeyIdentifier's keyIdentifier, lent from the certificate; empty if it has none. */
struct devid_slice devid_cert_authority_key_id(const struct devid_cert *cert);

/**
 * Length of the DER element that data begins with, header included: what NV padding is cut by.
 * 0 if data does not hold a whole element.
 */
size_t devid_der_len(struct devid_slice data);

#endif
