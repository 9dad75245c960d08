/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a key in the TPM (provider-keymgmt(7), "Key Generation Functions"). Only who says so gets one: what else a program makes,
 * ephemeral keys of TLS above all, is software's, whatever provider it was asked of, and no property query can tell the two
 * apart. See devid-provider(7) for what may be said.
 */
#include "provider/wish.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <string.h>

#include "core/keyfile.h"
#include "core/login.h"
#include "core/make.h"
#include "core/uri.h"

const OSSL_PARAM wish_params[] = {
    OSSL_PARAM_utf8_string(WISH_PLACE, NULL, 0),
    OSSL_PARAM_uint32(WISH_PARENT, NULL),
    OSSL_PARAM_utf8_string(WISH_PASSWORD, NULL, 0),
    OSSL_PARAM_END,
};

void wish_free(struct wish *w)
{
    devid_bytes_free(&w->label);
    devid_bytes_free(&w->token);
    devid_secret_free(&w->password);
    *w = (struct wish){0};
}

static devid_rc take_use(struct devid_slice value, struct wish *w, struct devid_error *err)
{
    if (devid_slice_eq(value, devid_slice_text("sign")))
        w->use = WISH_SIGN;
    else if (devid_slice_eq(value, devid_slice_text("derive")))
        w->use = WISH_DERIVE;
    else if (devid_slice_eq(value, devid_slice_text("both")))
        w->use = WISH_BOTH;
    else
        return devid_fail(err, DEVID_E_ARG, "devid:use=%.*s: sign, derive or both is expected", (int)value.len, value.data);
    return DEVID_OK;
}

/* "wrapped", or fields of "label=NAME;token=NAME;use=..." */
static devid_rc take_field(struct devid_slice field, struct wish *w, struct devid_error *err)
{
    static const char label[] = "label=", token[] = "token=", use[] = "use=";
    const char *text = (const char *)field.data;

    if (devid_slice_eq(field, devid_slice_text("wrapped")))
        return DEVID_OK;
    if (field.len > sizeof label - 1 && memcmp(text, label, sizeof label - 1) == 0) {
        devid_bytes_free(&w->label);
        return devid_bytes_copy((struct devid_slice){field.data + sizeof label - 1, field.len - sizeof label + 1}, &w->label, err);
    }
    if (field.len > sizeof token - 1 && memcmp(text, token, sizeof token - 1) == 0) {
        devid_bytes_free(&w->token);
        return devid_bytes_copy((struct devid_slice){field.data + sizeof token - 1, field.len - sizeof token + 1}, &w->token, err);
    }
    if (field.len > sizeof use - 1 && memcmp(text, use, sizeof use - 1) == 0)
        return take_use((struct devid_slice){field.data + sizeof use - 1, field.len - sizeof use + 1}, w, err);
    return devid_fail(err, DEVID_E_ARG, "devid:%.*s: wrapped, label=NAME, token=NAME and use=sign|derive|both may be said",
                      (int)field.len, text);
}

static devid_rc take_place(const OSSL_PARAM *p, struct wish *w, struct devid_error *err)
{
    const char *text = NULL;
    devid_rc rc = DEVID_OK;

    if (OSSL_PARAM_get_utf8_string_ptr(p, &text) != 1 || text == NULL)
        return devid_fail(err, DEVID_E_ARG, "\"" WISH_PLACE "\" is a text");
    for (size_t len; rc == DEVID_OK && *text != 0; text += len + (text[len] == ';')) {
        len = strcspn(text, ";");
        rc = take_field((struct devid_slice){(const unsigned char *)text, len}, w, err);
    }
    w->is_said = true;
    return rc;
}

static devid_rc take_password(const OSSL_PARAM *p, struct wish *w, struct devid_error *err)
{
    const char *text = NULL;

    if (OSSL_PARAM_get_utf8_string_ptr(p, &text) != 1 || text == NULL)
        return devid_fail(err, DEVID_E_ARG, "\"" WISH_PASSWORD "\" is a text");
    devid_secret_free(&w->password);
    w->is_said = true;
    return devid_secret_copy(devid_slice_text(text), &w->password, err);
}

