/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the module does not do. Every pointer of the function lists is set: a client that calls is told so, after the
 * answers that come first for any function (PKCS#11 2.40, 5.1): not initialised, no such session.
 */
#include "pkcs11/module.h"

static CK_RV refuse(CK_SESSION_HANDLE handle, CK_RV why)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    return rv == CKR_OK ? session_leave(s, why) : rv;
}

/* State of an operation: nothing of it leaves the module. */

CK_RV C_GetOperationState(CK_SESSION_HANDLE handle, unsigned char *state, CK_ULONG *state_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    (void)state;
    if (rv != CKR_OK)
        return rv;
    if (state_len == NULL)
        return session_leave(s, CKR_ARGUMENTS_BAD);
    return session_leave(s, session_has_operation(s) ? CKR_STATE_UNSAVEABLE : CKR_OPERATION_NOT_INITIALIZED);
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE handle, unsigned char *state, CK_ULONG state_len, CK_OBJECT_HANDLE crypt,
                          CK_OBJECT_HANDLE auth)
{
    (void)state, (void)state_len, (void)crypt, (void)auth;
    return refuse(handle, CKR_SAVED_STATE_INVALID);
}

/* Legacy: PKCS#11 2.40, 5.17. */

CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE handle)
{
    return refuse(handle, CKR_FUNCTION_NOT_PARALLEL);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE handle)
{
    return refuse(handle, CKR_FUNCTION_NOT_PARALLEL);
}

/* Secret keys, recovery of data from signatures, two operations in one call. */

CK_RV C_DigestKey(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE key)
{
    (void)key;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
    (void)mech, (void)key;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE handle, unsigned char *data, CK_ULONG data_len, unsigned char *sig,
                    CK_ULONG *sig_len)
{
    (void)data, (void)data_len, (void)sig, (void)sig_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
    (void)mech, (void)key;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE handle, unsigned char *sig, CK_ULONG sig_len, unsigned char *data,
                      CK_ULONG *data_len)
{
    (void)sig, (void)sig_len, (void)data, (void)data_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE handle, unsigned char *in, CK_ULONG in_len, unsigned char *out,
                            CK_ULONG *out_len)
{
    (void)in, (void)in_len, (void)out, (void)out_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE handle, unsigned char *in, CK_ULONG in_len, unsigned char *out,
                            CK_ULONG *out_len)
{
    (void)in, (void)in_len, (void)out, (void)out_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE handle, unsigned char *in, CK_ULONG in_len, unsigned char *out,
                          CK_ULONG *out_len)
{
    (void)in, (void)in_len, (void)out, (void)out_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE handle, unsigned char *in, CK_ULONG in_len, unsigned char *out,
                            CK_ULONG *out_len)
{
    (void)in, (void)in_len, (void)out, (void)out_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_WrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
                unsigned char *out, CK_ULONG *out_len)
{
    (void)mech, (void)wrapping, (void)key, (void)out, (void)out_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE wrapping, unsigned char *in,
                  CK_ULONG in_len, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *made)
{
    (void)mech, (void)wrapping, (void)in, (void)in_len, (void)template, (void)n, (void)made;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

/* Messages: PKCS#11 3.0, 5.9 to 5.16. */

CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
    (void)mech, (void)key;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_EncryptMessage(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *aad,
                       CK_ULONG aad_len, unsigned char *in, CK_ULONG in_len, unsigned char *out, CK_ULONG *out_len)
{
    (void)param, (void)param_len, (void)aad, (void)aad_len, (void)in, (void)in_len, (void)out, (void)out_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *aad,
                            CK_ULONG aad_len)
{
    (void)param, (void)param_len, (void)aad, (void)aad_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *in,
                           CK_ULONG in_len, unsigned char *out, CK_ULONG *out_len, CK_FLAGS flags)
{
    (void)param, (void)param_len, (void)in, (void)in_len, (void)out, (void)out_len, (void)flags;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE handle)
{
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
    (void)mech, (void)key;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DecryptMessage(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *aad,
                       CK_ULONG aad_len, unsigned char *in, CK_ULONG in_len, unsigned char *out, CK_ULONG *out_len)
{
    (void)param, (void)param_len, (void)aad, (void)aad_len, (void)in, (void)in_len, (void)out, (void)out_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *aad,
                            CK_ULONG aad_len)
{
    (void)param, (void)param_len, (void)aad, (void)aad_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *in,
                           CK_ULONG in_len, unsigned char *out, CK_ULONG *out_len, CK_FLAGS flags)
{
    (void)param, (void)param_len, (void)in, (void)in_len, (void)out, (void)out_len, (void)flags;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE handle)
{
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_MessageSignInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
    (void)mech, (void)key;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignMessage(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *data, CK_ULONG data_len,
                    unsigned char *sig, CK_ULONG *sig_len)
{
    (void)param, (void)param_len, (void)data, (void)data_len, (void)sig, (void)sig_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignMessageBegin(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len)
{
    (void)param, (void)param_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignMessageNext(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *data,
                        CK_ULONG data_len, unsigned char *sig, CK_ULONG *sig_len)
{
    (void)param, (void)param_len, (void)data, (void)data_len, (void)sig, (void)sig_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_MessageSignFinal(CK_SESSION_HANDLE handle)
{
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
    (void)mech, (void)key;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_VerifyMessage(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *data,
                      CK_ULONG data_len, unsigned char *sig, CK_ULONG sig_len)
{
    (void)param, (void)param_len, (void)data, (void)data_len, (void)sig, (void)sig_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len)
{
    (void)param, (void)param_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE handle, void *param, CK_ULONG param_len, unsigned char *data,
                          CK_ULONG data_len, unsigned char *sig, CK_ULONG sig_len)
{
    (void)param, (void)param_len, (void)data, (void)data_len, (void)sig, (void)sig_len;
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE handle)
{
    return refuse(handle, CKR_FUNCTION_NOT_SUPPORTED);
}
