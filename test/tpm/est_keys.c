/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests and mutual TLS with a key in the TPM, through our provider as any client uses it. Run by est_keys.sh, which
 * makes the TPM, the key and devid.conf, and leaves the key's URI in DEVID_TEST_KEY.
 */
#include "unit/est_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "est/est.h"
#include "unit/est_server.h"

struct world {
    struct pki ours;
    struct est_test_server server;
    const char *uri;
    struct devid_bytes root_pem;
};

static int set_up(void **state)
{
    static struct est_test_tls tls;
    struct world *w = calloc(1, sizeof *w);
    struct devid_error err = {0};

    (void)setenv("no_proxy", "*", 1);
    w->uri = getenv("DEVID_TEST_KEY");
    if (w->uri == NULL || est_keys_load(&err) != DEVID_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        free(w);
        return -1;
    }
    pki_new(&w->ours, "ours");
    w->root_pem = pki_pem(w->ours.root, NULL);
    tls.clients = &w->ours;
    est_test_server_start(&w->server, &w->ours, &tls);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    est_test_server_stop(&w->server);
    pki_free(&w->ours);
    devid_bytes_free(&w->root_pem);
    free(w);
    return 0;
}

static X509_REQ *request(const struct world *w, struct devid_bytes *der)
{
    struct est_csr csr = {.key_uri = w->uri, .subject = "CN=gw-1", .usage = EST_USAGE_CLIENT};
    struct devid_error err = {0};
    const unsigned char *at;
    X509_REQ *req;

    assert_rc(DEVID_OK, est_csr_make(&csr, der, &err), &err);
    at = der->data;
    req = d2i_X509_REQ(NULL, &at, (long)der->len);
    assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
    return req;
}

/* TPM2_Sign in the log of core, which est_keys.sh has switched on. */
static unsigned signatures(void)
{
    FILE *log = fopen(getenv("DEVID_LOG_FILE"), "r");
    char line[1024];
    unsigned n = 0;

    if (log == NULL) /* nothing was sent yet */
        return 0;
    while (fgets(line, sizeof line, log) != NULL)
        n += strstr(line, ": TPM2_Sign ") != NULL;
    (void)fclose(log);
    return n;
}

static void a_request_costs_one_signature(void **state)
{
    struct world *w = *state;
    struct devid_bytes der = {0};
    unsigned before = signatures();

    X509_REQ_free(request(w, &der));
    devid_bytes_free(&der);
    assert_int_equal(signatures() - before, 1);
    assert_true(est_keys_commands() > 0);
}

/* Two exchanges, the second for /cacerts, on one connection. */
static void an_enrolment_with_the_key_costs_one_signature(void **state)
{
    struct world *w = *state;
    struct devid_bytes csr = {0}, spki, chain;
    X509_REQ *req = request(w, &csr);
    EVP_PKEY *key = X509_REQ_get_pubkey(req);
    struct pki_wish wish = {.cn = "gw-1", .eku = "clientAuth"};
    X509 *cert = pki_cert(&wish, key, w->ours.ca, w->ours.ca_key);
    struct est_server server = {.anchors_pem = devid_slice_of(w->root_pem), .key_uri = w->uri, .timeout_ms = 20000};
    struct est_reply reply = {0};
    struct devid_error err = {0};
    unsigned before = signatures();
    char url[128];

    spki = pki_spki(key);
    chain = pki_pem(cert, w->ours.ca);
    server.url = est_test_server_url(&w->server, NULL, url);
    server.chain_pem = devid_slice_of(chain);
    assert_rc(DEVID_OK, est_enroll(&server, devid_slice_of(csr), true, devid_slice_of(spki), &reply, &err), &err);
    assert_int_equal(reply.n_certs, 2);
    assert_true(w->server.n_client_certs == w->server.n_requests && w->server.n_requests == 2);
    assert_int_equal(signatures() - before, 1);
    est_reply_free(&reply);
    devid_bytes_free(&csr);
    devid_bytes_free(&spki);
    devid_bytes_free(&chain);
    X509_free(cert);
    EVP_PKEY_free(key);
    X509_REQ_free(req);
}

/* The sentence of core, through OpenSSL's error queue. */
static void a_key_that_is_not_there_is_absent_in_the_words_of_core(void **state)
{
    struct est_csr csr = {.key_uri = "handle:0x81000077", .subject = "CN=a", .usage = EST_USAGE_CLIENT};
    struct devid_bytes der = {0};
    struct devid_error err = {0};

    (void)state;
    assert_rc(DEVID_E_ABSENT, est_csr_make(&csr, &der, &err), &err);
    assert_says(&err, "0x81000077");
    csr.key_uri = "devid:no-such-identity";
    assert_rc(DEVID_E_ABSENT, est_csr_make(&csr, &der, &err), &err);
    assert_says(&err, "no-such-identity is not on this device");
}

/* The key goes away in mid-handshake: libcurl calls it a TLS error, but it is the key that failed. */
static void a_key_that_fails_in_the_handshake_is_no_fault_of_the_net(void **state)
{
    struct world *w = *state;
    struct devid_bytes csr = {0}, spki, chain;
    X509_REQ *req = request(w, &csr);
    EVP_PKEY *key = X509_REQ_get_pubkey(req);
    struct pki_wish wish = {.cn = "gw-1"};
    X509 *cert = pki_cert(&wish, key, w->ours.ca, w->ours.ca_key);
    struct est_server server = {.anchors_pem = devid_slice_of(w->root_pem), .key_uri = w->uri, .timeout_ms = 20000};
    struct est_reply reply = {0};
    struct devid_error err = {0};
    char url[128];

    spki = pki_spki(key);
    chain = pki_pem(cert, NULL);
    server.url = est_test_server_url(&w->server, NULL, url);
    server.chain_pem = devid_slice_of(chain);
    w->server.at_connect = getenv("DEVID_TEST_EVICT");
    assert_rc(DEVID_E_ABSENT, est_enroll(&server, devid_slice_of(csr), false, devid_slice_of(spki), &reply, &err), &err);
    w->server.at_connect = NULL;
    assert_says(&err, "the client key");
    devid_bytes_free(&csr);
    devid_bytes_free(&spki);
    devid_bytes_free(&chain);
    X509_free(cert);
    EVP_PKEY_free(key);
    X509_REQ_free(req);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_costs_one_signature),
        cmocka_unit_test(an_enrolment_with_the_key_costs_one_signature),
        cmocka_unit_test(a_key_that_is_not_there_is_absent_in_the_words_of_core),
        cmocka_unit_test(a_key_that_fails_in_the_handshake_is_no_fault_of_the_net),
    };

    return cmocka_run_group_tests_name("est/keys on a TPM", tests, set_up, tear_down);
}