/* The names that libcrypto has for the curves of a TPM. */
static unsigned bits_of_group(const char *name)
{
    static const struct {
        const char *name;
        unsigned bits;
    } groups[] = {
        {"P-256", 256}, {"prime256v1", 256}, {"secp256r1", 256}, {"P-384", 384},
        {"secp384r1", 384}, {"P-521", 521}, {"secp521r1", 521},
    };

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (OPENSSL_strcasecmp(groups[i].name, name) == 0)
            return groups[i].bits;
    return 0;
}

static devid_rc take_group(const OSSL_PARAM *p, struct wish *w, struct devid_error *err)
{
    const char *name = NULL;

    if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1 || name == NULL)
        return devid_fail(err, DEVID_E_ARG, "the group's name is a text");
    w->bits = bits_of_group(name);
    w->has_odd_group = w->bits == 0;
    return DEVID_OK;
}

static devid_rc take_exponent(const OSSL_PARAM *p, struct wish *w)
{
    BIGNUM *e = NULL;

    w->has_odd_exponent = OSSL_PARAM_get_BN(p, &e) != 1 || !BN_is_word(e, 65537);
    BN_free(e);
    return DEVID_OK;
}

static enum devid_hash hash_named(const char *name)
{
    EVP_MD *md = EVP_MD_fetch(devid_libctx(), name, NULL);
    enum devid_hash found = DEVID_HASH_END;

    for (int hash = DEVID_HASH_NONE + 1; md != NULL && hash < DEVID_HASH_END; hash++)
        if (devid_hash_is_tpm((enum devid_hash)hash) && EVP_MD_is_a(md, devid_hash_name((enum devid_hash)hash)))
            found = (enum devid_hash)hash;
    EVP_MD_free(md);
    return found;
}

/* rsa_pss_keygen_md, rsa_pss_keygen_mgf1_md, rsa_pss_keygen_saltlen. DEVID_HASH_END: a digest that no TPM has. */
static devid_rc take_pss(const OSSL_PARAM *p, struct wish *w, struct devid_error *err)
{
    bool is_mgf = strcmp(p->key, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST) == 0;
    const char *name = NULL;

    if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN) == 0 && OSSL_PARAM_get_int(p, &w->salt_len) != 1)
        return devid_fail(err, DEVID_E_ARG, "the salt's length is a number");
    if (!is_mgf && strcmp(p->key, OSSL_PKEY_PARAM_RSA_DIGEST) != 0)
        return DEVID_OK;
    if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1 || name == NULL)
        return devid_fail(err, DEVID_E_ARG, "the digest's name is a text");
    *(is_mgf ? &w->mgf : &w->hash) = hash_named(name);
    return DEVID_OK;
}

devid_rc wish_take(const OSSL_PARAM params[], struct wish *w, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;
    size_t number;

    for (const OSSL_PARAM *p = params; rc == DEVID_OK && p->key != NULL; p++) {
        if (strcmp(p->key, WISH_PLACE) == 0) {
            rc = take_place(p, w, err);
        } else if (strcmp(p->key, WISH_PASSWORD) == 0) {
            rc = take_password(p, w, err);
        } else if (strcmp(p->key, WISH_PARENT) == 0) {
            w->is_said = true;
            if (OSSL_PARAM_get_uint32(p, &w->parent) != 1)
                rc = devid_fail(err, DEVID_E_ARG, "\"" WISH_PARENT "\" is a handle, 0x81000001, or a hierarchy, 0x40000001");
        } else if (strcmp(p->key, OSSL_PKEY_PARAM_GROUP_NAME) == 0) {
            rc = take_group(p, w, err);
        } else if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_BITS) == 0) {
            w->bits = OSSL_PARAM_get_size_t(p, &number) == 1 && number <= 16384 ? (unsigned)number : 1;
        } else if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_PRIMES) == 0) {
            w->has_odd_primes = OSSL_PARAM_get_size_t(p, &number) != 1 || number != 2;
        } else if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_E) == 0) {
            rc = take_exponent(p, w);
        } else {
            rc = take_pss(p, w, err);
        }
    }
    return rc;
}

bool wish_is_ours(const char *key)
{
    for (const OSSL_PARAM *p = wish_params; p->key != NULL; p++)
        if (strcmp(p->key, key) == 0)
            return true;
    return false;
}

