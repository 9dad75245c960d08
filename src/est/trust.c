/* SPDX-License-Identifier: BSD-2-Clause */
/* Anchors, first contact, and the checks of an issued certificate. RFC 7030 section 3.6, RFC 5280 section 6. */
#include "est/trust.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "core/hash.h"
#include "core/log.h"
#include "est/message.h"
#include "est/ossl.h"

#define FINGERPRINT_LEN 32

devid_rc trust_anchors(const struct est_server *server, struct devid_bytes *pem, struct devid_error *err)
{
    static const unsigned char line_end[] = "\n";
    STACK_OF(X509) *certs = NULL;
    struct devid_bytes all = {0};
    devid_rc rc = DEVID_OK;

    if (server->anchors != NULL) {
        rc = devid_file_read(server->anchors, MESSAGE_MAX / 2, &all, err);
        if (rc == DEVID_OK)
            rc = message_certs_of_pem(devid_slice_of(all), &certs, err);
        if (rc == DEVID_E_DATA)
            rc = devid_error_in(err, rc, server->anchors);
        message_certs_free(certs);
        certs = NULL;
        if (rc == DEVID_E_ABSENT) /* a file that is named must be there */
            rc = DEVID_E_FILE;
    }
    if (rc == DEVID_OK && server->anchors_pem.len != 0) {
        rc = message_certs_of_pem(server->anchors_pem, &certs, err);
        if (rc != DEVID_OK)
            rc = devid_error_in(err, rc, "the trust anchors");
        if (rc == DEVID_OK)
            rc = devid_bytes_append(&all, (struct devid_slice){line_end, 1}, err);
        if (rc == DEVID_OK)
            rc = devid_bytes_append(&all, server->anchors_pem, err);
        message_certs_free(certs);
    }
    if (rc == DEVID_OK)
        *pem = all;
    else
        devid_bytes_free(&all);
    return rc;
}

static bool is_for(const X509 *cert, struct devid_slice spki)
{
    struct devid_cert fields;
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    bool same = len > 0 && devid_cert_parse((struct devid_slice){der, (size_t)len}, &fields, NULL) == DEVID_OK &&
                devid_cert_is_for(&fields, spki);

    OPENSSL_free(der);
    return same;
}

devid_rc trust_pick(STACK_OF(X509) *certs, struct devid_slice spki, X509 **leaf, struct devid_error *err)
{
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (is_for(sk_X509_value(certs, i), spki)) {
            *leaf = sk_X509_value(certs, i);
            return DEVID_OK;
        }
    return devid_fail(err, DEVID_E_DATA, "the certificate is for another key (%d in the reply, none for ours)",
                      sk_X509_num(certs));
}

bool trust_is_root(X509 *cert)
{
    bool is = X509_self_signed(cert, 1) == 1;

    ERR_clear_error();
    return is;
}

static bool add_all(X509_STORE *store, STACK_OF(X509) *certs, bool roots_only)
{
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (!roots_only || trust_is_root(sk_X509_value(certs, i)))
            if (X509_STORE_add_cert(store, sk_X509_value(certs, i)) != 1)
                return false;
    return true;
}

static devid_rc make_store(struct devid_slice anchors_pem, STACK_OF(X509) *others, X509_STORE **out,
                           struct devid_error *err)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *anchors = NULL;
    bool good = store != NULL;
    devid_rc rc = DEVID_OK;

    if (anchors_pem.len != 0)
        rc = message_certs_of_pem(anchors_pem, &anchors, err);
    if (rc == DEVID_OK) {
        /* an anchor may be an intermediate: it is the configuration that says so, not its signature */
        good = good && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
        if (anchors != NULL)
            good = good && add_all(store, anchors, false);
        else
            good = good && X509_STORE_set_default_paths(store) == 1 && (others == NULL || add_all(store, others, true));
        if (!good)
            rc = ossl_fail(err, DEVID_E_MEM, "cannot set up the trust anchors");
    }
    message_certs_free(anchors);
    if (rc == DEVID_OK)
        *out = store;
    else
        X509_STORE_free(store);
    return rc;
}

static devid_rc why_not(int why, X509 *at, struct devid_error *err)
{
    char name[128] = "";

    if (at != NULL)
        (void)X509_NAME_oneline(X509_get_subject_name(at), name, sizeof name);
    for (char *c = name; *c != 0; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
    switch (why) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return devid_fail(err, DEVID_E_DATA, "the certificate of %s has expired: is this device's clock right?", name);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return devid_fail(err, DEVID_E_DATA, "the certificate of %s is not valid yet: is this device's clock right?", name);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return devid_fail(err, DEVID_E_DATA, "the issued certificate does not lead to a trust anchor (%s at %s)",
                          X509_verify_cert_error_string(why), name);
    default:
        return devid_fail(err, DEVID_E_DATA, "the issued certificate is not good: %s (at %s)",
                          X509_verify_cert_error_string(why), name);
    }
}

