/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TSS2 PRIVATE KEY, both ways. draft-bottomley-tpm2-keys:
 *
 *   TPMKey ::= SEQUENCE {
 *       type        OBJECT IDENTIFIER,                      -- 2.23.133.10.1.3, a loadable key
 *       emptyAuth   [0] EXPLICIT BOOLEAN OPTIONAL,
 *       policy      [1] EXPLICIT SEQUENCE OF TPMPolicy OPTIONAL,
 *       secret      [2] EXPLICIT OCTET STRING OPTIONAL,
 *       authPolicy  [3] EXPLICIT SEQUENCE OF TPMAuthPolicy OPTIONAL,
 *       description [4] EXPLICIT UTF8String OPTIONAL,
 *       rsaParent   [5] EXPLICIT BOOLEAN OPTIONAL,
 *       parent      INTEGER,
 *       pubkey      OCTET STRING,                           -- TPM2B_PUBLIC
 *       privkey     OCTET STRING }                          -- TPM2B_PRIVATE
 *
 * Patched builds of tpm2-openssl write a key at a persistent handle in the same form, with the handle's four bytes for privkey.
 */
#include "core/keyfile.h"

#include <tss2/tss2_tpm2_types.h>

#include "core/der.h"

enum field { EMPTY_AUTH = 0, POLICY = 1, SECRET = 2, AUTH_POLICY = 3, RSA_PARENT = 5 };

static const unsigned char tpm_key[] = {0x67, 0x81, 0x05, 0x0a, 0x01};   /* 2.23.133.10.1 */
static const unsigned char loadable[] = {0x67, 0x81, 0x05, 0x0a, 0x01, 0x03};

/* TPM 2.0 Library, Part 2, TPM_CC. */
static const struct policy_command {
    TPM2_CC code;
    const char *name;
} policy_commands[] = {
    {TPM2_CC_PolicyAuthorize, "PolicyAuthorize"},
    {TPM2_CC_PolicyAuthorizeNV, "PolicyAuthorizeNV"},
    {TPM2_CC_PolicyAuthValue, "PolicyAuthValue"},
    {TPM2_CC_PolicyCommandCode, "PolicyCommandCode"},
    {TPM2_CC_PolicyCounterTimer, "PolicyCounterTimer"},
    {TPM2_CC_PolicyCpHash, "PolicyCpHash"},
    {TPM2_CC_PolicyDuplicationSelect, "PolicyDuplicationSelect"},
    {TPM2_CC_PolicyLocality, "PolicyLocality"},
    {TPM2_CC_PolicyNV, "PolicyNV"},
    {TPM2_CC_PolicyOR, "PolicyOR"},
    {TPM2_CC_PolicyPassword, "PolicyPassword"},
    {TPM2_CC_PolicyPCR, "PolicyPCR"},
    {TPM2_CC_PolicySecret, "PolicySecret"},
    {TPM2_CC_PolicySigned, "PolicySigned"},
};

static devid_rc fail_malformed(struct devid_error *err)
{
    return devid_fail(err, DEVID_E_DATA, "the " DEVID_KEYFILE_LABEL " is malformed");
}

/* BER writes any non-zero byte for TRUE, DER 0xff; both are about. */
static bool read_boolean(struct devid_slice in, bool *out)
{
    struct devid_slice content;

    if (!devid_der_enter(&in, DEVID_DER_BOOLEAN, &content) || in.len != 0 || content.len != 1)
        return false;
    *out = content.data[0] != 0;
    return true;
}

/*
 * A handle is 32 bits without a sign. Programs whose long has 32 bits write 0x81000001 as a
 * negative INTEGER of four bytes, others as a positive one of five.
 */
static bool read_handle(struct devid_slice in, uint32_t *out)
{
    uint32_t handle = 0;

    if (in.len == 5 && in.data[0] == 0) {
        in.data++;
        in.len--;
    }
    if (in.len == 0 || in.len > 4)
        return false;
    if ((in.data[0] & 0x80) != 0 && in.len < 4)
        return false; /* -1 and the like name nothing */
    for (size_t i = 0; i < in.len; i++)
        handle = handle << 8 | in.data[i];
    *out = handle;
    return true;
}

