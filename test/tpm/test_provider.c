/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program with devid in its openssl.cnf may rely on, and what the TPM sees of it. */
#include "tpm/provider_face.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void loading_the_provider_sends_nothing(void **state)
{
    struct face *f = *state;

    assert_int_equal(OSSL_PROVIDER_available(f->ctx, "devid"), 1);
    assert_commands(f, "");
}

static void loading_a_reference_and_checking_its_certificate_sends_nothing(void **state)
{
    struct face *f = *state;
    SSL_CTX *client = face_client(f, &f->ids.ldevid, 0);

    assert_int_equal(SSL_CTX_check_private_key(client), 1);
    SSL_CTX_free(client);
    assert_commands(f, "");
}

static void a_tls_1_3_client_sends_one_command(void **state)
{
    struct face *f = *state;
    SSL_CTX *client = face_client(f, &f->ids.ldevid, TLS1_3_VERSION);

    assert_true(tls_handshake(client, f->server));
    SSL_CTX_free(client);
    assert_commands(f, "Sign");
}

static void a_tls_1_2_client_sends_one_command(void **state)
{
    struct face *f = *state;
    SSL_CTX *client = face_client(f, &f->ids.ldevid, TLS1_2_VERSION);

    assert_true(tls_handshake(client, f->server));
    SSL_CTX_free(client);
    assert_commands(f, "Sign");
}

static void an_rsa_client_sends_one_command(void **state)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    struct face *f = *state;

    for (int i = 0; i < 2; i++) {
        SSL_CTX *client = face_client(f, &f->ids.rsa, versions[i]);

        assert_true(tls_handshake(client, f->server));
        SSL_CTX_free(client);
        assert_commands(f, "RSA_Decrypt"); /* PSS: padded in software, so that the salt is right */
    }
}

static void a_wrapped_key_is_loaded_for_its_signature_and_flushed(void **state)
{
    struct face *f = *state;
    SSL_CTX *client = face_client(f, &f->ids.wrapped, TLS1_3_VERSION);

    assert_true(tls_handshake(client, f->server));
    SSL_CTX_free(client);
    assert_commands(f, "Load Sign FlushContext");
}

static void a_server_uses_the_key_as_well(void **state)
{
    struct face *f = *state;
    SSL_CTX *server = face_server_of(f, &f->ids.ldevid), *client = face_client(f, &f->ids.rsa, TLS1_3_VERSION);

    assert_true(tls_handshake(client, server));
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    assert_commands(f, "Sign RSA_Decrypt");
}

static void a_certificate_request_sends_one_command(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid);
    X509_REQ *req = X509_REQ_new_ex(f->ctx, NULL);

    assert_int_equal(X509_REQ_set_version(req, X509_REQ_VERSION_1), 1); /* later versions of OpenSSL verify no request without one */
    assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
    assert_true(X509_REQ_sign(req, key, NULL) > 0);
    assert_int_equal(X509_REQ_verify(req, key), 1);
    X509_REQ_free(req);
    EVP_PKEY_free(key);
    assert_commands(f, "Sign");
}

/* The default provider would else be given the public half, and sign with it: "missing private key". */
static void the_private_half_is_never_given_away(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid);
    OSSL_PARAM *params = NULL;
    BIGNUM *d = NULL;

    assert_int_not_equal(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 1);
    assert_int_not_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
    assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
    OSSL_PARAM_free(params);
    EVP_PKEY_free(key);
    ERR_clear_error();
    assert_commands(f, "");
}

static void a_key_is_equal_to_its_public_half_both_ways(void **state)
{
    struct face *f = *state;
    struct sample *samples[] = {&f->ids.ldevid, &f->ids.wrapped, &f->ids.rsa};

    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *key = face_key(f, samples[i]);
        EVP_PKEY *same = X509_get_pubkey(samples[i]->cert), *other = X509_get_pubkey(samples[(i + 1) % 3]->cert);

        assert_int_equal(EVP_PKEY_eq(key, same), 1);
        assert_int_equal(EVP_PKEY_eq(same, key), 1);
        assert_int_not_equal(EVP_PKEY_eq(key, other), 1);
        assert_int_not_equal(EVP_PKEY_eq(other, key), 1);
        EVP_PKEY_free(other);
        EVP_PKEY_free(same);
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
    assert_commands(f, "");
}

static void parameters_are_those_of_the_public_half(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid), *rsa = face_key(f, &f->ids.rsa);
    char text[32];

    assert_true(EVP_PKEY_is_a(key, "EC") && EVP_PKEY_is_a(rsa, "RSA"));
    assert_int_equal(EVP_PKEY_get_bits(key), 256);
    assert_int_equal(EVP_PKEY_get_security_bits(key), 128);
    assert_int_equal(EVP_PKEY_get_group_name(key, text, sizeof text, NULL), 1);
    assert_string_equal(text, "prime256v1");
    assert_true(EVP_PKEY_get_default_digest_name(key, text, sizeof text) > 0);
    assert_string_equal(text, "SHA256");
    assert_int_equal(EVP_PKEY_get_size(key), 72);
    assert_int_equal(EVP_PKEY_get_bits(rsa), 2048);
    assert_int_equal(EVP_PKEY_get_size(rsa), 256);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(key);
    assert_commands(f, "");
}

static void a_child_signs_with_the_key_that_its_parent_loaded(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid);
    int status = 0;
    pid_t pid;

    assert_true(face_signs(f, key));
    pid = fork();
    if (pid == 0)
        _exit(face_signs(f, key) ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(face_signs(f, key));
    EVP_PKEY_free(key);
    assert_commands(f, "Sign Sign Sign");
}

