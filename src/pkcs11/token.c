/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PINs and who is logged in: PKCS#11 2.40, 5.5 and 5.6. A token without a PIN needs no login, and lets
 * a client that insists on one pass with whatever it was configured with. A PIN is asked of the TPM without the table's
 * lock, but one at a time (the.pins): what was checked before still holds after.
 */
#include "pkcs11/module.h"

static struct devid_slice pin_of(const unsigned char *pin, CK_ULONG len)
{
    return (struct devid_slice){pin, len};
}

static bool is_pin_len(CK_ULONG len)
{
    return len >= DEVID_PIN_MIN && len <= DEVID_PIN_MAX;
}

/* In this chapter core's errors have names of their own. */
static CK_RV pin_rv(devid_rc rc, const struct devid_error *err)
{
    CK_RV rv = rv_of(rc, err);

    switch (rc) {
    case DEVID_E_AUTH:   return CKR_PIN_INCORRECT;
    case DEVID_E_ABSENT: return err->tss != 0 ? CKR_DEVICE_ERROR : CKR_USER_PIN_NOT_INITIALIZED; /* it is not in the TPM */
    case DEVID_E_DENIED: return CKR_TOKEN_WRITE_PROTECTED;
    case DEVID_E_EXISTS: return CKR_ARGUMENTS_BAD;
    case DEVID_E_DATA:
    case DEVID_E_KEY:    return CKR_DEVICE_ERROR; /* a damaged file; a storage root key of an unknown kind */
    default:             return rv;
    }
}

/* Inside the module, and the only one at PINs. */
static CK_RV pins_enter(void)
{
    CK_RV rv = module_enter();

    if (rv == CKR_OK)
        (void)pthread_mutex_lock(&the.pins);
    return rv;
}

static CK_RV pins_leave(CK_RV rv)
{
    (void)pthread_mutex_unlock(&the.pins);
    return module_leave(rv);
}

/* A session's slot, which stays as it is but for its sessions; NULL if there is no such session. */
static struct slot *slot_of(CK_SESSION_HANDLE handle, enum login *login, bool *is_rw)
{
    const struct session *s;
    struct slot *slot = NULL;

    (void)pthread_mutex_lock(&the.table);
    s = session_find(handle);
    if (s != NULL) {
        slot = s->slot;
        *login = (enum login)atomic_load(&slot->login);
        *is_rw = session_is_rw(s);
    }
    (void)pthread_mutex_unlock(&the.table);
    return slot;
}

/* As it is now; false without a store, for then there is no PIN to know of. */
static bool slot_has_pin(const struct slot *slot, bool *has_user)
{
    struct catalogue *c = NULL;
    bool has_pin = catalogue_refresh(&c) == CKR_OK && devid_snapshot_has_pin(c->snap, slot->token, has_user);

    catalogue_free(c);
    return has_pin;
}

static CK_RV login_allowed(const struct slot *slot, enum login now, enum login wanted)
{
    bool has_ro;

    if (now == wanted)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (now != LOGIN_NONE)
        return CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    (void)pthread_mutex_lock(&the.table);
    has_ro = slot->n_rw < slot->n_sessions;
    (void)pthread_mutex_unlock(&the.table);
    return wanted == LOGIN_SO && has_ro ? CKR_SESSION_READ_ONLY_EXISTS : CKR_OK;
}

static CK_RV login_prove(const struct slot *slot, enum login wanted, struct devid_slice pin)
{
    enum devid_who who = wanted == LOGIN_SO ? DEVID_SO : DEVID_USER;
    struct devid_error err = {0};
    bool has_user;

    if (!slot_has_pin(slot, &has_user))
        return wanted == LOGIN_SO ? CKR_USER_TYPE_INVALID : CKR_OK; /* such a token has no security officer */
    return pin_rv(devid_login(module_store(), slot->token, who, pin, &err), &err);
}

