/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The provider's own header: what its files share. libcrypto sees the tables only. Which of them are devid.so and which its body, body.h says.
 *
 * A key of ours is a public half that lives in software, in core's library context, and a name
 * for the private half in the TPM. All that is public (parameters, comparison, export, verification)
 * is answered by the first; only a signature asks for the second.
 */
#ifndef DEVID_PROVIDER_PROVIDER_H
#define DEVID_PROVIDER_PROVIDER_H

#include <errno.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdatomic.h>

#include "core/cipher.h"
#include "core/key.h"
#include "core/libctx.h"

#define PROVIDER_NAME "devid"
#define PROVIDER_PROPERTY "provider=" PROVIDER_NAME
#define PROVIDER_PARAM_NONCE_TYPE "nonce-type" /* OSSL_SIGNATURE_PARAM_NONCE_TYPE of OpenSSL 3.2, which may serve a build with 3.0 */

struct body;

static inline void provider_errno_back(const int *before)
{
    errno = *before;
}

/*
 * First in what libcrypto calls and that may open files or connect to the TPM: errno is afterwards what it was before. Programs look at
 * it when libssl has failed; Python's takes what it finds there for the reason, and raises FileNotFoundError, not SSLError.
 */
#define KEEPS_ERRNO __attribute__((cleanup(provider_errno_back), unused)) const int errno_before = errno

/* One loaded provider. Keys hold it: a program that frees its key after OPENSSL_cleanup finds it. */
struct provider {
    atomic_uint holders;
    const OSSL_CORE_HANDLE *core;
    OSSL_FUNC_core_get_params_fn *get_params;
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
    OSSL_FUNC_core_vset_error_fn *vset_error;
    OSSL_FUNC_BIO_read_ex_fn *bio_read_ex;
    OSSL_FUNC_BIO_gets_fn *bio_gets;
    OSSL_FUNC_BIO_write_ex_fn *bio_write_ex;
    /* err.c */
    atomic_int error_lib;                       /* libcrypto's number for us; 0 until we have raised an error */
    ERR_STRING_DATA reasons[DEVID_E_NET + 2];   /* of that number: our name, then a devid_rc each */
    /* settings.c, from openssl.cnf; NULL if not said. libcrypto's, but for auth_path */
    const char *tcti, *conf_path;
    char *auth_path;     /* a file with a password */
    unsigned schemes;    /* the URI schemes that the store serves, a bit for each */
    bool preconnects;    /* with the first key, for children that may not */
    devid_rc setting_rc; /* not DEVID_OK: setting_error says which value cannot be understood */
    struct devid_error setting_error;
    /* load.c */
    char *own_file; /* devid.so's, where libcrypto was given a path that begins at the folder of then; else NULL */
    _Atomic(const struct body *) body; /* NULL until the first need */
    atomic_bool is_incomplete;         /* it could not be loaded */
    /* the body's */
    _Atomic(const OSSL_PARAM *) gen_settable[3]; /* by enum pkey_type; ours, made at first need */
    _Atomic(const OSSL_ALGORITHM *) loaders;     /* the same: where the store serves not all schemes */
    _Atomic(struct devid_store *) store; /* NULL until the first need; no lock, which fork could leave held by nobody */
};

/* upcall.c */

/** From the dispatch table of libcrypto. NULL if it lacks what we need or memory is short. */
struct provider *provider_new(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *upcalls);

/* body.c */

struct provider *provider_hold(struct provider *p);
void provider_free(struct provider *p);

/** The store of the configuration, opened by the first caller. Sends nothing. */
devid_rc provider_store(struct provider *p, struct devid_store **out, struct devid_error *err);

/* settings.c */

/* The URI schemes that we know, in the order of bits. */
enum { SCHEME_DEVID, SCHEME_HANDLE, SCHEME_PKCS11, N_SCHEMES, SCHEMES_ALL = (1 << N_SCHEMES) - 1 };

/** From our section of openssl.cnf. */
void settings_take(struct provider *p);

/* err.c */

/** Put err into OpenSSL's error queue. \return 0, as the entry points of a provider do */
int provider_raise(struct provider *p, devid_rc rc, const struct devid_error *err, const char *file, int line,
                   const char *func);
#define RAISE(p, rc, err) provider_raise((p), (rc), (err), OPENSSL_FILE, OPENSSL_LINE, __func__)
/** Take the names of our reasons out of libcrypto. */
void provider_forget_reasons(struct provider *p);

