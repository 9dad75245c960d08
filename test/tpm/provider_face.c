/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "tpm/provider_face.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum order order_of_group; /* cmocka hands a group nothing */

int face_group_start(void **state)
{
    struct face *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->order = order_of_group;
    f->world = world_start();
    identities_make(world_store(f->world), world_folder(f->world), &f->ids);
    f->server = face_server_of(f, NULL);
    *state = f;
    return 0;
}

int face_group_end(void **state)
{
    struct face *f = *state;

    SSL_CTX_free(f->server);
    identities_free(&f->ids);
    world_stop(f->world);
    free(f);
    return 0;
}

/* --- the provider ---------------------------------------------------------------------------- */

int face_start(void **state)
{
    static const char *const names[][2] = {{"default", "devid"}, {"devid", "default"}, {"default", "devid"}};
    struct face *f = *state;
    char folder[512];

    (void)snprintf(folder, sizeof folder, "%s/.libs", getenv("DEVID_BUILD"));
    f->ctx = OSSL_LIB_CTX_new();
    assert_int_equal(OSSL_PROVIDER_set_default_search_path(f->ctx, folder), 1);
    face_forget_commands(f);
    f->first = OSSL_PROVIDER_load(f->ctx, names[f->order][0]);
    f->second = OSSL_PROVIDER_load(f->ctx, names[f->order][1]);
    if (f->first == NULL || f->second == NULL)
        ERR_print_errors_fp(stderr);
    assert_true(f->first != NULL && f->second != NULL);
    if (f->order == DEVID_PREFERRED)
        assert_int_equal(EVP_set_default_properties(f->ctx, "?provider=devid"), 1);
    return 0;
}

void face_unload(struct face *f)
{
    if (f->first != NULL)
        (void)OSSL_PROVIDER_unload(f->first);
    if (f->second != NULL)
        (void)OSSL_PROVIDER_unload(f->second);
    f->first = f->second = NULL;
}

int face_end(void **state)
{
    struct face *f = *state;

    if (ERR_peek_error() != 0)
        ERR_print_errors_fp(stderr);
    assert_int_equal(ERR_peek_error(), 0); /* what succeeds leaves no error; what fails was looked at, and is cleared */
    face_unload(f);
    OSSL_LIB_CTX_free(f->ctx);
    f->ctx = NULL;
    world_assert_clean(f->world);
    return 0;
}

int face_run(const char *file, const struct CMUnitTest *tests, size_t n)
{
    static const char *const names[] = {"default first", "devid first", "?provider=devid"};
    int failed = 0;

    /* before libcrypto wakes: the default context is a program's without us */
    if (setenv("OPENSSL_CONF", "/dev/null", 1) != 0)
        return 1;

    for (int order = DEFAULT_FIRST; order <= DEVID_PREFERRED; order++) {
        char name[512];

        order_of_group = (enum order)order;
        (void)snprintf(name, sizeof name, "%s, %s", strrchr(file, '/') == NULL ? file : strrchr(file, '/') + 1,
                       names[order]);
        failed += _cmocka_run_group_tests(name, tests, n, face_group_start, face_group_end);
    }
    return failed;
}

/* --- what programs do ------------------------------------------------------------------------ */

bool face_hides_by_default(void)
{
    return OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= 2;
}

EVP_PKEY *face_key(struct face *f, const struct sample *sample)
{
    BIO *in = BIO_new_file(sample->key_file, "r");
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(in, NULL, NULL, NULL, f->ctx, NULL);

    BIO_free(in);
    if (key == NULL)
        ERR_print_errors_fp(stderr);
    assert_non_null(key);
    return key;
}

static void use_files(SSL_CTX *ctx, const struct sample *sample)
{
    assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, sample->cert_file), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, sample->key_file, SSL_FILETYPE_PEM), 1);
}

static void trust_and_ask(struct face *f, SSL_CTX *ctx)
{
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), f->ids.ca), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

SSL_CTX *face_client(struct face *f, const struct sample *sample, int version)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(f->ctx, NULL, TLS_client_method());

    assert_non_null(ctx);
    use_files(ctx, sample);
    trust_and_ask(f, ctx);
    /* a curve of EC keys: the ephemeral key is made by whoever serves "EC" */
    assert_int_equal(SSL_CTX_set1_groups_list(ctx, "P-256:P-384"), 1);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    return ctx;
}

SSL_CTX *face_side_of(struct face *f, const struct sample *sample, const SSL_METHOD *method, const char *name)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(sample == NULL ? NULL : f->ctx, NULL, method);

    assert_non_null(ctx);
    if (sample != NULL) {
        use_files(ctx, sample);
    } else {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *cert = identities_certificate(name, key, f->ids.ca, f->ids.ca_key);

        assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
        X509_free(cert);
        EVP_PKEY_free(key);
    }
    trust_and_ask(f, ctx);
    return ctx;
}

SSL_CTX *face_server_of(struct face *f, const struct sample *sample)
{
    return face_side_of(f, sample, TLS_server_method(), "server");
}

bool face_signs(struct face *f, EVP_PKEY *key)
{
    static const unsigned char message[] = "a message";
    unsigned char sig[512];
    size_t len = sizeof sig;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = EVP_DigestSignInit_ex(ctx, NULL, "SHA256", f->ctx, NULL, key, NULL) == 1 &&
              EVP_DigestSign(ctx, sig, &len, message, sizeof message) == 1;

    EVP_MD_CTX_free(ctx);
    ctx = EVP_MD_CTX_new();
    ok = ok && EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", f->ctx, NULL, key, NULL) == 1 &&
         EVP_DigestVerify(ctx, sig, len, message, sizeof message) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

void assert_commands_of(struct face *f, const char *expected, const char *file, int line)
{
    char text[2048];

    world_commands(f->world, text, sizeof text);
    world_forget_commands(f->world);
    _assert_string_equal(text, expected, file, line);
}

size_t face_commands(struct face *f, const char *name)
{
    return world_count(f->world, name);
}

void face_forget_commands(struct face *f)
{
    world_forget_commands(f->world);
}

void face_stop_tpm(struct face *f)
{
    world_stop_tpm(f->world);
}
