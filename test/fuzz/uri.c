/* SPDX-License-Identifier: BSD-2-Clause */
/* A URI from a command line, openssl.cnf or a key reference. */
#include <stdlib.h>
#include <string.h>

#include "core/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_terminated(struct devid_bytes text)
{
    if (text.len != 0 && text.data[text.len] != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct devid_bytes text = {0};
    struct devid_uri uri = {0};

    if (devid_bytes_copy((struct devid_slice){data, len}, &text, NULL) != DEVID_OK)
        return 0;
    /* it names a file to read, and a fuzzer would find a terminal or a pipe to wait for */
    if (strstr((const char *)text.data, "pin-source") == NULL &&
        devid_uri_parse((const char *)text.data, &uri, NULL) == DEVID_OK) {
        check_terminated(uri.token);
        check_terminated(uri.label);
        devid_uri_free(&uri);
    }
    devid_bytes_free(&text);
    return 0;
}
