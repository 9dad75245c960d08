/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies of a server. The first byte chooses the Content-Type, the rest is the body; what is decoded must go out as base64 and come
 * in again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "est/message.h"
#include "est/retry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void both_ways(struct devid_slice body)
{
    struct devid_bytes der = {0}, text = {0}, again = {0};

    if (message_der(body, &der, NULL) == DEVID_OK && message_base64_encode(devid_slice_of(der), &text, NULL) == DEVID_OK)
        if (message_der(devid_slice_of(text), &again, NULL) != DEVID_OK ||
            !devid_slice_eq(devid_slice_of(der), devid_slice_of(again)))
            abort();
    devid_bytes_free(&der);
    devid_bytes_free(&text);
    devid_bytes_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const types[] = {"application/pkcs7-mime", "text/html", "application/json", NULL};
    STACK_OF(X509) *certs = NULL, *pem = NULL;
    struct devid_bytes copy = {0};
    struct devid_slice body;

    if (len < 1)
        return 0;
    body = (struct devid_slice){data + 1, len - 1};
    if (message_certs(types[data[0] % 4], body, &certs, NULL) == DEVID_OK)
        message_certs_free(certs);
    if (message_certs_of_pem(body, &pem, NULL) == DEVID_OK)
        message_certs_free(pem);
    both_ways(body);
    if (devid_bytes_copy(body, &copy, NULL) == DEVID_OK) {
        unsigned seconds = retry_after((const char *)copy.data, 1700000000);

        if (seconds > RETRY_MAX_S)
            abort();
    }
    devid_bytes_free(&copy);
    return 0;
}
