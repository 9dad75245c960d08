/* SPDX-License-Identifier: BSD-2-Clause */
/* A PIN, and the storage key that it is the auth value of: what is sent to the TPM. Declared in token.h. */
#include <time.h>

#include "core/chip.h"
#include "core/guarded.h"
#include "core/object.h"
#include "core/pss.h"
#include "core/salt.h"
#include "core/srk.h"
#include "core/template.h"
#include "core/token.h"

devid_rc devid_pin_derive(const struct devid_token *token, enum devid_who who, struct devid_slice pin, TPM2B_AUTH *auth,
                          struct devid_error *err)
{
    devid_rc rc;

    auth->size = (uint16_t)devid_hash_len(DEVID_SHA256);
    rc = devid_pbkdf2(pin, devid_slice_of(token->pins[who].salt), token->rounds, auth->buffer, auth->size, err);
    while (auth->size != 0 && auth->buffer[auth->size - 1] == 0)
        auth->size--;
    return rc;
}

devid_rc devid_pin_new(struct devid_token *token, enum devid_who who, struct devid_slice pin, TPM2B_AUTH *auth,
                       struct devid_error *err)
{
    unsigned char salt[DEVID_PIN_SALT];
    devid_rc rc;

    if (!devid_entropy(salt, sizeof salt))
        return devid_fail(err, DEVID_E_MEM, "the kernel gives no random numbers");
    devid_bytes_free(&token->pins[who].salt);
    rc = devid_bytes_copy((struct devid_slice){salt, sizeof salt}, &token->pins[who].salt, err);
    return rc == DEVID_OK ? devid_pin_derive(token, who, pin, auth, err) : rc;
}

/* What is asked of the TPM; next is NULL for a new key. */
struct job {
    const struct devid_token *token;
    enum devid_who who;
    const TPM2B_AUTH *auth, *next;
    bool makes_root; /* the storage root key was evicted: made again it takes the storage key as before */
    struct devid_made made;
};

static devid_rc create(struct devid_store *store, ESYS_CONTEXT *esys, struct job *job, struct devid_error *err)
{
    static const TPM2B_AUTH none;
    ESYS_TR srk = ESYS_TR_NONE;
    TPM2B_PUBLIC template;
    devid_rc rc = devid_srk_ready(store, esys, &srk, err);

    devid_template_pin(&template);
    if (rc == DEVID_OK)
        rc = devid_guarded_create(store, esys, srk, srk, &none, job->auth, &template, &job->made, err);
    devid_chip_close(esys, &srk);
    return rc;
}

static devid_rc change(struct devid_store *store, ESYS_CONTEXT *esys, struct job *job, struct devid_error *err)
{
    ESYS_TR srk = ESYS_TR_NONE, key = ESYS_TR_NONE;
    devid_rc rc = job->makes_root ? devid_srk_ready(store, esys, &srk, err)
                                  : devid_object_of_handle(store, esys, DEVID_SRK, (struct devid_slice){0}, &srk, err);

    if (rc == DEVID_OK)
        rc = devid_object_load(esys, srk, devid_slice_of(job->token->area), devid_slice_of(job->token->pins[job->who].blob),
                               &key, err);
    if (rc == DEVID_OK)
        rc = devid_guarded_change(store, esys, srk, key, job->auth, job->next, &job->made.blob, err);
    devid_chip_flush(esys, &key);
    devid_chip_close(esys, &srk);
    return rc;
}

#define TRIES 6 /* of a busy TPM: 1 + 2 + 4 + 8 + 16 ms */

/* What a second try can heal is tried again; a wrong PIN is none of that. */
static devid_rc ask(struct devid_store *store, struct job *job, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    bool again = true;
    devid_rc rc = DEVID_OK;

    for (unsigned attempt = 0; again && attempt < TRIES; attempt++) {
        struct timespec pause = {.tv_nsec = 1000000L << attempt};
        struct devid_error why = {0};
        ESYS_CONTEXT *esys;

        rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
        if (rc != DEVID_OK)
            return rc;
        rc = job->next != NULL ? change(store, esys, job, &why) : create(store, esys, job, &why);
        job->makes_root = rc == DEVID_E_ABSENT;
        again = rc == DEVID_E_BUSY || (attempt == 0 && (rc == DEVID_E_AWAY || rc == DEVID_E_ABSENT)) ||
                (attempt == 0 && rc != DEVID_OK && devid_chip_made_room(tpm, why.tss));
        if (rc == DEVID_E_AWAY)
            (void)devid_tpm_away(tpm, why.tss, &why);
        devid_chip_leave(tpm, rc);
        if (rc == DEVID_E_BUSY)
            (void)nanosleep(&pause, NULL);
        if (rc != DEVID_OK && err != NULL)
            *err = why;
    }
    return rc;
}

devid_rc devid_pin_create(struct devid_store *store, const TPM2B_AUTH *auth, struct devid_token *token, struct devid_error *err)
{
    struct job job = {.token = token, .auth = auth};
    devid_rc rc = ask(store, &job, err);

    if (rc == DEVID_OK) {
        devid_bytes_free(&token->area);
        devid_bytes_free(&token->pins[DEVID_SO].blob);
        token->area = job.made.pub.area;
        token->pins[DEVID_SO].blob = job.made.blob;
        job.made.pub.area = job.made.blob = (struct devid_bytes){0};
    }
    devid_made_free(&job.made);
    return rc;
}

devid_rc devid_pin_change(struct devid_store *store, const struct devid_token *token, enum devid_who who,
                          const TPM2B_AUTH *auth, const TPM2B_AUTH *next, struct devid_bytes *blob, struct devid_error *err)
{
    struct job job = {.token = token, .who = who, .auth = auth, .next = next};
    devid_rc rc = ask(store, &job, err);
    uint32_t tss = err != NULL ? err->tss : 0;

    if (rc == DEVID_OK)
        *blob = job.made.blob;
    else
        devid_bytes_free(&job.made.blob);
    if (rc == DEVID_E_AUTH)
        (void)devid_fail(err, rc, "this is not the %s PIN of token \"%s\"", who == DEVID_SO ? "security officer's" : "user's",
                         token->name);
    if (rc == DEVID_E_LOCKED)
        (void)devid_fail(err, rc, "the TPM takes no PIN after too many wrong ones: wait, or run \"tpm2_dictionarylockout -c\"");
    return rc == DEVID_E_AUTH || rc == DEVID_E_LOCKED ? devid_error_about(err, rc, tss, 0) : rc;
}
