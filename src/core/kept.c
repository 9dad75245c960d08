/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/kept.h"

#include <openssl/crypto.h>

#include "core/log.h"
#include "core/token.h"

struct devid_kept {
    uint64_t login; /* 0: the key is behind no PIN */
    TPMS_CONTEXT context;
};

void devid_kept_free(struct devid_kept **kept)
{
    OPENSSL_clear_free(*kept, sizeof **kept);
    *kept = NULL;
}

bool devid_kept_load(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_object *object)
{
    struct devid_kept *kept = object->kept;

    if (kept == NULL)
        return false;
    if ((kept->login == 0 || devid_login_lasts(store, kept->login)) &&
        Esys_ContextLoad(esys, &kept->context, &object->tr) == TSS2_RC_SUCCESS) {
        object->login = kept->login;
        return true;
    }
    devid_kept_free(&object->kept);
    return false;
}

void devid_kept_save(ESYS_CONTEXT *esys, struct devid_object *object)
{
    TPMS_CONTEXT *context = NULL;
    TSS2_RC r = Esys_ContextSave(esys, object->tr, &context);

    object->kept = r == TSS2_RC_SUCCESS ? OPENSSL_zalloc(sizeof *object->kept) : NULL;
    if (object->kept != NULL)
        *object->kept = (struct devid_kept){.login = object->login, .context = *context};
    else
        devid_log(DEVID_LOG_INFO, "core/kept", "the loaded key cannot be kept: 0x%x", r);
    if (context != NULL)
        OPENSSL_cleanse(context, sizeof *context);
    Esys_Free(context);
}
