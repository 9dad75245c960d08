/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of a program that know nothing of each other: each thread makes a library context of its own, loads the provider, uses a key
 * and unloads it all again, so that somebody always is the last to unload, and somebody is within while another does.
 */
#include "tpm/provider_face.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_THREADS 6
#define N_ROUNDS 12

struct part {
    pthread_t id;
    struct face *face;
    int number;
    int bad_round; /* the first, from 1; 0: none */
};

static EVP_PKEY *read_key(OSSL_LIB_CTX *ctx, const char *pem)
{
    BIO *in = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(in, NULL, NULL, NULL, ctx, NULL);

    BIO_free(in);
    return key;
}

static bool signs(OSSL_LIB_CTX *ctx, EVP_PKEY *key)
{
    unsigned char sig[512];
    size_t len = sizeof sig;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = EVP_DigestSignInit_ex(md, NULL, "SHA256", ctx, NULL, key, NULL) == 1 &&
              EVP_DigestSign(md, sig, &len, (const unsigned char *)"text", 4) == 1;

    EVP_MD_CTX_free(md);
    return ok;
}

/* A reference to a key that is not there: an error of ours, read by whoever prints it. */
static bool is_told(OSSL_LIB_CTX *ctx)
{
    static const unsigned char der[] = {0x30, 0x14, 0x02, 0x01, 0x00, 0x0c, 0x0f, 'd', 'e', 'v', 'i', 'd', ':',
                                        'n',  'o',  't', '-', 't', 'h', 'e', 'r', 'e'};
    BIO *text = BIO_new(BIO_s_mem()), *pem = BIO_new(BIO_s_mem());
    char *data = NULL;
    bool is_none;

    is_none = PEM_write_bio(pem, "DEVID KEY REFERENCE", "", der, sizeof der) > 0 &&
              PEM_read_bio_PrivateKey_ex(pem, NULL, NULL, NULL, ctx, NULL) == NULL && ERR_GET_REASON(ERR_peek_error()) == DEVID_E_ABSENT;
    ERR_print_errors(text);
    is_none = is_none && BIO_get_mem_data(text, &data) > 0;
    BIO_free(pem);
    BIO_free(text);
    return is_none;
}

static bool one_life(const struct part *part, int round)
{
    static const char *const names[][2] = {{"default", "devid"}, {"devid", "default"}};
    bool is_first = (part->number + round) % 2 == 0, ok;
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *one, *two;
    EVP_PKEY *key;
    SSL_CTX *tls;
    char folder[512];

    (void)snprintf(folder, sizeof folder, "%s/.libs", getenv("DEVID_BUILD"));
    ok = OSSL_PROVIDER_set_default_search_path(ctx, folder) == 1;
    one = OSSL_PROVIDER_load(ctx, names[is_first][0]);
    two = OSSL_PROVIDER_load(ctx, names[is_first][1]);
    key = read_key(ctx, part->face->ids.ldevid.key_pem);
    ok = ok && one != NULL && two != NULL && key != NULL;
    if (round % 3 == 0)
        ok = ok && signs(ctx, key);
    if (round % 3 == 1) {
        tls = SSL_CTX_new_ex(ctx, NULL, TLS_client_method());
        ok = ok && tls != NULL && SSL_CTX_use_PrivateKey(tls, key) == 1;
        SSL_CTX_free(tls);
    }
    if (round % 3 == 2)
        ok = ok && is_told(ctx);
    ERR_clear_error();
    if (is_first) { /* some free the key late */
        EVP_PKEY_free(key);
        key = NULL;
    }
    ok = ok && OSSL_PROVIDER_unload(one) == 1 && OSSL_PROVIDER_unload(two) == 1;
    OSSL_LIB_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}

static void *live(void *arg)
{
    struct part *part = arg;

    for (int round = 1; round <= N_ROUNDS && part->bad_round == 0; round++)
        if (!one_life(part, round))
            part->bad_round = round;
    return NULL;
}

static void parts_of_a_program_load_and_unload_as_they_like(void **state)
{
    struct face *f = *state;
    struct part parts[N_THREADS];

    face_unload(f); /* so that theirs are the last */
    for (int i = 0; i < N_THREADS; i++) {
        parts[i] = (struct part){.face = f, .number = i};
        assert_int_equal(pthread_create(&parts[i].id, NULL, live, &parts[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(parts[i].id, NULL), 0);
        assert_int_equal(parts[i].bad_round, 0);
    }
    assert_int_equal(face_commands(f, "Sign"), N_THREADS * N_ROUNDS / 3);
    face_forget_commands(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(parts_of_a_program_load_and_unload_as_they_like),
    };

    return FACE_RUN(tests);
}
