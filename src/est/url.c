/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a server is, and which other places are the same server. RFC 7030 section 3.2.2, RFC 6454. */
#include "est/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The parts that matter; NULL where there is none. Freed by parts_free. */
struct parts {
    char *scheme, *host, *port, *path, *user, *query, *fragment;
};

static void parts_free(struct parts *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_free(p->path);
    curl_free(p->user);
    curl_free(p->query);
    curl_free(p->fragment);
    *p = (struct parts){0};
}

/* False if it is no absolute URL; the parts are then empty. */
static bool parts_of(const char *url, struct parts *p)
{
    CURLU *u = curl_url();
    bool good = u != NULL && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;

    *p = (struct parts){0};
    if (good) {
        (void)curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0);
        (void)curl_url_get(u, CURLUPART_HOST, &p->host, 0);
        (void)curl_url_get(u, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT);
        (void)curl_url_get(u, CURLUPART_PATH, &p->path, 0);
        (void)curl_url_get(u, CURLUPART_USER, &p->user, 0);
        (void)curl_url_get(u, CURLUPART_QUERY, &p->query, 0);
        (void)curl_url_get(u, CURLUPART_FRAGMENT, &p->fragment, 0);
    }
    good = good && p->scheme != NULL && p->host != NULL;
    if (!good)
        parts_free(p);
    curl_url_cleanup(u);
    return good;
}

static bool is_default_port(const struct parts *p)
{
    return p->port == NULL || strcmp(p->port, "443") == 0;
}

#define WELL_KNOWN "/.well-known/est"
#define LABEL_MAX 128

/* What stands behind "/.well-known/est": nothing, or one label that is no operation. RFC 7030 section 3.2.2. */
static devid_rc check_label(const char *path, struct devid_error *err)
{
    /* "csrattrs" is one, too, but GlobalSign's server has a label of that name */
    static const char *const operations[] = {"cacerts", "simpleenroll", "simplereenroll", "serverkeygen", "fullcmc"};
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=@%";
    const char *label = path + sizeof WELL_KNOWN - 1;
    size_t len;

    if (strncmp(path, WELL_KNOWN, sizeof WELL_KNOWN - 1) != 0 || (label[0] != 0 && label[0] != '/'))
        return DEVID_OK; /* a path of the operator's own */
    if (label[0] == 0)
        return DEVID_OK;
    label++;
    len = strspn(label, good);
    if (len == 0 && label[strspn(label, "/")] == 0)
        return DEVID_OK;
    if (label[len + strspn(label + len, "/")] != 0 || len == 0 || len > LABEL_MAX)
        return devid_fail(err, DEVID_E_ARG, "behind \"" WELL_KNOWN "\" the EST URL may have one label, of at most %d characters and "
                          "without '/' or ':'", LABEL_MAX);
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strlen(operations[i]) == len && strncmp(label, operations[i], len) == 0)
            return devid_fail(err, DEVID_E_ARG, "the EST URL ends in \"%s\", which is an operation: leave it out", operations[i]);
    return DEVID_OK;
}

devid_rc url_of(const char *base, const char *operation, char **out, char name[URL_NAME_MAX], struct devid_error *err)
{
    struct parts p = {0};
    size_t len;
    devid_rc rc = DEVID_OK;

    if (base == NULL || !parts_of(base, &p))
        return devid_fail(err, DEVID_E_ARG, "the EST URL is none: \"https://host[:port]/.well-known/est\" is expected");
    if (strcasecmp(p.scheme, "https") != 0)
        rc = devid_fail(err, DEVID_E_ARG, "the EST URL begins with %s: EST is spoken over https only", p.scheme);
    else if (p.user != NULL)
        rc = devid_fail(err, DEVID_E_ARG, "the EST URL holds a user: give user and password file instead");
    else if (p.query != NULL || p.fragment != NULL)
        rc = devid_fail(err, DEVID_E_ARG, "the EST URL has a '?' or '#': only host, port and path are expected");
    else if (p.path == NULL || strcmp(p.path, "/") == 0)
        rc = devid_fail(err, DEVID_E_ARG, "the EST URL has no path: \"/.well-known/est\" is expected behind the host");
    else
        rc = check_label(p.path, err);
    if (rc != DEVID_OK)
        goto out;

    len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    *out = malloc(len + strlen(operation) + 2);
    if (*out == NULL) {
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
        goto out;
    }
    (void)sprintf(*out, "%.*s/%s", (int)len, base, operation);
    if (is_default_port(&p))
        (void)snprintf(name, URL_NAME_MAX, "%.100s", p.host);
    else
        (void)snprintf(name, URL_NAME_MAX, "%.100s:%.10s", p.host, p.port);
out:
    parts_free(&p);
    return rc;
}

void url_host(const char *url, char host[URL_HOST_MAX])
{
    struct parts p;
    size_t len;

    host[0] = 0;
    if (parts_of(url, &p) && strlen(p.host) < URL_HOST_MAX) {
        (void)strcpy(host, p.host + (p.host[0] == '['));
        len = strlen(host);
        if (len > 0 && host[len - 1] == ']')
            host[len - 1] = 0;
    }
    parts_free(&p);
}

bool url_same_origin(const char *a, const char *b)
{
    struct parts pa = {0}, pb = {0};
    bool same = parts_of(a, &pa) && parts_of(b, &pb) && strcasecmp(pa.scheme, "https") == 0 &&
                strcasecmp(pb.scheme, "https") == 0 && strcasecmp(pa.host, pb.host) == 0 && pa.port != NULL &&
                pb.port != NULL && strcmp(pa.port, pb.port) == 0;

    parts_free(&pa);
    parts_free(&pb);
    return same;
}

void url_origin_text(const char *url, char text[URL_NAME_MAX])
{
    struct parts p;

    if (parts_of(url, &p))
        (void)snprintf(text, URL_NAME_MAX, "%.10s://%.90s:%.10s", p.scheme, p.host, p.port == NULL ? "?" : p.port);
    else
        (void)snprintf(text, URL_NAME_MAX, "another place");
    parts_free(&p);
}
