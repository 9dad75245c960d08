/* SPDX-License-Identifier: BSD-2-Clause */
/* Which certificates are believed. RFC 7030 section 3.6, RFC 5280 section 6. */
#include "est_test.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "est/message.h"
#include "est/trust.h"
#include "est_pki.h"

struct world {
    struct pki ours, others;
    EVP_PKEY *key;
    struct devid_bytes root_pem, spki;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    pki_new(&w->ours, "ours");
    pki_new(&w->others, "others");
    w->key = pki_key("P-256");
    w->root_pem = pki_pem(w->ours.root, NULL);
    w->spki = pki_spki(w->key);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    pki_free(&w->ours);
    pki_free(&w->others);
    EVP_PKEY_free(w->key);
    devid_bytes_free(&w->root_pem);
    devid_bytes_free(&w->spki);
    free(w);
    return 0;
}

static X509 *issued(const struct world *w, long from_s, long to_s)
{
    struct pki_wish wish = {.cn = "gw-1", .from_s = from_s, .to_s = to_s};

    return pki_cert(&wish, w->key, w->ours.ca, w->ours.ca_key);
}

static STACK_OF(X509) *stack(X509 *a, X509 *b, X509 *c)
{
    STACK_OF(X509) *certs = sk_X509_new_null();

    for (size_t i = 0; i < 3; i++) {
        X509 *cert = i == 0 ? a : i == 1 ? b : c;

        assert_true(cert == NULL || (X509_up_ref(cert) == 1 && sk_X509_push(certs, cert) > 0));
    }
    return certs;
}

/* Verify the leaf (taken over) with these beside it; returns the chain's length, or minus the devid_rc. */
static int verified(const struct world *w, struct devid_slice anchors, X509 *leaf, X509 *beside, X509 *from_cacerts,
                    bool *is_incomplete, struct devid_error *err)
{
    STACK_OF(X509) *reply = stack(beside, leaf, NULL), *chain = NULL;
    STACK_OF(X509) *others = from_cacerts == NULL ? NULL : stack(from_cacerts, w->ours.root, NULL);
    devid_rc rc = trust_chain(anchors, leaf, reply, others, &chain, is_incomplete, err);
    int n = rc == DEVID_OK ? sk_X509_num(chain) : -(int)rc;

    if (rc == DEVID_OK)
        assert_int_equal(X509_cmp(sk_X509_value(chain, 0), leaf), 0);
    message_certs_free(chain);
    message_certs_free(reply);
    message_certs_free(others);
    X509_free(leaf);
    return n;
}

static void the_certificate_is_found_by_its_key_not_its_place(void **state)
{
    struct world *w = *state;
    struct devid_error err = {0};
    X509 *leaf = issued(w, 0, 0), *found = NULL;
    STACK_OF(X509) *certs = stack(w->ours.root, w->ours.ca, leaf);
    struct devid_bytes other = pki_spki(w->others.ca_key);

    assert_rc(DEVID_OK, trust_pick(certs, devid_slice_of(w->spki), &found, &err), &err);
    assert_ptr_equal(found, leaf);
    found = NULL;
    assert_rc(DEVID_E_DATA, trust_pick(certs, devid_slice_of(other), &found, &err), &err);
    assert_says(&err, "for another key");
    assert_null(found);
    devid_bytes_free(&other);
    message_certs_free(certs);
    X509_free(leaf);
}

static void the_chain_is_in_order_and_without_the_root(void **state)
{
    struct world *w = *state;
    struct devid_error err = {0};
    bool is_incomplete = true;

    assert_int_equal(verified(w, devid_slice_of(w->root_pem), issued(w, 0, 0), w->ours.ca, NULL, &is_incomplete, &err), 2);
    assert_false(is_incomplete);
}

/* The CA of the project's mission answers with one certificate and shows the rest in /cacerts. */
static void a_gap_is_told_and_filled_from_cacerts(void **state)
{
    struct world *w = *state;
    struct devid_error err = {0};
    bool is_incomplete = false;

    assert_int_equal(verified(w, devid_slice_of(w->root_pem), issued(w, 0, 0), NULL, NULL, &is_incomplete, &err),
                     -DEVID_E_DATA);
    assert_true(is_incomplete);
    assert_int_equal(
        verified(w, devid_slice_of(w->root_pem), issued(w, 0, 0), NULL, w->ours.ca, &is_incomplete, &err), 2);
}

static void an_issuing_ca_may_be_the_anchor(void **state)
{
    struct world *w = *state;
    struct devid_bytes ca = pki_pem(w->ours.ca, NULL);
    struct devid_error err = {0};
    bool is_incomplete;

    assert_int_equal(verified(w, devid_slice_of(ca), issued(w, 0, 0), NULL, NULL, &is_incomplete, &err), 2);
    devid_bytes_free(&ca);
}

