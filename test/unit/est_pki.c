/* SPDX-License-Identifier: BSD-2-Clause */
#include "est_pki.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUST(x) \
    do { \
        if (!(x)) { \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
            abort(); \
        } \
    } while (0)

EVP_PKEY *pki_key(const char *curve)
{
    EVP_PKEY *key = strcmp(curve, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                               : EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);

    MUST(key != NULL);
    return key;
}

static void extend(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509_NAME *common_name(const char *cn)
{
    X509_NAME *name = X509_NAME_new();

    MUST(name != NULL && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1);
    return name;
}

X509 *pki_cert(const struct pki_wish *wish, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    static long serial = 1000;
    bool is_default = wish->from_s == 0 && wish->to_s == 0;
    X509 *cert = X509_new();
    char constraints[64];
    X509_NAME *name = common_name(wish->cn);

    MUST(cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1);
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++) == 1);
    MUST(X509_set_subject_name(cert, name) == 1);
    MUST(X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : name) == 1);
    X509_NAME_free(name);
    MUST(X509_gmtime_adj(X509_getm_notBefore(cert), is_default ? -3600 : wish->from_s) != NULL);
    MUST(X509_gmtime_adj(X509_getm_notAfter(cert), is_default ? DAY : wish->to_s) != NULL);
    MUST(X509_set_pubkey(cert, key) == 1);
    (void)snprintf(constraints, sizeof constraints, "critical,CA:%s%s%s", wish->is_ca ? "TRUE" : "FALSE",
                   wish->path_len != NULL ? ",pathlen:" : "", wish->path_len != NULL ? wish->path_len : "");
    extend(cert, NID_basic_constraints, constraints);
    if (wish->is_ca)
        extend(cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    if (wish->san != NULL)
        extend(cert, NID_subject_alt_name, wish->san);
    if (wish->eku != NULL)
        extend(cert, NID_ext_key_usage, wish->eku);
    MUST(X509_sign(cert, issuer != NULL ? issuer_key : key, EVP_sha256()) > 0);
    return cert;
}

void pki_new(struct pki *p, const char *name)
{
    char cn[64];
    struct pki_wish wish = {.cn = cn, .is_ca = true};

    p->root_key = pki_key("P-256");
    p->ca_key = pki_key("P-256");
    (void)snprintf(cn, sizeof cn, "%s root", name);
    p->root = pki_cert(&wish, p->root_key, NULL, NULL);
    (void)snprintf(cn, sizeof cn, "%s issuing CA", name);
    p->ca = pki_cert(&wish, p->ca_key, p->root, p->root_key);
}

void pki_free(struct pki *p)
{
    EVP_PKEY_free(p->root_key);
    EVP_PKEY_free(p->ca_key);
    X509_free(p->root);
    X509_free(p->ca);
    *p = (struct pki){0};
}

static struct devid_bytes owned(unsigned char *data, int len)
{
    struct devid_bytes out = {0};

    MUST(len > 0 && devid_bytes_copy((struct devid_slice){data, (size_t)len}, &out, NULL) == DEVID_OK);
    OPENSSL_free(data);
    return out;
}

struct devid_bytes pki_p7(X509 *a, X509 *b, X509 *c)
{
    PKCS7 *p7 = PKCS7_new();
    X509 *all[] = {a, b, c};
    unsigned char *der = NULL;
    int len;

    MUST(p7 != NULL && PKCS7_set_type(p7, NID_pkcs7_signed) == 1 && PKCS7_content_new(p7, NID_pkcs7_data) == 1);
    for (size_t i = 0; i < 3; i++)
        MUST(all[i] == NULL || PKCS7_add_certificate(p7, all[i]) == 1);
    (void)PKCS7_set_detached(p7, 1);
    len = i2d_PKCS7(p7, &der);
    PKCS7_free(p7);
    return owned(der, len);
}

struct devid_bytes pki_pem(X509 *a, X509 *b)
{
    BIO *mem = BIO_new(BIO_s_mem());
    struct devid_bytes out = {0};
    char *data = NULL;
    long len;

    MUST(mem != NULL && PEM_write_bio_X509(mem, a) == 1);
    MUST(b == NULL || PEM_write_bio_X509(mem, b) == 1);
    len = BIO_get_mem_data(mem, &data);
    MUST(devid_bytes_copy((struct devid_slice){(unsigned char *)data, (size_t)len}, &out, NULL) == DEVID_OK);
    BIO_free(mem);
    return out;
}

struct devid_bytes pki_spki(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    return owned(der, len);
}

struct devid_bytes pki_csr(EVP_PKEY *key)
{
    X509_NAME *name = common_name("gw-1");
    X509_REQ *req = X509_REQ_new();
    unsigned char *der = NULL;
    int len;

    MUST(req != NULL && X509_REQ_set_subject_name(req, name) == 1);
    X509_NAME_free(name);
    MUST(X509_REQ_set_pubkey(req, key) == 1 && X509_REQ_sign(req, key, EVP_sha256()) > 0);
    len = i2d_X509_REQ(req, &der);
    X509_REQ_free(req);
    return owned(der, len);
}

char *pki_key_file(const char *folder, const char *name, EVP_PKEY *key)
{
    char *uri = NULL;
    FILE *file;

    MUST(asprintf(&uri, "file:%s/%s.pem", folder, name) > 0);
    file = fopen(uri + 5, "w");
    MUST(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(file) == 0);
    return uri;
}

static char *new_key(const char *folder, const char *name, const char *curve)
{
    EVP_PKEY *key = pki_key(curve);
    char *uri = pki_key_file(folder, name, key);

    EVP_PKEY_free(key);
    return uri;
}

int pki_keys_make(void **state)
{
    struct pki_keys *keys = calloc(1, sizeof *keys);

    MUST(keys != NULL);
    (void)strcpy(keys->folder, "/tmp/devid-keys-XXXXXX");
    MUST(mkdtemp(keys->folder) != NULL);
    keys->ec = new_key(keys->folder, "ec", "P-256");
    keys->ec384 = new_key(keys->folder, "ec384", "P-384");
    keys->rsa = new_key(keys->folder, "rsa", "RSA");
    *state = keys;
    return 0;
}

int pki_keys_remove(void **state)
{
    struct pki_keys *keys = *state;
    char *uris[] = {keys->ec, keys->ec384, keys->rsa};

    for (size_t i = 0; i < 3; i++) {
        (void)unlink(uris[i] + 5);
        free(uris[i]);
    }
    (void)rmdir(keys->folder);
    free(keys);
    return 0;
}

struct devid_slice slice_of(const char *text)
{
    return (struct devid_slice){(const unsigned char *)text, strlen(text)};
}

X509 *pki_nth(struct devid_bytes pem, int n)
{
    BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *cert = NULL;

    MUST(in != NULL);
    for (int i = 0; i <= n; i++) {
        X509_free(cert);
        cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
    }
    BIO_free(in);
    return cert;
}
