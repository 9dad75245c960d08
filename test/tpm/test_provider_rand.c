/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers: the software's, but for who names DEVID-RAND. */
#include "tpm/provider_face.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

static EVP_RAND_CTX *generator(struct face *f)
{
    EVP_RAND *method = EVP_RAND_fetch(f->ctx, "DEVID-RAND", NULL);
    EVP_RAND_CTX *ctx;

    assert_non_null(method);
    ctx = EVP_RAND_CTX_new(method, NULL);
    EVP_RAND_free(method);
    assert_non_null(ctx);
    return ctx;
}

/* Of so many bytes all zero is no chance. */
static bool is_random(const unsigned char *bytes, size_t len)
{
    static const unsigned char zeros[32];

    return len >= sizeof zeros && memcmp(bytes, zeros, sizeof zeros) != 0 &&
           memcmp(bytes + len - sizeof zeros, zeros, sizeof zeros) != 0;
}

static void nothing_random_is_asked_of_the_tpm_unless_it_is_named(void **state)
{
    struct face *f = *state;
    unsigned char bytes[64] = {0};
    EVP_PKEY *key = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256");
    SSL_CTX *client = face_client(f, &f->ids.ldevid, TLS1_3_VERSION);

    assert_non_null(key);
    assert_int_equal(RAND_bytes_ex(f->ctx, bytes, sizeof bytes, 256), 1);
    assert_int_equal(RAND_priv_bytes_ex(f->ctx, bytes, sizeof bytes, 256), 1);
    assert_true(is_random(bytes, sizeof bytes));
    assert_commands(f, "");
    assert_true(tls_handshake(client, f->server));
    assert_commands(f, "Sign");
    SSL_CTX_free(client);
    EVP_PKEY_free(key);
}

static void who_fetches_it_by_name_has_the_tpms_bytes(void **state)
{
    struct face *f = *state;
    unsigned char bytes[32] = {0}, other[32] = {0};
    EVP_RAND_CTX *ctx = generator(f);

    assert_int_equal(EVP_RAND_instantiate(ctx, 256, 1, NULL, 0, NULL), 1);
    assert_int_equal(EVP_RAND_get_strength(ctx), 256);
    assert_int_equal(EVP_RAND_get_state(ctx), EVP_RAND_STATE_READY);
    assert_commands(f, "");
    assert_int_equal(EVP_RAND_generate(ctx, bytes, sizeof bytes, 256, 1, NULL, 0), 1);
    assert_commands(f, "GetRandom");
    assert_int_equal(EVP_RAND_nonce(ctx, other, sizeof other), 1);
    assert_commands(f, "GetRandom");
    assert_true(is_random(bytes, sizeof bytes) && is_random(other, sizeof other));
    assert_memory_not_equal(bytes, other, sizeof bytes);
    assert_int_equal(EVP_RAND_reseed(ctx, 1, NULL, 0, other, sizeof other), 1);
    assert_int_equal(EVP_RAND_verify_zeroization(ctx), 1);
    assert_commands(f, "");
    EVP_RAND_CTX_free(ctx);
}

/* 64 bytes are what a TPM with SHA-512 gives at once; 65,536 what libcrypto asks for at once. */
static void a_long_request_comes_in_pieces(void **state)
{
    static unsigned char bytes[65536 + 100];
    struct face *f = *state;
    EVP_RAND_CTX *ctx = generator(f);

    memset(bytes, 0, sizeof bytes);
    assert_int_equal(EVP_RAND_instantiate(ctx, 0, 0, NULL, 0, NULL), 1);
    assert_int_equal(EVP_RAND_generate(ctx, bytes, 200, 0, 0, NULL, 0), 1);
    assert_commands(f, "GetRandom GetRandom GetRandom GetRandom");
    assert_true(is_random(bytes, 200));
    assert_true(bytes[200] == 0 && bytes[201] == 0);
    assert_int_equal(EVP_RAND_generate(ctx, bytes, sizeof bytes, 0, 0, NULL, 0), 1);
    assert_int_equal(face_commands(f, "GetRandom"), 1024 + 2);
    assert_int_equal(face_commands(f, NULL), 1024 + 2);
    assert_true(is_random(bytes, 65536) && is_random(bytes + 65536, 100));
    face_forget_commands(f);
    EVP_RAND_CTX_free(ctx);
}

static void it_gives_nothing_before_and_after_its_life_or_above_its_strength(void **state)
{
    struct face *f = *state;
    unsigned char bytes[16];
    EVP_RAND_CTX *ctx = generator(f);

    assert_int_equal(EVP_RAND_generate(ctx, bytes, sizeof bytes, 0, 0, NULL, 0), 0);
    assert_int_equal(EVP_RAND_instantiate(ctx, 512, 0, NULL, 0, NULL), 0);
    assert_int_equal(EVP_RAND_instantiate(ctx, 128, 0, NULL, 0, NULL), 1);
    assert_int_equal(EVP_RAND_generate(ctx, bytes, sizeof bytes, 512, 0, NULL, 0), 0);
    assert_int_equal(EVP_RAND_uninstantiate(ctx), 1);
    assert_int_equal(EVP_RAND_get_state(ctx), EVP_RAND_STATE_UNINITIALISED);
    assert_int_equal(EVP_RAND_generate(ctx, bytes, sizeof bytes, 0, 0, NULL, 0), 0);
    assert_commands(f, "");
    ERR_clear_error();
    EVP_RAND_CTX_free(ctx);
}