/* Whatever /cacerts shows, a root that is not configured is not believed. */
static void explicit_anchors_are_the_only_ones(void **state)
{
    struct world *w = *state;
    struct devid_bytes other = pki_pem(w->others.root, NULL);
    struct devid_error err = {0};
    bool is_incomplete;

    assert_int_equal(verified(w, devid_slice_of(other), issued(w, 0, 0), w->ours.ca, w->ours.ca, &is_incomplete, &err),
                     -DEVID_E_DATA);
    assert_says(&err, "does not lead to a trust anchor");
    assert_false(is_incomplete); /* nothing more to ask for */
    devid_bytes_free(&other);
}

/* RFC 7030 section 4.1.3: what the system's anchors vouch for may name the CA's own root. */
static void without_explicit_anchors_the_roots_of_cacerts_count(void **state)
{
    static const struct devid_slice none;
    struct world *w = *state;
    struct devid_error err = {0};
    bool is_incomplete;

    assert_int_equal(verified(w, none, issued(w, 0, 0), w->ours.ca, NULL, &is_incomplete, &err), -DEVID_E_DATA);
    assert_true(is_incomplete);
    assert_int_equal(verified(w, none, issued(w, 0, 0), w->ours.ca, w->ours.ca, &is_incomplete, &err), 2);
}

static void expired_and_future_certificates_are_refused(void **state)
{
    struct world *w = *state;
    struct devid_error err = {0};
    bool is_incomplete;

    assert_int_equal(
        verified(w, devid_slice_of(w->root_pem), issued(w, -2 * DAY, -DAY), w->ours.ca, NULL, &is_incomplete, &err),
        -DEVID_E_DATA);
    assert_says(&err, "has expired");
    assert_int_equal(
        verified(w, devid_slice_of(w->root_pem), issued(w, 3600, DAY), w->ours.ca, NULL, &is_incomplete, &err),
        -DEVID_E_DATA);
    assert_says(&err, "not valid yet");
}

static void an_intermediate_that_has_expired_is_named(void **state)
{
    struct world *w = *state;
    struct pki_wish wish = {.cn = "ours issuing CA", .is_ca = true, .from_s = -2 * DAY, .to_s = -DAY};
    X509 *old = pki_cert(&wish, w->ours.ca_key, w->ours.root, w->ours.root_key);
    struct devid_error err = {0};
    bool is_incomplete;

    assert_int_equal(verified(w, devid_slice_of(w->root_pem), issued(w, 0, 0), old, NULL, &is_incomplete, &err), -DEVID_E_DATA);
    assert_says(&err, "ours issuing CA has expired");
    X509_free(old);
}

/* 99991231235959Z: an IDevID. */
static void never_is_a_time_like_another(void **state)
{
    struct world *w = *state;
    struct devid_error err = {0};
    X509 *leaf = issued(w, 0, 0);
    bool is_incomplete;

    assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(leaf), "99991231235959Z"), 1);
    assert_true(X509_sign(leaf, w->ours.ca_key, EVP_sha256()) > 0);
    assert_int_equal(verified(w, devid_slice_of(w->root_pem), leaf, w->ours.ca, NULL, &is_incomplete, &err), 2);
}

static void an_end_entity_is_no_ca(void **state)
{
    struct world *w = *state;
    struct pki_wish wish = {.cn = "gw-1"};
    EVP_PKEY *key = pki_key("P-256");
    X509 *middle = pki_cert(&wish, key, w->ours.root, w->ours.root_key), *leaf;
    struct devid_error err = {0};
    bool is_incomplete;

    wish.cn = "below gw-1";
    leaf = pki_cert(&wish, w->key, middle, key);
    assert_int_equal(verified(w, devid_slice_of(w->root_pem), leaf, middle, NULL, &is_incomplete, &err), -DEVID_E_DATA);
    X509_free(middle);
    EVP_PKEY_free(key);
}

static void the_root_is_found_by_its_fingerprint(void **state)
{
    struct world *w = *state;
    STACK_OF(X509) *certs = stack(w->ours.ca, w->others.root, w->ours.root);
    unsigned char digest[32], *der = NULL;
    int len = i2d_X509(w->ours.root, &der);
    struct devid_error err = {0};
    X509 *root = NULL;

    (void)SHA256(der, (size_t)len, digest);
    OPENSSL_free(der);
    assert_rc(DEVID_OK, trust_root(certs, (struct devid_slice){digest, 32}, &root, &err), &err);
    assert_ptr_equal(root, w->ours.root);
    assert_rc(DEVID_E_ARG, trust_root(certs, (struct devid_slice){digest, 20}, &root, &err), &err);

    /* what was seen is what a person compares with */
    root = NULL;
    digest[0] ^= 1;
    assert_rc(DEVID_E_DENIED, trust_root(certs, (struct devid_slice){digest, 32}, &root, &err), &err);
    for (size_t i = 1; i < 4; i++) {
        char hex[3];

        (void)snprintf(hex, sizeof hex, "%02x", digest[i]);
        assert_says(&err, hex);
    }
    assert_null(root);
    message_certs_free(certs);
}

