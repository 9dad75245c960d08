/* SPDX-License-Identifier: BSD-2-Clause */
/* What the openssl.cnf of this process says about providers: config(5). For the doctor. */
#ifndef DEVID_EST_CNF_H
#define DEVID_EST_CNF_H

#include "core/error.h"

struct est_cnf {
    char path[512];
    bool is_there, has_devid, has_default; /* can be read; activates ours, OpenSSL's own */
    bool has_any;                          /* names providers at all: then "default" is not there by itself */
    bool has_node;                         /* nodejs_conf is the same section: Node.js reads no other */
    char module[512];                      /* of ours; empty: not said, so in that folder: */
    char folder[512];                      /* where this process's libcrypto looks for modules */
    char config[512], tcti[512];           /* of ours; empty: not said */
    char unknown[64];                      /* the first name in our section that means nothing to anybody; empty: there is none */
};

/** The names that our section may have, for a person. */
#define EST_CNF_SETTINGS "tcti, config, auth, uri-schemes and preconnect"

/** The file that OPENSSL_CONF names, or OpenSSL's own. \return DEVID_E_DATA if it cannot be understood, with the line */
devid_rc est_cnf_read(struct est_cnf *out, struct devid_error *err);

#endif
