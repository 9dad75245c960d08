/* SPDX-License-Identifier: BSD-2-Clause */
#include "est_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "est/message.h"

#define MUST(x) \
    do { \
        if (!(x)) { \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
            abort(); \
        } \
    } while (0)

#define P7 "application/pkcs7-mime; smime-type=certs-only"

/* Labels whose answer is the same whatever is asked. */
static const struct {
    const char *label, *status, *headers, *body;
} answers[] = {
    {"html", "200 OK", "Content-Type: text/html\r\n", "<html>Welcome to nginx!</html>"},
    {"empty", "200 OK", "", ""},
    {"garbage", "200 OK", "Content-Type: " P7 "\r\n", "AAAA"},
    {"status-500", "500 Oops", "Content-Type: text/plain; charset=utf-8\r\n", "out of \x1b[31mpaper\r\nsecond line\n"},
    {"status-404", "404 Not Found", "Content-Type: text/plain\r\n", "404 page not found\n"},
    {"status-405", "405 Method Not Allowed", "", ""},
    {"denied", "403 Forbidden", "Content-Type: text/plain\r\n", "403 not on the list\n"},
    {"basic", "401 Unauthorized", "WWW-Authenticate: Basic realm=\"est\"\r\n", ""},
    {"later", "202 Accepted", "Retry-After: 600\r\n", ""},
    {"dated", "503 Unavailable", "Retry-After: Tue, 14 Nov 2000 22:15:20 GMT\r\n", ""},
    {"busy", "429 Too Many Requests", "Content-Type: text/plain\r\n", "429 rate limit exceeded\n"},
    {"nowhere", "302 Found", "", ""},
};

struct request {
    char text[8192]; /* head and body */
    size_t len, head_len;
    char method[8], label[64], operation[64];
};

static bool read_request(SSL *ssl, struct request *r)
{
    char *end = NULL, *length;
    size_t want = SIZE_MAX;

    *r = (struct request){0};
    while (r->len < want) {
        int n = SSL_read(ssl, r->text + r->len, (int)(sizeof r->text - 1 - r->len));

        if (n <= 0)
            return false;
        r->len += (size_t)n;
        r->text[r->len] = 0;
        if (end == NULL && (end = strstr(r->text, "\r\n\r\n")) != NULL) {
            r->head_len = (size_t)(end - r->text) + 4;
            length = strcasestr(r->text, "\r\nContent-Length:");
            want = r->head_len + (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
        }
    }
    if (sscanf(r->text, "%7s /.well-known/est/%63[^/ ]/%63[^/ ] ", r->method, r->label, r->operation) == 2) {
        strcpy(r->operation, r->label);
        r->label[0] = 0;
    }
    return true;
}

static void answer(SSL *ssl, const char *status, const char *headers, struct devid_slice body)
{
    char head[512];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, headers, body.len);

    (void)SSL_write(ssl, head, n);
    if (body.len != 0)
        (void)SSL_write(ssl, body.data, (int)body.len);
}

/* In lines of 76 with CRLF, as the CA of the project's mission does. */
static void answer_certs(SSL *ssl, const char *type, X509 *a, X509 *b)
{
    struct devid_bytes der = pki_p7(a, b, NULL), text = {0}, lines = {0};
    char headers[128];

    MUST(message_base64_encode(devid_slice_of(der), &text, NULL) == DEVID_OK);
    for (size_t i = 0, column = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            continue;
        MUST(devid_bytes_append(&lines, (struct devid_slice){text.data + i, 1}, NULL) == DEVID_OK);
        if (++column % 76 == 0)
            MUST(devid_bytes_append(&lines, slice_of("\r\n"), NULL) == DEVID_OK);
    }
    (void)snprintf(headers, sizeof headers, "Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n", type);
    answer(ssl, "200 OK", headers, devid_slice_of(lines));
    devid_bytes_free(&der);
    devid_bytes_free(&text);
    devid_bytes_free(&lines);
}

