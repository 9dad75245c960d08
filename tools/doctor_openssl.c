/* SPDX-License-Identifier: BSD-2-Clause */
/* devid doctor: what keeps programs from finding the provider, and a service's user from the TPM. */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files.h"
#include "core/make.h"
#include "doctor.h"
#include "est/cnf.h"

#define GROUPS_MAX 256
#define DEVICE "device:"
#define EXAMPLE DEVID_PKGDATADIR "/openssl.cnf"

static bool has_node(void)
{
    return access("/usr/bin/node", X_OK) == 0 || access("/usr/local/bin/node", X_OK) == 0;
}

/* devid.so is alone in needing libcrypto only; all the rest is in its neighbour. */
static void examine_module(struct examination *x, const struct est_cnf *cnf)
{
    char body[1024], module[1024];
    const char *slash;

    if (cnf->module[0] == '/')
        (void)snprintf(module, sizeof module, "%s", cnf->module);
    else
        (void)snprintf(module, sizeof module, "%s/%s", cnf->folder, cnf->module[0] != 0 ? cnf->module : "devid.so");
    slash = strrchr(module, '/');
    (void)snprintf(body, sizeof body, "%.*s/devid-provider.so", (int)(slash - module), module);
    if (access(module, R_OK) != 0 && cnf->module[0] != 0)
        bad(x, "%s: module = %s: %s; correct the path, or leave it out", cnf->path, cnf->module, strerror(errno));
    else if (access(module, R_OK) != 0)
        bad(x, "%s: %s, where OpenSSL's programs look for the provider: add \"module = " DEVID_OSSL_MODULES "/devid.so\" to its section of %s",
            module, strerror(errno), cnf->path);
    else if (access(body, R_OK) != 0)
        bad(x, "%s: %s; it has to be beside devid.so: install devid again", body, strerror(errno));
    if (cnf->config[0] != 0 && access(cnf->config, R_OK) != 0)
        bad(x, "%s: config = %s: %s; correct the path, or leave it out", cnf->path, cnf->config, strerror(errno));
}

/* Programs talk to the TPM that this file names, whatever devid.conf says. */
static void examine_tcti(struct examination *x, const struct est_cnf *cnf)
{
    const struct devid_store_options options = {.conf_path = cnf->config[0] != 0 ? cnf->config : x->tool->config, .tcti = cnf->tcti};
    struct devid_store *store = NULL;
    struct devid_made made = {0};
    struct devid_error err = {0};
    devid_rc rc;

    if (x->conf->tcti != NULL && strcmp(cnf->tcti, x->conf->tcti) == 0) /* it was asked before */
        return;
    rc = devid_store_open_with(&options, &store, &err);
    if (rc == DEVID_OK)
        rc = devid_make_look(store, 0x81010001, &made, &err);
    if (rc == DEVID_OK || rc == DEVID_E_ABSENT)
        good("%s: tcti = %s: the TPM answers", cnf->path, cnf->tcti);
    else
        bad(x, "%s: tcti = %s: %s", cnf->path, cnf->tcti, err.text);
    devid_made_free(&made);
    devid_store_free(store);
}

static void examine_settings(struct examination *x, const struct est_cnf *cnf)
{
    if (cnf->unknown[0] != 0)
        bad(x, "%s: \"%s =\" in devid's section means nothing: there are " EST_CNF_SETTINGS, cnf->path, cnf->unknown);
    if (cnf->tcti[0] != 0)
        examine_tcti(x, cnf);
}

void examine_openssl(struct examination *x)
{
    struct est_cnf cnf;
    struct devid_error err = {0};

    if (est_cnf_read(&cnf, &err) != DEVID_OK) {
        bad(x, "%s", err.text);
        return;
    }
    if (!cnf.is_there)
        bad(x, "%s: %s; OpenSSL's programs read it: copy " EXAMPLE " there", cnf.path, strerror(errno));
    else if (!cnf.has_devid)
        bad(x, "%s does not activate the provider: put the sections of " EXAMPLE " into it", cnf.path);
    else if (!cnf.has_default)
        bad(x, "%s activates devid but not \"default\", and then every program that uses OpenSSL fails: add \"default = "
               "default_provider\" and \"[default_provider] activate = 1\"", cnf.path);
    else
        good("%s activates devid and default", cnf.path);
    if (cnf.has_devid) {
        examine_module(x, &cnf);
        examine_settings(x, &cnf);
    }
    if (cnf.has_devid && !cnf.has_node && has_node())
        bad(x, "%s has no \"nodejs_conf =\" like its \"openssl_conf =\": Node.js does not see the provider", cnf.path);
}

