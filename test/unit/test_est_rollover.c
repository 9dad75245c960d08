/* SPDX-License-Identifier: BSD-2-Clause */
/* Roots that follow roots. RFC 7030 section 4.1.3, RFC 4210 section 4.4. */
#include "est_test.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "est/message.h"
#include "est/rollover.h"
#include "est_world.h"

/* An old root and a new one, of the names given, and what each signs for the other. */
struct change {
    EVP_PKEY *old_key, *new_key;
    X509 *old, *new, *new_with_old, *old_with_new;
    STACK_OF(X509) *certs; /* what the server shows; lent */
    struct devid_bytes anchors, now;
};

static void begin(struct change *c, const char *old_name, const char *new_name)
{
    struct pki_wish old = {.cn = old_name, .is_ca = true}, new = {.cn = new_name, .is_ca = true};

    *c = (struct change){.old_key = pki_key("P-256"), .new_key = pki_key("P-256"), .certs = sk_X509_new_null()};
    c->old = pki_cert(&old, c->old_key, NULL, NULL);
    c->new = pki_cert(&new, c->new_key, NULL, NULL);
    c->new_with_old = pki_cert(&new, c->new_key, c->old, c->old_key);
    c->old_with_new = pki_cert(&old, c->old_key, c->new, c->new_key);
    c->anchors = pki_pem(c->old, NULL);
}

static void end(struct change *c)
{
    X509 *all[] = {c->old, c->new, c->new_with_old, c->old_with_new};

    for (size_t i = 0; i < 4; i++)
        X509_free(all[i]);
    EVP_PKEY_free(c->old_key);
    EVP_PKEY_free(c->new_key);
    sk_X509_free(c->certs);
    devid_bytes_free(&c->anchors);
    devid_bytes_free(&c->now);
}

static void show(struct change *c, X509 *a, X509 *b, X509 *d, X509 *e)
{
    X509 *all[] = {a, b, d, e};

    while (sk_X509_num(c->certs) > 0)
        (void)sk_X509_pop(c->certs);
    for (size_t i = 0; i < 4 && all[i] != NULL; i++)
        assert_true(sk_X509_push(c->certs, all[i]) > 0);
}

/* The anchors after a look at what is shown are these; the first NULL: as they were. */
static void assert_now(struct change *c, const X509 *a, const X509 *b)
{
    struct devid_error err = {0};
    X509 *seen;

    devid_bytes_free(&c->now);
    assert_rc(DEVID_OK, rollover(devid_slice_of(c->anchors), c->certs, &c->now, &err), &err);
    assert_int_equal(ERR_peek_error(), 0);
    if (a == NULL) {
        assert_int_equal(c->now.len, 0);
        return;
    }
    seen = pki_nth(c->now, 0);
    assert_int_equal(X509_cmp(seen, a), 0);
    X509_free(seen);
    seen = pki_nth(c->now, 1);
    assert_int_equal(b == NULL ? seen == NULL : X509_cmp(seen, b) == 0, 1);
    X509_free(seen);
    seen = pki_nth(c->now, 2);
    assert_null(seen);
    ERR_clear_error();
}

static void a_new_root_that_the_old_one_vouches_for_is_taken_beside_it(void **state)
{
    struct change c;

    (void)state;
    begin(&c, "root", "root");
    show(&c, c.old, c.new, c.new_with_old, c.old_with_new);
    assert_now(&c, c.old, c.new);
    show(&c, c.old_with_new, c.new_with_old, c.new, NULL); /* in any order, the old root left out */
    assert_now(&c, c.old, c.new);
    show(&c, c.new, c.new_with_old, NULL, NULL);
    assert_now(&c, c.old, c.new);
    devid_bytes_free(&c.anchors); /* and once taken it is nothing new */
    c.anchors = pki_pem(c.old, c.new);
    show(&c, c.old, c.new, c.new_with_old, c.old_with_new);
    assert_now(&c, NULL, NULL);
    end(&c);
}

static void a_new_root_that_no_one_vouches_for_is_not_taken(void **state)
{
    struct change c;

    (void)state;
    begin(&c, "root", "root");
    show(&c, c.old, c.new, NULL, NULL);
    assert_now(&c, NULL, NULL);
    show(&c, c.old, c.new, c.old_with_new, NULL); /* that anyone can make */
    assert_now(&c, NULL, NULL);
    show(&c, c.old, c.new_with_old, c.old_with_new, NULL); /* no root of its own */
    assert_now(&c, NULL, NULL);
    end(&c);
}

