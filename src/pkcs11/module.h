/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the PKCS#11 module share. A file is a chapter of the standard: PKCS#11 2.40 and 3.0.
 *
 * Locks, always in this order: the table (sessions, slots, who is inside), one session, the refresh of
 * the catalogue, core's. The table and the catalogue are locked for a few instructions only, so
 * two sessions wait for each other at the chip and nowhere else.
 */
#ifndef DEVID_PKCS11_MODULE_H
#define DEVID_PKCS11_MODULE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/hash.h"
#include "core/key.h"
#include "core/log.h"
#include "core/login.h"
#include "pkcs11/message.h"
#include "pkcs11/p11v3.h"

/* More attributes than any client sends and than exist: a count beyond it is a wild one. */
#define TEMPLATE_MAX 1024
/* No buffer is longer than what a process can address; such a length is a wild one too. */
#define LENGTH_MAX (sizeof(void *) == 8 ? (CK_ULONG)(UINT64_C(1) << 47) : (CK_ULONG)1 << 31)

/* True if data and len cannot be the caller's buffer. */
static inline bool is_wild(const void *data, CK_ULONG len)
{
    return (data == NULL && len != 0) || len > LENGTH_MAX;
}

/* rv.c */

/** The only place that knows both languages; also logs the sentence, which PKCS#11 has no room for. */
CK_RV rv_of(devid_rc rc, const struct devid_error *err);
/**
 * The same of a command with a key whose object is there: if the TPM does not have it, or says that it is another TPM's, that is
 * an error of the device.
 * \param of_data  what malformed input is called there
 */
CK_RV rv_of_key(devid_rc rc, const struct devid_error *err, CK_RV of_data);

/* general.c */

enum login { LOGIN_NONE, LOGIN_USER, LOGIN_SO };

/* A slot and the token in it. Made once, freed by C_Finalize. */
struct slot {
    CK_SLOT_ID id;
    _Atomic(const char *) token; /* "manufacturer", "owner", ...; "": none yet. The module's names keep it */
    /* the table's: */
    atomic_int login; /* enum login */
    atomic_uint n_logouts; /* and ends of logins by other ways */
    CK_ULONG n_sessions, n_rw;
};

/* The state of this process; one, and empty until C_Initialize. */
struct module {
    pthread_mutex_t table; /* over all that follows up to the next lock */
    pthread_cond_t idle;   /* n_inside came down to 0 */
    bool is_ready, is_ending;
    unsigned n_inside;     /* calls that use the store: C_Finalize waits for them */
    struct devid_store *store; /* NULL: the configuration cannot be used */
    struct slot **slots;
    size_t n_slots;
    struct slot_name *names; /* of tokens, for as long as the module is initialised: a slot's may change */
    struct session **sessions; /* in the order of their handles */
    size_t n_sessions, sessions_room;

    pthread_mutex_t pins;    /* before the table: one thread logs in or changes a PIN */
    pthread_mutex_t refresh; /* one thread makes the next catalogue */
    pthread_mutex_t current; /* over the pointers alone */
    struct catalogue *catalogue;
    struct loose *loose, *dead; /* session objects; those whose session is closed */

    struct module *inherited; /* what a fork left here: never used, never freed, only kept in sight */
};

extern struct module the;

/**
 * For calls without a session: this process's C_Initialize? Then C_Finalize waits until module_leave.
 * CKR_CRYPTOKI_NOT_INITIALIZED otherwise, and nothing is held.
 */
CK_RV module_enter(void);
CK_RV module_leave(CK_RV rv);
/** The same, and the table is locked until table_leave. */
CK_RV table_enter(void);
CK_RV table_leave(CK_RV rv);
/** The store; if the configuration could not be used, it is tried again. NULL if it still cannot. */
struct devid_store *module_store(void);
CK_RV general_info_3_0(CK_INFO *info);
CK_RV session_open_3_0(CK_SLOT_ID id, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *handle);

/* slot.c */

