/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/proof.h"

#include <openssl/crypto.h>
#include <string.h>
#include <time.h>

#include "core/alg.h"

static bool is_at_handle(const struct devid_key *key)
{
    return key->identity.key_place == DEVID_PLACE_HANDLE && devid_key_facts(key)->spki.len != 0;
}

static uint64_t connection_of(const struct devid_key *key)
{
    return devid_tpm_generation(devid_store_tpm(key->store));
}

static int64_t this_second(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec;
}

static bool is_proven(const struct devid_key *key)
{
    return !key->is_doubted && key->proven_in == connection_of(key);
}

static void set_proven(struct devid_key *key)
{
    key->is_doubted = false;
    key->proven_at = this_second();
    key->proven_in = connection_of(key);
}

bool devid_proof_is_due(const struct devid_key *key, const struct devid_use *use)
{
    bool tells_nothing = use->command == DEVID_USE_ECDH || use->command == DEVID_USE_OPEN || key->is_doubted;

    return is_at_handle(key) && (key->auth.size != 0 || (tells_nothing && !is_proven(key)));
}

devid_rc devid_proof_fail(const struct devid_key *key, struct devid_error *err)
{
    return devid_fail(err, DEVID_E_ABSENT, "0x%08x holds another key by now: \"devid doctor\" says what to do", key->identity.handle);
}

static devid_rc compare(struct devid_key *key, ESYS_CONTEXT *esys, struct devid_error *err)
{
    uint32_t handle = key->identity.handle;
    TPM2B_NAME mine, *found = NULL;
    TSS2_RC tss = Esys_TR_GetName(esys, key->object.tr, &found);
    devid_rc rc = tss == TSS2_RC_SUCCESS ? devid_object_name(devid_slice_of(devid_key_facts(key)->area), &mine, err)
                                         : devid_fail_tss(err, tss, handle, "look at 0x%08x", handle);

    if (rc == DEVID_OK && (found->size != mine.size || memcmp(found->name, mine.name, mine.size) != 0)) {
        key->is_doubted = true; /* until it is back: to try the key of somebody else may be a failure that the TPM counts */
        rc = devid_proof_fail(key, err);
    }
    if (rc == DEVID_OK)
        set_proven(key);
    Esys_Free(found);
    return rc;
}

devid_rc devid_proof_open(struct devid_key *key, ESYS_CONTEXT *esys, struct devid_error *err)
{
    devid_rc rc;

    devid_object_drop(key->store, esys, &key->object);
    rc = devid_object_ask(esys, key->identity.handle, &key->object.tr, err);
    if (rc != DEVID_OK)
        return rc;
    key->object.generation = connection_of(key);
    key->object.is_ready = true;
    return compare(key, esys, err);
}

/* After the fact: in a bracket of its own. */
static devid_rc look(struct devid_key *key, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(key->store);
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_proof_open(key, esys, err);
    devid_object_rest(key->store, esys, &key->object);
    devid_tpm_leave(tpm);
    return rc;
}

/* As what an answer can be verified; false: it cannot here. PSS by the chip is, each time, in sign.c, which knows the salt. */
static bool scheme_of(const struct devid_use *use, struct devid_scheme *scheme, struct devid_slice *digest)
{
    *scheme = (struct devid_scheme){.padding = DEVID_RAW};
    if (use->command == DEVID_USE_DECRYPT) {
        *digest = (struct devid_slice){use->block.buffer, use->block.size};
        return true;
    }
    *digest = (struct devid_slice){use->digest.buffer, use->digest.size};
    scheme->padding = use->scheme.scheme == TPM2_ALG_ECDSA ? DEVID_ECDSA : DEVID_PKCS1;
    if (scheme->padding == DEVID_PKCS1) /* ECDSA's digest may have been cut, or filled up to another hash's size */
        scheme->hash = devid_hash_of_alg(use->scheme.details.any.hashAlg);
    return use->command == DEVID_USE_SIGN && (use->scheme.scheme == TPM2_ALG_ECDSA || use->scheme.scheme == TPM2_ALG_RSASSA);
}

devid_rc devid_proof_after(struct devid_key *key, const struct devid_use *use, unsigned char *out, struct devid_error *err)
{
    struct devid_slice digest, given = {out, devid_key_sig_len(key)};
    struct devid_scheme scheme;
    devid_rc rc;

    if (!scheme_of(use, &scheme, &digest) || !is_at_handle(key) || (is_proven(key) && key->proven_at == this_second()))
        return DEVID_OK;
    if (devid_verify(devid_slice_of(devid_key_facts(key)->spki), &scheme, digest, given, NULL) == DEVID_OK) {
        set_proven(key);
        return DEVID_OK;
    }
    OPENSSL_cleanse(out, given.len);
    rc = look(key, err);
    return rc != DEVID_OK ? rc : devid_fail(err, DEVID_E_TPM, "the TPM's answer is wrong: it is not by the key at 0x%08x",
                                            key->identity.handle);
}

devid_rc devid_proof_of_refusal(struct devid_key *key, devid_rc rc, struct devid_error *err)
{
    struct devid_error other = {0};

    if ((rc != DEVID_E_TPM && rc != DEVID_E_AUTH && rc != DEVID_E_KEY) || !is_at_handle(key) ||
        look(key, &other) != DEVID_E_ABSENT)
        return rc;
    if (err != NULL)
        *err = other;
    return DEVID_E_ABSENT;
}
