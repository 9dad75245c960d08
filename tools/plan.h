/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan: what devid.conf wants, less what the store has, is the steps to take. A pure function
 * of its arguments: no TPM, no files, no clock. A device that matches has an empty plan, and
 * a run that was killed continues where the plan begins again.
 */
#ifndef DEVID_TOOLS_PLAN_H
#define DEVID_TOOLS_PLAN_H

#include "core/conf.h"

enum plan_action {
    PLAN_RECOVER,   /* a key of the manufacturer's that the TPM lost is derived again, or the root of a wrapped one */
    PLAN_MAKE_KEY,  /* a new key; at its handle if it is a primary, else wrapped */
    PLAN_PERSIST,   /* the wrapped key goes to its handle */
    PLAN_ENROLL,    /* simpleenroll: there is no certificate, or it has expired */
    PLAN_RENEW,     /* simplereenroll: its time has come; with a new key, if the file wants that */
    PLAN_END_GRACE, /* the pair before the last renewal goes */
    PLAN_WRITE_NV,  /* the certificate goes to its NV index */
    PLAN_WRITE_PEM, /* key reference and chain go to the file that clients read */
    PLAN_HOOK,      /* who uses it is told that there is a new certificate */
    PLAN_ABSENT,    /* it should be there and cannot be made by us (an EK) */
    PLAN_TAKEN,     /* its handle holds another key; a person must decide */
    PLAN_CONFLICT,  /* what is there contradicts the file; a person must decide */
};

/* What the store has of one identity of the file. Zero-initialised: nothing. */
struct plan_found {
    bool has_key;
    bool is_disabled; /* somebody switched the key off */
    bool is_gone;    /* the TPM says that it does not have that key any more */
    bool is_rootless; /* a wrapped key whose storage root key was evicted */
    bool is_for_spire; /* it is as "purpose = spire" makes one */
    bool is_other;   /* the TPM says that the key's handle holds another key */
    uint32_t handle; /* 0: a wrapped key */
    enum devid_alg alg;
    unsigned bits;
    bool has_cert;
    bool cert_in_nv;
    int64_t not_before, not_after; /* seconds since 1970 */
    int64_t due;       /* when it is to be renewed: schedule.h */
    int64_t retry;     /* not before, for it failed; 0: it did not */
    bool has_pem;      /* the client's file is there and is what it should be */
    bool has_told;     /* the program of on-renew was run for this certificate, or there is none */
    bool has_previous; /* the pair before the last renewal, */
    uint32_t previous_handle; /* at this handle, 0: wrapped, */
    int64_t replaced;         /* since this time */
};

struct plan_step {
    enum plan_action action;
    size_t identity; /* index into the file's identities */
};

#define PLAN_STEPS_EACH 9 /* most steps of one identity */

/**
 * \param found  one for each identity of conf
 * \param now    seconds since 1970
 * \param steps  room for PLAN_STEPS_EACH * conf->n_identities
 * \return number of steps; EKs come first, an identity comes after the one that it authenticates with
 */
size_t plan_make(const struct devid_conf *conf, const struct plan_found *found, int64_t now, struct plan_step *steps);

/** Does a renewal make a new key? Not of the manufacturer's, and not where the file wants the same. */
bool plan_makes_key(const struct devid_conf_identity *want);

/** What a step does, for a person: "make the key", ... A literal. */
const char *plan_action_text(enum plan_action action);

#endif
