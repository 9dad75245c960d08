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
    {"never", "401 Unauthorized", "WWW-Authenticate: Basic realm=\"est\"\r\n", ""},
    {"untyped", "200 OK", "", "MIIB"},
    {"accepted", "202 Accepted", "", ""},
    {"later", "202 Accepted", "Retry-After: 600\r\n", ""},
    {"dated", "503 Unavailable", "Retry-After: Tue, 14 Nov 2000 22:15:20 GMT\r\n", ""},
    {"busy", "429 Too Many Requests", "Content-Type: text/plain\r\n", "429 rate limit exceeded\n"},
    {"nowhere", "302 Found", "", ""},
    {"parrot", "200 OK", "Content-Type: correct-horse-battery\r\n", "AAAA"}, /* est_world.h's SECRET */
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

static void append(struct devid_bytes *out, struct devid_slice more)
{
    MUST(devid_bytes_append(out, more, NULL) == DEVID_OK);
}

/* How servers write a body, by label: the first is as the CA of the project's mission does. */
static const struct {
    const char *label;
    size_t width;
    const char *line_end, *before, *after, *headers;
    bool is_chunked;
} styles[] = {
    {"", 76, "\r\n", "", "", "Content-Transfer-Encoding: base64\r\n", false},
    {"oneline", SIZE_MAX, "", "", "", "", false},
    {"armoured", 64, "\n", "-----BEGIN PKCS7-----\n", "\n-----END PKCS7-----\n", "", false},
    {"chunked", 64, "\n", "", "\n", "Content-Transfer-Encoding: base64\r\n", true},
    {"upper", 60, "\r\n\t ", " ", "\r\n\r\n", "CONTENT-TRANSFER-ENCODING: BASE64\r\n", false},
};

static void answer_in_chunks(SSL *ssl, const char *headers, struct devid_slice body)
{
    char head[512];
    int n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n", headers);

    (void)SSL_write(ssl, head, n);
    for (size_t at = 0; at < body.len; at += 100) {
        size_t len = body.len - at < 100 ? body.len - at : 100;

        n = snprintf(head, sizeof head, "%zx\r\n%.*s\r\n", len, (int)len, (const char *)body.data + at);
        (void)SSL_write(ssl, head, n);
    }
    (void)SSL_write(ssl, "0\r\n\r\n", 5);
}

static void answer_der(SSL *ssl, const char *label, const char *type, struct devid_slice der)
{
    struct devid_bytes text = {0}, lines = {0};
    char headers[256];
    size_t style = sizeof styles / sizeof styles[0] - 1;

    while (style > 0 && strcmp(styles[style].label, label) != 0)
        style--;
    MUST(message_base64_encode(der, &text, NULL) == DEVID_OK);
    append(&lines, slice_of(styles[style].before));
    for (size_t i = 0, column = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            continue;
        append(&lines, (struct devid_slice){text.data + i, 1});
        if (++column % styles[style].width == 0)
            append(&lines, slice_of(styles[style].line_end));
    }
    append(&lines, slice_of(styles[style].after));
    (void)snprintf(headers, sizeof headers, "Content-Type: %s\r\n%s", type, styles[style].headers);
    if (styles[style].is_chunked)
        answer_in_chunks(ssl, headers, devid_slice_of(lines));
    else
        answer(ssl, "200 OK", headers, devid_slice_of(lines));
    devid_bytes_free(&text);
    devid_bytes_free(&lines);
}

static void answer_certs(SSL *ssl, const char *label, const char *type, X509 *a, X509 *b)
{
    struct devid_bytes der = pki_p7(a, b, NULL);

    answer_der(ssl, label, type, devid_slice_of(der));
    devid_bytes_free(&der);
}

