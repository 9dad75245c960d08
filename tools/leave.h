/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan of disown and retire: what is there, less what stays, is the list of steps. A pure function of its arguments, as
 * plan.h: a run that was killed continues where the list begins again.
 */
#ifndef DEVID_TOOLS_LEAVE_H
#define DEVID_TOOLS_LEAVE_H

#include "core/conf.h"

enum leave_action {
    LEAVE_SEED,     /* TPM2_ChangeEPS */
    LEAVE_CLEAR,    /* TPM2_Clear */
    LEAVE_RECOVER,  /* a key of the manufacturer's, which the clear took, is derived again */
    LEAVE_ENABLE,   /* one that the owner has disabled is shown again */
    LEAVE_PEM,      /* the file for clients */
    LEAVE_NV,       /* an owner's certificate in NV memory */
    LEAVE_IDENTITY, /* key and certificates of one identity */
    LEAVE_KEY,      /* the key at a handle of devid.conf's, whose file is damaged or gone */
    LEAVE_TOKEN,    /* what is left in a token: items, its PIN, damaged files */
    LEAVE_FILE,     /* learned anchors, pending requests, secrets */
    LEAVE_MAKER,    /* file of a manufacturer's identity that has no key any more */
};

/* What there is. Everything is lent. */
struct leave_found {
    const struct leave_identity {
        const char *token, *label;
        bool is_maker;    /* the manufacturer's: it stays */
        bool is_disabled; /* key or certificate */
    } *identities;
    size_t n_identities;
    const char *const *handles; /* "0x81000002": handles of the owner's sections with a key of devid's of which no file tells */
    size_t n_handles;
    const char *const *indices; /* "0x01c90200": NV indices of the owner's with a certificate that devid wrote */
    size_t n_indices;
    const char *const *tokens; /* that have a folder, but the manufacturer's */
    size_t n_tokens;
    const char *const *kept;   /* files of what was learned of the owner's servers, and of what was asked of them */
    size_t n_kept;
    const char *const *secrets; /* files of secrets that devid.conf names for the owner's identities, and for no other */
    size_t n_secrets;
    const bool *has_key;        /* of each of conf's identities: something is known of a key */
    const bool *has_pem;        /* of each of conf's identities: its file for clients is there, and is one */
};

/* What is asked for beyond disown. */
struct leave_wish {
    bool clear, change_seed, keep_secrets;
};

struct leave_step {
    enum leave_action action;
    const char *token; /* LEAVE_IDENTITY, LEAVE_ENABLE, LEAVE_MAKER; else NULL */
    const char *what;  /* a name, a path, a number, "TPM" */
};

/** Most steps that leave_plan makes. */
size_t leave_room(const struct devid_conf *conf, const struct leave_found *found);
/**
 * What may be refused comes first, before anything is removed.
 * \param steps  room for leave_room of them
 * \return number of steps
 */
size_t leave_plan(const struct devid_conf *conf, const struct leave_found *found, const struct leave_wish *wish,
                  struct leave_step *steps);

/** What a step does to its `what`, for a person. A literal. */
const char *leave_text(enum leave_action action);

#endif
