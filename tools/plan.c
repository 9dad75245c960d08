/* SPDX-License-Identifier: BSD-2-Clause */
/* desired (devid.conf) - found (store) = steps. */
#include "plan.h"

#include <string.h>

bool plan_makes_key(const struct devid_conf_identity *want)
{
    return !devid_role_is_manufacturers(want->role) && !want->renews_same_key;
}

const char *plan_action_text(enum plan_action action)
{
    switch (action) {
    case PLAN_RECOVER:   return "recover the key, which the TPM lost";
    case PLAN_MAKE_KEY:  return "make the key";
    case PLAN_PERSIST:   return "move the key to its handle";
    case PLAN_ENROLL:    return "enroll for a certificate";
    case PLAN_RENEW:     return "renew the certificate";
    case PLAN_END_GRACE: return "remove the key and certificate that were renewed";
    case PLAN_WRITE_NV:  return "write the certificate to the TPM";
    case PLAN_WRITE_PEM: return "write the file for clients";
    case PLAN_HOOK:      return "run the program of on-renew";
    case PLAN_ABSENT:    return "is missing and cannot be made here";
    case PLAN_TAKEN:     return "is at a handle that holds another key";
    case PLAN_CONFLICT:  return "is not what devid.conf says";
    }
    return "";
}

static bool contradicts(const struct devid_conf_identity *want, const struct plan_found *have)
{
    if (!have->has_key || want->role == DEVID_ROLE_EK)
        return false;
    if (have->alg != want->alg || have->bits != want->bits || (want->for_spire && !have->is_for_spire))
        return true;
    return have->handle != 0 && want->handle != 0 && have->handle != want->handle;
}

static void add(struct plan_step *steps, size_t *n, enum plan_action action, size_t identity)
{
    steps[(*n)++] = (struct plan_step){action, identity};
}

/*
 * A renewal's new key is wrapped. Until the grace time is over the key before it keeps the handle; what was renewed before
 * that goes with the next renewal.
 */
static size_t plan_key(const struct devid_conf_identity *want, const struct plan_found *have, int64_t now, bool renews, size_t i,
                       struct plan_step *steps)
{
    bool is_new = renews && plan_makes_key(want), has_previous = is_new || have->has_previous;
    uint32_t handle = is_new ? 0 : have->handle, previous = is_new ? have->handle : have->previous_handle;
    int64_t replaced = is_new ? now : have->replaced;
    size_t n = 0;

    if (renews)
        add(steps, &n, PLAN_RENEW, i);
    if (has_previous && replaced + want->grace <= now) {
        add(steps, &n, PLAN_END_GRACE, i);
        previous = 0;
    }
    if (want->handle != 0 && !devid_role_is_manufacturers(want->role) && handle == 0 && previous != want->handle)
        add(steps, &n, PLAN_PERSIST, i);
    return n;
}

static size_t plan_one(const struct devid_conf_identity *want, const struct plan_found *have, int64_t now, size_t i,
                       struct plan_step *steps)
{
    static const struct plan_found nothing;
    bool is_primary = want->role == DEVID_ROLE_IDEVID || want->role == DEVID_ROLE_IAK;
    bool enrolls, renews;
    size_t n = 0;

    if (have->is_gone && !have->is_disabled && !is_primary && want->role != DEVID_ROLE_EK)
        have = &nothing; /* of a dead key nothing is of use */
    enrolls = want->est != NULL && (!have->has_cert || have->not_after <= now);
    renews = want->est != NULL && !enrolls && have->due <= now && have->retry <= now;
    if (have->has_key && have->is_other) {
        add(steps, &n, PLAN_TAKEN, i);
        return n;
    }
    if (contradicts(want, have)) {
        add(steps, &n, PLAN_CONFLICT, i);
        return n;
    }
    if ((have->is_gone && devid_role_is_manufacturers(want->role)) || have->is_rootless)
        add(steps, &n, PLAN_RECOVER, i);
    if (have->is_disabled)
        return n; /* nothing can be signed with it, and nothing shall be */
    if (want->role == DEVID_ROLE_EK) {
        if (!have->has_key)
            add(steps, &n, PLAN_ABSENT, i);
        return n;
    }
    if (!have->has_key && want->est == NULL && is_primary)
        return n; /* a device whose maker gave it none: not ours to make without a CA for it */
    if (!have->has_key)
        add(steps, &n, PLAN_MAKE_KEY, i);
    n += plan_key(want, have, now, renews, i, steps + n);
    if (enrolls)
        add(steps, &n, PLAN_ENROLL, i);
    if (want->cert_place == DEVID_PLACE_NV && (enrolls || renews || (have->has_cert && !have->cert_in_nv)))
        add(steps, &n, PLAN_WRITE_NV, i);
    if (want->pem != NULL && (enrolls || renews || !have->has_key || !have->has_pem))
        add(steps, &n, PLAN_WRITE_PEM, i);
    if (want->on_renew != NULL && (enrolls || renews || (have->has_cert && !have->has_told)))
        add(steps, &n, PLAN_HOOK, i);
    return n;
}

/* How many identities must come before this one; a circle ends at the number of identities. */
static size_t depth_of(const struct devid_conf *conf, const struct devid_conf_identity *identity)
{
    size_t depth = 0;

    while (identity != NULL && identity->authenticate != NULL && depth < conf->n_identities) {
        identity = devid_conf_find(conf, identity->authenticate);
        depth++;
    }
    return depth;
}

size_t plan_make(const struct devid_conf *conf, const struct plan_found *found, int64_t now, struct plan_step *steps)
{
    size_t n = 0;

    for (size_t i = 0; i < conf->n_identities; i++) /* requests name the chip by it, and it opens what a CA encrypted */
        if (conf->identities[i].role == DEVID_ROLE_EK)
            n += plan_one(&conf->identities[i], &found[i], now, i, steps + n);
    for (size_t depth = 0; depth <= conf->n_identities; depth++)
        for (size_t i = 0; i < conf->n_identities; i++)
            if (conf->identities[i].role != DEVID_ROLE_EK && depth_of(conf, &conf->identities[i]) == depth)
                n += plan_one(&conf->identities[i], &found[i], now, i, steps + n);
    return n;
}
