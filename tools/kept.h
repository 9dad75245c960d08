/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is kept of an identity's dealings with its server from one run to the next: the anchors that it taught, a request that it put
 * off. Files beside the tokens (STATE/.trust, STATE/.pending), each good only for what devid.conf said when it was written.
 */
#ifndef DEVID_TOOLS_KEPT_H
#define DEVID_TOOLS_KEPT_H

#include "tool.h"

enum kept_kind { KEPT_TRUST, KEPT_PENDING, KEPT_RENEWAL /* a request for one, which is put off */ };

/**
 * Read it; PEM.
 * \return DEVID_E_ABSENT if there is none, or one of another server, fingerprint or (a request) subject than devid.conf names now
 */
devid_rc kept_read(struct tool *tool, const struct devid_conf_identity *want, enum kept_kind kind, struct devid_bytes *pem,
                   struct devid_error *err);
/** Keep it instead of what was there, at one instant. */
devid_rc kept_write(struct tool *tool, const struct devid_conf_identity *want, enum kept_kind kind, struct devid_slice pem,
                    struct devid_error *err);
/** Remove it; what is not there is removed already. */
devid_rc kept_drop(struct tool *tool, const struct devid_conf_identity *want, enum kept_kind kind, struct devid_error *err);

#endif
