/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations against a TLS server, good and bad. RFC 7030; the keys are files, which changes nothing here. */
#include "est_test.h"

#include <openssl/sha.h>
#include <stdio.h>

#include "est_world.h"

static void cacerts_are_those_of_the_server(void **state)
{
    struct world *w = *state;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    X509 *second;

    assert_rc(DEVID_OK, est_cacerts(&server, &reply, &err), &err);
    assert_int_equal(reply.n_certs, 2);
    second = pki_nth(reply.certs_pem, 1);
    assert_int_equal(X509_cmp(second, w->ours.root), 0);
    X509_free(second);
    est_reply_free(&reply);
}

static void an_enrolment_gives_the_chain_leaf_first_without_root(void **state)
{
    struct world *w = *state;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    unsigned n_before = w->server.n_connections;
    X509 *leaf, *ca;

    assert_rc(DEVID_OK, enroll(w, &server, &reply, &err), &err);
    assert_int_equal(reply.n_certs, 2);
    leaf = pki_nth(reply.certs_pem, 0);
    ca = pki_nth(reply.certs_pem, 1);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(leaf), w->key), 1);
    assert_int_equal(X509_cmp(ca, w->ours.ca), 0);
    X509_free(leaf);
    X509_free(ca);
    est_reply_free(&reply);

    /* the answer had no chain: /cacerts was asked, over the same connection, which costs no second signature */
    assert_int_equal(w->server.n_connections - n_before, 1);
    assert_non_null(strstr(w->server.seen, "/.well-known/est/simpleenroll "));
    assert_non_null(strstr(w->server.last, "/.well-known/est/cacerts "));
}

static void a_renewal_goes_to_simplereenroll_with_the_old_certificate(void **state)
{
    struct world *w = *state;
    struct est_test_tls tls = {.clients = &w->ours};
    struct est_test_server mutual;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    char url[128];

    est_test_server_start(&mutual, &w->ours, &tls);
    server.url = est_test_server_url(&mutual, "some-label", url);
    server.key_uri = w->key_uri;
    server.chain_pem = devid_slice_of(w->client_chain);
    assert_rc(DEVID_OK, est_enroll(&server, devid_slice_of(w->csr), true, devid_slice_of(w->spki), &reply, &err), &err);
    assert_int_equal(reply.n_certs, 2);
    est_reply_free(&reply);
    est_test_server_stop(&mutual);
    assert_non_null(strstr(mutual.seen, "POST /.well-known/est/some-label/simplereenroll "));
    assert_int_equal(mutual.n_client_certs, mutual.n_requests);
    assert_int_equal(mutual.n_connections, 2); /* one, and the one that ends the server */
}

static void secret_basic_and_further_headers_arrive(void **state)
{
    static const char *const further[] = {"X-Site: factory 7", NULL};
    struct world *w = *state;
    struct est_server server = server_of(w, "basic");
    struct est_reply reply = {0};
    struct devid_error err = {0};
    unsigned n_before = w->server.n_requests;

    w->server.seen[0] = 0;
    server.user = "device";
    server.password = slice_of("pass word");
    server.headers = further;
    assert_rc(DEVID_OK, enroll(w, &server, &reply, &err), &err);
    est_reply_free(&reply);
    assert_non_null(strstr(w->server.seen, "\r\nSecret-Value: " SECRET "\r\n"));
    assert_non_null(strstr(w->server.seen, "\r\nX-Site: factory 7\r\n"));
    assert_non_null(strstr(w->server.seen, "\r\nAuthorization: Basic ZGV2aWNlOnBhc3Mgd29yZA==\r\n"));
    /* not before the server asked: the request, the same with the password, /cacerts, which asks too and is answered */
    assert_in_range(w->server.n_requests - n_before, 3, 4);
    assert_null(memmem(w->server.seen, (size_t)(strstr(w->server.seen, "\r\n\r\n") - w->server.seen), "Authorization", 13));
}

