/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys to files (provider-encoder(7)). A private key in the TPM becomes what a program can open again: a key reference, or
 * the TSS2 PRIVATE KEY that it came from. Public halves are the default provider's to write; software
 * keys that passed through us are handed to its encoders, passphrase and all; and so are public halves of EC keys, whose point's form gets lost
 * where libcrypto hands them on (openssl ec -conv_form).
 */
#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <string.h>

#include "core/keyfile.h"
#include "core/ref.h"
#include "core/uri.h"
#include "provider/keymgmt.h"

#define CIPHER_MAX 64 /* bytes of a cipher's name */

struct format {
    const char *output, *structure; /* libcrypto's names; structure NULL: text has none */
};

struct encoding {
    struct provider *prov;
    const struct format *format;
    char cipher[CIPHER_MAX]; /* of a software key; empty: none */
    bool is_encrypted;
};

static void *encoding_new(struct provider *p, const struct format *format)
{
    struct encoding *e = OPENSSL_zalloc(sizeof *e);

    if (e == NULL)
        return NULL;
    e->prov = provider_hold(p);
    e->format = format;
    return e;
}

static void encoding_free(void *ctx)
{
    struct encoding *e = ctx;

    if (e == NULL)
        return;
    provider_free(e->prov);
    OPENSSL_free(e);
}

static const OSSL_PARAM *encoding_settable(void *provctx)
{
    static const OSSL_PARAM known[] = {OSSL_PARAM_utf8_string(OSSL_ENCODER_PARAM_CIPHER, NULL, 0), OSSL_PARAM_END};

    (void)provctx;
    return known;
}

static int encoding_set(void *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *at = OSSL_PARAM_locate_const(params, OSSL_ENCODER_PARAM_CIPHER);
    struct encoding *e = ctx;
    const char *name = NULL;

    if (at == NULL)
        return 1;
    if (!OSSL_PARAM_get_utf8_string_ptr(at, &name))
        return 0;
    e->is_encrypted = name != NULL && *name != '\0';
    if (e->is_encrypted && strlen(name) >= sizeof e->cipher)
        return 0;
    (void)OPENSSL_strlcpy(e->cipher, e->is_encrypted ? name : "", sizeof e->cipher);
    return 1;
}

