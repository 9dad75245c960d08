/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots, tokens and mechanism lists: PKCS#11 2.40, 5.5. A slot is a token of the store. Its id is its place:
 * 0 the manufacturer's, 1 the owner's, then the configuration's others, in the order of the file, those that clients
 * made, and, for who may write the store, one that has room for a new token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/about.h"
#include "pkcs11/mech.h"

struct slot_name {
    struct slot_name *next;
    char text[];
};

static const char *name_keep(const char *text)
{
    size_t len = strlen(text);
    struct slot_name *name = malloc(sizeof *name + len + 1);

    if (name == NULL)
        return NULL;
    memcpy(name->text, text, len + 1);
    name->next = the.names;
    the.names = name;
    return name->text;
}

static CK_RV slot_add(const char *token)
{
    struct slot **grown, *slot;

    for (size_t i = 0; i < the.n_slots; i++)
        if (strcmp(the.slots[i]->token, token) == 0)
            return CKR_OK;
    grown = realloc(the.slots, (the.n_slots + 1) * sizeof(struct slot *));
    if (grown == NULL)
        return CKR_HOST_MEMORY;
    the.slots = grown;
    slot = calloc(1, sizeof *slot);
    if (slot != NULL)
        slot->token = name_keep(token);
    if (slot == NULL || slot->token == NULL) {
        free(slot);
        return CKR_HOST_MEMORY;
    }
    slot->id = the.n_slots;
    the.slots[the.n_slots++] = slot;
    return CKR_OK;
}

CK_RV slot_rename(struct slot *slot, const char *token)
{
    const char *name;

    for (size_t i = 0; i < the.n_slots; i++)
        if (strcmp(the.slots[i]->token, token) == 0)
            return CKR_OK; /* it is there, in that one */
    name = name_keep(token);
    if (name == NULL)
        return CKR_HOST_MEMORY;
    slot->token = name;
    return CKR_OK;
}

void slot_logout(struct slot *slot)
{
    if (atomic_exchange(&slot->login, LOGIN_NONE) == LOGIN_NONE)
        return;
    (void)atomic_fetch_add(&slot->n_logouts, 1);
    if (the.store != NULL)
        devid_logout(the.store, slot->token);
}

bool slot_is_writable(const struct slot *slot)
{
    return !devid_token_is_manufacturers(slot->token);
}

/* One more, for a token to be made in, if there is a TPM and who asks can make one. */
static bool may_make_tokens(const struct catalogue *c)
{
    const struct devid_conf *conf = c != NULL ? devid_store_conf(c->store) : NULL;

    return conf != NULL && catalogue_has_token(c, conf->owner_token) && access(conf->state, W_OK) == 0;
}

CK_RV slots_of_conf(const struct devid_conf *conf)
{
    CK_RV rv = slot_add(DEVID_MANUFACTURER);

    if (rv == CKR_OK)
        rv = slot_add(conf != NULL ? conf->owner_token : "owner");
    for (size_t i = 0; rv == CKR_OK && conf != NULL && i < conf->n_identities; i++)
        rv = slot_add(conf->identities[i].token);
    return rv;
}

void slots_free(void)
{
    for (size_t i = 0; i < the.n_slots; i++)
        free(the.slots[i]);
    while (the.names != NULL) {
        struct slot_name *name = the.names;

        the.names = name->next;
        free(name);
    }
    free(the.slots);
    the.slots = NULL;
    the.n_slots = 0;
}

struct slot *slot_find(CK_SLOT_ID id)
{
    return id < the.n_slots ? the.slots[id] : NULL;
}

/* A folder of the store that no configuration names is a token as well. */
static CK_RV slots_of_catalogue(const struct catalogue *c)
{
    const char *token;
    CK_RV rv = CKR_OK;

    for (size_t i = 0; c != NULL && rv == CKR_OK && i < c->n_views; i++)
        rv = slot_add(c->views[i].token);
    for (size_t i = 0; c != NULL && rv == CKR_OK && (token = devid_snapshot_pin_token(c->snap, i)) != NULL; i++)
        rv = slot_add(token);
    return rv == CKR_OK && may_make_tokens(c) ? slot_add("") : rv;
}

/* Azure's key service may name a slot by its number, and never ask for the list. */
void slots_know(CK_SLOT_ID id)
{
    struct catalogue *c = NULL;
    bool is_known;

    if (module_enter() != CKR_OK)
        return;
    (void)pthread_mutex_lock(&the.table);
    is_known = slot_find(id) != NULL;
    (void)pthread_mutex_unlock(&the.table);
    if (!is_known && catalogue_refresh(&c) == CKR_OK) {
        (void)pthread_mutex_lock(&the.table);
        (void)slots_of_catalogue(c);
        (void)pthread_mutex_unlock(&the.table);
    }
    catalogue_free(c);
    (void)module_leave(CKR_OK);
}

