/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EST for keys that stay in the TPM: RFC 7030, RFC 8951. One call a message; the caller (tools) is the one
 * that decides. Nothing here knows the store: keys come as URIs, through the loaded provider, as for any client.
 */
#ifndef DEVID_EST_EST_H
#define DEVID_EST_EST_H

#include "core/bytes.h"
#include "core/cert.h"

/*
 * Proof that who asks for a certificate is who speaks TLS: a value of the connection as the request's challengePassword, RFC 7030 section
 * 3.5. tls-unique is the standard's and needs TLS 1.2; tls-exporter (RFC 9266) is for servers that agreed to it.
 */
enum est_proof { EST_PROOF_AS_ASKED /* tls-unique if /csrattrs asks for it */, EST_PROOF_NONE, EST_PROOF_TLS_UNIQUE, EST_PROOF_TLS_EXPORTER };

/* Everything about a server. Strings and slices are lent for the call. */
struct est_server {
    const char *url;              /* "https://host[:port]/.well-known/est[/label]", no trailing '/' needed */
    const char *anchors;          /* PEM file of explicit trust anchors; NULL: the system's, and for what is issued
                                     also the roots that /cacerts shows (RFC 7030 section 4.1.3) */
    struct devid_slice anchors_pem; /* the same as bytes; empty: none. Both given: both are trusted */
    bool learns_anchors;          /* anchors_pem is what this server taught before, or nothing yet: /cacerts is asked, and what
                                     follows from it is in the reply, to be kept */
    const char *secret_header;    /* name of a header whose value is secret; NULL: none */
    struct devid_slice secret;    /* its value */
    const char *user;             /* HTTP Basic or Digest, when the server asks; NULL: none */
    struct devid_slice password;
    const char *const *headers;   /* further "Name: value" lines, NULL-terminated; NULL: none */
    const char *key_uri;          /* TLS client key, any URI of our provider; NULL: no client certificate */
    struct devid_slice chain_pem; /* its certificate chain, leaf first */
    const char *crl;              /* PEM file of revocation lists of all CAs above the server; NULL: not asked */
    const char *proxy;            /* "http://HOST:PORT", "socks5h://HOST:PORT", "environment" as curl(1) does; NULL: none */
    const char *proxy_user;       /* NULL: none */
    struct devid_slice proxy_password;
    enum est_proof proof;
    bool skips_attributes;        /* /csrattrs is not asked */
    unsigned timeout_ms;          /* of one exchange; 0: 30,000 */
    /* called when a key may have signed: the client's, after a handshake and before anything is sent; else the one of a request that was
     * made. NULL: nobody wants to know */
    void (*signed_by)(void *user, bool is_client);
    void *signed_user;            /* for it */
};

/* What came back. Freed by est_reply_free. */
struct est_reply {
    struct devid_bytes certs_pem; /* all certificates of the reply, leaf first where there is one */
    unsigned n_certs;
    unsigned retry_after_s;       /* 202, 429, 503: seconds to wait, bounded to 1..86,400; 0: it named no time */
    bool asks_later;              /* the last answer was such a one: it is the server that is waited for, and no TPM that is busy */
    long status;                  /* HTTP's, of the answer to a request for a certificate; 0: there was none. 202: it was taken, and
                                     the very same is to be sent again */
    struct devid_bytes anchors_pem; /* the anchors from now on, if they are not what they were; written whatever the outcome */
};

void est_reply_free(struct est_reply *reply);

/**
 * Read openssl.cnf as every program does, but for our own provider's section, which may be for another configuration than this process
 * has: est_keys_load gives it none. Before all else that uses OpenSSL.
 */
void est_openssl_begin(void);
/**
 * Load the default and our provider into this process's default library context, once. Before
 * anything with a key. The module is looked for where libcrypto looks for modules (OPENSSL_MODULES).
 * \return DEVID_E_FILE with the folder searched and the remedy
 */
devid_rc est_keys_load(struct devid_error *err);
/** TPM commands that our provider sent in this process (its parameter "tpm-commands"); 0 if it is not loaded. */
uint64_t est_keys_commands(void);

/**
 * GET /cacerts over a connection that is verified by the server's anchors.
 * \return DEVID_E_NET with server and reason; DEVID_E_DENIED for 401 and 403; DEVID_E_BUSY for 429, 503 (reply->retry_after_s is set);
 *         DEVID_E_DATA for a reply that is no certs-only PKCS#7, with what it was instead ("an HTML page")
 * RFC 7030 section 4.1.
 */
devid_rc est_cacerts(const struct est_server *server, struct est_reply *reply, struct devid_error *err);

/**
 * The same for a first contact: the connection is not verified, so no secret, client certificate or
 * other operation goes over it; among the certificates must be a self-signed root whose SHA-256 is
 * the fingerprint, and only that root is trusted afterwards. RFC 7030 section 4.1.1.
 * \param fingerprint  32 bytes
 * \param anchors_pem  receives the root
 * \return DEVID_E_DENIED if no root has that fingerprint: the sentence names what was seen
 */
devid_rc est_bootstrap(const struct est_server *server, struct devid_slice fingerprint,
                       struct devid_bytes *anchors_pem, struct devid_error *err);

