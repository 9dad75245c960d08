/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests of others: what is read is written and read again as the same parts; what is verified is verified twice alike. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/tcg_csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void verify_twice(const struct devid_tcg_csr *csr)
{
    const struct devid_evidence_wish wish = {{(const unsigned char *)"\x00\x11\x22\x33", 4}, {NULL, 0}, {NULL, 0}};
    struct devid_evidence_verdict a, b;
    devid_rc rc = devid_tcg_csr_verify(csr, &wish, &a, NULL);

    if (devid_tcg_csr_verify(csr, &wish, &b, NULL) != rc || a.n != b.n)
        abort();
}

static void write_and_read(const struct devid_tcg_csr *csr)
{
    static const struct devid_scheme scheme = {.padding = DEVID_ECDSA, .hash = DEVID_SHA256};
    static const unsigned char noise[16] = "fifteen letters", sig[64] = {1};
    struct devid_bytes contents = {0}, file = {0};
    struct devid_tcg_csr again;

    if (devid_tcg_csr_contents(csr->parts, DEVID_SHA384, noise, &contents, NULL) == DEVID_OK &&
        devid_tcg_csr_write(devid_slice_of(contents), &scheme, (struct devid_slice){sig, sizeof sig}, &file, NULL) == DEVID_OK &&
        file.len <= DEVID_TCG_CSR_MAX) {
        if (devid_tcg_csr_read(devid_slice_of(file), &again, NULL) != DEVID_OK || again.contents.len % 16 != 0)
            abort();
        for (size_t i = 0; i < DEVID_TCG_PAD; i++)
            if (!devid_slice_eq(again.parts[i], csr->parts[i]))
                abort();
    }
    devid_bytes_free(&contents);
    devid_bytes_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct devid_tcg_csr csr;

    if (devid_tcg_csr_read((struct devid_slice){data, len}, &csr, NULL) != DEVID_OK)
        return 0;
    verify_twice(&csr);
    write_and_read(&csr);
    return 0;
}
