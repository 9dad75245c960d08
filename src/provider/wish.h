/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program says about a key that the TPM is to make. */
#ifndef DEVID_PROVIDER_WISH_H
#define DEVID_PROVIDER_WISH_H

#include "provider/provider.h"

#define WISH_PLACE "devid"        /* "wrapped" | "label=NAME;token=NAME;use=sign|derive|both" */
#define WISH_PARENT "parent"      /* the next two are tpm2-openssl's, and mean a wrapped key */
#define WISH_PASSWORD "user-auth"

/* Zero-initialised: none. */
struct wish {
    bool is_said; /* one of our own three, so that a key of the TPM is wanted */
    struct devid_bytes label, token;
    enum { WISH_SIGN, WISH_DERIVE, WISH_BOTH } use; /* EC; RSA keys do both */
    struct devid_secret password;
    uint32_t parent;
    unsigned bits; /* of the group or modulus; 0: not said */
    enum devid_hash hash, mgf; /* PSS; DEVID_HASH_NONE: not said, DEVID_HASH_END: one that no TPM has */
    int salt_len;
    bool has_odd_group, has_odd_exponent, has_odd_primes;
};

/** Our own parameters: what a key type takes beside the default provider's. */
extern const OSSL_PARAM wish_params[];
/** Is a parameter ours alone? */
bool wish_is_ours(const char *key);

/** Take what concerns us; the rest is passed over. */
devid_rc wish_take(const OSSL_PARAM params[], struct wish *w, struct devid_error *err);
void wish_free(struct wish *w);

/**
 * Make the key. TPM2_Create and what comes before it; in a token its file is written.
 * \return DEVID_E_EXISTS if the name is taken
 */
devid_rc wish_fulfil(struct provider *p, enum pkey_type type, const struct wish *w, struct pkey **out, struct devid_error *err);

#endif
