/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "put.h"
#include "tpm/keys.h"

#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#include "core/keyfile.h"
#include "core/make.h"

#define SRK 0x81000001U

static const struct devid_error silent;

void assert_rc_of(devid_rc got, devid_rc expected, const struct devid_error *err, const char *file, int line)
{
    if (got != expected)
        print_error("%s, not %s: %s\n", devid_rc_word(got), devid_rc_word(expected), err->text);
    _assert_int_equal(got, expected, file, line);
}

void assert_sent_of(struct world *w, const char *expected, const char *file, int line)
{
    char sent[4096];

    world_commands(w, sent, sizeof sent);
    _assert_string_equal(sent, expected, file, line);
    world_forget_commands(w);
}

struct devid_slice keys_digest(size_t len)
{
#define LETTERS "etaoinshrdlucmfwypvbgkjqxzETAOINSHRDLUCMFWYPVBGKJQXZ012345678901"
    static const char bytes[] = LETTERS LETTERS LETTERS LETTERS LETTERS LETTERS LETTERS LETTERS;

    assert_true(len < sizeof bytes);
    return (struct devid_slice){(const unsigned char *)bytes, len};
}

static void put(struct devid_store *store, const char *label, enum devid_role role, const struct devid_made *made)
{
    struct devid_identity identity = {.token = "owner", .label = label, .public_label = label, .role = role,
                                      .pub = made->pub, .handle = made->handle, .parent = made->parent};
    struct devid_error err = {0};

    identity.key_place = made->handle != 0 ? DEVID_PLACE_HANDLE : DEVID_PLACE_BLOB;
    identity.blob = devid_slice_of(made->blob);
    identity.object = devid_slice_of(made->object);
    identity.made_by = devid_slice_of(made->made_by);
    assert_rc(put_identity(store, &identity, &err), DEVID_OK, err);
}

void keys_make(struct devid_store *store, const char *label, enum devid_alg alg, unsigned bits, uint32_t handle)
{
    const struct devid_wanted usual = {.alg = alg, .bits = bits, .signs = true, .decrypts = alg == DEVID_RSA};

    keys_make_wanted(store, label, &usual, handle);
}

void keys_make_wanted(struct devid_store *store, const char *label, const struct devid_wanted *wanted, uint32_t handle)
{
    struct devid_made wrapped = {0}, kept = {0};
    struct devid_error err = {0};

    assert_rc(devid_make_key(store, wanted, &wrapped, &err), DEVID_OK, err);
    if (handle != 0) {
        struct devid_identity identity = {.label = label, .key_place = DEVID_PLACE_BLOB, .parent = wrapped.parent};

        identity.pub = wrapped.pub;
        identity.blob = devid_slice_of(wrapped.blob);
        assert_rc(devid_make_persistent(store, &identity, handle, &kept, &err), DEVID_OK, err);
    }
    put(store, label, DEVID_ROLE_LDEVID, handle != 0 ? &kept : &wrapped);
    devid_made_free(&wrapped);
    devid_made_free(&kept);
}

void keys_make_device(struct devid_store *store, const char *label, enum devid_role role, enum devid_alg alg,
                      unsigned bits, uint32_t handle)
{
    struct devid_made made = {0};
    struct devid_error err = {0};

    assert_rc(devid_make_primary(store, role, alg, bits, handle, &made, &err), DEVID_OK, err);
    put(store, label, role, &made);
    devid_made_free(&made);
}

struct devid_key *keys_open(struct devid_store *store, const char *label)
{
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;
    struct devid_key *key = NULL;
    struct devid_error err = {0};

    assert_rc(devid_store_find(store, &(struct devid_query){.label = label}, &snap, &identity, &err), DEVID_OK, err);
    assert_rc(devid_key_open(store, snap, identity, &key, &err), DEVID_OK, err);
    devid_snapshot_free(snap);
    return key;
}

static struct devid_bytes der_of(const TPM2B_PUBLIC *area, const TPM2B_PRIVATE *private)
{
    unsigned char area_bytes[sizeof *area], private_bytes[sizeof *private];
    struct devid_keyfile file = {.parent = SRK, .is_empty_auth = true};
    struct devid_bytes der = {0};
    size_t area_len = 0, private_len = 0;

    assert_int_equal(Tss2_MU_TPM2B_PUBLIC_Marshal(area, area_bytes, sizeof area_bytes, &area_len), 0);
    assert_int_equal(Tss2_MU_TPM2B_PRIVATE_Marshal(private, private_bytes, sizeof private_bytes, &private_len), 0);
    file.area = (struct devid_bytes){area_bytes, area_len};
    file.blob = (struct devid_bytes){private_bytes, private_len};
    assert_rc(devid_keyfile_write(&file, &der, NULL), DEVID_OK, silent);
    return der;
}

struct devid_key *keys_by_template(struct world *w, const TPM2B_PUBLIC *template)
{
    TSS2_TCTI_CONTEXT *tcti = NULL;
    ESYS_CONTEXT *esys = NULL;
    ESYS_TR srk = ESYS_TR_NONE;
    TPM2B_SENSITIVE_CREATE no_auth = {0};
    TPML_PCR_SELECTION no_pcrs = {0};
    TPM2B_PUBLIC *area = NULL;
    TPM2B_PRIVATE *private = NULL;
    TPM2B_DATA no_data = {0};
    struct devid_bytes der;
    struct devid_key *key = NULL;
    struct devid_error err = {0};

    assert_int_equal(Tss2_TctiLdr_Initialize(world_tcti(w), &tcti), 0);
    assert_int_equal(Esys_Initialize(&esys, tcti, NULL), 0);
    assert_int_equal(Esys_TR_FromTPMPublic(esys, SRK, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &srk), 0);
    assert_int_equal(Esys_Create(esys, srk, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, template, &no_data,
                                 &no_pcrs, &private, &area, NULL, NULL, NULL),
                     0);
    der = der_of(area, private);
    assert_rc(devid_key_open_file(world_store(w), devid_slice_of(der), &key, &err), DEVID_OK, err);
    devid_bytes_free(&der);
    Esys_Free(area);
    Esys_Free(private);
    Esys_Finalize(&esys);
    Tss2_TctiLdr_Finalize(&tcti);
    return key;
}

TPM2B_PUBLIC keys_rsa_template(TPMA_OBJECT attributes)
{
    TPM2B_PUBLIC template = {0};
    TPMT_PUBLIC *area = &template.publicArea;

    area->type = TPM2_ALG_RSA;
    area->nameAlg = TPM2_ALG_SHA256;
    area->objectAttributes = attributes | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                             TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
    area->parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
    area->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
    area->parameters.rsaDetail.keyBits = 2048;
    return template;
}

devid_rc keys_sign(struct devid_key *key, const struct devid_scheme *scheme, struct devid_slice digest,
                   struct devid_error *err)
{
    unsigned char sig[512];
    size_t len = sizeof sig;
    devid_rc rc = devid_key_sign(key, scheme, digest, sig, &len, err);

    if (rc != DEVID_OK)
        return rc;
    assert_int_equal(len, devid_key_sig_len(key));
    return devid_verify(devid_slice_of(devid_key_public(key)->spki), scheme, digest, (struct devid_slice){sig, len}, err);
}