/* A server that offers both gets the one in which the password is not sent. */
static void digest_is_preferred_and_the_password_stays_here(void **state)
{
    struct world *w = *state;
    struct est_server server = server_of(w, "digest");
    struct est_reply reply = {0};
    struct devid_error err = {0};

    w->server.seen[0] = 0;
    server.user = "device";
    server.password = slice_of("pass word");
    assert_rc(DEVID_OK, enroll(w, &server, &reply, &err), &err);
    est_reply_free(&reply);
    assert_non_null(strstr(w->server.seen, "\r\nAuthorization: Digest username=\"device\""));
    assert_null(strstr(w->server.seen, "Authorization: Basic"));
}

static void a_password_that_is_not_taken_is_tried_once(void **state)
{
    struct world *w = *state;
    struct est_server server = server_of(w, "never");
    struct est_reply reply = {0};
    struct devid_error err = {0};
    unsigned n_before = w->server.n_requests;

    server.user = "device";
    server.password = slice_of("wrong word");
    assert_rc(DEVID_E_DENIED, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "(status 401); are user and password right?");
    assert_silent_about(&err, "wrong word");
    assert_int_equal(w->server.n_requests - n_before, 2);
    server.user = NULL;
    assert_rc(DEVID_E_DENIED, enroll(w, &server, &reply, &err), &err);
    assert_int_equal(w->server.n_requests - n_before, 3); /* without a password there is no second try */
}

/* Lines of any length or one, CRLF or LF or both, armour, chunks; with the encoding named or not. */
static void a_body_may_be_written_as_servers_write_it(void **state)
{
    static const char *const labels[] = {"oneline", "armoured", "chunked", "upper"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        struct est_server server = server_of(w, labels[i]);
        struct est_reply reply = {0};
        struct devid_error err = {0};

        assert_rc(DEVID_OK, enroll(w, &server, &reply, &err), &err);
        assert_int_equal(reply.n_certs, 2);
        est_reply_free(&reply);
    }
}

/* One that sends a byte now and then does not hold a device up for ever. */
static void a_server_without_an_end_has_its_time(void **state)
{
    static const char *const labels[] = {"silent", "drip"};
    struct world *w = *state;

    for (size_t i = 0; i < 2; i++) {
        struct est_server server = server_of(w, labels[i]);
        struct est_reply reply = {0};
        struct devid_error err = {0};

        server.timeout_ms = 1500;
        assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
        assert_says(&err, "gave no answer within 1500 ms");
    }
}

static void a_header_that_would_be_two_is_refused(void **state)
{
    static const char *const further[] = {"X-Site: a\r\nX-Other: b", NULL};
    struct world *w = *state;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    unsigned n_before = w->server.n_requests;

    server.secret = slice_of("two\r\nlines");
    assert_rc(DEVID_E_ARG, enroll(w, &server, &reply, &err), &err);
    assert_silent_about(&err, "two");
    server = server_of(w, NULL);
    server.secret_header = "Secret Value";
    assert_rc(DEVID_E_ARG, enroll(w, &server, &reply, &err), &err);
    server = server_of(w, NULL);
    server.headers = further;
    assert_rc(DEVID_E_ARG, enroll(w, &server, &reply, &err), &err);
    assert_int_equal(w->server.n_requests, n_before);
}

static void refusals_are_told_with_the_servers_reason(void **state)
{
    struct world *w = *state;

    assert_refused(w, "denied", DEVID_E_DENIED, "refused simpleenroll (status 403: 403 not on the list)");
    assert_refused(w, "basic", DEVID_E_DENIED, "no user and password are configured");
    assert_refused(w, "status-500", DEVID_E_NET, "with status 500: out of [31mpaper");
    assert_refused(w, "status-404", DEVID_E_NET, "is the URL right?");
    assert_refused(w, "status-405", DEVID_E_NET, "status 405");
    /* a server that sends back what it got does not bring the secret into the log */
    assert_refused(w, "echo", DEVID_E_DENIED, "(status 403)");
    assert_refused(w, "parrot", DEVID_E_DATA, "sends back our secret: what it says is not shown");
}

