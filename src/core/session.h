/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An HMAC session for one command, salted: no auth value and no new one crosses the bus, nor anything by which a PIN could be
 * tried out without the TPM. TPM 2.0 Library, Part 1, section 19. Core's own; all calls between devid_tpm_enter and _leave.
 *
 * Commands that need it are sent by SAPI, because ESYS would compute the session where an OpenSSL engine may be (salt.h):
 *
 *   devid_session_start, Tss2_Sys_X_Prepare, devid_session_send, Tss2_Sys_X_Complete, devid_session_end
 */
#ifndef DEVID_CORE_SESSION_H
#define DEVID_CORE_SESSION_H

#include <tss2/tss2_sys.h>

#include "core/tpm.h"

/* Zero-initialised is "none". */
struct devid_session {
    TSS2_SYS_CONTEXT *sys; /* ESYS's own */
    TPMI_SH_AUTH_SESSION handle;
    TPM2B_NONCE nonce;     /* the TPM's last */
    unsigned char key[32];
};

/**
 * Begin one, salted by the storage root key. TPM2_StartAuthSession; before it TPM2_ReadPublic of that key if the cache does not
 * know it.
 * \param srk  its ESYS_TR
 */
devid_rc devid_session_start(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, struct devid_session *out,
                             struct devid_error *err);

/* What is authorised by a session's one command. */
struct devid_authorised {
    TPM2B_NAME names[2];    /* of the command's handles, in order */
    size_t n_names;
    const TPM2B_AUTH *auth; /* of the first */
    bool hides_first;       /* the command's first parameter is encrypted */
    const char *what;       /* for people: "log in" */
};

/** Name of a loaded or persistent object. Sends nothing. */
devid_rc devid_session_name(ESYS_CONTEXT *esys, ESYS_TR object, struct devid_authorised *to, struct devid_error *err);

/**
 * Send the prepared command. The session ends with it.
 * \return DEVID_E_AUTH for a wrong auth value; DEVID_E_TPM also if the answer is not the TPM's that has the salt
 */
devid_rc devid_session_send(struct devid_session *session, const struct devid_authorised *authorised, struct devid_error *err);

/** Wipe it, and TPM2_FlushContext if a failed command left it in the TPM. */
void devid_session_end(struct devid_session *session);

#endif