/* openssl.cnf: [random] random = DEVID-RAND */
static void named_as_random_it_serves_the_whole_process(void **state)
{
    struct face *f = *state;
    unsigned char bytes[32] = {0}, other[32] = {0};
    SSL_CTX *client;

    assert_int_equal(RAND_set_DRBG_type(f->ctx, "DEVID-RAND", NULL, NULL, NULL), 1);
    assert_int_equal(RAND_bytes_ex(f->ctx, bytes, sizeof bytes, 256), 1);
    assert_commands(f, "GetRandom");
    assert_int_equal(RAND_priv_bytes_ex(f->ctx, other, sizeof other, 256), 1);
    assert_commands(f, "GetRandom");
    assert_true(is_random(bytes, sizeof bytes) && is_random(other, sizeof other));

    /* and signing goes on beside it */
    client = face_client(f, &f->ids.ldevid, TLS1_3_VERSION);
    assert_true(tls_handshake(client, f->server));
    assert_int_equal(face_commands(f, "Sign"), 1);
    assert_true(face_commands(f, "GetRandom") > 0);
    assert_int_equal(face_commands(f, NULL), 1 + face_commands(f, "GetRandom"));
    face_forget_commands(f);
    SSL_CTX_free(client);
}

/* [random] seed = DEVID-RAND: libcrypto's own generators, started by the TPM. */
static void named_as_seed_it_starts_libcryptos_generators(void **state)
{
    struct face *f = *state;
    unsigned char bytes[1000] = {0};

    assert_int_equal(RAND_set_seed_source_type(f->ctx, "DEVID-RAND", NULL), 1);
    assert_int_equal(RAND_bytes_ex(f->ctx, bytes, sizeof bytes, 256), 1);
    assert_true(face_commands(f, "GetRandom") > 0);
    assert_int_equal(face_commands(f, NULL), face_commands(f, "GetRandom"));
    assert_true(is_random(bytes, sizeof bytes));
    face_forget_commands(f);
    for (int i = 0; i < 10; i++)
        assert_int_equal(RAND_bytes_ex(f->ctx, bytes, sizeof bytes, 256), 1);
    assert_int_equal(RAND_priv_bytes_ex(f->ctx, bytes, sizeof bytes, 256), 1);
    assert_commands(f, ""); /* the private one starts from the primary, which has been started */
}

static void *take_some(void *arg)
{
    struct face *f = arg;
    unsigned char bytes[32] = {0};
    bool ok = true;

    for (int i = 0; ok && i < 20; i++)
        ok = RAND_bytes_ex(f->ctx, bytes, sizeof bytes, 256) == 1 && is_random(bytes, sizeof bytes);
    OPENSSL_thread_stop_ex(f->ctx);
    return ok ? f : NULL;
}

static void threads_take_turns(void **state)
{
    struct face *f = *state;
    pthread_t threads[4];

    assert_int_equal(RAND_set_DRBG_type(f->ctx, "DEVID-RAND", NULL, NULL, NULL), 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_some, f), 0);
    for (int i = 0; i < 4; i++) {
        void *result = NULL;

        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, f);
    }
    assert_int_equal(face_commands(f, "GetRandom"), 4 * 20);
    assert_int_equal(face_commands(f, NULL), 4 * 20);
    face_forget_commands(f);
}

static bool queue_says(const char *text)
{
    const char *data = NULL;
    bool found = false;
    int flags = 0;

    while (ERR_get_error_all(NULL, NULL, NULL, &data, &flags) != 0)
        found |= (flags & ERR_TXT_STRING) != 0 && strstr(data, text) != NULL;
    return found;
}

/* The last: the TPM does not come back. */
static void without_the_tpm_there_are_none_and_it_is_said(void **state)
{
    static const unsigned char zeros[48];
    struct face *f = *state;
    unsigned char bytes[48] = {0};
    EVP_RAND_CTX *ctx = generator(f);

    face_stop_tpm(f);
    assert_int_equal(EVP_RAND_instantiate(ctx, 256, 0, NULL, 0, NULL), 1);
    ERR_clear_error();
    assert_int_equal(EVP_RAND_generate(ctx, bytes, sizeof bytes, 256, 0, NULL, 0), 0);
    assert_memory_equal(bytes, zeros, sizeof bytes);
    assert_true(queue_says("TPM"));
    assert_int_equal(RAND_set_seed_source_type(f->ctx, "DEVID-RAND", NULL), 1);
    assert_int_not_equal(RAND_bytes_ex(f->ctx, bytes, sizeof bytes, 256), 1);
    assert_true(queue_says("TPM"));
    EVP_RAND_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACE_TEST(nothing_random_is_asked_of_the_tpm_unless_it_is_named),
        FACE_TEST(who_fetches_it_by_name_has_the_tpms_bytes),
        FACE_TEST(a_long_request_comes_in_pieces),
        FACE_TEST(it_gives_nothing_before_and_after_its_life_or_above_its_strength),
        FACE_TEST(named_as_random_it_serves_the_whole_process),
        FACE_TEST(named_as_seed_it_starts_libcryptos_generators),
        FACE_TEST(threads_take_turns),
        FACE_TEST(without_the_tpm_there_are_none_and_it_is_said),
    };

    return FACE_RUN(tests);
}
