/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom we talk to, and what it means when the talk ends early. RFC 7030 section 3. */
#include "est_test.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <unistd.h>

#include "est_world.h"

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

/* RFC 6125: what a certificate must say to be that of "localhost" or 127.0.0.1, and what is not enough. */
static void a_name_matches_as_the_standard_has_it(void **state)
{
    static const struct {
        const char *host, *cn, *san; /* san NULL: none */
        bool is_good;
    } cases[] = {
        {"localhost", "server", "DNS:localhost", true},
        {"LOCALHOST", "server", "DNS:LocalHost", true},
        {"localhost", "localhost", NULL, true}, /* a common name counts where there is no other */
        {"localhost", "localhost", "DNS:est.example", false},
        {"localhost", "other", NULL, false},
        {"localhost", "server", "DNS:local", false},
        {"localhost", "server", "DNS:localhost.example", false},
        {"localhost", "server", "DNS:*", false}, /* a wildcard is for the left-most label of several */
        {"localhost", "server", "DNS:l*", false},
        {"localhost", "server", "DNS:*host", false},
        {"localhost", "*", NULL, false},
        {"a.est.localhost", "server", "DNS:*.est.localhost", true},
        {"a.est.localhost", "*.est.localhost", NULL, true},
        {"a.est.localhost", "server", "DNS:a*.est.localhost", false},
        {"a.est.localhost", "server", "DNS:*.localhost", false},
        {"a.est.localhost", "server", "DNS:a.*.localhost", false},
        {"a.est.localhost", "*.localhost", NULL, false},
        {"est.localhost", "server", "DNS:*.est.localhost", false},
        {"127.0.0.1", "server", "IP:127.0.0.1", true},
        {"127.0.0.1", "server", "IP:127.0.0.2", false},
        {"127.0.0.1", "server", "IP:::1", false},
        {"127.0.0.1", "server", "DNS:127.0.0.1", false}, /* an address is no name */
        {"127.0.0.1", "127.0.0.1", NULL, false},
        {"127.0.0.1", "127.0.0.1", "DNS:est.example", false},
        {"127.0.0.1", "server", "DNS:*.0.0.1", false},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_wish wish = {.cn = cases[i].cn, .san = cases[i].san};
        struct est_test_tls tls = {.wish = &wish};
        struct est_test_server named;
        struct est_server server = server_of(w, NULL);
        struct est_reply reply = {0};
        struct devid_error err = {0};
        char url[128];
        devid_rc rc;

        est_test_server_start(&named, &w->ours, &tls);
        (void)snprintf(url, sizeof url, "https://%s:%u/.well-known/est", cases[i].host, named.port);
        server.url = url;
        rc = est_cacerts(&server, &reply, &err);
        est_reply_free(&reply);
        est_test_server_stop(&named);
        if (rc != (cases[i].is_good ? DEVID_OK : DEVID_E_NET))
            fail_msg("%s with CN %s and %s: %s", cases[i].host, cases[i].cn, cases[i].san == NULL ? "no SAN" : cases[i].san,
                     rc == DEVID_OK ? "accepted" : err.text);
        if (!cases[i].is_good)
            assert_says(&err, "for another host: is the URL right?");
        assert_int_equal(named.n_requests, cases[i].is_good ? 1 : 0);
    }
}

/* RFC 7030 section 3.3.1 asked for 1.1 and more; RFC 8996 took that away. */
static void old_versions_of_tls_are_not_spoken(void **state)
{
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};
    struct world *w = *state;

    for (size_t i = 0; i < 2; i++) {
        struct est_test_tls tls = {.min_version = TLS1_VERSION, .max_version = versions[i]};
        struct est_test_server old;
        struct est_server server = server_of(w, NULL);
        struct est_reply reply = {0};
        struct devid_error err = {0};
        char url[128];

        est_test_server_start(&old, &w->ours, &tls);
        server.url = est_test_server_url(&old, NULL, url);
        assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
        assert_says(&err, "no TLS connection with 127.0.0.1:");
        est_test_server_stop(&old);
        assert_int_equal(old.n_requests, 0);
    }
}

