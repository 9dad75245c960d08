/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the value of an attribute comes from: the identity, its public area, its certificates. Nothing asks the TPM. */
#include <stdio.h>
#include <string.h>

#include "pkcs11/attr.h"
#include "pkcs11/mech.h"
#include "pkcs11/pair.h"

static CK_RV give(struct attr_value *out, const void *data, size_t len)
{
    out->data = data;
    out->len = len;
    return CKR_OK;
}

static CK_RV give_slice(struct attr_value *out, struct devid_slice s)
{
    return give(out, s.data, s.len);
}

static CK_RV give_ulong(struct attr_value *out, CK_ULONG n)
{
    memcpy(out->room, &n, sizeof n);
    return give(out, out->room, sizeof n);
}

static CK_RV give_bool(struct attr_value *out, bool is)
{
    out->room[0] = is ? CK_TRUE : CK_FALSE;
    return give(out, out->room, 1);
}

/* The value is the row's own. */
CK_RV attr_get_bool(const struct object *o, CK_ULONG is, struct attr_value *out)
{
    (void)o;
    return give_bool(out, is != 0);
}

CK_RV attr_get_ulong(const struct object *o, CK_ULONG n, struct attr_value *out)
{
    (void)o;
    return give_ulong(out, n);
}

CK_RV attr_get_empty(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)o, (void)arg;
    return give(out, "", 0);
}

CK_RV attr_get_sensitive(const struct object *o, CK_ULONG alg, struct attr_value *out)
{
    (void)out;
    return o->view->pub->alg == (enum devid_alg)alg ? CKR_ATTRIBUTE_SENSITIVE : CKR_ATTRIBUTE_TYPE_INVALID;
}

CK_RV attr_get_token(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_bool(out, !o->catalogue->is_session);
}

CK_RV attr_get_flag(const struct object *o, CK_ULONG flag, struct attr_value *out)
{
    return give_bool(out, (o->view->flags & flag) != 0);
}

CK_RV attr_get_may(const struct object *o, CK_ULONG flag, struct attr_value *out)
{
    return give_bool(out, object_may(o, (enum devid_flag)flag));
}

CK_RV attr_get_class(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    switch (o->view->kind) {
    case VIEW_PUBLIC:
    case VIEW_KEY:     return give_ulong(out, CKO_PUBLIC_KEY);
    case VIEW_PRIVATE: return give_ulong(out, CKO_PRIVATE_KEY);
    case VIEW_DATA:    return give_ulong(out, CKO_DATA);
    case VIEW_PROFILE: return give_ulong(out, CKO_PROFILE);
    case VIEW_SECRET:  return give_ulong(out, CKO_SECRET_KEY);
    case VIEW_LEAF:
    case VIEW_ISSUER:
    case VIEW_CERT:    break;
    }
    return give_ulong(out, CKO_CERTIFICATE);
}

CK_RV attr_get_label(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_slice(out, o->view->label);
}

CK_RV attr_get_id(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_slice(out, o->view->id);
}

/* Content of the BIT STRING of a SubjectPublicKeyInfo, without the count of unused bits. Empty if it is none. */
static struct devid_slice spki_bits(struct devid_slice spki)
{
    struct devid_slice rest = spki;

    for (int level = 0; level < 2; level++) { /* into the SEQUENCE, then past AlgorithmIdentifier into the BIT STRING */
        size_t len = devid_der_len(rest), header;

        if (len < 2 || rest.data[0] != (level == 0 ? 0x30 : 0x03))
            return (struct devid_slice){0};
        header = rest.data[1] < 0x80 ? 2 : 2 + (size_t)(rest.data[1] & 0x7f);
        if (header >= len)
            return (struct devid_slice){0};
        rest = (struct devid_slice){rest.data + header, len - header};
        if (level == 0) {
            len = devid_der_len(rest);
            rest = (struct devid_slice){rest.data + len, rest.len - len};
        }
    }
    return (struct devid_slice){rest.data + 1, rest.len - 1};
}

CK_RV view_key_id(struct devid_slice spki, unsigned char id[20])
{
    struct devid_error err = {0};

    return rv_of(devid_hash_once(DEVID_SHA1, spki_bits(spki), id, &err), &err);
}