static void issue(struct est_test_server *s, SSL *ssl, const struct request *r)
{
    struct pki_wish wish = {.cn = "gw-1", .eku = "clientAuth"};
    struct devid_slice body = {(const unsigned char *)r->text + r->head_len, r->len - r->head_len};
    struct devid_bytes der = {0};
    const unsigned char *at;
    EVP_PKEY *key = NULL;
    X509_REQ *req = NULL;
    X509 *cert;

    if (message_der(body, &der, NULL) == DEVID_OK) {
        at = der.data;
        req = d2i_X509_REQ(NULL, &at, (long)der.len);
    }
    devid_bytes_free(&der);
    if (req == NULL || X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) != 1 ||
        strcasestr(r->text, "\r\nContent-Type: application/pkcs10\r\n") == NULL ||
        strcasestr(r->text, "\r\nContent-Transfer-Encoding: base64\r\n") == NULL) {
        answer(ssl, "400 Bad Request", "Content-Type: text/plain\r\n", slice_of("400 malformed\n"));
        X509_REQ_free(req);
        return;
    }
    key = strcmp(r->label, "otherkey") == 0 ? pki_key("P-256") : X509_REQ_get_pubkey(req);
    if (strcmp(r->label, "expired") == 0) {
        wish.from_s = -2 * DAY;
        wish.to_s = -DAY;
    }
    cert = pki_cert(&wish, key, s->pki->ca, s->pki->ca_key);
    answer_certs(ssl, P7, cert, NULL);
    X509_free(cert);
    EVP_PKEY_free(key);
    X509_REQ_free(req);
}

/* Redirects, and what needs more than a fixed text. False if the label is none of these. */
static bool answer_specially(struct est_test_server *s, SSL *ssl, const struct request *r)
{
    char headers[256];

    if (strcmp(r->label, "moved") == 0 || strcmp(r->label, "kept") == 0 || strcmp(r->label, "loop") == 0) {
        (void)snprintf(headers, sizeof headers, "Location: /.well-known/est/%s%s\r\n",
                       strcmp(r->label, "loop") == 0 ? "loop/" : "", r->operation);
        answer(ssl, strcmp(r->label, "kept") == 0 ? "307 Temporary Redirect" : "302 Found", headers, slice_of("x"));
    } else if (strcmp(r->label, "elsewhere") == 0) {
        (void)snprintf(headers, sizeof headers, "Location: %s/%s\r\n", s->elsewhere, r->operation);
        answer(ssl, "307 Temporary Redirect", headers, slice_of(""));
    } else if (strcmp(r->label, "echo") == 0) {
        answer(ssl, "403 Forbidden", "Content-Type: text/plain\r\n", slice_of(r->text));
    } else if (strcmp(r->label, "big") == 0) {
        struct devid_bytes big = {calloc(1, 2 * MESSAGE_MAX), 2 * MESSAGE_MAX};

        answer(ssl, "200 OK", "Content-Type: " P7 "\r\n", devid_slice_of(big));
        devid_bytes_free(&big);
    } else {
        return false;
    }
    return true;
}

static void serve(struct est_test_server *s, SSL *ssl, const struct request *r)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (strcmp(r->label, answers[i].label) == 0) {
            answer(ssl, answers[i].status, answers[i].headers, slice_of(answers[i].body));
            return;
        }
    if (answer_specially(s, ssl, r))
        return;
    if (strcmp(r->method, "GET") == 0 && strcmp(r->operation, "cacerts") == 0)
        answer_certs(ssl, "application/pkcs7-mime", s->pki->ca, s->pki->root);
    else if (strcmp(r->method, "POST") == 0)
        issue(s, ssl, r);
    else
        answer(ssl, "404 Not Found", "", slice_of(""));
}

