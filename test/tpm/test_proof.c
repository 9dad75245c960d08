/* SPDX-License-Identifier: BSD-2-Clause */
/* Other software puts its own key at our handle: it does not serve in our key's name, and its failures are not counted by the TPM. */
#include "tpm/keys.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "core/tpm.h"

#define HANDLE 0x81000002U
#define KEY "key"

static const struct devid_scheme ecdsa = {.padding = DEVID_ECDSA};
static const struct devid_scheme pkcs1 = {.padding = DEVID_PKCS1, .hash = DEVID_SHA256};
static const struct devid_scheme pss = {.padding = DEVID_PSS, .hash = DEVID_SHA256, .salt_len = 32};

static int start(void **state)
{
    *state = world_start();
    return 0;
}

static struct devid_key *make(struct world *w, enum devid_alg alg, const char *uses)
{
    const struct devid_wanted wanted = {.alg = alg, .bits = alg == DEVID_EC ? 256 : 2048, .signs = strchr(uses, 's') != NULL,
                                        .decrypts = strchr(uses, 'd') != NULL};
    struct devid_key *key;

    keys_make_wanted(world_store(w), KEY, &wanted, HANDLE);
    key = keys_open(world_store(w), KEY);
    world_forget_commands(w);
    return key;
}

static void connect_past_devid(struct world *w, TSS2_TCTI_CONTEXT **tcti, ESYS_CONTEXT **esys)
{
    assert_int_equal(Tss2_TctiLdr_Initialize(world_tcti(w), tcti), 0);
    assert_int_equal(Esys_Initialize(esys, *tcti, NULL), 0);
}

static void disconnect(TSS2_TCTI_CONTEXT **tcti, ESYS_CONTEXT **esys)
{
    Esys_Finalize(esys);
    Tss2_TctiLdr_Finalize(tcti);
}

static TPM2B_PUBLIC template_of(enum devid_alg alg)
{
    TPM2B_PUBLIC template = keys_rsa_template(TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT);

    if (alg == DEVID_EC) {
        template.publicArea.type = TPM2_ALG_ECC;
        template.publicArea.parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric = {.algorithm = TPM2_ALG_NULL},
                                                                    .scheme = {.scheme = TPM2_ALG_NULL},
                                                                    .curveID = TPM2_ECC_NIST_P256,
                                                                    .kdf = {.scheme = TPM2_ALG_NULL}};
    }
    return template;
}

/* As tpm2_evictcontrol would. password: of a key whose failures are counted; NULL: it has none, and they are not. */
static void put_another(struct world *w, enum devid_alg alg, const char *password)
{
    static const TPML_PCR_SELECTION no_pcrs;
    static const TPM2B_DATA no_data;
    static UINT8 n_made; /* a primary of the same template were the same key */
    TPM2B_PUBLIC template = template_of(alg);
    TPM2B_SENSITIVE_CREATE sensitive = {0};
    ESYS_TR old = ESYS_TR_NONE, object = ESYS_TR_NONE, kept = ESYS_TR_NONE, gone = ESYS_TR_NONE;
    TSS2_TCTI_CONTEXT *tcti = NULL;
    ESYS_CONTEXT *esys = NULL;

    if (password != NULL) {
        template.publicArea.objectAttributes &= ~TPMA_OBJECT_NODA;
        sensitive.sensitive.userAuth.size = (UINT16)strlen(password);
        memcpy(sensitive.sensitive.userAuth.buffer, password, strlen(password));
    }
    template.publicArea.unique.rsa.size = 1; /* laid out as a point's first coordinate */
    template.publicArea.unique.rsa.buffer[0] = ++n_made;
    connect_past_devid(w, &tcti, &esys);
    if (Esys_TR_FromTPMPublic(esys, HANDLE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &old) == 0)
        assert_int_equal(Esys_EvictControl(esys, ESYS_TR_RH_OWNER, old, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, 0, &gone), 0);
    assert_int_equal(Esys_CreatePrimary(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                                        &template, &no_data, &no_pcrs, &object, NULL, NULL, NULL, NULL),
                     0);
    assert_int_equal(Esys_EvictControl(esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, HANDLE, &kept), 0);
    assert_int_equal(Esys_FlushContext(esys, object), 0);
    disconnect(&tcti, &esys);
}

