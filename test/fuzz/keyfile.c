/* SPDX-License-Identifier: BSD-2-Clause */
/* A TSS2 PRIVATE KEY of whoever wrote it: what is read is written and read again as the same. */
#include <stdlib.h>

#include "core/keyfile.h"
#include "core/public.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct devid_keyfile key = {0}, again = {0};
    struct devid_public pub = {0};
    struct devid_bytes der = {0};

    if (devid_keyfile_read((struct devid_slice){data, len}, &key, NULL) != DEVID_OK)
        return 0;
    if (key.handle != 0) {
        devid_keyfile_free(&key);
        return 0;
    }
    if (devid_keyfile_write(&key, &der, NULL) != DEVID_OK ||
        devid_keyfile_read(devid_slice_of(der), &again, NULL) != DEVID_OK || again.parent != key.parent ||
        again.is_empty_auth != key.is_empty_auth || again.has_rsa_parent != key.has_rsa_parent || !devid_slice_eq(devid_slice_of(again.area), devid_slice_of(key.area)) ||
        !devid_slice_eq(devid_slice_of(again.blob), devid_slice_of(key.blob)))
        abort();
    if (devid_public_from_area(devid_slice_of(key.area), &pub, NULL) == DEVID_OK)
        devid_public_free(&pub);
    devid_bytes_free(&der);
    devid_keyfile_free(&again);
    devid_keyfile_free(&key);
    return 0;
}
