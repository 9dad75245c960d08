/* SPDX-License-Identifier: BSD-2-Clause */
/* The few TPM sequences that key making and NV share, and their errors in words. */
#include "core/chip.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/cache.h"
#include "core/log.h"

bool devid_chip_made_room(struct devid_tpm *tpm, TSS2_RC r)
{
    return (devid_tss_says(r, TPM2_RC_OBJECT_MEMORY) || devid_tss_says(r, TPM2_RC_SESSION_MEMORY)) && !devid_tpm_has_manager(tpm) &&
           devid_tpm_sweep(tpm, NULL) == DEVID_OK;
}

devid_rc devid_chip_find(struct devid_tpm *tpm, ESYS_CONTEXT *esys, uint32_t handle, ESYS_TR *out,
                         struct devid_error *err)
{
    TSS2_RC r = Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out);

    if (devid_chip_made_room(tpm, r)) /* a TPM brings even a persistent object into a slot to read it */
        r = Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out);
    if (r == TSS2_RC_SUCCESS)
        return DEVID_OK;
    *out = ESYS_TR_NONE;
    if (devid_tss_says(r, TPM2_RC_HANDLE)) {
        devid_rc rc = devid_fail(err, DEVID_E_ABSENT, "0x%08x is empty in this TPM", handle);

        return devid_error_about(err, rc, 0, handle);
    }
    return devid_fail_tss(err, r, handle, "look at 0x%08x", handle);
}

devid_rc devid_chip_fail(struct devid_error *err, TSS2_RC r, ESYS_TR hierarchy, uint32_t handle, const char *what)
{
    const char *name = hierarchy == ESYS_TR_RH_OWNER         ? "owner"
                       : hierarchy == ESYS_TR_RH_ENDORSEMENT ? "endorsement"
                                                             : "platform";
    devid_rc rc;

    if (devid_tss_says(r, TPM2_RC_BAD_AUTH) || devid_tss_says(r, TPM2_RC_AUTH_FAIL))
        rc = devid_fail(err, DEVID_E_AUTH,
                        "%s: the %s hierarchy of this TPM has a password and devid needs it empty: "
                        "run \"tpm2_changeauth -c %s -p PASSWORD\", then try again", what, name, name);
    else if (devid_tss_says(r, TPM2_RC_HIERARCHY))
        rc = devid_fail(err, DEVID_E_DENIED,
                        "%s: the %s hierarchy of this TPM is switched off until the machine starts anew; if it is so "
                        "then, the firmware's setup does it", what, name);
    else
        return devid_fail_tss(err, r, handle, "%s", what);
    return devid_error_about(err, rc, r, handle);
}

devid_rc devid_chip_property(ESYS_CONTEXT *esys, TPM2_PT property, uint32_t *value, struct devid_error *err)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    const TPML_TAGGED_TPM_PROPERTY *list;
    devid_rc rc = DEVID_OK;
    TSS2_RC r = Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES, property, 1,
                                   NULL, &data);

    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "ask the TPM for property 0x%x", property);
    list = &data->data.tpmProperties;
    if (data->capability == TPM2_CAP_TPM_PROPERTIES && list->count >= 1 && list->tpmProperty[0].property == property)
        *value = list->tpmProperty[0].value;
    else /* the TPM gives the next property that it has */
        rc = devid_fail(err, DEVID_E_TPM, "the TPM does not know its property 0x%x", property);
    Esys_Free(data);
    return rc;
}

devid_rc devid_chip_no_type(struct devid_error *err, TSS2_RC r)
{
    (void)devid_fail_tss(err, r, 0, "this TPM does not make keys of that type, ask for another (key =)");
    return DEVID_E_KEY;
}

bool devid_chip_lacks_type(TSS2_RC r)
{
    return (r & TPM2_RC_P) != 0 && (devid_tss_says(r, TPM2_RC_VALUE) || devid_tss_says(r, TPM2_RC_CURVE) ||
                                    devid_tss_says(r, TPM2_RC_KEY_SIZE) || devid_tss_says(r, TPM2_RC_ASYMMETRIC) ||
                                    devid_tss_says(r, TPM2_RC_TYPE));
}