static CK_RV login(CK_SESSION_HANDLE handle, enum login wanted, struct devid_slice pin)
{
    enum login now;
    struct slot *slot;
    bool is_rw;
    CK_RV rv;

    slot = slot_of(handle, &now, &is_rw);
    if (slot == NULL)
        return CKR_SESSION_HANDLE_INVALID;
    rv = login_allowed(slot, now, wanted);
    if (rv == CKR_OK)
        rv = login_prove(slot, wanted, pin);
    if (rv != CKR_OK)
        return rv;
    (void)pthread_mutex_lock(&the.table);
    atomic_store(&slot->login, (int)wanted);
    if (wanted == LOGIN_SO && slot->n_rw < slot->n_sessions)
        rv = CKR_SESSION_READ_ONLY_EXISTS; /* opened meanwhile */
    else if (session_find(handle) == NULL)
        rv = CKR_SESSION_CLOSED;
    if (rv != CKR_OK)
        slot_logout(slot);
    (void)pthread_mutex_unlock(&the.table);
    return rv;
}

/* For the operation that asks; it may be another thread's turn. */
static CK_RV login_once(CK_SESSION_HANDLE handle, struct devid_slice pin)
{
    struct devid_error err = {0};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (!session_is_asked(s))
        return session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
    if (slot_has_pin(s->slot, NULL))
        rv = pin_rv(devid_login_check(module_store(), s->slot->token, DEVID_USER, pin, &err), &err);
    if (rv == CKR_OK)
        session_answers(s);
    return session_leave(s, rv);
}

CK_RV C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE type, unsigned char *pin, CK_ULONG pin_len)
{
    enum login now;
    bool is_rw;
    CK_RV rv = pins_enter();

    if (rv != CKR_OK)
        return rv;
    if (slot_of(handle, &now, &is_rw) == NULL)
        return pins_leave(CKR_SESSION_HANDLE_INVALID);
    if (is_wild(pin, pin_len))
        return pins_leave(CKR_ARGUMENTS_BAD);
    switch (type) {
    case CKU_USER:             return pins_leave(login(handle, LOGIN_USER, pin_of(pin, pin_len)));
    case CKU_SO:               return pins_leave(login(handle, LOGIN_SO, pin_of(pin, pin_len)));
    case CKU_CONTEXT_SPECIFIC: break;
    default:                   return pins_leave(CKR_USER_TYPE_INVALID);
    }
    (void)pins_leave(CKR_OK);
    return login_once(handle, pin_of(pin, pin_len));
}