/* The slot of tokens to be made has one that is to be made. */
static bool has_token(const struct catalogue *c, const char *token)
{
    return token[0] == 0 ? may_make_tokens(c) : catalogue_has_token(c, token);
}

CK_RV C_GetSlotList(unsigned char token_present, CK_SLOT_ID *list, CK_ULONG *n)
{
    struct catalogue *c = NULL;
    CK_ULONG room, found = 0;
    CK_RV rv = module_enter();

    if (rv != CKR_OK)
        return rv;
    if (n == NULL)
        return module_leave(CKR_ARGUMENTS_BAD);
    room = list != NULL ? *n : 0;
    (void)catalogue_refresh(&c); /* none: no token is present */
    (void)pthread_mutex_lock(&the.table);
    rv = slots_of_catalogue(c);
    for (size_t i = 0; rv == CKR_OK && i < the.n_slots; i++) {
        if (token_present && !has_token(c, the.slots[i]->token))
            continue;
        /* Azure's key service asks with a length of 0 and a pointer to nowhere. */
        if (found < room)
            list[found] = the.slots[i]->id;
        found++;
    }
    (void)pthread_mutex_unlock(&the.table);
    catalogue_free(c);
    if (rv == CKR_OK) {
        *n = found;
        if (list != NULL && found > room)
            rv = CKR_BUFFER_TOO_SMALL;
    }
    return module_leave(rv);
}

/* A copy of the slot's facts, and what is in it; *c is NULL without a store. */
static CK_RV slot_look(CK_SLOT_ID id, struct slot *out, struct catalogue **c)
{
    const struct slot *slot;
    CK_RV rv = CKR_OK;

    *c = NULL;
    slots_know(id);
    (void)pthread_mutex_lock(&the.table);
    slot = slot_find(id);
    if (slot == NULL)
        rv = CKR_SLOT_ID_INVALID;
    else
        *out = (struct slot){.id = slot->id, .token = slot->token, .n_sessions = slot->n_sessions, .n_rw = slot->n_rw};
    (void)pthread_mutex_unlock(&the.table);
    if (rv == CKR_OK)
        (void)catalogue_refresh(c);
    return rv;
}

CK_RV C_GetSlotInfo(CK_SLOT_ID id, CK_SLOT_INFO *info)
{
    struct catalogue *c = NULL;
    struct slot slot;
    char text[sizeof info->slotDescription + 1];
    CK_RV rv = module_enter();

    if (rv != CKR_OK)
        return rv;
    rv = slot_look(id, &slot, &c);
    if (rv == CKR_OK && info == NULL)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK) {
        /* Removable says that the token may come and go, as the TPM's identities do: 5.5, C_GetSlotInfo. */
        *info = (CK_SLOT_INFO){.flags = CKF_HW_SLOT | CKF_REMOVABLE_DEVICE, .hardwareVersion = {2, 0}};
        if (has_token(c, slot.token))
            info->flags |= CKF_TOKEN_PRESENT;
        (void)snprintf(text, sizeof text, DEVID_ABOUT_SLOT "%s", slot.token[0] != 0 ? slot.token : "room for a new token");
        devid_about_pad(info->slotDescription, sizeof info->slotDescription, text);
        devid_about_pad(info->manufacturerID, sizeof info->manufacturerID, DEVID_ABOUT_MANUFACTURER);
    }
    catalogue_free(c);
    return module_leave(rv);
}

/* The TPM counts wrong PINs of all tokens alike, and the officer's with the user's. */
static CK_FLAGS tries_left(struct devid_store *store)
{
    struct devid_tries tries;
    CK_FLAGS flags = 0;

    if (devid_token_tries(store, &tries, NULL) != DEVID_OK)
        return 0;
    if (tries.failed != 0)
        flags |= CKF_USER_PIN_COUNT_LOW | CKF_SO_PIN_COUNT_LOW;
    if (tries.failed + 1 == tries.max)
        flags |= CKF_USER_PIN_FINAL_TRY | CKF_SO_PIN_FINAL_TRY;
    if (tries.is_locked)
        flags |= CKF_USER_PIN_LOCKED | CKF_SO_PIN_LOCKED;
    return flags;
}

