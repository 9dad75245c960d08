/* SPDX-License-Identifier: BSD-2-Clause */
/* One key says that another is in its TPM, and a secret that only this TPM can open. */
#include "core/attest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/hash.h"
#include "core/make.h"
#include "core/policy.h"
#include "core/recover.h"
#include "put.h"
#include "tpm/by_hand.h"
#include "tpm/keys.h"

#define IDEVID 0x81020000U
#define IAK 0x81020001U
#define EK 0x81010001U
#define EK_LOW_POLICY "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"

static const unsigned char nonce_bytes[] = "the verifier's own";
static const struct devid_slice nonce = {nonce_bytes, sizeof nonce_bytes - 1};

static int start(void **state)
{
    *state = world_start();
    return 0;
}

static const struct devid_identity *find(struct devid_store *store, const char *label, struct devid_snapshot **snap)
{
    const struct devid_query query = {.label = label};
    const struct devid_identity *found = NULL;
    struct devid_error err = {0};

    assert_rc(devid_store_find(store, &query, snap, &found, &err), DEVID_OK, err);
    return found;
}

static devid_rc certify(struct devid_store *store, const char *key, const char *iak, struct devid_attested *out,
                        struct devid_error *err)
{
    struct devid_snapshot *key_snap = NULL, *iak_snap = NULL;
    const struct devid_identity *a = find(store, key, &key_snap);
    const struct devid_identity *b = iak != NULL ? find(store, iak, &iak_snap) : NULL;
    devid_rc rc = devid_attest_certify(store, a, b, nonce, out, err);

    devid_snapshot_free(key_snap);
    devid_snapshot_free(iak_snap);
    return rc;
}

/* A TPM that tests an algorithm at its first use says so (TPM_RC_RETRY), and ESYS asks again: not in what is counted. */
static void warm_up(struct world *w, const char *key, const char *iak)
{
    struct devid_attested attested = {0};
    struct devid_error err = {0};

    assert_rc(certify(world_store(w), key, iak, &attested, &err), DEVID_OK, err);
    devid_attested_free(&attested);
    world_forget_commands(w);
}

/* The signature is the attestation key's, over what names the key and repeats the nonce. */
static void assert_attested(const struct devid_attested *a, const struct devid_scheme *scheme)
{
    struct devid_public iak = {0}, key = {0};
    unsigned char digest[DEVID_HASH_MAX], name[2 + DEVID_HASH_MAX], sig[512] = {0};
    size_t at = 0, sig_len, name_len;
    enum devid_hash hash;
    TPMT_SIGNATURE signature;
    TPMS_ATTEST attest;

    assert_int_equal(devid_public_from_area(devid_slice_of(a->iak_area), &iak, NULL), DEVID_OK);
    assert_int_equal(devid_public_from_area(devid_slice_of(a->key_area), &key, NULL), DEVID_OK);
    assert_int_equal(Tss2_MU_TPMT_SIGNATURE_Unmarshal(a->signature.data, a->signature.len, &at, &signature), TSS2_RC_SUCCESS);
    assert_int_equal(at, a->signature.len);
    sig_len = devid_public_sig_len(&iak);
    if (scheme->padding == DEVID_ECDSA) {
        const TPM2B_ECC_PARAMETER *r = &signature.signature.ecdsa.signatureR, *s = &signature.signature.ecdsa.signatureS;

        memcpy(sig + sig_len / 2 - r->size, r->buffer, r->size);
        memcpy(sig + sig_len - s->size, s->buffer, s->size);
    } else {
        memcpy(sig, signature.signature.rsapss.sig.buffer, sig_len);
    }
    assert_int_equal(devid_hash_once(scheme->hash, devid_slice_of(a->attest), digest, NULL), DEVID_OK);
    assert_int_equal(devid_verify(devid_slice_of(iak.spki), scheme, (struct devid_slice){digest, devid_hash_len(scheme->hash)},
                                  (struct devid_slice){sig, sig_len}, NULL), DEVID_OK);
    at = 0;
    assert_int_equal(Tss2_MU_TPMS_ATTEST_Unmarshal(a->attest.data, a->attest.len, &at, &attest), TSS2_RC_SUCCESS);
    assert_true(at == a->attest.len && attest.magic == TPM2_GENERATED_VALUE && attest.type == TPM2_ST_ATTEST_CERTIFY);
    assert_int_equal(attest.extraData.size, nonce.len);
    assert_memory_equal(attest.extraData.buffer, nonce.data, nonce.len);
    hash = a->key_area.data[5] == TPM2_ALG_SHA256 ? DEVID_SHA256 : a->key_area.data[5] == TPM2_ALG_SHA384 ? DEVID_SHA384 : DEVID_SHA512;
    memcpy(name, a->key_area.data + 4, 2);
    name_len = 2 + devid_hash_len(hash);
    assert_int_equal(devid_hash_once(hash, (struct devid_slice){a->key_area.data + 2, a->key_area.len - 2}, name + 2, NULL), DEVID_OK);
    assert_int_equal(attest.attested.certify.name.size, name_len);
    assert_memory_equal(attest.attested.certify.name.name, name, name_len);
    devid_public_free(&iak);
    devid_public_free(&key);
}

