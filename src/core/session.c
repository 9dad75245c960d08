/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/session.h"

#include <openssl/crypto.h>
#include <string.h>

#include "core/pss.h"
#include "core/salt.h"
#include "core/srk.h"

#define NONCE 32 /* bytes, of SHA-256 */

static struct devid_slice nonce_of(const TPM2B_NONCE *nonce)
{
    return (struct devid_slice){nonce->buffer, nonce->size};
}

static devid_rc nonce_new(TPM2B_NONCE *nonce, struct devid_error *err)
{
    nonce->size = NONCE;
    return devid_entropy(nonce->buffer, NONCE) ? DEVID_OK : devid_fail(err, DEVID_E_MEM, "the kernel gives no random numbers");
}

devid_rc devid_session_start(struct devid_store *store, ESYS_CONTEXT *esys, ESYS_TR srk, struct devid_session *out,
                             struct devid_error *err)
{
    static const TPMT_SYM_DEF cipher = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
    struct devid_session made = {0};
    TPM2B_ENCRYPTED_SECRET sent = {0};
    struct devid_public pub = {0};
    TPM2_HANDLE handle = 0;
    TPM2B_DIGEST salt = {0};
    TPM2B_NONCE nonce;
    devid_rc rc;
    TSS2_RC r;

    rc = devid_srk_public(store, esys, srk, &pub, err);
    if (rc == DEVID_OK)
        rc = devid_salt_make(&pub, &sent, &salt, err);
    if (rc == DEVID_OK)
        rc = nonce_new(&nonce, err);
    if (rc != DEVID_OK)
        goto out;
    r = Esys_TR_GetTpmHandle(esys, srk, &handle);
    if (r == TSS2_RC_SUCCESS)
        r = Esys_GetSysContext(esys, &made.sys);
    made.nonce.size = sizeof made.nonce.buffer;
    if (r == TSS2_RC_SUCCESS)
        r = Tss2_Sys_StartAuthSession(made.sys, handle, TPM2_RH_NULL, NULL, &nonce, &sent, TPM2_SE_HMAC, &cipher,
                                      TPM2_ALG_SHA256, &made.handle, &made.nonce, NULL);
    if (r != TSS2_RC_SUCCESS) {
        rc = devid_fail_tss(err, r, handle, "start a session");
        goto out;
    }
    rc = devid_kdfa((struct devid_slice){salt.buffer, salt.size}, "ATH", nonce_of(&made.nonce), nonce_of(&nonce), made.key,
                    sizeof made.key, err);
    *out = made; /* also on failure: it is in the TPM */
out:
    OPENSSL_cleanse(&salt, sizeof salt);
    OPENSSL_cleanse(&made, sizeof made);
    devid_public_free(&pub);
    return rc;
}

devid_rc devid_session_name(ESYS_CONTEXT *esys, ESYS_TR object, struct devid_authorised *to, struct devid_error *err)
{
    TPM2B_NAME *name = NULL;
    TSS2_RC r = Esys_TR_GetName(esys, object, &name);

    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "name a storage key");
    to->names[to->n_names++] = *name;
    Esys_Free(name);
    return DEVID_OK;
}

/* sessionKey || authValue */
struct value {
    unsigned char bytes[32 + sizeof(TPMU_HA)];
    size_t len;
};

static void value_make(const struct devid_session *session, const TPM2B_AUTH *auth, struct value *out)
{
    memcpy(out->bytes, session->key, sizeof session->key);
    memcpy(out->bytes + sizeof session->key, auth->buffer, auth->size);
    out->len = sizeof session->key + auth->size;
}

/* The first parameter, in the command's buffer. Part 1, 21.2 and 21.3. */
static devid_rc hide(const struct devid_session *session, const struct value *value, const TPM2B_NONCE *nonce,
                     struct devid_error *err)
{
    unsigned char secret[32], *copy;
    const uint8_t *clear = NULL;
    size_t len = 0;
    TSS2_RC r = Tss2_Sys_GetDecryptParam(session->sys, &len, &clear);
    devid_rc rc;

    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "encrypt a parameter");
    copy = OPENSSL_memdup(clear, len);
    if (copy == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = devid_kdfa((struct devid_slice){value->bytes, value->len}, "CFB", nonce_of(nonce), nonce_of(&session->nonce),
                    secret, sizeof secret, err);
    if (rc == DEVID_OK)
        rc = devid_cfb(secret, secret + 16, copy, len, err);
    r = rc == DEVID_OK ? Tss2_Sys_SetDecryptParam(session->sys, len, copy) : TSS2_RC_SUCCESS;
    if (r != TSS2_RC_SUCCESS)
        rc = devid_fail_tss(err, r, 0, "encrypt a parameter");
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_clear_free(copy, len);
    return rc;
}

/* HMAC(sessionKey || authValue, pHash || nonceNewer || nonceOlder || attributes). Part 1, 19.6.5. */
static devid_rc mac(const struct value *value, const unsigned char hash[32], const TPM2B_NONCE *newer,
                    const TPM2B_NONCE *older, TPMA_SESSION attributes, unsigned char out[32], struct devid_error *err)
{
    const struct devid_slice parts[] = {{hash, 32}, nonce_of(newer), nonce_of(older), {&attributes, 1}};

    return devid_hmac((struct devid_slice){value->bytes, value->len}, parts, sizeof parts / sizeof parts[0], out, err);
}

