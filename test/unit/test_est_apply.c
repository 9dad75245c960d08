/* SPDX-License-Identifier: BSD-2-Clause */
/* An enrolment from the server's wishes to the certificate, over one connection, with a proof of it. RFC 7030 sections 3.5 and 4.5. */
#include "est_test.h"

#include "est_world.h"

/* RFC 7030 section 4.5.2's wishes, for a key of P-256: SEQUENCE { challengePassword, ecPublicKey { prime256v1 } }. */
static const unsigned char wants_proof[] = {0x30, 0x22, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09,
                                            0x07, 0x30, 0x15, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                            0x31, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const unsigned char wants_p384[] = {0x30, 0x14, 0x30, 0x12, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                           0x02, 0x01, 0x31, 0x07, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const unsigned char wants_nothing[] = {0x30, 0x00};

/* A server of its own for each test: it counts from 0. */
struct scene {
    struct world *w;
    struct est_test_server s;
    struct est_server server;
    struct est_csr request;
    struct est_reply reply;
    struct devid_bytes csr;
    struct devid_error err;
    char url[128];
};

static void begin(struct scene *c, void **state, const struct est_test_tls *tls, const char *label)
{
    *c = (struct scene){.w = *state};
    est_test_server_start(&c->s, &c->w->ours, tls);
    c->server = server_of(c->w, NULL);
    c->server.url = est_test_server_url(&c->s, label, c->url);
    c->request = (struct est_csr){.key_uri = c->w->key_uri, .subject = "CN=gw-1", .usage = EST_USAGE_CLIENT};
}

static void wants(struct scene *c, const unsigned char *der, size_t len)
{
    c->s.attrs = (struct devid_slice){der, len};
}

static devid_rc apply(struct scene *c)
{
    est_reply_free(&c->reply);
    return est_apply(&c->server, &c->request, false, devid_slice_of(c->w->spki), &c->csr, &c->reply, &c->err);
}

static void end(struct scene *c)
{
    est_reply_free(&c->reply);
    devid_bytes_free(&c->csr);
    est_test_server_stop(&c->s);
}

static const struct est_test_tls usual;

static void a_server_without_wishes_is_served_over_one_connection(void **state)
{
    struct scene c;

    begin(&c, state, &usual, NULL); /* 404 */
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_int_equal(c.reply.n_certs, 2);
    assert_non_null(strstr(c.s.seen, "GET /.well-known/est/csrattrs "));
    assert_int_equal(c.s.n_connections, 1);
    wants(&c, wants_nothing, sizeof wants_nothing);
    devid_bytes_free(&c.csr);
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_int_equal(c.s.n_unique + c.s.n_exporter, 0);
    end(&c);
}

static void who_does_not_ask_for_wishes_gets_along_without(void **state)
{
    struct scene c;

    begin(&c, state, &usual, NULL);
    wants(&c, wants_p384, sizeof wants_p384);
    c.server.skips_attributes = true;
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_null(strstr(c.s.seen, "csrattrs"));
    end(&c);
}

static void a_key_of_another_type_is_told_before_anything_is_asked_for(void **state)
{
    struct scene c;

    begin(&c, state, &usual, NULL);
    wants(&c, wants_p384, sizeof wants_p384);
    assert_rc(DEVID_E_KEY, apply(&c), &c.err);
    assert_says(&c.err, "takes a key of ec-p384, and this one is ec-p256");
    assert_null(strstr(c.s.seen, "simpleenroll"));
    assert_null(c.csr.data);
    end(&c);
}

static void wishes_that_are_none_are_told(void **state)
{
    static const struct {
        const char *label;
        devid_rc rc;
        const char *words;
    } cases[] = {{"html", DEVID_E_DATA, "csrattrs: an HTML page"},
                 {"garbage", DEVID_E_DATA, "instead of application/csrattrs"},
                 {"empty", DEVID_E_DATA, "answered csrattrs with status 200 and no content"},
                 {"never", DEVID_E_DENIED, "refused csrattrs (status 401)"},
                 {"later", DEVID_E_BUSY, "try csrattrs again in 600 s"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene c;

        begin(&c, state, &usual, cases[i].label);
        assert_rc(cases[i].rc, apply(&c), &c.err);
        assert_says(&c.err, cases[i].words);
        assert_null(strstr(c.s.seen, "enroll"));
        end(&c);
    }
}

/* What a server says that has no such operation; what it says to the request that follows is another matter. */
static void a_server_that_fails_at_wishes_has_none(void **state)
{
    static const char *const labels[] = {"status-500", "status-404", "status-405", "denied"};

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        struct scene c;

        begin(&c, state, &usual, labels[i]);
        assert_true(apply(&c) != DEVID_OK);
        assert_says(&c.err, "simpleenroll");
        assert_non_null(strstr(c.s.seen, "/simpleenroll "));
        end(&c);
    }
}

/* TLS 1.3 has no tls-unique: a server that wants it is spoken to again, in TLS 1.2. */
static void a_server_that_asks_for_a_proof_gets_one_of_its_connection(void **state)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};

    for (size_t i = 0; i < 2; i++) {
        struct est_test_tls tls = {.max_version = versions[i]};
        struct scene c;

        begin(&c, state, &tls, NULL);
        wants(&c, wants_proof, sizeof wants_proof);
        assert_rc(DEVID_OK, apply(&c), &c.err);
        assert_int_equal(c.s.n_unique, 1);
        assert_int_equal(c.s.last_version, TLS1_2_VERSION);
        assert_int_equal(c.s.n_connections, i == 0 ? 2 : 1);
        assert_null(c.csr.data); /* it is of no use any more */
        end(&c);
    }
}