/* pkey.c */

/* libcrypto's key types. One of the last says in its SPKI that it signs PSS alone: devid_public_as_certified. */
enum pkey_type { PKEY_EC, PKEY_RSA, PKEY_RSA_PSS };

enum pkey_place {
    PKEY_SOFTWARE, /* no TPM behind it: a peer's key, or any key while we are listed first */
    PKEY_URI,      /* where is a URI, NUL-terminated */
    PKEY_FILE,     /* where is a TPMKey's DER */
};

/* libcrypto's "key data". Counted: the signature context and the application hold it. */
struct pkey {
    atomic_uint holders;
    struct provider *prov;
    enum pkey_type type;
    enum devid_alg alg; /* of the type */
    EVP_PKEY *soft; /* in core's library context; the public half, for PKEY_SOFTWARE perhaps a pair; NULL: empty yet */
    enum pkey_place place;
    struct devid_bytes where;
    struct devid_bytes made;  /* the name of the identity that this key is since the program made it; empty: it was there before */
    bool has_auth;            /* its TSS2 PRIVATE KEY says so, wrapped or at a handle */
    struct devid_secret auth; /* of the key's own; empty: none, or not told */
    _Atomic(struct devid_key *) key; /* found at the first signature */
    struct pkey *origin; /* of a copy: key is its */
};

struct pkey *pkey_new(struct provider *p, enum pkey_type type);
struct pkey *pkey_hold(struct pkey *pk);
void pkey_free(struct pkey *pk);
/** "EC", "RSA" or "RSA-PSS". A literal. */
static inline const char *pkey_type_name(enum pkey_type type)
{
    static const char *const names[] = {[PKEY_EC] = "EC", [PKEY_RSA] = "RSA", [PKEY_RSA_PSS] = "RSA-PSS"};

    return names[type];
}

/** From a reference. Without an SPKI in it the store is asked. DEVID_E_ABSENT if the store has no such key. */
devid_rc pkey_of_ref(struct provider *p, struct devid_slice der, struct pkey **out, struct devid_error *err);
/** From a TSS2 PRIVATE KEY, DER. */
devid_rc pkey_of_file(struct provider *p, struct devid_slice der, struct pkey **out, struct devid_error *err);
/** From a URI that the store knows, or a handle that only the TPM knows. */
devid_rc pkey_of_uri(struct provider *p, const char *uri, struct pkey **out, struct devid_error *err);
/** The public half alone, as software. */
devid_rc pkey_of_spki(struct provider *p, struct devid_slice spki, struct pkey **out, struct devid_error *err);

/** The public half of a key of the TPM alone, as software. */
devid_rc pkey_public(const struct pkey *pk, struct pkey **out, struct devid_error *err);
/** A key of the TPM, with a public half of its own and the same private half, which is authorised if from's is. */
devid_rc pkey_copy(struct pkey *from, struct pkey **out, struct devid_error *err);

/** The private half; lives as long as pk. \return DEVID_E_KEY if it is no longer the one that pk was made of */
devid_rc pkey_private(struct pkey *pk, struct devid_key **out, struct devid_error *err);

/* permit.c */

/** What is known of a TPM key's area, lent; NULL for a software key, or one that cannot be had. */
const struct devid_public *pkey_facts(struct pkey *pk);
/** The only hash that an RSA key signs with; DEVID_HASH_NONE if it is any. */
enum devid_hash pkey_fixed_hash(struct pkey *pk);
/**
 * Would the key sign so? Digest, padding and nonce are those of shadow, a context of the default provider.
 * \param shadow           NULL: nothing but the digest was said, and an RSA key pads by PKCS#1
 * \param md               that digest; NULL: none
 * \param is_padding_said  a program chose it; else it may still do so
 * \param has_message      what is signed comes whole, not as a digest: a restricted key takes nothing else
 * \return DEVID_E_KEY with the reason
 */
devid_rc pkey_permits(struct pkey *pk, EVP_PKEY_CTX *shadow, const EVP_MD *md, bool is_padding_said, bool has_message,
                      struct devid_error *err);

/* password.c */

/** The file of "auth =" if that is set, else what the program says. \return DEVID_E_AUTH if it says nothing */
devid_rc provider_password(struct provider *p, OSSL_PASSPHRASE_CALLBACK *ask, void *arg, struct devid_secret *out,
                           struct devid_error *err);