/* Is the request's challengePassword that of this connection? Computed here, by the server's own view of it. */
static void check_proof(struct est_test_server *s, SSL *ssl, X509_REQ *req)
{
    int at = X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1);
    unsigned char unique[64], exporter[32];
    size_t len = SSL_session_reused(ssl) ? SSL_get_finished(ssl, unique, sizeof unique)
                                         : SSL_get_peer_finished(ssl, unique, sizeof unique);
    char wanted[128];
    const ASN1_TYPE *value;

    if (at < 0)
        return;
    value = X509_ATTRIBUTE_get0_type(X509_REQ_get_attr(req, at), 0);
    MUST(ASN1_TYPE_get(value) == V_ASN1_PRINTABLESTRING || ASN1_TYPE_get(value) == V_ASN1_IA5STRING ||
         ASN1_TYPE_get(value) == V_ASN1_UTF8STRING);
    MUST(SSL_export_keying_material(ssl, exporter, sizeof exporter, "EXPORTER-Channel-Binding", 24,
                                    (const unsigned char *)"", 0, 1) == 1);
    (void)pthread_mutex_lock(&s->lock);
    (void)EVP_EncodeBlock((unsigned char *)wanted, unique, (int)len);
    if (SSL_version(ssl) == TLS1_2_VERSION && (size_t)ASN1_STRING_length(value->value.asn1_string) == strlen(wanted) &&
        memcmp(ASN1_STRING_get0_data(value->value.asn1_string), wanted, strlen(wanted)) == 0)
        s->n_unique++;
    (void)EVP_EncodeBlock((unsigned char *)wanted, exporter, sizeof exporter);
    if ((size_t)ASN1_STRING_length(value->value.asn1_string) == strlen(wanted) &&
        memcmp(ASN1_STRING_get0_data(value->value.asn1_string), wanted, strlen(wanted)) == 0)
        s->n_exporter++;
    (void)pthread_mutex_unlock(&s->lock);
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
    check_proof(s, ssl, req);
    key = strcmp(r->label, "otherkey") == 0 ? pki_key("P-256") : X509_REQ_get_pubkey(req);
    if (strcmp(r->label, "expired") == 0) {
        wish.from_s = -2 * DAY;
        wish.to_s = -DAY;
    }
    cert = pki_cert(&wish, key, s->pki->ca, s->pki->ca_key);
    answer_certs(ssl, r->label, P7, cert, NULL);
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
    } else if (strcmp(r->label, "basic") == 0 && strstr(r->text, "\r\nAuthorization: Basic ") == NULL) {
        answer(ssl, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"est\"\r\n", slice_of(""));
    } else if (strcmp(r->label, "digest") == 0 && strstr(r->text, "\r\nAuthorization: Digest ") == NULL) {
        answer(ssl, "401 Unauthorized",
               "WWW-Authenticate: Basic realm=\"est\"\r\n"
               "WWW-Authenticate: Digest realm=\"est\", qop=\"auth\", nonce=\"n1\", algorithm=SHA-256\r\n", slice_of(""));
    } else if (strcmp(r->label, "put-off") == 0 && strcmp(r->method, "POST") == 0) {
        answer(ssl, "202 Accepted", "Retry-After: 600\r\n", slice_of(""));
    } else if (strcmp(r->label, "silent") == 0) {
        char ignored;

        (void)SSL_read(ssl, &ignored, 1); /* until the client has enough of it */
    } else if (strcmp(r->label, "drip") == 0) {
        static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/pkcs7-mime\r\nContent-Length: 9999\r\n\r\n";

        (void)SSL_write(ssl, head, sizeof head - 1);
        while (SSL_write(ssl, "A", 1) == 1)
            (void)usleep(20000);
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
    if (strcmp(r->method, "GET") == 0 && strcmp(r->operation, "csrattrs") == 0 && s->attrs.len != 0)
        answer_der(ssl, r->label, "application/csrattrs", s->attrs);
    else if (strcmp(r->method, "GET") == 0 && strcmp(r->operation, "cacerts") == 0 && s->ca_certs.len != 0)
        answer_der(ssl, r->label, "application/pkcs7-mime", s->ca_certs);
    else if (strcmp(r->method, "GET") == 0 && strcmp(r->operation, "cacerts") == 0)
        answer_certs(ssl, r->label, "application/pkcs7-mime", s->pki->ca, s->pki->root);
    else if (strcmp(r->method, "POST") == 0)
        issue(s, ssl, r);
    else
        answer(ssl, "404 Not Found", "", slice_of(""));
}

static void converse(struct est_test_server *s, SSL *ssl)
{
    struct request r;
    bool closes = false;
    X509 *client;

    if (s->at_connect != NULL)
        MUST(system(s->at_connect) == 0);
    if (SSL_accept(ssl) != 1)
        return;
    while (!closes && read_request(ssl, &r)) {
        client = SSL_get1_peer_certificate(ssl);
        (void)pthread_mutex_lock(&s->lock);
        s->n_requests++;
        s->n_client_certs += client != NULL;
        s->last_version = SSL_version(ssl);
        memcpy(s->last, r.text, r.len + 1);
        if (strlen(s->seen) + r.head_len < sizeof s->seen)
            (void)strncat(s->seen, r.text, r.head_len);
        /* always, or after the first answer of the test */
        closes = strcmp(r.label, "closing") == 0 || (strcmp(r.label, "closing-once") == 0 && s->n_requests == 1);
        (void)pthread_mutex_unlock(&s->lock);
        X509_free(client);
        serve(s, ssl, &r);
    }
    (void)SSL_shutdown(ssl);
}

struct talk {
    struct est_test_server *s;
    int fd;
};

static void *run_talk(void *arg)
{
    struct talk *talk = arg;
    SSL *ssl = SSL_new(talk->s->tls);

    (void)setsockopt(talk->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    MUST(ssl != NULL && SSL_set_fd(ssl, talk->fd) == 1);
    converse(talk->s, ssl);
    SSL_free(ssl);
    (void)close(talk->fd);
    ERR_clear_error();
    free(talk);
    return NULL;
}

static void *run(void *arg)
{
    struct est_test_server *s = arg;

    for (;;) {
        struct talk *talk = malloc(sizeof *talk);
        bool stops;

        MUST(talk != NULL);
        *talk = (struct talk){s, accept(s->fd, NULL, NULL)};
        (void)pthread_mutex_lock(&s->lock);
        stops = s->stops;
        s->n_connections++;
        (void)pthread_mutex_unlock(&s->lock);
        if (talk->fd < 0 || stops) {
            if (talk->fd >= 0)
                (void)close(talk->fd);
            free(talk);
            break;
        }
        MUST(s->n_talks < sizeof s->talks / sizeof s->talks[0]);
        MUST(pthread_create(&s->talks[s->n_talks++], NULL, run_talk, talk) == 0);
    }
    for (size_t i = 0; i < s->n_talks; i++)
        (void)pthread_join(s->talks[i], NULL);
    return NULL;
}

/* A libcurl without HTTP/2 does not ask for it. */
static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
                     void *user)
{
    static const unsigned char h2[] = "\x02h2";
    unsigned char *chosen = NULL;

    (void)ssl, (void)user;
    if (SSL_select_next_proto(&chosen, out_len, h2, sizeof h2 - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
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
    MUST(tls->ciphers == NULL || SSL_CTX_set_cipher_list(s->tls, tls->ciphers) == 1);
    MUST(tls->min_version == 0 || SSL_CTX_set_min_proto_version(s->tls, tls->min_version) == 1);
    if (tls->max_version != 0 && tls->max_version < TLS1_2_VERSION)
        SSL_CTX_set_security_level(s->tls, 0); /* as old servers do: OpenSSL 3 would not speak it */
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
