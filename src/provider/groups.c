/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TLS groups over EC keys (provider-base(7), "TLS-GROUP Capability"). libssl takes a group from the provider that
 * its key type is fetched from, and from no other: without them a program that names us first would lose ECDHE
 * over NIST curves. They are the default provider's own, whose version and build say which there are: the ephemeral keys are
 * its software, too (keymgmt_gen). Where it is first libssl drops ours.
 */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>

#include "provider/provider.h"

struct receiver {
    OSSL_CALLBACK *cb;
    void *arg;
};

static int give_ec(const OSSL_PARAM group[], void *arg)
{
    const OSSL_PARAM *alg = OSSL_PARAM_locate_const(group, OSSL_CAPABILITY_TLS_GROUP_ALG);
    const struct receiver *to = arg;
    const char *name = NULL;

    if (alg == NULL || OSSL_PARAM_get_utf8_string_ptr(alg, &name) != 1 || strcmp(name, pkey_type_name(PKEY_EC)) != 0)
        return 1;
    return to->cb(group, to->arg);
}

/* A context for this question alone costs microseconds; one that stays, or the body for its, would be paid for by every TLS program. */
int groups_give(void *provctx, const char *capability, OSSL_CALLBACK *cb, void *arg)
{
    struct receiver to = {cb, arg};
    OSSL_PROVIDER *software = NULL;
    OSSL_LIB_CTX *ctx;
    int ok = 0;

    (void)provctx;
    if (strcmp(capability, "TLS-GROUP") != 0)
        return 0;
    (void)ERR_set_mark();
    ctx = OSSL_LIB_CTX_new();
    software = ctx == NULL ? NULL : OSSL_PROVIDER_load(ctx, "default");
    (void)ERR_pop_to_mark();
    if (software != NULL)
        ok = OSSL_PROVIDER_get_capabilities(software, capability, give_ec, &to);
    OSSL_PROVIDER_unload(software);
    OSSL_LIB_CTX_free(ctx);
    return ok;
}
