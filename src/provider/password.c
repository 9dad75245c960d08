/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What opens a key: the PIN of its token, or an auth value of its own. From openssl.cnf (auth = SOURCE) if it is said there, else from
 * the program's own question for a password. Asked when a key is read, as for an encrypted file.
 */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#include "core/login.h"
#include "core/uri.h"
#include "provider/provider.h"

#define PASSWORD_MAX 1024

devid_rc provider_password(struct provider *p, OSSL_PASSPHRASE_CALLBACK *ask, void *arg, struct devid_secret *out,
                           struct devid_error *err)
{
    char text[PASSWORD_MAX];
    size_t len = 0;
    devid_rc rc;
    int ok;

    if (p->auth_path != NULL)
        return devid_secret_read(p->auth_path, out, err);
    if (ask == NULL)
        return devid_fail(err, DEVID_E_AUTH, "the key has a password, and the program does not ask for it: name a file with it "
                                             "(auth = in openssl.cnf)");
    ERR_set_mark();
    ok = ask(text, sizeof text, &len, NULL, arg);
    ERR_pop_to_mark();
    rc = ok == 1 && len <= sizeof text
             ? devid_secret_copy((struct devid_slice){(unsigned char *)text, len}, out, err)
             : devid_fail(err, DEVID_E_AUTH, "the key has a password, and none was given: pass it to the program, or name a "
                                             "file with it (auth = in openssl.cnf)");
    OPENSSL_cleanse(text, sizeof text);
    return rc;
}

devid_rc provider_log_in(struct provider *p, const struct devid_identity *identity, struct devid_slice pin,
                         OSSL_PASSPHRASE_CALLBACK *ask, void *arg, struct devid_error *err)
{
    struct devid_store *store = NULL;
    struct devid_secret secret = {0};
    devid_rc rc;

    if (identity->parent != DEVID_PARENT_PIN || identity->key_place != DEVID_PLACE_BLOB)
        return DEVID_OK;
    rc = provider_store(p, &store, err);
    if (rc != DEVID_OK || devid_is_logged_in(store, identity->token, DEVID_USER))
        return rc;
    if (pin.len == 0 && p->auth_path == NULL && ask == NULL)
        return DEVID_OK; /* a signature will say it */
    if (pin.len == 0)
        rc = provider_password(p, ask, arg, &secret, err);
    if (rc == DEVID_OK)
        rc = devid_login(store, identity->token, DEVID_USER,
                         pin.len != 0 ? pin : (struct devid_slice){secret.data, secret.len}, err);
    devid_secret_free(&secret);
    return rc;
}

/* A reference has the public half, so that its identity need not have been looked for yet. */
static devid_rc log_in_by_uri(struct pkey *pk, OSSL_PASSPHRASE_CALLBACK *ask, void *arg, struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;
    struct devid_store *store = NULL;
    struct devid_uri uri = {0};
    devid_rc rc = DEVID_OK;

    /* What is wrong with the configuration, or that the key is not there, is told of at its first use. */
    if (devid_uri_parse((const char *)pk->where.data, &uri, NULL) == DEVID_OK &&
        provider_store(pk->prov, &store, NULL) == DEVID_OK && devid_store_known(store, &snap, NULL) == DEVID_OK)
        (void)devid_snapshot_find(snap, &uri.query, &identity, NULL);
    if (identity != NULL)
        rc = provider_log_in(pk->prov, identity, (struct devid_slice){uri.pin.data, uri.pin.len}, ask, arg, err);
    devid_snapshot_free(snap);
    devid_uri_free(&uri);
    return rc;
}

devid_rc pkey_unlock(struct pkey *pk, OSSL_PASSPHRASE_CALLBACK *ask, void *arg, struct devid_error *err)
{
    devid_rc rc = pk->place == PKEY_URI ? log_in_by_uri(pk, ask, arg, err) : DEVID_OK;

    if (rc != DEVID_OK || !pk->has_auth || pk->auth.len != 0)
        return rc;
    rc = provider_password(pk->prov, ask, arg, &pk->auth, err);
    return rc == DEVID_E_AUTH ? DEVID_OK : rc; /* who has nothing to say finds out with the first signature */
}
