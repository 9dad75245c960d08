/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "put.h"
#include "tpm/pkcs11_face.h"

#include <dlfcn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/make.h"

CK_FUNCTION_LIST *f;

#define MUST(call) assert_int_equal((call), DEVID_OK)

/* A key of the manufacturer's, with a certificate of the test's CA. */
static void manufacture(struct p11 *t, enum devid_role role, const char *label, uint32_t handle)
{
    struct devid_store *store = world_store(t->world);
    struct devid_made made = {0};
    struct devid_cert leaf;
    struct devid_identity identity = {.token = "manufacturer", .label = label, .public_label = label, .role = role,
                                      .key_place = DEVID_PLACE_HANDLE, .handle = handle,
                                      .cert_place = DEVID_PLACE_FILE, .is_read_only = true};
    const unsigned char *at;
    unsigned char *der = NULL;
    EVP_PKEY *key;
    X509 *cert;
    int len;

    MUST(devid_make_primary(store, role, DEVID_EC, 256, handle, &made, NULL));
    at = made.pub.spki.data;
    key = d2i_PUBKEY(NULL, &at, (long)made.pub.spki.len);
    cert = identities_certificate(label, key, t->ids.ca, t->ids.ca_key);
    len = i2d_X509(cert, &der);
    assert_true(len > 0);
    MUST(devid_cert_parse((struct devid_slice){der, (size_t)len}, &leaf, NULL));
    identity.pub = made.pub;
    identity.object = devid_slice_of(made.object);
    identity.chain = &leaf;
    identity.n_chain = 1;
    MUST(put_identity(store, &identity, NULL));
    X509_free(cert);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    devid_made_free(&made);
}

/* As the chip's maker left it: restricted, decrypting only. */
static void endorse(struct p11 *t)
{
    char command[512];

    (void)snprintf(command, sizeof command,
                   "tpm2_createek -Q -T swtpm:path=%s/swtpm -c 0x81010001 -G rsa -u %s/ek.pub && "
                   "tpm2_flushcontext -Q -T swtpm:path=%s/swtpm -t",
                   world_folder(t->world), world_folder(t->world), world_folder(t->world));
    assert_int_equal(system(command), 0);
}

int p11_group_start(void **state)
{
    struct p11 *t = calloc(1, sizeof *t);
    struct devid_snapshot *seen = NULL;

    assert_non_null(t);
    t->world = world_start();
    endorse(t);
    identities_make(world_store(t->world), world_folder(t->world), &t->ids);
    manufacture(t, DEVID_ROLE_IDEVID, "idevid", 0x81020000);
    manufacture(t, DEVID_ROLE_IAK, "iak", 0x81020001);
    MUST(devid_store_snapshot(world_store(t->world), &seen, NULL)); /* an EK is looked for once and remembered */
    devid_snapshot_free(seen);
    *state = t;
    return 0;
}

int p11_group_end(void **state)
{
    struct p11 *t = *state;

    identities_free(&t->ids);
    world_stop(t->world);
    free(t);
    return 0;
}

int p11_open(void **state)
{
    struct p11 *t = *state;
    CK_C_GetFunctionList get;
    char path[512];

    (void)snprintf(path, sizeof path, "%s/.libs/devid-pkcs11.so", getenv("DEVID_BUILD"));
    t->module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (t->module == NULL)
        fail_msg("%s", dlerror());
    *(void **)&get = dlsym(t->module, "C_GetFunctionList");
    assert_non_null(get);
    assert_rv(get(&t->f), CKR_OK);
    f = t->f;
    world_forget_commands(t->world);
    return 0;
}

int p11_start(void **state)
{
    struct p11 *t = *state;

    (void)p11_open(state);
    assert_rv(f->C_Initialize(NULL), CKR_OK);
    t->session = p11_session(OWNER, CKF_RW_SESSION);
    return 0;
}