/*
 * SEQUENCE OF SEQUENCE { commandCode [0] EXPLICIT INTEGER, commandPolicy [1] EXPLICIT OCTET STRING }: the first command's
 * name. An empty list is no policy.
 */
static devid_rc read_policy(struct devid_slice in, struct devid_error *err)
{
    struct devid_slice list, first, code;
    uint32_t number = 0;

    if (!devid_der_enter(&in, DEVID_DER_SEQUENCE, &list) || in.len != 0)
        return fail_malformed(err);
    if (list.len == 0)
        return DEVID_OK;
    if (!devid_der_enter(&list, DEVID_DER_SEQUENCE, &first) || !devid_der_enter(&first, DEVID_DER_CONTEXT_0, &in) ||
        !devid_der_enter(&in, DEVID_DER_INTEGER, &code) || !read_handle(code, &number))
        return devid_fail(err, DEVID_E_KEY, "the key has a policy, which is not supported");
    for (size_t i = 0; i < sizeof policy_commands / sizeof policy_commands[0]; i++)
        if (policy_commands[i].code == number)
            return devid_fail(err, DEVID_E_KEY, "the key has a policy (TPM2_%s), which is not supported",
                              policy_commands[i].name);
    return devid_fail(err, DEVID_E_KEY, "the key has a policy (command 0x%x), which is not supported", number);
}

/* A TPM2B: two bytes of size, then that many. */
static bool is_sized(struct devid_slice in, size_t max)
{
    return in.len > 2 && in.len <= max && ((size_t)in.data[0] << 8 | in.data[1]) == in.len - 2;
}

static devid_rc read_type(struct devid_slice *body, struct devid_error *err)
{
    struct devid_slice oid;

    if (!devid_der_enter(body, DEVID_DER_OID, &oid))
        return fail_malformed(err);
    if (devid_slice_eq(oid, (struct devid_slice){loadable, sizeof loadable}))
        return DEVID_OK;
    if (oid.len == sizeof loadable &&
        devid_slice_eq((struct devid_slice){oid.data, sizeof tpm_key}, (struct devid_slice){tpm_key, sizeof tpm_key}))
        return devid_fail(err, DEVID_E_KEY, "the file holds sealed data or a key to be imported, not a loadable key");
    return devid_fail(err, DEVID_E_KEY, "the file holds no TPM key");
}

/* The tagged fields, each at most once and in order. Those of later drafts are passed over. */
static devid_rc read_options(struct devid_slice *body, struct devid_keyfile *out, struct devid_error *err)
{
    unsigned least = DEVID_DER_CONTEXT_0;
    devid_rc rc = DEVID_OK;

    while (rc == DEVID_OK && body->len != 0 && (body->data[0] & 0xe0) == DEVID_DER_CONTEXT_0) {
        struct devid_slice content;
        int tag = devid_der_next(body, NULL, &content);

        if (tag < 0 || (unsigned)tag < least)
            return fail_malformed(err);
        least = (unsigned)tag + 1;
        switch (tag - DEVID_DER_CONTEXT_0) {
        case EMPTY_AUTH:
            if (!read_boolean(content, &out->is_empty_auth))
                return fail_malformed(err);
            break;
        case POLICY:
            rc = read_policy(content, err);
            break;
        case AUTH_POLICY:
            return devid_fail(err, DEVID_E_KEY, "the key has policies by TPM2_PolicyAuthorize, which are not supported");
        case SECRET:
            return devid_fail(err, DEVID_E_KEY, "the key must be imported first (it has a secret)");
        case RSA_PARENT:
            if (!read_boolean(content, &out->has_rsa_parent))
                return fail_malformed(err);
            break;
        default:
            break;
        }
    }
    return rc;
}

