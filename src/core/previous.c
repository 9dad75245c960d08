/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pair that a renewal replaced. Its file goes whole into a PEM block of the new one's: both change by one rename, and a version
 * that does not know the block keeps it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/entry.h"
#include "core/log.h"
#include "core/ref.h"

/* What is no time is long ago: its grace time is over, and no sum with it overflows. */
static int64_t time_of(const char *text)
{
    long long time = text != NULL ? strtoll(text, NULL, 10) : 0;

    return time > 0 && time <= DEVID_CERT_NEVER ? (int64_t)time : 0;
}

devid_rc devid_previous_read(struct devid_store *store, struct devid_entry *e, const struct devid_record *record,
                             struct devid_error *err)
{
    const char *replaced = devid_record_get(record, "replaced");
    struct devid_entry *previous = NULL;
    struct devid_bytes file = {0};
    struct devid_error why = {0};
    devid_rc rc = devid_pem_find(devid_slice_of(record->rest), DEVID_PREVIOUS_LABEL, 0, &file, &why);

    if (rc == DEVID_E_ABSENT)
        return DEVID_OK;
    if (rc == DEVID_OK)
        rc = devid_entry_read(store, (const char *)e->token.data, devid_slice_of(file), &previous, &why);
    devid_bytes_free(&file);
    if (rc == DEVID_E_MEM)
        return devid_fail(err, rc, "%s", why.text);
    if (rc != DEVID_OK) {
        devid_log(DEVID_LOG_ERROR, "core/previous", "the pair before of %s is passed over: %s", (const char *)e->label.data,
                  why.text);
        return DEVID_OK;
    }
    devid_entry_free(previous->previous); /* nobody writes one inside another */
    previous->previous = NULL;
    previous->identity.previous = NULL;
    previous->identity.is_read_only = true;
    e->previous = previous;
    e->identity.previous = &previous->identity;
    e->identity.replaced = time_of(replaced);
    return DEVID_OK;
}

devid_rc devid_previous_write(struct devid_record *record, const struct devid_identity *identity, struct devid_bytes *rest,
                              struct devid_error *err)
{
    const struct devid_entry *entry = (const struct devid_entry *)(const void *)identity->previous; /* its first member */
    struct devid_identity alone;
    struct devid_bytes file = {0};
    char text[24];
    devid_rc rc;

    if (entry == NULL)
        return devid_record_set(record, "replaced", NULL, err);
    alone = entry->identity;
    alone.previous = NULL;
    (void)snprintf(text, sizeof text, "%" PRId64, identity->replaced);
    rc = devid_record_set(record, "replaced", text, err);
    if (rc == DEVID_OK)
        rc = devid_entry_write(&alone, devid_slice_of(entry->file), &file, err);
    if (rc == DEVID_OK)
        rc = devid_pem_append(rest, DEVID_PREVIOUS_LABEL, devid_slice_of(file), err);
    devid_bytes_free(&file);
    return rc;
}
