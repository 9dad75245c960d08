/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations against a TLS server, good and bad. RFC 7030; the keys are files, which changes nothing here. */
#include "est_test.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "est/est.h"
#include "est_server.h"

#define SECRET "correct-horse-battery"

struct world {
    struct pki ours, others;
    struct est_test_server server;
    char folder[64], url[128], *key_uri;
    EVP_PKEY *key;
    struct devid_bytes root_pem, csr, spki, client_chain;
};

static int set_up(void **state)
{
    static const struct est_test_tls usual;
    struct world *w = calloc(1, sizeof *w);
    struct pki_wish wish = {.cn = "old", .eku = "clientAuth"};
    X509 *cert;

    (void)setenv("no_proxy", "*", 1);
    strcpy(w->folder, "/tmp/devid-est-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    pki_new(&w->ours, "ours");
    pki_new(&w->others, "others");
    w->key = pki_key("P-256");
    w->key_uri = pki_key_file(w->folder, "key", w->key);
    w->csr = pki_csr(w->key);
    w->spki = pki_spki(w->key);
    w->root_pem = pki_pem(w->ours.root, NULL);
    cert = pki_cert(&wish, w->key, w->ours.ca, w->ours.ca_key);
    w->client_chain = pki_pem(cert, w->ours.ca);
    X509_free(cert);
    est_test_server_start(&w->server, &w->ours, &usual);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    est_test_server_stop(&w->server);
    pki_free(&w->ours);
    pki_free(&w->others);
    EVP_PKEY_free(w->key);
    devid_bytes_free(&w->root_pem);
    devid_bytes_free(&w->csr);
    devid_bytes_free(&w->spki);
    devid_bytes_free(&w->client_chain);
    (void)unlink(w->key_uri + 5);
    (void)rmdir(w->folder);
    free(w->key_uri);
    free(w);
    return 0;
}

/* The server with its root as anchor and a secret header; label NULL: well-behaved. */
static struct est_server server_of(struct world *w, const char *label)
{
    return (struct est_server){.url = est_test_server_url(&w->server, label, w->url),
                               .anchors_pem = devid_slice_of(w->root_pem),
                               .secret_header = "Secret-Value",
                               .secret = slice_of(SECRET),
                               .timeout_ms = 10000};
}

static devid_rc enroll(const struct world *w, const struct est_server *server, struct est_reply *reply,
                       struct devid_error *err)
{
    return est_enroll(server, devid_slice_of(w->csr), false, devid_slice_of(w->spki), reply, err);
}

/* An enrolment that must fail in this way; nothing of the secret may show. */
static void assert_refused(struct world *w, const char *label, devid_rc expected, const char *words)
{
    struct est_server server = server_of(w, label);
    struct est_reply reply = {0};
    struct devid_error err = {0};

    assert_rc(expected, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, words);
    assert_silent_about(&err, SECRET);
    assert_null(reply.certs_pem.data);
    assert_int_equal(reply.retry_after_s, 0);
}

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
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};

    server.user = "device";
    server.password = slice_of("pass word");
    server.headers = further;
    assert_rc(DEVID_OK, enroll(w, &server, &reply, &err), &err);
    est_reply_free(&reply);
    assert_non_null(strstr(w->server.seen, "\r\nSecret-Value: " SECRET "\r\n"));
    assert_non_null(strstr(w->server.seen, "\r\nX-Site: factory 7\r\n"));
    assert_non_null(strstr(w->server.seen, "\r\nAuthorization: Basic ZGV2aWNlOnBhc3Mgd29yZA==\r\n"));
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
}