/* Every type: H-1 to H-4, each attested by an attestation key of its type. */
static void a_device_key_is_attested_by_branch_b_of_its_policy(void **state)
{
    static const struct {
        enum devid_alg alg;
        unsigned bits;
        struct devid_scheme scheme;
    } types[] = {
        {DEVID_RSA, 2048, {DEVID_PSS, DEVID_SHA256, DEVID_HASH_NONE, 32}},
        {DEVID_EC, 256, {DEVID_ECDSA, DEVID_SHA256, DEVID_HASH_NONE, 0}},
        {DEVID_EC, 384, {DEVID_ECDSA, DEVID_SHA384, DEVID_HASH_NONE, 0}},
        {DEVID_EC, 521, {DEVID_ECDSA, DEVID_SHA512, DEVID_HASH_NONE, 0}},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct devid_attested attested = {0};
        struct devid_error err = {0};

        keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, types[i].alg, types[i].bits, IDEVID);
        keys_make_device(world_store(w), "iak", DEVID_ROLE_IAK, types[i].alg, types[i].bits, IAK);
        warm_up(w, "idevid", "iak");
        assert_rc(certify(world_store(w), "idevid", "iak", &attested, &err), DEVID_OK, err);
        assert_sent(w, "ReadPublic ReadPublic StartAuthSession PolicySecret PolicyCommandCode PolicyOR Certify FlushContext");
        assert_attested(&attested, &types[i].scheme);
        devid_attested_free(&attested);
        world_assert_clean(w);
        by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81020000 && tpm2_evictcontrol -Q -C o -c 0x81020001");
    }
}

static void an_owners_key_is_attested_with_its_empty_password(void **state)
{
    const struct devid_scheme scheme = {DEVID_ECDSA, DEVID_SHA256, DEVID_HASH_NONE, 0};
    struct world *w = *state;
    struct devid_attested attested = {0};
    struct devid_error err = {0};

    keys_make(world_store(w), "wrapped", DEVID_EC, 256, 0);
    keys_make_device(world_store(w), "iak", DEVID_ROLE_IAK, DEVID_EC, 256, IAK);
    warm_up(w, "wrapped", "iak");
    assert_rc(certify(world_store(w), "wrapped", "iak", &attested, &err), DEVID_OK, err);
    assert_sent(w, "Load ReadPublic ReadPublic Certify FlushContext");
    assert_attested(&attested, &scheme);
    devid_attested_free(&attested);
    world_assert_clean(w);
}

