/* SPDX-License-Identifier: BSD-2-Clause */
/* What need not be asked of the TPM twice. */
#include "core/cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files.h"
#include "core/held.h"
#include "core/log.h"

#define FILE_MAX 65536

struct devid_known {
    uint32_t handle;
    struct devid_bytes area, object;
    struct devid_known *next;
};

devid_rc devid_cache_init(struct devid_cache *cache, const char *state, struct devid_error *err)
{
    size_t room = strlen(state) + sizeof "/.cache";

    devid_mutex_init(&cache->mutex);
    cache->known = NULL;
    cache->folder = malloc(room);
    if (cache->folder == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    (void)snprintf(cache->folder, room, "%s/.cache", state);
    return DEVID_OK;
}

void devid_cache_free(struct devid_cache *cache)
{
    while (cache->known != NULL) {
        struct devid_known *next = cache->known->next;

        devid_bytes_free(&cache->known->area);
        devid_bytes_free(&cache->known->object);
        free(cache->known);
        cache->known = next;
    }
    free(cache->folder);
}

static void enter(struct devid_cache *cache)
{
    if (devid_mutex_lock(&cache->mutex))
        cache->known = NULL; /* not freed: the parent's thread was just changing it */
}

/* With the mutex held. */
static struct devid_known *find(struct devid_cache *cache, uint32_t handle)
{
    struct devid_known *known = cache->known;

    while (known != NULL && known->handle != handle)
        known = known->next;
    return known;
}

/* With the mutex held; an empty part leaves what was there. */
static struct devid_known *remember(struct devid_cache *cache, uint32_t handle, struct devid_slice area,
                                    struct devid_slice object)
{
    struct devid_known *known = find(cache, handle);
    struct devid_bytes copy;

    if (known == NULL) {
        known = calloc(1, sizeof *known);
        if (known == NULL)
            return NULL;
        known->handle = handle;
        known->next = cache->known;
        cache->known = known;
    }
    if (area.len != 0 && devid_bytes_copy(area, &copy, NULL) == DEVID_OK) {
        devid_bytes_free(&known->area);
        known->area = copy;
    }
    if (object.len != 0 && devid_bytes_copy(object, &copy, NULL) == DEVID_OK) {
        devid_bytes_free(&known->object);
        known->object = copy;
    }
    return known;
}

static void name_of(uint32_t handle, char name[16])
{
    (void)snprintf(name, 16, "0x%08" PRIx32, handle);
}

static devid_rc read_file(struct devid_cache *cache, uint32_t handle, struct devid_bytes *area,
                          struct devid_bytes *object)
{
    struct devid_bytes text = {0};
    struct devid_record record = {0};
    const char *public_hex, *object_hex;
    char path[4096], name[16];
    devid_rc rc;

    name_of(handle, name);
    (void)snprintf(path, sizeof path, "%s/%s", cache->folder, name);
    rc = devid_file_read(path, FILE_MAX, &text, NULL);
    if (rc == DEVID_OK)
        rc = devid_record_parse(devid_slice_of(text), &record, NULL);
    public_hex = rc == DEVID_OK ? devid_record_get(&record, "public") : NULL;
    object_hex = rc == DEVID_OK ? devid_record_get(&record, "object") : NULL;
    if (rc == DEVID_OK && public_hex != NULL)
        rc = devid_hex_decode(public_hex, area, NULL);
    if (rc == DEVID_OK && object_hex != NULL)
        rc = devid_hex_decode(object_hex, object, NULL);
    devid_record_free(&record);
    devid_bytes_free(&text);
    return rc;
}

devid_rc devid_cache_get(struct devid_store *store, uint32_t handle, struct devid_bytes *area,
                         struct devid_bytes *object, struct devid_error *err)
{
    struct devid_cache *cache = devid_store_cache(store);
    struct devid_bytes file_area = {0}, file_object = {0};
    struct devid_known *known;
    devid_rc rc = DEVID_OK;

    enter(cache);
    known = find(cache, handle);
    if (known == NULL && read_file(cache, handle, &file_area, &file_object) == DEVID_OK)
        known = remember(cache, handle, devid_slice_of(file_area), devid_slice_of(file_object));
    if (known == NULL)
        rc = devid_fail(err, DEVID_E_ABSENT, "nothing is known of 0x%08" PRIx32 " yet", handle);
    if (rc == DEVID_OK && area != NULL)
        rc = devid_bytes_copy(devid_slice_of(known->area), area, err);
    if (rc == DEVID_OK && object != NULL)
        rc = devid_bytes_copy(devid_slice_of(known->object), object, err);
    devid_mutex_unlock(&cache->mutex);
    devid_bytes_free(&file_area);
    devid_bytes_free(&file_object);
    return rc;
}

static devid_rc write_file(struct devid_cache *cache, const struct devid_known *known, struct devid_error *err)
{
    struct devid_bytes public_hex = {0}, object_hex = {0}, text = {0};
    struct devid_record record = {0};
    char name[16];
    devid_rc rc = devid_hex_encode(devid_slice_of(known->area), &public_hex, err);

    if (rc == DEVID_OK)
        rc = devid_hex_encode(devid_slice_of(known->object), &object_hex, err);
    if (rc == DEVID_OK)
        rc = devid_record_set(&record, "public", (const char *)public_hex.data, err);
    if (rc == DEVID_OK)
        rc = devid_record_set(&record, "object", (const char *)object_hex.data, err);
    if (rc == DEVID_OK)
        rc = devid_record_write(&record, &text, err);
    name_of(known->handle, name);
    if (rc == DEVID_OK)
        rc = devid_files_replace(cache->folder, name, devid_slice_of(text), 0644, err);
    devid_record_free(&record);
    devid_bytes_free(&public_hex);
    devid_bytes_free(&object_hex);
    devid_bytes_free(&text);
    return rc;
}

void devid_cache_put(struct devid_store *store, uint32_t handle, struct devid_slice area, struct devid_slice object)
{
    struct devid_cache *cache = devid_store_cache(store);
    struct devid_error err = {0};
    struct devid_known *known;
    struct devid_held held;

    devid_signal_hold(&held, SIGXFSZ); /* a program that may write no files signs all the same */
    enter(cache);
    known = remember(cache, handle, area, object);
    if (known != NULL && write_file(cache, known, &err) != DEVID_OK)
        devid_log(DEVID_LOG_DEBUG, "core/cache", "not kept for other processes: %s", err.text);
    devid_mutex_unlock(&cache->mutex);
    devid_signal_release(&held, true);
}

void devid_cache_drop(struct devid_store *store, uint32_t handle)
{
    struct devid_cache *cache = devid_store_cache(store);
    struct devid_known **at, *known;
    char name[16];

    name_of(handle, name);
    enter(cache);
    at = &cache->known;
    while (*at != NULL && (*at)->handle != handle)
        at = &(*at)->next;
    known = *at;
    if (known != NULL) {
        *at = known->next;
        devid_bytes_free(&known->area);
        devid_bytes_free(&known->object);
        free(known);
    }
    if (devid_files_remove(cache->folder, name, NULL) != DEVID_OK)
        devid_log(DEVID_LOG_DEBUG, "core/cache", "%s/%s could not be removed", cache->folder, name);
    devid_mutex_unlock(&cache->mutex);
}