/* The owner's, or another that is there. */
static bool has_token(struct devid_store *store, struct devid_snapshot *snap, const char *token)
{
    const struct devid_identity *any = NULL;

    return strcmp(token, devid_store_conf(store)->owner_token) == 0 || devid_snapshot_has_pin(snap, token, NULL) ||
           devid_snapshot_find(snap, &(struct devid_query){.token = token}, &any, NULL) == DEVID_OK;
}

/* A new name in the store: no key is replaced, and what devid.conf names is made by its command. */
static devid_rc check_name(struct devid_store *store, const char *token, const char *label, struct devid_error *err)
{
    const struct devid_query query = {.token = token, .label = label};
    const struct devid_identity *there = NULL;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = devid_store_known(store, &snap, err);

    if (rc == DEVID_OK && devid_token_is_manufacturers(token))
        rc = devid_fail(err, DEVID_E_DENIED, "the keys of token \"%s\" are its manufacturer's to make", token);
    else if (rc == DEVID_OK && !has_token(store, snap, token))
        rc = devid_fail(err, DEVID_E_ABSENT, "there is no token \"%s\": leave out token=, or make it first", token);
    if (rc == DEVID_OK && devid_conf_find(devid_store_conf(store), label) != NULL)
        rc = devid_fail(err, DEVID_E_DENIED, "%s is an identity of %s: \"devid provision\" makes its key", label,
                        devid_store_conf(store)->path);
    if (rc == DEVID_OK && devid_snapshot_find(snap, &query, &there, NULL) == DEVID_OK)
        rc = devid_fail(err, DEVID_E_EXISTS, "token \"%s\" has a key named %s: choose another name, or take that key (\"devid ref %s\" writes its "
                        "file), or remove it (\"devid delete %s\")", token, label, label, label);
    devid_snapshot_free(snap);
    return rc;
}

static devid_rc log_in(struct provider *p, const char *token, struct devid_error *err)
{
    const struct devid_identity identity = {.token = token, .parent = DEVID_PARENT_PIN, .key_place = DEVID_PLACE_BLOB};
    struct devid_snapshot *snap = NULL;
    struct devid_store *store = NULL;
    devid_rc rc = provider_store(p, &store, err);

    if (rc == DEVID_OK)
        rc = devid_store_known(store, &snap, err);
    if (rc != DEVID_OK || !devid_snapshot_has_pin(snap, token, NULL))
        goto out;
    rc = provider_log_in(p, &identity, (struct devid_slice){0}, NULL, NULL, err);
    if (rc == DEVID_OK && !devid_is_logged_in(store, token, DEVID_USER))
        rc = devid_fail(err, DEVID_E_AUTH, "token \"%s\" has a PIN: name a file with it (auth = in openssl.cnf)", token);
out:
    devid_snapshot_free(snap);
    return rc;
}

static devid_rc to_identity(struct provider *p, struct devid_store *store, const struct devid_wanted *wanted, const char *label,
                            const struct devid_made *made, struct pkey **out, struct devid_error *err)
{
    struct devid_identity identity = {
        .token = wanted->token, .label = label, .role = DEVID_ROLE_CLIENT, .pub = made->pub, .key_place = DEVID_PLACE_BLOB,
        .parent = made->parent, .blob = devid_slice_of(made->blob), .cert_place = DEVID_PLACE_FILE,
    };
    struct devid_bytes name = {0}, uri = {0};
    devid_rc rc = devid_store_add(store, &identity, &name, err);

    if (rc == DEVID_OK) {
        identity.label = (const char *)name.data;
        rc = devid_uri_of(&identity, &uri, err);
    }
    if (rc == DEVID_OK)
        rc = pkey_of_uri(p, (const char *)uri.data, out, err);
    if (rc == DEVID_OK) {
        (*out)->made = name;
        name = (struct devid_bytes){0};
    }
    devid_bytes_free(&name);
    devid_bytes_free(&uri);
    return rc;
}

static devid_rc to_file(struct provider *p, const struct wish *w, const struct devid_made *made, struct pkey **out,
                        struct devid_error *err)
{
    const struct devid_keyfile file = {
        .area = made->pub.area, .blob = made->blob, .parent = made->parent, .is_empty_auth = w->password.len == 0};
    struct devid_bytes der = {0};
    devid_rc rc = devid_keyfile_write(&file, &der, err);

