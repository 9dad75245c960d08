/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. TPM 2.0 Library, Part 3, sections 12.1, 12.2, 12.8, 14.3, 14.5 and 20.2. */
#include "core/guarded.h"

#include <openssl/crypto.h>

#include "core/chip.h"
#include "core/command.h"
#include "core/object.h"
#include "core/parent.h"
#include "core/session.h"

/* TPM handles of the command's two, and what authorises it. */
static devid_rc authorise(ESYS_CONTEXT *esys, ESYS_TR first, ESYS_TR second, const TPM2B_AUTH *auth, const char *what,
                          TPM2_HANDLE handles[2], struct devid_authorised *out, struct devid_error *err)
{
    const ESYS_TR objects[] = {first, second};
    devid_rc rc = DEVID_OK;

    *out = (struct devid_authorised){.auth = auth, .what = what};
    for (size_t i = 0; rc == DEVID_OK && i < 2 && objects[i] != ESYS_TR_NONE; i++) {
        TSS2_RC r = Esys_TR_GetTpmHandle(esys, objects[i], &handles[i]);

        rc = r == TSS2_RC_SUCCESS ? devid_session_name(esys, objects[i], out, err) : devid_fail_tss(err, r, 0, "%s", what);
    }
    return rc;
}

devid_rc devid_guarded_create(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, ESYS_TR parent,
                              const TPM2B_AUTH *auth, const TPM2B_AUTH *own, const TPM2B_PUBLIC *template,
                              struct devid_made *made, struct devid_error *err)
{
    static const TPML_PCR_SELECTION no_pcrs;
    static const TPM2B_DATA no_data;
    TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.userAuth = *own};
    struct devid_session session = {0};
    struct devid_authorised authorised;
    TPM2B_PRIVATE private = {0};
    TPM2B_PUBLIC area = {0};
    struct devid_error why = {0};
    TPM2_HANDLE handles[2];
    devid_rc rc;
    TSS2_RC r;

    rc = authorise(esys, parent, ESYS_TR_NONE, auth, "make a key", handles, &authorised, err);
    authorised.hides_first = true;
    if (rc == DEVID_OK)
        rc = devid_session_start(store, esys, srk, &session, err);
    if (rc != DEVID_OK)
        goto out;
    r = Tss2_Sys_Create_Prepare(session.sys, handles[0], &sensitive, template, &no_data, &no_pcrs);
    rc = r == TSS2_RC_SUCCESS ? devid_session_send(&session, &authorised, &why) : devid_fail_tss(&why, r, 0, "make a key");
    if (rc == DEVID_E_AUTH && auth->size == 0)
        rc = devid_parent_refused(why.tss, handles[0], &why);
    if (rc != DEVID_OK && err != NULL)
        *err = why;
    if (rc != DEVID_OK)
        goto out;
    r = Tss2_Sys_Create_Complete(session.sys, &private, &area, NULL, NULL, NULL);
    rc = r == TSS2_RC_SUCCESS ? devid_chip_public(&area, &made->pub, err) : devid_fail_tss(err, r, 0, "make a key");
    if (rc == DEVID_OK)
        rc = devid_chip_blob(&private, &made->blob, err);
out:
    devid_session_end(&session);
    OPENSSL_cleanse(&sensitive, sizeof sensitive);
    return rc;
}

/* The ESYS object of what was just loaded; if there is none, nothing is left loaded. */
static devid_rc object_of(ESYS_CONTEXT *esys, TSS2_SYS_CONTEXT *sys, TPM2_HANDLE handle, ESYS_TR *out, struct devid_error *err)
{
    TSS2_RC r = Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out);

    if (r == TSS2_RC_SUCCESS)
        return DEVID_OK;
    (void)Tss2_Sys_FlushContext(sys, handle);
    return devid_fail_tss(err, r, 0, "look at a loaded key");
}

