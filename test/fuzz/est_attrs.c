/* SPDX-License-Identifier: BSD-2-Clause */
/* The wishes of a server, and what they make of a request's subject and extensions. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "est/attrs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool good)
{
    if (!good)
        abort();
}

static void grant(const struct attrs *attrs)
{
    static EVP_PKEY *key;
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    X509_NAME *ours = X509_NAME_new(), *subject = NULL;
    struct devid_bytes text = {0};
    const EVP_MD *digest = NULL;
    unsigned char *der = NULL;

    if (key == NULL)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    must(key != NULL && list != NULL && ours != NULL);
    must(X509_NAME_add_entry_by_txt(ours, "CN", MBSTRING_UTF8, (const unsigned char *)"gw", -1, -1, 0) == 1);
    must(sk_X509_EXTENSION_push(list, X509V3_EXT_nconf_nid(NULL, NULL, NID_key_usage, "digitalSignature")) > 0);
    if (attrs_subject(attrs, ours, &subject, NULL) == DEVID_OK)
        (void)i2d_X509_NAME(subject, &der);
    (void)attrs_extend(attrs, false, list, NULL);
    must(sk_X509_EXTENSION_num(list) >= 1 && sk_X509_EXTENSION_num(list) <= 1 + ATTRS_EXTENSIONS_MAX);
    if (attrs_check_key(attrs, key, NULL) == DEVID_OK && attrs_digest(attrs, key, EVP_sha256(), &digest, NULL) == DEVID_OK)
        must(EVP_MD_get_size(digest) >= 32);
    must(attrs_text(attrs, &text, NULL) == DEVID_OK && text.len > 0);
    devid_bytes_free(&text);
    OPENSSL_free(der);
    X509_NAME_free(subject);
    X509_NAME_free(ours);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct attrs attrs;

    if (attrs_parse((struct devid_slice){data, len}, &attrs, NULL) == DEVID_OK)
        grant(&attrs);
    attrs_free(&attrs);
    must(ERR_peek_error() == 0);
    return 0;
}
