/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What our section of openssl.cnf may say (config(5), provider(7)). A value that cannot be understood is told of by the first key
 * that is used, and by "openssl list -providers": to fail at load would leave the program without a word, as libcrypto
 * passes over providers that do not load.
 */
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "provider/provider.h"

static devid_rc take_text(const char **to, const char *key, const char *value, struct devid_error *err)
{
    if (*value == 0)
        return devid_fail(err, DEVID_E_ARG, "openssl.cnf: \"%s =\" has no value", key);
    *to = value;
    return DEVID_OK;
}

static devid_rc take_tcti(struct provider *p, const char *value, struct devid_error *err)
{
    return take_text(&p->tcti, "tcti", value, err);
}

static devid_rc take_config(struct provider *p, const char *value, struct devid_error *err)
{
    return take_text(&p->conf_path, "config", value, err);
}

static devid_rc take_auth(struct provider *p, const char *value, struct devid_error *err)
{
    static const char file[] = "file:", credential[] = "credential:";
    const char *folder;

    if (strncmp(value, file, sizeof file - 1) == 0 && value[sizeof file - 1] != 0)
        p->auth_path = strdup(value + sizeof file - 1);
    else if (strncmp(value, credential, sizeof credential - 1) != 0 || value[sizeof credential - 1] == 0 ||
             strchr(value, '/') != NULL)
        return devid_fail(err, DEVID_E_ARG, "openssl.cnf: auth = %s: file:PATH or credential:NAME is expected", value);
    else if ((folder = secure_getenv("CREDENTIALS_DIRECTORY")) == NULL)
        return DEVID_OK; /* a program that systemd did not start has no credentials, and may have no need of them */
    else if (asprintf(&p->auth_path, "%s/%s", folder, value + sizeof credential - 1) < 0)
        p->auth_path = NULL;
    return p->auth_path != NULL ? DEVID_OK : devid_fail(err, DEVID_E_MEM, "out of memory");
}

/* N_SCHEMES: none of ours. */
static unsigned scheme_named(const char *name, size_t len)
{
    static const char *const names[N_SCHEMES] = {"devid", "handle", "pkcs11"};
    unsigned i = 0;

    while (i < N_SCHEMES && (strlen(names[i]) != len || memcmp(names[i], name, len) != 0))
        i++;
    return i;
}

static devid_rc take_schemes(struct provider *p, const char *value, struct devid_error *err)
{
    p->schemes = 0;
    for (const char *at = value + strspn(value, " ,"); *at != 0; at += strspn(at, " ,")) {
        size_t len = strcspn(at, " ,");
        unsigned scheme = scheme_named(at, len);

        if (scheme == N_SCHEMES)
            return devid_fail(err, DEVID_E_ARG, "openssl.cnf: uri-schemes = %s: some of pkcs11, devid and handle are expected",
                              value);
        if ((p->schemes & 1U << scheme) != 0)
            return devid_fail(err, DEVID_E_ARG, "openssl.cnf: uri-schemes = %s: each is named once", value);
        p->schemes |= 1U << scheme;
        at += len;
    }
    return DEVID_OK;
}

static devid_rc take_preconnect(struct provider *p, const char *value, struct devid_error *err)
{
    p->preconnects = strcasecmp(value, "yes") == 0;
    if (!p->preconnects && strcasecmp(value, "no") != 0)
        return devid_fail(err, DEVID_E_ARG, "openssl.cnf: preconnect = %s: yes or no is expected", value);
    return DEVID_OK;
}

static const struct setting {
    const char *key;
    devid_rc (*take)(struct provider *p, const char *value, struct devid_error *err);
} settings[] = {
    {"tcti", take_tcti},
    {"config", take_config},
    {"auth", take_auth},
    {"uri-schemes", take_schemes},
    {"preconnect", take_preconnect},
};

#define N_SETTINGS (sizeof settings / sizeof settings[0])

void settings_take(struct provider *p)
{
    char *values[N_SETTINGS] = {NULL};
    OSSL_PARAM params[N_SETTINGS + 1];

    p->schemes = SCHEMES_ALL;
    for (size_t i = 0; i < N_SETTINGS; i++)
        params[i] = OSSL_PARAM_construct_utf8_ptr(settings[i].key, &values[i], 0);
    params[N_SETTINGS] = OSSL_PARAM_construct_end();
    if (p->get_params == NULL || !p->get_params(p->core, params))
        return;
    for (size_t i = 0; i < N_SETTINGS && p->setting_rc == DEVID_OK; i++)
        if (values[i] != NULL)
            p->setting_rc = settings[i].take(p, values[i], &p->setting_error);
}
