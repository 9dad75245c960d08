/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys, public areas and certificates made in software, for tests without a TPM. */
#ifndef DEVID_TEST_UNIT_SOFT_H
#define DEVID_TEST_UNIT_SOFT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/bytes.h"
#include "core/hash.h"

#define SLICE(array) ((struct devid_slice){(const unsigned char *)(array), sizeof(array)})
#define TEXT(literal) ((struct devid_slice){(const unsigned char *)(literal), sizeof(literal) - 1})

/* "P-256", "P-384", "P-521", "brainpoolP256r1", or "RSA" (2048 bits). Fails the test if it cannot. */
EVP_PKEY *soft_key(const char *name);
/* What "openssl pkey -pubout -outform DER" writes. */
struct devid_bytes soft_spki(EVP_PKEY *key);

/* What a TPM would say of that key, but for what edit changes. */
struct soft_area {
    uint32_t attributes;    /* TPMA_OBJECT */
    uint16_t scheme, hash;  /* TPM2_ALG_...; 0: TPM2_ALG_NULL */
    size_t pad_to;          /* EC: bytes of a coordinate; 0: as short as they are */
};
struct devid_bytes soft_area(EVP_PKEY *key, const struct soft_area *how);

/* A signature as devid_key_sign gives it: r || s, or the modulus's size. */
struct devid_bytes soft_sign(EVP_PKEY *key, const struct devid_scheme *scheme, struct devid_slice digest);

/* A certificate for key signed by itself; the subject is O=Example, CN=cn. Valid from 2020 to not_after. */
struct devid_bytes soft_cert(EVP_PKEY *key, const char *cn, const char *not_after);

/* Nothing of ours stays in the caller's error queue. */
void assert_queue_is_empty(void);

#endif
