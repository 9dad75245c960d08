/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of devid doctor share. */
#ifndef DEVID_TOOLS_DOCTOR_H
#define DEVID_TOOLS_DOCTOR_H

#include "tool.h"

struct examination {
    struct tool *tool;
    const struct devid_conf *conf;
    unsigned n_bad;
};

/** A line for what is as it should be, and for what is not and how to mend it. */
void good(const char *fmt, ...) DEVID_PRINTF(1, 2);
void bad(struct examination *x, const char *fmt, ...) DEVID_PRINTF(2, 3);

/* doctor_state.c */

/** The state folder: rights, owners, files that cannot be read. */
void examine_state(struct examination *x);

/* doctor_server.c */

/** The servers that are needed now or within 90 days, each once, by /cacerts; and who may read the files of secrets. */
void examine_servers(struct examination *x, const struct plan_found *found, int64_t now);

/* doctor_ek.c */

/** That there is no EK where devid.conf says, and what to write there if the TPM has one at another place. */
void examine_ek(struct examination *x, const struct devid_conf_identity *want);

/* doctor_openssl.c */

/** openssl.cnf: the classic mistakes. */
void examine_openssl(struct examination *x);
/** Whether a service's user has the rights that using a key takes, by the modes of files. */
void examine_user(struct examination *x, const char *user);

#endif
