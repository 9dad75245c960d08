/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /tpmenroll of GlobalSign's EST engine: the certificate comes encrypted to the TPM's endorsement key, and only the TPM that has that
 * key and the certified one gets at it. No standard describes it.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>

#include "est/cms.h"
#include "est/enroll.h"
#include "est/est.h"
#include "est/failure.h"
#include "est/multipart.h"
#include "est/ossl.h"

#define PARTS 3 /* of a reply: credential, its secret, encrypted certificate */

static bool push_cert(STACK_OF(X509) *certs, const unsigned char **at, size_t left)
{
    X509 *cert = d2i_X509(NULL, at, (long)left);

    if (cert != NULL && sk_X509_push(certs, cert) > 0)
        return true;
    X509_free(cert);
    return false;
}

/* Certificates, one behind the other, as certs-only PKCS#7. */
static devid_rc certs_only(struct devid_slice certs, struct devid_bytes *out, struct devid_error *err)
{
    const unsigned char *at = certs.data, *end = at + certs.len;
    PKCS7 *p7 = PKCS7_new();
    STACK_OF(X509) *list = sk_X509_new_null();
    unsigned char *der = NULL;
    bool good = p7 != NULL && list != NULL && PKCS7_set_type(p7, NID_pkcs7_signed) == 1 &&
                PKCS7_content_new(p7, NID_pkcs7_data) == 1;
    devid_rc rc = DEVID_OK;
    int len = 0;

    while (good && at < end)
        good = push_cert(list, &at, (size_t)(end - at));
    for (int i = 0; good && i < sk_X509_num(list); i++)
        good = PKCS7_add_certificate(p7, sk_X509_value(list, i)) == 1;
    if (good && sk_X509_num(list) > 0) {
        (void)PKCS7_set_detached(p7, 1);
        len = i2d_PKCS7(p7, &der);
    }
    if (len > 0)
        rc = devid_bytes_copy((struct devid_slice){der, (size_t)len}, out, err);
    else
        rc = ossl_fail(err, DEVID_E_DATA, "the EK certificate or one of its chain is malformed");
    OPENSSL_free(der);
    sk_X509_pop_free(list, X509_free);
    PKCS7_free(p7);
    ERR_clear_error();
    return rc;
}

static devid_rc request_body(const struct est_tpmenroll *request, struct devid_bytes *out, struct devid_error *err)
{
    struct devid_bytes certs = {0};
    devid_rc rc = certs_only(request->ek_certs, &certs, err);

    if (rc == DEVID_OK)
        rc = multipart_add(out, "application/pkcs10", request->csr, err);
    if (rc == DEVID_OK)
        rc = multipart_add(out, "application/pkcs7-mime; smime-type=certs-only", devid_slice_of(certs), err);
    if (rc == DEVID_OK)
        rc = multipart_add(out, "application/octet-stream", request->ek_area, err);
    if (rc == DEVID_OK)
        rc = multipart_add(out, "application/octet-stream", request->key_area, err);
    if (rc == DEVID_OK)
        rc = multipart_end(out, err);
    devid_bytes_free(&certs);
    return rc;
}

static devid_rc open_certificate(const struct est_tpmenroll *request, const struct multipart *m, STACK_OF(X509) **certs,
                                 struct devid_error *err)
{
    struct devid_secret credential = {0};
    struct devid_bytes plain = {0};
    const unsigned char *at;
    devid_rc rc;

    if (m->n != PARTS)
        return devid_fail(err, DEVID_E_DATA, "it has %zu parts, and %d are expected", m->n, PARTS);
    rc = request->activate(request->user, devid_slice_of(m->parts[0].content), devid_slice_of(m->parts[1].content),
                           &credential, err);
    if (rc == DEVID_OK) {
        rc = cms_decrypt(devid_slice_of(m->parts[2].content), (struct devid_slice){credential.data, credential.len}, &plain, err);
        if (rc != DEVID_OK)
            rc = devid_error_in(err, rc, "the encrypted certificate");
    }
    at = plain.data;
    if (rc == DEVID_OK && ((*certs = sk_X509_new_null()) == NULL || !push_cert(*certs, &at, plain.len) ||
                           at != plain.data + plain.len))
        rc = ossl_fail(err, DEVID_E_DATA, "what was encrypted is no certificate");
    devid_secret_free(&credential);
    devid_bytes_free(&plain);
    return rc;
}

static devid_rc read_reply(const struct talk *talk, const struct est_tpmenroll *request, const struct http_reply *reply,
                           STACK_OF(X509) **certs, struct devid_error *err)
{
    struct multipart m = {0};
    devid_rc rc = failure_of_status(talk->server, http_name(talk->http), "tpmenroll", reply, err);

    if (rc != DEVID_OK)
        return rc;
    rc = multipart_read(reply->type, devid_slice_of(reply->body), &m, err);
    if (rc == DEVID_OK)
        rc = open_certificate(request, &m, certs, err);
    multipart_free(&m);
    return rc == DEVID_OK ? rc : devid_error_in(err, rc, http_name(talk->http));
}

devid_rc est_tpmenroll(const struct est_server *server, const struct est_tpmenroll *request, struct est_reply *reply,
                       struct devid_error *err)
{
    STACK_OF(X509) *certs = NULL;
    struct http_reply answer = {0};
    struct devid_bytes body = {0};
    struct est_reply got = {0};
    struct talk talk = {0};
    devid_rc rc = request_body(request, &body, err);

    if (rc == DEVID_OK)
        rc = talk_begin(server, HTTP_VERIFIED, &talk, &got, err);
    if (rc == DEVID_OK) {
        http_post_type(talk.http, "multipart/mixed; boundary=" MULTIPART_BOUNDARY);
        rc = http_exchange(talk.http, "tpmenroll", devid_slice_of(body), &answer, err);
        got.retry_after_s = answer.retry_after_s;
        got.asks_later = rc == DEVID_OK && failure_is_later(answer.status);
        got.status = answer.status;
    }
    if (rc == DEVID_OK)
        rc = read_reply(&talk, request, &answer, &certs, err);
    if (rc == DEVID_OK)
        rc = enroll_accept(&talk, certs, request->csr, request->spki, &got, err);
    *reply = got;
    http_reply_free(&answer);
    message_certs_free(certs);
    devid_bytes_free(&body);
    talk_end(&talk);
    return failure_told(server, rc, err);
}