static bool may_be_incomplete(int why)
{
    return why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT || why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           why == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE || why == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

/* Both stacks in one, referring to the same certificates. NULL without memory. */
static STACK_OF(X509) *joined(STACK_OF(X509) *a, STACK_OF(X509) *b)
{
    STACK_OF(X509) *all = sk_X509_dup(a);

    for (int i = 0; all != NULL && i < sk_X509_num(b); i++)
        if (sk_X509_push(all, sk_X509_value(b, i)) < 1) {
            sk_X509_free(all);
            all = NULL;
        }
    return all;
}

/* A peer has the root, or has no use for it. */
static void drop_root(STACK_OF(X509) *chain)
{
    int last = sk_X509_num(chain) - 1;

    if (last > 0 && trust_is_root(sk_X509_value(chain, last)))
        X509_free(sk_X509_pop(chain));
}

devid_rc trust_chain(struct devid_slice anchors_pem, X509 *leaf, STACK_OF(X509) *reply, STACK_OF(X509) *others,
                     STACK_OF(X509) **chain, bool *is_incomplete, struct devid_error *err)
{
    STACK_OF(X509) *untrusted = joined(reply, others);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE *store = NULL;
    STACK_OF(X509) *found;
    devid_rc rc;

    *is_incomplete = false;
    ERR_clear_error();
    rc = make_store(anchors_pem, others, &store, err);
    if (rc != DEVID_OK)
        goto out;
    if (untrusted == NULL || ctx == NULL || X509_STORE_CTX_init(ctx, store, leaf, untrusted) != 1) {
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
        goto out;
    }
    X509_STORE_CTX_set_depth(ctx, DEVID_CHAIN_MAX);
    if (X509_verify_cert(ctx) != 1) {
        int why = X509_STORE_CTX_get_error(ctx);

        *is_incomplete = others == NULL && may_be_incomplete(why);
        rc = why_not(why, X509_STORE_CTX_get_current_cert(ctx), err);
        goto out;
    }
    found = X509_STORE_CTX_get1_chain(ctx);
    if (found == NULL) {
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
        goto out;
    }
    drop_root(found);
    *chain = found;
out:
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_free(untrusted);
    ERR_clear_error();
    return rc;
}

static bool fingerprint_of(const X509 *cert, unsigned char digest[FINGERPRINT_LEN])
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    bool good = len > 0 &&
                devid_hash_once(DEVID_SHA256, (struct devid_slice){der, (size_t)len}, digest, NULL) == DEVID_OK;

    OPENSSL_free(der);
    return good;
}

devid_rc trust_root(STACK_OF(X509) *certs, struct devid_slice fingerprint, X509 **root, struct devid_error *err)
{
    unsigned char digest[FINGERPRINT_LEN];
    char seen[2 * 65 + 1] = "";

    if (fingerprint.len != FINGERPRINT_LEN)
        return devid_fail(err, DEVID_E_ARG, "a fingerprint of %d bytes (SHA-256) is expected", FINGERPRINT_LEN);
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);
        size_t used = strlen(seen);

        if (!trust_is_root(cert) || !fingerprint_of(cert, digest))
            continue;
        if (memcmp(digest, fingerprint.data, sizeof digest) == 0) {
            *root = cert;
            return DEVID_OK;
        }
        if (used + 65 >= sizeof seen) /* two are enough to see what goes on */
            continue;
        seen[used++] = ' ';
        for (size_t j = 0; j < sizeof digest; j++)
            (void)snprintf(seen + used + 2 * j, 3, "%02x", digest[j]);
    }
    if (seen[0] == 0)
        return devid_fail(err, DEVID_E_DENIED, "the server shows no self-signed root, hence none with the fingerprint");
    return devid_fail(err, DEVID_E_DENIED, "no root of the server has the configured fingerprint; seen:%s", seen);
}

/* What stands in an extension's value, or what is there instead of it. */
static bool same_extension(const X509_EXTENSION *a, const X509_EXTENSION *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return ASN1_STRING_cmp(X509_EXTENSION_get_data((X509_EXTENSION *)(uintptr_t)a),
                           X509_EXTENSION_get_data((X509_EXTENSION *)(uintptr_t)b)) == 0;
}

unsigned trust_difference(struct devid_slice csr, X509 *leaf)
{
    const unsigned char *at = csr.data;
    X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)csr.len);
    STACK_OF(X509_EXTENSION) *asked = req != NULL ? X509_REQ_get_extensions(req) : NULL;
    int ours = X509v3_get_ext_by_NID(asked, NID_subject_alt_name, -1);
    int theirs = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1);
    unsigned difference = 0;

    if (req != NULL && X509_NAME_cmp(X509_REQ_get_subject_name(req), X509_get_subject_name(leaf)) != 0)
        difference |= TRUST_OTHER_SUBJECT;
    if (req != NULL && !same_extension(ours < 0 ? NULL : X509v3_get_ext(asked, ours), theirs < 0 ? NULL : X509_get_ext(leaf, theirs)))
        difference |= TRUST_OTHER_NAMES;
    if ((difference & TRUST_OTHER_SUBJECT) != 0)
        devid_log(DEVID_LOG_INFO, "est/trust", "the server issued another subject than was asked for");
    if ((difference & TRUST_OTHER_NAMES) != 0)
        devid_log(DEVID_LOG_INFO, "est/trust", "the server issued other alternative names than were asked for");
    sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
    X509_REQ_free(req);
    ERR_clear_error();
    return difference;
}
