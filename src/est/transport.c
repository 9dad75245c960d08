/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP over TLS by libcurl. RFC 7030 section 3. */
#include "est/transport.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "est/failure.h"
#include "est/headers.h"
#include "est/http.h"
#include "est/keys.h"
#include "est/message.h"
#include "est/ossl.h"
#include "est/retry.h"
#include "est/trust.h"
#include "est/wiped.h"

#define TIMEOUT_MS 30000U
#define CONNECT_TIMEOUT_MS 10000U
#define REDIRECTS_MAX 3

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready = CURLE_FAILED_INIT;

static void start_curl(void)
{
    curl_ready = curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiped_malloc, wiped_free, wiped_realloc, wiped_strdup,
                                      wiped_calloc);
}

void http_reply_free(struct http_reply *reply)
{
    devid_bytes_free(&reply->body);
    *reply = (struct http_reply){0};
}

const char *http_name(const struct http *http)
{
    return http->name;
}

void http_post_type(struct http *http, const char *type)
{
    http->post_type = type;
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct http *http = user;

    if (n > MESSAGE_MAX - http->body.len) {
        http->is_too_long = true;
        return 0;
    }
    if (devid_bytes_append(&http->body, (struct devid_slice){(unsigned char *)data, size * n}, NULL) != DEVID_OK)
        return 0;
    return size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *user)
{
    static const char name[] = "retry-after:";
    struct http *http = user;
    size_t len = size * n, at = sizeof name - 1;

    if (len > 5 && strncmp(data, "HTTP/", 5) == 0)
        http->has_retry_after = false; /* another reply begins: what an interim one said is over */
    if (len <= at || len - at >= sizeof http->retry_after || strncasecmp(data, name, at) != 0)
        return len;
    memcpy(http->retry_after, data + at, len - at);
    http->retry_after[len - at] = 0;
    http->has_retry_after = true;
    return len;
}

static devid_rc open_client_key(struct http *http, struct devid_error *err)
{
    const struct est_server *server = http->server;
    devid_rc rc;

    if (server->key_uri == NULL)
        return DEVID_OK;
    rc = message_certs_of_pem(server->chain_pem, &http->chain, err);
    if (rc != DEVID_OK)
        return devid_error_in(err, rc, "the client certificate chain");
    rc = est_key_open(server->key_uri, &http->key, err);
    if (rc != DEVID_OK)
        return rc;
    ERR_clear_error();
    if (X509_check_private_key(sk_X509_value(http->chain, 0), http->key) != 1)
        rc = devid_fail(err, DEVID_E_DATA, "the first certificate of the client chain is not for the key %.*s",
                        est_key_shown(server->key_uri), server->key_uri);
    ERR_clear_error();
    return rc;
}

static devid_rc check_server(const struct est_server *server, enum http_trust trust, struct devid_error *err)
{
    if (trust == HTTP_UNVERIFIED && (server->secret_header != NULL || server->user != NULL || server->key_uri != NULL ||
                                     server->headers != NULL))
        return devid_fail(err, DEVID_E_ARG, "no secret, user, header or key may go to a server that is not verified");
    if (proxy_check(server, err) != DEVID_OK)
        return DEVID_E_ARG;
    return headers_check(server, err);
}

/* What holds for every exchange. A failure here is a libcurl that was built without what we need. */
static CURLcode set_up(struct http *http)
{
    bool has_secret = http->server->secret_header != NULL || http->server->user != NULL;
    CURL *curl = http->curl;
    CURLcode code = tls_set_up(http);

    if (code == CURLE_OK)
        code = proxy_set_up(http);

#if LIBCURL_VERSION_NUM >= 0x075500
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
#else
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* libcurl would take our headers along */
    (void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)http->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                           (long)(http->timeout_ms < CONNECT_TIMEOUT_MS ? http->timeout_ms : CONNECT_TIMEOUT_MS));
    /* HTTP/2 keeps header values in a table, in memory that no one wipes */
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                           (long)(has_secret ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "devid/" PACKAGE_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->words);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, http);
    return code;
}

static devid_rc set_user(struct http *http, struct devid_error *err)
{
    struct devid_secret password = {0};
    CURLcode code;
    devid_rc rc;

    if (http->server->user == NULL)
        return DEVID_OK;
    rc = devid_secret_copy(http->server->password, &password, err); /* ends in NUL */
    if (rc != DEVID_OK)
        return rc;
    /* not before the server asks, which is then verified; the better of the two, and once */
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    code = curl_easy_setopt(http->curl, CURLOPT_USERNAME, http->server->user);
    if (code == CURLE_OK)
        code = curl_easy_setopt(http->curl, CURLOPT_PASSWORD, (char *)password.data);
    if (code != CURLE_OK)
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
    devid_secret_free(&password);
    return rc;
}