/* A user, and the groups that a service of it has. */
struct who {
    const char *name;
    uid_t uid;
    gid_t groups[GROUPS_MAX];
    int n_groups;
};

static bool is_in(const struct who *who, gid_t group)
{
    for (int i = 0; i < who->n_groups; i++)
        if (who->groups[i] == group)
            return true;
    return false;
}

/* By the mode's bits of its class: 4 read, 2 write, 1 search. Access lists may allow more. */
static bool may(const struct who *who, const struct stat *st, unsigned bits)
{
    unsigned shift = st->st_uid == who->uid ? 6 : is_in(who, st->st_gid) ? 3 : 0;

    return who->uid == 0 || ((st->st_mode >> shift) & bits) == bits;
}

/* The first folder on the way that is closed to it; false: there is none. */
static bool is_barred(const struct who *who, const char *path, char folder[4096])
{
    struct stat st;

    if (strlen(path) >= 4096)
        return false;
    for (size_t i = 1; path[i] != 0; i++) {
        if (path[i] != '/')
            continue;
        (void)snprintf(folder, 4096, "%.*s", (int)i, path);
        if (stat(folder, &st) == 0 && !may(who, &st, 1))
            return true;
    }
    return false;
}

static void examine_path(struct examination *x, const struct who *who, const char *path, unsigned bits, const char *remedy)
{
    char folder[4096];
    struct stat st;

    if (stat(path, &st) != 0)
        return; /* told of elsewhere */
    if (is_barred(who, path, folder))
        bad(x, "%s: user %s may not enter it, for %s: let it (chmod a+x)", folder, who->name, path);
    else if (may(who, &st, bits))
        good("%s: user %s may", path, who->name);
    else
        bad(x, "%s: user %s may not: %s", path, who->name, remedy);
}

/* The files that say which keys there are are to be read. The first of each folder is told, for the remedy is one command. */
static void examine_token(struct examination *x, const struct who *who, const char *folder)
{
    struct dirent *entry;
    struct stat st;
    DIR *dir = opendir(folder);
    bool is_told = false;

    if (dir != NULL && stat(folder, &st) == 0 && !may(who, &st, 5)) {
        bad(x, "%s: user %s may not: let it read the folder (chmod a+rx)", folder, who->name);
        is_told = true;
    }
    while (dir != NULL && !is_told && (entry = readdir(dir)) != NULL) {
        if (devid_files_is(entry->d_name, ".pem") && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && !may(who, &st, 4)) {
            bad(x, "%s/%s: user %s may not: let it read the files there, which hold no secret (chmod a+r %s/*.pem)", folder, entry->d_name, who->name, folder);
            is_told = true;
        }
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static void examine_tokens(struct examination *x, const struct who *who, const char *state)
{
    DIR *dir = opendir(state);
    struct dirent *entry;
    char folder[4096];

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && (size_t)snprintf(folder, sizeof folder, "%s/%s", state, entry->d_name) < sizeof folder)
            examine_token(x, who, folder);
    if (dir != NULL)
        (void)closedir(dir);
}

void examine_user(struct examination *x, const char *user)
{
    const struct passwd *entry = getpwnam(user);
    struct who who = {.name = user, .n_groups = GROUPS_MAX};

    if (entry == NULL) {
        bad(x, "there is no user %s", user);
        return;
    }
    who.uid = entry->pw_uid;
    if (getgrouplist(user, entry->pw_gid, who.groups, &who.n_groups) < 0)
        who.n_groups = GROUPS_MAX;
    if (x->conf->tcti == NULL || strncmp(x->conf->tcti, DEVICE, strlen(DEVICE)) == 0)
        examine_path(x, &who, x->conf->tcti != NULL ? x->conf->tcti + strlen(DEVICE) : "/dev/tpmrm0", 6, "add it to the group of that file (usually tss), and start its service anew");
    examine_path(x, &who, x->conf->path, 4, "let it read the file, which holds no secret");
    examine_path(x, &who, x->conf->state, 5, "let it read the folder (chmod a+rx)");
    examine_tokens(x, &who, x->conf->state);
    for (size_t i = 0; i < x->conf->n_identities; i++)
        if (x->conf->identities[i].pem != NULL)
            examine_path(x, &who, x->conf->identities[i].pem, 4, "let it read the file, which holds no secret");
}
