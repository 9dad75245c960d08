/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors: the return value decides, struct devid_error explains.
 *
 * Who knows the facts writes the sentence; who passes it on may put a noun before it
 * (devid_error_in), never rewrites it. There is no thread-local and no shared message.
 */
#ifndef DEVID_CORE_ERROR_H
#define DEVID_CORE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

/* A result must be used: -std=c2x builds warn of one that is not. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ > 201710L
#define DEVID_MUST_USE [[nodiscard]]
#else
#define DEVID_MUST_USE
#endif

#if defined(__GNUC__)
#define DEVID_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define DEVID_PRINTF(fmt, args)
#endif

typedef enum DEVID_MUST_USE devid_rc {
    DEVID_OK = 0,
    DEVID_E_ARG,    /* the caller asked for what makes no sense */
    DEVID_E_MEM,    /* out of memory */
    DEVID_E_ROOM,   /* the caller's buffer is too small */
    DEVID_E_ABSENT, /* no such key, certificate, index, file or identity */
    DEVID_E_EXISTS, /* it is there already and is not replaced */
    DEVID_E_AUTH,   /* wrong PIN or auth value */
    DEVID_E_LOCKED, /* the TPM is in dictionary attack lockout */
    DEVID_E_DENIED, /* policy, hierarchy or server says no */
    DEVID_E_KEY,    /* this key cannot do that */
    DEVID_E_DATA,   /* malformed or wrong bytes from outside */
    DEVID_E_BUSY,   /* try again later */
    DEVID_E_AWAY,   /* no TPM behind the connection */
    DEVID_E_TPM,    /* any other answer of the TPM */
    DEVID_E_FILE,   /* a file or folder cannot be read or written */
    DEVID_E_NET,    /* no, or no usable, answer from a server */
} devid_rc;

/* Lives on the caller's stack, written on failure only. Initialise with {0}. */
struct devid_error {
    uint32_t tss;    /* TSS2 response code, 0 if none */
    uint32_t handle; /* TPM handle or NV index it is about, 0 if none */
    char text[320];  /* one line for a person, without a full stop at the end */
};

/**
 * Write the sentence and give rc back, so that a failure is one statement.
 *
 * \param err  may be NULL: the caller is not interested
 * \return rc
 */
devid_rc devid_fail(struct devid_error *err, devid_rc rc, const char *fmt, ...) DEVID_PRINTF(3, 4);

/**
 * The same for an answer of the TPM or TSS: finds the devid_rc of the code, appends the
 * code's name and, where the project knows one, the remedy ("run \"devid provision\"").
 *
 * \param tss     TSS2_RC, not 0
 * \param handle  handle or NV index in question, 0 if none
 * \param fmt     what was tried, as a noun phrase: "sign with 0x%08x"
 * \return the devid_rc that tss stands for (table in ARCHITECTURE.md, "Errors")
 */
devid_rc devid_fail_tss(struct devid_error *err, uint32_t tss, uint32_t handle, const char *fmt, ...)
    DEVID_PRINTF(4, 5);

/**
 * Say what a sentence of devid_fail was about: a TSS2 code, a handle; 0 for none.
 * \return rc
 */
devid_rc devid_error_about(struct devid_error *err, devid_rc rc, uint32_t tss, uint32_t handle);

/** Put "noun: " before the sentence. \return rc */
devid_rc devid_error_in(struct devid_error *err, devid_rc rc, const char *noun);

/**
 * Whether the TPM says so, or a resource manager in the TPM's words, and no layer of the TSS.
 * \param code  TPM2_RC_*, without the parameter, handle or session that it is about
 */
bool devid_tss_says(uint32_t tss, uint32_t code);

/** The devid_rc of a TSS2 response code (0 gives DEVID_OK). No text is made. */
devid_rc devid_rc_of_tss(uint32_t tss);

/** A short word for rc, for logs and JSON: "absent", "auth", ... Never NULL. */
const char *devid_rc_word(devid_rc rc);

#endif
