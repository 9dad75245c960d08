/* SPDX-License-Identifier: BSD-2-Clause */
/* A signature in the making: provider-signature(7), the functions of signature.c that composite algorithms share. */
#ifndef DEVID_PROVIDER_SIGNATURE_H
#define DEVID_PROVIDER_SIGNATURE_H

#include "provider/provider.h"

struct signing {
    struct provider *prov;
    struct pkey *key;
    EVP_PKEY_CTX *inner;  /* the default provider's context; owned if inner_md is NULL, else its. A TPM key's: NULL until asked for */
    EVP_MD_CTX *inner_md; /* digest_sign, digest_verify in software */
    EVP_MD *md;           /* digest_sign by the TPM: the digest, and what the program calls it */
    char md_name[64];
    EVP_MD_CTX *hash;     /* the same, running */
    struct whole whole;   /* the same: what was hashed */
    bool is_signing;      /* not verifying */
    struct devid_bytes expected; /* what a message's end is compared with */
};

void *signing_new(void *provctx, const char *propq);
void signing_free(void *ctx);
void *signing_dup(void *ctx);
int signing_get_params(void *ctx, OSSL_PARAM params[]);
int signing_set_params(void *ctx, const OSSL_PARAM params[]);

/** Does the TPM make this signature? */
static inline bool signing_is_tpm(const struct signing *s)
{
    return s->is_signing && s->key->place != PKEY_SOFTWARE;
}

/* shadow.c */

/** Make inner, of a TPM key. */
bool signing_make_shadow(struct signing *s);
/** inner, made now if a TPM key's signature has begun without; NULL if nothing has. */
EVP_PKEY_CTX *signing_shadow(struct signing *s);
/** A salt that nobody chose: the digest's length, the one that every chip makes, also in the AlgorithmIdentifier. */
int signing_settle_salt(struct signing *s);
const OSSL_PARAM *signing_gettable(void *ctx, void *provctx);
const OSSL_PARAM *signing_settable(void *ctx, void *provctx);

/* The caller has the digest. */
int signing_sign_init(void *ctx, void *key, const OSSL_PARAM params[]);
int signing_sign(void *ctx, unsigned char *sig, size_t *len, size_t room, const unsigned char *tbs, size_t tbs_len);
int signing_verify_init(void *ctx, void *key, const OSSL_PARAM params[]);
int signing_verify(void *ctx, const unsigned char *sig, size_t len, const unsigned char *tbs, size_t tbs_len);

/* It has the message. */
int signing_digest_sign_init(void *ctx, const char *mdname, void *key, const OSSL_PARAM params[]);
int signing_digest_sign_update(void *ctx, const unsigned char *data, size_t len);
int signing_digest_sign_final(void *ctx, unsigned char *sig, size_t *len, size_t room);
int signing_digest_sign(void *ctx, unsigned char *sig, size_t *len, size_t room, const unsigned char *data, size_t data_len);
int signing_digest_verify_init(void *ctx, const char *mdname, void *key, const OSSL_PARAM params[]);
int signing_digest_verify_update(void *ctx, const unsigned char *data, size_t len);
int signing_digest_verify_final(void *ctx, const unsigned char *sig, size_t len);

/* The lines of every signature's table. */
/* clang-format off */
#define SIGNING_SHARED \
    ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new), \
    ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, signing_free), \
    ENTRY(OSSL_FUNC_SIGNATURE_DUPCTX, signing_dup), \
    ENTRY(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, signing_get_params), \
    ENTRY(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, signing_gettable)
/* clang-format on */

/* Of algorithms that leave the digest to the program. */
extern const OSSL_DISPATCH signing_functions[];

#endif