static void tpmenroll_does_not_tell_a_secret_that_is_sent_back_either(void **state)
{
    struct world *w = *state;
    struct est_server server = server_of(w, "parrot");
    struct est_tpmenroll request = {.csr = devid_slice_of(w->csr), .ek_area = devid_slice_text("ek"),
                                    .key_area = devid_slice_text("key"), .spki = devid_slice_of(w->spki)};
    struct est_reply reply = {0};
    struct devid_error err = {0};
    unsigned char *der = NULL;
    int len = i2d_X509(w->ours.ca, &der);

    assert_true(len > 0);
    request.ek_certs = (struct devid_slice){der, (size_t)len};
    assert_rc(DEVID_E_DATA, est_tpmenroll(&server, &request, &reply, &err), &err);
    assert_says(&err, "sends back our secret: what it says is not shown");
    assert_silent_about(&err, SECRET);
    est_reply_free(&reply);
    OPENSSL_free(der);
}

static void what_is_no_certificate_is_refused(void **state)
{
    struct world *w = *state;

    assert_refused(w, "html", DEVID_E_DATA, "an HTML page instead of an answer");
    assert_refused(w, "empty", DEVID_E_DATA, "status 200 and no content");
    assert_refused(w, "untyped", DEVID_E_DATA, "no Content-Type");
    assert_refused(w, "garbage", DEVID_E_DATA, "no PKCS#7");
    assert_refused(w, "big", DEVID_E_DATA, "longer than 1048576 bytes");
}

static void a_certificate_that_is_not_ours_or_not_good_is_refused(void **state)
{
    struct world *w = *state;

    assert_refused(w, "otherkey", DEVID_E_DATA, "for another key");
    assert_refused(w, "expired", DEVID_E_DATA, "has expired");
}

static void a_server_that_says_later_names_the_time(void **state)
{
    static const struct {
        const char *label;
        unsigned seconds;
        long status;
    } cases[] = {{"later", 600, 202}, {"dated", 1, 503}, {"busy", 0, 429}, {"accepted", 0, 202}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct est_server server = server_of(w, cases[i].label);
        struct est_reply reply = {0};
        struct devid_error err = {0};

        assert_rc(DEVID_E_BUSY, enroll(w, &server, &reply, &err), &err);
        assert_int_equal(reply.retry_after_s, cases[i].seconds);
        assert_int_equal(reply.status, cases[i].status);
        assert_says(&err, cases[i].seconds == 0 ? "again later" : "again in");
        assert_null(reply.certs_pem.data);
    }
}

static void redirects_within_the_origin_are_followed(void **state)
{
    struct world *w = *state;
    struct est_server server = server_of(w, "moved");
    struct est_reply reply = {0};
    struct devid_error err = {0};

    assert_rc(DEVID_OK, est_cacerts(&server, &reply, &err), &err);
    assert_int_equal(reply.n_certs, 2);
    est_reply_free(&reply);
    server = server_of(w, "kept"); /* 307 keeps the request */
    assert_rc(DEVID_OK, enroll(w, &server, &reply, &err), &err);
    est_reply_free(&reply);
    assert_refused(w, "moved", DEVID_E_NET, "a redirect that drops it (status 302)");
    assert_refused(w, "loop", DEVID_E_NET, "");
    assert_refused(w, "nowhere", DEVID_E_NET, "no place to go to");
    server = server_of(w, "loop");
    assert_rc(DEVID_E_NET, est_cacerts(&server, &reply, &err), &err);
    assert_says(&err, "without end");
}

static void fingerprint_of(X509 *cert, unsigned char digest[32])
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);

    (void)SHA256(der, (size_t)len, digest);
    OPENSSL_free(der);
}