static void without_an_attestation_key_the_tcgs_is_made_and_flushed(void **state)
{
    const struct devid_scheme scheme = {DEVID_ECDSA, DEVID_SHA256, DEVID_HASH_NONE, 0};
    struct world *w = *state;
    struct devid_attested attested = {0}, later = {0};
    struct devid_error err = {0};

    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    warm_up(w, "idevid", NULL);
    assert_rc(certify(world_store(w), "idevid", NULL, &attested, &err), DEVID_OK, err);
    assert_sent(w, "ReadPublic CreatePrimary StartAuthSession PolicySecret PolicyCommandCode PolicyOR Certify FlushContext "
                   "FlushContext");
    assert_attested(&attested, &scheme);
    keys_make_device(world_store(w), "iak", DEVID_ROLE_IAK, DEVID_EC, 256, IAK);
    assert_rc(certify(world_store(w), "idevid", "iak", &later, &err), DEVID_OK, err);
    assert_true(devid_slice_eq(devid_slice_of(attested.iak_area), devid_slice_of(later.iak_area)));
    devid_attested_free(&attested);
    devid_attested_free(&later);
    world_assert_clean(w);
}

static void an_ordinary_key_attests_nothing(void **state)
{
    struct world *w = *state;
    struct devid_attested attested = {0};
    struct devid_error err = {0};

    keys_make(world_store(w), "wrapped", DEVID_EC, 256, 0);
    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    assert_rc(certify(world_store(w), "wrapped", "idevid", &attested, &err), DEVID_E_KEY, err);
    assert_non_null(strstr(err.text, "idevid is no attestation key"));
    assert_null(attested.attest.data);
    world_assert_clean(w);
}

/* Others' key at the EK's handle, and our store knows it. */
static void keep_ek(struct world *w)
{
    struct devid_made made = {0};
    struct devid_identity identity = {.token = "manufacturer", .label = "ek", .public_label = "ek", .role = DEVID_ROLE_EK,
                                      .key_place = DEVID_PLACE_HANDLE, .handle = EK};
    struct devid_error err = {0};

    assert_rc(devid_make_look(world_store(w), EK, &made, &err), DEVID_OK, err);
    identity.pub = made.pub;
    identity.object = devid_slice_of(made.object);
    assert_rc(put_identity(world_store(w), &identity, &err), DEVID_OK, err);
    devid_made_free(&made);
}

/* The credential of tpm2_makecredential: magic, version, TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET. */
static devid_rc activate(struct world *w, const char *key, unsigned flip, struct devid_secret *out, struct devid_error *err)
{
    struct devid_snapshot *key_snap = NULL, *ek_snap = NULL;
    const struct devid_identity *a = find(world_store(w), key, &key_snap), *b = find(world_store(w), "ek", &ek_snap);
    struct devid_bytes file = {0};
    struct devid_slice blob, secret;
    char path[256];
    devid_rc rc;

    (void)snprintf(path, sizeof path, "%s/credential", world_folder(w));
    assert_int_equal(devid_file_read(path, 4096, &file, NULL), DEVID_OK);
    blob = (struct devid_slice){file.data + 10, (size_t)file.data[8] << 8 | file.data[9]};
    secret = (struct devid_slice){blob.data + blob.len + 2, (size_t)blob.data[blob.len] << 8 | blob.data[blob.len + 1]};
    assert_int_equal(10 + blob.len + 2 + secret.len, file.len);
    if (flip != 0)
        file.data[flip] ^= 1;
    rc = devid_attest_activate(world_store(w), a, b, blob, secret, out, err);
    devid_bytes_free(&file);
    devid_snapshot_free(key_snap);
    devid_snapshot_free(ek_snap);
    return rc;
}

static void make_credential(struct world *w, uint32_t key)
{
    char log[256];

    by_hand_says(w, log, sizeof log, "tpm2_readpublic -Q -c 0x%08x -o ek.pub && tpm2_readpublic -Q -c 0x%08x -n name && "
                 "printf 0123456789abcdef >challenge && "
                 "tpm2_makecredential -Q -T none -u ek.pub -s challenge -n $(xxd -p -c 100 name) -o credential", EK, key);
}