int p11_end(void **state)
{
    struct p11 *t = *state;

    (void)f->C_Finalize(NULL);
    assert_int_equal(dlclose(t->module), 0);
    world_assert_clean(t->world);
    return 0;
}

CK_SESSION_HANDLE p11_session(CK_SLOT_ID slot, CK_FLAGS more)
{
    CK_SESSION_HANDLE session = 0;

    assert_rv(f->C_OpenSession(slot, CKF_SERIAL_SESSION | more, NULL, NULL, &session), CKR_OK);
    return session;
}

static CK_ULONG find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *out, CK_ULONG max)
{
    CK_ULONG found = 0;

    assert_rv(f->C_FindObjectsInit(session, template, n), CKR_OK);
    assert_rv(f->C_FindObjects(session, out, max, &found), CKR_OK);
    assert_rv(f->C_FindObjectsFinal(session), CKR_OK);
    return found;
}

CK_OBJECT_HANDLE p11_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label)
{
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (char *)(uintptr_t)label, strlen(label)}};
    CK_OBJECT_HANDLE found[2] = {0};

    assert_int_equal(find(session, template, 2, found, 2), 1);
    return found[0];
}

CK_ULONG p11_count(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
    CK_OBJECT_HANDLE found[64];

    return find(session, template, n, found, 64);
}

CK_ULONG p11_attr(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out, CK_ULONG room)
{
    CK_ATTRIBUTE a = {type, out, room};

    assert_rv(f->C_GetAttributeValue(session, object, &a, 1), CKR_OK);
    return a.ulValueLen;
}

/* r || s to ECDSA-Sig-Value. */
static int ecdsa_der(const unsigned char *sig, size_t sig_len, unsigned char **der)
{
    ECDSA_SIG *value = ECDSA_SIG_new();
    int len;

    assert_int_equal(ECDSA_SIG_set0(value, BN_bin2bn(sig, (int)sig_len / 2, NULL),
                                    BN_bin2bn(sig + sig_len / 2, (int)sig_len / 2, NULL)),
                     1);
    len = i2d_ECDSA_SIG(value, der);
    ECDSA_SIG_free(value);
    return len;
}

bool p11_is_signature(X509 *cert, const char *hash, const char *padding, const unsigned char *data, size_t data_len,
                      const unsigned char *sig, size_t sig_len)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    EVP_PKEY_CTX *ctx = NULL;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char *der = NULL;
    bool is_good;

    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        sig_len = (size_t)ecdsa_der(sig, sig_len, &der);
        sig = der;
    }
    if (hash != NULL) {
        assert_int_equal(EVP_DigestVerifyInit_ex(md, &ctx, hash, NULL, NULL, key, NULL), 1);
    } else {
        ctx = EVP_PKEY_CTX_new(key, NULL);
        assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    }
    if (padding != NULL)
        assert_int_equal(EVP_PKEY_CTX_ctrl_str(ctx, "rsa_padding_mode", padding), 1);
    if (padding != NULL && strcmp(padding, "pss") == 0)
        assert_int_equal(EVP_PKEY_CTX_ctrl_str(ctx, "rsa_pss_saltlen", "digest"), 1);
    if (hash != NULL) {
        is_good = EVP_DigestVerify(md, sig, sig_len, data, data_len) == 1;
    } else {
        is_good = EVP_PKEY_verify(ctx, sig, sig_len, data, data_len) == 1;
        EVP_PKEY_CTX_free(ctx);
    }
    EVP_MD_CTX_free(md);
    OPENSSL_free(der);
    return is_good;
}

void p11_assert_commands(struct p11 *t, const char *expected, const char *file, int line)
{
    char got[4096];

    world_commands(t->world, got, sizeof got);
    world_forget_commands(t->world);
    if (strcmp(got, expected) != 0) {
        print_error("TPM commands \"%s\", not \"%s\"\n", got, expected);
        _fail(file, line);
    }
}