static devid_rc hash_parts(const struct devid_slice *parts, size_t n, unsigned char out[32], struct devid_error *err)
{
    struct devid_hasher *hasher = NULL;
    devid_rc rc = devid_hasher_new(DEVID_SHA256, &hasher, err);

    for (size_t i = 0; rc == DEVID_OK && i < n; i++)
        rc = devid_hasher_update(hasher, parts[i], err);
    if (rc == DEVID_OK)
        rc = devid_hasher_final(hasher, out, err);
    devid_hasher_free(hasher);
    return rc;
}

/* cpHash = H(commandCode || names || parameters) */
static devid_rc command_hash(const struct devid_session *session, const struct devid_authorised *a, unsigned char out[32],
                             struct devid_error *err)
{
    struct devid_slice parts[4];
    const uint8_t *parameters = NULL;
    uint8_t code[4];
    size_t len = 0, n = 0;
    TSS2_RC r = Tss2_Sys_GetCommandCode(session->sys, code);

    if (r == TSS2_RC_SUCCESS)
        r = Tss2_Sys_GetCpBuffer(session->sys, &len, &parameters);
    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "%s", a->what);
    parts[n++] = (struct devid_slice){code, sizeof code};
    for (size_t i = 0; i < a->n_names; i++)
        parts[n++] = (struct devid_slice){a->names[i].name, a->names[i].size};
    parts[n++] = (struct devid_slice){parameters, len};
    return hash_parts(parts, n, out, err);
}

/* rpHash = H(responseCode || commandCode || parameters): the answer is of the TPM that knows salt and auth value. */
static devid_rc check_answer(const struct devid_session *session, const struct devid_authorised *a, const struct value *value,
                             const TPM2B_NONCE *nonce, struct devid_error *err)
{
    static const uint8_t success[4];
    TSS2L_SYS_AUTH_RESPONSE answers = {.count = 1};
    const TPMS_AUTH_RESPONSE *answer = &answers.auths[0];
    unsigned char hash[32], expected[32];
    const uint8_t *parameters = NULL;
    uint8_t code[4];
    size_t len = 0;
    devid_rc rc;
    TSS2_RC r = Tss2_Sys_GetRspAuths(session->sys, &answers);

    if (r == TSS2_RC_SUCCESS)
        r = Tss2_Sys_GetCommandCode(session->sys, code);
    if (r == TSS2_RC_SUCCESS)
        r = Tss2_Sys_GetRpBuffer(session->sys, &len, &parameters);
    if (r != TSS2_RC_SUCCESS)
        return devid_fail_tss(err, r, 0, "%s", a->what);
    rc = hash_parts((const struct devid_slice[]){{success, 4}, {code, 4}, {parameters, len}}, 3, hash, err);
    if (rc == DEVID_OK)
        rc = mac(value, hash, &answer->nonce, nonce, answer->sessionAttributes, expected, err);
    if (rc == DEVID_OK && (answer->hmac.size != sizeof expected ||
                           CRYPTO_memcmp(answer->hmac.buffer, expected, sizeof expected) != 0))
        rc = devid_fail(err, DEVID_E_TPM, "the answer to \"%s\" is not the TPM's: something stands between", a->what);
    return rc;
}

devid_rc devid_session_send(struct devid_session *session, const struct devid_authorised *a, struct devid_error *err)
{
    TSS2L_SYS_AUTH_COMMAND commands = {.count = 1};
    TPMS_AUTH_COMMAND *command = &commands.auths[0];
    unsigned char hash[32];
    struct value value;
    devid_rc rc;
    TSS2_RC r;

    command->sessionHandle = session->handle;
    command->sessionAttributes = a->hides_first ? TPMA_SESSION_DECRYPT : 0; /* not to be continued */
    command->hmac.size = sizeof hash;
    value_make(session, a->auth, &value);
    rc = nonce_new(&command->nonce, err);
    if (rc == DEVID_OK && a->hides_first)
        rc = hide(session, &value, &command->nonce, err);
    if (rc == DEVID_OK)
        rc = command_hash(session, a, hash, err);
    if (rc == DEVID_OK)
        rc = mac(&value, hash, &command->nonce, &session->nonce, command->sessionAttributes, command->hmac.buffer, err);
    if (rc != DEVID_OK)
        goto out;
    r = Tss2_Sys_SetCmdAuths(session->sys, &commands);
    if (r == TSS2_RC_SUCCESS)
        r = Tss2_Sys_Execute(session->sys);
    if (r == TSS2_RC_SUCCESS) {
        session->handle = 0; /* it went with the command */
        rc = check_answer(session, a, &value, &command->nonce, err);
    } else {
        rc = devid_fail_tss(err, r, 0, "%s", a->what);
    }
out:
    OPENSSL_cleanse(&value, sizeof value);
    return rc;
}

void devid_session_end(struct devid_session *session)
{
    if (session->handle != 0)
        (void)Tss2_Sys_FlushContext(session->sys, session->handle);
    OPENSSL_cleanse(session, sizeof *session);
}
