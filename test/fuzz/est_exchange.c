/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that answers with anything: TLS and HTTP, from the handshake to the certificate. It runs in a thread of this process and its
 * TLS certificate is good. The first byte says what the client asks for and at which layer the rest is the answer:
 * instead of the server's first bytes, or as what is said within TLS to each request.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "est/est.h"
#include "est/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SECRET "correct-horse-battery"

static void must(bool good)
{
    if (!good)
        abort();
}

static struct {
    SSL_CTX *tls;
    int fd;
    char url[64];
    struct devid_bytes anchors, csr, spki;
    /* of one input */
    pthread_mutex_t lock;
    struct devid_slice answer;
    bool is_bare; /* not within TLS */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A request's head and what has come of its body. */
static bool hear(SSL *ssl)
{
    char text[8192] = "";
    int used = 0, n;

    while (strstr(text, "\r\n\r\n") == NULL && (n = SSL_read(ssl, text + used, (int)sizeof text - 1 - used)) > 0)
        used += n;
    return used > 0;
}

static void converse(int fd)
{
    SSL *ssl = SSL_new(server.tls);
    struct devid_bytes answer = {0}; /* the input may be gone before the answer is */
    bool is_bare;

    (void)pthread_mutex_lock(&server.lock);
    must(devid_bytes_copy(server.answer, &answer, NULL) == DEVID_OK);
    is_bare = server.is_bare;
    (void)pthread_mutex_unlock(&server.lock);
    must(ssl != NULL && SSL_set_fd(ssl, fd) == 1);
    if (is_bare) {
        (void)!write(fd, answer.data, answer.len);
    } else if (SSL_accept(ssl) == 1 && hear(ssl)) {
        (void)SSL_write(ssl, answer.data, (int)answer.len);
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    devid_bytes_free(&answer);
    ERR_clear_error();
}

static void *serve(void *unused)
{
    int fd;

    while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
        char rest[4096];

        converse(fd);
        (void)shutdown(fd, SHUT_WR); /* and not a reset, which would take the answer along */
        while (read(fd, rest, sizeof rest) > 0)
            continue;
        (void)close(fd);
    }
    return unused;
}

static void make_tls(EVP_PKEY *key)
{
    STACK_OF(X509) *one = sk_X509_new_null();
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();
    X509_EXTENSION *san = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");

    must(one != NULL && san != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && X509_add_ext(cert, san, -1) == 1);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"server", -1, -1, 0) == 1);
    must(X509_set_subject_name(cert, name) == 1 && X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1);
    must(X509_gmtime_adj(X509_getm_notBefore(cert), -60) != NULL && X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL);
    must(X509_sign(cert, key, EVP_sha256()) > 0 && sk_X509_push(one, cert) > 0);
    must(message_certs_to_pem(one, &server.anchors, NULL) == DEVID_OK);
    server.tls = SSL_CTX_new(TLS_server_method());
    must(server.tls != NULL && SSL_CTX_use_certificate(server.tls, cert) == 1 && SSL_CTX_use_PrivateKey(server.tls, key) == 1);
    X509_EXTENSION_free(san);
    X509_NAME_free(name);
    message_certs_free(one);
}

static void make_request(EVP_PKEY *key)
{
    X509_REQ *req = X509_REQ_new();
    unsigned char *csr = NULL, *spki = NULL;
    int csr_len, spki_len;

    must(req != NULL && X509_REQ_set_pubkey(req, key) == 1 && X509_REQ_sign(req, key, EVP_sha256()) > 0);
    csr_len = i2d_X509_REQ(req, &csr);
    spki_len = i2d_PUBKEY(key, &spki);
    must(devid_bytes_copy((struct devid_slice){csr, (size_t)csr_len}, &server.csr, NULL) == DEVID_OK);
    must(devid_bytes_copy((struct devid_slice){spki, (size_t)spki_len}, &server.spki, NULL) == DEVID_OK);
    OPENSSL_free(csr);
    OPENSSL_free(spki);
    X509_REQ_free(req);
}

static void start(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    socklen_t len = sizeof here;
    pthread_t thread;

    (void)signal(SIGPIPE, SIG_IGN);
    make_tls(key);
    make_request(key);
    EVP_PKEY_free(key);
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server.fd >= 0 && bind(server.fd, (struct sockaddr *)&here, sizeof here) == 0 && listen(server.fd, 8) == 0);
    must(getsockname(server.fd, (struct sockaddr *)&here, &len) == 0);
    (void)snprintf(server.url, sizeof server.url, "https://127.0.0.1:%u/.well-known/est", ntohs(here.sin_port));
    must(pthread_create(&thread, NULL, serve, NULL) == 0 && pthread_detach(thread) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct est_server client = {.timeout_ms = 2000, .secret_header = "Secret-Value", .secret = {(const unsigned char *)SECRET, sizeof SECRET - 1}};
    struct est_reply reply = {0};
    struct devid_error err = {0};
    struct devid_bytes text = {0};
    devid_rc rc;

    if (server.fd == 0)
        start();
    if (len < 1)
        return 0;
    client.url = server.url;
    client.anchors_pem = devid_slice_of(server.anchors);
    client.learns_anchors = (data[0] & 8) != 0;
    (void)pthread_mutex_lock(&server.lock);
    server.answer = (struct devid_slice){data + 1, len - 1};
    server.is_bare = (data[0] & 4) != 0;
    (void)pthread_mutex_unlock(&server.lock);
    if ((data[0] & 3) == 0)
        rc = est_cacerts(&client, &reply, &err);
    else if ((data[0] & 3) == 1)
        rc = est_csrattrs(&client, &text, &err);
    else
        rc = est_enroll(&client, devid_slice_of(server.csr), (data[0] & 1) != 0, devid_slice_of(server.spki), &reply, &err);
    must(rc == DEVID_OK || (reply.certs_pem.len == 0 && text.len == 0 && err.text[0] != 0));
    must((data[0] & 3) < 2 || rc != DEVID_OK); /* no one has issued a certificate for this key */
    must(strstr(err.text, SECRET) == NULL && ERR_peek_error() == 0);
    est_reply_free(&reply);
    devid_bytes_free(&text);
    return 0;
}