devid_rc http_open(const struct est_server *server, enum http_trust trust, struct http **out, struct devid_error *err)
{
    struct http *http = NULL;
    char *url = NULL;
    CURLcode code;
    devid_rc rc = check_server(server, trust, err);

    if (rc != DEVID_OK)
        return rc;
    (void)pthread_once(&once, start_curl);
    http = calloc(1, sizeof *http);
    if (http == NULL || curl_ready != CURLE_OK || (http->curl = curl_easy_init()) == NULL) {
        rc = devid_fail(err, DEVID_E_MEM, "libcurl does not start: out of memory");
        goto out;
    }
    http->server = server;
    http->trust = trust;
    http->post_type = "application/pkcs10";
    http->timeout_ms = server->timeout_ms != 0 ? server->timeout_ms : TIMEOUT_MS;
    rc = url_of(server->url, "", &url, http->name, err);
    if (rc == DEVID_OK) {
        url_host(server->url, http->host);
        if (http->host[0] == 0)
            rc = devid_fail(err, DEVID_E_ARG, "the host of the EST URL is longer than any host's name");
    }
    if (rc == DEVID_OK && trust == HTTP_VERIFIED)
        rc = trust_anchors(server, &http->anchors, err);
    if (rc == DEVID_OK)
        rc = open_client_key(http, err);
    if (rc != DEVID_OK)
        goto out;
    code = set_up(http);
    if (code != CURLE_OK)
        rc = devid_fail(err, DEVID_E_NET, "libcurl cannot do what is needed: %s", curl_easy_strerror(code));
    else
        rc = set_user(http, err);
    if (rc == DEVID_OK) {
        *out = http;
        http = NULL;
    }
out:
    free(url);
    http_close(http);
    return rc;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    EVP_PKEY_free(http->key);
    message_certs_free(http->chain);
    message_certs_free(http->peer);
    devid_bytes_free(&http->anchors);
    devid_bytes_free(&http->body);
    free(http);
}

static devid_rc perform(struct http *http, const char *url, struct devid_slice csr_text, struct devid_error *err)
{
    struct curl_slist *headers = headers_of(http->server, csr_text.len != 0 ? http->post_type : NULL);
    struct failure f = {.name = http->name, .words = http->words, .server = http->server, .timeout_ms = http->timeout_ms};
    devid_rc rc = DEVID_OK;

    if (headers == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    devid_bytes_free(&http->body);
    http->is_too_long = http->has_retry_after = false;
    http->words[0] = 0;
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPGET, 1L);
    if (csr_text.len != 0) {
        (void)curl_easy_setopt(http->curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, csr_text.data);
        (void)curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE, (long)csr_text.len);
    }
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
    f.code = curl_easy_setopt(http->curl, CURLOPT_URL, url);
    if (f.code == CURLE_OK)
        f.code = curl_easy_perform(http->curl);
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    headers_free(headers);
    (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &f.status);
    (void)curl_easy_getinfo(http->curl, CURLINFO_SSL_VERIFYRESULT, &f.verify_result);
    f.was_asked = http->was_asked;
    f.client_cert = http->chain != NULL ? sk_X509_value(http->chain, 0) : NULL;
    if (http->is_too_long)
        rc = devid_fail(err, DEVID_E_DATA, "the reply of %s is longer than %d bytes", http->name, MESSAGE_MAX);
    else if (http->has_moved)
        rc = devid_fail(err, DEVID_E_NET, "%s closes the connection after each answer: no request can be bound to it",
                        http->name);
    else if (f.code != CURLE_OK && (rc = proxy_failure(http, f.code, err)) == DEVID_OK)
        rc = failure_of_exchange(&f, err);
    ERR_clear_error();
    return rc;
}

/* A redirect that may be followed: within the origin, and the request stays what it is. RFC 7030 section 3.2.1. */
static devid_rc next_url(struct http *http, long status, bool is_post, char **url, struct devid_error *err)
{
    char place[URL_NAME_MAX];
    char *target = NULL, *copy;

    (void)curl_easy_getinfo(http->curl, CURLINFO_REDIRECT_URL, &target);
    if (target == NULL)
        return devid_fail(err, DEVID_E_NET, "%s answered with status %ld and no place to go to", http->name, status);
    url_origin_text(target, place);
    if (!url_same_origin(*url, target))
        return devid_fail(err, DEVID_E_DENIED,
                          "%s sends us to %s: not followed; if that is right, put it into the EST URL", http->name, place);
    if (is_post && status != 307 && status != 308)
        return devid_fail(err, DEVID_E_NET, "%s answers a request with a redirect that drops it (status %ld)", http->name,
                          status);
    copy = strdup(target);
    if (copy == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    free(*url);
    *url = copy;
    return DEVID_OK;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

devid_rc http_exchange(struct http *http, const char *operation, struct devid_slice csr_text, struct http_reply *reply,
                       struct devid_error *err)
{
    const char *type = NULL;
    char *url = NULL;
    int n_redirects = 0;
    long status = 0;
    devid_rc rc = url_of(http->server->url, operation, &url, http->name, err);

    while (rc == DEVID_OK) {
        rc = perform(http, url, csr_text, err);
        (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
        if (rc != DEVID_OK || !is_redirect(status))
            break;
        if (n_redirects++ == REDIRECTS_MAX)
            rc = devid_fail(err, DEVID_E_NET, "%s sends us from place to place without end", http->name);
        else
            rc = next_url(http, status, csr_text.len != 0, &url, err);
    }
    free(url);
    devid_log(DEVID_LOG_DEBUG, "est/transport", "%s %s at %s: status %ld, %zu bytes", csr_text.len != 0 ? "POST" : "GET",
              operation, http->name, status, http->body.len);
    if (rc != DEVID_OK)
        return rc;
    *reply = (struct http_reply){.status = status, .body = http->body};
    http->body = (struct devid_bytes){0};
    if (curl_easy_getinfo(http->curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL)
        (void)snprintf(reply->type, sizeof reply->type, "%s", type);
    if (status == 202 || status == 429 || status == 503)
        reply->retry_after_s = http->has_retry_after ? retry_after(http->retry_after, time(NULL)) : 0;
    return DEVID_OK;
}