/* EKs of the low range, as tpm2_createek makes them; a device key needs branch C. */
static void an_ek_of_the_low_range_opens_a_credential_for_the_idevid(void **state)
{
    static const char *const types[] = {"rsa", "ecc"};
    struct world *w = *state;

    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct devid_secret credential = {0};
        struct devid_error err = {0};

        by_hand(w, "tpm2_createek -Q -G %s -c 0x%08x -u ek.tpm", types[i], EK);
        keep_ek(w);
        make_credential(w, IDEVID);
        world_forget_commands(w);
        assert_rc(activate(w, "idevid", 0, &credential, &err), DEVID_OK, err);
        assert_sent(w, "ReadPublic ReadPublic StartAuthSession PolicySecret PolicyCommandCode PolicyOR "
                       "StartAuthSession PolicySecret ActivateCredential FlushContext FlushContext");
        assert_int_equal(credential.len, 16);
        assert_memory_equal(credential.data, "0123456789abcdef", 16);
        devid_secret_free(&credential);
        assert_rc(activate(w, "idevid", 20, &credential, &err), DEVID_E_DATA, err); /* in the HMAC */
        assert_rc(activate(w, "idevid", 50, &credential, &err), DEVID_E_DATA, err); /* in the identity */
        assert_rc(activate(w, "idevid", 80, &credential, &err), DEVID_E_DATA, err); /* in the secret */
        assert_non_null(strstr(err.text, i == 0 ? "was changed on its way" : "no point of the EK's curve"));
        world_assert_clean(w);
        by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x%08x", EK);
    }
}

/* Those of the high range have PolicyOR of A and PolicyAuthorizeNV. */
static void an_ek_of_the_high_range_opens_a_credential_by_policy_or(void **state)
{
    static const struct {
        TPM2_ALG_ID hash;
        const char *name, *type;
    } eks[] = {
        {TPM2_ALG_SHA256, "sha256", "rsa2048:aes128cfb"}, {TPM2_ALG_SHA256, "sha256", "ecc256:aes128cfb"},
        {TPM2_ALG_SHA384, "sha384", "ecc384:aes256cfb"},  {TPM2_ALG_SHA512, "sha512", "ecc521:aes256cfb"},
    };
    struct world *w = *state;

    keys_make(world_store(w), "wrapped", DEVID_EC, 256, 0x81000005);
    for (size_t i = 0; i < sizeof eks / sizeof eks[0]; i++) {
        struct devid_secret credential = {0};
        struct devid_error err = {0};
        struct devid_bytes hex = {0};
        TPM2B_DIGEST policy;

        assert_int_equal(devid_policy_digest(DEVID_POLICY_EK_HIGH, eks[i].hash, &policy, NULL), DEVID_OK);
        assert_int_equal(devid_hex_encode((struct devid_slice){policy.buffer, policy.size}, &hex, NULL), DEVID_OK);
        by_hand(w, "printf %s | xxd -r -p >policy && tpm2_createprimary -Q -C e -g %s -G %s -L policy -c ek.ctx -a 'fixedtpm|"
                "fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|restricted|decrypt' && "
                "tpm2_evictcontrol -Q -C o -c ek.ctx 0x%08x && tpm2_flushcontext -Q -t",
                (const char *)hex.data, eks[i].name, eks[i].type, EK);
        keep_ek(w);
        make_credential(w, 0x81000005);
        world_forget_commands(w);
        assert_rc(activate(w, "wrapped", 0, &credential, &err), DEVID_OK, err);
        assert_sent(w, "ReadPublic ReadPublic StartAuthSession PolicySecret PolicyOR ActivateCredential FlushContext");
        assert_memory_equal(credential.data, "0123456789abcdef", 16);
        devid_secret_free(&credential);
        world_assert_clean(w);
        devid_bytes_free(&hex);
        by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x%08x", EK);
    }
}

