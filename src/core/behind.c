/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/behind.h"

#include <openssl/crypto.h>

#include "core/chip.h"
#include "core/guarded.h"
#include "core/kept.h"
#include "core/parent.h"
#include "core/srk.h"
#include "core/token.h"

/* The storage key, loaded for one command. */
struct door {
    struct devid_opened opened;
    ESYS_TR srk, key;
};

static devid_rc door_open(struct devid_store *store, ESYS_CONTEXT *esys, const char *token, struct door *door,
                          struct devid_error *err)
{
    devid_rc rc;
    TSS2_RC r;

    door->srk = door->key = ESYS_TR_NONE;
    rc = devid_login_open(store, token, DEVID_USER, &door->opened, err);
    if (rc == DEVID_OK)
        rc = devid_object_of_handle(store, esys, DEVID_SRK, (struct devid_slice){0}, &door->srk, err);
    if (rc != DEVID_OK)
        return rc;
    r = Esys_Load(esys, door->srk, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &door->opened.private, &door->opened.area,
                  &door->key);
    if (r == TSS2_RC_SUCCESS)
        return DEVID_OK;
    rc = devid_parent_refused(r, DEVID_SRK, err);
    return rc != DEVID_OK ? rc : devid_fail_tss(err, r, DEVID_SRK, "load the storage key of token \"%s\"", token);
}

static void door_close(ESYS_CONTEXT *esys, struct door *door)
{
    devid_chip_flush(esys, &door->key);
    devid_chip_close(esys, &door->srk);
    OPENSSL_cleanse(&door->opened, sizeof door->opened);
}

devid_rc devid_behind_load(struct devid_store *store, ESYS_CONTEXT *esys, const struct devid_identity *identity,
                           struct devid_object *object, struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    struct door door = {0};
    devid_rc rc;

    if (devid_kept_load(store, esys, object))
        return DEVID_OK;
    rc = door_open(store, esys, identity->token, &door, err);
    if (rc == DEVID_OK)
        rc = devid_guarded_load(store, esys, door.srk, door.key, &door.opened.auth, devid_slice_of(identity->pub.area),
                                identity->blob, &object->tr, err);
    if (rc == DEVID_OK) {
        object->login = door.opened.number;
        if (!devid_tpm_has_manager(tpm))
            devid_kept_save(esys, object);
    }
    door_close(esys, &door);
    return rc;
}

devid_rc devid_behind_create(struct devid_store *store, ESYS_CONTEXT *esys, const char *token, const TPM2B_PUBLIC *template,
                             struct devid_made *made, struct devid_error *err)
{
    static const TPM2B_AUTH none;
    struct door door = {0};
    devid_rc rc = door_open(store, esys, token, &door, err);

    if (rc == DEVID_OK)
        rc = devid_guarded_create(store, esys, door.srk, door.key, &door.opened.auth, &none, template, made, err);
    made->parent = DEVID_PARENT_PIN;
    door_close(esys, &door);
    return rc;
}
