/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devid.conf: the life of an identity as a file. devid.conf(5) documents every key; the table
 * in conf.c is the only place that knows them, and test/lint/man compares the two.
 */
#ifndef DEVID_CORE_CONF_H
#define DEVID_CORE_CONF_H

#include "core/identity.h"

#define DEVID_CONF_DEFAULT "/etc/devid/devid.conf"

/* proof =: what binds a request to its connection; without the key, what the server asks for. */
enum devid_conf_proof { DEVID_PROOF_AS_ASKED, DEVID_PROOF_NONE, DEVID_PROOF_TLS_UNIQUE, DEVID_PROOF_TLS_EXPORTER };

/* [identity NAME]: strings are NULL where the file is silent and there is no default. */
struct devid_conf_identity {
    unsigned line;              /* of its section header, for messages */
    const char *name;           /* label, unique in the file */
    const char *token;          /* default: DEVID_MANUFACTURER for ek, idevid, iak; else "owner" */
    enum devid_role role;       /* role = ek|idevid|iak|ldevid|ca|client (default: the one that NAME names, else
                                   client) */

    enum devid_alg alg;         /* key = ec-p256 (default) | ec-p384 | ec-p521 | rsa-2048 | rsa-3072 */
    unsigned bits;
    bool for_spire;             /* purpose = spire: the key is as SPIRE's node attestor tpm_devid loads it */
    uint32_t handle;            /* handle = 0x81..., 0: a wrapped key in the store (the default
                                   but for ek 0x81010001, idevid 0x81020000, iak 0x81020001) */
    enum devid_place cert_place; /* certificate = nv:0x01c90000 | file (default) */
    uint32_t nv_index;
    const char *pem;            /* pem = path: where key reference and chain are kept for clients */

    const char *est;            /* est = https URL of the EST base; NULL: not enrolled */
    bool by_tpm;                /* enroll-by = simpleenroll (default) | tpmenroll */
    const char *authenticate;   /* authenticate = NAME: TLS client certificate of that identity */
    const char *secret_header;  /* secret-header = Secret-Value (the default if secret-file is given) */
    const char *secret_file;    /* secret-file = path | credential:NAME (devid_secret_read) */
    const char *user;           /* user =, password-file =: HTTP Basic or Digest */
    const char *password_file;
    const char *const *headers; /* header = Name: value, repeatable; NULL-terminated; never NULL */
    const char *anchors;        /* anchors = PEM file of explicit trust anchors */
    const char *fingerprint;    /* fingerprint = SHA-256 of the root's DER, 64 hex digits: bootstrap */
    const char *crl;            /* crl = PEM file of revocation lists for the server's chain */
    const char *proxy;          /* proxy = http://host:port | socks5h://host:port | environment; NULL: none */
    const char *proxy_user;     /* proxy-user =, proxy-password-file = */
    const char *proxy_password_file;
    enum devid_conf_proof proof; /* proof = none | tls-unique | tls-exporter */
    bool skips_attributes;      /* csr-attributes = no: the server is not asked what it wants */
    const char *subject;        /* subject = CN=${serial},O=... in RFC 4514 order of writing;
                                   ${serial} stands for [device] serial */
    bool san_hardware_module;   /* san = hardware-module */
    bool wants_never;           /* lifetime = never | 30d | 12h | 90m: what is asked of the CA; */
    int64_t lifetime;           /*   seconds, 0 if not said. Checked on arrival, reported if not met */
    unsigned renew_after;       /* renew-after = 80%: part of the lifetime, in percent */
    bool renews_same_key;       /* renew-key = new (default) | same; idevid and iak: always the same */
    int64_t grace;              /* grace = 7d (default) | none: seconds that a renewed pair is kept for who has it open */
    const char *on_renew;       /* on-renew = words: a program to run when there is a new certificate */
};

struct devid_conf {
    const char *path;           /* of the file read */
    const char *tcti;           /* [device] tcti; NULL: /dev/tpmrm0, else tabrmd, else /dev/tpm0 */
    const char *state;          /* [device] state, default /var/lib/devid */
    const char *serial;         /* [device] serial or serial-file; NULL if neither */
    const char *owner_token;    /* [device] token, default "owner" */
    bool no_rsa_generation;     /* [device] rsa-generation = no: PKCS#11 clients make no RSA keys */
    const struct devid_conf_identity *identities; /* in the order of the file */
    size_t n_identities;
};

/**
 * Read and check the configuration.
 *
 * \param path  NULL: the file that DEVID_CONF names (secure_getenv), else DEVID_CONF_DEFAULT;
 *              a missing default file is an empty one: ek and idevid at their usual places
 * \param out   the caller frees it with devid_conf_free
 * \return DEVID_E_FILE if it cannot be read; DEVID_E_DATA with "FILE:LINE: KEY: what was
 *         expected". Nothing is sent to the TPM.
 */
devid_rc devid_conf_load(const char *path, struct devid_conf **out, struct devid_error *err);
void devid_conf_free(struct devid_conf *conf);

/** Name of the i-th key that a section ("device" or "identity") may have, NULL at the end: the
 * manual is compared with it. */
const char *devid_conf_key_name(const char *section, size_t i);

/** The section of that name, or NULL. */
const struct devid_conf_identity *devid_conf_find(const struct devid_conf *conf, const char *name);

#endif
