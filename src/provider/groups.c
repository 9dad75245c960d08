/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TLS groups over EC keys (provider-base(7), "TLS-GROUP Capability"). libssl takes a group from the provider that
 * its key type is fetched from, and from no other: without this list a program that names us first would lose ECDHE
 * over NIST curves. The ephemeral keys are software (keymgmt_gen); where the default provider is first
 * libssl drops the list.
 */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/prov_ssl.h>
#include <string.h>

#include "provider/provider.h"

/* Numbers: IANA, TLS Supported Groups. Strength: as libcrypto's default provider says. */
static const struct group {
    const char *name, *curve;
    unsigned id, security_bits;
    int max_tls, max_dtls; /* 0: any; RFC 8446 has dropped the others */
} groups[] = {
    {"secp256r1", "prime256v1", 23, 128, 0, 0},
    {"P-256", "prime256v1", 23, 128, 0, 0},
    {"secp384r1", "secp384r1", 24, 192, 0, 0},
    {"P-384", "secp384r1", 24, 192, 0, 0},
    {"secp521r1", "secp521r1", 25, 256, 0, 0},
    {"P-521", "secp521r1", 25, 256, 0, 0},
    {"secp192r1", "prime192v1", 19, 80, TLS1_2_VERSION, DTLS1_2_VERSION},
    {"P-192", "prime192v1", 19, 80, TLS1_2_VERSION, DTLS1_2_VERSION},
    {"secp224r1", "secp224r1", 21, 112, TLS1_2_VERSION, DTLS1_2_VERSION},
    {"P-224", "secp224r1", 21, 112, TLS1_2_VERSION, DTLS1_2_VERSION},
    {"secp256k1", "secp256k1", 22, 128, TLS1_2_VERSION, DTLS1_2_VERSION},
    {"brainpoolP256r1", "brainpoolP256r1", 26, 128, TLS1_2_VERSION, DTLS1_2_VERSION},
    {"brainpoolP384r1", "brainpoolP384r1", 27, 192, TLS1_2_VERSION, DTLS1_2_VERSION},
    {"brainpoolP512r1", "brainpoolP512r1", 28, 256, TLS1_2_VERSION, DTLS1_2_VERSION},
};

static OSSL_PARAM text(const char *key, const char *value)
{
    return OSSL_PARAM_construct_utf8_string(key, (char *)(uintptr_t)value, 0);
}

static int give(const struct group *g, OSSL_CALLBACK *cb, void *arg)
{
    unsigned id = g->id, bits = g->security_bits;
    int min_tls = TLS1_VERSION, max_tls = g->max_tls, min_dtls = DTLS1_VERSION, max_dtls = g->max_dtls;
    const OSSL_PARAM params[] = {
        text(OSSL_CAPABILITY_TLS_GROUP_NAME, g->name),
        text(OSSL_CAPABILITY_TLS_GROUP_NAME_INTERNAL, g->curve),
        text(OSSL_CAPABILITY_TLS_GROUP_ALG, pkey_type_name(PKEY_EC)),
        OSSL_PARAM_uint(OSSL_CAPABILITY_TLS_GROUP_ID, &id),
        OSSL_PARAM_uint(OSSL_CAPABILITY_TLS_GROUP_SECURITY_BITS, &bits),
        OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MIN_TLS, &min_tls),
        OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MAX_TLS, &max_tls),
        OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MIN_DTLS, &min_dtls),
        OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MAX_DTLS, &max_dtls),
        OSSL_PARAM_END,
    };

    return cb(params, arg);
}

int groups_give(void *provctx, const char *capability, OSSL_CALLBACK *cb, void *arg)
{
    (void)provctx;
    if (strcmp(capability, "TLS-GROUP") != 0)
        return 0;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (!give(&groups[i], cb, arg))
            return 0;
    return 1;
}
