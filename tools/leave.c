/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "leave.h"

#include <string.h>

struct list {
    struct leave_step *steps;
    size_t n;
};

static void add(struct list *list, enum leave_action action, const char *token, const char *what)
{
    list->steps[list->n++] = (struct leave_step){action, token, what};
}

size_t leave_room(const struct devid_conf *conf, const struct leave_found *found)
{
    return 2 + 2 * conf->n_identities + 2 * found->n_identities + found->n_handles + found->n_indices + found->n_tokens + found->n_kept +
           found->n_secrets;
}

const char *leave_text(enum leave_action action)
{
    switch (action) {
    case LEAVE_SEED:     return "change the endorsement seed: EK, IDevID and IAK are gone for ever";
    case LEAVE_CLEAR:    return "clear it: all keys of its owner are gone for ever";
    case LEAVE_RECOVER:  return "recover the key, which the clear takes";
    case LEAVE_ENABLE:   return "enable it again";
    case LEAVE_PEM:      return "remove the file for clients";
    case LEAVE_NV:       return "delete the certificate in NV memory";
    case LEAVE_KEY:      return "destroy the key at this handle, of which no file tells any more";
    case LEAVE_IDENTITY: return "destroy its key, delete its certificates";
    case LEAVE_TOKEN:    return "remove the token with all that is left in it";
    case LEAVE_FILE:     return "remove the file";
    case LEAVE_MAKER:    return "delete the certificates of the key that is gone";
    }
    return "";
}

/* A token with an identity of the manufacturer's in it stays, however devid.conf came to put that there. */
static bool holds_maker(const struct leave_found *found, const char *token)
{
    for (size_t i = 0; i < found->n_identities; i++)
        if (found->identities[i].is_maker && strcmp(found->identities[i].token, token) == 0)
            return true;
    return false;
}

static void plan_tpm(const struct devid_conf *conf, const struct leave_found *found, const struct leave_wish *wish,
                     struct list *list)
{
    if (wish->change_seed)
        add(list, LEAVE_SEED, NULL, "TPM");
    if (wish->clear)
        add(list, LEAVE_CLEAR, NULL, "TPM");
    for (size_t i = 0; wish->clear && !wish->change_seed && i < conf->n_identities; i++)
        if (devid_role_is_manufacturers(conf->identities[i].role) && found->has_key[i])
            add(list, LEAVE_RECOVER, NULL, conf->identities[i].name);
}

static void plan_identities(const struct leave_found *found, const struct leave_wish *wish, struct list *list)
{
    for (size_t i = 0; i < found->n_identities; i++) {
        const struct leave_identity *it = &found->identities[i];

        if (it->is_maker && it->is_disabled && !wish->change_seed)
            add(list, LEAVE_ENABLE, it->token, it->label);
        else if (!it->is_maker)
            add(list, LEAVE_IDENTITY, it->token, it->label);
    }
}

size_t leave_plan(const struct devid_conf *conf, const struct leave_found *found, const struct leave_wish *wish,
                  struct leave_step *steps)
{
    struct list list = {.steps = steps};

    plan_tpm(conf, found, wish, &list);
    for (size_t i = 0; i < conf->n_identities; i++)
        if (found->has_pem[i] && (wish->change_seed || !devid_role_is_manufacturers(conf->identities[i].role)))
            add(&list, LEAVE_PEM, NULL, conf->identities[i].pem);
    for (size_t i = 0; i < found->n_indices; i++)
        add(&list, LEAVE_NV, NULL, found->indices[i]);
    plan_identities(found, wish, &list);
    for (size_t i = 0; !wish->clear && i < found->n_handles; i++) /* a clear takes them */
        add(&list, LEAVE_KEY, NULL, found->handles[i]);
    for (size_t i = 0; i < found->n_tokens; i++)
        if (!holds_maker(found, found->tokens[i]))
            add(&list, LEAVE_TOKEN, NULL, found->tokens[i]);
    for (size_t i = 0; i < found->n_kept; i++)
        add(&list, LEAVE_FILE, NULL, found->kept[i]);
    for (size_t i = 0; !wish->keep_secrets && i < found->n_secrets; i++)
        add(&list, LEAVE_FILE, NULL, found->secrets[i]);
    for (size_t i = 0; wish->change_seed && i < found->n_identities; i++)
        if (found->identities[i].is_maker)
            add(&list, LEAVE_MAKER, found->identities[i].token, found->identities[i].label);
    return list.n;
}