/* EK Credential Profile 2.5, B.3.2: the nonce stands in unique, and makes another key. */
static void an_ek_that_its_maker_made_with_a_nonce_is_made_again(void **state)
{
    struct world *w = *state;
    struct devid_bytes made_by = {0}, made_by_template = {0};
    struct devid_made ek = {0}, back = {0};
    struct devid_lost lost = {.role = DEVID_ROLE_EK, .handle = EK};
    struct devid_error err = {0};
    const char *how = NULL;

    assert_rc(devid_make_ek_template(world_store(w), 0x01c00002, &made_by, &err), DEVID_E_ABSENT, err);
    assert_rc(devid_make_ek_template(world_store(w), 0x01c90000, &made_by, &err), DEVID_E_ABSENT, err);
    by_hand(w, "printf nonce >nonce && tpm2_nvdefine -Q -C p -s 5 -a 'ppwrite|ppread|ownerread|authread|platformcreate|no_da' "
            "0x01c00003 && tpm2_nvwrite -Q -C p -i nonce 0x01c00003");
    assert_rc(devid_make_ek_template(world_store(w), 0x01c00002, &made_by, &err), DEVID_OK, err);
    by_hand(w, "printf nonce >unique && head -c 251 /dev/zero >>unique && printf " EK_LOW_POLICY " | xxd -r -p >policy && "
            "{ printf '\\000\\001'; cat unique; } >unique.tpm && "
            "tpm2_createprimary -Q -C e -g sha256 -G rsa2048:aes128cfb -L policy -u unique.tpm -c ek.ctx -a 'fixedtpm|fixedparent|"
            "sensitivedataorigin|adminwithpolicy|restricted|decrypt' && tpm2_evictcontrol -Q -C o -c ek.ctx 0x%08x && "
            "tpm2_flushcontext -Q -t", EK);
    assert_rc(devid_make_look(world_store(w), EK, &ek, &err), DEVID_OK, err);
    by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x%08x", EK);
    lost.spki = devid_slice_of(ek.pub.spki);
    assert_rc(devid_recover(world_store(w), &lost, &back, &how, &err), DEVID_E_KEY, err);
    lost.recorded = devid_slice_of(made_by);
    assert_rc(devid_recover(world_store(w), &lost, &back, &how, &err), DEVID_OK, err);
    assert_true(devid_slice_eq(devid_slice_of(ek.pub.area), devid_slice_of(back.pub.area)));
    assert_true(devid_slice_eq(devid_slice_of(made_by), devid_slice_of(back.made_by)));
    by_hand(w, "printf template >template && tpm2_nvdefine -Q -C p -s 8 -a "
            "'ppwrite|ppread|ownerread|authread|platformcreate|no_da' 0x01c00004 && tpm2_nvwrite -Q -C p -i template 0x01c00004");
    assert_rc(devid_make_ek_template(world_store(w), 0x01c00002, &made_by_template, &err), DEVID_OK, err);
    assert_memory_equal(made_by_template.data, "template", 8);
    devid_made_free(&ek);
    devid_made_free(&back);
    devid_bytes_free(&made_by);
    devid_bytes_free(&made_by_template);
    world_assert_clean(w);
}

static void the_template_of_a_device_key_is_recorded_with_it(void **state)
{
    struct world *w = *state;
    struct devid_snapshot *snap = NULL;
    struct devid_made back = {0};
    struct devid_lost lost = {.role = DEVID_ROLE_IDEVID, .handle = IDEVID};
    const struct devid_identity *found;
    struct devid_error err = {0};
    const char *how = NULL;

    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    found = find(world_store(w), "idevid", &snap);
    assert_int_equal(found->made_by.len, 0x3e);
    by_hand(w, "tpm2_clear -c p");
    lost.spki = devid_slice_of(found->pub.spki);
    lost.recorded = found->made_by;
    assert_rc(devid_recover(world_store(w), &lost, &back, &how, &err), DEVID_OK, err);
    assert_string_equal(how, "recorded template");
    devid_made_free(&back);
    devid_snapshot_free(snap);
    world_assert_clean(w);
}

static void attest_once(struct devid_store *store, void *arg)
{
    struct devid_attested *out = arg;
    struct devid_error err = {0};

    assert_int_equal(certify(store, "idevid", NULL, out, &err), DEVID_OK);
}