/**
 * If the key is behind a PIN and nobody is logged in: by that PIN, or provider_password if it is empty. Once a process.
 * \param ask  NULL: nobody is asked, and that is no error
 */
devid_rc provider_log_in(struct provider *p, const struct devid_identity *identity, struct devid_slice pin,
                         OSSL_PASSPHRASE_CALLBACK *ask, void *arg, struct devid_error *err);
/** A key just read: its password, if it has one. Sends nothing, but to log in to a token. */
devid_rc pkey_unlock(struct pkey *pk, OSSL_PASSPHRASE_CALLBACK *ask, void *arg, struct devid_error *err);

/**
 * With "preconnect = yes", for a key just read: its private half is looked for, and the TPM connected to, while this process may still
 * do both. What fails is told of when the key is used.
 */
void pkey_preconnect(struct pkey *pk);

/* keymgmt.c: what decoder.c and store.c hand on when another provider's key type is to be made of our object. */
int keymgmt_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *arg);
/** The same by reference, for decoders and store loaders, whose ctx is not looked at: reference is a
 * struct pkey *, as in OSSL_OBJECT_PARAM_REFERENCE. */
int keymgmt_export_object(void *ctx, const void *reference, size_t size, OSSL_CALLBACK *cb, void *arg);

/* whole.c */

/* A message that a key of the TPM signs, as long as the key may be a restricted one. Zero-initialised: empty. */
struct whole {
    struct devid_bytes bytes;
    bool is_too_long; /* bytes are not kept then */
};

void whole_free(struct whole *m);
bool whole_copy(const struct whole *from, struct whole *to);
/** One more part; nothing is kept once the key is known not to be restricted. */
bool whole_add(struct whole *m, const struct pkey *pk, struct devid_slice part);
/**
 * devid_key_sign; a restricted key, which takes no digest from outside, is given the whole message.
 * \param m  NULL: there is only the digest
 */
devid_rc whole_sign(const struct whole *m, struct devid_key *key, const struct devid_scheme *scheme,
                      struct devid_slice digest, unsigned char *sig, size_t *len, struct devid_error *err);

/* groups.c */

/** OSSL_FUNC_provider_get_capabilities. */
int groups_give(void *provctx, const char *capability, OSSL_CALLBACK *cb, void *arg);

/* scheme.c */

/**
 * How a context of the default provider, asked to verify, would have the signature made: padding, digest, salt.
 *
 * \param shadow   that context; lent
 * \param digest   what is to be signed; replaced by its DigestInfo where the TPM does not know the digest
 * \param made     owner of that DigestInfo
 */
devid_rc scheme_of(const struct pkey *pk, EVP_PKEY_CTX *shadow, struct devid_slice *digest, struct devid_bytes *made,
                   struct devid_scheme *out, struct devid_error *err);
/** The same where nothing but the digest was said (NULL: not even that). */
devid_rc scheme_of_md(const struct pkey *pk, const EVP_MD *md, struct devid_slice *digest, struct devid_bytes *made,
                      struct devid_scheme *out, struct devid_error *err);
/** SHA-256, -384 or -512 by a usual name, without a fetch, which is freed with EVP_MD_free; else NULL. */
EVP_MD *scheme_common_md(const char *name);
/** The same for decryption: shadow was asked to encrypt, and out's label is the shadow's. */
devid_rc scheme_cipher_of(EVP_PKEY_CTX *shadow, struct devid_cipher *out, struct devid_error *err);
/** r || s to ECDSA-Sig-Value. *len is the room, then the length. */
devid_rc scheme_ecdsa_der(struct devid_slice rs, unsigned char *sig, size_t *len, struct devid_error *err);

/* store.c */

/** Those of the schemes that the store serves. NULL if memory is short. */
const OSSL_ALGORITHM *store_loaders(struct provider *p);

/* Each file ends in its table. */
extern const OSSL_ALGORITHM provider_keymgmt[];
extern const OSSL_ALGORITHM provider_signature[], provider_asymcipher[], provider_keyexch[];
extern const OSSL_ALGORITHM provider_rand[];
extern const OSSL_ALGORITHM provider_decoders[];
extern const OSSL_ALGORITHM provider_encoders[];

/* A dispatch table holds functions of every type under one. */
#define ENTRY(id, f) {(id), (void (*)(void))(f)}

#endif
