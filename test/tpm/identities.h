/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Identities to test with, made by core on the world's TPM, with certificates of a CA of their own; and the
 * files that a client is given. Used by the provider's tests, and by prepare for the scripts of test/client.
 */
#ifndef DEVID_TEST_IDENTITIES_H
#define DEVID_TEST_IDENTITIES_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/store.h"

#define LDEVID_HANDLE 0x81000002U
#define RSA_HANDLE 0x81000003U
#define STRAY_HANDLE 0x81000009U

struct sample {
    char *uri, *key_pem, *cert_pem; /* texts; cert_pem has the chain */
    char *key_file, *cert_file;     /* FOLDER/LABEL-key.pem, FOLDER/LABEL-cert.pem, ':' as '-' */
    char *tss2_pem;                 /* of a wrapped key; NULL if it is at a handle */
    X509 *cert;
};

struct identities {
    struct devid_store *store;
    const char *folder;
    X509 *ca; /* FOLDER/ca-cert.pem, ca-key.pem */
    EVP_PKEY *ca_key;
    struct sample ldevid, wrapped, rsa; /* EC at a handle, EC wrapped that also derives, RSA-2048 at a handle */
    struct devid_bytes stray_spki; /* of the key at STRAY_HANDLE, which no identity has */
};

void identities_make(struct devid_store *store, const char *folder, struct identities *ids);
/* One more for the same owner, by the same CA; handle 0: the key stays wrapped. */
void identities_add(struct identities *ids, const char *label, enum devid_alg alg, uint32_t handle, struct sample *out);
void identities_free(struct identities *ids);
void identities_free_sample(struct sample *sample);

/* issuer NULL: a CA's own. */
X509 *identities_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);

#endif
