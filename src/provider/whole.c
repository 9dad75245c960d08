/* SPDX-License-Identifier: BSD-2-Clause */
/* What a restricted key (an IAK) is given to sign: the message, for its TPM hashes it itself. */
#include "provider/provider.h"

void whole_free(struct whole *m)
{
    devid_bytes_free(&m->bytes);
    m->is_too_long = false;
}

bool whole_copy(const struct whole *from, struct whole *to)
{
    to->is_too_long = from->is_too_long;
    return devid_bytes_copy(devid_slice_of(from->bytes), &to->bytes, NULL) == DEVID_OK;
}

bool whole_add(struct whole *m, const struct pkey *pk, struct devid_slice part)
{
    const struct devid_key *key = atomic_load(&((struct pkey *)(uintptr_t)pk)->key);

    if (key != NULL && devid_key_public(key)->area.len != 0 && !devid_key_public(key)->is_restricted)
        return true;
    m->is_too_long |= part.len > DEVID_MESSAGE_MAX - m->bytes.len;
    if (!m->is_too_long)
        return devid_bytes_append(&m->bytes, part, NULL) == DEVID_OK;
    devid_bytes_free(&m->bytes);
    return true;
}

devid_rc whole_sign(const struct whole *m, struct devid_key *key, const struct devid_scheme *scheme,
                      struct devid_slice digest, unsigned char *sig, size_t *len, struct devid_error *err)
{
    devid_rc rc = devid_key_sign(key, scheme, digest, sig, len, err);

    if (rc != DEVID_E_KEY || m == NULL || scheme->hash == DEVID_HASH_NONE || !devid_key_public(key)->is_restricted)
        return rc;
    if (m->is_too_long)
        return devid_fail(err, DEVID_E_DATA, "a restricted key signs messages of at most %d bytes", DEVID_MESSAGE_MAX);
    return devid_key_sign_message(key, scheme, devid_slice_of(m->bytes), sig, len, err);
}
