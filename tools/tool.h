/* SPDX-License-Identifier: BSD-2-Clause */
/* What the subcommands share. */
#ifndef DEVID_TOOLS_TOOL_H
#define DEVID_TOOLS_TOOL_H

#include "core/evidence.h"
#include "core/make.h"
#include "core/recover.h"
#include "core/store.h"
#include "est/est.h"
#include "plan.h"

/* The global options and the store, which is open when a subcommand runs (unless it asks for none). */
struct tool {
    const char *config; /* --config, or NULL */
    bool json;          /* --json */
    bool no_wait;       /* --no-wait: a server that says "later" is not waited for */
    bool was_without;   /* of the last request: without the certificate that was to go into TLS, which has expired */
    struct devid_store *store;
};

/* A subcommand: a line in main.c's table. Returns an exit status only by its devid_rc. */
struct tool_command {
    const char *name;
    const char *args; /* for the usage line */
    const char *help; /* one line */
    const char *options; /* further lines of --help; NULL if there are none */
    bool needs_store;
    devid_rc (*run)(struct tool *tool, int argc, char **argv, struct devid_error *err);
};

devid_rc command_renew(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_provision(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_list(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_show(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_ref(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_csr(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_est(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_recover(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_sign(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_disable(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_enable(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_certificate(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_delete(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_disown(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_retire(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_counters(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_attest(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_verify(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_export(struct tool *tool, int argc, char **argv, struct devid_error *err);
devid_rc command_doctor(struct tool *tool, int argc, char **argv, struct devid_error *err);

/** Usage error: the sentence, exit status 2. */
#define TOOL_USAGE DEVID_E_ARG

/** TPM commands that this process has sent, by both of its connections. */
uint64_t tool_commands(struct tool *tool);

/* named.c */

/**
 * The identity that a person named, in a fresh snapshot: that of devid.conf's section before one of that name in another token.
 * \param snap  released by the caller, after the identity's last use
 */
devid_rc tool_find(struct tool *tool, const char *name, struct devid_snapshot **snap,
                   const struct devid_identity **identity, struct devid_error *err);
/** The same for that of a section alone. */
devid_rc tool_find_own(struct tool *tool, const struct devid_conf_identity *want, struct devid_snapshot **snap,
                       const struct devid_identity **identity, struct devid_error *err);

/** The section of devid.conf that an identity is of; NULL if there is none. */
const struct devid_conf_identity *tool_section(struct tool *tool, const struct devid_identity *identity);

/** Change an identity as it is now. \return DEVID_E_BUSY if it was changed meanwhile, as devid_store_change says */
typedef devid_rc tool_changer(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err);
/**
 * Find an identity and change it; anew if another process changed it in the same moment, a few times: nothing of what others do
 * is lost.
 * \param query  token and label; token NULL: as tool_find
 * \param with   for change
 * \return DEVID_E_ABSENT; else as change
 */
devid_rc tool_change(struct tool *tool, const struct devid_query *query, tool_changer *change, void *with, struct devid_error *err);

/* option.c */

/** After getopt_long said "?": which option cannot be taken, and why. \return TOOL_USAGE */
devid_rc tool_bad_option(char **argv, struct devid_error *err);


/* found.c */

/**
 * What this device has of each identity of the file, and whether the TPM still has the keys; freed by the caller with free(). Of
 * the manufacturer's that no file tells of, a certificate in NV tells.
 */
devid_rc tool_found(struct tool *tool, struct plan_found **out, struct devid_error *err);
/**
 * Wait for other processes that change this device's keys, for two at once would make two keys for one name; then take away what
 * killed ones left, in the TPM (devid_make_sweep) and in the state folder.
 * \param fd  for devid_flock_leave, after a failure too
 */
devid_rc tool_alone(struct tool *tool, int *fd, struct devid_error *err);

/** By which schedule.h tells this device's identity from all others. */
uint64_t tool_seed(struct tool *tool, const struct devid_identity *identity);

/* recover.c */

/** A key of the manufacturer back to its handle; on success a line without its end was printed. */
devid_rc tool_recover(struct tool *tool, const struct devid_conf_identity *want, struct devid_error *err);
/**
 * What is known of a manufacturer's key: by the store, else by its certificate in NV.
 * \param der   owns what a certificate in NV is parsed from; freed by the caller
 * \param leaf  of the store or NV; der empty if there is none
 * \param spki  its key; lent from *snap or *der
 * \return DEVID_E_ABSENT if nothing is known
 */
devid_rc tool_known_key(struct tool *tool, const struct devid_conf_identity *want, const struct devid_snapshot *snap,
                        struct devid_bytes *der, struct devid_cert *leaf, struct devid_slice *spki, struct devid_error *err);

/* attest.c */

/** --nonce: 1 to 64 bytes in hexadecimal; NULL: none. *out is freed by the caller. */
devid_rc tool_nonce(const char *hex, struct devid_bytes *out, struct devid_error *err);
/** Evidence of one identity's key, by this device's attestation key. *e is freed by the caller, after a failure too. */
devid_rc tool_evidence(struct tool *tool, const char *name, struct devid_slice nonce, struct devid_evidence *e, struct devid_error *err);

/* tcg_csr.c */

/**
 * The TCG's certificate request of an identity, signed by its key.
 * \param model  of the device, "" if none is to be told; its serial number is devid.conf's
 * \param out    freed by the caller
 */
devid_rc tool_export_tcg_csr(struct tool *tool, const char *name, const char *model, struct devid_slice nonce, struct devid_bytes *out,
                             struct devid_error *err);

/* spire.c */

/** What a new key of the owner shall be. */
struct devid_wanted tool_wanted(const struct devid_conf_identity *want);
/** Is it as "purpose = spire" makes one? */
bool tool_is_for_spire(const struct devid_public *pub, uint32_t parent);
/**
 * Write devid.priv.blob (contents of TPM2B_PRIVATE), devid.pub.blob (TPMT_PUBLIC) and devid.crt.pem (the chain), each at one instant.
 * \return DEVID_E_KEY for a key that SPIRE cannot load; DEVID_E_ABSENT without certificate
 */
devid_rc tool_export_spire(const struct devid_identity *identity, const char *folder, struct devid_error *err);

/* renewal.c */

/**
 * Renew an identity: a new key (or the same, as the file says) is certified by simplereenroll, with the old certificate in TLS. Then
 * both change places at one instant: tool_renew may be killed anywhere and called again. A failure that may pass sets
 * the time of the next try.
 */
devid_rc tool_renew(struct tool *tool, const struct devid_conf_identity *want, struct devid_error *err);
/** When that is; 0: no failure of this certificate's renewal is known. n_failures: how many in a row. */
int64_t tool_retry(struct tool *tool, const struct devid_conf_identity *want, int64_t not_after, unsigned *n_failures);
/** Remove what the last renewal replaced, if anything is left of it; as devid_store_end_grace. */
devid_rc tool_end_grace(struct tool *tool, const struct devid_conf_identity *want, struct devid_error *err);
/** Path of a file of this identity in STATE/.renew; the folder need not be there. */
devid_rc tool_renew_path(struct tool *tool, const char *name, const char *suffix, struct devid_bytes *path, struct devid_error *err);

/* hook.c */

/**
 * Run the program of on-renew, and remember for which certificate it was run once it ended well.
 * \return DEVID_E_FILE if it cannot be run, or ends with another status than 0
 */
devid_rc tool_hook(struct tool *tool, const struct devid_conf_identity *want, const struct devid_identity *identity,
                   struct devid_error *err);
/** Was it run for this certificate? */
bool tool_has_told(struct tool *tool, const struct devid_conf_identity *want, const struct devid_identity *identity);

/* step.c */

/** Take one step of the plan; on success a line without its end was printed. */
devid_rc tool_step(struct tool *tool, const struct devid_conf_identity *want, enum plan_action action,
                   struct devid_error *err);

/* run.c */

/* A step that was taken, for the factory. */
struct tool_phase {
    const char *identity;
    enum plan_action action;
    double ms;
    uint64_t commands; /* that the TPM was sent */
    bool has_failed;
};

/* batch.c */

/* Where standard output goes meanwhile. */
struct tool_batch {
    int out; /* what it was */
    double begin_ms;
    struct tool_phase *phases;
    size_t n;
};

/** Milliseconds of a clock that only goes forward. */
double tool_ms(void);
/** From now on standard output is standard error's. \param n_most  phases there may be */
devid_rc tool_batch_begin(struct tool_batch *batch, size_t n_most, struct devid_error *err);
/** Standard output as it was, and the line. \param rc, why  how the run ended */
void tool_batch_end(struct tool *tool, struct tool_batch *batch, devid_rc rc, const struct devid_error *why);

/* What a run of the plan is to do. */
struct tool_wish {
    bool is_batch; /* a JSON line for the factory's database on standard output, all else on standard error */
    bool dry_run; /* only say it */
    bool renews;  /* only what has a certificate already */
    bool is_forced; /* renew, due or not */
    char **names; /* of these identities alone */
    int n_names;  /* 0: of all */
};

/** Make the plan and carry it out, alone on this device; a failure does not stop what does not depend on it. */
devid_rc tool_run(struct tool *tool, const struct tool_wish *wish, struct devid_error *err);

/* tpmenroll.c */

/** The EK that has a certificate. \param snap  released by the caller, after the EK's last use */
devid_rc tool_ek(struct tool *tool, struct devid_snapshot **snap, const struct devid_identity **ek, struct devid_error *err);
/** Its certificate and the chain that NV has (0x01c00100 to 0x01c001ff), DER, one behind the other. */
devid_rc tool_ek_certs(struct tool *tool, const struct devid_identity *ek, struct devid_bytes *certs, struct devid_error *err);
/**
 * One exchange with /tpmenroll.
 * \param csr  the request to send again; if it is empty one is made from wish
 * \return DEVID_E_KEY if the key could leave its TPM; as est_tpmenroll
 */
devid_rc tool_tpmenroll(struct tool *tool, const struct est_server *server, const struct devid_identity *key,
                        const struct est_csr *wish, struct devid_bytes *csr, struct est_reply *reply, struct devid_error *err);

/* enroll.c */

/**
 * Enroll (or renew) one identity of the file and put the certificate into the store. Waits and asks
 * again while the server says "later", for a bounded time.
 */
devid_rc tool_enroll(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal,
                     struct devid_error *err);
/* A key that is to be certified, and is in no identity yet perhaps. */
struct tool_key {
    const char *uri; /* or the path of a file */
    struct devid_slice spki;
    const struct devid_made *made; /* a wrapped key, as long as the request lasts; NULL: the identity's own */
};

struct tool_answer {
    struct devid_bytes certs_pem; /* leaf and chain; freed by the caller */
    unsigned retry_s;             /* what the server asked for when it said "later"; 0: nothing */
    bool asks_later;              /* it did */
    bool is_put_off;              /* the server has taken the request, which is kept to be sent again */
};

/**
 * Whose certificate goes into TLS: for simplereenroll the one that is renewed (RFC 7030, 3.3.2); for all else, /tpmenroll included, what
 * the section's authenticate says.
 * \return NULL: nobody's
 */
const char *tool_client_of(const struct devid_conf_identity *want, bool is_renewal);

/**
 * The exchange alone, as tool_enroll: a certificate is given, not kept.
 * \param key     NULL: the identity's own
 * \param answer  written on failure too, certs_pem on success only
 */
devid_rc tool_request(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal, const struct tool_key *key,
                      struct tool_answer *answer, struct devid_error *err);
/** Put the certificate to the identity's own key, and end the request. */
devid_rc tool_keep(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal, const struct tool_answer *answer,
                   struct devid_error *err);
/** The certificate is in its place: a request that was kept goes. */
devid_rc tool_request_done(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal, struct devid_error *err);
/** A signed request of an identity, DER. */
devid_rc tool_csr(struct tool *tool, const struct devid_conf_identity *want, struct devid_bytes *der,
                  struct devid_error *err);
/** The CA certificates of an identity's server, PEM. */
devid_rc tool_cacerts(struct tool *tool, const struct devid_conf_identity *want, struct devid_bytes *pem,
                      struct devid_error *err);

/** What an identity's server wants to be in a request, in words. */
devid_rc tool_csrattrs(struct tool *tool, const struct devid_conf_identity *want, struct devid_bytes *text,
                       struct devid_error *err);

/* pem.c */

/** Certificates as PEM, appended to *out. */
devid_rc tool_chain_pem(const struct devid_cert *chain, size_t n, struct devid_bytes *out, struct devid_error *err);
/** A chain from PEM: *der owns what the certificates point into. At most DEVID_CHAIN_MAX. */
devid_rc tool_chain_parse(struct devid_slice pem, struct devid_bytes der[DEVID_CHAIN_MAX],
                          struct devid_cert chain[DEVID_CHAIN_MAX], size_t *n, struct devid_error *err);
/** Key reference, and the chain if wanted: what programs open as key and certificate file. */
devid_rc tool_reference_pem(const struct devid_identity *identity, bool with_chain, struct devid_bytes *out,
                            struct devid_error *err);

/** Remove a file of tool_reference_pem's. One that is not there is no error; DEVID_E_EXISTS if it is something else. */
devid_rc tool_pem_remove(const char *path, struct devid_error *err);

/* write.c */

/** What a command makes: into the file that --out names, replaced at one instant (0644), or, if that is NULL, to standard output. */
devid_rc tool_deliver(const char *out, struct devid_slice content, struct devid_error *err);

/* ask.c */

/**
 * Ask before what cannot be undone; what it is was said already.
 *
 * \param is_agreed  an option said yes already: nothing is asked
 * \param expected   what a person must type; NULL: y
 * \param option     that says yes, for who has no terminal
 * \return DEVID_E_DENIED if the answer is no, or nobody is there to give one
 */
devid_rc tool_agree(bool is_agreed, const char *expected, const char *option, struct devid_error *err);

/* certificate.c */

/** Destroy the owner's key and remove its file. A handle that holds another key is left alone. */
devid_rc tool_delete(struct tool *tool, const struct devid_identity *identity, struct devid_error *err);

/* out.c: text for people, JSON for programs */

/** A string as JSON, quotes included; a byte that is no UTF-8 becomes U+FFFD. */
void out_json_string(const char *text);
#define OUT_TEXT_MAX 512
/** What clients have chosen, for a person's terminal: control characters and what is no UTF-8 become "?". \return room; text is cut to it */
const char *out_text(const char *text, char room[OUT_TEXT_MAX]);
/** "  "name": "value"" with the comma before it that is needed; NULL value: null. */
void out_json_field(bool *first, const char *name, const char *value);
/** The certificate's subject for a person; "-" if there is none. *out is freed by the caller. */
devid_rc out_subject(const struct devid_identity *identity, struct devid_bytes *out, struct devid_error *err);
/** "0x81000002" or "file"; buf has room for 16 characters. */
void out_key_place(const struct devid_identity *identity, char buf[16]);
/** "nv 0x01c90000", "file" or "-"; buf has room for 16 characters. */
void out_cert_place(const struct devid_identity *identity, char buf[16]);
/** The word for how an identity stands: "valid", "due", "expired", "not yet", "none", "gone" if the TPM lost its key, "disabled" if
 * somebody switched it off, or its certificate. A literal. */
const char *out_state(struct tool *tool, const struct devid_handles *handles, const struct devid_identity *identity,
                      const struct devid_conf_identity *want, int64_t now);
/** The TPM's persistent handles, for out_state; none if it is away: then nothing is gone. */
void out_handles(struct tool *tool, struct devid_handles *out);
/** The table of "devid list", also printed at the end of "devid provision". */
devid_rc out_table(struct tool *tool, struct devid_error *err);
/** SHA-256 of a certificate's or a SubjectPublicKeyInfo's DER, in hex. */
devid_rc out_fingerprint(struct devid_slice der, char hex[65], struct devid_error *err);
/** One identity as a JSON object. \param index  its place in the list, from 0 on */
devid_rc out_json_identity(struct tool *tool, const struct devid_handles *handles, const struct devid_identity *identity,
                           size_t index, struct devid_error *err);

#endif