static void converse(struct est_test_server *s, SSL *ssl)
{
    struct request r;
    X509 *client;

    if (s->at_connect != NULL)
        MUST(system(s->at_connect) == 0);
    if (SSL_accept(ssl) != 1)
        return;
    while (read_request(ssl, &r)) {
        client = SSL_get1_peer_certificate(ssl);
        (void)pthread_mutex_lock(&s->lock);
        s->n_requests++;
        s->n_client_certs += client != NULL;
        memcpy(s->last, r.text, r.len + 1);
        if (strlen(s->seen) + r.head_len < sizeof s->seen)
            (void)strncat(s->seen, r.text, r.head_len);
        (void)pthread_mutex_unlock(&s->lock);
        X509_free(client);
        serve(s, ssl, &r);
    }
    (void)SSL_shutdown(ssl);
}

static void *run(void *arg)
{
    struct est_test_server *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        SSL *ssl;
        bool stops;

        (void)pthread_mutex_lock(&s->lock);
        stops = s->stops;
        s->n_connections++;
        (void)pthread_mutex_unlock(&s->lock);
        if (fd < 0 || stops) {
            if (fd >= 0)
                (void)close(fd);
            return NULL;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        ssl = SSL_new(s->tls);
        MUST(ssl != NULL && SSL_set_fd(ssl, fd) == 1);
        converse(s, ssl);
        SSL_free(ssl);
        (void)close(fd);
        ERR_clear_error();
    }
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
                     void *user)
{
    (void)ssl, (void)in, (void)in_len, (void)user;
    *out = (const unsigned char *)"h2";
    *out_len = 2;
    return SSL_TLSEXT_ERR_OK;
}

static void set_up_tls(struct est_test_server *s, const struct pki *pki, const struct est_test_tls *tls)
{
    static const struct pki_wish usual = {.cn = "server", .san = "IP:127.0.0.1"};
    EVP_PKEY *key = pki_key("P-256");
    X509 *cert = pki_cert(tls->wish != NULL ? tls->wish : &usual, key, pki->ca, pki->ca_key);

    s->tls = SSL_CTX_new(TLS_server_method());
    MUST(s->tls != NULL && SSL_CTX_use_certificate(s->tls, cert) == 1 && SSL_CTX_use_PrivateKey(s->tls, key) == 1 &&
         SSL_CTX_add1_chain_cert(s->tls, pki->ca) == 1);
    MUST(tls->max_version == 0 || SSL_CTX_set_max_proto_version(s->tls, tls->max_version) == 1);
    if (tls->offers_h2)
        SSL_CTX_set_alpn_select_cb(s->tls, choose_h2, NULL);
    if (tls->clients != NULL) {
        MUST(X509_STORE_add_cert(SSL_CTX_get_cert_store(s->tls), tls->clients->root) == 1);
        SSL_CTX_set_verify(s->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

void est_test_server_start(struct est_test_server *s, const struct pki *pki, const struct est_test_tls *tls)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;

    (void)signal(SIGPIPE, SIG_IGN); /* a client may go away at any time */
    *s = (struct est_test_server){.pki = pki, .lock = PTHREAD_MUTEX_INITIALIZER};
    set_up_tls(s, pki, tls);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&here, sizeof here) == 0 && listen(s->fd, 8) == 0);
    MUST(getsockname(s->fd, (struct sockaddr *)&here, &len) == 0);
    s->port = ntohs(here.sin_port);
    MUST(pthread_create(&s->thread, NULL, run, s) == 0);
}

void est_test_server_stop(struct est_test_server *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->stops = true;
    (void)pthread_mutex_unlock(&s->lock);
    (void)shutdown(s->fd, SHUT_RDWR); /* wakes accept */
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
    SSL_CTX_free(s->tls);
    s->tls = NULL;
}

const char *est_test_server_url(const struct est_test_server *s, const char *label, char url[128])
{
    (void)snprintf(url, 128, "https://127.0.0.1:%u/.well-known/est%s%s", s->port, label != NULL ? "/" : "",
                   label != NULL ? label : "");
    return url;
}
