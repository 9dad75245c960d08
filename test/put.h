/* SPDX-License-Identifier: BSD-2-Clause */
/* As a device is made ready for a test: an identity is written, or removed, whatever is there. No program does so. */
#ifndef DEVID_TEST_PUT_H
#define DEVID_TEST_PUT_H

#include <string.h>

#include "core/store.h"

/* next: NULL removes it. \return as devid_store_change; DEVID_E_DENIED if the manufacturer's is to be removed */
static inline devid_rc put_over(struct devid_store *store, const struct devid_identity *identity, const struct devid_identity *next,
                                struct devid_error *err)
{
    devid_rc rc = DEVID_E_BUSY;

    while (rc == DEVID_E_BUSY) { /* another thread or process was faster */
        const struct devid_identity *now = NULL;
        struct devid_snapshot *snap = NULL;

        rc = devid_store_known(store, &snap, err);
        while (rc == DEVID_OK && (now = devid_snapshot_next(snap, now)) != NULL)
            if (strcmp(now->token, identity->token) == 0 && strcmp(now->label, identity->label) == 0)
                break;
        if (rc == DEVID_OK && next != NULL)
            rc = devid_store_change(store, now, next, err);
        else if (rc == DEVID_OK && now != NULL)
            rc = devid_store_replace(store, now, NULL, err);
        devid_snapshot_free(snap);
    }
    return rc;
}

static inline devid_rc put_identity(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    return put_over(store, identity, identity, err);
}

static inline devid_rc remove_identity(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    return put_over(store, identity, NULL, err);
}

#endif
