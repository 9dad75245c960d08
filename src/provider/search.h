/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program looks for in a store: OSSL_STORE_find, in the parameters of provider-storemgmt(7). */
#ifndef DEVID_PROVIDER_SEARCH_H
#define DEVID_PROVIDER_SEARCH_H

#include "provider/provider.h"

/* The parameters that a store takes for it. */
/* clang-format off */
#define SEARCH_PARAMS \
    OSSL_PARAM_octet_string(OSSL_STORE_PARAM_SUBJECT, NULL, 0), \
    OSSL_PARAM_octet_string(OSSL_STORE_PARAM_ISSUER, NULL, 0), \
    OSSL_PARAM_BN(OSSL_STORE_PARAM_SERIAL, NULL, 0), \
    OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_DIGEST, NULL, 0), \
    OSSL_PARAM_octet_string(OSSL_STORE_PARAM_FINGERPRINT, NULL, 0), \
    OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_ALIAS, NULL, 0)
/* clang-format on */

/* Zero-initialised: everything. */
struct search {
    bool is_set;
    X509_NAME *subject, *issuer;
    BIGNUM *serial;
    EVP_MD *digest; /* of fingerprint, of a certificate or a SubjectPublicKeyInfo */
    struct devid_bytes fingerprint;
    char *alias;
};

/** Take what concerns a search. \return whether it can be understood */
bool search_take(struct search *s, const OSSL_PARAM params[]);
void search_free(struct search *s);

/** Whether a certificate of an identity is meant. */
bool search_wants_cert(const struct search *s, const struct devid_identity *identity, const struct devid_cert *cert);
/** Whether its key is: by its own fingerprint, or by what its leaf says. */
bool search_wants_key(const struct search *s, const struct devid_identity *identity);

#endif