/* An issuing CA with the fingerprint is not what was asked for: it might be replaced under the same root. */
static void only_a_self_signed_certificate_is_a_root(void **state)
{
    struct world *w = *state;
    STACK_OF(X509) *certs = stack(w->ours.ca, NULL, NULL);
    unsigned char digest[32], *der = NULL;
    int len = i2d_X509(w->ours.ca, &der);
    struct devid_error err = {0};
    X509 *root = NULL;

    (void)SHA256(der, (size_t)len, digest);
    OPENSSL_free(der);
    assert_rc(DEVID_E_DENIED, trust_root(certs, (struct devid_slice){digest, 32}, &root, &err), &err);
    assert_says(&err, "no self-signed root");
    message_certs_free(certs);
}

static void anchors_come_from_file_and_bytes_together(void **state)
{
    struct world *w = *state;
    struct devid_bytes other = pki_pem(w->others.root, NULL), pem = {0};
    char path[] = "/tmp/devid-anchors-XXXXXX";
    struct est_server server = {.anchors = path, .anchors_pem = devid_slice_of(other)};
    STACK_OF(X509) *certs = NULL;
    struct devid_error err = {0};
    int fd = mkstemp(path);

    assert_int_equal(write(fd, w->root_pem.data, w->root_pem.len - 1), w->root_pem.len - 1); /* no line end at its end */
    (void)close(fd);
    assert_rc(DEVID_OK, trust_anchors(&server, &pem, &err), &err);
    assert_rc(DEVID_OK, message_certs_of_pem(devid_slice_of(pem), &certs, &err), &err);
    assert_int_equal(sk_X509_num(certs), 2);
    message_certs_free(certs);
    devid_bytes_free(&pem);

    assert_int_equal(truncate(path, 0), 0);
    assert_rc(DEVID_E_DATA, trust_anchors(&server, &pem, &err), &err);
    assert_says(&err, path);
    assert_int_equal(unlink(path), 0);
    assert_rc(DEVID_E_FILE, trust_anchors(&server, &pem, &err), &err);
    assert_says(&err, path);
    server.anchors = NULL;
    server.anchors_pem = (struct devid_slice){0};
    assert_rc(DEVID_OK, trust_anchors(&server, &pem, &err), &err);
    assert_int_equal(pem.len, 0);
    devid_bytes_free(&other);
}

static void a_difference_from_what_was_asked_for_is_found(void **state)
{
    EVP_PKEY *key = pki_key("P-256");
    struct devid_bytes csr = pki_csr(key); /* CN=gw-1, no names */
    static const struct {
        const char *cn, *san;
        unsigned expected;
    } cases[] = {{"gw-1", NULL, 0},
                 {"gw-2", NULL, TRUST_OTHER_SUBJECT},
                 {"gw-1", "DNS:gw-1", TRUST_OTHER_NAMES},
                 {"gw-2", "DNS:gw-1", TRUST_OTHER_SUBJECT | TRUST_OTHER_NAMES}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_wish wish = {.cn = cases[i].cn, .san = cases[i].san};
        X509 *cert = pki_cert(&wish, key, NULL, NULL);

        assert_int_equal(trust_difference(devid_slice_of(csr), cert), cases[i].expected);
        X509_free(cert);
    }
    devid_bytes_free(&csr);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_certificate_is_found_by_its_key_not_its_place),
        cmocka_unit_test(the_chain_is_in_order_and_without_the_root),
        cmocka_unit_test(a_gap_is_told_and_filled_from_cacerts),
        cmocka_unit_test(an_issuing_ca_may_be_the_anchor),
        cmocka_unit_test(explicit_anchors_are_the_only_ones),
        cmocka_unit_test(without_explicit_anchors_the_roots_of_cacerts_count),
        cmocka_unit_test(expired_and_future_certificates_are_refused),
        cmocka_unit_test(an_intermediate_that_has_expired_is_named),
        cmocka_unit_test(never_is_a_time_like_another),
        cmocka_unit_test(an_end_entity_is_no_ca),
        cmocka_unit_test(the_root_is_found_by_its_fingerprint),
        cmocka_unit_test(only_a_self_signed_certificate_is_a_root),
        cmocka_unit_test(anchors_come_from_file_and_bytes_together),
        cmocka_unit_test(a_difference_from_what_was_asked_for_is_found),
    };

    return cmocka_run_group_tests_name("est/trust", tests, set_up, tear_down);
}
