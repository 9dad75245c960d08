/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What PKCS#11 3.0 adds and this module uses, for p11-kit headers that end at 2.40. Where p11-kit
 * has it (from 0.25 on), p11-kit's serves. PKCS#11 3.0, 5.2 and 5.4; the order of the members is the standard's.
 */
#ifndef DEVID_PKCS11_P11V3_H
#define DEVID_PKCS11_P11V3_H

#include <p11-kit/pkcs11.h>

#ifndef CKA_UNIQUE_ID
#define CKA_UNIQUE_ID 0x04UL
#endif

#ifndef CKO_PROFILE
#define CKO_PROFILE 0x09UL
#define CKA_PROFILE_ID 0x601UL
#define CKP_BASELINE_PROVIDER 0x01UL
#define CKP_EXTENDED_PROVIDER 0x02UL
#define CKP_AUTHENTICATION_TOKEN 0x03UL
#define CKP_PUBLIC_CERTIFICATES_TOKEN 0x04UL
#endif

#ifndef CKF_FIND_OBJECTS
#define CKF_FIND_OBJECTS 0x40UL
#endif

#ifndef CKF_INTERFACE_FORK_SAFE
#define CKF_INTERFACE_FORK_SAFE 0x01UL

typedef struct ck_interface {
    char *pInterfaceName;
    void *pFunctionList;
    CK_FLAGS flags;
} CK_INTERFACE;

CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *n);
CK_RV C_GetInterface(unsigned char *name, CK_VERSION *version, CK_INTERFACE **out, CK_FLAGS flags);
CK_RV C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE type, unsigned char *pin, CK_ULONG pin_len,
                  unsigned char *name, CK_ULONG name_len);
CK_RV C_SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS flags);

/* Message functions come in four families of one shape. */
typedef CK_RV (*devid_message_init)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
typedef CK_RV (*devid_message_crypt)(CK_SESSION_HANDLE, void *, CK_ULONG, unsigned char *, CK_ULONG, unsigned char *,
                                     CK_ULONG, unsigned char *, CK_ULONG *);
typedef CK_RV (*devid_message_crypt_begin)(CK_SESSION_HANDLE, void *, CK_ULONG, unsigned char *, CK_ULONG);
typedef CK_RV (*devid_message_crypt_next)(CK_SESSION_HANDLE, void *, CK_ULONG, unsigned char *, CK_ULONG,
                                          unsigned char *, CK_ULONG *, CK_FLAGS);
typedef CK_RV (*devid_message_sign)(CK_SESSION_HANDLE, void *, CK_ULONG, unsigned char *, CK_ULONG, unsigned char *,
                                    CK_ULONG *);
typedef CK_RV (*devid_message_verify)(CK_SESSION_HANDLE, void *, CK_ULONG, unsigned char *, CK_ULONG, unsigned char *,
                                      CK_ULONG);
typedef CK_RV (*devid_message_begin)(CK_SESSION_HANDLE, void *, CK_ULONG);
typedef CK_RV (*devid_message_final)(CK_SESSION_HANDLE);