static void what_is_no_certificate_is_refused(void **state)
{
    struct world *w = *state;

    assert_refused(w, "html", DEVID_E_DATA, "an HTML page instead of certificates");
    assert_refused(w, "empty", DEVID_E_DATA, "status 200 and no content");
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
    } cases[] = {{"later", 600}, {"dated", 1}, {"busy", 60}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct est_server server = server_of(w, cases[i].label);
        struct est_reply reply = {0};
        struct devid_error err = {0};

        assert_rc(DEVID_E_BUSY, enroll(w, &server, &reply, &err), &err);
        assert_int_equal(reply.retry_after_s, cases[i].seconds);
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

/* RFC 7030 section 3.2.1; libcurl by itself would take the header along. */
static void nothing_goes_to_another_origin(void **state)
{
    static const struct est_test_tls usual;
    struct world *w = *state;
    struct est_test_server other;
    struct est_server server = server_of(w, "elsewhere");
    struct est_reply reply = {0};
    struct devid_error err = {0};
    char url[128], place[64];

    est_test_server_start(&other, &w->ours, &usual);
    w->server.elsewhere = est_test_server_url(&other, NULL, url);
    (void)snprintf(place, sizeof place, "https://127.0.0.1:%u", other.port);
    assert_refused(w, "elsewhere", DEVID_E_DENIED, place);
    assert_rc(DEVID_E_DENIED, est_cacerts(&server, &reply, &err), &err);
    assert_says(&err, "not followed");
    w->server.elsewhere = "http://127.0.0.1/.well-known/est";
    assert_refused(w, "elsewhere", DEVID_E_DENIED, "http://127.0.0.1:80");
    w->server.elsewhere = NULL;
    est_test_server_stop(&other);
    assert_int_equal(other.n_requests, 0);
    assert_int_equal(other.n_connections, 1); /* the one that ends it */
}

static void a_server_of_another_ca_gets_nothing(void **state)
{
    struct world *w = *state;
    struct devid_bytes other = pki_pem(w->others.root, NULL);
    char path[128];
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    unsigned n_before = w->server.n_requests;
    FILE *file;

    server.anchors_pem = devid_slice_of(other);
    assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "is not from a CA in the anchors given");
    server.anchors_pem = (struct devid_slice){0};
    assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "the system's list");
    (void)snprintf(path, sizeof path, "%s/other.pem", w->folder);
    file = fopen(path, "w");
    assert_int_equal(fwrite(other.data, 1, other.len, file), other.len);
    (void)fclose(file);
    server.anchors = path;
    assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "is not from a CA in /tmp/devid-est-");
    (void)unlink(path);
    devid_bytes_free(&other);
    assert_int_equal(w->server.n_requests, n_before);
}

static void assert_server_cert_refused(struct world *w, const struct pki_wish *wish, const char *words)
{
    struct est_test_tls tls = {.wish = wish};
    struct est_test_server bad;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    char url[128];

    est_test_server_start(&bad, &w->ours, &tls);
    server.url = est_test_server_url(&bad, NULL, url);
    assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, words);
    est_test_server_stop(&bad);
    assert_int_equal(bad.n_requests, 0);
}

static void name_and_time_of_the_server_are_checked(void **state)
{
    struct world *w = *state;

    assert_server_cert_refused(w, &(struct pki_wish){.cn = "127.0.0.1", .san = "DNS:est.example"}, "for another host");
    assert_server_cert_refused(
        w, &(struct pki_wish){.cn = "server", .san = "IP:127.0.0.1", .from_s = -2 * DAY, .to_s = -DAY}, "has expired");
    assert_server_cert_refused(
        w, &(struct pki_wish){.cn = "server", .san = "IP:127.0.0.1", .from_s = DAY, .to_s = 2 * DAY}, "not valid yet");
}