/* Each part of the proof is one. */
static void a_link_that_is_broken_is_none(void **state)
{
    struct pki_wish no_ca = {.cn = "root"}, past = {.cn = "root", .is_ca = true, .from_s = -2 * DAY, .to_s = -DAY},
                    future = {.cn = "root", .is_ca = true, .from_s = DAY, .to_s = 2 * DAY},
                    good = {.cn = "root", .is_ca = true};
    EVP_PKEY *stranger = pki_key("P-256");
    struct change c;
    X509 *bad[6];

    (void)state;
    begin(&c, "root", "root");
    bad[0] = pki_cert(&no_ca, c.new_key, c.old, c.old_key);
    bad[1] = pki_cert(&past, c.new_key, c.old, c.old_key);
    bad[2] = pki_cert(&future, c.new_key, c.old, c.old_key);
    bad[3] = pki_cert(&good, c.new_key, c.old, stranger); /* signed by another */
    bad[4] = pki_cert(&good, stranger, c.old, c.old_key); /* for another key */
    bad[5] = pki_cert(&(struct pki_wish){.cn = "other", .is_ca = true}, c.new_key, c.old, c.old_key);
    for (size_t i = 0; i < 6; i++) {
        show(&c, c.old, c.new, bad[i], c.old_with_new);
        assert_now(&c, NULL, NULL);
        X509_free(bad[i]);
    }
    /* an OldWithNew that is none, beside a good NewWithOld */
    bad[0] = pki_cert(&good, c.old_key, c.new, stranger);
    show(&c, c.old, c.new, c.new_with_old, bad[0]);
    assert_now(&c, NULL, NULL);
    X509_free(bad[0]);
    EVP_PKEY_free(stranger);
    end(&c);
}

/* A subordinate CA has a certificate by the root as well, and can sign itself a root. */
static void a_subordinate_ca_does_not_make_itself_a_root(void **state)
{
    struct pki_wish held = {.cn = "subordinate", .is_ca = true, .path_len = "0"};
    struct change c;
    X509 *issued;

    (void)state;
    begin(&c, "root", "subordinate");
    issued = pki_cert(&held, c.new_key, c.old, c.old_key);
    show(&c, c.old, c.new, issued, c.old_with_new);
    assert_now(&c, NULL, NULL);
    show(&c, c.old, c.new, c.new_with_old, NULL); /* another name needs both ways */
    assert_now(&c, NULL, NULL);
    show(&c, c.old, c.new, c.new_with_old, c.old_with_new); /* this is a root by another name */
    assert_now(&c, c.old, c.new);
    X509_free(issued);
    end(&c);
}

static void an_anchor_goes_when_it_has_expired_but_never_the_last(void **state)
{
    struct pki_wish past = {.cn = "root", .is_ca = true, .from_s = -2 * DAY, .to_s = -60};
    struct change c;

    (void)state;
    begin(&c, "root", "root");
    X509_free(c.old);
    c.old = pki_cert(&past, c.old_key, NULL, NULL);
    devid_bytes_free(&c.anchors);
    c.anchors = pki_pem(c.old, NULL);
    show(&c, c.old, NULL, NULL, NULL);
    assert_now(&c, NULL, NULL);
    devid_bytes_free(&c.anchors);
    c.anchors = pki_pem(c.old, c.new);
    assert_now(&c, c.new, NULL);
    end(&c);
}

static void a_root_that_is_expired_already_is_not_taken(void **state)
{
    struct pki_wish past = {.cn = "root", .is_ca = true, .from_s = -2 * DAY, .to_s = -60};
    struct change c;

    (void)state;
    begin(&c, "root", "root");
    X509_free(c.new);
    c.new = pki_cert(&past, c.new_key, NULL, NULL);
    show(&c, c.old, c.new, c.new_with_old, c.old_with_new);
    assert_now(&c, NULL, NULL);
    end(&c);
}

/* ---- with a server ---- */

static devid_rc look(struct world *w, struct devid_slice anchors, struct est_reply *reply, struct devid_error *err)
{
    struct est_server server = server_of(w, NULL);

    server.anchors_pem = anchors;
    server.learns_anchors = true;
    return enroll(w, &server, reply, err);
}

