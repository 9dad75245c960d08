/* SPDX-License-Identifier: BSD-2-Clause */
/* Where keys come from: PEM, DER and URIs; and that everybody else's files are left in peace. */
#include "tpm/provider_face.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <string.h>

#include "core/keyfile.h"
#include "core/ref.h"

static EVP_PKEY *read_pem(struct face *f, struct devid_slice pem)
{
    BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(in, NULL, NULL, NULL, f->ctx, NULL);

    BIO_free(in);
    return key;
}

static void assert_signs_and_free(struct face *f, EVP_PKEY *key, const char *commands)
{
    assert_non_null(key);
    assert_true(face_signs(f, key));
    EVP_PKEY_free(key);
    assert_commands(f, commands);
}

static struct devid_slice slice(const char *text)
{
    return (struct devid_slice){(const unsigned char *)text, strlen(text)};
}

/* haproxy and mosquitto keep all in one file, each in its own order. */
static void certificates_may_stand_before_or_behind(void **state)
{
    struct face *f = *state;
    struct devid_bytes before = {0}, behind = {0};

    assert_int_equal(devid_bytes_append(&before, slice(f->ids.ldevid.cert_pem), NULL), DEVID_OK);
    assert_int_equal(devid_bytes_append(&before, slice(f->ids.ldevid.key_pem), NULL), DEVID_OK);
    assert_int_equal(devid_bytes_append(&behind, slice("a line of text\n"), NULL), DEVID_OK);
    assert_int_equal(devid_bytes_append(&behind, slice(f->ids.ldevid.key_pem), NULL), DEVID_OK);
    assert_int_equal(devid_bytes_append(&behind, slice(f->ids.ldevid.cert_pem), NULL), DEVID_OK);
    assert_signs_and_free(f, read_pem(f, devid_slice_of(before)), "Sign");
    assert_signs_and_free(f, read_pem(f, devid_slice_of(behind)), "Sign");
    devid_bytes_free(&before);
    devid_bytes_free(&behind);
}

static void assert_is_read_behind(struct face *f, const char *before, size_t n, struct devid_slice key)
{
    struct devid_bytes file = {0};
    EVP_PKEY *read;

    for (size_t i = 0; i < n; i++)
        assert_int_equal(devid_bytes_append(&file, slice(before), NULL), DEVID_OK);
    assert_int_equal(devid_bytes_append(&file, key, NULL), DEVID_OK);
    read = read_pem(f, devid_slice_of(file));
    assert_non_null(read);
    assert_int_equal(ERR_peek_error(), 0);
    EVP_PKEY_free(read);
    devid_bytes_free(&file);
}

