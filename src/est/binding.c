/* SPDX-License-Identifier: BSD-2-Clause */
/* tls-unique: RFC 5929 section 3; tls-exporter: RFC 9266. */
#include "est/binding.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

static const char label[] = "EXPORTER-Channel-Binding";

void binding_note(struct binding *b, SSL *ssl)
{
    *b = (struct binding){.version = SSL_version(ssl), .is_resumed = SSL_session_reused(ssl) == 1};
    b->has_ems = b->version >= TLS1_3_VERSION || SSL_get_extms_support(ssl) == 1;
    if (b->version < TLS1_3_VERSION) /* the first to say "finished" is the client, and when resuming the server */
        b->unique_len = b->is_resumed ? SSL_get_peer_finished(ssl, b->unique, sizeof b->unique)
                                      : SSL_get_finished(ssl, b->unique, sizeof b->unique);
    if (b->unique_len > sizeof b->unique)
        b->unique_len = 0;
    b->has_exporter = SSL_export_keying_material(ssl, b->exporter, sizeof b->exporter, label, sizeof label - 1,
                                                 (const unsigned char *)"", 0, 1) == 1;
    ERR_clear_error();
}

bool binding_same(const struct binding *a, const struct binding *b)
{
    return a->version == b->version && a->has_exporter && b->has_exporter &&
           memcmp(a->exporter, b->exporter, sizeof a->exporter) == 0;
}

static void base64(const unsigned char *data, size_t len, char text[BINDING_TEXT_MAX])
{
    _Static_assert((64 + 2) / 3 * 4 < BINDING_TEXT_MAX, "the longest fits");
    (void)EVP_EncodeBlock((unsigned char *)text, data, (int)len);
}

devid_rc binding_unique(const struct binding *b, char text[BINDING_TEXT_MAX], struct devid_error *err)
{
    if (b->unique_len == 0)
        return devid_fail(err, DEVID_E_DENIED, "there is no tls-unique in this version of TLS: the server must speak TLS 1.2");
    if (b->is_resumed && !b->has_ems) /* RFC 7627 section 1 */
        return devid_fail(err, DEVID_E_DENIED, "tls-unique proves nothing on a resumed session without extended master secret");
    base64(b->unique, b->unique_len, text);
    return DEVID_OK;
}

devid_rc binding_exporter(const struct binding *b, char text[BINDING_TEXT_MAX], struct devid_error *err)
{
    if (!b->has_exporter || !b->has_ems) /* RFC 9266 section 4.2 */
        return devid_fail(err, DEVID_E_DENIED, "tls-exporter needs TLS 1.3, or TLS 1.2 with extended master secret");
    base64(b->exporter, sizeof b->exporter, text);
    return DEVID_OK;
}