static void a_proof_that_is_configured_is_given_unasked(void **state)
{
    struct est_test_tls old = {.max_version = TLS1_2_VERSION};
    struct scene c;

    begin(&c, state, &usual, NULL);
    c.server.proof = EST_PROOF_TLS_UNIQUE;
    c.server.skips_attributes = true; /* its connection is needed all the same */
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_int_equal(c.s.n_unique, 1);
    assert_int_equal(c.s.n_connections, 1);
    c.server.proof = EST_PROOF_TLS_EXPORTER;
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_int_equal(c.s.n_exporter, 1);
    assert_int_equal(c.s.last_version, TLS1_3_VERSION);
    end(&c);

    begin(&c, state, &old, NULL);
    c.server.proof = EST_PROOF_TLS_EXPORTER;
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_int_equal(c.s.n_exporter, 1);
    assert_int_equal(c.s.last_version, TLS1_2_VERSION);
    end(&c);
}

static void no_proof_is_given_where_it_is_switched_off(void **state)
{
    struct scene c;

    begin(&c, state, &usual, NULL);
    wants(&c, wants_proof, sizeof wants_proof);
    c.server.proof = EST_PROOF_NONE;
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_int_equal(c.s.n_unique + c.s.n_exporter, 0);
    assert_int_equal(c.s.last_version, TLS1_3_VERSION);
    end(&c);
}

static void a_server_that_knows_only_tls_1_3_can_have_no_tls_unique(void **state)
{
    struct est_test_tls tls = {.min_version = TLS1_3_VERSION};
    struct scene c;

    begin(&c, state, &tls, NULL);
    wants(&c, wants_proof, sizeof wants_proof);
    assert_rc(DEVID_E_NET, apply(&c), &c.err);
    assert_says(&c.err, "proof by tls-unique, which needs TLS 1.2: no TLS connection");
    assert_null(strstr(c.s.seen, "enroll"));
    end(&c);
}

/* A request with the proof of a connection that is gone is not sent over the next: another is made. */
static void a_proof_never_goes_over_another_connection(void **state)
{
    struct est_test_tls tls = {.max_version = TLS1_2_VERSION};
    struct scene c;

    begin(&c, state, &tls, "closing-once");
    c.server.proof = EST_PROOF_TLS_UNIQUE;
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_int_equal(c.s.n_unique, 1);
    end(&c);

    begin(&c, state, &tls, "closing");
    c.server.proof = EST_PROOF_TLS_UNIQUE;
    assert_rc(DEVID_E_NET, apply(&c), &c.err);
    assert_says(&c.err, "closes the connection after each answer: no request can be bound to it");
    assert_null(strstr(c.s.seen, "enroll"));
    end(&c);
}

/* RFC 7030 section 4.2.3: the same request again. ECDSA makes another signature each time, so the same bytes are the same request. */
static void a_request_that_was_put_off_is_sent_again_as_it_was(void **state)
{
    struct devid_bytes first = {0};
    struct scene c;

    begin(&c, state, &usual, NULL);
    c.server.url = est_test_server_url(&c.s, "put-off", c.url);
    assert_rc(DEVID_E_BUSY, apply(&c), &c.err);
    assert_int_equal(c.reply.status, 202);
    assert_int_equal(c.reply.retry_after_s, 600);
    assert_rc(DEVID_OK, devid_bytes_copy(devid_slice_of(c.csr), &first, &c.err), &c.err);
    c.server.url = est_test_server_url(&c.s, NULL, c.url);
    c.s.seen[0] = 0;
    wants(&c, wants_p384, sizeof wants_p384); /* no one asks any more */
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_true(devid_slice_eq(devid_slice_of(c.csr), devid_slice_of(first)));
    assert_null(strstr(c.s.seen, "csrattrs"));
    devid_bytes_free(&first);
    end(&c);
}

