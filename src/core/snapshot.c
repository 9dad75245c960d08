/* SPDX-License-Identifier: BSD-2-Clause */
/* What readers see: a list that never changes, until its last holder lets it go. */
#include "core/snapshot.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/about.h"

struct devid_snapshot {
    _Atomic unsigned n_holders;
    uint64_t number;
    struct devid_entry **entries; /* by token and label */
    size_t n_entries, room;
    struct devid_item_entry **items; /* by token and name */
    size_t n_items, items_room;
    struct devid_token *tokens; /* those with a PIN, by name */
    size_t n_tokens;
    struct devid_missed_list missed;
};

devid_rc devid_snapshot_new(uint64_t number, struct devid_snapshot **out, struct devid_error *err)
{
    struct devid_snapshot *snap = calloc(1, sizeof *snap);

    if (snap == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    atomic_store(&snap->n_holders, 1);
    snap->number = number;
    *out = snap;
    return DEVID_OK;
}

/* Room for one more pointer. */
static devid_rc grow(void **list, size_t n, size_t *room, struct devid_error *err)
{
    size_t wanted = *room == 0 ? 8 : 2 * *room;
    void *grown;

    if (n < *room)
        return DEVID_OK;
    grown = realloc(*list, wanted * sizeof(void *));
    if (grown == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    *list = grown;
    *room = wanted;
    return DEVID_OK;
}

devid_rc devid_snapshot_add(struct devid_snapshot *snap, struct devid_entry *entry, struct devid_error *err)
{
    void *list = snap->entries;
    devid_rc rc = grow(&list, snap->n_entries, &snap->room, err);

    snap->entries = list;
    if (rc == DEVID_OK)
        snap->entries[snap->n_entries++] = entry;
    else
        devid_entry_free(entry);
    return rc;
}

devid_rc devid_snapshot_add_item(struct devid_snapshot *snap, struct devid_item_entry *entry, struct devid_error *err)
{
    void *list = snap->items;
    devid_rc rc = grow(&list, snap->n_items, &snap->items_room, err);

    snap->items = list;
    if (rc == DEVID_OK)
        snap->items[snap->n_items++] = entry;
    else
        devid_item_free(entry);
    return rc;
}

devid_rc devid_snapshot_add_token(struct devid_snapshot *snap, struct devid_token *token, struct devid_error *err)
{
    struct devid_token *grown = realloc(snap->tokens, (snap->n_tokens + 1) * sizeof *grown);

    if (grown == NULL) {
        devid_token_free(token);
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    snap->tokens = grown;
    grown[snap->n_tokens++] = *token;
    *token = (struct devid_token){0};
    return DEVID_OK;
}

const struct devid_token *devid_snapshot_token(const struct devid_snapshot *snap, const char *name)
{
    for (size_t i = 0; i < snap->n_tokens; i++)
        if (strcmp(snap->tokens[i].name, name) == 0)
            return &snap->tokens[i];
    return NULL;
}

bool devid_snapshot_has_pin(const struct devid_snapshot *snap, const char *token, bool *has_user)
{
    const struct devid_token *found = devid_snapshot_token(snap, token);

    if (has_user != NULL)
        *has_user = found != NULL && found->pins[DEVID_USER].salt.len != 0;
    return found != NULL;
}

const char *devid_snapshot_pin_token(const struct devid_snapshot *snap, size_t i)
{
    return i < snap->n_tokens ? snap->tokens[i].name : NULL;
}

static int by_token_name(const void *a, const void *b)
{
    return strcmp(((const struct devid_token *)a)->name, ((const struct devid_token *)b)->name);
}

static int by_item_name(const void *a, const void *b)
{
    const struct devid_item *x = &(*(struct devid_item_entry *const *)a)->item;
    const struct devid_item *y = &(*(struct devid_item_entry *const *)b)->item;
    int order = strcmp(x->token, y->token);

    return order != 0 ? order : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    const struct devid_identity *x = &(*(struct devid_entry *const *)a)->identity;
    const struct devid_identity *y = &(*(struct devid_entry *const *)b)->identity;
    int order = strcmp(x->token, y->token);

    return order != 0 ? order : strcmp(x->label, y->label);
}

/* Where the identity is, or would be. */
static size_t place_of(const struct devid_snapshot *snap, const char *token, const char *label)
{
    size_t low = 0, high = snap->n_entries;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct devid_identity *at = &snap->entries[middle]->identity;
        int order = strcmp(at->token, token);

        if (order == 0)
            order = strcmp(at->label, label);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A rename was cut off between the new file and the end of the old one: the new one counts. */
static void drop_old_names(struct devid_snapshot *snap)
{
    for (size_t i = 0; i < snap->n_entries; i++) {
        const struct devid_entry *e = snap->entries[i];
        struct devid_entry *old;
        size_t place;

        if (e->was.len == 0)
            continue;
        place = place_of(snap, e->identity.token, (const char *)e->was.data);
        if (place == snap->n_entries)
            continue;
        old = snap->entries[place];
        if (old == e || strcmp(old->identity.token, e->identity.token) != 0 ||
            strcmp(old->identity.label, (const char *)e->was.data) != 0 ||
            !devid_slice_eq(devid_slice_of(old->identity.pub.spki), devid_slice_of(e->identity.pub.spki)))
            continue;
        devid_entry_free(old);
        snap->n_entries--;
        memmove(&snap->entries[place], &snap->entries[place + 1],
                (snap->n_entries - place) * sizeof(struct devid_entry *));
        i -= place <= i;
    }
}

struct devid_missed_list *devid_snapshot_missed(struct devid_snapshot *snap)
{
    return &snap->missed;
}

void devid_snapshot_sort(struct devid_snapshot *snap)
{
    if (snap->n_entries > 1)
        qsort(snap->entries, snap->n_entries, sizeof(struct devid_entry *), by_name);
    if (snap->n_items > 1)
        qsort(snap->items, snap->n_items, sizeof(struct devid_item_entry *), by_item_name);
    if (snap->n_tokens > 1)
        qsort(snap->tokens, snap->n_tokens, sizeof *snap->tokens, by_token_name);
    drop_old_names(snap);
}

bool devid_snapshot_same(const struct devid_snapshot *a, const struct devid_snapshot *b)
{
    if (a->n_entries != b->n_entries || a->n_items != b->n_items || a->n_tokens != b->n_tokens ||
        !devid_missed_same(&a->missed, &b->missed))
        return false;
    for (size_t i = 0; i < a->n_tokens; i++)
        if (strcmp(a->tokens[i].name, b->tokens[i].name) != 0 ||
            !devid_slice_eq(devid_slice_of(a->tokens[i].file), devid_slice_of(b->tokens[i].file)))
            return false;
    for (size_t i = 0; i < a->n_items; i++) {
        const struct devid_item_entry *x = a->items[i], *y = b->items[i];

        if (x != y && (strcmp(x->item.token, y->item.token) != 0 || strcmp(x->name, y->name) != 0 ||
                       !devid_slice_eq(devid_slice_of(x->file), devid_slice_of(y->file))))
            return false;
    }
    for (size_t i = 0; i < a->n_entries; i++) {
        const struct devid_entry *x = a->entries[i], *y = b->entries[i];

        if (x == y)
            continue;
        if (!devid_slice_eq(devid_slice_of(x->token), devid_slice_of(y->token)) ||
            !devid_slice_eq(devid_slice_of(x->file), devid_slice_of(y->file)) ||
            !devid_slice_eq(devid_slice_of(x->identity.pub.area), devid_slice_of(y->identity.pub.area)) ||
            !devid_slice_eq(devid_slice_of(x->object), devid_slice_of(y->object)))
            return false;
    }
    return true;
}

struct devid_snapshot *devid_snapshot_hold(struct devid_snapshot *snap)
{
    if (snap != NULL)
        atomic_fetch_add(&snap->n_holders, 1);
    return snap;
}

void devid_snapshot_free(struct devid_snapshot *snap)
{
    if (snap == NULL || atomic_fetch_sub(&snap->n_holders, 1) != 1)
        return;
    for (size_t i = 0; i < snap->n_entries; i++)
        devid_entry_free(snap->entries[i]);
    for (size_t i = 0; i < snap->n_items; i++)
        devid_item_free(snap->items[i]);
    for (size_t i = 0; i < snap->n_tokens; i++)
        devid_token_free(&snap->tokens[i]);
    free(snap->entries);
    free(snap->items);
    free(snap->tokens);
    devid_missed_free(&snap->missed);
    free(snap);
}

uint64_t devid_snapshot_number(const struct devid_snapshot *snap)
{
    return snap->number;
}

const struct devid_identity *devid_snapshot_next(const struct devid_snapshot *snap, const struct devid_identity *prev)
{
    size_t place = 0;

    if (prev != NULL) {
        place = place_of(snap, prev->token, prev->label);
        place += place < snap->n_entries && strcmp(snap->entries[place]->identity.token, prev->token) == 0 &&
                 strcmp(snap->entries[place]->identity.label, prev->label) == 0;
    }
    return place < snap->n_entries ? &snap->entries[place]->identity : NULL;
}

struct devid_entry *devid_snapshot_entry(const struct devid_snapshot *snap, const char *token, const char *file)
{
    size_t place, len = strlen(file);
    char label[256];

    if (snap == NULL || len < 5 || !devid_files_label(file, len - 4, label)) /* without ".pem" */
        return NULL;
    place = place_of(snap, token, label);
    return place < snap->n_entries && strcmp(snap->entries[place]->identity.token, token) == 0 &&
                   strcmp(snap->entries[place]->identity.label, label) == 0
               ? snap->entries[place]
               : NULL;
}

struct devid_item_entry *devid_snapshot_item_entry(const struct devid_snapshot *snap, const char *token,
                                                   const char *name)
{
    size_t low = 0, high = snap != NULL ? snap->n_items : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct devid_item *at = &snap->items[middle]->item;
        int order = strcmp(at->token, token);

        if (order == 0)
            order = strcmp(at->name, name);
        if (order == 0)
            return snap->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct devid_item *devid_snapshot_item(const struct devid_snapshot *snap, size_t i)
{
    return i < snap->n_items ? &snap->items[i]->item : NULL;
}

static bool has_handle(const struct devid_identity *identity, uint32_t handle)
{
    return identity->key_place == DEVID_PLACE_HANDLE && identity->handle == handle;
}

static bool is_called(const struct devid_identity *identity, const char *label, bool by_halves)
{
    if (!by_halves)
        return strcmp(label, identity->label) == 0;
    return strcmp(label, identity->public_label) == 0 || strcmp(label, identity->private_label) == 0;
}

/* The handle of an identity is its own from the renewal on, though the old key is there for its grace time. */
static bool matches(const struct devid_snapshot *snap, const struct devid_identity *identity, const struct devid_query *query,
                    bool by_halves)
{
    char serial[DEVID_ABOUT_SERIAL + 1];

    if (query->token != NULL && strcmp(query->token, identity->token) != 0)
        return false;
    if (query->label != NULL && !is_called(identity, query->label, by_halves))
        return false;
    if (query->id.len != 0 && !devid_slice_eq(query->id, identity->id))
        return false;
    if (query->handle != 0 && !has_handle(identity, query->handle) &&
        (identity->previous == NULL || !has_handle(identity->previous, query->handle)))
        return false;
    if (query->serial == NULL)
        return true;
    devid_about_serial(snap, identity->token, serial); /* last: it goes through all identities */
    return strcmp(query->serial, serial) == 0;
}

bool devid_snapshot_matches(const struct devid_snapshot *snap, const struct devid_query *query,
                            const struct devid_identity *identity)
{
    return matches(snap, identity, query, false) || (query->label != NULL && matches(snap, identity, query, true));
}

devid_rc devid_snapshot_find(const struct devid_snapshot *snap, const struct devid_query *query,
                             const struct devid_identity **out, struct devid_error *err)
{
    const struct devid_missed *missed;

    for (int by_halves = 0; by_halves < (query->label != NULL ? 2 : 1); by_halves++)
        for (size_t i = 0; i < snap->n_entries; i++)
            if (matches(snap, &snap->entries[i]->identity, query, by_halves != 0)) {
                *out = &snap->entries[i]->identity;
                return DEVID_OK;
            }
    missed = devid_missed_find(&snap->missed, query);
    if (missed != NULL)
        return devid_fail(err, missed->rc, "%s%s%s", query->label != NULL ? query->label : "", query->label != NULL ? ": " : "", missed->text);
    if (query->label != NULL)
        return devid_fail(err, DEVID_E_ABSENT, "%s is not on this device: run \"devid provision\", or see \"devid list\"",
                          query->label);
    if (query->handle != 0)
        return devid_fail(err, DEVID_E_ABSENT, "no identity of this device has its key at 0x%08" PRIx32, query->handle);
    return devid_fail(err, DEVID_E_ABSENT, "no such identity is on this device: see \"devid list\"");
}
