/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module as a program meets it: opened by dlopen, called through its function list; a software TPM with
 * identities behind it: in the owner's token azure:ldevid (EC, at a handle), wrapped (EC) and rsa, in the manufacturer's
 * ek, idevid (EC) and iak (EC, restricted).
 */
#ifndef DEVID_TEST_PKCS11_FACE_H
#define DEVID_TEST_PKCS11_FACE_H

#include "pkcs11/p11v3.h"
#include "tpm/world.h"
#include "tpm/identities.h"

struct p11 {
    struct world *world;
    struct identities ids;
    void *module;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session; /* read-write, owner's token */
};

extern CK_FUNCTION_LIST *f; /* the list of the module that p11_start opened */

#define OWNER 1UL /* slots */
#define MANUFACTURER 0UL

int p11_group_start(void **state);
int p11_group_end(void **state);
int p11_open(void **state);  /* before a test: module loaded, not initialised, commands forgotten */
int p11_start(void **state); /* the same, initialised and with a session */
int p11_end(void **state);   /* after it: finalised if it was not, unloaded, nothing is left in the TPM */

#define P11_TEST(test) cmocka_unit_test_setup_teardown(test, p11_start, p11_end)
#define P11_RAW_TEST(test) cmocka_unit_test_setup_teardown(test, p11_open, p11_end)

/* The answer by its number, and where it was wrong. */
#define assert_rv(call, expected) assert_int_equal((call), (expected))

CK_SESSION_HANDLE p11_session(CK_SLOT_ID slot, CK_FLAGS more);
/* The only object of that class and label; fails the test if there is none. */
CK_OBJECT_HANDLE p11_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label);
CK_ULONG p11_count(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n);
/* Value of an attribute; its length. */
CK_ULONG p11_attr(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out, CK_ULONG room);
/* Checked by OpenSSL, with nothing of ours between. sig as PKCS#11 gives it. hash "SHA256" and data, or NULL and a digest. */
bool p11_is_signature(X509 *cert, const char *hash, const char *padding, const unsigned char *data, size_t data_len,
                      const unsigned char *sig, size_t sig_len);

/* Commands since the last look, "Load Sign FlushContext"; they are forgotten. */
void p11_assert_commands(struct p11 *t, const char *expected, const char *file, int line);
#define assert_commands(t, expected) p11_assert_commands((t), (expected), __FILE__, __LINE__)

#endif
