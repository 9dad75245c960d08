/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files (provider-decoder(7)): PEM of our labels to DER, DER to a key. libcrypto shows every decoder every file, so
 * to all that is foreign the answer is "nothing here, go on": 1, and nothing in the error queue.
 */
#include <errno.h> /* program_invocation_short_name */
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "core/keyfile.h"
#include "core/ref.h"
#include "provider/keymgmt.h"

#define LINE_MAX_LEN 1024
#define REF_STRUCTURE "devid-key-reference"
#define FILE_STRUCTURE "tss2-private-key"

static const struct format {
    const char *label, *structure;
    devid_rc (*pkey_of)(struct provider *p, struct devid_slice der, struct pkey **out, struct devid_error *err);
} formats[] = {
    {DEVID_REF_LABEL, REF_STRUCTURE, pkey_of_ref},
    {DEVID_KEYFILE_LABEL, FILE_STRUCTURE, pkey_of_file},
};

/* A context has no state but the provider. */
static void *decoder_new(void *provctx)
{
    return provider_hold(provctx);
}

static void decoder_free(void *ctx)
{
    provider_free(ctx);
}

/* A private key was asked for, or anything. */
static int decoder_selects(void *provctx, int selection)
{
    (void)provctx;
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

static const struct format *format_of_line(const char *line)
{
    static const char begin[] = "-----BEGIN ";
    const char *label = line + sizeof begin - 1;

    if (strncmp(line, begin, sizeof begin - 1) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        size_t len = strlen(formats[i].label);

        if (strncmp(label, formats[i].label, len) == 0 && strncmp(label + len, "-----", 5) == 0)
            return &formats[i];
    }
    return NULL;
}

/* What editors put in front of a text; libcrypto passes it over where it begins to read, and so at each block. */
static size_t mark_len(const char *line)
{
    return strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

/*
 * Read one PEM block, as the default provider's decoder does: libcrypto goes on behind it with the next. Its text
 * is kept if the label is ours; what stands before may be long.
 */
static devid_rc read_block(struct provider *p, OSSL_CORE_BIO *in, const struct format **format,
                           struct devid_bytes *text, struct devid_error *err)
{
    char room[LINE_MAX_LEN];
    bool inside = false, is_first = true;
    int len;
    devid_rc rc = DEVID_OK;

    *format = NULL;
    while (rc == DEVID_OK && text->len <= DEVID_PEM_MAX && (len = p->bio_gets(in, room, sizeof room)) > 0) {
        size_t skipped = is_first ? mark_len(room) : 0;
        const char *line = room + skipped;

        is_first = false;
        if (!inside && strncmp(line, "-----BEGIN ", 11) == 0) {
            inside = true;
            *format = format_of_line(line);
        }
        if (inside && *format != NULL)
            rc = devid_bytes_append(text, (struct devid_slice){(unsigned char *)room + skipped, (size_t)len - skipped}, err);
        if (inside && strncmp(line, "-----END ", 9) == 0)
            break;
    }
    return rc;
}

/*
 * OpenSSH (9.2, and later ones) asks a key for the EC_KEY or RSA in it, does not look whether it got one, and crashes. Its other way to
 * a key works.
 */
static devid_rc check_program(struct devid_error *err)
{
    static const char *const programs[] = {"ssh", "ssh-add", "ssh-agent", "ssh-keygen", "ssh-keysign", "sshd", "sshd-session"};

    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(program_invocation_short_name, programs[i]) == 0)
            return devid_fail(err, DEVID_E_KEY, "%s cannot use a key that is not in its file: name devid-pkcs11.so as its PKCS11Provider",
                              programs[i]);
    return DEVID_OK;
}

/* The next decoder gets the DER, and is told whose it is. */
static int give_der(const struct format *format, struct devid_slice der, OSSL_CALLBACK *cb, void *arg)
{
    int type = OSSL_OBJECT_PKEY;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, (char *)(uintptr_t)format->structure,
                               strlen(format->structure)),
        OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, (void *)(uintptr_t)der.data, der.len),
        OSSL_PARAM_END,
    };

    return cb(params, arg);
}

static int pem_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *cb, void *arg,
                      OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    KEEPS_ERRNO;
    struct provider *p = ctx;
    const struct format *format;
    struct devid_bytes text = {0}, der = {0};
    struct devid_error err = {0};
    struct pkey *pk = NULL;
    int ok = 1;
    devid_rc rc = read_block(p, in, &format, &text, &err);

    (void)selection;
    (void)ask;
    (void)ask_arg;
    if (rc == DEVID_OK && format == NULL)
        goto out;
    ERR_set_mark();
    if (rc == DEVID_OK)
        rc = check_program(&err);
    if (rc == DEVID_OK)
        rc = devid_pem_find(devid_slice_of(text), format->label, 0, &der, &err);
    /* Looked at here, where the label says whose it is: the decoders of DER have to be silent. */
    if (rc == DEVID_OK)
        rc = format->pkey_of(p, devid_slice_of(der), &pk, &err);
    ERR_pop_to_mark();
    ok = rc == DEVID_OK ? give_der(format, devid_slice_of(der), cb, arg) : RAISE(p, rc, &err);
out:
    pkey_free(pk);
    devid_bytes_free(&text);
    devid_bytes_free(&der);
    return ok;
}

static bool read_exactly(struct provider *p, OSSL_CORE_BIO *in, unsigned char *to, size_t len)
{
    size_t n = 0;

    for (size_t done = 0; done < len; done += n)
        if (p->bio_read_ex(in, to + done, len - done, &n) != 1 || n == 0)
            return false;
    return true;
}

