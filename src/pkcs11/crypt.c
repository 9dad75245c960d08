/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Encryption and decryption: PKCS#11 2.40, 5.8 and 5.9. Encryption is software's; decryption is one TPM command.
 * RSA takes one block, so parts are put together and nothing comes out before the last.
 */
#include <string.h>

#include "pkcs11/mech.h"

void crypt_end(struct crypting *op)
{
    object_free(&op->object);
    message_free(&op->message);
    devid_bytes_free(&op->label);
    *op = (struct crypting){0};
}

static CK_RV crypt_prepare(struct session *s, const CK_MECHANISM *given, CK_OBJECT_HANDLE handle, CK_FLAGS use,
                           struct crypting *next)
{
    bool is_encrypt = use == CKF_ENCRYPT;
    struct devid_error err = {0};
    CK_RV rv = mech_take_cipher(given, use, &next->mech, &next->cipher);

    if (rv == CKR_OK)
        rv = object_find_key(s, handle, is_encrypt ? VIEW_PUBLIC : VIEW_PRIVATE, &next->object);
    if (rv == CKR_OK && next->object.view->pub->alg != next->mech->alg)
        rv = CKR_KEY_TYPE_INCONSISTENT;
    if (rv == CKR_OK && next->object.view->kind != VIEW_KEY) /* no TPM has a part in another one's */
        rv = object_key(&next->object, &next->key);
    if (rv == CKR_OK && next->key != NULL) /* what nobody could decrypt is not encrypted either */
        rv = rv_of(devid_key_can_decrypt(next->key, &next->cipher, &err), &err);
    if (rv == CKR_OK && !mech_is_wanted(&next->object, next->mech, is_encrypt ? DEVID_FOR_ENCRYPT : DEVID_FOR_DECRYPT))
        rv = CKR_KEY_FUNCTION_NOT_PERMITTED;
    if (rv == CKR_OK && !is_encrypt)
        next->asks = (next->object.view->flags & DEVID_FLAG_ASKS) != 0;
    if (rv == CKR_OK) /* the caller's may be gone when it comes to it */
        rv = rv_of(devid_bytes_copy(next->cipher.label, &next->label, &err), &err);
    next->cipher.label = devid_slice_of(next->label);
    return rv;
}

static CK_RV crypt_begin(struct session *s, const CK_MECHANISM *given, CK_OBJECT_HANDLE handle, CK_FLAGS use,
                         struct crypting *op)
{
    struct crypting next = {0};
    CK_RV rv;

    if (given == NULL && op->mech != NULL) { /* PKCS#11 3.0, 5.8.1 and 5.10.1: it ends what is going on */
        crypt_end(op);
        return CKR_OK;
    }
    if (op->mech != NULL)
        return CKR_OPERATION_ACTIVE;
    if (given == NULL)
        return CKR_ARGUMENTS_BAD;
    rv = crypt_prepare(s, given, handle, use, &next);
    if (rv == CKR_OK)
        *op = next;
    else
        crypt_end(&next);
    return rv;
}

