/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A way through a proxy: a tunnel (CONNECT) in which TLS is spoken with the server itself. The proxy learns host and port, and its own
 * user and password; no other header goes to it.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "est/http.h"

#define FROM_ENVIRONMENT "environment"

static bool is_of_environment(const struct est_server *server)
{
    return server->proxy != NULL && strcmp(server->proxy, FROM_ENVIRONMENT) == 0;
}

devid_rc proxy_check(const struct est_server *server, struct devid_error *err)
{
    static const char *const schemes[] = {"http://", "socks5h://", "socks5://"};

    if (server->proxy == NULL && server->proxy_user != NULL)
        return devid_fail(err, DEVID_E_ARG, "there is a user for a proxy, and no proxy");
    if (server->proxy == NULL || is_of_environment(server))
        return DEVID_OK;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncasecmp(server->proxy, schemes[i], strlen(schemes[i])) == 0 && strchr(server->proxy, '@') == NULL)
            return DEVID_OK;
    return devid_fail(err, DEVID_E_ARG, "the proxy must be http://HOST:PORT or socks5h://HOST:PORT, without a user in it");
}

CURLcode proxy_set_up(struct http *http)
{
    const struct est_server *server = http->server;
    struct devid_secret password = {0};
    CURLcode code = CURLE_OK;

    if (!is_of_environment(server)) /* "" is no proxy, whatever the environment says */
        code = curl_easy_setopt(http->curl, CURLOPT_PROXY, server->proxy != NULL ? server->proxy : "");
    if (code == CURLE_OK && !is_of_environment(server))
        code = curl_easy_setopt(http->curl, CURLOPT_NOPROXY, ""); /* no_proxy would overrule it */
    if (code == CURLE_OK)
        code = curl_easy_setopt(http->curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(http->curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    if (code != CURLE_OK || server->proxy_user == NULL)
        return code;
    if (devid_secret_copy(server->proxy_password, &password, NULL) != DEVID_OK) /* ends in NUL */
        return CURLE_OUT_OF_MEMORY;
    (void)curl_easy_setopt(http->curl, CURLOPT_PROXYAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    code = curl_easy_setopt(http->curl, CURLOPT_PROXYUSERNAME, server->proxy_user);
    if (code == CURLE_OK)
        code = curl_easy_setopt(http->curl, CURLOPT_PROXYPASSWORD, (char *)password.data);
    devid_secret_free(&password);
    return code;
}

devid_rc proxy_failure(struct http *http, CURLcode code, struct devid_error *err)
{
    const struct est_server *server = http->server;
    const char *name = is_of_environment(server) ? "of the environment" : server->proxy;
    long status = 0;

    (void)curl_easy_getinfo(http->curl, CURLINFO_HTTP_CONNECTCODE, &status);
    if (server->proxy == NULL)
        return DEVID_OK;
    if (code == CURLE_COULDNT_RESOLVE_PROXY)
        return devid_fail(err, DEVID_E_NET, "the name of the proxy %s is not known: is it right, and DNS reachable?", name);
    if (code == CURLE_PROXY)
        return devid_fail(err, DEVID_E_NET, "the proxy %s makes no way to %s: %s", name, http->name, http->words);
    if (code == CURLE_COULDNT_CONNECT && status == 0)
        return devid_fail(err, DEVID_E_NET, "cannot connect to %s through the proxy %s: is it running?", http->name, name);
    if (status == 407 || status == 401) /* tinyproxy says 401 to a wrong password */
        return devid_fail(err, DEVID_E_DENIED, server->proxy_user != NULL
                          ? "the proxy %s refuses user and password: are they right?"
                          : "the proxy %s wants a user and a password: \"proxy-user\" and \"proxy-password-file\"", name);
    if (status >= 300)
        return devid_fail(err, status == 403 ? DEVID_E_DENIED : DEVID_E_NET, "the proxy %s refuses the way to %s (status %ld)",
                          name, http->name, status);
    return DEVID_OK;
}
