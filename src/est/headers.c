/* SPDX-License-Identifier: BSD-2-Clause */
/* The header lines of a request. libcurl keeps them as they are until the list is freed, so they are wiped there. */
#include "est/headers.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool holds_line_end(struct devid_slice text)
{
    return memchr(text.data, '\r', text.len) != NULL || memchr(text.data, '\n', text.len) != NULL ||
           memchr(text.data, 0, text.len) != NULL;
}

devid_rc headers_check(const struct est_server *server, struct devid_error *err)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *name = server->secret_header;

    if (name != NULL && (name[0] == 0 || name[strspn(name, token)] != 0))
        return devid_fail(err, DEVID_E_ARG, "\"%s\" is no name of an HTTP header", name);
    if (name != NULL && (server->secret.len == 0 || holds_line_end(server->secret)))
        return devid_fail(err, DEVID_E_ARG, "the secret for header %s is empty or has more than one line", name);
    if (server->user != NULL && (strchr(server->user, ':') != NULL ||
                                 (server->password.len != 0 && holds_line_end(server->password))))
        return devid_fail(err, DEVID_E_ARG, "the user has a ':' or the password more than one line");
    for (const char *const *h = server->headers; h != NULL && *h != NULL; h++)
        if (strpbrk(*h, "\r\n") != NULL || strcspn(*h, ":") != strspn(*h, token) || strchr(*h, ':') == NULL)
            return devid_fail(err, DEVID_E_ARG, "a further header is no \"Name: value\" line");
    return DEVID_OK;
}

void headers_free(struct curl_slist *list)
{
    for (struct curl_slist *at = list; at != NULL; at = at->next)
        OPENSSL_cleanse(at->data, strlen(at->data));
    curl_slist_free_all(list);
}

static bool header_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

/* Older servers insist on the encoding; of a multipart body each part has its own. */
static bool add_type(struct curl_slist **list, const char *type)
{
    char line[160];

    (void)snprintf(line, sizeof line, "Content-Type: %s", type);
    return header_add(list, line) &&
           (strncmp(type, "multipart/", 10) == 0 || header_add(list, "Content-Transfer-Encoding: base64"));
}

struct curl_slist *headers_of(const struct est_server *server, const char *type)
{
    struct curl_slist *list = NULL;
    struct devid_secret line = {0};
    bool good = true;

    if (type != NULL)
        good = add_type(&list, type);
    good = good && header_add(&list, "Accept: */*");
    for (const char *const *h = server->headers; good && h != NULL && *h != NULL; h++)
        good = header_add(&list, *h);
    if (good && server->secret_header != NULL) {
        line.len = strlen(server->secret_header) + 2 + server->secret.len;
        line.data = malloc(line.len + 1);
        good = line.data != NULL;
        if (good) {
            (void)sprintf((char *)line.data, "%s: %.*s", server->secret_header, (int)server->secret.len,
                          (const char *)server->secret.data);
            good = header_add(&list, (char *)line.data);
        }
    }
    devid_secret_free(&line);
    if (!good) {
        headers_free(list);
        list = NULL;
    }
    return list;
}