/* A part; or the question how much comes out of it, which is nothing. */
static CK_RV crypt_part(struct crypting *op, struct devid_slice in, const unsigned char *out, CK_ULONG *out_len)
{
    CK_RV rv = CKR_OK;

    if (op->mech == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (out_len == NULL || is_wild(in.data, in.len))
        rv = CKR_ARGUMENTS_BAD;
    else if (out != NULL)
        rv = message_add(&op->message, in);
    if (rv == CKR_OK)
        *out_len = 0;
    else
        crypt_end(op);
    return rv;
}

/* Of a step that came from one function for all data (whole) or from the last of many. True: *rv is the answer. */
static bool crypt_refuses(struct crypting *op, const struct devid_slice *whole, const CK_ULONG *out_len, CK_RV *rv)
{
    if (op->mech == NULL) {
        *rv = CKR_OPERATION_NOT_INITIALIZED;
    } else if (whole != NULL && op->message.is_begun) {
        *rv = CKR_OPERATION_ACTIVE;
    } else if (out_len == NULL || (whole != NULL && is_wild(whole->data, whole->len))) {
        crypt_end(op);
        *rv = CKR_ARGUMENTS_BAD;
    } else {
        return false;
    }
    return true;
}

static CK_RV encrypt_input(const struct crypting *op, struct devid_slice text, unsigned char *out)
{
    const struct devid_public *pub = op->object.view->pub;
    static const struct devid_scheme as_block = {.padding = DEVID_RAW};
    bool is_raw = op->cipher.padding == DEVID_CIPHER_RAW;
    unsigned char block[DEVID_BLOCK_MAX];
    struct devid_error err = {0};
    CK_RV rv;

    if (text.len > devid_cipher_room(&op->cipher, pub->modulus.len))
        return CKR_DATA_LEN_RANGE;
    if (is_raw)
        text = message_block(pub, &as_block, text, block);
    rv = rv_of(devid_encrypt(devid_slice_of(pub->spki), &op->cipher, text, out, &err), &err);
    explicit_bzero(block, sizeof block);
    return rv;
}

/* whole NULL: what the parts have put together. */
static CK_RV encrypt(struct crypting *op, const struct devid_slice *whole, unsigned char *out, CK_ULONG *out_len)
{
    size_t len;
    CK_RV rv;

    if (crypt_refuses(op, whole, out_len, &rv))
        return rv;
    len = op->object.view->pub->modulus.len;
    if (only_says_room(out, out_len, len, &rv))
        return rv;
    rv = encrypt_input(op, whole != NULL ? *whole : message_raw(&op->message), out);
    if (rv == CKR_OK)
        *out_len = len;
    crypt_end(op);
    return rv;
}

static CK_RV decrypt_input(const struct crypting *op, struct devid_slice block, struct devid_secret *text)
{
    struct devid_error err = {0};

    if (op->asks)
        return CKR_USER_NOT_LOGGED_IN;
    if (block.len != devid_key_public(op->key)->modulus.len)
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    return rv_of_key(devid_key_decrypt(op->key, &op->cipher, block, text, &err), &err, CKR_ENCRYPTED_DATA_INVALID);
}

/*
 * How long the text is, only the TPM can tell: a question gets the longest that can be, which costs no command. Who
 * has less room than the text needs learns its length, and pays a second command.
 */
static CK_RV decrypt(struct crypting *op, const struct devid_slice *whole, unsigned char *out, CK_ULONG *out_len)
{
    struct devid_secret text = {0};
    bool goes_on;
    CK_RV rv;

    if (crypt_refuses(op, whole, out_len, &rv))
        return rv;
    if (out == NULL) {
        *out_len = devid_cipher_room(&op->cipher, devid_key_public(op->key)->modulus.len);
        return CKR_OK;
    }
    rv = decrypt_input(op, whole != NULL ? *whole : message_raw(&op->message), &text);
    goes_on = rv == CKR_OK && only_says_room(out, out_len, text.len, &rv);
    if (rv == CKR_OK) {
        memcpy(out, text.data, text.len);
        *out_len = text.len;
    }
    devid_secret_free(&text);
    if (!goes_on)
        crypt_end(op);
    return rv;
}

CK_RV C_EncryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, crypt_begin(s, mech, key, CKF_ENCRYPT, &s->encrypting));
}

CK_RV C_Encrypt(CK_SESSION_HANDLE handle, unsigned char *data, CK_ULONG data_len, unsigned char *out,
                CK_ULONG *out_len)
{
    const struct devid_slice whole = {data, data_len};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, encrypt(&s->encrypting, &whole, out, out_len));
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE handle, unsigned char *data, CK_ULONG data_len, unsigned char *out,
                      CK_ULONG *out_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, crypt_part(&s->encrypting, (struct devid_slice){data, data_len}, out, out_len));
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE handle, unsigned char *out, CK_ULONG *out_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, encrypt(&s->encrypting, NULL, out, out_len));
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, crypt_begin(s, mech, key, CKF_DECRYPT, &s->decrypting));
}

CK_RV C_Decrypt(CK_SESSION_HANDLE handle, unsigned char *in, CK_ULONG in_len, unsigned char *data, CK_ULONG *data_len)
{
    const struct devid_slice whole = {in, in_len};
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, decrypt(&s->decrypting, &whole, data, data_len));
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE handle, unsigned char *in, CK_ULONG in_len, unsigned char *data,
                      CK_ULONG *data_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = crypt_part(&s->decrypting, (struct devid_slice){in, in_len}, data, data_len);
    return session_leave(s, rv == CKR_DATA_LEN_RANGE ? CKR_ENCRYPTED_DATA_LEN_RANGE : rv);
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE handle, unsigned char *data, CK_ULONG *data_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, decrypt(&s->decrypting, NULL, data, data_len));
}