static void assert_client_cert_refused(struct world *w, const struct est_test_tls *tls, const struct pki_wish *wish,
                                       const char *words)
{
    struct est_test_server mutual;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    struct devid_bytes chain = {0};
    char url[128];
    X509 *cert;

    est_test_server_start(&mutual, &w->ours, tls);
    server.url = est_test_server_url(&mutual, NULL, url);
    server.secret_header = NULL; /* with one there is no HTTP/2 */
    if (wish != NULL) {
        cert = pki_cert(wish, w->key, w->ours.ca, w->ours.ca_key);
        chain = pki_pem(cert, w->ours.ca);
        X509_free(cert);
        server.key_uri = w->key_uri;
        server.chain_pem = devid_slice_of(chain);
    }
    assert_rc(DEVID_E_DENIED, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, words);
    est_test_server_stop(&mutual);
    devid_bytes_free(&chain);
    assert_int_equal(mutual.n_requests, 0);
}

/* TLS 1.3 tells a client only after its request is on the way. */
static void a_refused_client_certificate_is_named_in_both_versions_of_tls(void **state)
{
    static const int versions[] = {0, TLS1_2_VERSION};
    struct world *w = *state;

    for (size_t i = 0; i < 4; i++) { /* each version with and without HTTP/2, where libcurl has other errors */
        struct est_test_tls stranger = {.clients = &w->others, .max_version = versions[i / 2], .offers_h2 = i % 2 != 0};
        struct est_test_tls friend = {.clients = &w->ours, .max_version = versions[i / 2], .offers_h2 = i % 2 != 0};

        assert_client_cert_refused(w, &stranger, &(struct pki_wish){.cn = "c"}, "refused the client certificate");
        assert_client_cert_refused(w, &stranger, NULL, "wants a client certificate, and none is configured");
        assert_client_cert_refused(w, &friend, &(struct pki_wish){.cn = "c", .from_s = -2 * DAY, .to_s = -DAY},
                                   "refused the client certificate");
        assert_client_cert_refused(w, &friend, &(struct pki_wish){.cn = "c", .eku = "2.23.133.8.1"},
                                   "without clientAuth");
    }
}

static void the_client_certificate_must_be_for_the_key(void **state)
{
    struct world *w = *state;
    struct devid_bytes other = pki_pem(w->others.ca, NULL);
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};

    server.key_uri = w->key_uri;
    server.chain_pem = devid_slice_of(other);
    assert_rc(DEVID_E_DATA, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "is not for the key file:");
    devid_bytes_free(&other);
}

static void a_server_that_is_not_there_is_named(void **state)
{
    struct world *w = *state;
    static const struct est_test_tls usual;
    struct est_test_server gone;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    char url[128];

    est_test_server_start(&gone, &w->ours, &usual);
    est_test_server_stop(&gone);
    server.url = est_test_server_url(&gone, NULL, url);
    assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "cannot connect to 127.0.0.1:");
    server.url = "https://est.invalid/.well-known/est";
    assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "est.invalid");
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
        cmocka_unit_test(a_header_that_would_be_two_is_refused),
        cmocka_unit_test(refusals_are_told_with_the_servers_reason),
        cmocka_unit_test(what_is_no_certificate_is_refused),
        cmocka_unit_test(a_certificate_that_is_not_ours_or_not_good_is_refused),
        cmocka_unit_test(a_server_that_says_later_names_the_time),
        cmocka_unit_test(redirects_within_the_origin_are_followed),
        cmocka_unit_test(nothing_goes_to_another_origin),
        cmocka_unit_test(a_server_of_another_ca_gets_nothing),
        cmocka_unit_test(name_and_time_of_the_server_are_checked),
        cmocka_unit_test(a_refused_client_certificate_is_named_in_both_versions_of_tls),
        cmocka_unit_test(the_client_certificate_must_be_for_the_key),
        cmocka_unit_test(a_server_that_is_not_there_is_named),
        cmocka_unit_test(a_first_contact_sends_no_secret_and_ends_with_the_root_alone),
        cmocka_unit_test(a_wrong_fingerprint_is_refused_with_what_was_seen),
        cmocka_unit_test(the_root_alone_does_not_make_a_server),
    };

    return cmocka_run_group_tests_name("est/enroll", tests, set_up, tear_down);
}
