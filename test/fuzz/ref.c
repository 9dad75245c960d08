/* SPDX-License-Identifier: BSD-2-Clause */
/* A key reference, as DER and as a PEM file with whatever else is in it. */
#include <stdlib.h>
#include <string.h>

#include "core/ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_der(struct devid_slice in)
{
    struct devid_ref ref = {0}, again = {0};
    struct devid_bytes der = {0};

    if (devid_ref_read_der(in, &ref, NULL) != DEVID_OK)
        return;
    if (ref.uri.len == 0 || strlen((const char *)ref.uri.data) != ref.uri.len ||
        devid_ref_write_der(&ref, &der, NULL) != DEVID_OK || devid_ref_read_der(devid_slice_of(der), &again, NULL) != DEVID_OK ||
        !devid_slice_eq(devid_slice_of(ref.uri), devid_slice_of(again.uri)) ||
        !devid_slice_eq(devid_slice_of(ref.spki), devid_slice_of(again.spki)))
        abort();
    devid_bytes_free(&der);
    devid_ref_free(&again);
    devid_ref_free(&ref);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const labels[] = {DEVID_REF_LABEL, "CERTIFICATE"};
    struct devid_slice in = {data, len};

    read_der(in);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        for (unsigned n = 0; n < 3; n++) {
            struct devid_bytes der = {0}, pem = {0}, again = {0};

            if (devid_pem_find(in, labels[i], n, &der, NULL) != DEVID_OK)
                continue;
            read_der(devid_slice_of(der));
            if (devid_pem_append(&pem, labels[i], devid_slice_of(der), NULL) != DEVID_OK ||
                devid_pem_find(devid_slice_of(pem), labels[i], 0, &again, NULL) != DEVID_OK ||
                !devid_slice_eq(devid_slice_of(der), devid_slice_of(again)))
                abort();
            devid_bytes_free(&der);
            devid_bytes_free(&pem);
            devid_bytes_free(&again);
        }
    return 0;
}
