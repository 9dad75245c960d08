/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /cacerts, as a server of which one root is known shows it: DER of certificates, one after the other. Whatever comes, the known root
 * stays, and none is taken but one for which it signed. The root's key is made here, so nothing that comes from outside can be.
 */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "est/message.h"
#include "est/rollover.h"
#include "est/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool good)
{
    if (!good)
        abort();
}

static struct devid_bytes known_root(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    STACK_OF(X509) *one = sk_X509_new_null();
    struct devid_bytes pem = {0};
    X509 *root = X509_new();
    X509_NAME *name = X509_NAME_new();

    must(key != NULL && one != NULL && X509_set_version(root, X509_VERSION_3) == 1);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"root", -1, -1, 0) == 1);
    must(X509_set_subject_name(root, name) == 1 && X509_set_issuer_name(root, name) == 1 && X509_set_pubkey(root, key) == 1);
    must(X509_gmtime_adj(X509_getm_notBefore(root), -60) != NULL && X509_gmtime_adj(X509_getm_notAfter(root), 86400) != NULL);
    must(X509_sign(root, key, EVP_sha256()) > 0 && sk_X509_push(one, root) > 0);
    must(message_certs_to_pem(one, &pem, NULL) == DEVID_OK);
    message_certs_free(one);
    X509_NAME_free(name);
    EVP_PKEY_free(key);
    return pem;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct devid_bytes root;
    STACK_OF(X509) *certs = sk_X509_new_null();
    const unsigned char *at = data, *end = data + len;
    struct devid_bytes now = {0}, first = {0};
    X509 *cert;

    if (root.len == 0)
        root = known_root();
    must(certs != NULL);
    while (at < end && sk_X509_num(certs) < MESSAGE_CERTS_MAX && (cert = d2i_X509(NULL, &at, end - at)) != NULL)
        must(sk_X509_push(certs, cert) > 0);
    ERR_clear_error();
    must(rollover(devid_slice_of(root), certs, &now, NULL) == DEVID_OK && now.len == 0);
    must(rollover_first(certs, certs, &first, NULL) == DEVID_OK);
    must(ERR_peek_error() == 0);
    devid_bytes_free(&first);
    message_certs_free(certs);
    return 0;
}
