/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies of /tpmenroll: multipart bodies, and EncryptedData, for keys of both lengths. What is opened with the wrong key must be CBC,
 * which nobody can tell.
 */
#include <stdint.h>
#include <stdlib.h>

#include "est/cms.h"
#include "est/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void open_both(struct devid_slice der)
{
    static const unsigned char key[32] = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7,
                                          0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff};

    for (size_t key_len = 16; key_len <= 32; key_len += 16) {
        struct devid_bytes plain = {0};

        if (cms_decrypt(der, (struct devid_slice){key, key_len}, &plain, NULL) == DEVID_OK && plain.len > der.len)
            abort();
        devid_bytes_free(&plain);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct devid_slice body = {data, len};
    struct multipart m;

    open_both(body);
    if (multipart_read("multipart/mixed; boundary=b", body, &m, NULL) == DEVID_OK)
        for (size_t i = 0; i < m.n; i++)
            open_both(devid_slice_of(m.parts[i].content));
    multipart_free(&m);
    return 0;
}
