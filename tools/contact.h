/* SPDX-License-Identifier: BSD-2-Clause */
/* An identity's server as devid.conf describes it: address, anchors, secrets, and whose certificate is shown. */
#ifndef DEVID_TOOLS_CONTACT_H
#define DEVID_TOOLS_CONTACT_H

#include "est/est.h"
#include "tool.h"

/* Everything of a server that must be freed; est_server lends it out. */
struct contact {
    struct est_server server;
    struct devid_secret secret, password, proxy_password;
    struct devid_bytes anchors, key_uri, chain;
    /* the TPM counts a power cut after the use of the key as a wrong password: of the client's, of the one that is to be certified */
    bool is_counted, signs_counted;
    uint64_t settled; /* TPM commands that were sent when no such use was open */
    struct tool *tool;
    bool is_expired; /* the certificate that goes into TLS, by this device's clock */
};

/**
 * Make it. Anchors that are to be had by fingerprint are fetched now if they are not here yet; no secret is read before.
 * \param as  the identity whose certificate goes into TLS; NULL: none
 * \param c   freed by contact_free, also after a failure
 */
devid_rc contact_make(struct tool *tool, const struct devid_conf_identity *want, const char *as, struct contact *c,
                      struct devid_error *err);
void contact_free(struct contact *c);

/**
 * A server that refused an expired certificate in TLS may take user and password alone (RFC 7030, 3.2.3): the next connection shows no
 * certificate. Secrets are for the same server, and go when it has shown who it is, as before.
 * \return false if that is not what there is, or if it was done already
 */
bool contact_without_expired(struct contact *c);

/** If a key that is counted may have been used since: end that (devid_make_settled). TPM2_Shutdown, or nothing. */
void contact_settle(struct contact *c);

/** Keep the anchors that a reply brought, if it brought any. */
devid_rc contact_learn(struct tool *tool, const struct devid_conf_identity *want, const struct est_reply *reply,
                       struct devid_error *err);

#endif
