/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom we talk to, and what it means when the talk ends early. RFC 7030 section 3. */
#include "est_test.h"

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
        cmocka_unit_test(a_refused_client_certificate_is_named_in_both_versions_of_tls),
        cmocka_unit_test(the_client_certificate_must_be_for_the_key),
        cmocka_unit_test(a_server_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests_name("est/transport", tests, world_set_up, world_tear_down);
}
