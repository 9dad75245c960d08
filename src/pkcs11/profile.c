/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a token promises: CKO_PROFILE, PKCS#11 3.0, 4.13, and the profiles of "PKCS #11 Profiles 3.0". Only what is true is said:
 * any token is a baseline provider, its certificates are seen without a login, and one with an enrolled key
 * that signs is an authentication token.
 */
#include <string.h>

#include "pkcs11/module.h"

#define N_PROFILES 3

/* The tokens that there are, whether they hold something or not. */
static const char *token_at(const struct catalogue *c, size_t i)
{
    const struct devid_conf *conf = devid_store_conf(c->store);

    if (i == 0)
        return DEVID_MANUFACTURER;
    if (i == 1)
        return conf->owner_token;
    i -= 2;
    return i < conf->n_identities ? conf->identities[i].token : devid_snapshot_pin_token(c->snap, i - conf->n_identities);
}

static bool is_first(const struct catalogue *c, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(token_at(c, j), token_at(c, i)) == 0)
            return false;
    return true;
}

size_t profiles_room(const struct catalogue *c)
{
    size_t n = 0;

    while (!c->is_session && token_at(c, n) != NULL)
        n++;
    return N_PROFILES * n;
}

static void profile_add(struct catalogue *c, const char *token, unsigned char profile)
{
    c->views[c->n_views++] = (struct view){.token = token, .kind = VIEW_PROFILE, .profile = profile,
                                           .flags = DEVID_FLAG_FIXED | DEVID_FLAG_UNCOPYABLE | DEVID_FLAG_KEPT};
}

static bool has_enrolled_key(const struct catalogue *c, const char *token)
{
    for (size_t i = 0; i < c->n_views; i++)
        if (c->views[i].kind == VIEW_LEAF && !c->views[i].is_old && strcmp(c->views[i].token, token) == 0 &&
            c->views[i].identity->pub.can_sign && !c->views[i].identity->pub.is_restricted)
            return true;
    return false;
}

void profiles_add(struct catalogue *c)
{
    const char *token;

    for (size_t i = 0; (token = token_at(c, i)) != NULL; i++) {
        if (!is_first(c, i))
            continue;
        profile_add(c, token, CKP_BASELINE_PROVIDER);
        if (has_enrolled_key(c, token))
            profile_add(c, token, CKP_AUTHENTICATION_TOKEN);
        profile_add(c, token, CKP_PUBLIC_CERTIFICATES_TOKEN);
    }
}
