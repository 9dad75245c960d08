/* SPDX-License-Identifier: BSD-2-Clause */
/* What went wrong between us and a server, in a sentence that says what to do. */
#include "est/failure.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "est/keys.h"
#include "est/ossl.h"

#define TEXT_MAX 100
#define VAGUE_ALERT "alert handshake failure" /* of TLS 1.2, for a missing certificate and for other things */

static const char *anchors_text(const struct est_server *server)
{
    if (server->anchors != NULL)
        return server->anchors;
    return server->anchors_pem.len != 0 ? "the anchors given" : "the system's list; name its root as trust anchor";
}

/* TLS refused the server. */
static devid_rc of_server_cert(const struct failure *f, struct devid_error *err)
{
    /* libcurl checks the name itself, some before they have asked libcrypto for the result, and newer ones call that "unspecified" */
    if (f->verify_result == X509_V_OK || f->verify_result == X509_V_ERR_HOSTNAME_MISMATCH ||
        f->verify_result == X509_V_ERR_IP_ADDRESS_MISMATCH || strstr(f->words, "subject name") != NULL)
        return devid_fail(err, DEVID_E_NET, "the certificate of %s is for another host: is the URL right?", f->name);
    switch (f->verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return devid_fail(err, DEVID_E_NET, "the certificate of %s has expired: is this device's clock right?", f->name);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return devid_fail(err, DEVID_E_NET, "the certificate of %s is not valid yet: is this device's clock right?",
                          f->name);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return devid_fail(err, DEVID_E_NET, "the certificate of %s is not from a CA in %s", f->name,
                          anchors_text(f->server));
    default:
        return devid_fail(err, DEVID_E_NET, "the certificate of %s is not good: %s", f->name,
                          X509_verify_cert_error_string(f->verify_result));
    }
}

/*
 * The server closed the connection. TLS 1.3 tells a client that its certificate is refused only
 * after the request was sent, as an alert or a mere reset.
 */
static devid_rc of_client_cert(const struct failure *f, struct devid_error *err)
{
    bool is_alert = strstr(f->words, "alert") != NULL;

    if (f->client_cert == NULL && !is_alert)
        return devid_fail(err, DEVID_E_DENIED, "%s closed the connection without an answer: perhaps it wants a "
                          "client certificate, and none is configured", f->name);
    if (f->client_cert == NULL)
        return devid_fail(err, DEVID_E_DENIED, "%s wants a client certificate, and none is configured", f->name);
    if ((X509_get_extension_flags(f->client_cert) & EXFLAG_XKUSAGE) != 0 &&
        (X509_get_extended_key_usage(f->client_cert) & (XKU_SSL_CLIENT | XKU_ANYEKU)) == 0)
        return devid_fail(err, DEVID_E_DENIED,
                          "%s refused the client certificate, which has an extended key usage without clientAuth", f->name);
    if (ossl_is_past(X509_get0_notAfter(f->client_cert)))
        return devid_fail(err, DEVID_E_DENIED, "%s refused the client certificate, which has expired (is this device's clock "
                                               "right?): renew it first, or run \"devid provision\"", f->name);
    return devid_fail(err, DEVID_E_DENIED, "%s refused the client certificate%s", f->name,
                      is_alert ? ": does it know the CA that issued it, and is it still valid?"
                               : " (it closed the connection): does it know the CA that issued it?");
}

/* What libcurl calls a connection that the server closed; over HTTP/2 it has names of its own. */
static bool is_hang_up(CURLcode code)
{
    return code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING || code == CURLE_HTTP2 ||
           code == CURLE_HTTP2_STREAM;
}

/*
 * Alerts by their names, a reset after the server had asked for a certificate, and libcurl's own mixture: it takes the alert
 * "certificate expired" for a verification of its own that failed, with these words alone.
 */
static bool is_about_client_cert(const struct failure *f)
{
    static const char *const alerts[] = {"alert certificate", "alert bad certificate", "alert unknown ca",
                                         "alert unsupported certificate", "alert access denied"};

    if (f->code == CURLE_SSL_CLIENTCERT || strcmp(f->words, "SSL certificate verification failed") == 0)
        return true;
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
        if (strcasestr(f->words, alerts[i]) != NULL)
            return true;
    return f->was_asked && f->status == 0 && (is_hang_up(f->code) || strstr(f->words, VAGUE_ALERT) != NULL);
}

/*
 * libcurl keeps of libcrypto's error its number and reason, "error:40800004:devid::no such key": our provider's are core's. Newer ones
 * have "TLS connect error: " before it.
 */
static bool is_of_our_key(const struct failure *f, devid_rc *rc)
{
    for (const char *at = f->words; f->client_cert != NULL && (at = strstr(at, "error:")) != NULL;)
        if (ossl_rc_of(strtoul(at += strlen("error:"), NULL, 16), rc))
            return true;
    return false;
}