/* A file may be damaged; a CA should not have to say so. */
static void a_request_that_is_none_is_not_sent(void **state)
{
    EVP_PKEY *key = pki_key("P-256");
    struct devid_bytes other = pki_csr(key), damaged = {0};
    struct devid_slice wrong[4];
    struct scene c;

    begin(&c, state, &usual, NULL);
    assert_rc(DEVID_OK, devid_bytes_copy(devid_slice_of(c.w->csr), &damaged, &c.err), &c.err);
    damaged.data[damaged.len - 1] ^= 1;
    wrong[0] = (struct devid_slice){0};
    wrong[1] = slice_of("nonsense");
    wrong[2] = devid_slice_of(other);
    wrong[3] = devid_slice_of(damaged);
    for (size_t i = 0; i < 4; i++) {
        assert_rc(DEVID_E_ARG, est_enroll(&c.server, wrong[i], false, devid_slice_of(c.w->spki), &c.reply, &c.err), &c.err);
        assert_int_equal(c.s.n_requests, 0);
    }
    for (size_t i = 1; i < 4; i++) { /* one that was kept is made again */
        devid_bytes_free(&c.csr);
        assert_rc(DEVID_OK, devid_bytes_copy(wrong[i], &c.csr, &c.err), &c.err);
        assert_rc(DEVID_OK, apply(&c), &c.err);
        assert_false(devid_slice_eq(devid_slice_of(c.csr), wrong[i]));
    }
    end(&c);
    devid_bytes_free(&other);
    devid_bytes_free(&damaged);
    EVP_PKEY_free(key);
}

/* A certificate in TLS and a password in HTTP: one does not stand for the other. */
static void a_certificate_and_a_password_go_together(void **state)
{
    struct est_test_tls tls = {0};
    struct scene c;

    tls.clients = &((struct world *)*state)->ours;
    begin(&c, state, &tls, "basic");
    c.server.key_uri = c.w->key_uri;
    c.server.chain_pem = devid_slice_of(c.w->client_chain);
    assert_rc(DEVID_E_DENIED, apply(&c), &c.err);
    assert_says(&c.err, "no user and password are configured");
    c.server.user = "device";
    c.server.password = slice_of("pass word");
    assert_rc(DEVID_OK, apply(&c), &c.err);
    assert_int_equal(c.s.n_client_certs, c.s.n_requests);
    end(&c);
}

static void the_wishes_are_shown_in_words(void **state)
{
    struct devid_bytes text = {0};
    struct scene c;

    begin(&c, state, &usual, NULL);
    wants(&c, wants_proof, sizeof wants_proof);
    assert_rc(DEVID_OK, est_csrattrs(&c.server, &text, &c.err), &c.err);
    assert_string_equal((char *)text.data, "a proof of possession: tls-unique as challengePassword\na key: ec-p256\n");
    devid_bytes_free(&text);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_without_wishes_is_served_over_one_connection),
        cmocka_unit_test(who_does_not_ask_for_wishes_gets_along_without),
        cmocka_unit_test(a_key_of_another_type_is_told_before_anything_is_asked_for),
        cmocka_unit_test(wishes_that_are_none_are_told),
        cmocka_unit_test(a_server_that_fails_at_wishes_has_none),
        cmocka_unit_test(a_server_that_asks_for_a_proof_gets_one_of_its_connection),
        cmocka_unit_test(a_proof_that_is_configured_is_given_unasked),
        cmocka_unit_test(no_proof_is_given_where_it_is_switched_off),
        cmocka_unit_test(a_server_that_knows_only_tls_1_3_can_have_no_tls_unique),
        cmocka_unit_test(a_proof_never_goes_over_another_connection),
        cmocka_unit_test(a_request_that_was_put_off_is_sent_again_as_it_was),
        cmocka_unit_test(a_request_that_is_none_is_not_sent),
        cmocka_unit_test(a_certificate_and_a_password_go_together),
        cmocka_unit_test(the_wishes_are_shown_in_words),
    };

    return cmocka_run_group_tests_name("est/apply", tests, world_set_up, world_tear_down);
}
