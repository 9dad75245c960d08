/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. TPM 2.0 Library, Part 3, TPM2_GetRandom and TPM2_StirRandom. */
#include "core/random.h"

#include <openssl/crypto.h>
#include <string.h>

#include "core/chip.h"
#include "core/pss.h"
#include "core/tpm.h"

#define FROM_TPM 32 /* bytes: every TPM gives as many at once */
#define MOST 64     /* and none more than its longest digest */

/* What is asked of the TPM, and room for its answer. */
struct wish {
    bool is_stir;
    TPM2B_SENSITIVE_DATA seed;
    uint16_t wanted, got; /* bytes */
    unsigned char answer[MOST];
};

static TSS2_RC send(ESYS_CONTEXT *esys, struct wish *wish)
{
    TPM2B_DIGEST *bytes = NULL;
    TSS2_RC r;

    if (wish->is_stir)
        return Esys_StirRandom(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wish->seed);
    r = Esys_GetRandom(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, wish->wanted, &bytes);
    if (r == TSS2_RC_SUCCESS && (bytes->size > wish->wanted || bytes->size < (wish->wanted < FROM_TPM ? wish->wanted : FROM_TPM)))
        r = TSS2_ESYS_RC_MALFORMED_RESPONSE;
    if (r == TSS2_RC_SUCCESS) {
        wish->got = bytes->size;
        memcpy(wish->answer, bytes->buffer, bytes->size);
    }
    if (bytes != NULL)
        OPENSSL_cleanse(bytes, sizeof *bytes);
    Esys_Free(bytes);
    return r;
}

/* A connection that was lost since the last command is made anew, once. */
static devid_rc ask(struct devid_store *store, struct wish *wish, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_CONTEXT *esys;
    devid_rc rc = DEVID_OK;

    for (int attempt = 0; attempt < 2; attempt++) {
        TSS2_RC r;

        rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);
        if (rc != DEVID_OK)
            return rc;
        r = send(esys, wish);
        rc = devid_rc_of_tss(r);
        if (rc == DEVID_E_AWAY)
            rc = devid_tpm_away(tpm, r, err);
        else if (rc != DEVID_OK)
            rc = devid_fail_tss(err, r, 0, wish->is_stir ? "stir the TPM's random numbers" : "get random numbers");
        devid_chip_leave(tpm, rc);
        if (rc != DEVID_E_AWAY)
            break;
    }
    return rc;
}

devid_rc devid_random(struct devid_store *store, unsigned char *out, size_t len, struct devid_error *err)
{
    struct wish wish = {.wanted = FROM_TPM};
    devid_rc rc;

    if (len == 0)
        return DEVID_OK;
    rc = ask(store, &wish, err);
    if (rc == DEVID_OK && !devid_entropy(out, len))
        rc = devid_fail(err, DEVID_E_MEM, "the kernel gives no random numbers");
    if (rc == DEVID_OK)
        rc = devid_mgf1_xor(DEVID_SHA512, (struct devid_slice){wish.answer, FROM_TPM}, out, len, err);
    OPENSSL_cleanse(&wish, sizeof wish);
    return rc;
}

devid_rc devid_random_all(struct devid_store *store, unsigned char *out, size_t len, struct devid_error *err)
{
    struct wish wish = {0};
    devid_rc rc = DEVID_OK;

    if (!devid_entropy(out, len))
        return devid_fail(err, DEVID_E_MEM, "the kernel gives no random numbers");
    for (size_t done = 0; rc == DEVID_OK && done < len; done += wish.got) {
        wish.wanted = (uint16_t)(len - done < MOST ? len - done : MOST);
        wish.got = 0;
        rc = ask(store, &wish, err);
        for (size_t i = 0; i < wish.got; i++)
            out[done + i] ^= wish.answer[i];
    }
    if (rc != DEVID_OK)
        OPENSSL_cleanse(out, len);
    OPENSSL_cleanse(&wish, sizeof wish);
    return rc;
}

devid_rc devid_random_stir(struct devid_store *store, struct devid_slice seed, struct devid_error *err)
{
    struct wish wish = {.is_stir = true};
    devid_rc rc = devid_hash_once(DEVID_SHA256, seed, wish.seed.buffer, err);

    wish.seed.size = (UINT16)devid_hash_len(DEVID_SHA256);
    if (rc == DEVID_OK)
        rc = ask(store, &wish, err);
    OPENSSL_cleanse(&wish, sizeof wish);
    return rc;
}
