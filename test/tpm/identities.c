/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "put.h"
#include "tpm/identities.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/keyfile.h"
#include "core/make.h"
#include "core/ref.h"
#include "core/uri.h"

#define DAY (24L * 3600)
#define MUST(call) assert_int_equal((call), DEVID_OK)

X509 *identities_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    /* what strict verifiers look for, as Python's is from 3.13 on */
    const struct {
        int nid;
        const char *of_ca, *of_leaf;
    } extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE", "CA:FALSE"},
        {NID_key_usage, "critical,keyCertSign,cRLSign", NULL},
        {NID_subject_key_identifier, "hash", "hash"},
        {NID_authority_key_identifier, NULL, "keyid:always"},
        {NID_subject_alt_name, "DNS:localhost", "DNS:localhost"},
    };
    static long serial = 1;
    X509_NAME *subject = X509_NAME_new();
    X509 *cert = X509_new();
    X509V3_CTX ctx;

    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -DAY));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 30 * DAY));
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0), 1);
    assert_int_equal(X509_set_subject_name(cert, subject), 1);
    X509_NAME_free(subject);
    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(issuer == NULL ? cert : issuer)), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    X509V3_set_ctx(&ctx, issuer == NULL ? cert : issuer, cert, NULL, NULL, 0);
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        const char *value = issuer == NULL ? extensions[i].of_ca : extensions[i].of_leaf;
        X509_EXTENSION *ext = value == NULL ? NULL : X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid, value);

        assert_true(value == NULL || X509_add_ext(cert, ext, -1) == 1);
        X509_EXTENSION_free(ext);
    }
    assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    return cert;
}

static struct devid_bytes der_of(X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    struct devid_bytes copy = {0};

    assert_true(len > 0);
    MUST(devid_bytes_copy((struct devid_slice){der, (size_t)len}, &copy, NULL));
    OPENSSL_free(der);
    return copy;
}

static char *write_file(struct identities *ids, const char *label, const char *suffix, const char *text)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s-%s.pem", ids->folder, label, suffix);
    for (char *at = path + strlen(ids->folder); *at != 0; at++)
        if (*at == ':') /* curl takes what follows for a password */
            *at = '-';
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return strdup(path);
}

/* Store the identity with a certificate of the CA, and write the files that a client is given. */
static void enrol(struct identities *ids, struct devid_identity *identity, struct sample *out)
{
    const unsigned char *at = identity->pub.spki.data;
    EVP_PKEY *public = d2i_PUBKEY(NULL, &at, (long)identity->pub.spki.len);
    struct devid_bytes leaf, root = der_of(ids->ca), pem = {0}, der = {0};
    struct devid_cert chain[2];
    struct devid_ref ref = {.spki = identity->pub.spki};

    out->cert = identities_certificate(identity->label, public, ids->ca, ids->ca_key);
    leaf = der_of(out->cert);
    MUST(devid_cert_parse(devid_slice_of(leaf), &chain[0], NULL));
    MUST(devid_cert_parse(devid_slice_of(root), &chain[1], NULL));
    identity->cert_place = DEVID_PLACE_FILE;
    identity->chain = chain;
    identity->n_chain = 2;
    MUST(put_identity(ids->store, identity, NULL));

    MUST(devid_uri_of(identity, &ref.uri, NULL));
    MUST(devid_ref_write_der(&ref, &der, NULL));
    MUST(devid_pem_append(&pem, DEVID_REF_LABEL, devid_slice_of(der), NULL));
    out->uri = (char *)ref.uri.data;
    out->key_pem = (char *)pem.data;
    pem = (struct devid_bytes){0};
    MUST(devid_pem_append(&pem, "CERTIFICATE", devid_slice_of(leaf), NULL));
    MUST(devid_pem_append(&pem, "CERTIFICATE", devid_slice_of(root), NULL));
    out->cert_pem = (char *)pem.data;
    out->key_file = write_file(ids, identity->label, "key", out->key_pem);
    out->cert_file = write_file(ids, identity->label, "cert", out->cert_pem);
    devid_bytes_free(&leaf);
    devid_bytes_free(&root);
    devid_bytes_free(&der);
    EVP_PKEY_free(public);
}