devid_rc devid_chip_primary(struct devid_tpm *tpm, ESYS_CONTEXT *esys, ESYS_TR hierarchy,
                            const TPM2B_PUBLIC *template, ESYS_TR *out, TPM2B_PUBLIC **area, struct devid_error *err)
{
    static const TPM2B_SENSITIVE_CREATE no_auth;
    static const TPM2B_DATA no_data;
    static const TPML_PCR_SELECTION no_pcrs;
    TSS2_RC r;

    r = Esys_CreatePrimary(esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, template, &no_data,
                           &no_pcrs, out, area, NULL, NULL, NULL);
    if (devid_chip_made_room(tpm, r))
        r = Esys_CreatePrimary(esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, template,
                               &no_data, &no_pcrs, out, area, NULL, NULL, NULL);
    if (r == TSS2_RC_SUCCESS)
        return DEVID_OK;
    *out = ESYS_TR_NONE;
    if (devid_chip_lacks_type(r))
        return devid_chip_no_type(err, r);
    return devid_chip_fail(err, r, hierarchy, 0, "make a primary key");
}

devid_rc devid_chip_same(ESYS_CONTEXT *esys, ESYS_TR a, ESYS_TR b, bool *same, struct devid_error *err)
{
    TPM2B_NAME *name_a = NULL, *name_b = NULL;
    TSS2_RC r = Esys_TR_GetName(esys, a, &name_a);

    if (r == TSS2_RC_SUCCESS)
        r = Esys_TR_GetName(esys, b, &name_b);
    if (r == TSS2_RC_SUCCESS)
        *same = name_a->size == name_b->size && memcmp(name_a->name, name_b->name, name_a->size) == 0;
    Esys_Free(name_a);
    Esys_Free(name_b);
    return r == TSS2_RC_SUCCESS ? DEVID_OK : devid_fail_tss(err, r, 0, "compare two keys");
}

devid_rc devid_chip_taken(uint32_t handle, struct devid_error *err)
{
    devid_rc rc = devid_fail(err, DEVID_E_EXISTS,
                             "0x%08x holds another key, which is left alone: give the identity another handle, or "
                             "remove that key with \"tpm2_evictcontrol -C o -c 0x%08x\"",
                             handle, handle);

    return devid_error_about(err, rc, 0, handle);
}

devid_rc devid_chip_persist(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR object, uint32_t handle,
                            ESYS_TR *out, struct devid_error *err)
{
    TSS2_RC r = Esys_EvictControl(esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, handle,
                                  out);
    bool same = false;
    devid_rc rc;

    devid_cache_drop(store, handle); /* of a key that was there before */
    if (r == TSS2_RC_SUCCESS)
        return DEVID_OK;
    *out = ESYS_TR_NONE;
    if (!devid_tss_says(r, TPM2_RC_NV_DEFINED))
        return devid_chip_fail(err, r, ESYS_TR_RH_OWNER, handle, "keep a key in the TPM");
    rc = devid_chip_find(devid_store_tpm(store), esys, handle, out, err);
    if (rc == DEVID_OK)
        rc = devid_chip_same(esys, object, *out, &same, err);
    if (rc == DEVID_OK && !same)
        rc = devid_chip_taken(handle, err);
    if (rc != DEVID_OK)
        devid_chip_close(esys, out);
    return rc;
}

devid_rc devid_chip_public(const TPM2B_PUBLIC *area, struct devid_public *out, struct devid_error *err)
{
    unsigned char buffer[sizeof *area];
    size_t len = 0;
    TSS2_RC r = Tss2_MU_TPM2B_PUBLIC_Marshal(area, buffer, sizeof buffer, &len);

    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "encode a public area");
    return devid_public_from_area((struct devid_slice){buffer, len}, out, err);
}

devid_rc devid_chip_blob(const TPM2B_PRIVATE *private, struct devid_bytes *out, struct devid_error *err)
{
    unsigned char buffer[sizeof *private];
    size_t len = 0;
    TSS2_RC r = Tss2_MU_TPM2B_PRIVATE_Marshal(private, buffer, sizeof buffer, &len);

    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "encode a wrapped key");
    return devid_bytes_copy((struct devid_slice){buffer, len}, out, err);
}

void devid_chip_flush(ESYS_CONTEXT *esys, ESYS_TR *object)
{
    TSS2_RC r;

    if (*object == ESYS_TR_NONE)
        return;
    r = Esys_FlushContext(esys, *object);
    if (r != TSS2_RC_SUCCESS)
        devid_log(DEVID_LOG_ERROR, "core/chip", "flush: 0x%x", r);
    *object = ESYS_TR_NONE;
}

void devid_chip_close(ESYS_CONTEXT *esys, ESYS_TR *object)
{
    if (*object != ESYS_TR_NONE)
        (void)Esys_TR_Close(esys, object);
    *object = ESYS_TR_NONE;
}

void devid_chip_leave(struct devid_tpm *tpm, devid_rc rc)
{
    if (rc == DEVID_E_AWAY)
        devid_tpm_lost(tpm);
    devid_tpm_leave(tpm);
}
