/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One name for a key everywhere: "pkcs11:token=owner;object=azure:ldevid" (RFC 7512, by p11-kit's
 * parser), "devid:azure:ldevid" (any token), "handle:0x81000002", which may have
 * "?pin-value=..." or "?pin-source=..." or "?pass" behind it: the auth value of the key at that handle.
 */
#ifndef DEVID_CORE_URI_H
#define DEVID_CORE_URI_H

#include "core/store.h"

struct devid_uri {
    struct devid_query query;    /* points into the fields below */
    struct devid_bytes token, label, serial, id;
    bool wants_private, wants_cert, wants_public; /* type=...; all false: no wish */
    struct devid_secret pin;     /* pin-value, or the file of pin-source; empty if neither */
    bool asks_pin;               /* a handle with "?pass": somebody is to be asked */
};

/**
 * \return DEVID_E_DATA with what was expected; DEVID_E_ABSENT for a type=, manufacturer, model, library or slot of which there is nothing.
 *         pin-source's file is read.
 */
devid_rc devid_uri_parse(const char *text, struct devid_uri *out, struct devid_error *err);
void devid_uri_free(struct devid_uri *uri);

/** How many bytes of a URI may be shown and written: a PIN may stand behind the '?', which is part of the label in "devid:". */
size_t devid_uri_shown(const char *text);

/**
 * "pkcs11:token=...;object=...;type=private" of an identity, every byte outside the unreserved set escaped
 * as RFC 7512 asks (':' in a value may stand as it is).
 */
devid_rc devid_uri_of(const struct devid_identity *identity, struct devid_bytes *out, struct devid_error *err);

#endif