static char *tss2_of(const struct devid_made *wrapped)
{
    struct devid_keyfile file = {
        .area = wrapped->pub.area, .blob = wrapped->blob, .parent = wrapped->parent, .is_empty_auth = true};
    struct devid_bytes der = {0}, pem = {0};

    MUST(devid_keyfile_write(&file, &der, NULL));
    MUST(devid_pem_append(&pem, DEVID_KEYFILE_LABEL, devid_slice_of(der), NULL));
    devid_bytes_free(&der);
    return (char *)pem.data;
}

void identities_add(struct identities *ids, const char *label, enum devid_alg alg, uint32_t handle, struct sample *out)
{
    struct devid_store *store = ids->store;
    struct devid_wanted wanted = {.alg = alg, .bits = alg == DEVID_EC ? 256 : 2048, .signs = true,
                                  .decrypts = alg == DEVID_RSA || handle == 0};
    struct devid_made wrapped = {0}, kept = {0};
    struct devid_identity identity = {.token = "owner", .label = label, .public_label = label,
                                      .role = DEVID_ROLE_LDEVID, .key_place = DEVID_PLACE_BLOB};

    MUST(devid_make_key(store, &wanted, &wrapped, NULL));
    identity.pub = wrapped.pub;
    identity.blob = devid_slice_of(wrapped.blob);
    identity.parent = wrapped.parent;
    if (handle != 0) {
        MUST(devid_make_persistent(store, &identity, handle, &kept, NULL));
        identity.key_place = DEVID_PLACE_HANDLE;
        identity.handle = handle;
        identity.blob = (struct devid_slice){NULL, 0};
        identity.parent = 0;
        identity.object = devid_slice_of(kept.object);
    } else {
        out->tss2_pem = tss2_of(&wrapped);
    }
    if (out != NULL)
        enrol(ids, &identity, out);
    else
        MUST(devid_bytes_copy(devid_slice_of(wrapped.pub.spki), &ids->stray_spki, NULL));
    devid_made_free(&wrapped);
    devid_made_free(&kept);
}

static void write_pem(struct identities *ids)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/ca-cert.pem", ids->folder);
    assert_non_null(file = fopen(path, "w"));
    assert_int_equal(PEM_write_X509(file, ids->ca), 1);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(path, sizeof path, "%s/ca-key.pem", ids->folder);
    assert_non_null(file = fopen(path, "w"));
    assert_int_equal(PEM_write_PrivateKey(file, ids->ca_key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}

void identities_make(struct devid_store *store, const char *folder, struct identities *ids)
{
    *ids = (struct identities){.store = store, .folder = folder};
    ids->ca_key = EVP_EC_gen("P-256");
    ids->ca = identities_certificate("test CA", ids->ca_key, NULL, ids->ca_key);
    write_pem(ids);
    identities_add(ids, "azure:ldevid", DEVID_EC, LDEVID_HANDLE, &ids->ldevid);
    identities_add(ids, "wrapped", DEVID_EC, 0, &ids->wrapped);
    identities_add(ids, "rsa", DEVID_RSA, RSA_HANDLE, &ids->rsa);
    identities_add(ids, "stray", DEVID_EC, STRAY_HANDLE, NULL);
}

void identities_free_sample(struct sample *s)
{
    free(s->uri);
    free(s->key_pem);
    free(s->cert_pem);
    free(s->key_file);
    free(s->cert_file);
    free(s->tss2_pem);
    X509_free(s->cert);
}

void identities_free(struct identities *ids)
{
    identities_free_sample(&ids->ldevid);
    identities_free_sample(&ids->wrapped);
    identities_free_sample(&ids->rsa);
    devid_bytes_free(&ids->stray_spki);
    X509_free(ids->ca);
    EVP_PKEY_free(ids->ca_key);
    *ids = (struct identities){0};
}
