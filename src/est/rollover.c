/* SPDX-License-Identifier: BSD-2-Clause */
/* New roots. RFC 7030 section 4.1.3, RFC 4210 section 4.4: OldWithNew, NewWithOld. */
#include "est/rollover.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "core/log.h"
#include "est/message.h"
#include "est/ossl.h"
#include "est/trust.h"

#define ANCHORS_MAX 16 /* a server cannot make the file grow without end */

static bool is_now(const X509 *cert)
{
    return ossl_is_past(X509_get0_notBefore(cert)) && !ossl_is_past(X509_get0_notAfter(cert));
}

/* cert is for key and name of subject, by issuer: a CA certificate, good now. */
static bool vouches(X509 *cert, X509 *issuer, X509 *subject)
{
    bool good = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_subject_name(subject)) == 0 &&
                EVP_PKEY_eq(X509_get0_pubkey(cert), X509_get0_pubkey(subject)) == 1 &&
                X509_check_issued(issuer, cert) == X509_V_OK && X509_verify(cert, X509_get0_pubkey(issuer)) == 1 &&
                X509_check_ca(cert) == 1 && is_now(cert);

    ERR_clear_error();
    return good;
}

/* It is meant to vouch, whether it does or not. */
static bool claims(const X509 *cert, const X509 *issuer, const X509 *subject)
{
    return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_subject_name(subject)) == 0 &&
           X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(cert), X509_get0_pubkey(subject)) == 1 && X509_cmp(cert, subject) != 0;
}

/* A subordinate CA is held by a path length or name constraints; what is held is no root's equal. */
static bool is_free(X509 *cert)
{
    return X509_get_pathlen(cert) < 0 && X509_get_ext_by_NID(cert, NID_name_constraints, -1) < 0;
}

static bool is_linked(X509 *root, X509 *anchor, STACK_OF(X509) *certs)
{
    bool has_new_with_old = false, has_old_with_new = false;
    bool is_same_name = X509_NAME_cmp(X509_get_subject_name(root), X509_get_subject_name(anchor)) == 0;

    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);

        if (vouches(cert, anchor, root) && (is_same_name || is_free(cert)))
            has_new_with_old = true;
        if (vouches(cert, root, anchor))
            has_old_with_new = true;
        else if (claims(cert, root, anchor))
            return false;
    }
    return has_new_with_old && (is_same_name || has_old_with_new);
}

static bool holds(STACK_OF(X509) *list, const X509 *cert)
{
    for (int i = 0; i < sk_X509_num(list); i++)
        if (X509_cmp(sk_X509_value(list, i), cert) == 0)
            return true;
    return false;
}

static bool add(STACK_OF(X509) *list, X509 *cert)
{
    return sk_X509_num(list) < ANCHORS_MAX && X509_add_cert(list, cert, X509_ADD_FLAG_UP_REF) == 1;
}

static void say(const char *words, const X509 *cert)
{
    char name[128] = "";

    (void)X509_NAME_oneline(X509_get_subject_name(cert), name, sizeof name);
    devid_log(DEVID_LOG_INFO, "est/rollover", "%s: %s", words, name);
}

/* Roots that some anchor vouches for; a root that was just taken may vouch for the next. True if there was one. */
static bool take_linked(STACK_OF(X509) *anchors, STACK_OF(X509) *certs)
{
    bool took = false, again = true;

    while (again) {
        again = false;
        for (int i = 0; i < sk_X509_num(certs) && !again; i++) {
            X509 *root = sk_X509_value(certs, i);

            if (holds(anchors, root) || !trust_is_root(root) || !is_now(root))
                continue;
            for (int j = 0; j < sk_X509_num(anchors) && !again; j++)
                again = is_linked(root, sk_X509_value(anchors, j), certs) && add(anchors, root);
            if (again)
                say("a new root has taken its place beside the old", root);
        }
        took = took || again;
    }
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (trust_is_root(sk_X509_value(certs, i)) && !holds(anchors, sk_X509_value(certs, i)))
            say("the server shows a root that no anchor vouches for; it is not trusted", sk_X509_value(certs, i));
    return took;
}

static bool drop_expired(STACK_OF(X509) *anchors)
{
    bool dropped = false;
    int n_good = 0;

    for (int i = 0; i < sk_X509_num(anchors); i++)
        n_good += is_now(sk_X509_value(anchors, i)) ? 1 : 0;
    for (int i = sk_X509_num(anchors) - 1; n_good > 0 && i >= 0; i--)
        if (ossl_is_past(X509_get0_notAfter(sk_X509_value(anchors, i)))) {
            say("an anchor has expired and goes", sk_X509_value(anchors, i));
            X509_free(sk_X509_delete(anchors, i));
            dropped = true;
        }
    return dropped;
}

devid_rc rollover(struct devid_slice anchors_pem, STACK_OF(X509) *certs, struct devid_bytes *now, struct devid_error *err)
{
    STACK_OF(X509) *anchors = NULL;
    bool changed;
    devid_rc rc = message_certs_of_pem(anchors_pem, &anchors, err);

    if (rc != DEVID_OK)
        return rc;
    changed = take_linked(anchors, certs);
    changed = drop_expired(anchors) || changed;
    if (changed)
        rc = message_certs_to_pem(anchors, now, err);
    message_certs_free(anchors);
    return rc;
}

devid_rc rollover_first(STACK_OF(X509) *certs, STACK_OF(X509) *peer, struct devid_bytes *now, struct devid_error *err)
{
    STACK_OF(X509) *roots = sk_X509_new_null(), *chain = NULL;
    struct devid_bytes pem = {0};
    bool is_incomplete, good = roots != NULL;
    devid_rc rc = DEVID_OK;

    for (int i = 0; good && i < sk_X509_num(certs); i++)
        if (trust_is_root(sk_X509_value(certs, i)) && sk_X509_num(roots) < ANCHORS_MAX)
            good = add(roots, sk_X509_value(certs, i));
    if (!good)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    else if (sk_X509_num(roots) > 0 && sk_X509_num(peer) > 0)
        rc = message_certs_to_pem(roots, &pem, err);
    if (rc == DEVID_OK && pem.len != 0 &&
        trust_chain(devid_slice_of(pem), sk_X509_value(peer, 0), peer, certs, &chain, &is_incomplete, NULL) == DEVID_OK) {
        *now = pem;
        pem = (struct devid_bytes){0};
    } else if (rc == DEVID_OK) {
        devid_log(DEVID_LOG_INFO, "est/rollover", "the server's own certificate leads to none of its roots: the system's list stays");
    }
    message_certs_free(chain);
    message_certs_free(roots);
    devid_bytes_free(&pem);
    return rc;
}