/** Between table_enter and _leave: add the slots that the configuration names. NULL: those that are always there. */
CK_RV slots_of_conf(const struct devid_conf *conf);
void slots_free(void);
/** Between table_enter and _leave. NULL if there is none. */
struct slot *slot_find(CK_SLOT_ID id);
/** Not between table_enter and _leave: look whether there is a slot of that number, if it was not seen before. */
void slots_know(CK_SLOT_ID id);
bool slot_is_writable(const struct slot *slot);
/** Between table_enter and _leave. */
void slot_logout(struct slot *slot);
/** Between table_enter and _leave: the token in the slot is called so from now on. */
CK_RV slot_rename(struct slot *slot, const char *token);

struct session;

/* catalogue.c */

enum view_kind {
    VIEW_PUBLIC = 1,   /* CKO_PUBLIC_KEY */
    VIEW_PRIVATE = 2,  /* CKO_PRIVATE_KEY */
    VIEW_LEAF = 4,     /* CKO_CERTIFICATE of the key */
    VIEW_ISSUER = 8,   /* CKO_CERTIFICATE of the rest of its chain */
    VIEW_DATA = 16,    /* CKO_DATA */
    VIEW_CERT = 32,    /* CKO_CERTIFICATE of no key here */
    VIEW_KEY = 64,     /* CKO_PUBLIC_KEY without a private half here */
    VIEW_PROFILE = 128, /* CKO_PROFILE */
    VIEW_SECRET = 256, /* CKO_SECRET_KEY */
};
#define VIEW_PUBLICS (VIEW_PUBLIC | VIEW_KEY)
#define VIEW_CERTS (VIEW_LEAF | VIEW_ISSUER | VIEW_CERT)

/* One side of an identity, or an item, as PKCS#11 shows it. Immutable but for the key. */
struct view {
    CK_OBJECT_HANDLE handle;
    const char *token;
    const struct devid_identity *identity; /* NULL: of no identity */
    const struct devid_item *item;         /* NULL: not an item */
    const struct devid_cert *cert;         /* VIEW_CERTS */
    const struct devid_public *pub;        /* keys */
    enum view_kind kind;
    struct secret *secret;                 /* VIEW_SECRET: its own */
    unsigned char profile;                 /* VIEW_PROFILE: CKP_ */
    unsigned flags;                        /* enum devid_flag */
    bool is_behind_pin;                    /* its token has one */
    bool is_old;                           /* of a pair that was renewed: who has its handle uses it still, no search finds it */
    struct devid_slice label, id;
    struct devid_bytes own_label;          /* VIEW_ISSUER */
    unsigned char own_id[20];
    _Atomic(struct devid_key *) key; /* opened by the first who needs it, for all: see object_key */
};

/* All views of one snapshot. Immutable, counted. */
struct catalogue {
    atomic_uint holders;
    bool is_session; /* its objects live as long as a session */
    struct devid_store *store;
    struct devid_snapshot *snap;
    const char *forgets; /* while it is made: the token of private objects that get new handles; NULL: none */
    struct view *views; /* identities, items, renewed pairs, profiles; by token, name, kind */
    size_t n_views;
    struct view **by_handle, **by_label;
    struct view **issuers;
    size_t n_issuers;
};

/** The token objects as they are now: one stat if nothing changed. The caller releases it. */
CK_RV catalogue_refresh(struct catalogue **out);
/** 5.6, C_Logout: handles of a token's private objects become invalid, and stay so whoever logs in then. */
void catalogue_forget(const char *token);
/** Those of the last refresh, NULL before the first. The caller releases it. */
struct catalogue *catalogue_current(void);
struct catalogue *catalogue_hold(struct catalogue *c);
void catalogue_free(struct catalogue *c);
/**
 * All views of a snapshot, which is taken over, also on failure.
 * \param before   what is still the same keeps its handle; NULL: all get new ones
 * \param forgets  a token whose private objects get new ones all the same; NULL: none
 * \return held once; NULL: out of memory
 */
struct catalogue *catalogue_new(struct devid_store *store, struct devid_snapshot *snap, bool is_session,
                                const struct catalogue *before, const char *forgets);