/* Another public half is the default provider's: keymgmt_export gives it. */
static int selects_private(void *provctx, int selection)
{
    (void)provctx;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

static int selects_public(void *provctx, int selection)
{
    (void)provctx;
    return (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
}

static devid_rc write_all(struct provider *p, OSSL_CORE_BIO *out, struct devid_slice bytes, struct devid_error *err)
{
    size_t n = 0;

    if (p->bio_write_ex(out, bytes.data, bytes.len, &n) != 1 || n != bytes.len)
        return devid_fail(err, DEVID_E_FILE, "the key could not be written");
    return DEVID_OK;
}

/* What the default provider makes of a key: selection and structure as it knows them. */
static devid_rc software_encode(const struct encoding *e, EVP_PKEY *soft, int selection, const char *structure,
                                OSSL_CORE_BIO *out, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg, struct devid_error *err)
{
    OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(soft, selection, e->format->output, structure, NULL);
    unsigned char *data = NULL;
    size_t len = 0;
    devid_rc rc = DEVID_OK;

    if (ctx == NULL || (e->is_encrypted && (OSSL_ENCODER_CTX_set_cipher(ctx, e->cipher, NULL) != 1 ||
                                            OSSL_ENCODER_CTX_set_passphrase_cb(ctx, ask, ask_arg) != 1)) ||
        OSSL_ENCODER_to_data(ctx, &data, &len) != 1)
        rc = devid_fail(err, DEVID_E_KEY, "OpenSSL's default provider has no such form of this key");
    if (rc == DEVID_OK)
        rc = write_all(e->prov, out, (struct devid_slice){data, len}, err);
    OPENSSL_clear_free(data, len);
    OSSL_ENCODER_CTX_free(ctx);
    return rc;
}

static struct devid_slice uri_of(const struct pkey *pk)
{
    return (struct devid_slice){pk->where.data, devid_uri_shown((const char *)pk->where.data)};
}

/*
 * For a reference, whatever form a program wants for public keys: one with the curve spelt out would not be read again. 0 if memory is
 * short.
 */
static int spki_of(const struct pkey *pk, unsigned char **spki)
{
    EVP_PKEY *plain = EVP_PKEY_dup(pk->soft);
    int len = 0;

    if (plain != NULL &&
        (pk->alg == DEVID_RSA ||
         (EVP_PKEY_set_utf8_string_param(plain, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP) == 1 &&
          EVP_PKEY_set_utf8_string_param(plain, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                         OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) == 1)))
        len = i2d_PUBKEY(plain, spki);
    EVP_PKEY_free(plain);
    return len < 0 ? 0 : len;
}

/* The DER that names the private half, and its label. */
static devid_rc der_of(const struct pkey *pk, struct devid_bytes *der, const char **label, struct devid_error *err)
{
    struct devid_ref ref = {0};
    unsigned char *spki = NULL;
    int len;
    devid_rc rc;

    if (pk->place == PKEY_FILE) {
        *label = DEVID_KEYFILE_LABEL;
        return devid_bytes_copy(devid_slice_of(pk->where), der, err);
    }
    *label = DEVID_REF_LABEL;
    len = spki_of(pk, &spki);
    if (len == 0)
        return devid_fail(err, DEVID_E_MEM, "the public half could not be encoded");
    rc = devid_bytes_copy(uri_of(pk), &ref.uri, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy((struct devid_slice){spki, (size_t)len}, &ref.spki, err);
    if (rc == DEVID_OK)
        rc = devid_ref_write_der(&ref, der, err);
    devid_ref_free(&ref);
    OPENSSL_free(spki);
    return rc;
}

static devid_rc text_encode(const struct encoding *e, const struct pkey *pk, OSSL_CORE_BIO *out, struct devid_error *err)
{
    struct devid_slice where = devid_slice_text("wrapped, in a file");
    devid_rc rc = write_all(e->prov, out, devid_slice_text("Private-Key in the TPM: "), err);

    if (pk->place == PKEY_URI)
        where = uri_of(pk);
    if (rc == DEVID_OK)
        rc = write_all(e->prov, out, where, err);
    if (rc == DEVID_OK)
        rc = write_all(e->prov, out, devid_slice_text("\n"), err);
    if (rc == DEVID_OK)
        rc = software_encode(e, pk->soft, OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, NULL, out,
                             NULL, NULL, err);
    return rc;
}

/* A key that was made for this file stays in its token: nobody would know of it. */
static devid_rc refuse_cipher(const struct pkey *pk, const char *cipher, struct devid_error *err)
{
    static const char words[] = "the private key is in the TPM and the file has no secret: write it without";
    const char *name = (const char *)pk->made.data;

    if (name == NULL)
        return devid_fail(err, DEVID_E_KEY, "%s %s", words, cipher);
    return devid_fail(err, DEVID_E_KEY, "%s %s (openssl req: -nodes); the new key is kept: \"devid ref %s\" writes its file, \"devid delete %s\" "
                      "removes it", words, cipher, name, name);
}

/*
 * libcrypto wants that form to make a PKCS #8 or PKCS #12 file of it, and could not read what we have instead. Who just writes a key as
 * DER asks for that of its type first.
 */
static bool is_bare_pkcs8(const struct format *format)
{
    return strcmp(format->output, "DER") == 0 && strcmp(format->structure, "PrivateKeyInfo") == 0;
}

static devid_rc tpm_encode(const struct encoding *e, const struct pkey *pk, OSSL_CORE_BIO *out, struct devid_error *err)
{
    struct devid_bytes der = {0}, pem = {0};
    const char *label = NULL;
    devid_rc rc;

    if (e->format->structure == NULL)
        return text_encode(e, pk, out, err);
    if (is_bare_pkcs8(e->format))
        return devid_fail(err, DEVID_E_KEY, "PKCS #8 and PKCS #12 hold the private key, and this one never leaves the TPM: programs are given its "
                          "reference in place of a key file (\"openssl pkey\" writes it, with -outform DER too)");
    if (e->is_encrypted)
        return refuse_cipher(pk, e->cipher, err);
    rc = der_of(pk, &der, &label, err);
    if (rc == DEVID_OK && strcmp(e->format->output, "PEM") == 0)
        rc = devid_pem_append(&pem, label, devid_slice_of(der), err);
    if (rc == DEVID_OK)
        rc = write_all(e->prov, out, devid_slice_of(pem.len != 0 ? pem : der), err);
    devid_bytes_free(&der);
    devid_bytes_free(&pem);
    return rc;
}

static int encode(void *ctx, OSSL_CORE_BIO *out, const void *object, const OSSL_PARAM abstract[], int selection,
                  OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    const struct encoding *e = ctx;
    const struct pkey *pk = object;
    struct devid_error err = {0};
    devid_rc rc;

    if (pk == NULL || pk->soft == NULL || abstract != NULL)
        rc = devid_fail(&err, DEVID_E_KEY, "there is no key to write");
    else if (pk->place == PKEY_SOFTWARE || selects_public(NULL, selection))
        rc = software_encode(e, pk->soft, selection, e->format->structure, out, ask, ask_arg, &err);
    else
        rc = tpm_encode(e, pk, out, &err);
    return rc == DEVID_OK ? 1 : RAISE(e->prov, rc, &err);
}

/* provider-encoder(7) hands no name of the encoder to its functions: one table each. */
#define ENCODER(name, output, structure, selects)                                 \
    static void *name##_new(void *provctx)                                        \
    {                                                                             \
        static const struct format format = {output, structure};                  \
        return encoding_new(provctx, &format);                                    \
    }                                                                             \
    static const OSSL_DISPATCH name[] = {                                         \
        ENTRY(OSSL_FUNC_ENCODER_NEWCTX, name##_new),                              \
        ENTRY(OSSL_FUNC_ENCODER_FREECTX, encoding_free),                          \
        ENTRY(OSSL_FUNC_ENCODER_SETTABLE_CTX_PARAMS, encoding_settable),          \
        ENTRY(OSSL_FUNC_ENCODER_SET_CTX_PARAMS, encoding_set),                    \
        ENTRY(OSSL_FUNC_ENCODER_DOES_SELECTION, selects),                         \
        ENTRY(OSSL_FUNC_ENCODER_ENCODE, encode),                                  \
        {0, NULL},                                                                \
    }

ENCODER(to_pem, "PEM", "PrivateKeyInfo", selects_private);
ENCODER(to_der, "DER", "PrivateKeyInfo", selects_private);
ENCODER(to_pem_own, "PEM", "type-specific", selects_private);
ENCODER(to_der_own, "DER", "type-specific", selects_private);
ENCODER(to_public_pem, "PEM", "SubjectPublicKeyInfo", selects_public);
ENCODER(to_public_der, "DER", "SubjectPublicKeyInfo", selects_public);
ENCODER(to_text, "TEXT", NULL, selects_private);

#define ROWS(names)                                                                                                  \
    {names, PROVIDER_PROPERTY ",output=pem,structure=PrivateKeyInfo", to_pem, "key reference, PEM"},                 \
        {names, PROVIDER_PROPERTY ",output=der,structure=PrivateKeyInfo", to_der, "key reference, DER"},             \
        {names, PROVIDER_PROPERTY ",output=pem,structure=type-specific", to_pem_own, "key reference, PEM"},          \
        {names, PROVIDER_PROPERTY ",output=der,structure=type-specific", to_der_own, "key reference, DER"},          \
        {names, PROVIDER_PROPERTY ",output=text", to_text, "where the key is"}

const OSSL_ALGORITHM provider_encoders[] = {
    ROWS(KEYMGMT_EC_NAMES),
    {KEYMGMT_EC_NAMES, PROVIDER_PROPERTY ",output=pem,structure=SubjectPublicKeyInfo", to_public_pem, "EC public key, PEM"},
    {KEYMGMT_EC_NAMES, PROVIDER_PROPERTY ",output=der,structure=SubjectPublicKeyInfo", to_public_der, "EC public key, DER"},
    ROWS(KEYMGMT_RSA_NAMES),
    ROWS(KEYMGMT_RSA_PSS_NAMES),
    {NULL, NULL, NULL, NULL},
};
