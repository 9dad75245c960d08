/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C_Initialize, C_Finalize, C_GetInfo: PKCS#11 2.40, 5.4, and who may come in meanwhile.
 *
 * A fork leaves a child that must begin anew. Which process initialised is compared before any lock is
 * touched: in the child a lock may be held by a thread that does not exist there.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/about.h"
#include "pkcs11/module.h"

struct module the;

/* The process whose locks these are; its negative while it makes them; 0: nobody yet. */
static _Atomic pid_t owner;

/* The first thread of a process puts fresh locks; what a fork left is moved out of sight, as it is. */
static CK_RV locks_own(void)
{
    pid_t me = getpid(), seen = atomic_load(&owner);
    struct module *inherited = NULL;

    while (seen != me) {
        if (seen == -me) { /* another thread of ours is between the next lines */
            (void)sched_yield();
            seen = atomic_load(&owner);
        } else if (atomic_compare_exchange_strong(&owner, &seen, -me)) {
            if (seen != 0)
                inherited = malloc(sizeof *inherited);
            if (seen != 0 && inherited == NULL) {
                atomic_store(&owner, seen);
                return CKR_HOST_MEMORY;
            }
            if (inherited != NULL)
                memcpy(inherited, &the, sizeof *inherited);
            memset(&the, 0, sizeof the);
            the.inherited = inherited;
            (void)pthread_mutex_init(&the.table, NULL);
            (void)pthread_mutex_init(&the.pins, NULL);
            (void)pthread_mutex_init(&the.refresh, NULL);
            (void)pthread_mutex_init(&the.current, NULL);
            (void)pthread_cond_init(&the.idle, NULL);
            atomic_store(&owner, me);
            seen = me;
        }
    }
    return CKR_OK;
}

CK_RV table_enter(void)
{
    if (atomic_load(&owner) != getpid())
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    (void)pthread_mutex_lock(&the.table);
    if (the.is_ready)
        return CKR_OK;
    (void)pthread_mutex_unlock(&the.table);
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

CK_RV table_leave(CK_RV rv)
{
    (void)pthread_mutex_unlock(&the.table);
    return rv;
}

CK_RV module_enter(void)
{
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    the.n_inside++;
    return table_leave(CKR_OK);
}

CK_RV module_leave(CK_RV rv)
{
    (void)pthread_mutex_lock(&the.table);
    if (--the.n_inside == 0)
        (void)pthread_cond_broadcast(&the.idle);
    return table_leave(rv);
}

/* Under the table's lock. Without a configuration the slots stay: empty, and DEVID_LOG says why. */
static CK_RV store_open(void)
{
    struct devid_store *store = NULL;
    struct devid_error err = {0};
    devid_rc rc = devid_store_open(NULL, &store, &err);
    CK_RV rv;

    if (rc != DEVID_OK) {
        (void)rv_of(rc, &err);
        return slots_of_conf(NULL);
    }
    rv = slots_of_conf(devid_store_conf(store));
    if (rv != CKR_OK)
        devid_store_free(store);
    else
        the.store = store;
    return rv;
}

struct devid_store *module_store(void)
{
    struct devid_store *store;

    (void)pthread_mutex_lock(&the.table);
    if (the.store == NULL)
        (void)store_open();
    store = the.store;
    (void)pthread_mutex_unlock(&the.table);
    return store;
}

static CK_RV arguments_check(const CK_C_INITIALIZE_ARGS *args)
{
    bool has_all, has_any;

    if (args == NULL)
        return CKR_OK;
    has_all = args->CreateMutex && args->DestroyMutex && args->LockMutex && args->UnlockMutex;
    has_any = args->CreateMutex || args->DestroyMutex || args->LockMutex || args->UnlockMutex;
    if (args->pReserved != NULL || has_all != has_any)
        return CKR_ARGUMENTS_BAD;
    /* Below us the TPM's library takes the system's locks, whatever the caller's are. */
    if (has_all && (args->flags & CKF_OS_LOCKING_OK) == 0)
        return CKR_CANT_LOCK;
    return CKR_OK;
}

CK_RV C_Initialize(void *init_args)
{
    CK_RV rv = arguments_check(init_args);

    if (rv == CKR_OK)
        rv = locks_own();
    if (rv != CKR_OK)
        return rv;
    (void)pthread_mutex_lock(&the.table);
    if (the.is_ready || the.is_ending)
        return table_leave(CKR_CRYPTOKI_ALREADY_INITIALIZED);
    rv = store_open();
    the.is_ready = rv == CKR_OK;
    if (rv != CKR_OK)
        slots_free();
    return table_leave(rv);
}

CK_RV C_Finalize(void *reserved)
{
    CK_RV rv;

    if (reserved != NULL)
        return CKR_ARGUMENTS_BAD;
    rv = table_enter();
    if (rv != CKR_OK)
        return rv;
    the.is_ready = false;
    the.is_ending = true;
    sessions_close(NULL);
    while (the.n_inside != 0)
        (void)pthread_cond_wait(&the.idle, &the.table);
    free(the.sessions);
    the.sessions = NULL;
    the.sessions_room = 0;
    loose_bury();
    catalogue_free(the.catalogue);
    the.catalogue = NULL;
    slots_free();
    devid_store_free(the.store);
    the.store = NULL;
    devid_hash_end(); /* Azure's key service loads and unloads the module for each operation */
    the.is_ending = false;
    return table_leave(CKR_OK);
}

static CK_RV info_fill(CK_INFO *info, CK_VERSION version)
{
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    if (info == NULL)
        return table_leave(CKR_ARGUMENTS_BAD);
    *info = (CK_INFO){.cryptokiVersion = version, .libraryVersion = {DEVID_ABOUT_MAJOR, DEVID_ABOUT_MINOR}};
    devid_about_pad(info->manufacturerID, sizeof info->manufacturerID, DEVID_ABOUT_MANUFACTURER);
    devid_about_pad(info->libraryDescription, sizeof info->libraryDescription, DEVID_ABOUT_LIBRARY);
    return table_leave(CKR_OK);
}

/* Azure's key service takes nothing but a 2 for the major version. */
CK_RV C_GetInfo(CK_INFO *info)
{
    return info_fill(info, (CK_VERSION){2, 40});
}

CK_RV general_info_3_0(CK_INFO *info)
{
    return info_fill(info, (CK_VERSION){3, 0});
}
