/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "belongings.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files.h"
#include "core/leftover.h"
#include "core/nv.h"
#include "core/ref.h"

/* Folders of STATE with a file for each identity: NAME.SOMETHING. They are none of a token. */
static const char *const kept_folders[] = {".trust", ".pending", ".renew"};

struct texts {
    char **list;
    size_t n;
};

struct belongings {
    struct leave_found found;
    struct devid_snapshot *snap; /* what found.identities point into */
    struct leave_identity *identities;
    struct texts tokens, kept, secrets, handles, indices;
    bool *has_key, *has_pem;
};

static devid_rc add_text(struct texts *texts, const char *folder, const char *name, struct devid_error *err)
{
    size_t room = strlen(folder) + strlen(name) + 2;
    char **grown = realloc(texts->list, (texts->n + 1) * sizeof *grown), *text = malloc(room);

    if (grown != NULL)
        texts->list = grown;
    if (grown == NULL || text == NULL) {
        free(text);
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    (void)snprintf(text, room, "%s%s%s", folder, folder[0] != 0 ? "/" : "", name);
    grown[texts->n++] = text;
    return DEVID_OK;
}

static void free_texts(struct texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        free(texts->list[i]);
    free(texts->list);
}

/* ---- the state folder ---- */

static bool is_folder(const char *parent, const char *name)
{
    char path[4096];
    struct stat st;

    return (size_t)snprintf(path, sizeof path, "%s/%s", parent, name) < sizeof path && lstat(path, &st) == 0 &&
           S_ISDIR(st.st_mode);
}

/* A folder that is spelled otherwise ("lost+found") is no token's, and stays. */
static devid_rc find_tokens(struct belongings *all, const char *state, struct devid_error *err)
{
    DIR *dir = opendir(state);
    struct dirent *entry;
    char token[256];
    devid_rc rc = DEVID_OK;

    while (rc == DEVID_OK && dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && devid_files_spelled(entry->d_name, token) && !devid_token_is_manufacturers(token) &&
            is_folder(state, entry->d_name))
            rc = add_text(&all->tokens, "", token, err);
    if (dir != NULL)
        (void)closedir(dir);
    return rc;
}

/* "NAME.pem" of a manufacturer's identity: what its maker's server taught stays. */
static bool is_of_maker(const struct devid_conf *conf, const char *file)
{
    bool found = false;

    for (size_t i = 0; !found && i < conf->n_identities; i++) {
        struct devid_bytes name = {0};

        if (devid_role_is_manufacturers(conf->identities[i].role) && devid_files_name(conf->identities[i].name, &name, NULL) == DEVID_OK)
            found = strncmp(file, (const char *)name.data, strlen((const char *)name.data)) == 0 &&
                    file[strlen((const char *)name.data)] == '.';
        devid_bytes_free(&name);
    }
    return found;
}

static devid_rc find_kept(struct belongings *all, const struct devid_conf *conf, const char *name, struct devid_error *err)
{
    char folder[4096];
    struct dirent *entry;
    devid_rc rc = DEVID_OK;
    DIR *dir;

    if ((size_t)snprintf(folder, sizeof folder, "%s/%s", conf->state, name) >= sizeof folder)
        return devid_fail(err, DEVID_E_FILE, "the path of the state folder is too long");
    dir = opendir(folder);
    while (rc == DEVID_OK && dir != NULL && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !is_folder(folder, entry->d_name) &&
            !is_of_maker(conf, entry->d_name))
            rc = add_text(&all->kept, folder, entry->d_name, err);
    if (dir != NULL)
        (void)closedir(dir);
    return rc;
}

/* ---- devid.conf ---- */

enum { SECRETS = 3 }; /* files of secrets that a section may name */

static const char *secret_of(const struct devid_conf_identity *want, int which)
{
    const char *const secrets[SECRETS] = {want->secret_file, want->password_file, want->proxy_password_file};

    return secrets[which];
}

static bool maker_needs(const struct devid_conf *conf, const char *path)
{
    for (size_t i = 0; i < conf->n_identities; i++)
        for (int k = 0; k < SECRETS; k++) {
            const char *other = devid_role_is_manufacturers(conf->identities[i].role) ? secret_of(&conf->identities[i], k) : NULL;

            if (other != NULL && strcmp(other, path) == 0)
                return true;
        }
    return false;
}

static bool is_listed(const struct texts *texts, const char *path)
{
    for (size_t i = 0; i < texts->n; i++)
        if (strcmp(texts->list[i], path) == 0)
            return true;
    return false;
}

static devid_rc find_secrets(struct belongings *all, const struct devid_conf *conf, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; i < conf->n_identities; i++)
        for (int k = 0; rc == DEVID_OK && k < SECRETS; k++) {
            const char *path = secret_of(&conf->identities[i], k);

            if (path != NULL && !devid_role_is_manufacturers(conf->identities[i].role) && access(path, F_OK) == 0 && !maker_needs(conf, path) &&
                !is_listed(&all->secrets, path))
                rc = add_text(&all->secrets, "", path, err);
        }
    return rc;
}

