/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is logged in to what: in this process's memory, until it logs out. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "core/chip.h"
#include "core/object.h"
#include "core/snapshot.h"
#include "core/token.h"

struct devid_login {
    struct devid_login *next;
    char *token;
    enum devid_who who;
    struct devid_opened opened;
};

void devid_logins_init(struct devid_logins *logins)
{
    devid_mutex_init(&logins->mutex);
}

static void login_free(struct devid_login *login)
{
    free(login->token);
    OPENSSL_clear_free(login, sizeof *login);
}

void devid_logins_free(struct devid_logins *logins)
{
    while (logins->first != NULL) {
        struct devid_login *login = logins->first;

        logins->first = login->next;
        login_free(login);
    }
}

/* In a child, what a thread that does not exist here was just changing is not touched: nobody is logged in. */
static struct devid_logins *logins_enter(struct devid_store *store)
{
    struct devid_logins *logins = devid_store_logins(store);

    if (devid_mutex_lock(&logins->mutex))
        logins->first = NULL;
    return logins;
}

static struct devid_login *find(const struct devid_logins *logins, const char *token)
{
    struct devid_login *login = logins->first;

    while (login != NULL && strcmp(login->token, token) != 0)
        login = login->next;
    return login;
}

bool devid_login_lasts(struct devid_store *store, uint64_t number)
{
    struct devid_logins *logins = logins_enter(store);
    const struct devid_login *login = logins->first;

    while (login != NULL && login->opened.number != number)
        login = login->next;
    devid_mutex_unlock(&logins->mutex);
    return login != NULL;
}

bool devid_is_logged_in(struct devid_store *store, const char *token, enum devid_who who)
{
    struct devid_logins *logins = logins_enter(store);
    const struct devid_login *login = find(logins, token);
    bool is_that = login != NULL && login->who == who;

    devid_mutex_unlock(&logins->mutex);
    return is_that;
}

devid_rc devid_login_open(struct devid_store *store, const char *token, enum devid_who who, struct devid_opened *out,
                          struct devid_error *err)
{
    struct devid_logins *logins = logins_enter(store);
    const struct devid_login *login = find(logins, token);
    bool is_that = login != NULL && login->who == who;

    if (is_that)
        *out = login->opened;
    devid_mutex_unlock(&logins->mutex);
    return is_that ? DEVID_OK
                   : devid_fail(err, DEVID_E_AUTH, "token \"%s\" has a PIN: log in as its %s first", token,
                                who == DEVID_SO ? "security officer" : "user");
}

void devid_logout(struct devid_store *store, const char *token)
{
    struct devid_logins *logins = logins_enter(store);
    struct devid_login **at = &logins->first, *login = find(logins, token);

    while (login != NULL && *at != login)
        at = &(*at)->next;
    if (login != NULL)
        *at = login->next;
    devid_mutex_unlock(&logins->mutex);
    if (login != NULL)
        login_free(login);
}

/* In place of an earlier one to that token. */
static devid_rc remember(struct devid_store *store, const char *token, enum devid_who who, const struct devid_opened *opened,
                         struct devid_error *err)
{
    struct devid_login *login = OPENSSL_zalloc(sizeof *login);
    struct devid_logins *logins;

    if (login != NULL)
        login->token = strdup(token);
    if (login == NULL || login->token == NULL) {
        OPENSSL_free(login);
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    }
    login->who = who;
    login->opened = *opened;
    devid_logout(store, token);
    logins = logins_enter(store);
    login->opened.number = ++logins->last;
    login->next = logins->first;
    logins->first = login;
    devid_mutex_unlock(&logins->mutex);
    return DEVID_OK;
}

/* A PIN of a wrong length is wrong: there is no need to spend one of the TPM's tries on it. */
static devid_rc prove(struct devid_store *store, const struct devid_token *token, enum devid_who who, struct devid_slice pin,
                      struct devid_opened *opened, struct devid_error *err)
{
    struct devid_bytes blob = {0};
    devid_rc rc;