static void a_killed_attestation_leaves_what_the_next_sweep_takes_away(void **state)
{
    struct world *w = *state;
    struct devid_attested attested = {0};
    unsigned n = 1;

    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    for (; killed_after(n, attest_once, &attested); n++) {
        assert_int_equal(devid_make_sweep(world_store(w), NULL), DEVID_OK);
        world_assert_clean(w);
    }
    assert_int_equal(n - 1, 9);
    attest_once(world_store(w), &attested);
    devid_attested_free(&attested);
    world_assert_clean(w);
}

static void full_slots_and_sessions_are_swept_once(void **state)
{
    struct world *w = *state;
    struct devid_attested attested = {0};
    struct devid_error err = {0};

    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    by_hand(w, "for i in 1 2 3; do tpm2_startauthsession -Q -S session.ctx; done; "
            "for i in 1 2 3; do tpm2_createprimary -Q -C o -c left.ctx; done");
    assert_rc(certify(world_store(w), "idevid", NULL, &attested, &err), DEVID_OK, err);
    devid_attested_free(&attested);
    world_assert_clean(w);
}

static void an_endorsement_hierarchy_with_a_password_is_named_and_nothing_stays(void **state)
{
    struct world *w = *state;
    struct devid_attested attested = {0};
    struct devid_error err = {0};

    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    keys_make_device(world_store(w), "iak", DEVID_ROLE_IAK, DEVID_EC, 256, IAK);
    by_hand(w, "tpm2_changeauth -Q -c endorsement secret");
    assert_rc(certify(world_store(w), "idevid", "iak", &attested, &err), DEVID_E_AUTH, err);
    assert_non_null(strstr(err.text, "endorsement hierarchy of this TPM has a password"));
    world_assert_clean(w);
}

/*
 * Branch D as the owner of the endorsement hierarchy makes it, by tpm2-tools: an index that policy A writes, and in it the policy that
 * may be satisfied instead. \param approved  a command of tpm2-tools that extends the trial session s.ctx, and writes the policy to "to"
 */
static void delegate(struct world *w, uint32_t index, const char *approved)
{
    by_hand(w, "printf " EK_LOW_POLICY " | xxd -r -p >a && tpm2_nvdefine -Q -C o -s 34 -g sha256 -L a -a "
            "'policywrite|writeall|ppread|ownerread|authread|policyread|no_da' 0x%08x && "
            "tpm2_startauthsession -Q -S s.ctx && %s && tpm2_flushcontext -Q s.ctx && "
            "{ printf '\\000\\013'; cat to; } >held && "
            "tpm2_startauthsession -Q --policy-session -S s.ctx && tpm2_policysecret -Q -S s.ctx -c e && "
            "tpm2_nvwrite -Q -C 0x%08x -P session:s.ctx -i held 0x%08x && tpm2_flushcontext -Q s.ctx", index, approved, index, index);
}

static void what_is_delegated_needs_no_password_of_the_endorsement_hierarchy(void **state)
{
    struct world *w = *state;
    struct devid_attested attested = {0};
    struct devid_error err = {0};

    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    keys_make_device(world_store(w), "iak", DEVID_ROLE_IAK, DEVID_EC, 256, IAK);
    warm_up(w, "idevid", "iak");
    delegate(w, 0x01c90010, "tpm2_policycommandcode -Q -S s.ctx -L to TPM2_CC_Certify");
    by_hand(w, "tpm2_changeauth -Q -c endorsement secret");
    world_forget_commands(w);
    assert_rc(certify(world_store(w), "idevid", "iak", &attested, &err), DEVID_OK, err);
    assert_sent(w, "ReadPublic ReadPublic StartAuthSession PolicySecret(0x9a2) NV_ReadPublic NV_Read PolicyCommandCode "
                   "PolicyAuthorizeNV PolicyOR Certify FlushContext");
    assert_attested(&attested, &(struct devid_scheme){.padding = DEVID_ECDSA, .hash = DEVID_SHA256});
    devid_attested_free(&attested);
    world_assert_clean(w);
}

