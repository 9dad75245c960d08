/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/about.h"

#include <stdio.h>
#include <string.h>

#include "core/hash.h"

void devid_about_pad(unsigned char *field, size_t room, const char *text)
{
    size_t len = strlen(text);

    if (len > room) {
        len = room;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memset(field, ' ', room);
    memcpy(field, text, len);
}

void devid_about_serial(const struct devid_snapshot *snap, const char *token, char out[DEVID_ABOUT_SERIAL + 1])
{
    const struct devid_identity *best = NULL, *identity = NULL;
    unsigned char digest[DEVID_HASH_MAX] = {0};
    struct devid_hasher *hasher = NULL;
    devid_rc rc;

    while ((identity = devid_snapshot_next(snap, identity)) != NULL)
        if (best == NULL || identity->role < best->role) /* the roles begin with EK, IDevID */
            best = identity;
    rc = devid_hasher_new(DEVID_SHA256, &hasher, NULL);
    if (rc == DEVID_OK && best != NULL)
        rc = devid_hasher_update(hasher, devid_slice_of(best->pub.spki), NULL);
    if (rc == DEVID_OK)
        rc = devid_hasher_update(hasher, devid_slice_text(token), NULL);
    if (rc == DEVID_OK)
        rc = devid_hasher_final(hasher, digest, NULL);
    devid_hasher_free(hasher);
    for (size_t i = 0; i < DEVID_ABOUT_SERIAL / 2; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}
