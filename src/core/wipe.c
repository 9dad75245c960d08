/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/wipe.h"

#include <openssl/crypto.h>
#include <string.h>
#include <tss2/tss2_esys.h>

#include "core/cache.h"
#include "core/chip.h"
#include "core/files.h"
#include "core/put.h"
#include "core/recover.h"
#include "core/srk.h"

static devid_rc check_lockout(uint32_t permanent, bool has_auth, struct devid_error *err)
{
    bool wants_auth = (permanent & TPMA_PERMANENT_LOCKOUTAUTHSET) != 0;

    if ((permanent & TPMA_PERMANENT_INLOCKOUT) != 0)
        return devid_fail(err, DEVID_E_LOCKED, "the TPM is locked out by wrong passwords; it ends by itself after a while, or "
                          "authorise by the platform");
    if (wants_auth && !has_auth)
        return devid_fail(err, DEVID_E_AUTH, "the lockout hierarchy of this TPM has a password: name the file that has it");
    if (!wants_auth && has_auth)
        return devid_fail(err, DEVID_E_AUTH, "the lockout hierarchy of this TPM has no password, and one was given");
    return DEVID_OK;
}

devid_rc devid_wipe_check(struct devid_store *store, enum devid_authority by, bool has_auth, bool changes_seed,
                          struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    uint32_t permanent = 0, since_start = 0;
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_chip_property(esys, TPM2_PT_PERMANENT, &permanent, err);
    if (rc == DEVID_OK && by == DEVID_BY_PLATFORM)
        rc = devid_chip_property(esys, TPM2_PT_STARTUP_CLEAR, &since_start, err);
    devid_chip_leave(tpm, rc);
    if (rc != DEVID_OK)
        return rc;
    if (!changes_seed && (permanent & TPMA_PERMANENT_DISABLECLEAR) != 0)
        return devid_fail(err, DEVID_E_DENIED, "TPM2_Clear is switched off in this TPM (disableClear): the platform can "
                          "switch it on with \"tpm2_clearcontrol -C p c\"");
    if (by == DEVID_BY_LOCKOUT)
        return check_lockout(permanent, has_auth, err);
    if ((since_start & TPMA_STARTUP_CLEAR_PHENABLE) == 0)
        return devid_fail(err, DEVID_E_DENIED, "the platform hierarchy of this TPM is closed until the machine starts anew: "
                          "firmware does that; its setup may offer to clear the TPM");
    return DEVID_OK;
}

static devid_rc answer(TSS2_RC r, enum devid_authority by, const char *what, struct devid_error *err)
{
    const char *name = by == DEVID_BY_LOCKOUT ? "lockout" : "platform";
    devid_rc rc;

    if (r == TSS2_RC_SUCCESS)
        return DEVID_OK;
    if (!devid_tss_says(r, TPM2_RC_BAD_AUTH) && !devid_tss_says(r, TPM2_RC_AUTH_FAIL))
        return devid_fail_tss(err, r, 0, "%s", what);
    rc = devid_fail(err, DEVID_E_AUTH, "%s: that is not the password of the %s hierarchy%s", what, name,
                    by == DEVID_BY_LOCKOUT ? ", which takes no other one for a while now" : "");
    return devid_error_about(err, rc, r, 0);
}

/* The password goes in clear: the session that would hide it needs the storage root key, which may not be there. */
static devid_rc send(struct devid_store *store, enum devid_authority by, struct devid_slice auth,
                     TSS2_RC (*command)(ESYS_CONTEXT *esys, ESYS_TR hierarchy), const char *what, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    ESYS_TR hierarchy = by == DEVID_BY_LOCKOUT ? ESYS_TR_RH_LOCKOUT : ESYS_TR_RH_PLATFORM;
    TPM2B_AUTH given = {0};
    ESYS_CONTEXT *esys;
    devid_rc rc;

    if (auth.len > sizeof given.buffer)
        return devid_fail(err, DEVID_E_ARG, "a password of %zu bytes is longer than a TPM's can be", auth.len);
    given.size = (uint16_t)auth.len;
    if (auth.len != 0)
        memcpy(given.buffer, auth.data, auth.len);
    rc = devid_tpm_enter(tpm, DEVID_TPM_TRANSIENT, &esys, err);
    if (rc != DEVID_OK) {
        OPENSSL_cleanse(&given, sizeof given);
        return rc;
    }
    rc = answer(Esys_TR_SetAuth(esys, hierarchy, &given), by, what, err);
    if (rc == DEVID_OK)
        rc = answer(command(esys, hierarchy), by, what, err);
    OPENSSL_cleanse(&given, sizeof given);
    (void)Esys_TR_SetAuth(esys, hierarchy, &given);
    devid_chip_leave(tpm, rc);
    return rc;
}

static TSS2_RC send_clear(ESYS_CONTEXT *esys, ESYS_TR hierarchy)
{
    return Esys_Clear(esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
}

static TSS2_RC send_change(ESYS_CONTEXT *esys, ESYS_TR hierarchy)
{
    return Esys_ChangeEPS(esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
}

devid_rc devid_wipe_clear(struct devid_store *store, enum devid_authority by, struct devid_slice auth,
                          struct devid_error *err)
{
    devid_rc rc = send(store, by, auth, send_clear, "clear the TPM", err);

    if (rc == DEVID_OK)
        devid_cache_drop(store, DEVID_SRK); /* the next one has another name */
    return rc;
}

devid_rc devid_wipe_seed(struct devid_store *store, struct devid_slice auth, struct devid_error *err)
{
    return send(store, DEVID_BY_PLATFORM, auth, send_change, "change the endorsement seed", err);
}

devid_rc devid_wipe_forget(struct devid_store *store, const struct devid_identity *identity, struct devid_error *err)
{
    enum devid_standing standing = DEVID_STANDING_THERE;
    struct devid_bytes folder = {0};
    char name[256];
    int fd = -1;
    devid_rc rc = devid_standing_ask(store, NULL, identity, &standing, err);

    if (rc == DEVID_OK && standing == DEVID_STANDING_THERE)
        rc = devid_fail(err, DEVID_E_EXISTS, "%s: the TPM still has its key", identity->label);
    if (rc == DEVID_OK)
        rc = devid_put_name(identity->label, name, err);
    if (rc == DEVID_OK)
        rc = devid_store_token_folder(store, identity->token, &folder, err);
    if (rc == DEVID_OK)
        rc = devid_flock_enter((const char *)folder.data, &fd, err);
    if (rc == DEVID_OK)
        rc = devid_files_remove((const char *)folder.data, name, err);
    devid_flock_leave(fd);
    if (rc == DEVID_OK)
        devid_cache_drop(store, identity->handle);
    devid_bytes_free(&folder);
    return rc;
}
