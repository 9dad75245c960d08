/* SPDX-License-Identifier: BSD-2-Clause */
/* The number by which schedule.h tells devices and identities apart. */
#include "seed.h"

#include <string.h>

#include "core/hash.h"

devid_rc seed_of(struct devid_slice device, const char *token, const char *label, uint64_t *out, struct devid_error *err)
{
    struct devid_bytes text = {0};
    unsigned char digest[32];
    uint64_t seed = 0;
    devid_rc rc;

    rc = devid_bytes_append(&text, (struct devid_slice){(const unsigned char *)token, strlen(token) + 1}, err);
    if (rc == DEVID_OK) /* with their NUL: no two pairs of names are one text */
        rc = devid_bytes_append(&text, (struct devid_slice){(const unsigned char *)label, strlen(label) + 1}, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(&text, device, err);
    if (rc == DEVID_OK)
        rc = devid_hash_once(DEVID_SHA256, devid_slice_of(text), digest, err);
    devid_bytes_free(&text);
    if (rc != DEVID_OK)
        return rc;
    for (size_t i = 0; i < sizeof seed; i++)
        seed = seed << 8 | digest[i];
    *out = seed;
    return DEVID_OK;
}
