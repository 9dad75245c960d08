/* SPDX-License-Identifier: BSD-2-Clause */
/* What the key types share: provider-keymgmt(7), the functions of keymgmt.c. */
#ifndef DEVID_PROVIDER_KEYMGMT_H
#define DEVID_PROVIDER_KEYMGMT_H

#include "provider/provider.h"

/* libcrypto's names: its default provider's key types, so that EVP_PKEY_is_a() knows our keys. */
#define KEYMGMT_EC_NAMES "EC:id-ecPublicKey:1.2.840.10045.2.1"
#define KEYMGMT_RSA_NAMES "RSA:rsaEncryption:1.2.840.113549.1.1.1"
#define KEYMGMT_RSA_PSS_NAMES "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10"

void keymgmt_free(void *keydata);
void *keymgmt_load(const void *reference, size_t size);
int keymgmt_has(const void *keydata, int selection);
int keymgmt_match(const void *a, const void *b, int selection);
int keymgmt_validate(const void *keydata, int selection, int check_type);
int keymgmt_import(void *keydata, int selection, const OSSL_PARAM params[]);
int keymgmt_get_params(void *keydata, OSSL_PARAM params[]);
int keymgmt_set_params(void *keydata, const OSSL_PARAM params[]);
void *keymgmt_dup(const void *from, int selection);
/* generate.c */
void *keymgmt_gen_init(struct provider *p, enum pkey_type type, int selection, const OSSL_PARAM params[]);
int keymgmt_gen_set_template(void *genctx, void *keydata);
int keymgmt_gen_set_params(void *genctx, const OSSL_PARAM params[]);
void *keymgmt_gen(void *genctx, OSSL_CALLBACK *cb, void *arg);
void keymgmt_gen_cleanup(void *genctx);
/* Tables that stay as long as the provider. */
const OSSL_PARAM *keymgmt_types(enum pkey_type type, int selection); /* what a key may be made of, and taken apart into */
const OSSL_PARAM *keymgmt_gettable(enum pkey_type type);
const OSSL_PARAM *keymgmt_settable(enum pkey_type type);
const OSSL_PARAM *keymgmt_gen_settable(struct provider *p, enum pkey_type type);

extern const OSSL_DISPATCH keymgmt_ec[], keymgmt_rsa[], keymgmt_rsa_pss[];

/* The lines of a type's table that are the same for all. */
/* clang-format off */
#define KEYMGMT_SHARED \
    ENTRY(OSSL_FUNC_KEYMGMT_FREE, keymgmt_free), \
    ENTRY(OSSL_FUNC_KEYMGMT_LOAD, keymgmt_load), \
    ENTRY(OSSL_FUNC_KEYMGMT_HAS, keymgmt_has), \
    ENTRY(OSSL_FUNC_KEYMGMT_MATCH, keymgmt_match), \
    ENTRY(OSSL_FUNC_KEYMGMT_VALIDATE, keymgmt_validate), \
    ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, keymgmt_import), \
    ENTRY(OSSL_FUNC_KEYMGMT_EXPORT, keymgmt_export), \
    ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, keymgmt_get_params), \
    ENTRY(OSSL_FUNC_KEYMGMT_SET_PARAMS, keymgmt_set_params), \
    ENTRY(OSSL_FUNC_KEYMGMT_DUP, keymgmt_dup), \
    ENTRY(OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE, keymgmt_gen_set_template), \
    ENTRY(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, keymgmt_gen_set_params), \
    ENTRY(OSSL_FUNC_KEYMGMT_GEN, keymgmt_gen), \
    ENTRY(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, keymgmt_gen_cleanup)
/* clang-format on */

#endif