devid_rc devid_guarded_load(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, ESYS_TR parent,
                            const TPM2B_AUTH *auth, struct devid_slice area, struct devid_slice blob, ESYS_TR *out,
                            struct devid_error *err)
{
    struct devid_session session = {0};
    struct devid_authorised authorised;
    TPM2B_NAME name = {.size = sizeof name.name};
    TPM2_HANDLE handles[2], loaded = 0;
    TPM2B_PRIVATE private;
    TPM2B_PUBLIC public;
    devid_rc rc;
    TSS2_RC r;

    rc = devid_object_parts(area, blob, &public, &private, err);
    if (rc == DEVID_OK)
        rc = authorise(esys, parent, ESYS_TR_NONE, auth, "load a key", handles, &authorised, err);
    if (rc == DEVID_OK)
        rc = devid_session_start(store, esys, srk, &session, err);
    if (rc != DEVID_OK)
        goto out;
    r = Tss2_Sys_Load_Prepare(session.sys, handles[0], &private, &public);
    if (r != TSS2_RC_SUCCESS) {
        rc = devid_fail_tss(err, r, 0, "load a key");
        goto out;
    }
    rc = devid_session_send(&session, &authorised, err);
    if (session.handle != 0) /* it was not done */
        goto out;
    r = Tss2_Sys_Load_Complete(session.sys, &loaded, &name);
    if (r != TSS2_RC_SUCCESS)
        rc = devid_fail_tss(err, r, 0, "load a key");
    else if (rc == DEVID_OK)
        rc = object_of(esys, session.sys, loaded, out, err);
    else
        (void)Tss2_Sys_FlushContext(session.sys, loaded);
out:
    devid_session_end(&session);
    return rc;
}

devid_rc devid_guarded_change(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, ESYS_TR object,
                              const TPM2B_AUTH *auth, const TPM2B_AUTH *next, struct devid_bytes *blob,
                              struct devid_error *err)
{
    struct devid_session session = {0};
    struct devid_authorised authorised;
    TPM2B_PRIVATE private = {0};
    TPM2_HANDLE handles[2];
    devid_rc rc;
    TSS2_RC r;

    rc = authorise(esys, object, srk, auth, "prove a PIN", handles, &authorised, err);
    authorised.hides_first = true;
    if (rc == DEVID_OK)
        rc = devid_session_start(store, esys, srk, &session, err);
    if (rc != DEVID_OK)
        goto out;
    r = Tss2_Sys_ObjectChangeAuth_Prepare(session.sys, handles[0], handles[1], next);
    rc = r == TSS2_RC_SUCCESS ? devid_session_send(&session, &authorised, err) : devid_fail_tss(err, r, 0, "prove a PIN");
    if (rc != DEVID_OK)
        goto out;
    r = Tss2_Sys_ObjectChangeAuth_Complete(session.sys, &private);
    rc = r == TSS2_RC_SUCCESS ? devid_chip_blob(&private, blob, err) : devid_fail_tss(err, r, 0, "prove a PIN");
out:
    devid_session_end(&session);
    return rc;
}

devid_rc devid_guarded_use(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, const struct devid_guarded_key *key,
                           const struct devid_use *use, struct devid_answer *answer, struct devid_error *err)
{
    struct devid_session session = {0};
    struct devid_authorised authorised;
    TPM2_HANDLE handles[2];
    devid_rc rc;
    TSS2_RC r;

    rc = authorise(esys, key->tr, ESYS_TR_NONE, key->auth, key->verb, handles, &authorised, err);
    if (rc == DEVID_OK)
        rc = devid_session_start(store, esys, srk, &session, err);
    if (rc != DEVID_OK)
        goto out;
    r = devid_command_prepare(session.sys, handles[0], use);
    rc = r == TSS2_RC_SUCCESS ? devid_session_send(&session, &authorised, err) : devid_fail_tss(err, r, 0, "%s", key->verb);
    if (rc != DEVID_OK)
        goto out;
    r = devid_command_complete(session.sys, use, answer);
    if (r != TSS2_RC_SUCCESS)
        rc = devid_fail_tss(err, r, 0, "%s", key->verb);
out:
    devid_session_end(&session);
    return rc;
}
