/* SPDX-License-Identifier: BSD-2-Clause */
/* desired (devid.conf) - found (store) = steps. */
#include "plan.h"

#include <string.h>

int64_t plan_due(int64_t not_before, int64_t not_after, unsigned percent)
{
    int64_t life = not_after - not_before;

    if (not_after >= DEVID_CERT_NEVER)
        return INT64_MAX;
    if (life <= 0)
        return not_after;
    return not_before + life / 100 * (int64_t)percent + life % 100 * (int64_t)percent / 100;
}

const char *plan_action_text(enum plan_action action)
{
    switch (action) {
    case PLAN_RECOVER:   return "recover the key, which the TPM lost";
    case PLAN_MAKE_KEY:  return "make the key";
    case PLAN_PERSIST:   return "move the key to its handle";
    case PLAN_ENROLL:    return "enroll for a certificate";
    case PLAN_RENEW:     return "renew the certificate";
    case PLAN_WRITE_NV:  return "write the certificate to the TPM";
    case PLAN_WRITE_PEM: return "write the file for clients";
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
    if (have->alg != want->alg || have->bits != want->bits)
        return true;
    return have->handle != 0 && want->handle != 0 && have->handle != want->handle;
}

static void add(struct plan_step *steps, size_t *n, enum plan_action action, size_t identity)
{
    steps[(*n)++] = (struct plan_step){action, identity};
}

static size_t plan_one(const struct devid_conf_identity *want, const struct plan_found *have, int64_t now, size_t i,
                       struct plan_step *steps)
{
    static const struct plan_found nothing;
    bool is_primary = want->role == DEVID_ROLE_IDEVID || want->role == DEVID_ROLE_IAK;
    bool will_enroll = false;
    size_t n = 0;

    if (have->is_gone && !is_primary && want->role != DEVID_ROLE_EK)
        have = &nothing; /* of a dead key nothing is of use */
    if (have->has_key && have->is_other) {
        add(steps, &n, PLAN_TAKEN, i);
        return n;
    }
    if (contradicts(want, have)) {
        add(steps, &n, PLAN_CONFLICT, i);
        return n;
    }
    if (have->is_gone || have->is_rootless)
        add(steps, &n, PLAN_RECOVER, i);
    if (want->role == DEVID_ROLE_EK) {
        if (!have->has_key)
            add(steps, &n, PLAN_ABSENT, i);
        return n;
    }
    if (!have->has_key && want->est == NULL && is_primary)
        return n; /* a device whose maker gave it none: not ours to make without a CA for it */
    if (!have->has_key)
        add(steps, &n, PLAN_MAKE_KEY, i);
    if (want->handle != 0 && !is_primary && have->handle == 0)
        add(steps, &n, PLAN_PERSIST, i);

    if (want->est != NULL) {
        if (!have->has_cert || have->not_after <= now) {
            add(steps, &n, PLAN_ENROLL, i);
            will_enroll = true;
        } else if (plan_due(have->not_before, have->not_after, want->renew_after) <= now) {
            add(steps, &n, PLAN_RENEW, i);
            will_enroll = true;
        }
    }
    if (want->cert_place == DEVID_PLACE_NV && (will_enroll || (have->has_cert && !have->cert_in_nv)))
        add(steps, &n, PLAN_WRITE_NV, i);
    if (want->pem != NULL && (n != 0 || !have->has_pem))
        add(steps, &n, PLAN_WRITE_PEM, i);
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
