/* SPDX-License-Identifier: BSD-2-Clause */
/* The store: one stat a token tells whether the last snapshot still holds. */
#include "core/store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cache.h"
#include "core/discover.h"
#include "core/files.h"
#include "core/log.h"
#include "core/snapshot.h"
#include "core/tpm.h"

#define FILE_MAX (1U << 20)
#define SETTLED_NS INT64_C(20000000) /* a folder's time stamp is as coarse as the kernel's tick */
#define TOKENS_MAX 64

/* When a folder was changed last, as a reader saw it. */
struct seen {
    char name[256]; /* of the token; empty: the state folder itself */
    int64_t when;   /* ns since 1970; -1: it is not there */
};

/* A discovered identity that could not be written: kept as the file that it would be. */
struct unwritten {
    const struct devid_conf_identity *want;
    struct devid_bytes file;
};

struct devid_store {
    struct devid_conf *conf;
    struct devid_tpm *tpm;
    struct devid_cache cache;
    struct devid_mutex mutex; /* of all that follows */
    struct devid_snapshot *snap;
    uint64_t number;
    struct seen seen[TOKENS_MAX];
    size_t n_seen;
    bool is_settled;
    bool has_asked; /* the TPM for what no file tells, when snap was made */
    struct unwritten *unwritten;
    size_t n_unwritten;
};