/* Failures that the TPM has counted; they are forgotten. */
static uint32_t take_failures(struct world *w)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TSS2_TCTI_CONTEXT *tcti = NULL;
    ESYS_CONTEXT *esys = NULL;
    TPMI_YES_NO more;
    uint32_t n;

    connect_past_devid(w, &tcti, &esys);
    assert_int_equal(Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES,
                                        TPM2_PT_LOCKOUT_COUNTER, 1, &more, &data),
                     0);
    n = data->data.tpmProperties.tpmProperty[0].value;
    Esys_Free(data);
    assert_int_equal(Esys_DictionaryAttackLockReset(esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE), 0);
    disconnect(&tcti, &esys);
    return n;
}

static void must_be_told(struct world *w, devid_rc rc, const struct devid_error *err, const char *sent)
{
    assert_rc(rc, DEVID_E_ABSENT, *err);
    assert_non_null(strstr(err->text, "key: 0x81000002 holds another key by now: \"devid doctor\" says what to do"));
    assert_sent(w, sent);
}

static void signs_not(struct world *w, struct devid_key *key, const struct devid_scheme *scheme, const char *sent)
{
    struct devid_error err = {0};

    must_be_told(w, keys_sign(key, scheme, keys_digest(32), &err), &err, sent);
}

static void signs(struct world *w, struct devid_key *key, const struct devid_scheme *scheme, const char *sent)
{
    struct devid_error err = {0};

    assert_rc(keys_sign(key, scheme, keys_digest(32), &err), DEVID_OK, err);
    assert_sent(w, sent);
}

/* What devid_key_sign wrote, if it wrote anything, is gone. */
static void what_another_key_signed_is_not_given_out(void **state)
{
    struct world *w = *state;
    struct devid_key *key = make(w, DEVID_EC, "s");
    unsigned char sig[64], none[64] = {0};
    struct devid_error err = {0};
    size_t len = sizeof sig;

    put_another(w, DEVID_EC, NULL);
    memset(sig, 0, sizeof sig);
    must_be_told(w, devid_key_sign(key, &ecdsa, keys_digest(32), sig, &len, &err), &err, "Sign ReadPublic");
    assert_memory_equal(sig, none, sizeof sig);
    /* once seen, it is not tried again */
    signs_not(w, key, &ecdsa, "ReadPublic");
    devid_key_free(key);
}

static void an_rsa_key_proves_itself_by_every_scheme(void **state)
{
    struct world *w = *state;
    struct devid_key *key = make(w, DEVID_RSA, "sd");

    put_another(w, DEVID_RSA, NULL);
    signs_not(w, key, &pkcs1, "Sign ReadPublic");
    devid_key_free(key);
    key = keys_open(world_store(w), KEY);
    signs_not(w, key, &pss, "RSA_Decrypt ReadPublic");
    devid_key_free(key);
}

/* Its salt is its own affair; that the signature is another key's is not. */
static void an_rsa_key_that_only_signs_does_too(void **state)
{
    struct world *w = *state;
    struct devid_key *key = make(w, DEVID_RSA, "s");
    struct devid_error err = {0};

    put_another(w, DEVID_RSA, NULL);
    assert_rc(keys_sign(key, &pss, keys_digest(32), &err), DEVID_E_ABSENT, err);
    assert_non_null(strstr(err.text, "holds another key by now"));
    assert_sent(w, "Sign ReadPublic");
    devid_key_free(key);
}

static void what_another_key_refuses_is_told_as_that(void **state)
{
    struct world *w = *state;
    struct devid_key *key = make(w, DEVID_EC, "s");

    put_another(w, DEVID_RSA, NULL);
    signs_not(w, key, &ecdsa, "Sign(0x2d2) ReadPublic");
    devid_key_free(key);
}

