/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the world sees of the module: three functions, and the lists that they give. PKCS#11 2.40, 5.4, and 3.0, 5.4.4.
 * C_GetFunctionList and its C_GetInfo speak of 2.40, as Azure's key service demands; 3.0 is to be had by
 * C_GetInterface, which OpenSC, NSS and pkcs11-provider prefer.
 */
#include <string.h>

#include "pkcs11/module.h"

#define EXPORT __attribute__((visibility("default")))

/* All of 2.40 but C_GetInfo, which tells the version, and C_OpenSession: sessions of 3.0 show what 2.40 does not know. */
#define FUNCTIONS_2_40 \
    .C_Initialize = C_Initialize, .C_Finalize = C_Finalize, .C_GetFunctionList = C_GetFunctionList, \
    .C_GetSlotList = C_GetSlotList, .C_GetSlotInfo = C_GetSlotInfo, .C_GetTokenInfo = C_GetTokenInfo, \
    .C_GetMechanismList = C_GetMechanismList, .C_GetMechanismInfo = C_GetMechanismInfo, \
    .C_InitToken = C_InitToken, .C_InitPIN = C_InitPIN, .C_SetPIN = C_SetPIN, \
    .C_CloseSession = C_CloseSession, .C_CloseAllSessions = C_CloseAllSessions, \
    .C_GetSessionInfo = C_GetSessionInfo, .C_GetOperationState = C_GetOperationState, \
    .C_SetOperationState = C_SetOperationState, .C_Login = C_Login, .C_Logout = C_Logout, \
    .C_CreateObject = C_CreateObject, .C_CopyObject = C_CopyObject, .C_DestroyObject = C_DestroyObject, \
    .C_GetObjectSize = C_GetObjectSize, .C_GetAttributeValue = C_GetAttributeValue, \
    .C_SetAttributeValue = C_SetAttributeValue, .C_FindObjectsInit = C_FindObjectsInit, \
    .C_FindObjects = C_FindObjects, .C_FindObjectsFinal = C_FindObjectsFinal, .C_EncryptInit = C_EncryptInit, \
    .C_Encrypt = C_Encrypt, .C_EncryptUpdate = C_EncryptUpdate, .C_EncryptFinal = C_EncryptFinal, \
    .C_DecryptInit = C_DecryptInit, .C_Decrypt = C_Decrypt, .C_DecryptUpdate = C_DecryptUpdate, \
    .C_DecryptFinal = C_DecryptFinal, .C_DigestInit = C_DigestInit, .C_Digest = C_Digest, \
    .C_DigestUpdate = C_DigestUpdate, .C_DigestKey = C_DigestKey, .C_DigestFinal = C_DigestFinal, \
    .C_SignInit = C_SignInit, .C_Sign = C_Sign, .C_SignUpdate = C_SignUpdate, .C_SignFinal = C_SignFinal, \
    .C_SignRecoverInit = C_SignRecoverInit, .C_SignRecover = C_SignRecover, .C_VerifyInit = C_VerifyInit, \
    .C_Verify = C_Verify, .C_VerifyUpdate = C_VerifyUpdate, .C_VerifyFinal = C_VerifyFinal, \
    .C_VerifyRecoverInit = C_VerifyRecoverInit, .C_VerifyRecover = C_VerifyRecover, \
    .C_DigestEncryptUpdate = C_DigestEncryptUpdate, .C_DecryptDigestUpdate = C_DecryptDigestUpdate, \
    .C_SignEncryptUpdate = C_SignEncryptUpdate, .C_DecryptVerifyUpdate = C_DecryptVerifyUpdate, \
    .C_GenerateKey = C_GenerateKey, .C_GenerateKeyPair = C_GenerateKeyPair, .C_WrapKey = C_WrapKey, \
    .C_UnwrapKey = C_UnwrapKey, .C_DeriveKey = C_DeriveKey, .C_SeedRandom = C_SeedRandom, \
    .C_GenerateRandom = C_GenerateRandom, .C_GetFunctionStatus = C_GetFunctionStatus, \
    .C_CancelFunction = C_CancelFunction, .C_WaitForSlotEvent = C_WaitForSlotEvent,

static CK_FUNCTION_LIST list_2_40 = {
    .version = {2, 40},
    .C_GetInfo = C_GetInfo,
    .C_OpenSession = C_OpenSession,
    FUNCTIONS_2_40
};

static CK_FUNCTION_LIST_3_0 list_3_0 = {
    .version = {3, 0},
    .C_GetInfo = general_info_3_0,
    .C_OpenSession = session_open_3_0,
    FUNCTIONS_2_40
    .C_GetInterfaceList = C_GetInterfaceList, .C_GetInterface = C_GetInterface, .C_LoginUser = C_LoginUser,
    .C_SessionCancel = C_SessionCancel, .C_MessageEncryptInit = C_MessageEncryptInit,
    .C_EncryptMessage = C_EncryptMessage, .C_EncryptMessageBegin = C_EncryptMessageBegin,
    .C_EncryptMessageNext = C_EncryptMessageNext, .C_MessageEncryptFinal = C_MessageEncryptFinal,
    .C_MessageDecryptInit = C_MessageDecryptInit, .C_DecryptMessage = C_DecryptMessage,
    .C_DecryptMessageBegin = C_DecryptMessageBegin, .C_DecryptMessageNext = C_DecryptMessageNext,
    .C_MessageDecryptFinal = C_MessageDecryptFinal, .C_MessageSignInit = C_MessageSignInit,
    .C_SignMessage = C_SignMessage, .C_SignMessageBegin = C_SignMessageBegin,
    .C_SignMessageNext = C_SignMessageNext, .C_MessageSignFinal = C_MessageSignFinal,
    .C_MessageVerifyInit = C_MessageVerifyInit, .C_VerifyMessage = C_VerifyMessage,
    .C_VerifyMessageBegin = C_VerifyMessageBegin, .C_VerifyMessageNext = C_VerifyMessageNext,
    .C_MessageVerifyFinal = C_MessageVerifyFinal,
};

/* The first is the one to take. Not fork-safe in the standard's sense: a child begins with C_Initialize. */
static char name[] = "PKCS 11";
static CK_INTERFACE interfaces[] = {
    {name, &list_3_0, 0},
    {name, &list_2_40, 0},
};

#define N_INTERFACES (sizeof interfaces / sizeof interfaces[0])

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    if (out == NULL)
        return CKR_ARGUMENTS_BAD;
    *out = &list_2_40;
    return CKR_OK;
}

EXPORT CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *n)
{
    CK_ULONG room;

    if (n == NULL)
        return CKR_ARGUMENTS_BAD;
    room = *n;
    *n = N_INTERFACES;
    if (list == NULL)
        return CKR_OK;
    if (room < N_INTERFACES)
        return CKR_BUFFER_TOO_SMALL;
    memcpy(list, interfaces, sizeof interfaces);
    return CKR_OK;
}

EXPORT CK_RV C_GetInterface(unsigned char *wanted, CK_VERSION *version, CK_INTERFACE **out, CK_FLAGS flags)
{
    if (out == NULL || (wanted != NULL && strcmp((const char *)wanted, name) != 0))
        return CKR_ARGUMENTS_BAD;
    for (size_t i = 0; i < N_INTERFACES; i++) {
        const CK_VERSION *has = interfaces[i].pFunctionList; /* both lists begin with it */

        if ((version == NULL || (has->major == version->major && has->minor == version->minor)) &&
            (interfaces[i].flags & flags) == flags) {
            *out = &interfaces[i];
            return CKR_OK;
        }
    }
    return CKR_ARGUMENTS_BAD;
}