/* As libcrypto's own reader of PEM has it, to which the last key is left: an editor's mark of UTF-8, or megabytes of text. */
static void text_may_stand_before(void **state)
{
    static const char mark[] = "\xEF\xBB\xBF", line[] = "a line of text\n";
    static char page[4096 * (sizeof line - 1) + 1];
    struct face *f = *state;
    EVP_PKEY *software = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256");
    BIO *out = BIO_new(BIO_s_mem());
    unsigned char *pem = NULL;
    long len;

    assert_int_equal(PEM_write_bio_PrivateKey(out, software, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(out, &pem);
    const struct devid_slice keys[] = {slice(f->ids.wrapped.tss2_pem), slice(f->ids.ldevid.key_pem), {pem, (size_t)len}};
    for (size_t i = 0; i < sizeof page - 1; i++)
        page[i] = line[i % (sizeof line - 1)];
    for (size_t i = 0; i < 3; i++) {
        assert_is_read_behind(f, mark, 1, keys[i]);
        assert_is_read_behind(f, page, 4 * 1024 * 1024 / strlen(page), keys[i]);
        assert_is_read_behind(f, "\n", 1, keys[i]);
    }
    assert_commands(f, "");
    BIO_free(out);
    EVP_PKEY_free(software);
}

/* strongSwan reads the DER. */
static void raw_der_is_read(void **state)
{
    struct face *f = *state;
    struct sample *samples[] = {&f->ids.ldevid, &f->ids.wrapped, &f->ids.rsa};
    static const char *const commands[] = {"Sign", "Load Sign FlushContext", "Sign"};

    for (size_t i = 0; i < 3; i++) {
        struct devid_bytes der = {0};
        const unsigned char *at;

        assert_int_equal(devid_pem_find(slice(samples[i]->key_pem), DEVID_REF_LABEL, 0, &der, NULL), DEVID_OK);
        at = der.data;
        assert_signs_and_free(f, d2i_AutoPrivateKey_ex(NULL, &at, (long)der.len, f->ctx, NULL), commands[i]);
        devid_bytes_free(&der);
    }
}

static void a_tss2_private_key_is_read(void **state)
{
    struct face *f = *state;

    assert_signs_and_free(f, read_pem(f, slice(f->ids.wrapped.tss2_pem)), "Load Sign FlushContext");
}

static char *pem_of_ref(const char *uri, struct devid_slice spki)
{
    struct devid_ref ref = {{(unsigned char *)(uintptr_t)uri, strlen(uri)},
                            {(unsigned char *)(uintptr_t)spki.data, spki.len}};
    struct devid_bytes der = {0}, pem = {0};

    assert_int_equal(devid_ref_write_der(&ref, &der, NULL), DEVID_OK);
    assert_int_equal(devid_pem_append(&pem, DEVID_REF_LABEL, devid_slice_of(der), NULL), DEVID_OK);
    devid_bytes_free(&der);
    return (char *)pem.data;
}

static void a_reference_without_public_key_asks_the_store(void **state)
{
    struct face *f = *state;
    char *pem = pem_of_ref(f->ids.ldevid.uri, (struct devid_slice){NULL, 0});

    assert_signs_and_free(f, read_pem(f, slice(pem)), "Sign");
    free(pem);
}

/* The factory may hand out a file before the store knows the handle. */
static void a_handle_that_no_identity_has_is_found_in_the_tpm(void **state)
{
    struct face *f = *state;
    char *pem = pem_of_ref("handle:0x81000009", devid_slice_of(f->ids.stray_spki));
    EVP_PKEY *key;

    key = read_pem(f, slice(pem));
    assert_non_null(key);
    assert_commands(f, "");
    assert_true(face_signs(f, key));
    assert_int_equal(face_commands(f, "Sign"), 1);
    EVP_PKEY_free(key);
    free(pem);
}

/* One line, with what to do in it. */
static void assert_one_error(const char *words)
{
    const char *data = "";

    assert_int_not_equal(ERR_get_error_all(NULL, NULL, NULL, &data, NULL), 0);
    assert_non_null(strstr(data, words));
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_reference_to_a_key_that_was_replaced_says_so(void **state)
{
    struct face *f = *state;
    char *pem = pem_of_ref(f->ids.ldevid.uri, devid_slice_of(f->ids.stray_spki));
    EVP_PKEY *key = read_pem(f, slice(pem));

    assert_non_null(key);
    assert_false(face_signs(f, key));
    assert_one_error("write it anew with \"devid ref\"");
    EVP_PKEY_free(key);
    free(pem);
    assert_commands(f, "");
}

static void a_key_that_is_gone_says_so(void **state)
{
    struct face *f = *state;
    char *pem = pem_of_ref("pkcs11:token=owner;object=nobody;type=private", devid_slice_of(f->ids.stray_spki));
    EVP_PKEY *key = read_pem(f, slice(pem));

    assert_false(face_signs(f, key));
    assert_one_error("nobody is not on this device: run \"devid provision\"");
    EVP_PKEY_free(key);
    free(pem);
}

static void a_damaged_reference_says_so(void **state)
{
    struct face *f = *state;

    assert_null(read_pem(f, slice("-----BEGIN DEVID KEY REFERENCE-----\n"
                                  "MAMCAQA=\n"
                                  "-----END DEVID KEY REFERENCE-----\n")));
    assert_int_not_equal(ERR_peek_error(), 0);
    ERR_clear_error();
    assert_commands(f, "");
}

static void other_files_are_read_as_without_us_and_leave_no_error(void **state)
{
    struct face *f = *state;
    EVP_PKEY *software = EVP_PKEY_Q_keygen(f->ctx, NULL, "EC", "P-256"), *again;
    BIO *file = BIO_new(BIO_s_mem());
    X509 *cert;

    assert_int_equal(PEM_write_bio_X509(file, f->ids.ldevid.cert), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(file, software, NULL, NULL, 0, NULL, NULL), 1);
    cert = PEM_read_bio_X509(file, NULL, NULL, NULL);
    again = PEM_read_bio_PrivateKey_ex(file, NULL, NULL, NULL, f->ctx, NULL);
    assert_non_null(cert);
    assert_int_equal(EVP_PKEY_eq(software, again), 1);
    assert_int_equal(ERR_peek_error(), 0);
    X509_free(cert);
    EVP_PKEY_free(again);
    EVP_PKEY_free(software);
    BIO_free(file);
    assert_commands(f, "");
}

/* "name", "key", "public", "cert", in order; at most 200 characters. search is freed. */
static const char *found(struct face *f, const char *uri, int expect, OSSL_STORE_SEARCH *search)
{
    static char text[256];
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, f->ctx, NULL, NULL, NULL, NULL, NULL, NULL);

    text[0] = 0;
    if (store == NULL)
        return "closed";
    if (expect != 0)
        assert_int_equal(OSSL_STORE_expect(store, expect), 1);
    if (search != NULL)
        assert_int_equal(OSSL_STORE_find(store, search), 1);
    while (!OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        int type = info == NULL ? 0 : OSSL_STORE_INFO_get_type(info);

        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] == 0 ? "" : " ",
                       type == OSSL_STORE_INFO_NAME     ? "name"
                       : type == OSSL_STORE_INFO_PKEY   ? "key"
                       : type == OSSL_STORE_INFO_PUBKEY ? "public"
                       : type == OSSL_STORE_INFO_CERT   ? "cert"
                                                        : "nothing");
        OSSL_STORE_INFO_free(info);
    }
    (void)OSSL_STORE_close(store);
    OSSL_STORE_SEARCH_free(search);
    return text;
}