/** A handle that no object had before. */
CK_OBJECT_HANDLE handle_next(void);
/** Views of that label, in *first and behind; how many. */
size_t catalogue_label(const struct catalogue *c, struct devid_slice label, struct view ***first);
/** What makes the object this one and no other of its class and token. */
struct devid_slice view_content(const struct view *v);
/** CKA_UNIQUE_ID. */
CK_RV view_unique_id(const struct view *v, char out[DEVID_ITEM_NAME + 1]);
/** SHA-1 of what a SubjectPublicKeyInfo's BIT STRING holds: the id of a key that nobody gave one. */
CK_RV view_key_id(struct devid_slice spki, unsigned char id[20]);

/* profile.c */

/** store, snap and is_session are set. */
size_t profiles_room(const struct catalogue *c);
void profiles_add(struct catalogue *c);
/** NULL if there is none. */
struct view *catalogue_find(const struct catalogue *c, CK_OBJECT_HANDLE handle);
/** True if a token of that name is to be had: its identities are known, or the TPM has any. */
bool catalogue_has_token(const struct catalogue *c, const char *token);

/* loose.c: session objects. Other sessions of the application see them, other applications do not. */

/* A catalogue of its own for what one call made. */
struct loose {
    struct catalogue *catalogue;
    CK_SESSION_HANDLE session; /* they die with it */
    struct loose *next;
};

/**
 * Takes the catalogue over, also on failure.
 * \return CKR_USER_NOT_LOGGED_IN for a private object whose token's user logged out while it was made
 */
CK_RV loose_add(const struct session *s, struct catalogue *c);
/** In place of old, whose remaining objects keep their handles; NULL: nothing is left. False if old is gone. */
bool loose_replace(const struct catalogue *old, struct catalogue *new);
/** The catalogue of a session object, held; NULL if there is none. */
struct catalogue *loose_find(CK_OBJECT_HANDLE handle, struct view **view);
/** All of them, held, in the order that they were made; freed by loose_list_free. */
CK_RV loose_list(struct catalogue ***list, size_t *n);
void loose_list_free(struct catalogue **list, size_t n);
/** Between table_enter and _leave: the session is closed. 0: all. */
void loose_end(CK_SESSION_HANDLE session);
/** destroy.c: the private ones of a token, whose user logs out; public halves of them go on. Not between table_enter and _leave. */
void destroy_private_loose(const char *token);
/** Free what loose_end found: without the table's lock, for it may ask the TPM to flush a key. */
void loose_bury(void);

/* object.c */

/* A view, and the catalogue that keeps it alive. */
struct object {
    struct catalogue *catalogue;
    struct view *view;
};

/** The only judge of what a session may see: an object of its token; a private one only without a PIN, or logged in. */
bool object_is_visible(const struct session *s, const struct view *view);
/** True if the token has a PIN and its user is not logged in: private objects are neither seen nor made. */
bool session_hides_private(const struct session *s);
/** CKR_OBJECT_HANDLE_INVALID if there is none that the session sees. Released by object_free. */
CK_RV object_find(const struct session *s, CK_OBJECT_HANDLE handle, struct object *out);
/** A key for an operation: CKR_KEY_HANDLE_INVALID, or CKR_KEY_FUNCTION_NOT_PERMITTED for the other half. */
CK_RV object_find_key(const struct session *s, CK_OBJECT_HANDLE handle, enum view_kind half, struct object *out);
/** May it be modified (DEVID_FLAG_FIXED), copied (_UNCOPYABLE), destroyed (_KEPT)? The manufacturer's never. */
bool object_may(const struct object *o, enum devid_flag what);
/** True for an LDevID that devid.conf names. It keeps name and key: getting one takes an enrolment at the factory. */
bool object_is_provisioned(const struct object *o);
/** False if who made the key did not want it used so. The key itself may still be unable to. */
bool object_is_for(const struct object *o, enum devid_usage usage);
void object_free(struct object *o);
/**
 * The key behind a view; lives as long as the catalogue. One for all sessions: behind a resource manager a wrapped key
 * is then loaded once, not for each signature. Sends nothing.
 */
CK_RV object_key(const struct object *o, struct devid_key **out);

