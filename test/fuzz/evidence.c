/* SPDX-License-Identifier: BSD-2-Clause */
/* Evidence of others: what is read is written and read again as the same; what is verified is verified twice alike. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void verify_twice(const struct devid_evidence *e)
{
    const struct devid_evidence_wish wish = {{(const unsigned char *)"\x00\x11\x22\x33", 4}, {NULL, 0}, {NULL, 0}};
    struct devid_evidence_verdict a, b;
    devid_rc rc = devid_evidence_verify(e, &wish, &a, NULL);

    if (devid_evidence_verify(e, &wish, &b, NULL) != rc || a.n != b.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct devid_evidence e = {0}, again = {0};
    struct devid_bytes pem = {0}, pem_again = {0};

    if (devid_evidence_read((struct devid_slice){data, len}, &e, NULL) != DEVID_OK)
        return 0;
    verify_twice(&e);
    if (devid_evidence_write(&e, &pem, NULL) == DEVID_OK && pem.len <= DEVID_EVIDENCE_MAX) {
        if (devid_evidence_read(devid_slice_of(pem), &again, NULL) != DEVID_OK ||
            devid_evidence_write(&again, &pem_again, NULL) != DEVID_OK ||
            !devid_slice_eq(devid_slice_of(pem), devid_slice_of(pem_again)))
            abort();
    }
    devid_evidence_free(&e);
    devid_evidence_free(&again);
    devid_bytes_free(&pem);
    devid_bytes_free(&pem_again);
    return 0;
}