typedef struct ck_function_list_3_0 {
    CK_VERSION version;
    CK_C_Initialize C_Initialize;
    CK_C_Finalize C_Finalize;
    CK_C_GetInfo C_GetInfo;
    CK_C_GetFunctionList C_GetFunctionList;
    CK_C_GetSlotList C_GetSlotList;
    CK_C_GetSlotInfo C_GetSlotInfo;
    CK_C_GetTokenInfo C_GetTokenInfo;
    CK_C_GetMechanismList C_GetMechanismList;
    CK_C_GetMechanismInfo C_GetMechanismInfo;
    CK_C_InitToken C_InitToken;
    CK_C_InitPIN C_InitPIN;
    CK_C_SetPIN C_SetPIN;
    CK_C_OpenSession C_OpenSession;
    CK_C_CloseSession C_CloseSession;
    CK_C_CloseAllSessions C_CloseAllSessions;
    CK_C_GetSessionInfo C_GetSessionInfo;
    CK_C_GetOperationState C_GetOperationState;
    CK_C_SetOperationState C_SetOperationState;
    CK_C_Login C_Login;
    CK_C_Logout C_Logout;
    CK_C_CreateObject C_CreateObject;
    CK_C_CopyObject C_CopyObject;
    CK_C_DestroyObject C_DestroyObject;
    CK_C_GetObjectSize C_GetObjectSize;
    CK_C_GetAttributeValue C_GetAttributeValue;
    CK_C_SetAttributeValue C_SetAttributeValue;
    CK_C_FindObjectsInit C_FindObjectsInit;
    CK_C_FindObjects C_FindObjects;
    CK_C_FindObjectsFinal C_FindObjectsFinal;
    CK_C_EncryptInit C_EncryptInit;
    CK_C_Encrypt C_Encrypt;
    CK_C_EncryptUpdate C_EncryptUpdate;
    CK_C_EncryptFinal C_EncryptFinal;
    CK_C_DecryptInit C_DecryptInit;
    CK_C_Decrypt C_Decrypt;
    CK_C_DecryptUpdate C_DecryptUpdate;
    CK_C_DecryptFinal C_DecryptFinal;
    CK_C_DigestInit C_DigestInit;
    CK_C_Digest C_Digest;
    CK_C_DigestUpdate C_DigestUpdate;
    CK_C_DigestKey C_DigestKey;
    CK_C_DigestFinal C_DigestFinal;
    CK_C_SignInit C_SignInit;
    CK_C_Sign C_Sign;
    CK_C_SignUpdate C_SignUpdate;
    CK_C_SignFinal C_SignFinal;
    CK_C_SignRecoverInit C_SignRecoverInit;
    CK_C_SignRecover C_SignRecover;
    CK_C_VerifyInit C_VerifyInit;
    CK_C_Verify C_Verify;
    CK_C_VerifyUpdate C_VerifyUpdate;
    CK_C_VerifyFinal C_VerifyFinal;
    CK_C_VerifyRecoverInit C_VerifyRecoverInit;
    CK_C_VerifyRecover C_VerifyRecover;
    CK_C_DigestEncryptUpdate C_DigestEncryptUpdate;
    CK_C_DecryptDigestUpdate C_DecryptDigestUpdate;
    CK_C_SignEncryptUpdate C_SignEncryptUpdate;
    CK_C_DecryptVerifyUpdate C_DecryptVerifyUpdate;
    CK_C_GenerateKey C_GenerateKey;
    CK_C_GenerateKeyPair C_GenerateKeyPair;
    CK_C_WrapKey C_WrapKey;
    CK_C_UnwrapKey C_UnwrapKey;
    CK_C_DeriveKey C_DeriveKey;
    CK_C_SeedRandom C_SeedRandom;
    CK_C_GenerateRandom C_GenerateRandom;
    CK_C_GetFunctionStatus C_GetFunctionStatus;
    CK_C_CancelFunction C_CancelFunction;
    CK_C_WaitForSlotEvent C_WaitForSlotEvent;
    CK_RV (*C_GetInterfaceList)(CK_INTERFACE *, CK_ULONG *);
    CK_RV (*C_GetInterface)(unsigned char *, CK_VERSION *, CK_INTERFACE **, CK_FLAGS);
    CK_RV (*C_LoginUser)(CK_SESSION_HANDLE, CK_USER_TYPE, unsigned char *, CK_ULONG, unsigned char *, CK_ULONG);
    CK_RV (*C_SessionCancel)(CK_SESSION_HANDLE, CK_FLAGS);
    devid_message_init C_MessageEncryptInit;
    devid_message_crypt C_EncryptMessage;
    devid_message_crypt_begin C_EncryptMessageBegin;
    devid_message_crypt_next C_EncryptMessageNext;
    devid_message_final C_MessageEncryptFinal;
    devid_message_init C_MessageDecryptInit;
    devid_message_crypt C_DecryptMessage;
    devid_message_crypt_begin C_DecryptMessageBegin;
    devid_message_crypt_next C_DecryptMessageNext;
    devid_message_final C_MessageDecryptFinal;
    devid_message_init C_MessageSignInit;
    devid_message_sign C_SignMessage;
    devid_message_begin C_SignMessageBegin;
    devid_message_sign C_SignMessageNext;
    devid_message_final C_MessageSignFinal;
    devid_message_init C_MessageVerifyInit;
    devid_message_verify C_VerifyMessage;
    devid_message_begin C_VerifyMessageBegin;
    devid_message_verify C_VerifyMessageNext;
    devid_message_final C_MessageVerifyFinal;
} CK_FUNCTION_LIST_3_0;

/* Defined in absent.c. */
CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_OBJECT_HANDLE key);
CK_RV C_EncryptMessage(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *aad, CK_ULONG aad_len,
                       unsigned char *in, CK_ULONG in_len, unsigned char *out, CK_ULONG *out_len);
CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *aad,
                            CK_ULONG aad_len);
CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *in,
                           CK_ULONG in_len, unsigned char *out, CK_ULONG *out_len, CK_FLAGS flags);
CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE session);
CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_OBJECT_HANDLE key);
CK_RV C_DecryptMessage(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *aad, CK_ULONG aad_len,
                       unsigned char *in, CK_ULONG in_len, unsigned char *out, CK_ULONG *out_len);
CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *aad,
                            CK_ULONG aad_len);
CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *in,
                           CK_ULONG in_len, unsigned char *out, CK_ULONG *out_len, CK_FLAGS flags);
CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE session);
CK_RV C_MessageSignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_OBJECT_HANDLE key);
CK_RV C_SignMessage(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *data, CK_ULONG data_len,
                    unsigned char *sig, CK_ULONG *sig_len);
CK_RV C_SignMessageBegin(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len);
CK_RV C_SignMessageNext(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *data,
                        CK_ULONG data_len, unsigned char *sig, CK_ULONG *sig_len);
CK_RV C_MessageSignFinal(CK_SESSION_HANDLE session);
CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_OBJECT_HANDLE key);
CK_RV C_VerifyMessage(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *data,
                      CK_ULONG data_len, unsigned char *sig, CK_ULONG sig_len);
CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len);
CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE session, void *param, CK_ULONG param_len, unsigned char *data,
                          CK_ULONG data_len, unsigned char *sig, CK_ULONG sig_len);
CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE session);

#endif

#endif
