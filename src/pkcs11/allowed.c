/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CKA_ALLOWED_MECHANISMS as a key's maker gave it: PKCS#11 2.40, 4.7. The store keeps it as a line of hexadecimal numbers;
 * what of that is damaged allows nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pkcs11/mech.h"

#define DIGITS (2 * sizeof(CK_MECHANISM_TYPE) + 1) /* and the space before */

static const char *line_of(const struct object *o)
{
    const struct view *v = o->view;

    switch (v->kind) {
    case VIEW_PRIVATE: return v->identity->private_said.mechanisms;
    case VIEW_PUBLIC:  return v->identity->public_said.mechanisms;
    case VIEW_KEY:     return v->item->said.mechanisms;
    default:           return NULL;
    }
}

/* The next number of the line; false at its end. */
static bool next_of(const char **at, CK_MECHANISM_TYPE *out)
{
    char *end = NULL;
    const char *from = *at;

    if (*from == 0)
        return false;
    *out = strtoul(from, &end, 16);
    *at = *end == ' ' ? end + 1 : end;
    return end != from && (*end == ' ' || *end == 0);
}

CK_RV allowed_take(struct devid_slice list, enum devid_alg alg, struct devid_bytes *line)
{
    size_t n = list.len / sizeof(CK_MECHANISM_TYPE), len = 0;
    char text[DEVID_MECHANISMS_MAX * DIGITS + 1];
    struct devid_error err = {0};

    if (n == 0)
        return CKR_OK; /* as if it were not there: some clients send all attributes they know of */
    if (n > DEVID_MECHANISMS_MAX)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    for (size_t i = 0; i < n; i++) {
        const struct mechanism *mech;
        CK_MECHANISM_TYPE type;

        memcpy(&type, list.data + i * sizeof type, sizeof type);
        mech = mech_find(type, CKF_SIGN | CKF_VERIFY | CKF_ENCRYPT | CKF_DECRYPT | CKF_DERIVE);
        if (mech == NULL || mech->alg != alg) /* it would be said to work, and never do */
            return CKR_TEMPLATE_INCONSISTENT;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%lx", i != 0 ? " " : "", type);
    }
    return rv_of(devid_bytes_copy((struct devid_slice){(unsigned char *)text, len}, line, &err), &err);
}

bool allowed_list(const struct object *o, CK_MECHANISM_TYPE list[DEVID_MECHANISMS_MAX], size_t *n)
{
    const char *line = line_of(o);
    CK_MECHANISM_TYPE type;

    *n = 0;
    while (line != NULL && *n < DEVID_MECHANISMS_MAX && next_of(&line, &type))
        list[(*n)++] = type;
    return line != NULL;
}

bool allowed_has(const struct object *o, CK_MECHANISM_TYPE wanted)
{
    const char *line = line_of(o);
    bool found = line == NULL;
    CK_MECHANISM_TYPE type;

    while (!found && next_of(&line, &type))
        found = type == wanted;
    return found;
}
