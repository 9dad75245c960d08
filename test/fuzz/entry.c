/* SPDX-License-Identifier: BSD-2-Clause */
/* An identity's file with the pair that a renewal replaced, edited by somebody: what is read is written and read again as the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A store of its own that has no folder, hence no cache. */
static struct devid_store *store_open(void)
{
    static const char conf[] = "[device]\nstate = /proc/self/no-such-folder\n";
    struct devid_store *store = NULL;
    struct devid_error err = {0};
    char path[32];
    int fd = memfd_create("devid.conf", MFD_CLOEXEC);

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, conf, sizeof conf - 1) != (ssize_t)sizeof conf - 1 ||
        devid_store_open_with(&(struct devid_store_options){.conf_path = path}, &store, &err) != DEVID_OK) {
        (void)fprintf(stderr, "no store: %s\n", err.text);
        abort();
    }
    (void)close(fd);
    return store;
}

static bool is_same(const struct devid_identity *a, const struct devid_identity *b)
{
    if (strcmp(a->label, b->label) != 0 || a->role != b->role || a->key_place != b->key_place || a->handle != b->handle ||
        !devid_slice_eq(devid_slice_of(a->pub.spki), devid_slice_of(b->pub.spki)) || !devid_slice_eq(a->blob, b->blob) ||
        !devid_slice_eq(a->made_by, b->made_by) || !devid_slice_eq(a->id, b->id) || a->n_chain != b->n_chain ||
        a->private_flags != b->private_flags || a->cert_flags != b->cert_flags)
        return false;
    for (size_t i = 0; i < a->n_chain; i++)
        if (!devid_slice_eq(a->chain[i].der, b->chain[i].der))
            return false;
    return true;
}

static void check(const struct devid_identity *identity)
{
    const struct devid_identity *previous = identity->previous;

    if (previous == NULL)
        return;
    if (previous->previous != NULL || !previous->is_read_only || identity->replaced < 0 || identity->replaced > DEVID_CERT_NEVER)
        abort();
}

static void read_again(struct devid_store *store, const struct devid_identity *before, struct devid_slice file)
{
    struct devid_entry *again = NULL;
    struct devid_error err = {0};

    if (devid_entry_read(store, "owner", file, &again, &err) != DEVID_OK || !is_same(before, &again->identity) ||
        (before->previous == NULL) != (again->identity.previous == NULL)) {
        (void)fprintf(stderr, "%s\n%.*s", err.text, (int)file.len, (const char *)file.data);
        abort();
    }
    if (before->previous != NULL &&
        (!is_same(before->previous, again->identity.previous) || before->replaced != again->identity.replaced))
        abort();
    devid_entry_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct devid_store *store;
    struct devid_entry *entry = NULL;
    struct devid_bytes file = {0};
    struct devid_error err = {0};

    if (store == NULL)
        store = store_open();
    if (devid_entry_read(store, "owner", (struct devid_slice){data, len}, &entry, &err) != DEVID_OK) {
        if (err.text[0] == 0 || entry != NULL)
            abort();
        return 0;
    }
    check(&entry->identity);
    if (devid_entry_write(&entry->identity, (struct devid_slice){data, len}, &file, &err) == DEVID_OK)
        read_again(store, &entry->identity, devid_slice_of(file));
    else if (err.text[0] == 0)
        abort();
    devid_bytes_free(&file);
    devid_entry_free(entry);
    return 0;
}