/* A server loads its key as root and signs in workers; the first of them finds nothing ready. */
static void a_child_may_be_the_first_to_sign(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.wrapped);
    int status = 0;

    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(face_signs(f, key) ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    EVP_PKEY_free(key);
    assert_commands(f, "Load Sign FlushContext Load Sign FlushContext");
}

struct thread {
    pthread_t id;
    struct face *face;
    EVP_PKEY *key;
    bool ok;
};

static void *sign_some(void *arg)
{
    struct thread *t = arg;

    t->ok = true;
    for (int i = 0; i < 5; i++)
        t->ok = face_signs(t->face, t->key) && t->ok;
    return NULL;
}

static void many_threads_share_a_key(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid);
    struct thread threads[4];

    for (size_t i = 0; i < 4; i++) {
        threads[i] = (struct thread){.face = f, .key = key};
        assert_int_equal(pthread_create(&threads[i].id, NULL, sign_some, &threads[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i].id, NULL), 0);
        assert_true(threads[i].ok);
    }
    EVP_PKEY_free(key);
    assert_int_equal(face_commands(f, "Sign"), 20);
}

static void software_keys_work_whatever_the_order(void **state)
{
    struct face *f = *state;
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256"),
             *rsa = EVP_PKEY_Q_keygen(f->ctx, NULL, "RSA", (size_t)2048);

    assert_true(face_signs(f, ec) && face_signs(f, rsa));
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    assert_commands(f, "");
}

/* Is a handshake made with a query that a program gives its TLS context, SSL_CTX_new_ex(3)? */
static bool is_served(struct face *f, const char *query, const struct sample *sample)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(f->ctx, query, TLS_client_method());
    bool is_ready = ctx != NULL && SSL_CTX_use_certificate_chain_file(ctx, sample->cert_file) == 1 &&
                    SSL_CTX_use_PrivateKey_file(ctx, sample->key_file, SSL_FILETYPE_PEM) == 1 &&
                    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), f->ids.ca) == 1 &&
                    SSL_CTX_set1_groups_list(ctx, "P-256:P-384") == 1;
    bool is_made;

    if (is_ready)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    is_made = is_ready && tls_handshake(ctx, f->server);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return is_made;
}

/*
 * Who demands us alone has no ciphers, for we have none; who excludes us has no signature by our keys: nobody is sent to the TPM in vain. A
 * wish is another thing.
 */
static void a_query_for_a_whole_tls_context_is_followed(void **state)
{
    static const struct {
        const char *query;
        bool is_served;
    } cases[] = {
        {"?provider=devid", true},  {"?provider=default", true},  {"?provider!=devid", true},
        {"provider=devid", false}, {"provider=default", false}, {"provider!=devid", false},
    };
    struct face *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(is_served(f, cases[i].query, &f->ids.ldevid), cases[i].is_served);
        assert_commands(f, cases[i].is_served ? "Sign" : "");
        assert_int_equal(is_served(f, cases[i].query, &f->ids.wrapped), cases[i].is_served);
        assert_commands(f, cases[i].is_served ? "Load Sign FlushContext" : "");
    }
}

/* A daemon that is restarted more often than the device: it has to say what is wrong, and nothing else may break. */
static void a_tpm_that_is_away_is_an_error_with_a_sentence(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid), *software = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256");
    const char *data = NULL;
    int flags = 0;

    face_stop_tpm(f);
    assert_false(face_signs(f, key));
    assert_int_not_equal(ERR_peek_error_data(&data, &flags), 0);
    assert_true((flags & ERR_TXT_STRING) != 0 && strlen(data) > 10);
    ERR_clear_error();
    assert_true(face_signs(f, software));
    EVP_PKEY_free(software);
    EVP_PKEY_free(key);
}

static void a_key_may_outlive_the_provider(void **state)
{
    struct face *f = *state;
    EVP_PKEY *key = face_key(f, &f->ids.ldevid);

    face_unload(f);
    EVP_PKEY_free(key);
    assert_commands(f, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(loading_the_provider_sends_nothing),
        FACE_TEST(loading_a_reference_and_checking_its_certificate_sends_nothing),
        FACE_TEST(a_tls_1_3_client_sends_one_command),
        FACE_TEST(a_tls_1_2_client_sends_one_command),
        FACE_TEST(an_rsa_client_sends_one_command),
        FACE_TEST(a_wrapped_key_is_loaded_for_its_signature_and_flushed),
        FACE_TEST(a_server_uses_the_key_as_well),
        FACE_TEST(a_certificate_request_sends_one_command),
        FACE_TEST(the_private_half_is_never_given_away),
        FACE_TEST(a_key_is_equal_to_its_public_half_both_ways),
        FACE_TEST(parameters_are_those_of_the_public_half),
        FACE_TEST(a_child_signs_with_the_key_that_its_parent_loaded),
        FACE_TEST(a_child_may_be_the_first_to_sign),
        FACE_TEST(many_threads_share_a_key),
        FACE_TEST(software_keys_work_whatever_the_order),
        FACE_TEST(a_query_for_a_whole_tls_context_is_followed),
        FACE_TEST(a_key_may_outlive_the_provider),
        FACE_TEST(a_tpm_that_is_away_is_an_error_with_a_sentence), /* last: it stops the TPM */
    };

    return FACE_RUN(tests);
}