/* An item has it for a name. Else of token, kind and content: the same in every process, and after a change of label. */
CK_RV view_unique_id(const struct view *v, char out[DEVID_ITEM_NAME + 1])
{
    unsigned char digest[DEVID_HASH_MAX], kind = (unsigned char)v->kind;
    struct devid_slice token = {(const unsigned char *)v->token, strlen(v->token)};
    struct devid_hasher *hasher = NULL;
    struct devid_error err = {0};
    devid_rc rc;

    if (v->item != NULL) {
        memcpy(out, v->item->name, DEVID_ITEM_NAME + 1);
        return CKR_OK;
    }
    rc = devid_hasher_new(DEVID_SHA256, &hasher, &err);
    if (rc == DEVID_OK)
        rc = devid_hasher_update(hasher, token, &err);
    if (rc == DEVID_OK)
        rc = devid_hasher_update(hasher, (struct devid_slice){&kind, 1}, &err);
    if (rc == DEVID_OK)
        rc = devid_hasher_update(hasher, view_content(v), &err);
    if (rc == DEVID_OK)
        rc = devid_hasher_final(hasher, digest, &err);
    devid_hasher_free(hasher);
    if (rc != DEVID_OK)
        return rv_of(rc, &err);
    for (size_t i = 0; i < DEVID_ITEM_NAME / 2; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return CKR_OK;
}

CK_RV attr_get_unique_id(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    CK_RV rv = view_unique_id(o->view, (char *)out->room);

    (void)arg;
    return rv == CKR_OK ? give(out, out->room, DEVID_ITEM_NAME) : rv;
}

CK_RV attr_get_subject(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    const struct devid_identity *identity = o->view->identity;

    struct devid_slice said = o->view->kind == VIEW_PRIVATE  ? identity->private_said.subject
                              : o->view->kind == VIEW_PUBLIC ? identity->public_said.subject
                              : o->view->kind == VIEW_KEY    ? o->view->item->said.subject
                                                             : (struct devid_slice){0};

    (void)arg;
    if (o->view->cert != NULL)
        return give_slice(out, o->view->cert->subject);
    if (said.len != 0)
        return give_slice(out, said);
    return identity != NULL && identity->n_chain > 0 ? give_slice(out, identity->chain[0].subject) : give(out, "", 0);
}

CK_RV attr_get_spki(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    if (o->view->cert != NULL)
        return give_slice(out, o->view->cert->spki);
    return give_slice(out, devid_slice_of(o->view->pub->spki));
}

/* Data and profiles. */

CK_RV attr_get_application(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give(out, o->view->item->application, strlen(o->view->item->application));
}

CK_RV attr_get_object_id(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_slice(out, o->view->item->object_id);
}

CK_RV attr_get_data(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_slice(out, o->view->item->content);
}

CK_RV attr_get_profile(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_ulong(out, o->view->profile);
}

/* Keys. */

CK_RV attr_get_key_type(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_ulong(out, o->view->pub->alg == DEVID_EC ? CKK_EC : CKK_RSA);
}

/* CKA_SIGN, CKA_DECRYPT and the like: true if there is a way to. */
CK_RV attr_get_can(const struct object *o, CK_ULONG use, struct attr_value *out)
{
    return give_bool(out, mech_can(o, use));
}

CK_RV attr_get_allowed(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    _Static_assert(sizeof out->room >= DEVID_MECHANISMS_MAX * sizeof(CK_MECHANISM_TYPE), "a list is a value");

    (void)arg;
    return give(out, out->room, mech_allowed(o, (CK_MECHANISM_TYPE *)(void *)out->room) * sizeof(CK_MECHANISM_TYPE));
}

/* The TPM made it and it never leaves: TPMA_OBJECT fixedTPM, fixedParent, sensitiveDataOrigin. */
CK_RV attr_get_fixed(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_bool(out, o->view->pub->is_fixed);
}

CK_RV attr_get_gen_mechanism(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    const struct devid_public *pub = o->view->pub;

    (void)arg;
    if (!pub->is_fixed)
        return give_ulong(out, CK_UNAVAILABLE_INFORMATION);
    return give_ulong(out, pub->alg == DEVID_EC ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN);
}

CK_RV attr_get_modulus(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    const struct devid_public *pub = o->view->pub;

    (void)arg;
    return pub->alg == DEVID_RSA ? give_slice(out, devid_slice_of(pub->modulus)) : CKR_ATTRIBUTE_TYPE_INVALID;
}

CK_RV attr_get_modulus_bits(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    const struct devid_public *pub = o->view->pub;

    (void)arg;
    return pub->alg == DEVID_RSA ? give_ulong(out, pub->bits) : CKR_ATTRIBUTE_TYPE_INVALID;
}

CK_RV attr_get_exponent(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    const struct devid_public *pub = o->view->pub;
    size_t len = 0;

    (void)arg;
    if (pub->alg != DEVID_RSA)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    for (int shift = 24; shift >= 0; shift -= 8)
        if (len > 0 || pub->exponent >> shift != 0)
            out->room[len++] = (unsigned char)(pub->exponent >> shift);
    return give(out, out->room, len);
}

CK_RV attr_get_ec_params(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    const struct devid_public *pub = o->view->pub;
    struct devid_slice params = curve_params(pub->bits);

    (void)arg;
    return pub->alg == DEVID_EC && params.len != 0 ? give_slice(out, params) : CKR_ATTRIBUTE_TYPE_INVALID;
}

/* DER OCTET STRING of the point: PKCS#11 2.40 mechanisms, 2.3.3. P-521's is 133 bytes: a length of two. */
CK_RV attr_get_ec_point(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    const struct devid_public *pub = o->view->pub;
    size_t header = 0;

    (void)arg;
    if (pub->alg != DEVID_EC || pub->point.len > 255 - 3)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    out->room[header++] = 0x04;
    if (pub->point.len > 127)
        out->room[header++] = 0x81;
    out->room[header++] = (unsigned char)pub->point.len;
    memcpy(out->room + header, pub->point.data, pub->point.len);
    return give(out, out->room, header + pub->point.len);
}

/* Certificates. */

CK_RV attr_get_cert_value(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_slice(out, o->view->cert->der);
}

CK_RV attr_get_issuer(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_slice(out, o->view->cert->issuer);
}

CK_RV attr_get_serial(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    return give_slice(out, o->view->cert->serial);
}

/* 1: the token's user, 2: an authority, 3: another. PKCS#11 2.40, 4.6.2. */
CK_RV attr_get_category(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    (void)arg;
    if (o->view->cert->is_ca)
        return give_ulong(out, 2);
    return give_ulong(out, o->view->kind == VIEW_LEAF ? 1 : o->view->kind == VIEW_ISSUER ? 3 : 0);
}

/* The first three bytes of the SHA-1 of the certificate. */
CK_RV attr_get_check_value(const struct object *o, CK_ULONG arg, struct attr_value *out)
{
    struct devid_error err = {0};
    CK_RV rv = rv_of(devid_hash_once(DEVID_SHA1, o->view->cert->der, out->room, &err), &err);

    (void)arg;
    return rv == CKR_OK ? give(out, out->room, 3) : rv;
}