static const char *contents(struct face *f, const char *uri, int expect)
{
    return found(f, uri, expect, NULL);
}

static void a_uri_opens_to_key_leaf_and_chain(void **state)
{
    struct face *f = *state;

    assert_string_equal(contents(f, "pkcs11:token=owner;object=azure:ldevid", 0), "key cert cert");
    assert_string_equal(contents(f, "devid:azure:ldevid", 0), "key cert cert");
    assert_string_equal(contents(f, "handle:0x81000002", 0), "key cert cert");
    assert_string_equal(contents(f, "devid:azure:ldevid", OSSL_STORE_INFO_PKEY), "key");
    assert_string_equal(contents(f, "devid:azure:ldevid", OSSL_STORE_INFO_CERT), "cert cert");
    assert_string_equal(contents(f, "devid:azure:ldevid", OSSL_STORE_INFO_PUBKEY), "public");
    assert_string_equal(contents(f, "pkcs11:token=owner;object=azure:ldevid;type=cert", 0), "cert cert");
    assert_string_equal(contents(f, "pkcs11:token=owner;object=azure:ldevid;type=public", 0), "public");
    assert_commands(f, "");
    assert_string_equal(contents(f, "handle:0x81000009", 0), "key");
    assert_string_equal(contents(f, "handle:0x81000009", OSSL_STORE_INFO_PUBKEY), "public");
    face_forget_commands(f);
    assert_string_equal(contents(f, "devid:nobody", 0), "closed");
    ERR_clear_error();
}