/* One SEQUENCE of definite length; false for anything else. X.690, 8.1.3. */
static bool read_sequence(struct provider *p, OSSL_CORE_BIO *in, struct devid_bytes *out)
{
    unsigned char head[4];
    size_t n_head = 2, len, more;

    if (!read_exactly(p, in, head, 2) || head[0] != 0x30)
        return false;
    len = head[1];
    if (len >= 0x80) {
        more = len & 0x7f;
        if (more == 0 || more > 2 || !read_exactly(p, in, head + 2, more)) /* 64 KiB are plenty for a key */
            return false;
        len = more == 1 ? head[2] : (size_t)head[2] << 8 | head[3];
        n_head += more;
    }
    out->data = malloc(n_head + len);
    if (out->data == NULL)
        return false;
    out->len = n_head + len;
    memcpy(out->data, head, n_head);
    return read_exactly(p, in, out->data + n_head, len);
}

static int give_key(struct pkey *pk, OSSL_CALLBACK *cb, void *arg)
{
    int type = OSSL_OBJECT_PKEY;
    const char *name = pkey_type_name(pk->type);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, (char *)(uintptr_t)name, strlen(name)),
        OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &pk, sizeof pk),
        OSSL_PARAM_END,
    };

    return cb(params, arg);
}

/* A decoder makes keys of one type: another type's is foreign to it. */
static int der_decode(struct provider *p, enum pkey_type type, const struct format *format, OSSL_CORE_BIO *in,
                      OSSL_CALLBACK *cb, void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    KEEPS_ERRNO;
    struct devid_bytes der = {0};
    struct devid_error err = {0};
    struct pkey *pk = NULL;
    devid_rc rc;
    int ok = 1;

    ERR_set_mark();
    if (read_sequence(p, in, &der) && format->pkey_of(p, devid_slice_of(der), &pk, NULL) != DEVID_OK)
        pk = NULL;
    ERR_pop_to_mark();
    if (pk != NULL && pk->type == type) {
        rc = pkey_unlock(pk, ask, ask_arg, &err);
        if (rc == DEVID_OK)
            pkey_preconnect(pk);
        ok = rc == DEVID_OK ? give_key(pk, cb, arg) : RAISE(p, rc, &err);
    }
    pkey_free(pk);
    devid_bytes_free(&der);
    return ok;
}

/* provider-decoder(7) hands no name of the decoder to its function: one function each. */
#define DER_DECODER(name, type, format)                                                                    \
    static int name(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *cb, void *arg,             \
                    OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)                                          \
    {                                                                                                      \
        (void)selection;                                                                                   \
        return der_decode(ctx, type, format, in, cb, arg, ask, ask_arg);                                    \
    }                                                                                                      \
    static const OSSL_DISPATCH name##_functions[] = {                                                      \
        ENTRY(OSSL_FUNC_DECODER_NEWCTX, decoder_new),                                                      \
        ENTRY(OSSL_FUNC_DECODER_FREECTX, decoder_free),                                                    \
        ENTRY(OSSL_FUNC_DECODER_DOES_SELECTION, decoder_selects),                                          \
        ENTRY(OSSL_FUNC_DECODER_DECODE, name),                                                             \
        ENTRY(OSSL_FUNC_DECODER_EXPORT_OBJECT, keymgmt_export_object),                                     \
        {0, NULL},                                                                                         \
    }

DER_DECODER(ref_to_ec, PKEY_EC, &formats[0]);
DER_DECODER(ref_to_rsa, PKEY_RSA, &formats[0]);
DER_DECODER(ref_to_rsa_pss, PKEY_RSA_PSS, &formats[0]);
DER_DECODER(file_to_ec, PKEY_EC, &formats[1]);
DER_DECODER(file_to_rsa, PKEY_RSA, &formats[1]);
DER_DECODER(file_to_rsa_pss, PKEY_RSA_PSS, &formats[1]);

static const OSSL_DISPATCH pem_functions[] = {
    ENTRY(OSSL_FUNC_DECODER_NEWCTX, decoder_new),
    ENTRY(OSSL_FUNC_DECODER_FREECTX, decoder_free),
    ENTRY(OSSL_FUNC_DECODER_DECODE, pem_decode),
    {0, NULL},
};

#define FROM_REF PROVIDER_PROPERTY ",input=der,structure=" REF_STRUCTURE
#define FROM_FILE PROVIDER_PROPERTY ",input=der,structure=" FILE_STRUCTURE

const OSSL_ALGORITHM provider_decoders[] = {
    {"DER", PROVIDER_PROPERTY ",input=pem", pem_functions, "PEM of key references and wrapped keys"},
    {KEYMGMT_EC_NAMES, FROM_REF, ref_to_ec_functions, "EC key reference"},
    {KEYMGMT_RSA_NAMES, FROM_REF, ref_to_rsa_functions, "RSA key reference"},
    {KEYMGMT_RSA_PSS_NAMES, FROM_REF, ref_to_rsa_pss_functions, "RSASSA-PSS key reference"},
    {KEYMGMT_EC_NAMES, FROM_FILE, file_to_ec_functions, "wrapped EC key"},
    {KEYMGMT_RSA_NAMES, FROM_FILE, file_to_rsa_functions, "wrapped RSA key"},
    {KEYMGMT_RSA_PSS_NAMES, FROM_FILE, file_to_rsa_pss_functions, "wrapped RSASSA-PSS key"},
    {NULL, NULL, NULL, NULL},
};