/**
 * POST /simpleenroll (or /simplereenroll) and check what comes back: among its certificates one is for spki
 * and verifies to the server's anchors (with intermediates from the reply and, if they are
 * missing, from GET /cacerts). It is put first, then its chain, without the root. Redirects are followed within the origin
 * alone; to another one they are DEVID_E_DENIED, and nothing is sent there.
 *
 * \param csr        PKCS#10, DER
 * \param is_renewal simplereenroll: the key_uri and chain_pem of the server are those of the old certificate
 * \param spki       SubjectPublicKeyInfo of the key that the certificate must be for, DER
 * \return as est_cacerts; DEVID_E_BUSY for 202 too: send the same CSR again after retry_after_s;
 *         DEVID_E_DATA for a certificate for another key, one that does not verify, is expired or not yet valid
 * RFC 7030 section 4.2.
 */
devid_rc est_enroll(const struct est_server *server, struct devid_slice csr, bool is_renewal, struct devid_slice spki,
                    struct est_reply *reply, struct devid_error *err);

/**
 * GET /csrattrs: what the server wants to be in a request, in words, a line each.
 * \return as est_cacerts; DEVID_E_DATA for an answer that is no list of attributes. RFC 8951 section 3, RFC 9908.
 */
devid_rc est_csrattrs(const struct est_server *server, struct devid_bytes *text, struct devid_error *err);

/**
 * How long to wait before attempt number n + 1, in milliseconds, n from 1 on: what the server named and up to a tenth more, so that
 * devices that were put off together do not come together; where it named nothing twice as long each time, within bounds.
 * \param named_s  retry_after_s of the reply
 * \param random   any number, another for each call
 */
unsigned long est_pause_ms(unsigned named_s, unsigned n, unsigned random);

/* What /tpmenroll sends. Slices are lent. */
struct est_tpmenroll {
    struct devid_slice csr;      /* PKCS#10, DER, signed by the key that is to be certified */
    struct devid_slice ek_certs; /* DER, one behind the other: the EK's certificate, then its chain */
    struct devid_slice ek_area;  /* TPMT_PUBLIC of the EK, marshalled */
    struct devid_slice key_area; /* TPMT_PUBLIC of the key */
    struct devid_slice spki;     /* SubjectPublicKeyInfo of the key, DER */
    /* TPM2_ActivateCredential: blob and secret without their sizes; the caller of it frees the credential */
    devid_rc (*activate)(void *user, struct devid_slice blob, struct devid_slice secret, struct devid_secret *credential,
                         struct devid_error *err);
    void *user;
};

/**
 * POST /tpmenroll of GlobalSign's EST engine: the certificate comes encrypted, so that only the TPM that has both the EK and the key
 * can read it. Then as est_enroll.
 * \return as est_enroll; DEVID_E_DATA also for a reply that is no such message; what activate returns
 */
devid_rc est_tpmenroll(const struct est_server *server, const struct est_tpmenroll *request, struct est_reply *reply,
                       struct devid_error *err);

enum est_usage { EST_USAGE_CLIENT, EST_USAGE_CA, EST_USAGE_DEVID };

/* What a request asks for. Strings are lent. */
struct est_csr {
    const char *key_uri;       /* key to be certified; signs the request */
    const char *subject;       /* "CN=gw-1,O=Example": written in this order; '\' escapes; UTF-8; may be empty */
    enum est_usage usage;      /* CLIENT: keyUsage digitalSignature, EKU clientAuth; CA: critical
                                  basicConstraints CA:TRUE pathlen 0, keyUsage digitalSignature, keyCertSign;
                                  DEVID: keyUsage digitalSignature alone */
    bool is_pss;               /* an RSA key whose scheme is fixed to PSS, as an IAK's: else PKCS#1 */
    const char *hw_serial;     /* subjectAltName hardwareModuleName (RFC 4108) with hwType 2.23.133.1.2; NULL: none */
    struct devid_slice as_cert; /* DER: for a renewal, subject, subjectAltName and usage are those of this certificate, byte
                                  for byte, whatever stands above; the key may be another. Empty: none */
};

/**
 * Make a PKCS#10 request, signed by the key: one TPM2_Sign; for a restricted key after TPM2_Hash or a sequence.
 * \return DEVID_E_ARG for a subject that cannot be parsed, with the place; DEVID_E_DATA if as_cert is no certificate
 */
devid_rc est_csr_make(const struct est_csr *request, struct devid_bytes *der, struct devid_error *err);

/**
 * The whole of an enrolment over one connection: what the server wants is asked for (/csrattrs), the request is made so, with a
 * proof of possession if there is to be one, sent, and what comes back is checked as by est_enroll.
 *
 * \param csr  in: a request that this server put off before, which is sent as it is; empty, or damaged: one is made. Out: the
 *             one that was sent. One with a proof is good for one connection and is always made anew
 * \return as est_enroll; DEVID_E_KEY if the server wants a key of another type, or a signature that it cannot make;
 *         DEVID_E_DENIED if there can be no proof
 */
devid_rc est_apply(const struct est_server *server, const struct est_csr *request, bool is_renewal, struct devid_slice spki,
                   struct devid_bytes *csr, struct est_reply *reply, struct devid_error *err);

#endif
