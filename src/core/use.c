/* SPDX-License-Identifier: BSD-2-Clause */
/* From a thread's turn at the TPM to its answer, with the second tries that heal. */
#include "core/use.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define TRIES 6 /* of a busy TPM: 1 + 2 + 4 + 8 + 16 ms, after what ESYS itself tries */

static void pad_left(unsigned char *out, size_t size, const unsigned char *in, size_t len)
{
    memset(out, 0, size - len);
    memcpy(out + size - len, in, len);
}

/* What the TPM answers is outside bytes too: nothing longer than the key is taken. */
static devid_rc take_signature(const struct devid_key *key, const TPMT_SIGNATURE *sig, unsigned char *out,
                               struct devid_error *err)
{
    size_t size = (key->identity.pub.bits + 7U) / 8U;
    const TPMS_SIGNATURE_ECDSA *ec = &sig->signature.ecdsa;
    const TPM2B_PUBLIC_KEY_RSA *rsa = &sig->signature.rsassa.sig; /* RSAPSS has the same layout */

    if (sig->sigAlg == TPM2_ALG_ECDSA && key->identity.pub.alg == DEVID_EC && ec->signatureR.size <= size &&
        ec->signatureS.size <= size) {
        pad_left(out, size, ec->signatureR.buffer, ec->signatureR.size);
        pad_left(out + size, size, ec->signatureS.buffer, ec->signatureS.size);
        return DEVID_OK;
    }
    if (sig->sigAlg != TPM2_ALG_ECDSA && key->identity.pub.alg == DEVID_RSA && rsa->size <= size) {
        pad_left(out, size, rsa->buffer, rsa->size);
        return DEVID_OK;
    }
    return devid_fail(err, DEVID_E_TPM, "the TPM gave a signature of another kind than was asked for");
}

static TSS2_RC send_sign(ESYS_CONTEXT *esys, struct devid_key *key, const struct devid_use *use, unsigned char *out,
                         devid_rc *rc, struct devid_error *err)
{
    static const TPMT_TK_HASHCHECK no_ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    TPMT_SIGNATURE *sig = NULL;
    TSS2_RC tss = Esys_Sign(esys, key->object.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &use->digest,
                            &use->scheme, &no_ticket, &sig);

    if (tss == TSS2_RC_SUCCESS)
        *rc = take_signature(key, sig, out, err);
    Esys_Free(sig);
    return tss;
}

static TSS2_RC send_decrypt(ESYS_CONTEXT *esys, struct devid_key *key, const struct devid_use *use, unsigned char *out,
                            devid_rc *rc, struct devid_error *err)
{
    static const TPMT_RSA_DECRYPT no_scheme = {.scheme = TPM2_ALG_NULL};
    static const TPM2B_DATA no_label = {0};
    size_t size = key->identity.pub.modulus.len;
    TPM2B_PUBLIC_KEY_RSA *plain = NULL;
    TSS2_RC tss = Esys_RSA_Decrypt(esys, key->object.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &use->block,
                                   &no_scheme, &no_label, &plain);

    if (tss == TSS2_RC_SUCCESS) {
        if (plain->size <= size)
            pad_left(out, size, plain->buffer, plain->size);
        else
            *rc = devid_fail(err, DEVID_E_TPM, "the TPM gave a block that is longer than the key");
    }
    Esys_Free(plain);
    return tss;
}

/* Between enter and leave. true: something was mended, and the same may be tried once more. */
static bool mended(struct devid_key *key, ESYS_CONTEXT *esys, TSS2_RC tss, unsigned attempt)
{
    struct devid_tpm *tpm = devid_store_tpm(key->store);
    struct timespec pause = {.tv_nsec = 1000000L << attempt};

    switch (devid_rc_of_tss(tss)) {
    case DEVID_E_BUSY:
        (void)nanosleep(&pause, NULL);
        return attempt + 1 < TRIES;
    case DEVID_E_AWAY:
        devid_tpm_lost(tpm);
        return attempt == 0;
    default:
        break;
    }
    if ((tss & 0xffffU) == TPM2_RC_OBJECT_MEMORY || (tss & 0xffffU) == TPM2_RC_SESSION_MEMORY)
        return attempt == 0 && devid_tpm_sweep(tpm, NULL) == DEVID_OK;
    if ((tss & 0xffffU) == TPM2_RC_REFERENCE_H0) {
        (void)Esys_TR_Close(esys, &key->object.tr); /* it is gone there: nothing to flush */
        key->object = (struct devid_object){0};
        return attempt == 0;
    }
    return false;
}

static devid_rc name_key(const struct devid_key *key, devid_rc rc, struct devid_error *err)
{
    return key->identity.label != NULL && rc != DEVID_OK ? devid_error_in(err, rc, key->identity.label) : rc;
}

static devid_rc try_once(struct devid_key *key, const struct devid_use *use, unsigned char *out, unsigned attempt,
                         bool *again, struct devid_error *err)
{
    bool is_blob = key->identity.key_place == DEVID_PLACE_BLOB;
    struct devid_tpm *tpm = devid_store_tpm(key->store);
    struct devid_error why = {0};
    TSS2_RC tss = TSS2_RC_SUCCESS;
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, is_blob ? DEVID_TPM_TRANSIENT : DEVID_TPM_PERSISTENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_object_ready(key->store, esys, &key->identity, &key->object, &why);
    if (rc != DEVID_OK) {
        tss = why.tss;
    } else {
        tss = use->is_decrypt ? send_decrypt(esys, key, use, out, &rc, &why) : send_sign(esys, key, use, out, &rc, &why);
        if (tss != TSS2_RC_SUCCESS && key->identity.handle != 0)
            rc = devid_fail_tss(&why, tss, key->identity.handle, "sign with 0x%08" PRIx32, key->identity.handle);
        else if (tss != TSS2_RC_SUCCESS)
            rc = devid_fail_tss(&why, tss, 0, "sign with a wrapped key");
    }
    if (rc != DEVID_OK && tss != TSS2_RC_SUCCESS)
        *again = mended(key, esys, tss, attempt);
    devid_object_rest(key->store, esys, &key->object);
    devid_tpm_leave(tpm);
    if (rc != DEVID_OK && err != NULL)
        *err = why;
    return rc;
}

devid_rc devid_use_key(struct devid_key *key, const struct devid_use *use, unsigned char *out, struct devid_error *err)
{
    devid_rc rc = DEVID_E_TPM;
    bool again = true;

    for (unsigned attempt = 0; again; attempt++) {
        again = false;
        rc = try_once(key, use, out, attempt, &again, err);
        if (rc == DEVID_OK)
            break;
    }
    return name_key(key, rc, err);
}
