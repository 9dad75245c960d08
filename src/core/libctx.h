/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Core's own OpenSSL library context. The process's default one may have been given to an engine, to
 * a configuration, or to our own provider, which would call itself. Core's own, and
 * the provider's, whose public halves live in it.
 */
#ifndef DEVID_CORE_LIBCTX_H
#define DEVID_CORE_LIBCTX_H

#include <openssl/evp.h>
#include <openssl/params.h>

#include "core/bytes.h"
#include "core/hash.h"

#define DEVID_SPKI_MAX 8192 /* bytes: an RSA key of 16,384 bits takes 2,100 */

/**
 * The context, made at the first call and kept for the life of the process: code that a program runs
 * late (C_Finalize in a destructor) may still come here. NULL only if memory is short.
 * Any thread; also after fork.
 */
OSSL_LIB_CTX *devid_libctx(void);

/**
 * A digest of that context, fetched once: a fetch costs more than hashing a short message. It is the
 * context's and not to be freed. NULL if memory is short or hash is none.
 */
const EVP_MD *devid_libctx_md(enum devid_hash hash);

/**
 * Which of those digests this is, by its address: DEVID_HASH_NONE also for one that was fetched otherwise, or not by
 * devid_libctx_md yet.
 */
enum devid_hash devid_libctx_hash(const EVP_MD *md);

/**
 * Free it and its digests; a later call makes a new one. For a module that may be unloaded, and with it the variable that holds the
 * context: devid_hash_end. The provider's is not. No key or hasher in it may be left.
 */
void devid_libctx_drop(void);

/**
 * The key of a SubjectPublicKeyInfo, in that context; freed by the caller with EVP_PKEY_free.
 * Leaves nothing in the error queue.
 *
 * \return DEVID_E_DATA if it is malformed or bytes follow it; DEVID_E_KEY if it is neither RSA (or
 *         RSASSA-PSS) nor an EC key on a named curve
 */
devid_rc devid_libctx_pkey(struct devid_slice spki, EVP_PKEY **out, struct devid_error *err);

/** Parameters for libcrypto that it only reads, though the types of OSSL_PARAM do not say so. Lent. */
static inline OSSL_PARAM devid_libctx_text(const char *name, const char *value)
{
    return OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)value, 0);
}

static inline OSSL_PARAM devid_libctx_bytes(const char *name, struct devid_slice value)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)value.data, value.len);
}

/**
 * A key derivation by that context.
 * \param method  "X963KDF", ...; its parameters: openssl's manual, EVP_KDF-X963(7)
 * \return DEVID_E_MEM: all inputs are ours, so what is wrong is memory
 */
devid_rc devid_libctx_derive(const char *method, const OSSL_PARAM *params, unsigned char *out, size_t len, struct devid_error *err);

#endif