/* PKCS#11 3.0, 5.6.7. Users have no names here. */
CK_RV C_LoginUser(CK_SESSION_HANDLE handle, CK_USER_TYPE type, unsigned char *pin, CK_ULONG pin_len,
                  unsigned char *name, CK_ULONG name_len)
{
    struct session *s;
    CK_RV rv;

    if (name_len == 0)
        return C_Login(handle, type, pin, pin_len);
    rv = session_enter(handle, &s);
    if (rv != CKR_OK)
        return rv;
    return session_leave(s, is_wild(name, name_len) ? CKR_ARGUMENTS_BAD : CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_Logout(CK_SESSION_HANDLE handle)
{
    struct slot *slot;
    enum login now;
    bool is_rw, has_pin;
    CK_RV rv = pins_enter();

    if (rv != CKR_OK)
        return rv;
    slot = slot_of(handle, &now, &is_rw);
    if (slot == NULL)
        return pins_leave(CKR_SESSION_HANDLE_INVALID);
    if (now == LOGIN_NONE)
        return pins_leave(CKR_USER_NOT_LOGGED_IN);
    has_pin = slot_has_pin(slot, NULL);
    (void)pthread_mutex_lock(&the.table);
    slot_logout(slot); /* first: a call that makes a private object just now sees it, or its object is there already */
    (void)pthread_mutex_unlock(&the.table);
    if (has_pin) {
        destroy_private_loose(slot->token);
        catalogue_forget(slot->token);
    }
    loose_bury();
    return pins_leave(CKR_OK);
}

/*
 * The label without the spaces that fill it up; CKR_ARGUMENTS_BAD if it is none. Some clients, as PyKCS11, end it by a NUL instead,
 * and what is behind that is not theirs.
 */
static CK_RV label_take(const unsigned char *label, char out[33])
{
    size_t len = 0;

    while (len < 32 && label[len] != 0) {
        if (label[len] < ' ')
            return CKR_ARGUMENTS_BAD;
        out[len] = (char)label[len];
        len++;
    }
    while (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = 0;
    return len != 0 ? CKR_OK : CKR_ARGUMENTS_BAD;
}

static CK_RV init_allowed(const struct slot *slot, CK_ULONG pin_len)
{
    if (slot->n_sessions != 0)
        return CKR_SESSION_EXISTS;
    return is_pin_len(pin_len) ? CKR_OK : slot->token[0] == 0 ? CKR_PIN_LEN_RANGE : CKR_PIN_INCORRECT;
}

CK_RV C_InitToken(CK_SLOT_ID id, unsigned char *pin, CK_ULONG pin_len, unsigned char *label)
{
    struct devid_error err = {0};
    struct devid_store *store;
    struct catalogue *c = NULL;
    const char *token = "";
    struct slot *slot;
    char name[33];
    CK_RV rv;

    slots_know(id);
    rv = pins_enter();
    if (rv != CKR_OK)
        return rv;
    store = module_store();
    (void)pthread_mutex_lock(&the.table);
    slot = slot_find(id);
    rv = slot == NULL ? CKR_SLOT_ID_INVALID : is_wild(pin, pin_len) || label == NULL ? CKR_ARGUMENTS_BAD : CKR_OK;
    if (rv == CKR_OK)
        rv = init_allowed(slot, pin_len);
    if (rv == CKR_OK)
        token = slot->token;
    (void)pthread_mutex_unlock(&the.table);
    if (rv == CKR_OK)
        rv = label_take(label, name);
    if (rv == CKR_OK && store == NULL)
        rv = CKR_TOKEN_NOT_PRESENT;
    if (rv == CKR_OK)
        rv = pin_rv(devid_token_init(store, token[0] != 0 ? token : NULL, name, pin_of(pin, pin_len), &err), &err);
    if (rv == CKR_OK) {
        (void)pthread_mutex_lock(&the.table);
        rv = slot_rename(slot, name);
        (void)pthread_mutex_unlock(&the.table);
    }
    (void)catalogue_refresh(&c);
    catalogue_free(c);
    return pins_leave(rv);
}

CK_RV C_InitPIN(CK_SESSION_HANDLE handle, unsigned char *pin, CK_ULONG pin_len)
{
    struct devid_error err = {0};
    const struct slot *slot;
    enum login now;
    bool is_rw;
    CK_RV rv = pins_enter();

    if (rv != CKR_OK)
        return rv;
    slot = slot_of(handle, &now, &is_rw);
    if (slot == NULL)
        return pins_leave(CKR_SESSION_HANDLE_INVALID);
    if (is_wild(pin, pin_len) || pin == NULL)
        return pins_leave(CKR_ARGUMENTS_BAD);
    if (now != LOGIN_SO)
        return pins_leave(CKR_USER_NOT_LOGGED_IN);
    if (!is_pin_len(pin_len))
        return pins_leave(CKR_PIN_LEN_RANGE);
    rv = pin_rv(devid_token_set_user(module_store(), slot->token, pin_of(pin, pin_len), &err), &err);
    return pins_leave(rv == CKR_PIN_INCORRECT ? CKR_USER_NOT_LOGGED_IN : rv); /* the officer's was changed meanwhile */
}

CK_RV C_SetPIN(CK_SESSION_HANDLE handle, unsigned char *old_pin, CK_ULONG old_len, unsigned char *new_pin,
               CK_ULONG new_len)
{
    struct devid_error err = {0};
    const struct slot *slot;
    enum login now;
    bool is_rw;
    CK_RV rv = pins_enter();

    if (rv != CKR_OK)
        return rv;
    slot = slot_of(handle, &now, &is_rw);
    if (slot == NULL)
        return pins_leave(CKR_SESSION_HANDLE_INVALID);
    if (!is_rw)
        return pins_leave(CKR_SESSION_READ_ONLY);
    if (is_wild(old_pin, old_len) || is_wild(new_pin, new_len) || new_pin == NULL)
        return pins_leave(CKR_ARGUMENTS_BAD);
    if (!slot_has_pin(slot, NULL))
        return pins_leave(CKR_FUNCTION_NOT_SUPPORTED); /* there is none to change */
    if (!is_pin_len(new_len))
        return pins_leave(CKR_PIN_LEN_RANGE);
    return pins_leave(pin_rv(devid_token_change(module_store(), slot->token, now == LOGIN_SO ? DEVID_SO : DEVID_USER,
                                                pin_of(old_pin, old_len), pin_of(new_pin, new_len), &err), &err));
}
