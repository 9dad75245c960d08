/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PINs and who is logged in: PKCS#11 2.40, 5.5 and 5.6. A token without a PIN needs no login, and lets
 * a client that insists on one pass with whatever it was configured with.
 */
#include "pkcs11/module.h"

static CK_RV login_user(struct slot *slot)
{
    switch (slot->login) {
    case LOGIN_USER: return CKR_USER_ALREADY_LOGGED_IN;
    case LOGIN_SO:   return CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    case LOGIN_NONE: break;
    }
    slot->login = LOGIN_USER;
    return CKR_OK;
}

/* No security officer has been made for any token. */
static CK_RV login_so(const struct slot *slot)
{
    switch (slot->login) {
    case LOGIN_SO:   return CKR_USER_ALREADY_LOGGED_IN;
    case LOGIN_USER: return CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    case LOGIN_NONE: break;
    }
    return slot->n_rw < slot->n_sessions ? CKR_SESSION_READ_ONLY_EXISTS : CKR_USER_TYPE_INVALID;
}

CK_RV C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE type, unsigned char *pin, CK_ULONG pin_len)
{
    struct session *s;
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    s = session_find(handle);
    if (s == NULL)
        return table_leave(CKR_SESSION_HANDLE_INVALID);
    if (is_wild(pin, pin_len))
        return table_leave(CKR_ARGUMENTS_BAD);
    switch (type) {
    case CKU_USER:             return table_leave(login_user(s->slot));
    case CKU_SO:               return table_leave(login_so(s->slot));
    case CKU_CONTEXT_SPECIFIC: break;
    default:                   return table_leave(CKR_USER_TYPE_INVALID);
    }
    (void)table_leave(CKR_OK);
    rv = session_enter(handle, &s); /* for the operation that asks; it may be another thread's turn */
    return rv == CKR_OK ? session_leave(s, session_answers(s)) : rv;
}

/* PKCS#11 3.0, 5.6.7. Users have no names here. */
CK_RV C_LoginUser(CK_SESSION_HANDLE handle, CK_USER_TYPE type, unsigned char *pin, CK_ULONG pin_len,
                  unsigned char *name, CK_ULONG name_len)
{
    if (is_wild(name, name_len))
        return CKR_ARGUMENTS_BAD;
    return name_len == 0 ? C_Login(handle, type, pin, pin_len) : CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV C_Logout(CK_SESSION_HANDLE handle)
{
    struct session *s;
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    s = session_find(handle);
    if (s == NULL)
        return table_leave(CKR_SESSION_HANDLE_INVALID);
    if (s->slot->login == LOGIN_NONE)
        return table_leave(CKR_USER_NOT_LOGGED_IN);
    s->slot->login = LOGIN_NONE;
    return table_leave(CKR_OK);
}

/* Tokens come from the configuration; none is made, and none is made anew. */
CK_RV C_InitToken(CK_SLOT_ID id, unsigned char *pin, CK_ULONG pin_len, unsigned char *label)
{
    const struct slot *slot;
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    slot = slot_find(id);
    if (slot == NULL)
        return table_leave(CKR_SLOT_ID_INVALID);
    if (is_wild(pin, pin_len) || label == NULL)
        return table_leave(CKR_ARGUMENTS_BAD);
    return table_leave(slot->n_sessions != 0 ? CKR_SESSION_EXISTS : CKR_TOKEN_WRITE_PROTECTED);
}

CK_RV C_InitPIN(CK_SESSION_HANDLE handle, unsigned char *pin, CK_ULONG pin_len)
{
    const struct session *s;
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    s = session_find(handle);
    if (s == NULL)
        return table_leave(CKR_SESSION_HANDLE_INVALID);
    if (is_wild(pin, pin_len))
        return table_leave(CKR_ARGUMENTS_BAD);
    return table_leave(CKR_USER_NOT_LOGGED_IN); /* only the security officer may, and there is none */
}

CK_RV C_SetPIN(CK_SESSION_HANDLE handle, unsigned char *old_pin, CK_ULONG old_len, unsigned char *new_pin,
               CK_ULONG new_len)
{
    const struct session *s;
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    s = session_find(handle);
    if (s == NULL)
        return table_leave(CKR_SESSION_HANDLE_INVALID);
    if (!session_is_rw(s))
        return table_leave(CKR_SESSION_READ_ONLY);
    if (is_wild(old_pin, old_len) || is_wild(new_pin, new_len) || new_pin == NULL)
        return table_leave(CKR_ARGUMENTS_BAD);
    return table_leave(CKR_FUNCTION_NOT_SUPPORTED); /* a token without a PIN has none to change */
}
