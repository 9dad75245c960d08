/* SPDX-License-Identifier: BSD-2-Clause */
/* Secret keys that were derived. They live as long as a session. */
#ifndef DEVID_PKCS11_SECRET_H
#define DEVID_PKCS11_SECRET_H

#include "pkcs11/module.h"

struct secret {
    struct devid_secret value;
    struct devid_bytes id;
    CK_KEY_TYPE type;
    bool is_sensitive, is_extractable;
};

void secret_free(struct secret *secret);
/** A session object. Takes the secret over, also on failure. */
CK_RV secret_add(const struct session *s, struct secret *secret, struct devid_slice label, unsigned flags,
                 CK_OBJECT_HANDLE *handle);
/** A secret ends now; false if it has ended already. */
bool secret_destroy(const struct object *o);

#endif
