/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions: PKCS#11 2.40, 5.6; and the door that every function with a session handle goes through. */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/module.h"

/* Never the same again in a process, so that a stale handle meets no stranger. */
static CK_SESSION_HANDLE next_handle = 1;

/* Where the session is, or would be. */
static size_t session_place(CK_SESSION_HANDLE handle)
{
    size_t low = 0, high = the.n_sessions;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (the.sessions[middle]->handle < handle)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct session *session_find(CK_SESSION_HANDLE handle)
{
    size_t place = session_place(handle);

    return place < the.n_sessions && the.sessions[place]->handle == handle ? the.sessions[place] : NULL;
}

static void session_free(struct session *s)
{
    find_end(&s->finding);
    sign_end(&s->signing);
    verify_end(&s->verifying);
    digest_end(&s->digesting);
    crypt_end(&s->encrypting);
    crypt_end(&s->decrypting);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

CK_RV session_enter_as(const char *call, CK_SESSION_HANDLE handle, struct session **out)
{
    struct session *s;
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    s = session_find(handle);
    if (s == NULL)
        return table_leave(CKR_SESSION_HANDLE_INVALID);
    s->n_inside++;
    the.n_inside++;
    (void)table_leave(CKR_OK);

    (void)pthread_mutex_lock(&s->lock);
    s->call = call;
    s->n_logouts = atomic_load(&s->slot->n_logouts);
    *out = s;
    return atomic_load(&s->is_closed) ? session_leave(s, CKR_SESSION_HANDLE_INVALID) : CKR_OK;
}

CK_RV session_leave(struct session *s, CK_RV rv)
{
    bool is_last;

    devid_log(DEVID_LOG_TRACE, "pkcs11/session", "%s in session %lu: 0x%lx", s->call, s->handle, rv);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_mutex_lock(&the.table);
    is_last = --s->n_inside == 0 && atomic_load(&s->is_closed);
    (void)pthread_mutex_unlock(&the.table);
    if (is_last)
        session_free(s);
    return module_leave(rv);
}

/* Under the table's lock. Who is in it will free it on leaving. */
static void session_close(struct session *s)
{
    s->slot->n_sessions--;
    s->slot->n_rw -= session_is_rw(s);
    if (s->slot->n_sessions == 0)
        slot_logout(s->slot); /* 5.6, C_CloseSession: the last one */
    atomic_store(&s->is_closed, true);
    loose_end(s->handle);
    if (s->n_inside == 0)
        session_free(s);
}

void sessions_close(const struct slot *slot)
{
    size_t kept = 0;

    for (size_t i = 0; i < the.n_sessions; i++) {
        if (slot != NULL && the.sessions[i]->slot != slot)
            the.sessions[kept++] = the.sessions[i];
        else
            session_close(the.sessions[i]);
    }
    the.n_sessions = kept;
}

bool session_is_rw(const struct session *s)
{
    return (s->flags & CKF_RW_SESSION) != 0;
}

CK_STATE session_state(const struct session *s)
{
    switch ((enum login)atomic_load(&s->slot->login)) {
    case LOGIN_SO:   return CKS_RW_SO_FUNCTIONS;
    case LOGIN_USER: return session_is_rw(s) ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    case LOGIN_NONE: break;
    }
    return session_is_rw(s) ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
}

/* Under the table's lock. */
static CK_RV session_add(struct slot *slot, CK_FLAGS flags, bool is_3_0, CK_SESSION_HANDLE *handle)
{
    struct session *s, **grown;
    size_t room = the.sessions_room;

    if (the.n_sessions == room) {
        room = room == 0 ? 16 : room * 2;
        grown = realloc(the.sessions, room * sizeof(struct session *));
        if (grown == NULL)
            return CKR_HOST_MEMORY;
        the.sessions = grown;
        the.sessions_room = room;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return CKR_HOST_MEMORY;
    (void)pthread_mutex_init(&s->lock, NULL);
    s->handle = next_handle++;
    s->slot = slot;
    s->is_3_0 = is_3_0;
    s->flags = flags & (CKF_RW_SESSION | CKF_SERIAL_SESSION);
    the.sessions[the.n_sessions++] = s;
    slot->n_sessions++;
    slot->n_rw += session_is_rw(s);
    *handle = s->handle;
    return CKR_OK;
}

/*
 * A read-write session is given on the manufacturer's token too: Azure's key service opens no other
 * kind. What may not be written is refused at the object.
 */
static CK_RV session_open(CK_SLOT_ID id, CK_FLAGS flags, bool is_3_0, CK_SESSION_HANDLE *handle)
{
    struct catalogue *c = NULL;
    struct slot *slot;
    CK_RV rv = module_enter();

    if (rv != CKR_OK)
        return rv;
    slots_know(id);
    (void)pthread_mutex_lock(&the.table);
    slot = slot_find(id);
    (void)pthread_mutex_unlock(&the.table);
    if (slot == NULL)
        return module_leave(CKR_SLOT_ID_INVALID);
    if (handle == NULL)
        return module_leave(CKR_ARGUMENTS_BAD);
    if ((flags & CKF_SERIAL_SESSION) == 0)
        return module_leave(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    if (slot->token[0] == 0)
        return module_leave(CKR_TOKEN_NOT_RECOGNIZED);
    (void)catalogue_refresh(&c);
    rv = catalogue_has_token(c, slot->token) ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
    catalogue_free(c);

    (void)pthread_mutex_lock(&the.table);
    if (rv == CKR_OK && atomic_load(&slot->login) == LOGIN_SO && (flags & CKF_RW_SESSION) == 0)
        rv = CKR_SESSION_READ_WRITE_SO_EXISTS;
    if (rv == CKR_OK && the.is_ending)
        rv = CKR_CRYPTOKI_NOT_INITIALIZED;
    if (rv == CKR_OK)
        rv = session_add(slot, flags, is_3_0, handle);
    (void)pthread_mutex_unlock(&the.table);
    return module_leave(rv);
}

/* Nothing here takes so long that it would call back. */
CK_RV C_OpenSession(CK_SLOT_ID id, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *handle)
{
    (void)application, (void)notify;
    return session_open(id, flags, false, handle);
}

CK_RV session_open_3_0(CK_SLOT_ID id, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *handle)
{
    (void)application, (void)notify;
    return session_open(id, flags, true, handle);
}

/* Between table_enter and _leave, in place of the latter: what ended with its session is freed. */
static CK_RV leave_buried(void)
{
    the.n_inside++;
    (void)table_leave(CKR_OK);
    loose_bury();
    return module_leave(CKR_OK);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE handle)
{
    size_t place;
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    place = session_place(handle);
    if (place == the.n_sessions || the.sessions[place]->handle != handle)
        return table_leave(CKR_SESSION_HANDLE_INVALID);
    session_close(the.sessions[place]);
    the.n_sessions--;
    memmove(&the.sessions[place], &the.sessions[place + 1], (the.n_sessions - place) * sizeof(struct session *));
    return leave_buried();
}

CK_RV C_CloseAllSessions(CK_SLOT_ID id)
{
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    if (slot_find(id) == NULL)
        return table_leave(CKR_SLOT_ID_INVALID);
    sessions_close(slot_find(id));
    return leave_buried();
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info)
{
    const struct session *s;
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    s = session_find(handle);
    if (s == NULL)
        return table_leave(CKR_SESSION_HANDLE_INVALID);
    if (info == NULL)
        return table_leave(CKR_ARGUMENTS_BAD);
    *info = (CK_SESSION_INFO){.slotID = s->slot->id, .state = session_state(s), .flags = s->flags};
    return table_leave(CKR_OK);
}

/* PKCS#11 3.0, 5.6.8. */
CK_RV C_SessionCancel(CK_SESSION_HANDLE handle, CK_FLAGS flags)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if ((flags & CKF_FIND_OBJECTS) != 0)
        find_end(&s->finding);
    if ((flags & CKF_SIGN) != 0)
        sign_end(&s->signing);
    if ((flags & CKF_VERIFY) != 0)
        verify_end(&s->verifying);
    if ((flags & CKF_DIGEST) != 0)
        digest_end(&s->digesting);
    if ((flags & CKF_ENCRYPT) != 0)
        crypt_end(&s->encrypting);
    if ((flags & CKF_DECRYPT) != 0)
        crypt_end(&s->decrypting);
    return session_leave(s, CKR_OK);
}

/* A search is none that could be saved: 5.6, C_GetOperationState. */
bool session_has_operation(const struct session *s)
{
    return s->signing.mech != NULL || s->verifying.mech != NULL || s->digesting.mech != NULL || s->encrypting.mech != NULL ||
           s->decrypting.mech != NULL;
}

/* PKCS#11 2.40, 5.6, C_Login: what was begun last is meant, and nothing else asks at the same time. */
bool session_is_asked(const struct session *s)
{
    return s->signing.asks || s->decrypting.asks;
}

void session_answers(struct session *s)
{
    s->signing.asks = s->decrypting.asks = false;
}

bool only_says_room(const void *out, CK_ULONG *out_len, size_t len, CK_RV *rv)
{
    bool is_enough = out != NULL && *out_len >= len;

    if (!is_enough) {
        *rv = out == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
        *out_len = len;
    }
    return !is_enough;
}