static void what_a_server_taught_is_renewed_by_it_in_the_same_enrolment(void **state)
{
    struct world *w = *state;
    struct pki_wish wish = {.cn = "ours root", .is_ca = true};
    EVP_PKEY *key = pki_key("P-256");
    X509 *new = pki_cert(&wish, key, NULL, NULL), *new_with_old = pki_cert(&wish, key, w->ours.root, w->ours.root_key);
    struct devid_bytes linked = pki_p7(w->ours.ca, new, new_with_old), unlinked = pki_p7(w->ours.ca, w->ours.root, new);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    X509 *second;

    w->server.ca_certs = devid_slice_of(unlinked);
    assert_rc(DEVID_OK, look(w, devid_slice_of(w->root_pem), &reply, &err), &err);
    assert_null(reply.anchors_pem.data);
    est_reply_free(&reply);
    w->server.ca_certs = devid_slice_of(linked);
    assert_rc(DEVID_OK, look(w, devid_slice_of(w->root_pem), &reply, &err), &err);
    second = pki_nth(reply.anchors_pem, 1);
    assert_int_equal(X509_cmp(second, new), 0);
    X509_free(second);
    est_reply_free(&reply);
    w->server.ca_certs = (struct devid_slice){0};
    X509_free(new);
    X509_free(new_with_old);
    EVP_PKEY_free(key);
    devid_bytes_free(&linked);
    devid_bytes_free(&unlinked);
}

/* Explicit anchors, once there are any, are the only ones: RFC 7030 section 4.1.3. The system's list is a file here. */
static void a_server_of_the_systems_list_teaches_its_root(void **state)
{
    struct world *w = *state;
    struct est_reply reply = {0};
    struct devid_error err = {0};
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/system.pem", w->folder);
    file = fopen(path, "w");
    assert_int_equal(fwrite(w->root_pem.data, 1, w->root_pem.len, file), w->root_pem.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
    assert_rc(DEVID_OK, look(w, (struct devid_slice){0}, &reply, &err), &err);
    assert_true(devid_slice_eq(devid_slice_of(reply.anchors_pem), devid_slice_of(w->root_pem)));
    est_reply_free(&reply);
    (void)unsetenv("SSL_CERT_FILE");
    (void)unlink(path);
}

/* A public CA for TLS, one of its own for devices: the first is the system's business and stays so. */
static void a_root_that_does_not_vouch_for_the_server_is_not_learned(void **state)
{
    struct world *w = *state;
    STACK_OF(X509) *certs = sk_X509_new_null(), *peer = sk_X509_new_null();
    struct pki_wish wish = {.cn = "server", .san = "IP:127.0.0.1"};
    X509 *server = pki_cert(&wish, w->key, w->others.ca, w->others.ca_key);
    struct devid_bytes now = {0};
    struct devid_error err = {0};

    assert_true(sk_X509_push(certs, w->ours.root) > 0 && sk_X509_push(peer, server) > 0 && sk_X509_push(peer, w->others.ca) > 0);
    assert_rc(DEVID_OK, rollover_first(certs, peer, &now, &err), &err);
    assert_int_equal(now.len, 0);
    assert_rc(DEVID_OK, rollover_first(certs, NULL, &now, &err), &err);
    assert_int_equal(now.len, 0);
    assert_true(sk_X509_push(certs, w->others.root) > 0);
    assert_rc(DEVID_OK, rollover_first(certs, peer, &now, &err), &err);
    assert_true(now.len > 0);
    devid_bytes_free(&now);
    X509_free(server);
    sk_X509_free(certs);
    sk_X509_free(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_root_that_the_old_one_vouches_for_is_taken_beside_it),
        cmocka_unit_test(a_new_root_that_no_one_vouches_for_is_not_taken),
        cmocka_unit_test(a_link_that_is_broken_is_none),
        cmocka_unit_test(a_subordinate_ca_does_not_make_itself_a_root),
        cmocka_unit_test(an_anchor_goes_when_it_has_expired_but_never_the_last),
        cmocka_unit_test(a_root_that_is_expired_already_is_not_taken),
        cmocka_unit_test(what_a_server_taught_is_renewed_by_it_in_the_same_enrolment),
        cmocka_unit_test(a_server_of_the_systems_list_teaches_its_root),
        cmocka_unit_test(a_root_that_does_not_vouch_for_the_server_is_not_learned),
    };

    return cmocka_run_group_tests_name("est/rollover", tests, world_set_up, world_tear_down);
}