devid_rc devid_keyfile_read(struct devid_slice der, struct devid_keyfile *out, struct devid_error *err)
{
    struct devid_keyfile made = {.is_empty_auth = true}; /* what a file that does not say so means in practice */
    struct devid_slice body, parent, area, blob;
    devid_rc rc;

    if (der.len > DEVID_PEM_MAX || !devid_der_enter(&der, DEVID_DER_SEQUENCE, &body) || der.len != 0)
        return fail_malformed(err);
    rc = read_type(&body, err);
    if (rc == DEVID_OK)
        rc = read_options(&body, &made, err);
    if (rc != DEVID_OK)
        return rc;
    if (!devid_der_enter(&body, DEVID_DER_INTEGER, &parent) || !read_handle(parent, &made.parent) ||
        !devid_der_enter(&body, DEVID_DER_OCTET_STRING, &area) || !is_sized(area, sizeof(TPM2B_PUBLIC)) ||
        !devid_der_enter(&body, DEVID_DER_OCTET_STRING, &blob) || body.len != 0)
        return fail_malformed(err);
    if (blob.len == 4 && blob.data[0] == TPM2_HT_PERSISTENT)
        (void)read_handle(blob, &made.handle);
    else if (!is_sized(blob, sizeof(TPM2B_PRIVATE)))
        return devid_fail(err, DEVID_E_DATA, "the " DEVID_KEYFILE_LABEL " has no private part: a program exported a "
                                             "key that stays in the TPM; use a key reference instead");
    rc = devid_bytes_copy(area, &made.area, err);
    if (rc == DEVID_OK && made.handle == 0)
        rc = devid_bytes_copy(blob, &made.blob, err);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_keyfile_free(&made);
    return rc;
}

/* [n] { BOOLEAN } */
static devid_rc put_boolean(struct devid_bytes *out, enum field n, bool value, struct devid_error *err)
{
    unsigned char yes = value ? 0xff : 0;
    struct devid_bytes field = {0};
    devid_rc rc = devid_der_put(&field, DEVID_DER_BOOLEAN, (struct devid_slice){&yes, 1}, err);

    if (rc == DEVID_OK)
        rc = devid_der_put(out, DEVID_DER_CONTEXT_0 + n, devid_slice_of(field), err);
    devid_bytes_free(&field);
    return rc;
}

devid_rc devid_keyfile_write(const struct devid_keyfile *key, struct devid_bytes *der, struct devid_error *err)
{
    const unsigned char parent[] = {(unsigned char)(key->parent >> 24), (unsigned char)(key->parent >> 16),
                                    (unsigned char)(key->parent >> 8), (unsigned char)key->parent};
    struct devid_bytes made = {0};
    devid_rc rc;

    if (!is_sized(devid_slice_of(key->area), sizeof(TPM2B_PUBLIC)) ||
        !is_sized(devid_slice_of(key->blob), sizeof(TPM2B_PRIVATE)))
        return devid_fail(err, DEVID_E_ARG, "only a wrapped key with both its parts can be written as " DEVID_KEYFILE_LABEL);
    rc = devid_der_put(&made, DEVID_DER_OID, (struct devid_slice){loadable, sizeof loadable}, err);
    if (rc == DEVID_OK)
        rc = put_boolean(&made, EMPTY_AUTH, key->is_empty_auth, err);
    if (rc == DEVID_OK && key->has_rsa_parent)
        rc = put_boolean(&made, RSA_PARENT, true, err);
    if (rc == DEVID_OK)
        rc = devid_der_put_unsigned(&made, (struct devid_slice){parent, sizeof parent}, err);
    if (rc == DEVID_OK)
        rc = devid_der_put(&made, DEVID_DER_OCTET_STRING, devid_slice_of(key->area), err);
    if (rc == DEVID_OK)
        rc = devid_der_put(&made, DEVID_DER_OCTET_STRING, devid_slice_of(key->blob), err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(&made, DEVID_DER_SEQUENCE, err);
    if (rc == DEVID_OK)
        *der = made;
    else
        devid_bytes_free(&made);
    return rc;
}

void devid_keyfile_free(struct devid_keyfile *key)
{
    if (key == NULL)
        return;
    devid_bytes_free(&key->area);
    devid_bytes_free(&key->blob);
    *key = (struct devid_keyfile){0};
}