/* RFC 7030 section 4.1.1: what is not verified gets nothing. */
static void a_first_contact_sends_no_secret_and_ends_with_the_root_alone(void **state)
{
    struct world *w = *state;
    struct est_server server = server_of(w, NULL);
    struct devid_bytes anchors = {0};
    struct devid_error err = {0};
    unsigned char digest[32];

    w->server.seen[0] = 0;
    server.anchors_pem = (struct devid_slice){0};
    server.user = "device";
    server.password = slice_of("pw");
    server.key_uri = w->key_uri;
    server.chain_pem = devid_slice_of(w->client_chain);
    fingerprint_of(w->ours.root, digest);
    assert_rc(DEVID_OK, est_bootstrap(&server, (struct devid_slice){digest, 32}, &anchors, &err), &err);
    assert_true(devid_slice_eq(devid_slice_of(anchors), devid_slice_of(w->root_pem)));
    assert_null(strstr(w->server.seen, SECRET));
    assert_null(strstr(w->server.seen, "Authorization"));
    assert_null(strstr(w->server.seen, "enroll"));
    devid_bytes_free(&anchors);
}

static void a_wrong_fingerprint_is_refused_with_what_was_seen(void **state)
{
    struct world *w = *state;
    struct est_server server = server_of(w, NULL);
    struct devid_bytes anchors = {0};
    struct devid_error err = {0};
    unsigned char digest[32];
    char hex[9];

    fingerprint_of(w->ours.root, digest);
    (void)snprintf(hex, sizeof hex, "%02x%02x%02x%02x", digest[28], digest[29], digest[30], digest[31]);
    digest[0] ^= 1;
    assert_rc(DEVID_E_DENIED, est_bootstrap(&server, (struct devid_slice){digest, 32}, &anchors, &err), &err);
    assert_says(&err, hex);
    assert_null(anchors.data);
}

/* One who shows the right root, but has no certificate from it, is not the server. */
static void the_root_alone_does_not_make_a_server(void **state)
{
    struct world *w = *state;
    static const struct est_test_tls usual;
    struct est_test_server liar;
    struct pki mixed = {w->others.root_key, w->others.ca_key, w->ours.root, w->others.ca};
    struct est_server server = {.timeout_ms = 10000};
    struct devid_bytes anchors = {0};
    struct devid_error err = {0};
    unsigned char digest[32];
    char url[128];

    est_test_server_start(&liar, &mixed, &usual);
    server.url = est_test_server_url(&liar, NULL, url);
    fingerprint_of(w->ours.root, digest);
    assert_rc(DEVID_E_NET, est_bootstrap(&server, (struct devid_slice){digest, 32}, &anchors, &err), &err);
    assert_says(&err, "is not from a CA in");
    assert_null(anchors.data);
    est_test_server_stop(&liar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cacerts_are_those_of_the_server),
        cmocka_unit_test(an_enrolment_gives_the_chain_leaf_first_without_root),
        cmocka_unit_test(a_renewal_goes_to_simplereenroll_with_the_old_certificate),
        cmocka_unit_test(secret_basic_and_further_headers_arrive),
        cmocka_unit_test(digest_is_preferred_and_the_password_stays_here),
        cmocka_unit_test(a_password_that_is_not_taken_is_tried_once),
        cmocka_unit_test(a_body_may_be_written_as_servers_write_it),
        cmocka_unit_test(a_server_without_an_end_has_its_time),
        cmocka_unit_test(a_header_that_would_be_two_is_refused),
        cmocka_unit_test(refusals_are_told_with_the_servers_reason),
        cmocka_unit_test(tpmenroll_does_not_tell_a_secret_that_is_sent_back_either),
        cmocka_unit_test(what_is_no_certificate_is_refused),
        cmocka_unit_test(a_certificate_that_is_not_ours_or_not_good_is_refused),
        cmocka_unit_test(a_server_that_says_later_names_the_time),
        cmocka_unit_test(redirects_within_the_origin_are_followed),
        cmocka_unit_test(a_first_contact_sends_no_secret_and_ends_with_the_root_alone),
        cmocka_unit_test(a_wrong_fingerprint_is_refused_with_what_was_seen),
        cmocka_unit_test(the_root_alone_does_not_make_a_server),
    };

    return cmocka_run_group_tests_name("est/enroll", tests, world_set_up, world_tear_down);
}
