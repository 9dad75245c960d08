/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a server wants to be in a request: the answer to /csrattrs. RFC 8951 section 3, in which an item is a mere OID or an
 * attribute with values, and RFC 9908, in which one attribute is a request with blanks. What is not known here is passed over.
 */
#ifndef DEVID_EST_ATTRS_H
#define DEVID_EST_ATTRS_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/bytes.h"

#define ATTRS_CHOICES_MAX 16 /* of key types and of signatures; a longer list is cut */
#define ATTRS_PARTS_MAX 32   /* of a subject */
#define ATTRS_EXTENSIONS_MAX 32

/* A type of key: any of those listed will do. */
struct attrs_key {
    int type;   /* EVP_PKEY_EC or EVP_PKEY_RSA */
    int curve;  /* NID; NID_undef: any */
    long bits;  /* of an RSA modulus; 0: any */
};

/* A signature: any of those listed will do. */
struct attrs_signature {
    int digest; /* NID */
    int type;   /* EVP_PKEY_...; NID_undef: of any key */
};

/* A part of a subject, in its order. */
struct attrs_part {
    ASN1_OBJECT *type;
    ASN1_TYPE *value; /* NULL: a blank, for the client to fill */
    bool is_joined;   /* to the part before, in one relative distinguished name */
};

struct attrs {
    bool wants_proof; /* challengePassword: RFC 7030 section 3.5 */
    struct attrs_key keys[ATTRS_CHOICES_MAX];
    size_t n_keys;
    struct attrs_signature signatures[ATTRS_CHOICES_MAX];
    size_t n_signatures;
    STACK_OF(X509_EXTENSION) *extensions; /* with the values that they shall have; NULL: none */
    struct attrs_part parts[ATTRS_PARTS_MAX];
    size_t n_parts;
    bool has_subject; /* else it is the client's choice */
    STACK_OF(ASN1_OBJECT) *blanks;        /* extensions whose values are the client's; NULL: none */
    bool has_template; /* then nothing else counts */
};

/**
 * Read the DER of an answer. An empty list, the base64 of which is "MAA=", asks for nothing.
 * \param out  freed by attrs_free, also after a failure
 * \return DEVID_E_DATA if it is no list, or a known item of it is malformed
 */
devid_rc attrs_parse(struct devid_slice der, struct attrs *out, struct devid_error *err);
void attrs_free(struct attrs *attrs);

/**
 * True to the server's wish for a key: DEVID_OK if this key is one of those that it takes.
 * \return DEVID_E_KEY with what is asked for and what the key is; a key is never exchanged for another
 */
devid_rc attrs_check_key(const struct attrs *attrs, EVP_PKEY *key, struct devid_error *err);

/**
 * The digest to sign with: usual, if the server takes it or has no wish, else the first of its list that goes with the key.
 * \return DEVID_E_KEY if none does
 */
devid_rc attrs_digest(const struct attrs *attrs, EVP_PKEY *key, const EVP_MD *usual, const EVP_MD **out,
                      struct devid_error *err);

/**
 * The subject that the server wants, its blanks filled from ours.
 * \param out  X509_NAME_free; a copy of ours if the server has no wish
 * \return DEVID_E_DATA if ours has nothing for a blank
 */
devid_rc attrs_subject(const struct attrs *attrs, const X509_NAME *ours, X509_NAME **out, struct devid_error *err);

/**
 * The server's extensions take the places of ours of the same kind, others are added.
 * \param keeps_names  a renewal: its subjectAltName stays, whatever the server says
 */
devid_rc attrs_extend(const struct attrs *attrs, bool keeps_names, STACK_OF(X509_EXTENSION) *list, struct devid_error *err);

/** A line for each thing asked for, for a person; one that says so if it is nothing. NUL-terminated. */
devid_rc attrs_text(const struct attrs *attrs, struct devid_bytes *out, struct devid_error *err);

#endif
