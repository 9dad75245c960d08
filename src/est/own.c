/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How this process reads openssl.cnf: all of it but our provider's section. What that says (config, tcti, uri-schemes) is for programs
 * that know nothing of devid; the command has its own configuration, and enrols whatever other programs leave to whom.
 */
#include "est/own.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "est/est.h"

#define INIT "devid_own_init"

/* A quoted value: only quote and backslash mean something in there. */
static void put_line(BIO *out, const char *name, const char *value)
{
    (void)BIO_printf(out, "%s = \"", name);
    for (; *value != 0; value++)
        (void)BIO_printf(out, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
    (void)BIO_puts(out, "\"\n");
}

/* "providers", or "providers.2": a module of config(5) may be named several times. */
static bool is_providers(const char *name)
{
    size_t len = strcspn(name, ".");

    return len == strlen("providers") && strncmp(name, "providers", len) == 0;
}

/* The section of providers anew, without ours. */
static void put_providers(BIO *out, const CONF *conf, const char *section, int number)
{
    STACK_OF(CONF_VALUE) *lines = NCONF_get_section(conf, section);

    (void)BIO_printf(out, "[devid_own_providers_%d]\n", number);
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);

        if (!cnf_is_ours(conf, line->name, line->value))
            put_line(out, line->name, line->value);
    }
}

/* The file as it is, and a first section beside its own that has other providers. */
static void put_all(BIO *out, const CONF *conf, const char *path)
{
    const char *init = cnf_value(conf, NULL, "openssl_conf");
    STACK_OF(CONF_VALUE) *lines = init != NULL ? NCONF_get_section(conf, init) : NULL;

    put_line(out, ".include", path);
    (void)BIO_puts(out, "[default]\nopenssl_conf = " INIT "\n[" INIT "]\n");
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);

        if (is_providers(line->name))
            (void)BIO_printf(out, "%s = devid_own_providers_%d\n", line->name, i);
        else
            put_line(out, line->name, line->value);
    }
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++)
        if (is_providers(sk_CONF_VALUE_value(lines, i)->name))
            put_providers(out, conf, sk_CONF_VALUE_value(lines, i)->value, i);
}

void est_openssl_begin(void)
{
    char *path = CONF_get1_default_config_file(), *absolute = path != NULL ? realpath(path, NULL) : NULL;
    CONF *theirs = NCONF_new(NULL), *ours = NCONF_new(NULL);
    BIO *text = BIO_new(BIO_s_mem());

    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    ERR_set_mark(); /* as libcrypto itself: what is not understood is passed over */
    if (absolute != NULL && theirs != NULL && ours != NULL && text != NULL && NCONF_load(theirs, absolute, NULL) == 1) {
        put_all(text, theirs, absolute);
        OPENSSL_load_builtin_modules();
        if (NCONF_load_bio(ours, text, NULL) == 1)
            (void)CONF_modules_load(ours, NULL, CONF_MFLAGS_DEFAULT_SECTION | CONF_MFLAGS_IGNORE_RETURN_CODES);
    }
    ERR_pop_to_mark();
    BIO_free(text);
    NCONF_free(ours);
    NCONF_free(theirs);
    free(absolute);
    OPENSSL_free(path);
}
