/* SPDX-License-Identifier: BSD-2-Clause */
/* The store: one stat a token tells whether the last snapshot still holds. */
#include "core/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/cache.h"
#include "core/discover.h"
#include "core/folder.h"
#include "core/log.h"
#include "core/put.h"
#include "core/quiet.h"
#include "core/snapshot.h"
#include "core/tpm.h"
#include "core/watch.h"

#define ASK_AGAIN_S 2 /* a TPM that was away is looked for again so late: programs search in loops */

/* A discovered identity that could not be written: kept as the file that it would be. */
struct unwritten {
    const struct devid_conf_identity *want;
    struct devid_bytes file;
};

struct devid_store {
    struct devid_conf *conf;
    struct devid_tpm *tpm;
    struct devid_cache cache;
    struct devid_logins logins;
    struct devid_mutex mutex; /* of all that follows */
    struct devid_snapshot *snap;
    uint64_t number;
    struct devid_watch watch; /* of the folders that snap was made from */
    bool has_asked;           /* the TPM for what no file tells, when snap was made */
    bool was_away;            /* it did not answer, until */
    time_t ask_again;         /* CLOCK_MONOTONIC */
    struct unwritten *unwritten;
    size_t n_unwritten;
};

devid_rc devid_store_open(const char *conf_path, struct devid_store **out, struct devid_error *err)
{
    const struct devid_store_options options = {.conf_path = conf_path};

    return devid_store_open_with(&options, out, err);
}

