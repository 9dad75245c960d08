/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys, certificates and messages that EST tests make for themselves. All abort the test on failure. */
#ifndef TEST_EST_PKI_H
#define TEST_EST_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/bytes.h"

#define DAY 86400L

/* What a certificate is to be. Zero: an end entity, valid from an hour ago for a day. */
struct pki_wish {
    const char *cn;
    bool is_ca;
    long from_s, to_s; /* against now; both 0: the default */
    const char *san;   /* as in openssl.cnf */
    const char *eku;
    const char *path_len; /* of a CA; NULL: without bound */
};

/* A root and an issuing CA below it. */
struct pki {
    EVP_PKEY *root_key, *ca_key;
    X509 *root, *ca;
};

void pki_new(struct pki *p, const char *name);
void pki_free(struct pki *p);

EVP_PKEY *pki_key(const char *curve);
/** A self-signed certificate if issuer is NULL. */
X509 *pki_cert(const struct pki_wish *wish, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);

/** Certs-only PKCS#7, DER, of up to three certificates (NULL: fewer). */
struct devid_bytes pki_p7(X509 *a, X509 *b, X509 *c);
struct devid_bytes pki_pem(X509 *a, X509 *b);
struct devid_bytes pki_spki(EVP_PKEY *key);
/** A PKCS#10 for key, DER. */
struct devid_bytes pki_csr(EVP_PKEY *key);
/** Write a private key as PEM into folder/name.pem; returns its file: URI, malloced. */
char *pki_key_file(const char *folder, const char *name, EVP_PKEY *key);

/* A key of each type, in files of a folder of their own, as URIs. For cmocka: the state of a group. */
struct pki_keys {
    char folder[64];
    char *ec, *ec384, *rsa;
};

int pki_keys_make(void **state);
int pki_keys_remove(void **state);

struct devid_slice slice_of(const char *text);
/** The certificate number n of a PEM text, 0 first; NULL if there are fewer. */
X509 *pki_nth(struct devid_bytes pem, int n);

#endif