    if (rc == DEVID_OK)
        rc = pkey_of_file(p, devid_slice_of(der), out, err);
    if (rc == DEVID_OK && w->password.len != 0)
        rc = devid_secret_copy((struct devid_slice){w->password.data, w->password.len}, &(*out)->auth, err);
    devid_bytes_free(&der);
    return rc;
}

/* A TPM's key has one hash for all, SHA-256 if none is said, and salts of its length. */
static devid_rc check_pss(const struct wish *w, struct devid_error *err)
{
    enum devid_hash hash = w->hash != DEVID_HASH_NONE ? w->hash : DEVID_SHA256;

    if (hash == DEVID_HASH_END)
        return devid_fail(err, DEVID_E_KEY, "a TPM makes PSS with SHA-1, SHA-256, SHA-384 or SHA-512");
    if (w->mgf != DEVID_HASH_NONE && w->mgf != hash)
        return devid_fail(err, DEVID_E_KEY, "a TPM's PSS has one digest for both: leave out rsa_pss_keygen_mgf1_md");
    if (w->salt_len != 0 && (size_t)w->salt_len != devid_hash_len(hash))
        return devid_fail(err, DEVID_E_KEY, "a TPM makes salts as long as the digest: leave out rsa_pss_keygen_saltlen, or say %zu",
                          devid_hash_len(hash));
    return DEVID_OK;
}

static devid_rc check(enum pkey_type type, const struct wish *w, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    if (type == PKEY_EC && (w->has_odd_group || w->bits == 0))
        return devid_fail(err, DEVID_E_KEY, "a TPM has the groups P-256, P-384 and perhaps P-521: name one of them");
    if (w->has_odd_exponent)
        return devid_fail(err, DEVID_E_KEY, "a TPM makes RSA keys with the exponent 65537 only");
    if (w->has_odd_primes)
        return devid_fail(err, DEVID_E_KEY, "a TPM makes RSA keys of two primes only: leave out rsa_keygen_primes");
    if (type == PKEY_RSA_PSS)
        rc = check_pss(w, err);
    if (rc != DEVID_OK)
        return rc;
    if (w->label.len != 0 && (w->parent != 0 || w->password.len != 0))
        return devid_fail(err, DEVID_E_ARG, "a key in a token has its token's parent and PIN: leave out parent and password");
    if (w->label.len == 0 && w->token.len != 0)
        return devid_fail(err, DEVID_E_ARG, "a key in a token has a name: say devid:token=...;label=NAME");
    return DEVID_OK;
}

devid_rc wish_fulfil(struct provider *p, enum pkey_type type, const struct wish *w, struct pkey **out, struct devid_error *err)
{
    struct devid_wanted wanted = {
        .alg = type == PKEY_EC ? DEVID_EC : DEVID_RSA, .bits = w->bits != 0 ? w->bits : 2048,
        .signs = type == PKEY_RSA_PSS || w->use != WISH_DERIVE, .decrypts = type == PKEY_RSA || (type == PKEY_EC && w->use != WISH_SIGN),
        .pss_hash = type != PKEY_RSA_PSS ? DEVID_HASH_NONE : w->hash != DEVID_HASH_NONE ? w->hash : DEVID_SHA256, .parent = w->parent,
        .auth = {w->password.data, w->password.len},
    };
    const char *label = (const char *)w->label.data;
    struct devid_store *store = NULL;
    struct devid_made made = {0};
    devid_rc rc = check(type, w, err);

    if (rc == DEVID_OK)
        rc = provider_store(p, &store, err);
    if (rc == DEVID_OK && label != NULL) {
        wanted.token = w->token.len != 0 ? (const char *)w->token.data : devid_store_conf(store)->owner_token;
        rc = check_name(store, wanted.token, label, err);
    }
    if (rc == DEVID_OK && label != NULL)
        rc = log_in(p, wanted.token, err);
    if (rc == DEVID_OK)
        rc = devid_make_key(store, &wanted, &made, err);
    if (rc == DEVID_OK && label != NULL)
        rc = to_identity(p, store, &wanted, label, &made, out, err);
    else if (rc == DEVID_OK)
        rc = to_file(p, w, &made, out, err);
    devid_made_free(&made);
    return rc;
}