devid_rc devid_store_open(const char *conf_path, struct devid_store **out, struct devid_error *err)
{
    struct devid_store *store = calloc(1, sizeof *store);
    devid_rc rc;

    if (store == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    devid_mutex_init(&store->mutex);
    rc = devid_conf_load(conf_path, &store->conf, err);
    if (rc == DEVID_OK)
        rc = devid_cache_init(&store->cache, store->conf->state, err);
    if (rc == DEVID_OK)
        rc = devid_tpm_new(store->conf->tcti, store->conf->state, &store->tpm, err);
    if (rc == DEVID_OK)
        store->unwritten = calloc(store->conf->n_identities + 1, sizeof *store->unwritten);
    if (rc == DEVID_OK && store->unwritten == NULL)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    if (rc == DEVID_OK)
        *out = store;
    else
        devid_store_free(store);
    return rc;
}

void devid_store_free(struct devid_store *store)
{
    if (store == NULL)
        return;
    devid_snapshot_free(store->snap);
    for (size_t i = 0; i < store->n_unwritten; i++)
        devid_bytes_free(&store->unwritten[i].file);
    free(store->unwritten);
    devid_tpm_free(store->tpm);
    devid_cache_free(&store->cache);
    devid_conf_free(store->conf);
    free(store);
}

const struct devid_conf *devid_store_conf(const struct devid_store *store)
{
    return store->conf;
}

struct devid_tpm *devid_store_tpm(struct devid_store *store)
{
    return store->tpm;
}

struct devid_cache *devid_store_cache(struct devid_store *store)
{
    return &store->cache;
}

uint64_t devid_store_commands(struct devid_store *store)
{
    return devid_tpm_commands(store->tpm);
}

devid_rc devid_store_folder(const struct devid_store *store, const char *token, struct devid_bytes *out,
                            struct devid_error *err)
{
    size_t room = strlen(store->conf->state) + strlen(token) + 2;
    char *path = malloc(room);

    if (path == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    (void)snprintf(path, room, "%s%s%s", store->conf->state, token[0] != 0 ? "/" : "", token);
    *out = (struct devid_bytes){(unsigned char *)path, strlen(path)};
    return DEVID_OK;
}

/* ---- what changed ---- */

static int64_t changed_at(const struct devid_store *store, const char *token)
{
    struct devid_bytes folder = {0};
    struct stat st;
    int64_t when = -1;

    if (devid_store_folder(store, token, &folder, NULL) != DEVID_OK)
        return -1;
    if (stat((const char *)folder.data, &st) == 0)
        when = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    devid_bytes_free(&folder);
    return when;
}

static bool is_current(const struct devid_store *store)
{
    if (store->snap == NULL || !store->is_settled)
        return false;
    for (size_t i = 0; i < store->n_seen; i++)
        if (changed_at(store, store->seen[i].name) != store->seen[i].when)
            return false;
    return true;
}

/* Before its files are read, so that a change meanwhile is seen the next time. */
static void look_at(struct devid_store *store, const char *token)
{
    struct seen *seen = &store->seen[store->n_seen];
    struct timespec now;

    for (size_t i = 0; i < store->n_seen; i++)
        if (strcmp(store->seen[i].name, token) == 0)
            return;
    if (store->n_seen == TOKENS_MAX || strlen(token) >= sizeof seen->name)
        return;
    (void)snprintf(seen->name, sizeof seen->name, "%s", token);
    seen->when = changed_at(store, token);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (seen->when + SETTLED_NS > (int64_t)now.tv_sec * 1000000000 + now.tv_nsec)
        store->is_settled = false;
    store->n_seen++;
}

static void look_at_tokens(struct devid_store *store)
{
    DIR *dir = opendir(store->conf->state);
    struct dirent *entry;

    store->n_seen = 0;
    store->is_settled = true;
    look_at(store, "");
    for (size_t i = 0; i < store->conf->n_identities; i++)
        look_at(store, store->conf->identities[i].token);
    look_at(store, store->conf->owner_token);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
            look_at(store, entry->d_name);
    if (dir != NULL)
        (void)closedir(dir);
}

/* ---- the next snapshot ---- */

static devid_rc add_file(struct devid_store *store, struct devid_snapshot *snap, const char *token, const char *path,
                         struct devid_error *err)
{
    struct devid_bytes file = {0};
    struct devid_entry *entry = NULL;
    struct devid_error why = {0};
    devid_rc rc = devid_file_read(path, FILE_MAX, &file, &why);

    if (rc == DEVID_OK)
        rc = devid_entry_read(store, token, devid_slice_of(file), &entry, &why);
    devid_bytes_free(&file);
    if (rc == DEVID_E_MEM)
        return devid_fail(err, rc, "%s", why.text);
    if (rc != DEVID_OK) { /* one damaged file must not hide the others */
        devid_log(DEVID_LOG_ERROR, "core/store", "%s is passed over: %s", path, why.text);
        return DEVID_OK;
    }
    return devid_snapshot_add(snap, entry, err);
}

static bool is_identity_file(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > 4 && strcmp(name + len - 4, ".pem") == 0;
}

static devid_rc add_token(struct devid_store *store, struct devid_snapshot *snap, const char *token,
                          struct devid_error *err)
{
    struct devid_bytes folder = {0};
    char path[4096];
    struct dirent *entry;
    DIR *dir;
    devid_rc rc = devid_store_folder(store, token, &folder, err);

    if (rc != DEVID_OK)
        return rc;
    dir = opendir((const char *)folder.data);
    while (rc == DEVID_OK && dir != NULL && (entry = readdir(dir)) != NULL) {
        if (!is_identity_file(entry->d_name))
            continue;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", (const char *)folder.data, entry->d_name) < sizeof path)
            rc = add_file(store, snap, token, path, err);
    }
    if (dir != NULL)
        (void)closedir(dir);
    devid_bytes_free(&folder);
    return rc;
}

static bool is_known(const struct devid_snapshot *snap, const struct devid_conf_identity *want)
{
    const struct devid_query query = {.token = want->token, .label = want->name};
    const struct devid_identity *found;

    return devid_snapshot_find(snap, &query, &found, NULL) == DEVID_OK;
}

static devid_rc write_file(struct devid_store *store, const struct devid_conf_identity *want, struct devid_slice file,
                           struct devid_error *err)
{
    struct devid_bytes folder = {0}, name = {0};
    char full[600];
    devid_rc rc = devid_store_folder(store, want->token, &folder, err);

    if (rc == DEVID_OK)
        rc = devid_files_name(want->name, &name, err);
    if (rc == DEVID_OK && (size_t)snprintf(full, sizeof full, "%s.pem", (const char *)name.data) >= sizeof full)
        rc = devid_fail(err, DEVID_E_ARG, "the label is too long");
    if (rc == DEVID_OK)
        rc = devid_files_replace((const char *)folder.data, full, file, 0644, err);
    devid_bytes_free(&folder);
    devid_bytes_free(&name);
    return rc;
}

/* false: it is not there, or there is no TPM to ask. */
static bool find_in_tpm(struct devid_store *store, const struct devid_conf_identity *want, struct devid_bytes *file)
{
    struct devid_error why = {0};

    for (size_t i = 0; i < store->n_unwritten; i++)
        if (store->unwritten[i].want == want)
            return devid_bytes_copy(devid_slice_of(store->unwritten[i].file), file, NULL) == DEVID_OK;
    if (devid_discover(store, want, file, &why) != DEVID_OK) {
        devid_log(DEVID_LOG_DEBUG, "core/store", "%s: %s", want->name, why.text);
        return false;
    }
    if (write_file(store, want, devid_slice_of(*file), &why) != DEVID_OK) {
        devid_log(DEVID_LOG_DEBUG, "core/store", "%s is remembered by this process only: %s", want->name, why.text);
        if (devid_bytes_copy(devid_slice_of(*file), &store->unwritten[store->n_unwritten].file, NULL) == DEVID_OK)
            store->unwritten[store->n_unwritten++].want = want;
    }
    return true;
}

static devid_rc add_unseen(struct devid_store *store, struct devid_snapshot *snap, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < store->conf->n_identities; i++) {
        const struct devid_conf_identity *want = &store->conf->identities[i];
        struct devid_bytes file = {0};
        struct devid_entry *entry;

        if (want->role > DEVID_ROLE_IAK || is_known(snap, want) || !find_in_tpm(store, want, &file))
            continue;
        rc = devid_entry_read(store, want->token, devid_slice_of(file), &entry, err);
        if (rc == DEVID_OK)
            rc = devid_snapshot_add(snap, entry, err);
        devid_bytes_free(&file);
    }
    return rc;
}

/* With the mutex held. */
static devid_rc renew_snapshot(struct devid_store *store, bool ask, struct devid_error *err)
{
    struct devid_snapshot *snap = NULL;
    devid_rc rc = devid_snapshot_new(store->number + 1, &snap, err);

    look_at_tokens(store);
    for (size_t i = 0; rc == DEVID_OK && i < store->n_seen; i++)
        if (store->seen[i].name[0] != 0)
            rc = add_token(store, snap, store->seen[i].name, err);
    if (rc == DEVID_OK && ask)
        rc = add_unseen(store, snap, err);
    if (rc != DEVID_OK) {
        devid_snapshot_free(snap);
        return rc;
    }
    devid_snapshot_sort(snap);
    devid_snapshot_free(store->snap);
    store->snap = snap;
    store->has_asked = ask;
    store->number++;
    return DEVID_OK;
}

static devid_rc get_snapshot(struct devid_store *store, bool ask, struct devid_snapshot **out, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    devid_mutex_lock(&store->mutex);
    if (!is_current(store) || (ask && !store->has_asked))
        rc = renew_snapshot(store, ask, err);
    if (rc == DEVID_OK)
        *out = devid_snapshot_hold(store->snap);
    devid_mutex_unlock(&store->mutex);
    return rc;
}

devid_rc devid_store_snapshot(struct devid_store *store, struct devid_snapshot **out, struct devid_error *err)
{
    return get_snapshot(store, true, out, err);
}

/* Is there an identity that neither file nor TPM has told of yet, and that the query could mean? */
static bool may_be_unseen(const struct devid_store *store, const struct devid_snapshot *snap,
                          const struct devid_query *query)
{
    for (size_t i = 0; i < store->conf->n_identities; i++) {
        const struct devid_conf_identity *want = &store->conf->identities[i];

        if (want->role <= DEVID_ROLE_IAK && (query->token == NULL || strcmp(query->token, want->token) == 0) &&
            (query->label == NULL || strcmp(query->label, want->name) == 0) &&
            (query->handle == 0 || query->handle == want->handle) && !is_known(snap, want))
            return true;
    }
    return false;
}

devid_rc devid_store_find(struct devid_store *store, const struct devid_query *query, struct devid_snapshot **snap,
                          const struct devid_identity **out, struct devid_error *err)
{
    bool names_one = query->label != NULL || query->id.len != 0 || query->handle != 0;
    struct devid_snapshot *found = NULL;
    devid_rc rc = get_snapshot(store, false, &found, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_snapshot_find(found, query, out, err);
    if ((rc != DEVID_OK || !names_one) && may_be_unseen(store, found, query)) {
        devid_snapshot_free(found);
        found = NULL;
        rc = get_snapshot(store, true, &found, err);
        if (rc == DEVID_OK)
            rc = devid_snapshot_find(found, query, out, err);
    }
    if (rc == DEVID_OK)
        *snap = found;
    else
        devid_snapshot_free(found);
    return rc;
}
