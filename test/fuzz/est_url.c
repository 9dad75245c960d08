/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs, of a configuration and of redirects, and what is shown of them; a Retry-After. Two texts, apart by a NUL. */
#include <stdlib.h>
#include <string.h>

#include "est/retry.h"
#include "est/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *a = malloc(len + 2), name[URL_NAME_MAX], host[URL_HOST_MAX], origin[URL_NAME_MAX], *url = NULL;
    const char *b;
    unsigned seconds;

    must(a != NULL);
    memcpy(a, data, len);
    a[len] = a[len + 1] = 0;
    b = a + strlen(a) + 1;
    if (url_of(a, "cacerts", &url, name, NULL) == DEVID_OK) {
        must(strncmp(url, a, 5) == 0 && strlen(url) > 8 && strcmp(url + strlen(url) - 8, "/cacerts") == 0);
        must(name[0] != 0 && url_same_origin(a, url));
        free(url);
    }
    url_host(a, host);
    url_origin_text(b, origin);
    must(url_same_origin(a, b) == url_same_origin(b, a));
    must(strchr(origin, '@') == NULL); /* no user is shown */
    seconds = retry_after(b, 1700000000);
    must(seconds <= RETRY_MAX_S);
    free(a);
    return 0;
}