/* A file that has no key reference in it is somebody else's, and stays. */
static bool is_our_pem(const char *path)
{
    struct devid_bytes file = {0}, der = {0};
    bool is_ours = path != NULL && devid_file_read(path, 1U << 20, &file, NULL) == DEVID_OK &&
                   devid_pem_find(devid_slice_of(file), DEVID_REF_LABEL, 0, &der, NULL) == DEVID_OK;

    devid_bytes_free(&file);
    devid_bytes_free(&der);
    return is_ours;
}

static devid_rc find_by_conf(struct tool *tool, struct belongings *all, const struct devid_conf *conf, struct devid_error *err)
{
    struct plan_found *found = NULL;
    devid_rc rc;

    all->has_key = calloc(conf->n_identities + 1, sizeof *all->has_key);
    all->has_pem = calloc(conf->n_identities + 1, sizeof *all->has_pem);
    if (all->has_key == NULL || all->has_pem == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = tool_found(tool, &found, err);
    for (size_t i = 0; rc == DEVID_OK && i < conf->n_identities; i++) {
        all->has_key[i] = found[i].has_key;
        all->has_pem[i] = is_our_pem(conf->identities[i].pem);
    }
    free(found);
    return rc;
}

/* ---- the store ---- */

static devid_rc find_identities(struct tool *tool, struct belongings *all, struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    size_t n = 0;
    devid_rc rc = devid_store_snapshot(tool->store, &all->snap, err);

    if (rc != DEVID_OK)
        return rc;
    while ((identity = devid_snapshot_next(all->snap, identity)) != NULL)
        n++;
    all->identities = calloc(n + 1, sizeof *all->identities);
    if (all->identities == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    for (size_t i = 0; (identity = devid_snapshot_next(all->snap, identity)) != NULL; i++)
        all->identities[i] = (struct leave_identity){
            .token = identity->token,
            .label = identity->label,
            .is_maker = identity->is_read_only,
            .is_disabled = !devid_identity_key_enabled(identity) || !devid_identity_cert_enabled(identity)};
    all->found.n_identities = n;
    return DEVID_OK;
}

/* ---- the TPM ---- */

static devid_rc add_number(struct texts *texts, uint32_t number, struct devid_error *err)
{
    char text[12];

    (void)snprintf(text, sizeof text, "0x%08" PRIx32, number);
    return is_listed(texts, text) ? DEVID_OK : add_text(texts, "", text, err);
}

/* Somebody's whom the store or devid.conf knows: the identity itself, which is removed with its key, or the manufacturer. */
static bool is_known(const struct devid_snapshot *snap, const struct devid_conf *conf, const struct devid_conf_identity *want)
{
    const struct devid_query query = {.token = want->token, .label = want->name};
    const struct devid_identity *identity = NULL;

    if (devid_snapshot_find(snap, &query, &identity, NULL) == DEVID_OK)
        return true;
    identity = NULL;
    while ((identity = devid_snapshot_next(snap, identity)) != NULL)
        if (identity->handle == want->handle || (identity->previous != NULL && identity->previous->handle == want->handle))
            return true;
    for (size_t i = 0; i < conf->n_identities; i++)
        if (devid_role_is_manufacturers(conf->identities[i].role) && conf->identities[i].handle == want->handle)
            return true;
    return false;
}

static devid_rc find_handles(struct tool *tool, struct belongings *all, const struct devid_conf *conf, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < conf->n_identities; i++) {
        const struct devid_conf_identity *want = &conf->identities[i];
        bool is_ours = false;

        if (devid_role_is_manufacturers(want->role) || want->handle == 0 || is_known(all->snap, conf, want))
            continue;
        rc = devid_leftover_look(tool->store, want->handle, &is_ours, err);
        if (rc == DEVID_OK && is_ours)
            rc = add_number(&all->handles, want->handle, err);
    }
    return rc;
}

static devid_rc find_index(struct tool *tool, struct belongings *all, const struct devid_conf *conf, uint32_t index,
                           struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    bool is_ours = false;
    devid_rc rc;

    if (index == 0)
        return DEVID_OK;
    for (size_t i = 0; i < conf->n_identities; i++)
        if (devid_role_is_manufacturers(conf->identities[i].role) && conf->identities[i].nv_index == index)
            return DEVID_OK;
    while ((identity = devid_snapshot_next(all->snap, identity)) != NULL)
        if (identity->is_read_only && identity->nv_index == index)
            return DEVID_OK;
    rc = devid_nv_look(tool->store, index, &is_ours, err);
    return rc == DEVID_OK && is_ours ? add_number(&all->indices, index, err) : rc;
}

/* What devid.conf says, and what the identities' files do. */
static devid_rc find_indices(struct tool *tool, struct belongings *all, const struct devid_conf *conf, struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < conf->n_identities; i++)
        if (!devid_role_is_manufacturers(conf->identities[i].role) && conf->identities[i].cert_place == DEVID_PLACE_NV)
            rc = find_index(tool, all, conf, conf->identities[i].nv_index, err);
    while (rc == DEVID_OK && (identity = devid_snapshot_next(all->snap, identity)) != NULL)
        if (!identity->is_read_only && identity->cert_place == DEVID_PLACE_NV)
            rc = find_index(tool, all, conf, identity->nv_index, err);
    return rc;
}