/* RFC 7030 section 3.3.1: no cipher that leaves one side unknown, or the talk open. */
static void a_server_without_authentication_or_encryption_gets_nothing(void **state)
{
    static const char *const ciphers[] = {"aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0"};
    struct world *w = *state;

    for (size_t i = 0; i < 2; i++) {
        struct est_test_tls tls = {.max_version = TLS1_2_VERSION, .ciphers = ciphers[i]};
        struct est_test_server bare;
        struct est_server server = server_of(w, NULL);
        struct est_reply reply = {0};
        struct devid_error err = {0};
        char url[128];

        est_test_server_start(&bare, &w->ours, &tls);
        server.url = est_test_server_url(&bare, NULL, url);
        assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
        assert_says(&err, "no TLS connection with 127.0.0.1:");
        est_test_server_stop(&bare);
        assert_int_equal(bare.n_requests, 0);
    }
}

/* A revocation list of an issuer, with one of its certificates or without, as a PEM file's text. */
static void write_crl(FILE *file, X509 *issuer, EVP_PKEY *key, long revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *later = X509_gmtime_adj(NULL, DAY);

    assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)), 1);
    assert_true(X509_CRL_set1_lastUpdate(crl, now) == 1 && X509_CRL_set1_nextUpdate(crl, later) == 1);
    if (revoked != 0) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();

        assert_true(ASN1_INTEGER_set(serial, revoked) == 1 && X509_REVOKED_set_serialNumber(entry, serial) == 1);
        assert_true(X509_REVOKED_set_revocationDate(entry, now) == 1 && X509_CRL_add0_revoked(crl, entry) == 1);
        ASN1_INTEGER_free(serial);
    }
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0 && PEM_write_X509_CRL(file, crl) == 1);
    ASN1_TIME_free(now);
    ASN1_TIME_free(later);
    X509_CRL_free(crl);
}

static void a_server_whose_certificate_is_revoked_gets_nothing(void **state)
{
    static const struct est_test_tls usual;
    struct world *w = *state;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    struct est_test_server s;
    char path[128], url[128];
    long serial;
    X509 *cert;

    est_test_server_start(&s, &w->ours, &usual);
    server.url = est_test_server_url(&s, NULL, url);
    cert = SSL_CTX_get0_certificate(s.tls);
    serial = ASN1_INTEGER_get(X509_get0_serialNumber(cert));
    (void)snprintf(path, sizeof path, "%s/crl.pem", w->folder);
    server.crl = path;
    for (int is_revoked = 0; is_revoked <= 1; is_revoked++) {
        FILE *file = fopen(path, "w");

        write_crl(file, w->ours.root, w->ours.root_key, 0);
        write_crl(file, w->ours.ca, w->ours.ca_key, is_revoked ? serial : serial + 1);
        assert_int_equal(fclose(file), 0);
        assert_rc(is_revoked ? DEVID_E_NET : DEVID_OK, est_cacerts(&server, &reply, &err), &err);
        est_reply_free(&reply);
    }
    assert_says(&err, "is not good: certificate revoked");
    (void)unlink(path);
    assert_rc(DEVID_E_FILE, est_cacerts(&server, &reply, &err), &err);
    assert_says(&err, "no revocation list can be read from /tmp/");
    est_test_server_stop(&s);
    assert_int_equal(s.n_requests, 1);
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
        assert_client_cert_refused(w, &stranger, NULL, "client certificate, and none is configured");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_goes_to_another_origin),
        cmocka_unit_test(a_server_of_another_ca_gets_nothing),
        cmocka_unit_test(name_and_time_of_the_server_are_checked),
        cmocka_unit_test(a_name_matches_as_the_standard_has_it),
        cmocka_unit_test(old_versions_of_tls_are_not_spoken),
        cmocka_unit_test(a_server_without_authentication_or_encryption_gets_nothing),
        cmocka_unit_test(a_server_whose_certificate_is_revoked_gets_nothing),
        cmocka_unit_test(a_refused_client_certificate_is_named_in_both_versions_of_tls),
        cmocka_unit_test(the_client_certificate_must_be_for_the_key),
        cmocka_unit_test(a_server_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests_name("est/transport", tests, world_set_up, world_tear_down);
}
