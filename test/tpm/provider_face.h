/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The provider as a program meets it: a library context with "default" and "devid", in each order that openssl.cnf
 * may have; a software TPM with three identities behind it; a CA that gave them certificates.
 */
#ifndef DEVID_TEST_PROVIDER_FACE_H
#define DEVID_TEST_PROVIDER_FACE_H

#include <openssl/provider.h>
#include <openssl/ssl.h>

#include "tpm/identities.h"
#include "tpm/world.h"

enum order { DEFAULT_FIRST, DEVID_FIRST, DEVID_PREFERRED };

struct face {
    struct world *world;
    enum order order;
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *first, *second;
    struct identities ids;
    SSL_CTX *server; /* with a software key; asks for a certificate of the CA */
};

int face_group_start(void **state);
int face_group_end(void **state);
int face_start(void **state); /* before each test: providers loaded, commands forgotten */
int face_end(void **state);   /* after each: nothing is left in the TPM, nor in the error queue */
int face_run(const char *file, const struct CMUnitTest *tests, size_t n);

#define FACE_TEST(f) cmocka_unit_test_setup_teardown(f, face_start, face_end)
/* All tests, in each of the three orders; the number of those that failed. */
#define FACE_RUN(tests) face_run(__FILE__, tests, sizeof(tests) / sizeof(tests)[0])

EVP_PKEY *face_key(struct face *f, const struct sample *sample);
/* OpenSSL 3.2 and later hide a wrong PKCS#1 padding: one command more, the first time that a key decrypts so. */
bool face_hides_by_default(void);
SSL_CTX *face_client(struct face *f, const struct sample *sample, int version);
/* One end of TLS that asks the other for a certificate. sample NULL: a software key certified by that name, in the program's own context
   where no provider of ours is. */
SSL_CTX *face_side_of(struct face *f, const struct sample *sample, const SSL_METHOD *method, const char *name);
SSL_CTX *face_server_of(struct face *f, const struct sample *sample);
bool face_signs(struct face *f, EVP_PKEY *key);
void face_unload(struct face *f);
void face_stop_tpm(struct face *f);

/* Commands since the last look, "Load Sign FlushContext"; they are forgotten. */
void assert_commands_of(struct face *f, const char *expected, const char *file, int line);
#define assert_commands(f, expected) assert_commands_of((f), (expected), __FILE__, __LINE__)
/* How many of them, or with NULL how many in all. They are kept. */
size_t face_commands(struct face *f, const char *name);
void face_forget_commands(struct face *f);

bool tls_handshake(SSL_CTX *client, SSL_CTX *server);

#endif
