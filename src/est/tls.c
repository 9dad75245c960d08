/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom we believe, what we show, and what is noted of each connection. RFC 7030 section 3.3, RFC 6125. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "est/http.h"
#include "est/message.h"

static int on_cert_request(SSL *ssl, void *user)
{
    struct http *http = user;

    (void)ssl;
    http->was_asked = true;
    return 1;
}

/*
 * libcurl compares names, too, but takes an address for a common name. libcrypto does neither that nor wildcards beside other
 * characters, and a common name counts only where there is no alternative one. What both accept is accepted.
 */
static bool check_name(SSL_CTX *ctx, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return true;
    ERR_clear_error();
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

/* The key is no file: libcurl's own options cannot name it on every version that we run on. */
static CURLcode on_ssl_ctx(CURL *curl, void *ssl_ctx, void *user)
{
    struct http *http = user;
    SSL_CTX *ctx = ssl_ctx;

    (void)curl;
    SSL_CTX_set_cert_cb(ctx, on_cert_request, http);
    if (http->trust == HTTP_VERIFIED && !check_name(ctx, http->host))
        return CURLE_SSL_CONNECT_ERROR;
    /* the system's list is libcrypto's (SSL_CERT_FILE names another) as for what is issued, besides libcurl's */
    if (http->trust == HTTP_VERIFIED && http->anchors.len == 0 && SSL_CTX_set_default_verify_paths(ctx) != 1)
        return CURLE_SSL_CACERT_BADFILE;
    if (http->key == NULL)
        return CURLE_OK;
    if (SSL_CTX_use_certificate(ctx, sk_X509_value(http->chain, 0)) != 1 || SSL_CTX_use_PrivateKey(ctx, http->key) != 1)
        return CURLE_SSL_CERTPROBLEM;
    for (int i = 1; i < sk_X509_num(http->chain); i++)
        if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(http->chain, i)) != 1)
            return CURLE_SSL_CERTPROBLEM;
    return CURLE_OK;
}

/* After the handshake, before a byte of the request: a request that was made for one connection goes over no other. */
static int before_request(void *user, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    struct http *http = user;
    struct binding before = http->binding;
    struct curl_tlssessioninfo *info = NULL;

    (void)peer_ip, (void)own_ip, (void)peer_port, (void)own_port;
    if (http->server->signed_by != NULL)
        http->server->signed_by(http->server->signed_user, true);
    if (curl_easy_getinfo(http->curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || info == NULL ||
        info->backend != CURLSSLBACKEND_OPENSSL || info->internals == NULL)
        return CURL_PREREQFUNC_ABORT;
    binding_note(&http->binding, info->internals);
    if (http->is_held && !binding_same(&before, &http->binding)) {
        http->has_moved = true;
        return CURL_PREREQFUNC_ABORT;
    }
    message_certs_free(http->peer);
    http->peer = X509_chain_up_ref(SSL_get_peer_cert_chain(info->internals));
    return CURL_PREREQFUNC_OK;
}

CURLcode tls_set_up(struct http *http)
{
    CURL *curl = http->curl;
    bool is_verified = http->trust == HTTP_VERIFIED;
    struct curl_blob blob = {http->anchors.data, http->anchors.len, CURL_BLOB_NOCOPY};
    CURLcode code = curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);

    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, is_verified ? 1L : 0L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, is_verified ? 2L : 0L);
    if (code == CURLE_OK && http->anchors.len != 0) {
        /* explicit anchors: the system's are not used beside them. RFC 7030 section 3.6.1 */
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
        (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        code = curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    }
    if (code == CURLE_OK && http->server->crl != NULL)
        code = curl_easy_setopt(curl, CURLOPT_CRLFILE, http->server->crl);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, http);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, before_request);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_PREREQDATA, http);
    return code;
}

int http_tls_version(const struct http *http)
{
    return http->binding.version;
}

void http_limit_tls(struct http *http)
{
    (void)curl_easy_setopt(http->curl, CURLOPT_SSLVERSION,
                           (long)CURL_SSLVERSION_TLSv1_2 | (long)CURL_SSLVERSION_MAX_TLSv1_2);
}

devid_rc http_hold(struct http *http, enum est_proof proof, char text[BINDING_TEXT_MAX], struct devid_error *err)
{
    http->is_held = true;
    return proof == EST_PROOF_TLS_EXPORTER ? binding_exporter(&http->binding, text, err)
                                           : binding_unique(&http->binding, text, err);
}

bool http_release(struct http *http)
{
    bool has_moved = http->has_moved;

    http->is_held = http->has_moved = false;
    return has_moved;
}

STACK_OF(X509) *http_peer(const struct http *http)
{
    return http->peer;
}