    if (token->rounds == 0)
        return devid_fail(err, DEVID_E_DATA, "the file " DEVID_TOKEN_FILE " of token \"%s\" is damaged", token->name);
    if (token->pins[who].salt.len == 0)
        return devid_fail(err, DEVID_E_ABSENT, "the user's PIN of token \"%s\" is not set yet", token->name);
    if (pin.len < DEVID_PIN_MIN || pin.len > DEVID_PIN_MAX)
        return devid_fail(err, DEVID_E_AUTH, "a PIN of %zu bytes is none of token \"%s\"", pin.len, token->name);
    rc = devid_object_parts(devid_slice_of(token->area), devid_slice_of(token->pins[who].blob), &opened->area,
                            &opened->private, err);
    if (rc == DEVID_OK)
        rc = devid_pin_derive(token, who, pin, &opened->auth, err);
    if (rc == DEVID_OK)
        rc = devid_pin_change(store, token, who, &opened->auth, &opened->auth, &blob, err);
    devid_bytes_free(&blob);
    return rc;
}

static devid_rc prove_now(struct devid_store *store, const char *name, enum devid_who who, struct devid_slice pin,
                          struct devid_opened *opened, struct devid_error *err)
{
    struct devid_snapshot *snap = NULL;
    const struct devid_token *token;
    devid_rc rc = devid_store_known(store, &snap, err);

    if (rc != DEVID_OK)
        return rc;
    token = devid_snapshot_token(snap, name);
    rc = token != NULL ? prove(store, token, who, pin, opened, err)
                       : devid_fail(err, DEVID_E_ABSENT, "token \"%s\" has no PIN", name);
    devid_snapshot_free(snap);
    return rc;
}

devid_rc devid_login_check(struct devid_store *store, const char *token, enum devid_who who, struct devid_slice pin,
                           struct devid_error *err)
{
    struct devid_opened opened = {0};
    devid_rc rc = prove_now(store, token, who, pin, &opened, err);

    OPENSSL_cleanse(&opened, sizeof opened);
    return rc;
}

devid_rc devid_login(struct devid_store *store, const char *token, enum devid_who who, struct devid_slice pin,
                     struct devid_error *err)
{
    struct devid_opened opened = {0};
    devid_rc rc = prove_now(store, token, who, pin, &opened, err);

    if (rc == DEVID_OK)
        rc = remember(store, token, who, &opened, err);
    OPENSSL_cleanse(&opened, sizeof opened);
    return rc;
}

/* One answer has all three: they follow each other. */
devid_rc devid_token_tries(struct devid_store *store, struct devid_tries *out, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    TPMS_CAPABILITY_DATA *found = NULL;
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);
    TSS2_RC r;

    if (rc != DEVID_OK)
        return rc;
    *out = (struct devid_tries){0};
    r = Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_PERMANENT,
                           TPM2_PT_MAX_AUTH_FAIL - TPM2_PT_PERMANENT + 1, NULL, &found);
    if (r != TSS2_RC_SUCCESS)
        rc = devid_fail_tss(err, r, 0, "ask the TPM for the number of wrong PINs");
    for (uint32_t i = 0; rc == DEVID_OK && i < found->data.tpmProperties.count; i++) {
        const TPMS_TAGGED_PROPERTY *p = &found->data.tpmProperties.tpmProperty[i];

        if (p->property == TPM2_PT_PERMANENT)
            out->is_locked = (p->value & TPMA_PERMANENT_INLOCKOUT) != 0;
        else if (p->property == TPM2_PT_LOCKOUT_COUNTER)
            out->failed = p->value;
        else if (p->property == TPM2_PT_MAX_AUTH_FAIL)
            out->max = p->value;
    }
    Esys_Free(found);
    devid_chip_leave(tpm, rc);
    return rc;
}
