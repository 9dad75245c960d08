/* SPDX-License-Identifier: BSD-2-Clause */
/* The signature of a TCG_CSR_IDEVID: "DER encoded, including algorithm ID", as X.509 has it. */
#include <string.h>

#include "core/der.h"
#include "core/judge.h"
#include "core/tcg_csr.h"

/* RSASSA-PSS-params: the hash (h ends its OID), MGF1 with it, and as many bytes of salt as it has. */
#define PSS_PARAMS(h, salt)                                                                                                     \
    0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, h, 0x05, 0x00, 0xa1, 0x1c, \
        0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, \
        0x01, 0x65, 0x03, 0x04, 0x02, h, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, salt
#define PSS_OID 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a

/* AlgorithmIdentifiers, DER: RFC 5758, section 3.2; RFC 8017, A.2. */
static const struct algorithm {
    enum devid_padding padding;
    enum devid_hash hash;
    unsigned char der[67];
    size_t len;
} algorithms[] = {
    {DEVID_ECDSA, DEVID_SHA256, {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}, 12},
    {DEVID_ECDSA, DEVID_SHA384, {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03}, 12},
    {DEVID_ECDSA, DEVID_SHA512, {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04}, 12},
    {DEVID_PKCS1, DEVID_SHA256, {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00}, 15},
    {DEVID_PKCS1, DEVID_SHA384, {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c, 0x05, 0x00}, 15},
    {DEVID_PKCS1, DEVID_SHA512, {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d, 0x05, 0x00}, 15},
    {DEVID_PSS, DEVID_SHA256, {0x30, 0x41, 0x06, 0x09, PSS_OID, PSS_PARAMS(1, 32)}, 67},
    {DEVID_PSS, DEVID_SHA384, {0x30, 0x41, 0x06, 0x09, PSS_OID, PSS_PARAMS(2, 48)}, 67},
    {DEVID_PSS, DEVID_SHA512, {0x30, 0x41, 0x06, 0x09, PSS_OID, PSS_PARAMS(3, 64)}, 67},
};

#define N_ALGORITHMS (sizeof algorithms / sizeof algorithms[0])

devid_rc devid_tcg_csr_encode(const struct devid_scheme *scheme, struct devid_slice sig, struct devid_bytes *out, struct devid_error *err)
{
    static const unsigned char no_unused_bits = 0;
    struct devid_bytes value = {0}, bits = {0};
    const struct algorithm *a = algorithms;
    devid_rc rc;

    while (a < algorithms + N_ALGORITHMS && (a->padding != scheme->padding || a->hash != scheme->hash))
        a++;
    if (a == algorithms + N_ALGORITHMS)
        return devid_fail(err, DEVID_E_KEY, "a request is signed with SHA-256, SHA-384 or SHA-512, and this key does not");
    rc = scheme->padding == DEVID_ECDSA ? devid_ecdsa_der(sig, &value, err) : devid_bytes_copy(sig, &value, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(&bits, (struct devid_slice){&no_unused_bits, 1}, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(&bits, devid_slice_of(value), err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(out, (struct devid_slice){a->der, a->len}, err);
    if (rc == DEVID_OK)
        rc = devid_der_put(out, DEVID_DER_BIT_STRING, devid_slice_of(bits), err);
    if (rc == DEVID_OK)
        rc = devid_der_wrap(out, DEVID_DER_SEQUENCE, err);
    devid_bytes_free(&value);
    devid_bytes_free(&bits);
    return rc;
}

/* ---- reading ---- */

/* SEQUENCE { AlgorithmIdentifier, BIT STRING } */
static bool take_algorithm(struct devid_slice der, struct devid_slice *alg, struct devid_slice *value)
{
    struct devid_slice body;

    if (!devid_der_enter(&der, DEVID_DER_SEQUENCE, &body) || der.len != 0 ||
        devid_der_next(&body, alg, NULL) != DEVID_DER_SEQUENCE || !devid_der_enter(&body, DEVID_DER_BIT_STRING, value) ||
        body.len != 0 || value->len < 2 || value->data[0] != 0)
        return false;
    *value = (struct devid_slice){value->data + 1, value->len - 1};
    return true;
}

/* RSASSA-PSS with other parameters than here: the key's scheme counts, of which the salt may be as long as fits. */
static bool scheme_of(struct devid_slice alg, struct devid_scheme *scheme)
{
    static const unsigned char pss[] = {PSS_OID};
    struct devid_slice body, oid;

    for (size_t i = 0; i < N_ALGORITHMS; i++)
        if (devid_slice_eq(alg, (struct devid_slice){algorithms[i].der, algorithms[i].len})) {
            scheme->padding = algorithms[i].padding;
            scheme->hash = algorithms[i].hash;
            return true;
        }
    return scheme->padding == DEVID_PSS && devid_der_enter(&alg, DEVID_DER_SEQUENCE, &body) &&
           devid_der_enter(&body, DEVID_DER_OID, &oid) && devid_slice_eq(oid, (struct devid_slice){pss, sizeof pss});
}

static bool put_integer(struct devid_slice *in, unsigned char *out, size_t size)
{
    struct devid_slice n;

    if (!devid_der_enter(in, DEVID_DER_INTEGER, &n))
        return false;
    while (n.len > 0 && n.data[0] == 0)
        n = (struct devid_slice){n.data + 1, n.len - 1};
    if (n.len > size)
        return false;
    memset(out, 0, size);
    if (n.len != 0)
        memcpy(out + size - n.len, n.data, n.len);
    return true;
}

/* ECDSA's SEQUENCE of r and s (RFC 3279, section 2.2.3), or the modulus's size. */
static bool take_value(const struct devid_public *key, struct devid_slice value, unsigned char *sig, size_t len)
{
    struct devid_slice pair;

    if (key->alg == DEVID_EC)
        return devid_der_enter(&value, DEVID_DER_SEQUENCE, &pair) && value.len == 0 && put_integer(&pair, sig, len / 2) &&
               put_integer(&pair, sig + len / 2, len / 2) && pair.len == 0;
    if (value.len != len)
        return false;
    memcpy(sig, value.data, len);
    return true;
}

devid_rc devid_tcg_csr_signature(const struct devid_tcg_csr *csr, const struct devid_public *key, struct devid_scheme *scheme,
                                 unsigned char *sig, size_t *len, struct devid_error *err)
{
    struct devid_slice value = csr->signature, alg;
    size_t room = *len;
    bool is_known = true;

    *len = devid_public_sig_len(key);
    if (*len <= room && *len <= JUDGE_SIG_MAX && devid_judge_tpm_signature(key, csr->signature, scheme, sig, len))
        return scheme->hash >= DEVID_SHA256 ? DEVID_OK : devid_fail(err, DEVID_E_DATA, "its signature is by a weak hash");
    *scheme = (struct devid_scheme){.padding = key->alg == DEVID_EC ? DEVID_ECDSA : DEVID_PKCS1, .hash = csr->hash};
    if (key->has_scheme)
        *scheme = (struct devid_scheme){.padding = key->padding, .hash = key->hash};
    if (take_algorithm(csr->signature, &alg, &value))
        is_known = scheme_of(alg, scheme) && (scheme->padding == DEVID_ECDSA) == (key->alg == DEVID_EC);
    scheme->salt_len = devid_hash_len(scheme->hash);
    if (!is_known || scheme->hash < DEVID_SHA256 || *len > room || !take_value(key, value, sig, *len))
        return devid_fail(err, DEVID_E_DATA, "the request's signature is malformed, or not of its key's type");
    return DEVID_OK;
}