/**
 * Put a new key pair into the session's token, or into the session, and give the handles of both halves. Sends nothing.
 * The caller has checked that the session may (CKR_SESSION_READ_ONLY); a write-protected token is refused here.
 *
 * \param pair      pub, key_place with handle and object or with parent and blob, as made; private_label and public_label (texts
 *                  without line ends, "" allowed); id, public_id (empty: the usual one); what was said of each half, private_flags,
 *                  public_flags, not_for. token is set here, and label where it is NULL: it is the name in the store, private_label if that is free. Lent
 * \param is_token  false: session objects; of a key that is wrapped
 */
CK_RV object_add_pair(const struct session *s, const struct devid_identity *pair, bool is_token,
                      CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key);

/* attr.c */

/* What an attribute is, without a copy where that can be. */
struct attr_value {
    const void *data;
    size_t len;
    struct devid_bytes owned;  /* freed by attr_free */
    _Alignas(CK_ULONG) unsigned char room[256];
};

/** CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE, or the value. Sends nothing. */
CK_RV attr_get(const struct object *o, CK_ATTRIBUTE_TYPE type, struct attr_value *out);
void attr_free(struct attr_value *v);
/** Bytes of all values: what C_GetObjectSize calls the size. */
CK_ULONG attr_sum(const struct object *o);
/** True if every attribute of the template is there and the same. */
bool attr_match(const struct object *o, const CK_ATTRIBUTE *template, CK_ULONG n);

/* session.c */

struct finding {
    bool is_active;
    CK_OBJECT_HANDLE *found;
    size_t n_found, next;
};

struct mechanism;

struct signing {
    const struct mechanism *mech; /* NULL: none is active */
    struct devid_scheme scheme;
    struct object object;
    struct devid_key *key; /* the object's */
    bool asks;             /* CKA_ALWAYS_AUTHENTICATE, and nobody has since C_SignInit: see session_answers */
    struct message message;
};

struct verifying {
    const struct mechanism *mech; /* NULL: none is active */
    struct devid_scheme scheme;
    struct object key;
    struct message message;
};

struct crypting {
    const struct mechanism *mech; /* NULL: none is active */
    struct devid_cipher cipher;
    struct devid_bytes label;     /* cipher's */
    struct object object;
    struct devid_key *key;        /* the object's */
    bool asks;                    /* decryption: as in signing */
    struct message message;       /* parts, as they are */
};

struct digesting {
    const struct mechanism *mech; /* NULL: none is active */
    struct message message;
};

struct session {
    CK_SESSION_HANDLE handle;
    struct slot *slot;
    CK_FLAGS flags;
    bool is_3_0;           /* opened by the function list of 3.0: what 2.40 does not know is shown */
    unsigned n_inside;     /* the table's: calls that have it */
    atomic_bool is_closed;
    pthread_mutex_t lock;  /* over what follows */
    unsigned n_logouts;    /* the slot's, when the call began */
    const char *call;      /* for the log */
    struct finding finding;
    struct signing signing;
    struct verifying verifying;
    struct digesting digesting;
    struct crypting encrypting, decrypting;
};

/** This process's? valid? Then locked, until session_leave. */
CK_RV session_enter_as(const char *call, CK_SESSION_HANDLE handle, struct session **out);
#define session_enter(handle, out) session_enter_as(__func__, (handle), (out))
CK_RV session_leave(struct session *s, CK_RV rv);
/** Between table_enter and _leave. NULL if there is none. */
struct session *session_find(CK_SESSION_HANDLE handle);
CK_STATE session_state(const struct session *s);
bool session_is_rw(const struct session *s);
/** Between table_enter and _leave: close those of a slot, NULL: all. */
void sessions_close(const struct slot *slot);

/** True if a cryptographic operation is active. */
bool session_has_operation(const struct session *s);
/** True if an operation waits for C_Login. */
bool session_is_asked(const struct session *s);
/** It has succeeded: the operation may go on. */
void session_answers(struct session *s);

void find_end(struct finding *op);
void sign_end(struct signing *op);
void verify_end(struct verifying *op);
void digest_end(struct digesting *op);
void crypt_end(struct crypting *op);

/**
 * PKCS#11 2.40, 5.2: a question about length, or a buffer too small, is no answer and does not end the operation.
 *
 * \return true if that is what the caller came for; then *rv is the answer and *out_len the length
 */
bool only_says_room(const void *out, CK_ULONG *out_len, size_t len, CK_RV *rv);

#endif
