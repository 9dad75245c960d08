/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS is the same with us as without: groups, signature algorithms, and what two ends agree on. The default context is the one without. */
#include "tpm/provider_face.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

/* What a client offers, as it goes over the wire, and what came of it. */
struct hello {
    unsigned char groups[512], sigalgs[512];
    size_t groups_len, sigalgs_len;
    long group;
};

static size_t copy_extension(SSL *ssl, unsigned type, unsigned char room[512])
{
    const unsigned char *data = NULL;
    size_t len = 0;

    assert_int_equal(SSL_client_hello_get0_ext(ssl, type, &data, &len), 1);
    assert_in_range(len, 1, 512);
    memcpy(room, data, len);
    return len;
}

static int look(SSL *ssl, int *alert, void *arg)
{
    struct hello *seen = arg;

    (void)alert;
    seen->groups_len = copy_extension(ssl, TLSEXT_TYPE_supported_groups, seen->groups);
    seen->sigalgs_len = copy_extension(ssl, TLSEXT_TYPE_signature_algorithms, seen->sigalgs);
    return SSL_CLIENT_HELLO_SUCCESS;
}

static void look_at_end(const SSL *ssl, int where, int ret)
{
    struct hello *seen = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    (void)ret;
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0)
        seen->group = SSL_get_negotiated_group((SSL *)(uintptr_t)ssl);
}

/* As a program makes it that says nothing about groups. sample NULL: in the default context, with a software key. */
static SSL_CTX *plain_client(struct face *f, const struct sample *sample)
{
    return face_side_of(f, sample, TLS_client_method(), "client");
}

/* Both are freed. */
static void shake_hands(SSL_CTX *client, SSL_CTX *server, struct hello *seen)
{
    SSL_CTX_set_client_hello_cb(server, look, seen);
    assert_int_equal(SSL_CTX_set_app_data(server, seen), 1);
    SSL_CTX_set_info_callback(server, look_at_end);
    assert_true(tls_handshake(client, server));
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void a_client_offers_and_gets_what_it_would_without_us(void **state)
{
    struct face *f = *state;
    struct hello without = {0}, with = {0};

    shake_hands(plain_client(f, NULL), face_server_of(f, NULL), &without);
    assert_commands(f, "");
    shake_hands(plain_client(f, &f->ids.ldevid), face_server_of(f, NULL), &with);
    assert_commands(f, "Sign");
    assert_int_not_equal(with.group, 0);
    assert_int_equal(with.group, without.group);
    assert_int_equal(with.groups_len, without.groups_len);
    assert_memory_equal(with.groups, without.groups, with.groups_len);
    assert_int_equal(with.sigalgs_len, without.sigalgs_len);
    assert_memory_equal(with.sigalgs, without.sigalgs, with.sigalgs_len);
}

static void a_server_agrees_to_what_it_would_without_us(void **state)
{
    struct face *f = *state;
    struct hello without = {0}, with = {0};

    shake_hands(plain_client(f, NULL), face_server_of(f, NULL), &without);
    shake_hands(plain_client(f, NULL), face_server_of(f, &f->ids.ldevid), &with);
    assert_int_equal(with.group, without.group);
    assert_commands(f, "Sign");
}

struct walk {
    struct face *f;
    size_t n, n_tls13;
};

/* In TLS 1.2 P-256 beside it: the certificates'. */
static long group_with(SSL_CTX *client, SSL_CTX *server, const char *name, int max_tls)
{
    struct hello seen = {0};
    char list[64];

    (void)snprintf(list, sizeof list, "%s%s", name, max_tls == 0 ? "" : ":P-256");
    SSL_CTX_set_security_level(client, 0); /* some are of another time */
    SSL_CTX_set_security_level(server, 0);
    if (SSL_CTX_set1_groups_list(client, list) != 1 || SSL_CTX_set1_groups_list(server, list) != 1)
        fail_msg("%s is not known", name);
    assert_int_equal(SSL_CTX_set_max_proto_version(client, max_tls), 1);
    shake_hands(client, server, &seen);
    return seen.group;
}

static int use_group(const OSSL_PARAM group[], void *arg)
{
    struct walk *walk = arg;
    struct identities *ids = &walk->f->ids;
    const char *name = NULL;
    int max = 0;

    assert_int_equal(OSSL_PARAM_get_utf8_string_ptr(OSSL_PARAM_locate_const(group, OSSL_CAPABILITY_TLS_GROUP_NAME), &name), 1);
    assert_int_equal(OSSL_PARAM_get_int(OSSL_PARAM_locate_const(group, OSSL_CAPABILITY_TLS_GROUP_MAX_TLS), &max), 1);
    assert_int_equal(group_with(plain_client(walk->f, &ids->ldevid), face_server_of(walk->f, &ids->ldevid), name, max),
                     group_with(plain_client(walk->f, NULL), face_server_of(walk->f, NULL), name, max));
    walk->n++;
    walk->n_tls13 += max == 0;
    return 1;
}

static void each_group_of_the_default_provider_can_be_used(void **state)
{
    struct face *f = *state;
    struct walk walk = {.f = f};
    OSSL_PROVIDER *theirs = f->order == DEVID_FIRST ? f->second : f->first;

    assert_int_equal(OSSL_PROVIDER_get_capabilities(theirs, "TLS-GROUP", use_group, &walk), 1);
    assert_true(walk.n_tls13 > 5);
    assert_int_equal(face_commands(f, NULL), 2 * walk.n); /* each end signs once */
    face_forget_commands(f);
}

/* Those that no provider of ours has: libssl takes their signature algorithms from the default provider (TLS-SIGALG, OpenSSL 3.2). */
static void a_server_may_have_another_kind_of_key(void **state)
{
    static const char *const kinds[] = {"ED25519", "ED448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
    struct face *f = *state;
    size_t n = 0;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(f->ctx, NULL, kinds[i]);
        SSL_CTX *client, *server;
        X509 *cert;

        ERR_clear_error();
        if (key == NULL)
            continue; /* ML-DSA: OpenSSL 3.5 */
        client = plain_client(f, &f->ids.ldevid);
        server = face_server_of(f, &f->ids.rsa);
        cert = identities_certificate("server", key, f->ids.ca, f->ids.ca_key);
        assert_int_equal(SSL_CTX_use_certificate(server, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(server, key), 1);
        if (!tls_handshake(client, server))
            fail_msg("no handshake with %s", kinds[i]);
        assert_commands(f, "Sign"); /* the client's */
        n++;
        SSL_CTX_free(client);
        SSL_CTX_free(server);
        X509_free(cert);
        EVP_PKEY_free(key);
    }
    assert_true(n >= 2);
}

static void groups_are_given_without_a_trace(void **state)
{
    struct face *f = *state;

    ERR_clear_error();
    SSL_CTX_free(SSL_CTX_new_ex(f->ctx, NULL, TLS_method()));
    assert_int_equal(ERR_peek_error(), 0);
    assert_commands(f, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(a_client_offers_and_gets_what_it_would_without_us),
        FACE_TEST(a_server_agrees_to_what_it_would_without_us),
        FACE_TEST(each_group_of_the_default_provider_can_be_used),
        FACE_TEST(a_server_may_have_another_kind_of_key),
        FACE_TEST(groups_are_given_without_a_trace),
    };

    return FACE_RUN(tests);
}
