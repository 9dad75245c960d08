/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/hash.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cert.h"
#include "core/libctx.h"
#include "core/public.h"
#include "unit/soft.h"

static const unsigned char bytes[64] = "a digest is any bytes to a signature, if there are enough";

static struct devid_slice digest_of(enum devid_hash hash)
{
    return (struct devid_slice){bytes, devid_hash_len(hash)};
}

/* FIPS 180-4 examples, "abc". */
static void digests_are_those_of_the_standard(void **state)
{
    static const struct {
        enum devid_hash hash;
        const char *name, *hex;
    } cases[] = {
        {DEVID_SHA1, "SHA1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {DEVID_SHA256, "SHA256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {DEVID_SHA384, "SHA384",
         "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
        {DEVID_SHA512, "SHA512",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
         "454d4423643ce80e2a9ac94fa54ca49f"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = devid_hash_len(cases[i].hash);
        unsigned char digest[DEVID_HASH_MAX];
        struct devid_hasher *h = NULL;
        struct devid_bytes hex = {0};

        assert_string_equal(devid_hash_name(cases[i].hash), cases[i].name);
        assert_int_equal(devid_hash_once(cases[i].hash, TEXT("abc"), digest, NULL), DEVID_OK);
        assert_int_equal(devid_hex_encode((struct devid_slice){digest, len}, &hex, NULL), DEVID_OK);
        assert_string_equal((char *)hex.data, cases[i].hex);
        devid_bytes_free(&hex);

        memset(digest, 0, sizeof digest);
        assert_int_equal(devid_hasher_new(cases[i].hash, &h, NULL), DEVID_OK);
        assert_int_equal(devid_hasher_update(h, TEXT("a"), NULL), DEVID_OK);
        assert_int_equal(devid_hasher_update(h, TEXT(""), NULL), DEVID_OK);
        assert_int_equal(devid_hasher_update(h, TEXT("bc"), NULL), DEVID_OK);
        assert_int_equal(devid_hasher_final(h, digest, NULL), DEVID_OK);
        devid_hasher_free(h);
        assert_int_equal(devid_hex_encode((struct devid_slice){digest, len}, &hex, NULL), DEVID_OK);
        assert_string_equal((char *)hex.data, cases[i].hex);
        devid_bytes_free(&hex);
    }
    assert_queue_is_empty();
}

static void no_hash_is_no_hash(void **state)
{
    struct devid_hasher *h = NULL;
    unsigned char digest[DEVID_HASH_MAX];

    (void)state;
    assert_int_equal(devid_hash_len(DEVID_HASH_NONE), 0);
    assert_null(devid_hash_name(DEVID_HASH_NONE));
    assert_int_equal(devid_hash_len((enum devid_hash)99), 0);
    assert_int_equal(devid_hash_once(DEVID_HASH_NONE, TEXT("abc"), digest, NULL), DEVID_E_ARG);
    assert_int_equal(devid_hasher_new((enum devid_hash)99, &h, NULL), DEVID_E_ARG);
    devid_hasher_free(NULL);
}

/* A signature passes; with a bit flipped in it or in the digest, or by another key, it does not. */
static void assert_only_this_passes(EVP_PKEY *key, const struct devid_scheme *scheme, struct devid_slice digest)
{
    struct devid_bytes spki = soft_spki(key), sig = soft_sign(key, scheme, digest), other = {0};

    assert_int_equal(devid_verify(devid_slice_of(spki), scheme, digest, devid_slice_of(sig), NULL), DEVID_OK);
    for (size_t i = 0; i < sig.len; i += sig.len / 5) {
        sig.data[i] ^= 1;
        assert_int_equal(devid_verify(devid_slice_of(spki), scheme, digest, devid_slice_of(sig), NULL), DEVID_E_DATA);
        sig.data[i] ^= 1;
    }
    assert_int_equal(devid_bytes_copy(digest, &other, NULL), DEVID_OK);
    other.data[0] ^= 0x80;
    assert_int_equal(devid_verify(devid_slice_of(spki), scheme, devid_slice_of(other), devid_slice_of(sig), NULL),
                     DEVID_E_DATA);
    for (size_t len = 0; len < sig.len; len += sig.len / 3)
        assert_int_equal(devid_verify(devid_slice_of(spki), scheme, digest, (struct devid_slice){sig.data, len}, NULL),
                         DEVID_E_DATA);
    assert_int_equal(devid_bytes_append(&sig, TEXT("\0"), NULL), DEVID_OK);
    assert_int_equal(devid_verify(devid_slice_of(spki), scheme, digest, devid_slice_of(sig), NULL), DEVID_E_DATA);
    assert_queue_is_empty();
    devid_bytes_free(&other);
    devid_bytes_free(&spki);
    devid_bytes_free(&sig);
}

static void ecdsa_signatures_of_each_curve_and_hash(void **state)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *key = soft_key(curves[i]);

        for (int hash = DEVID_SHA1; hash <= DEVID_SHA512; hash++) {
            struct devid_scheme scheme = {.padding = DEVID_ECDSA, .hash = (enum devid_hash)hash};

            assert_only_this_passes(key, &scheme, digest_of(scheme.hash));
        }
        EVP_PKEY_free(key);
    }
}

/* FIPS 186-5, 6.4: of a longer input the leftmost bits are signed. */
static void ecdsa_without_a_hash_takes_any_length(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_scheme scheme = {.padding = DEVID_ECDSA};
    struct devid_bytes spki = soft_spki(key), sig;

    (void)state;
    for (size_t len = 1; len <= 64; len += 21)
        assert_only_this_passes(key, &scheme, (struct devid_slice){bytes, len});
    sig = soft_sign(key, &scheme, (struct devid_slice){bytes, 64});
    assert_int_equal(devid_verify(devid_slice_of(spki), &scheme, (struct devid_slice){bytes, 32}, devid_slice_of(sig),
                                  NULL), DEVID_OK);
    devid_bytes_free(&sig);
    devid_bytes_free(&spki);
    EVP_PKEY_free(key);
}

/* CVE-2022-21449: r and s must be 1 to n - 1. */
static void ecdsa_signatures_out_of_range_are_wrong(void **state)
{
    static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    EVP_PKEY *key = soft_key("P-256");
    struct devid_scheme scheme = {.padding = DEVID_ECDSA, .hash = DEVID_SHA256};
    struct devid_bytes spki = soft_spki(key), n = {0};
    unsigned char values[4][32] = {{0}, {[31] = 1}, {0}, {0}};

    (void)state;
    assert_int_equal(devid_hex_decode(order, &n, NULL), DEVID_OK);
    memcpy(values[2], n.data, 32);
    memset(values[3], 0xff, 32);
    for (int r = 0; r < 4; r++)
        for (int s = 0; s < 4; s++) {
            unsigned char sig[64];

            memcpy(sig, values[r], 32);
            memcpy(sig + 32, values[s], 32);
            assert_int_equal(devid_verify(devid_slice_of(spki), &scheme, digest_of(DEVID_SHA256), SLICE(sig), NULL),
                             DEVID_E_DATA);
        }
    devid_bytes_free(&n);
    devid_bytes_free(&spki);
    EVP_PKEY_free(key);
}

static void rsa_signatures_with_each_hash(void **state)
{
    EVP_PKEY *key = soft_key("RSA");

    (void)state;
    for (int hash = DEVID_SHA1; hash < DEVID_HASH_END; hash++) {
        struct devid_scheme pkcs1 = {.padding = DEVID_PKCS1, .hash = (enum devid_hash)hash};
        struct devid_scheme pss = {.padding = DEVID_PSS, .hash = pkcs1.hash, .salt_len = devid_hash_len(pkcs1.hash)};
        struct devid_scheme odd = {.padding = DEVID_PSS, .hash = pkcs1.hash, .mgf = DEVID_SHA1, .salt_len = 0};

        assert_only_this_passes(key, &pkcs1, digest_of(pkcs1.hash));
        assert_only_this_passes(key, &pss, digest_of(pkcs1.hash));
        assert_only_this_passes(key, &odd, digest_of(pkcs1.hash));
    }
    EVP_PKEY_free(key);
}

static void rsa_without_a_hash_and_raw(void **state)
{
    EVP_PKEY *key = soft_key("RSA");
    struct devid_scheme bare = {.padding = DEVID_PKCS1}, raw = {.padding = DEVID_RAW};
    struct devid_bytes spki = soft_spki(key), sig;
    unsigned char block[256] = {0};

    (void)state;
    assert_only_this_passes(key, &bare, (struct devid_slice){bytes, 1});
    assert_only_this_passes(key, &bare, (struct devid_slice){bytes, 64});
    memset(block + 1, 0x5a, sizeof block - 1);
    assert_only_this_passes(key, &bare, (struct devid_slice){block + 1, 245}); /* the longest that type 1 takes */
    assert_int_equal(devid_verify(devid_slice_of(spki), &bare, (struct devid_slice){block, 246}, SLICE(block), NULL),
                     DEVID_E_DATA);

    sig = soft_sign(key, &raw, SLICE(block));
    assert_int_equal(devid_verify(devid_slice_of(spki), &raw, SLICE(block), devid_slice_of(sig), NULL), DEVID_OK);
    assert_int_equal(devid_verify(devid_slice_of(spki), &raw, (struct devid_slice){block + 1, 255}, devid_slice_of(sig),
                                  NULL), DEVID_E_DATA);
    sig.data[10] ^= 1;
    assert_int_equal(devid_verify(devid_slice_of(spki), &raw, SLICE(block), devid_slice_of(sig), NULL), DEVID_E_DATA);
    memset(sig.data, 0xff, sig.len); /* not less than the modulus */
    assert_int_equal(devid_verify(devid_slice_of(spki), &raw, SLICE(block), devid_slice_of(sig), NULL), DEVID_E_DATA);
    devid_bytes_free(&sig);

    /* a DigestInfo padded by hand is what PKCS#1 with the hash makes */
    {
        static const unsigned char info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                             0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
        struct devid_scheme hashed = {.padding = DEVID_PKCS1, .hash = DEVID_SHA256};
        unsigned char ready[sizeof info + 32];

        memcpy(ready, info, sizeof info);
        memcpy(ready + sizeof info, bytes, 32);
        sig = soft_sign(key, &hashed, digest_of(DEVID_SHA256));
        assert_int_equal(devid_verify(devid_slice_of(spki), &bare, SLICE(ready), devid_slice_of(sig), NULL), DEVID_OK);
        devid_bytes_free(&sig);
    }
    devid_bytes_free(&spki);
    EVP_PKEY_free(key);
}

static void pss_has_the_salt_and_the_mask_that_were_asked_for(void **state)
{
    EVP_PKEY *key = soft_key("RSA");
    struct devid_scheme made = {.padding = DEVID_PSS, .hash = DEVID_SHA256, .salt_len = 32}, asked = made;
    struct devid_bytes spki = soft_spki(key), sig = soft_sign(key, &made, digest_of(DEVID_SHA256));
    static const size_t lens[] = {0, 20, 31, 33, 222, 223, 1000, SIZE_MAX, (size_t)UINT32_MAX + 33};

    (void)state;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        asked.salt_len = lens[i];
        assert_int_equal(devid_verify(devid_slice_of(spki), &asked, digest_of(DEVID_SHA256), devid_slice_of(sig), NULL),
                         DEVID_E_DATA);
    }
    asked = made;
    asked.mgf = DEVID_SHA1;
    assert_int_equal(devid_verify(devid_slice_of(spki), &asked, digest_of(DEVID_SHA256), devid_slice_of(sig), NULL),
                     DEVID_E_DATA);
    asked.mgf = DEVID_SHA256;
    assert_int_equal(devid_verify(devid_slice_of(spki), &asked, digest_of(DEVID_SHA256), devid_slice_of(sig), NULL),
                     DEVID_OK);
    asked.hash = DEVID_HASH_NONE;
    assert_int_equal(devid_verify(devid_slice_of(spki), &asked, digest_of(DEVID_SHA256), devid_slice_of(sig), NULL),
                     DEVID_E_ARG);
    devid_bytes_free(&sig);
    devid_bytes_free(&spki);
    EVP_PKEY_free(key);
}

