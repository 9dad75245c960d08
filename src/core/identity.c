/* SPDX-License-Identifier: BSD-2-Clause */
/* The words for roles, and what is switched off. */
#include "core/identity.h"

#include <string.h>

static const struct {
    enum devid_role role;
    const char *name;
} roles[] = {
    {DEVID_ROLE_EK, "ek"},         {DEVID_ROLE_IDEVID, "idevid"}, {DEVID_ROLE_IAK, "iak"},
    {DEVID_ROLE_LDEVID, "ldevid"}, {DEVID_ROLE_CA, "ca"},         {DEVID_ROLE_CLIENT, "client"},
};

const char *devid_role_name(enum devid_role role)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (roles[i].role == role)
            return roles[i].name;
    return "client";
}

bool devid_role_of(const char *name, enum devid_role *out)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(roles[i].name, name) == 0) {
            *out = roles[i].role;
            return true;
        }
    return false;
}

bool devid_identity_key_enabled(const struct devid_identity *identity)
{
    return (identity->private_flags & DEVID_FLAG_DISABLED) == 0;
}

bool devid_identity_cert_enabled(const struct devid_identity *identity)
{
    return (identity->cert_flags & DEVID_FLAG_DISABLED) == 0;
}