static void what_is_not_delegated_is_told_and_nothing_stays(void **state)
{
    struct world *w = *state;
    struct devid_attested attested = {0};
    struct devid_error err = {0};

    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    keys_make_device(world_store(w), "iak", DEVID_ROLE_IAK, DEVID_EC, 256, IAK);
    delegate(w, 0x01c90010, "tpm2_policycommandcode -Q -S s.ctx -L to TPM2_CC_ActivateCredential");
    by_hand(w, "tpm2_changeauth -Q -c endorsement secret");
    assert_rc(certify(world_store(w), "idevid", "iak", &attested, &err), DEVID_E_AUTH, err);
    assert_non_null(strstr(err.text, "endorsement hierarchy of this TPM has a password"));
    world_assert_clean(w);
}

/* Both keys' indices: the EK's USER role may be delegated without naming a command, the other key's ADMIN role may not. */
static void a_credential_is_opened_by_what_is_delegated(void **state)
{
    struct world *w = *state;
    struct devid_secret credential = {0};
    struct devid_error err = {0};
    struct devid_bytes hex = {0};
    TPM2B_DIGEST policy;

    assert_int_equal(devid_policy_digest(DEVID_POLICY_EK_HIGH, TPM2_ALG_SHA256, &policy, NULL), DEVID_OK);
    assert_int_equal(devid_hex_encode((struct devid_slice){policy.buffer, policy.size}, &hex, NULL), DEVID_OK);
    by_hand(w, "printf %s | xxd -r -p >policy && tpm2_createprimary -Q -C e -g sha256 -G ecc256:aes128cfb -L policy -c ek.ctx -a 'fixedtpm|"
            "fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|restricted|decrypt' && "
            "tpm2_evictcontrol -Q -C o -c ek.ctx 0x%08x && tpm2_flushcontext -Q -t", (const char *)hex.data, EK);
    devid_bytes_free(&hex);
    keep_ek(w);
    keys_make_device(world_store(w), "idevid", DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID);
    make_credential(w, IDEVID);
    delegate(w, 0x01c90010, "tpm2_policycommandcode -Q -S s.ctx -L to TPM2_CC_ActivateCredential");
    delegate(w, 0x01c07f01, "head -c 32 /dev/zero >to");
    by_hand(w, "tpm2_changeauth -Q -c endorsement secret");
    world_forget_commands(w);
    assert_rc(activate(w, "idevid", 0, &credential, &err), DEVID_OK, err);
    assert_sent(w, "ReadPublic ReadPublic "
                   "StartAuthSession PolicySecret(0x9a2) NV_ReadPublic NV_Read PolicyCommandCode PolicyAuthorizeNV PolicyOR "
                   "StartAuthSession PolicySecret(0x9a2) NV_ReadPublic NV_Read PolicyAuthorizeNV PolicyOR "
                   "ActivateCredential FlushContext FlushContext");
    assert_memory_equal(credential.data, "0123456789abcdef", 16);
    devid_secret_free(&credential);
    world_assert_clean(w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, world_end)
    const struct CMUnitTest tests[] = {
        TEST(a_device_key_is_attested_by_branch_b_of_its_policy),
        TEST(an_owners_key_is_attested_with_its_empty_password),
        TEST(without_an_attestation_key_the_tcgs_is_made_and_flushed),
        TEST(an_ordinary_key_attests_nothing),
        TEST(an_ek_of_the_low_range_opens_a_credential_for_the_idevid),
        TEST(an_ek_of_the_high_range_opens_a_credential_by_policy_or),
        TEST(an_ek_that_its_maker_made_with_a_nonce_is_made_again),
        TEST(the_template_of_a_device_key_is_recorded_with_it),
        TEST(a_killed_attestation_leaves_what_the_next_sweep_takes_away),
        TEST(full_slots_and_sessions_are_swept_once),
        TEST(an_endorsement_hierarchy_with_a_password_is_named_and_nothing_stays),
        TEST(what_is_delegated_needs_no_password_of_the_endorsement_hierarchy),
        TEST(what_is_not_delegated_is_told_and_nothing_stays),
        TEST(a_credential_is_opened_by_what_is_delegated),
    };

    return cmocka_run_group_tests_name("attest", tests, NULL, NULL);
}