/* RFC 7512: all that it says must hold. */
static void a_uri_for_another_token_opens_nothing(void **state)
{
    static const char *const others[] = {"model=SoftHSM%20v2", "manufacturer=SoftHSM%20project", "serial=0123456789abcdef",
                                         "library-manufacturer=Nitrokey", "slot-id=7", "token=other"};
    struct face *f = *state;
    char uri[128];

    assert_string_equal(contents(f, "PKCS11:model=TPM%202.0;manufacturer=devid;token=owner;object=azure:ldevid", 0), "key cert cert");
    assert_commands(f, "");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        (void)snprintf(uri, sizeof uri, "pkcs11:%s;object=azure:ldevid", others[i]);
        assert_string_equal(contents(f, uri, 0), "closed");
    }
    ERR_clear_error();
    face_forget_commands(f); /* the serial number is told by the manufacturer's keys */
}

static void a_uri_without_a_name_lists_all(void **state)
{
    struct face *f = *state;

    assert_string_equal(contents(f, "pkcs11:token=owner", 0), "name name name");
    assert_string_equal(contents(f, "pkcs11:token=owner;type=private", 0), "key key key");
    ERR_clear_error(); /* libcrypto 3.5 tries a name as octets first, and leaves that it is none */
    assert_commands(f, "");
}

static void a_search_finds_what_is_meant_and_nothing_else(void **state)
{
    static const char owner[] = "pkcs11:token=owner", nobody[] = "nobody";
    struct face *f = *state;
    X509 *cert = f->ids.rsa.cert;
    const X509_NAME *subject = X509_get_subject_name(cert), *issuer = X509_get_issuer_name(cert);
    unsigned char digest[32];
    unsigned int len = 0;

    assert_string_equal(found(f, owner, 0, OSSL_STORE_SEARCH_by_name((X509_NAME *)(uintptr_t)subject)), "key cert");
    assert_string_equal(found(f, owner, OSSL_STORE_INFO_CERT, OSSL_STORE_SEARCH_by_name((X509_NAME *)(uintptr_t)subject)), "cert");
    /* the CA's own certificate, of which each chain has a copy */
    assert_string_equal(found(f, owner, OSSL_STORE_INFO_CERT, OSSL_STORE_SEARCH_by_name((X509_NAME *)(uintptr_t)issuer)),
                        "cert cert cert");
    assert_string_equal(found(f, owner, 0, OSSL_STORE_SEARCH_by_issuer_serial((X509_NAME *)(uintptr_t)issuer,
                                                                              X509_get0_serialNumber(cert))), "key cert");
    assert_string_equal(found(f, "devid:wrapped", 0, OSSL_STORE_SEARCH_by_name((X509_NAME *)(uintptr_t)subject)), "");

    assert_int_equal(X509_digest(cert, EVP_sha256(), digest, &len), 1);
    assert_string_equal(found(f, owner, 0, OSSL_STORE_SEARCH_by_key_fingerprint(EVP_sha256(), digest, len)), "key cert");
    digest[0] ^= 1;
    assert_string_equal(found(f, owner, 0, OSSL_STORE_SEARCH_by_key_fingerprint(EVP_sha256(), digest, len)), "");
    assert_string_equal(found(f, owner, OSSL_STORE_INFO_PKEY, OSSL_STORE_SEARCH_by_alias("rsa")), "key");
    assert_string_equal(found(f, owner, 0, OSSL_STORE_SEARCH_by_alias(nobody)), "");
    assert_commands(f, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACE_TEST(certificates_may_stand_before_or_behind),
        FACE_TEST(text_may_stand_before),
        FACE_TEST(raw_der_is_read),
        FACE_TEST(a_tss2_private_key_is_read),
        FACE_TEST(a_reference_without_public_key_asks_the_store),
        FACE_TEST(a_handle_that_no_identity_has_is_found_in_the_tpm),
        FACE_TEST(a_reference_to_a_key_that_was_replaced_says_so),
        FACE_TEST(a_key_that_is_gone_says_so),
        FACE_TEST(a_damaged_reference_says_so),
        FACE_TEST(other_files_are_read_as_without_us_and_leave_no_error),
        FACE_TEST(a_uri_opens_to_key_leaf_and_chain),
        FACE_TEST(a_uri_for_another_token_opens_nothing),
        FACE_TEST(a_uri_without_a_name_lists_all),
        FACE_TEST(a_search_finds_what_is_meant_and_nothing_else),
    };

    return FACE_RUN(tests);
}