static void a_scheme_that_does_not_fit_the_key_or_the_digest_is_told(void **state)
{
    EVP_PKEY *ec = soft_key("P-256"), *rsa = soft_key("RSA");
    struct devid_bytes ec_spki = soft_spki(ec), rsa_spki = soft_spki(rsa);
    unsigned char sig[256] = {0};

    (void)state;
    for (int padding = DEVID_ECDSA; padding <= DEVID_RAW; padding++) {
        struct devid_scheme scheme = {.padding = (enum devid_padding)padding, .hash = DEVID_SHA256};
        struct devid_bytes *other = padding == DEVID_ECDSA ? &rsa_spki : &ec_spki;
        struct devid_bytes *own = padding == DEVID_ECDSA ? &ec_spki : &rsa_spki;

        assert_int_equal(devid_verify(devid_slice_of(*other), &scheme, digest_of(DEVID_SHA256), SLICE(sig), NULL),
                         DEVID_E_KEY);
        assert_int_equal(devid_verify(devid_slice_of(*own), &scheme, digest_of(DEVID_SHA384), SLICE(sig), NULL),
                         DEVID_E_DATA);
        assert_int_equal(devid_verify(TEXT("no key"), &scheme, digest_of(DEVID_SHA256), SLICE(sig), NULL),
                         DEVID_E_DATA);
    }
    assert_queue_is_empty();
    devid_bytes_free(&ec_spki);
    devid_bytes_free(&rsa_spki);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

static void *hash_often(void *unused)
{
    static const unsigned char first = 0xba;
    unsigned char digest[DEVID_HASH_MAX];
    void *wrong = NULL;

    (void)unused;
    for (int i = 0; i < 200; i++)
        if (devid_hash_once(DEVID_SHA256, TEXT("abc"), digest, NULL) != DEVID_OK || digest[0] != first)
            wrong = &digest;
    return wrong == NULL ? NULL : (void *)(uintptr_t)1;
}

/* All begin at once, in a process where nothing was made yet, after a fork. */
static void threads_and_children_may_be_the_first(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        pthread_t threads[8];
        void *wrong = NULL, *each;
        pid_t grandchild;

        for (int i = 0; i < 8; i++)
            if (pthread_create(&threads[i], NULL, hash_often, NULL) != 0)
                _exit(1);
        for (int i = 0; i < 8; i++) {
            (void)pthread_join(threads[i], &each);
            wrong = each != NULL ? each : wrong;
        }
        grandchild = fork();
        if (grandchild == 0)
            _exit(hash_often(NULL) == NULL ? 0 : 1);
        _exit(waitpid(grandchild, &status, 0) == grandchild && status == 0 && wrong == NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The module is unloaded, and loaded again by another part of the program. */
static void the_library_context_may_be_dropped_and_made_again(void **state)
{
    unsigned char digest[DEVID_HASH_MAX];

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(devid_hash_once(DEVID_SHA256, TEXT("abc"), digest, NULL), DEVID_OK);
        assert_int_equal(digest[0], 0xba);
        assert_int_equal(devid_libctx_hash(devid_libctx_md(DEVID_SHA256)), DEVID_SHA256);
        assert_int_equal(devid_libctx_hash(EVP_sha256()), DEVID_HASH_NONE);
        assert_int_equal(devid_libctx_hash(NULL), DEVID_HASH_NONE);
        devid_libctx_drop();
        devid_libctx_drop();
    }
    assert_queue_is_empty();
}

/* A configuration or an engine has taken over the program's own context: nothing in it works any more. */
static void a_program_whose_own_context_is_empty_changes_nothing(void **state)
{
    EVP_PKEY *key = soft_key("P-256");
    struct devid_scheme scheme = {.padding = DEVID_ECDSA, .hash = DEVID_SHA256};
    struct devid_bytes spki = soft_spki(key), sig = soft_sign(key, &scheme, digest_of(DEVID_SHA256));
    struct devid_bytes der = soft_cert(key, "x", "20500101000000Z");
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        struct devid_public pub = {0};
        struct devid_cert cert = {0};
        unsigned char digest[DEVID_HASH_MAX];
        bool works;

        EVP_set_default_properties(NULL, "provider=nobody");
        works = EVP_MD_fetch(NULL, "SHA256", NULL) == NULL &&
                devid_hash_once(DEVID_SHA256, TEXT("abc"), digest, NULL) == DEVID_OK &&
                devid_verify(devid_slice_of(spki), &scheme, digest_of(DEVID_SHA256), devid_slice_of(sig), NULL) == DEVID_OK &&
                devid_public_from_spki(devid_slice_of(spki), &pub, NULL) == DEVID_OK &&
                devid_cert_parse(devid_slice_of(der), &cert, NULL) == DEVID_OK;
        devid_public_free(&pub);
        _exit(works ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    devid_bytes_free(&der);
    devid_bytes_free(&sig);
    devid_bytes_free(&spki);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_children_may_be_the_first),
        cmocka_unit_test(digests_are_those_of_the_standard),
        cmocka_unit_test(no_hash_is_no_hash),
        cmocka_unit_test(ecdsa_signatures_of_each_curve_and_hash),
        cmocka_unit_test(ecdsa_without_a_hash_takes_any_length),
        cmocka_unit_test(ecdsa_signatures_out_of_range_are_wrong),
        cmocka_unit_test(rsa_signatures_with_each_hash),
        cmocka_unit_test(rsa_without_a_hash_and_raw),
        cmocka_unit_test(pss_has_the_salt_and_the_mask_that_were_asked_for),
        cmocka_unit_test(the_library_context_may_be_dropped_and_made_again),
        cmocka_unit_test(a_program_whose_own_context_is_empty_changes_nothing),
        cmocka_unit_test(a_scheme_that_does_not_fit_the_key_or_the_digest_is_told),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