devid_rc belongings_find(struct tool *tool, struct belongings **out, struct devid_error *err)
{
    const struct devid_conf *conf = devid_store_conf(tool->store);
    struct belongings *all = calloc(1, sizeof *all);
    devid_rc rc;

    if (all == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = find_identities(tool, all, err);
    if (rc == DEVID_OK)
        rc = find_by_conf(tool, all, conf, err);
    if (rc == DEVID_OK)
        rc = find_handles(tool, all, conf, err);
    if (rc == DEVID_OK)
        rc = find_indices(tool, all, conf, err);
    if (rc == DEVID_OK)
        rc = find_tokens(all, conf->state, err);
    for (size_t i = 0; rc == DEVID_OK && i < sizeof kept_folders / sizeof kept_folders[0]; i++)
        rc = find_kept(all, conf, kept_folders[i], err);
    if (rc == DEVID_OK)
        rc = find_secrets(all, conf, err);
    if (rc != DEVID_OK) {
        belongings_free(all);
        return rc;
    }
    all->found.identities = all->identities;
    all->found.handles = (const char *const *)all->handles.list;
    all->found.n_handles = all->handles.n;
    all->found.indices = (const char *const *)all->indices.list;
    all->found.n_indices = all->indices.n;
    all->found.tokens = (const char *const *)all->tokens.list;
    all->found.n_tokens = all->tokens.n;
    all->found.kept = (const char *const *)all->kept.list;
    all->found.n_kept = all->kept.n;
    all->found.secrets = (const char *const *)all->secrets.list;
    all->found.n_secrets = all->secrets.n;
    all->found.has_key = all->has_key;
    all->found.has_pem = all->has_pem;
    *out = all;
    return DEVID_OK;
}

const struct leave_found *belongings_found(const struct belongings *all)
{
    return &all->found;
}

void belongings_free(struct belongings *all)
{
    if (all == NULL)
        return;
    devid_snapshot_free(all->snap);
    free_texts(&all->tokens);
    free_texts(&all->kept);
    free_texts(&all->secrets);
    free_texts(&all->handles);
    free_texts(&all->indices);
    free(all->identities);
    free(all->has_key);
    free(all->has_pem);
    free(all);
}