static CK_FLAGS token_flags(const struct slot *slot, const struct catalogue *c)
{
    CK_FLAGS flags = CKF_RNG;
    bool has_user;

    if (slot->token[0] == 0)
        return flags;
    flags |= CKF_TOKEN_INITIALIZED;
    if (!slot_is_writable(slot))
        flags |= CKF_WRITE_PROTECTED;
    if (!devid_snapshot_has_pin(c->snap, slot->token, &has_user))
        return flags;
    if (has_user)
        flags |= CKF_USER_PIN_INITIALIZED;
    return flags | CKF_LOGIN_REQUIRED | tries_left(c->store);
}

static void token_fill(const struct slot *slot, const struct catalogue *c, CK_TOKEN_INFO *info)
{
    char serial[DEVID_ABOUT_SERIAL + 1];

    *info = (CK_TOKEN_INFO){
        .flags = token_flags(slot, c),
        .ulMaxSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulSessionCount = slot->n_sessions,
        .ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulRwSessionCount = slot->n_rw,
        .ulMinPinLen = devid_snapshot_has_pin(c->snap, slot->token, NULL) || slot->token[0] == 0 ? DEVID_PIN_MIN : 0,
        .ulMaxPinLen = DEVID_PIN_MAX,
        .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .hardwareVersion = {2, 0},
    };
    devid_about_pad(info->label, sizeof info->label, slot->token);
    devid_about_pad(info->manufacturerID, sizeof info->manufacturerID, DEVID_ABOUT_MANUFACTURER);
    devid_about_pad(info->model, sizeof info->model, DEVID_ABOUT_MODEL);
    devid_about_pad(info->utcTime, sizeof info->utcTime, ""); /* no CKF_CLOCK_ON_TOKEN */
    devid_about_serial(c->snap, slot->token, serial);
    devid_about_pad(info->serialNumber, sizeof info->serialNumber, serial);
}

CK_RV C_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO *info)
{
    struct catalogue *c = NULL;
    struct slot slot;
    CK_RV rv = module_enter();

    if (rv != CKR_OK)
        return rv;
    rv = slot_look(id, &slot, &c);
    if (rv == CKR_OK && info == NULL)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK && !has_token(c, slot.token))
        rv = CKR_TOKEN_NOT_PRESENT;
    if (rv == CKR_OK)
        token_fill(&slot, c, info);
    catalogue_free(c);
    return module_leave(rv);
}

/* No thread watches the TPM: a client may ask, but not wait. */
CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
    CK_RV rv = table_enter();

    if (rv != CKR_OK)
        return rv;
    if (slot == NULL || reserved != NULL)
        return table_leave(CKR_ARGUMENTS_BAD);
    return table_leave((flags & CKF_DONT_BLOCK) != 0 ? CKR_NO_EVENT : CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_GetMechanismList(CK_SLOT_ID id, CK_MECHANISM_TYPE *list, CK_ULONG *n)
{
    CK_ULONG found = 0, room;
    CK_RV rv;

    slots_know(id);
    rv = table_enter();
    if (rv != CKR_OK)
        return rv;
    if (slot_find(id) == NULL)
        return table_leave(CKR_SLOT_ID_INVALID);
    if (n == NULL)
        return table_leave(CKR_ARGUMENTS_BAD);
    room = list != NULL ? *n : 0;
    for (size_t i = 0; mech_row(i) != NULL; i++) {
        if (!mech_is_offered(mech_row(i)))
            continue;
        if (found < room)
            list[found] = mech_row(i)->type;
        found++;
    }
    *n = found;
    return table_leave(list != NULL && found > room ? CKR_BUFFER_TOO_SMALL : CKR_OK);
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID id, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    const struct mechanism *mech;
    CK_RV rv;

    slots_know(id);
    rv = table_enter();
    if (rv != CKR_OK)
        return rv;
    if (slot_find(id) == NULL)
        return table_leave(CKR_SLOT_ID_INVALID);
    mech = mech_find(type, ~(CK_FLAGS)0);
    if (mech == NULL || !mech_is_offered(mech))
        return table_leave(CKR_MECHANISM_INVALID);
    if (info == NULL)
        return table_leave(CKR_ARGUMENTS_BAD);
    *info = (CK_MECHANISM_INFO){.flags = mech->flags};
    if ((mech->flags & CKF_DIGEST) == 0) {
        info->flags |= CKF_HW;
        info->ulMinKeySize = mech->alg == DEVID_EC ? 256 : (mech->flags & CKF_GENERATE_KEY_PAIR) != 0 ? 2048 : 1024; /* bits */
        info->ulMaxKeySize = mech->alg == DEVID_EC ? 521 : 4096;
        if (mech->alg == DEVID_EC)
            info->flags |= CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
    }
    return table_leave(CKR_OK);
}
