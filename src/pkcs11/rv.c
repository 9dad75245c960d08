/* SPDX-License-Identifier: BSD-2-Clause */
/* From core's errors to the standard's. No default: a new error does not build until it has its line here. */
#include "pkcs11/module.h"

/* TPM_RC_OBJECT_MEMORY, _SESSION_MEMORY, _MEMORY: TPM 2.0 Library, Part 2, 6.6.3. */
#define TPM_RC_FIRST_MEMORY 0x902U
#define TPM_RC_LAST_MEMORY 0x904U
#define TPM_RC_INTEGRITY 0x09fU
#define TPM_RC_FORMAT_1 0x0bfU /* its bits, without the parameter's or handle's number */
#define TSS_LAYER 0xffff0000U

static bool is_out_of_memory(uint32_t tss)
{
    return (tss & TSS_LAYER) == 0 && tss >= TPM_RC_FIRST_MEMORY && tss <= TPM_RC_LAST_MEMORY;
}

static CK_RV answer(devid_rc rc, const struct devid_error *err)
{
    switch (rc) {
    case DEVID_OK:       return CKR_OK;
    case DEVID_E_ARG:    return CKR_ARGUMENTS_BAD;
    case DEVID_E_MEM:    return CKR_HOST_MEMORY;
    case DEVID_E_ROOM:   return CKR_BUFFER_TOO_SMALL;
    case DEVID_E_ABSENT: return CKR_OBJECT_HANDLE_INVALID;
    case DEVID_E_EXISTS: return CKR_ATTRIBUTE_VALUE_INVALID;
    case DEVID_E_AUTH:   return CKR_USER_NOT_LOGGED_IN;
    case DEVID_E_LOCKED: return CKR_PIN_LOCKED;
    case DEVID_E_DENIED: return CKR_ACTION_PROHIBITED;
    case DEVID_E_KEY:    return CKR_KEY_FUNCTION_NOT_PERMITTED;
    case DEVID_E_DATA:   return CKR_DATA_INVALID;
    case DEVID_E_BUSY:   return CKR_DEVICE_ERROR;
    case DEVID_E_AWAY:   return CKR_DEVICE_REMOVED;
    case DEVID_E_TPM:    return err != NULL && is_out_of_memory(err->tss) ? CKR_DEVICE_MEMORY : CKR_DEVICE_ERROR;
    case DEVID_E_FILE:   return CKR_DEVICE_ERROR;
    case DEVID_E_NET:    return CKR_DEVICE_ERROR;
    }
    return CKR_GENERAL_ERROR; /* no devid_rc at all */
}

CK_RV rv_of(devid_rc rc, const struct devid_error *err)
{
    if (rc != DEVID_OK && err != NULL)
        devid_log(DEVID_LOG_ERROR, "pkcs11", "%s", err->text);
    return answer(rc, err);
}

CK_RV rv_of_key(devid_rc rc, const struct devid_error *err, CK_RV of_data)
{
    bool is_foreign = (err->tss & TSS_LAYER) == 0 && (err->tss & TPM_RC_FORMAT_1) == TPM_RC_INTEGRITY;
    CK_RV rv = rv_of(rc, err);

    if (rc == DEVID_E_ABSENT || (rc == DEVID_E_DATA && is_foreign))
        return CKR_DEVICE_ERROR;
    return rc == DEVID_E_DATA ? of_data : rv;
}