devid_rc devid_store_open_with(const struct devid_store_options *options, struct devid_store **out, struct devid_error *err)
{
    struct devid_store *store = calloc(1, sizeof *store);
    const char *tcti;
    devid_rc rc;

    if (store == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    devid_quiet_tss();
    devid_mutex_init(&store->mutex);
    devid_logins_init(&store->logins);
    rc = devid_conf_load(options->conf_path, &store->conf, err);
    if (rc == DEVID_OK)
        rc = devid_cache_init(&store->cache, store->conf->state, err);
    tcti = options->tcti != NULL || rc != DEVID_OK ? options->tcti : store->conf->tcti;
    if (rc == DEVID_OK)
        rc = devid_tpm_new(tcti, store->conf->state, &store->tpm, err);
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
    devid_watch_free(&store->watch);
    for (size_t i = 0; i < store->n_unwritten; i++)
        devid_bytes_free(&store->unwritten[i].file);
    free(store->unwritten);
    devid_tpm_free(store->tpm);
    devid_logins_free(&store->logins);
    devid_cache_free(&store->cache);
    devid_conf_free(store->conf);
    free(store);
}

devid_rc devid_store_preconnect(struct devid_store *store, struct devid_error *err)
{
    return devid_tpm_share(store->tpm, err);
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

struct devid_logins *devid_store_logins(struct devid_store *store)
{
    return &store->logins;
}

uint64_t devid_store_commands(struct devid_store *store)
{
    return devid_tpm_commands(store->tpm);
}

devid_rc devid_store_folder(const struct devid_store *store, const char *name, struct devid_bytes *out,
                            struct devid_error *err)
{
    size_t room = strlen(store->conf->state) + strlen(name) + 2;
    char *path = malloc(room);

    if (path == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    (void)snprintf(path, room, "%s%s%s", store->conf->state, name[0] != 0 ? "/" : "", name);
    *out = (struct devid_bytes){(unsigned char *)path, strlen(path)};
    return DEVID_OK;
}

devid_rc devid_store_token_folder(const struct devid_store *store, const char *token, struct devid_bytes *out,
                                  struct devid_error *err)
{
    struct devid_bytes name = {0};
    devid_rc rc = devid_files_name(token, &name, err);

    if (rc == DEVID_OK)
        rc = devid_store_folder(store, (const char *)name.data, out, err);
    devid_bytes_free(&name);
    return rc;
}

/* What a thread that does not exist here was just changing is not freed, and made anew. */
static void store_enter(struct devid_store *store)
{
    if (!devid_mutex_lock(&store->mutex))
        return;
    store->snap = NULL;
    store->watch = (struct devid_watch){0};
    store->n_unwritten = 0;
}

/* ---- the next snapshot ---- */

static bool is_known(const struct devid_snapshot *snap, const struct devid_conf_identity *want)
{
    const struct devid_query query = {.token = want->token, .label = want->name};
    const struct devid_identity *found;

    return devid_snapshot_find(snap, &query, &found, NULL) == DEVID_OK;
}

/*
 * A TPM that was away is left alone for a while, whatever changes meanwhile: each try loads and unloads a library,
 * and a program that forks during that has a child without a working loader.
 */
static void start_pause(struct devid_store *store)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    store->was_away = true;
    store->ask_again = now.tv_sec + ASK_AGAIN_S;
}

static bool is_pause(const struct devid_store *store)
{
    struct timespec now = {0};

    if (!store->was_away)
        return false;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec < store->ask_again;
}

/* false: it is not there, or there is no TPM to ask. What this process found before is known without asking. */
static bool find_in_tpm(struct devid_store *store, const struct devid_conf_identity *want, bool ask,
                        struct devid_bytes *file)
{
    struct devid_error why = {0};
    devid_rc rc;

    for (size_t i = 0; i < store->n_unwritten; i++)
        if (store->unwritten[i].want == want)
            return devid_bytes_copy(devid_slice_of(store->unwritten[i].file), file, NULL) == DEVID_OK;
    if (!ask || store->was_away) /* then it does not answer the second question either */
        return false;
    rc = devid_discover(store, want, file, &why);
    if (rc != DEVID_OK) {
        devid_log(DEVID_LOG_DEBUG, "core/store", "%s: %s", want->name, why.text);
        if (rc == DEVID_E_AWAY || rc == DEVID_E_BUSY)
            start_pause(store);
        return false;
    }
    if (devid_put_found(store, want, devid_slice_of(*file), &why) != DEVID_OK) {
        devid_log(DEVID_LOG_DEBUG, "core/store", "%s is remembered by this process only: %s", want->name, why.text);
        if (devid_bytes_copy(devid_slice_of(*file), &store->unwritten[store->n_unwritten].file, NULL) == DEVID_OK)
            store->unwritten[store->n_unwritten++].want = want;
    }
    return true;
}

static devid_rc add_unseen(struct devid_store *store, struct devid_snapshot *snap, bool ask, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    if (ask && !is_pause(store))
        store->was_away = false;
    for (size_t i = 0; rc == DEVID_OK && i < store->conf->n_identities; i++) {
        const struct devid_conf_identity *want = &store->conf->identities[i];
        struct devid_bytes file = {0};
        struct devid_entry *entry;

        if (!devid_role_is_manufacturers(want->role) || is_known(snap, want) || !find_in_tpm(store, want, ask, &file))
            continue;
        rc = devid_entry_read(store, want->token, devid_slice_of(file), &entry, err);
        if (rc == DEVID_OK)
            rc = devid_snapshot_add(snap, entry, err);
        devid_bytes_free(&file);
    }
    return rc;
}

/*
 * What the folders hold. A folder is no picture: who is renamed while it is listed may be listed twice, or not at all. So
 * it is listed again, but not for ever.
 */
static devid_rc read_folders(struct devid_store *store, struct devid_snapshot **out, struct devid_error *err)
{
    struct devid_snapshot *snap = NULL;
    devid_rc rc = DEVID_OK;

    for (int tries = 0; rc == DEVID_OK && tries < 5; tries++) {
        devid_snapshot_free(snap);
        snap = NULL;
        rc = devid_snapshot_new(store->number + 1, &snap, err);
        if (rc == DEVID_OK)
            rc = devid_watch_look(&store->watch, store->conf, err);
        if (rc == DEVID_OK)
            rc = devid_folder_look(store->conf->state, snap, err);
        for (size_t i = 0; rc == DEVID_OK && i < store->watch.n_seen; i++)
            if (store->watch.seen[i].token[0] != 0)
                rc = devid_folder_read(store, store->watch.seen[i].token, store->snap, snap, err);
        if (rc == DEVID_OK && !devid_watch_changed(&store->watch))
            break;
    }
    *out = snap;
    return rc;
}

/* With the mutex held. The old one stays if nothing is different: folders are also changed by what is no identity. */
static devid_rc renew_snapshot(struct devid_store *store, bool ask, struct devid_error *err)
{
    struct devid_snapshot *snap = NULL, *old = store->snap;
    devid_rc rc = read_folders(store, &snap, err);

    if (rc == DEVID_OK)
        rc = add_unseen(store, snap, ask, err);
    if (rc != DEVID_OK) {
        store->watch.is_settled = false;
        devid_snapshot_free(snap);
        return rc;
    }
    devid_snapshot_sort(snap);
    store->has_asked = ask;
    if (old != NULL && devid_snapshot_same(old, snap)) {
        devid_snapshot_free(snap);
        return DEVID_OK;
    }
    store->number++;
    store->snap = snap;
    devid_snapshot_free(old);
    return DEVID_OK;
}

/* Did the TPM say all that it was to be asked? */
static bool has_answer(const struct devid_store *store)
{
    return store->has_asked && (!store->was_away || is_pause(store));
}

static devid_rc get_snapshot(struct devid_store *store, bool ask, struct devid_snapshot **out, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    store_enter(store);
    if (store->snap == NULL || !devid_watch_holds(&store->watch) || (ask && !has_answer(store)))
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

devid_rc devid_store_known(struct devid_store *store, struct devid_snapshot **out, struct devid_error *err)
{
    return get_snapshot(store, false, out, err);
}

/* Is there an identity that neither file nor TPM has told of yet, and that the query could mean? */
static bool may_be_unseen(const struct devid_store *store, const struct devid_snapshot *snap,
                          const struct devid_query *query)
{
    for (size_t i = 0; i < store->conf->n_identities; i++) {
        const struct devid_conf_identity *want = &store->conf->identities[i];

        if (devid_role_is_manufacturers(want->role) && (query->token == NULL || strcmp(query->token, want->token) == 0) &&
            (query->label == NULL || strcmp(query->label, want->name) == 0) &&
            (query->handle == 0 || query->handle == want->handle) && !is_known(snap, want))
            return true;
    }
    return false;
}

static devid_rc find_once(struct devid_store *store, const struct devid_query *query, struct devid_snapshot **snap,
                          const struct devid_identity **out, struct devid_error *err)
{
    bool names_one = query->label != NULL || query->id.len != 0 || query->handle != 0;
    bool is_whole = query->serial != NULL; /* which is told by the manufacturer's keys */
    struct devid_snapshot *found = NULL;
    devid_rc rc = get_snapshot(store, is_whole, &found, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_snapshot_find(found, query, out, err);
    if (!is_whole && (rc != DEVID_OK || !names_one) && may_be_unseen(store, found, query)) {
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

/* Rights that somebody gives to a file, and what is mended in place, show in no folder's time. */
static void look_anew(struct devid_store *store)
{
    store_enter(store);
    store->watch.is_settled = false;
    devid_mutex_unlock(&store->mutex);
}

devid_rc devid_store_find(struct devid_store *store, const struct devid_query *query, struct devid_snapshot **snap,
                          const struct devid_identity **out, struct devid_error *err)
{
    devid_rc rc = find_once(store, query, snap, out, err);

    if (rc != DEVID_E_DENIED && rc != DEVID_E_DATA && rc != DEVID_E_FILE)
        return rc;
    look_anew(store);
    return find_once(store, query, snap, out, err);
}