devid_rc failure_of_exchange(const struct failure *f, struct devid_error *err)
{
    devid_rc rc;

    devid_log(DEVID_LOG_DEBUG, "est/failure", "%s: libcurl's error %d (%s), verification %ld, status %ld", f->name,
              (int)f->code, f->words, f->verify_result, f->status);
    if (is_of_our_key(f, &rc))
        return devid_fail(err, rc, "the client key %.*s failed in the handshake with %s: %s",
                          est_key_shown(f->server->key_uri), f->server->key_uri, f->name, f->words);
    if (is_about_client_cert(f))
        return of_client_cert(f, err);
    if (f->code == CURLE_PEER_FAILED_VERIFICATION)
        return of_server_cert(f, err);
    if (f->code == CURLE_OUT_OF_MEMORY)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    if (f->code == CURLE_COULDNT_RESOLVE_HOST)
        return devid_fail(err, DEVID_E_NET, "the name %s is not known: is the URL right, and DNS reachable?", f->name);
    if (f->code == CURLE_COULDNT_CONNECT)
        return devid_fail(err, DEVID_E_NET, "cannot connect to %s: is the server running and the network up?", f->name);
    if (f->code == CURLE_OPERATION_TIMEDOUT)
        return devid_fail(err, DEVID_E_NET, "%s gave no answer within %u ms", f->name, f->timeout_ms);
    if (f->code == CURLE_SSL_CRL_BADFILE)
        return devid_fail(err, DEVID_E_FILE, "no revocation list can be read from %s: PEM is expected", f->server->crl);
    if (f->code == CURLE_SSL_CONNECT_ERROR)
        return devid_fail(err, DEVID_E_NET, "no TLS connection with %s: %s", f->name, f->words);
    return devid_fail(err, DEVID_E_NET, "the exchange with %s failed: %s", f->name,
                      f->words[0] != 0 ? f->words : curl_easy_strerror(f->code));
}

static bool repeats(const char *text, size_t len, struct devid_slice secret)
{
    return secret.len != 0 && memmem(text, len, secret.data, secret.len) != NULL;
}

devid_rc failure_told(const struct est_server *server, devid_rc rc, struct devid_error *err)
{
    size_t len = err != NULL ? strlen(err->text) : 0;

    if (rc == DEVID_OK || err == NULL ||
        !(repeats(err->text, len, server->secret) || repeats(err->text, len, server->password) ||
          repeats(err->text, len, server->proxy_password)))
        return rc;
    return devid_fail(err, rc, "the server sends back our secret: what it says is not shown");
}

/*
 * The first line of a text that a server sent to explain itself: printable ASCII alone, for it ends up on a terminal,
 * and nothing at all if it repeats our secret.
 */
static void first_line(const struct est_server *server, const struct http_reply *reply, char line[TEXT_MAX])
{
    size_t n = 0;

    line[0] = 0;
    if (reply->body.len == 0 || strncasecmp(reply->type, "text/plain", 10) != 0)
        return;
    if (repeats((const char *)reply->body.data, reply->body.len, server->secret) ||
        repeats((const char *)reply->body.data, reply->body.len, server->password) ||
        repeats((const char *)reply->body.data, reply->body.len, server->proxy_password))
        return;
    (void)snprintf(line, TEXT_MAX, ": ");
    n = strlen(line);
    for (size_t i = 0; i < reply->body.len && n + 1 < TEXT_MAX && reply->body.data[i] != '\n'; i++)
        if (reply->body.data[i] >= 0x20 && reply->body.data[i] < 0x7f)
            line[n++] = (char)reply->body.data[i];
    line[n == 2 ? 0 : n] = 0;
}

bool failure_is_later(long status)
{
    return status == 202 || status == 429 || status == 503;
}

devid_rc failure_of_status(const struct est_server *server, const char *name, const char *operation,
                           const struct http_reply *reply, struct devid_error *err)
{
    const char *remedy = "";
    char line[TEXT_MAX];

    if (reply->status == 200 && reply->body.len != 0)
        return DEVID_OK;
    if (reply->status >= 200 && reply->status < 300 && reply->status != 202)
        return devid_fail(err, DEVID_E_DATA, "%s answered %s with status %ld and no content", name, operation,
                          reply->status);
    first_line(server, reply, line);
    switch (reply->status) {
    case 202:
    case 429:
    case 503:
        if (reply->retry_after_s == 0)
            return devid_fail(err, DEVID_E_BUSY, "%s asks to try %s again later (status %ld%s)", name, operation, reply->status,
                              line);
        return devid_fail(err, DEVID_E_BUSY, "%s asks to try %s again in %u s (status %ld%s)", name, operation,
                          reply->retry_after_s, reply->status, line);
    case 401:
        remedy = server->user == NULL ? "; no user and password are configured" : "; are user and password right?";
        /* fall through */
    case 403:
        return devid_fail(err, DEVID_E_DENIED, "%s refused %s (status %ld%s)%s", name, operation, reply->status, line,
                          remedy);
    case 404:
        remedy = "; is the URL right?";
        break;
    default:
        break;
    }
    return devid_fail(err, DEVID_E_NET, "%s answered %s with status %ld%s%s", name, operation, reply->status, line, remedy);
}
