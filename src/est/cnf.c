/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "est/cnf.h"
#include "est/own.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

const char *cnf_value(const CONF *conf, const char *section, const char *name)
{
    const char *value;

    ERR_set_mark();
    value = NCONF_get_string(conf, section, name); /* one that is not there is an error to it */
    ERR_pop_to_mark();
    return value;
}

/* OpenSSL 3.0 takes any value; later ones understand these. */
static bool is_active(const CONF *conf, const char *section)
{
    static const char *const no[] = {"0", "no", "off", "false"};
    const char *value = cnf_value(conf, section, "activate");

    for (size_t i = 0; value != NULL && i < sizeof no / sizeof no[0]; i++)
        if (strcasecmp(value, no[i]) == 0)
            return false;
    return value != NULL;
}

/* "identity" is what OpenSSL calls it, should its line have another name; a name may begin with "2." and the like. */
static const char *identity_of(const CONF *conf, const char *name, const char *section)
{
    const char *identity = cnf_value(conf, section, "identity"), *dot = strrchr(name, '.');

    return identity != NULL ? identity : dot != NULL ? dot + 1 : name;
}

bool cnf_is_ours(const CONF *conf, const char *name, const char *section)
{
    const char *module = cnf_value(conf, section, "module"), *slash = module != NULL ? strrchr(module, '/') : NULL;

    return strcmp(identity_of(conf, name, section), "devid") == 0 ||
           (module != NULL && strcmp(slash != NULL ? slash + 1 : module, "devid.so") == 0);
}

/* The settings of the provider, which test/lint/man compares with its own table, and what libcrypto itself takes from the section. */
static bool is_known(const char *name)
{
    static const char *const settings[] = {"tcti", "config", "auth", "uri-schemes", "preconnect"};
    static const char *const of_libcrypto[] = {"activate", "module", "identity", "soft_load"};

    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (strcmp(name, settings[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof of_libcrypto / sizeof of_libcrypto[0]; i++)
        if (strcmp(name, of_libcrypto[i]) == 0)
            return true;
    return false;
}

static void look_at_ours(const CONF *conf, const char *section, struct est_cnf *out)
{
    const char *module = cnf_value(conf, section, "module"), *config = cnf_value(conf, section, "config"),
               *tcti = cnf_value(conf, section, "tcti");
    STACK_OF(CONF_VALUE) *lines = NCONF_get_section(conf, section);

    out->has_devid = true;
    (void)snprintf(out->module, sizeof out->module, "%s", module == NULL ? "" : module);
    (void)snprintf(out->config, sizeof out->config, "%s", config == NULL ? "" : config);
    (void)snprintf(out->tcti, sizeof out->tcti, "%s", tcti == NULL ? "" : tcti);
    for (int i = 0; out->unknown[0] == 0 && i < sk_CONF_VALUE_num(lines); i++)
        if (!is_known(sk_CONF_VALUE_value(lines, i)->name))
            (void)snprintf(out->unknown, sizeof out->unknown, "%s", sk_CONF_VALUE_value(lines, i)->name);
}

static void look(const CONF *conf, const char *name, const char *section, struct est_cnf *out)
{
    const char *identity = identity_of(conf, name, section);

    if (!is_active(conf, section))
        return;
    out->has_any = true;
    if (cnf_is_ours(conf, name, section))
        look_at_ours(conf, section, out);
    else if (strcmp(identity, "default") == 0 || strcmp(identity, "fips") == 0)
        out->has_default = true;
}

static void look_at_all(const CONF *conf, struct est_cnf *out)
{
    const char *init = cnf_value(conf, NULL, "openssl_conf"), *node = cnf_value(conf, NULL, "nodejs_conf"), *providers;
    STACK_OF(CONF_VALUE) *lines;

    if (init == NULL)
        return;
    out->has_node = node != NULL && strcmp(node, init) == 0;
    providers = cnf_value(conf, init, "providers");
    lines = providers == NULL ? NULL : NCONF_get_section(conf, providers);
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++)
        look(conf, sk_CONF_VALUE_value(lines, i)->name, sk_CONF_VALUE_value(lines, i)->value, out);
}

devid_rc est_cnf_read(struct est_cnf *out, struct devid_error *err)
{
    const char *folder = secure_getenv("OPENSSL_MODULES");
    struct est_cnf cnf = {.path = ""};
    char *path = CONF_get1_default_config_file();
    CONF *conf = NULL;
    devid_rc rc = DEVID_OK;
    long line = 0;

    if (path == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    (void)snprintf(cnf.path, sizeof cnf.path, "%s", path);
    (void)snprintf(cnf.folder, sizeof cnf.folder, "%s", folder != NULL ? folder : OPENSSL_info(OPENSSL_INFO_MODULES_DIR));
    cnf.is_there = access(path, R_OK) == 0;
    ERR_set_mark();
    conf = cnf.is_there ? NCONF_new_ex(NULL, NULL) : NULL;
    if (cnf.is_there && (conf == NULL || NCONF_load(conf, path, &line) != 1))
        rc = devid_fail(err, DEVID_E_DATA, "%s cannot be understood, line %ld: all that uses OpenSSL goes without it", path, line);
    ERR_pop_to_mark();
    if (rc == DEVID_OK && conf != NULL)
        look_at_all(conf, &cnf);
    if (rc == DEVID_OK)
        *out = cnf;
    NCONF_free(conf);
    OPENSSL_free(path);
    return rc;
}