static void what_another_key_decrypts_or_derives_is_not_given_out(void **state)
{
    static const struct devid_cipher oaep = {.padding = DEVID_CIPHER_OAEP, .hash = DEVID_SHA256};
    struct world *w = *state;
    struct devid_key *key = make(w, DEVID_RSA, "d");
    struct devid_error err = {0};
    struct devid_secret out = {0};
    unsigned char block[256] = {0};

    put_another(w, DEVID_RSA, NULL);
    memcpy(block + 1, keys_digest(255).data, 255);
    must_be_told(w, devid_key_decrypt(key, &oaep, (struct devid_slice){block, sizeof block}, &out, &err), &err,
                 "RSA_Decrypt ReadPublic");
    assert_null(out.data);
    devid_key_free(key);
}

static void ecdh_looks_first_once(void **state)
{
    struct world *w = *state;
    struct devid_key *key = make(w, DEVID_EC, "d");
    const unsigned char *spki = devid_key_public(key)->spki.data;
    size_t len = devid_key_public(key)->spki.len;
    struct devid_slice peer = {spki + len - 65, 65}; /* its own point: any will do */
    struct devid_error err = {0};
    struct devid_secret z = {0};

    assert_rc(devid_key_ecdh(key, peer, &z, &err), DEVID_OK, err);
    assert_sent(w, "ReadPublic ECDH_ZGen");
    devid_secret_free(&z);
    assert_rc(devid_key_ecdh(key, peer, &z, &err), DEVID_OK, err);
    assert_sent(w, "ECDH_ZGen");
    devid_secret_free(&z);
    devid_key_free(key);
    key = keys_open(world_store(w), KEY);
    put_another(w, DEVID_EC, NULL);
    must_be_told(w, devid_key_ecdh(key, peer, &z, &err), &err, "ReadPublic");
    assert_null(z.data);
    devid_key_free(key);
}

/* The program runs, and its connection lasts. */
static void a_key_that_is_replaced_meanwhile_is_found_within_a_second(void **state)
{
    static const struct timespec pause = {.tv_sec = 1, .tv_nsec = 50000000};
    struct world *w = *state;
    struct devid_key *key = make(w, DEVID_EC, "s");

    signs(w, key, &ecdsa, "Sign");
    put_another(w, DEVID_EC, NULL);
    (void)nanosleep(&pause, NULL);
    signs_not(w, key, &ecdsa, "Sign ReadPublic");
    devid_key_free(key);
}

/* Nobody can know of a key by its handle that it has a password: that is found out once, and not again. */
static void a_password_of_another_key_costs_one_failure(void **state)
{
    struct world *w = *state;
    struct devid_key *key = make(w, DEVID_EC, "s");
    struct devid_error err = {0};

    put_another(w, DEVID_EC, "secret");
    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_E_ABSENT, err);
    assert_non_null(strstr(err.text, "holds another key by now"));
    world_forget_commands(w);
    for (int i = 0; i < 8; i++)
        signs_not(w, key, &ecdsa, "ReadPublic");
    assert_int_equal(take_failures(w), 1);
    devid_key_free(key);
}

static void a_password_of_ours_is_not_tried_on_another_key(void **state)
{
    struct world *w = *state;
    struct devid_error err = {0};
    struct devid_key *key;

    put_another(w, DEVID_EC, "secret"); /* it is in no store */
    assert_rc(devid_key_open_handle(world_store(w), HANDLE, &key, &err), DEVID_OK, err);
    assert_rc(devid_key_authorise(key, devid_slice_text("secret"), &err), DEVID_OK, err);
    assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_OK, err);
    world_forget_commands(w);
    put_another(w, DEVID_EC, "another");
    for (int i = 0; i < 8; i++)
        assert_rc(keys_sign(key, &ecdsa, keys_digest(32), &err), DEVID_E_ABSENT, err);
    assert_int_equal(world_count(w, "Sign"), 0);
    assert_int_equal(take_failures(w), 0);
    devid_key_free(key);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, world_end_clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_another_key_signed_is_not_given_out),
        TEST(an_rsa_key_proves_itself_by_every_scheme),
        TEST(an_rsa_key_that_only_signs_does_too),
        TEST(what_another_key_refuses_is_told_as_that),
        TEST(what_another_key_decrypts_or_derives_is_not_given_out),
        TEST(ecdh_looks_first_once),
        TEST(a_key_that_is_replaced_meanwhile_is_found_within_a_second),
        TEST(a_password_of_another_key_costs_one_failure),
        TEST(a_password_of_ours_is_not_tried_on_another_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
