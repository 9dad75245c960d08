/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the attribute table (attr.c) and those who know the values (value.c). */
#ifndef DEVID_PKCS11_ATTR_H
#define DEVID_PKCS11_ATTR_H

#include "pkcs11/module.h"

/**
 * \param arg  the row's own: the value of a constant, or what kind of key has the attribute
 * \return CKR_ATTRIBUTE_TYPE_INVALID if this very object does not have it; CKR_ATTRIBUTE_SENSITIVE
 */
typedef CK_RV (*attr_getter)(const struct object *o, CK_ULONG arg, struct attr_value *out);

CK_RV attr_get_bool(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_ulong(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_empty(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_sensitive(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_token(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_flag(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_may(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_application(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_object_id(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_data(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_profile(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_class(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_label(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_id(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_unique_id(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_subject(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_spki(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_key_type(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_can(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_allowed(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_fixed(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_gen_mechanism(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_modulus(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_modulus_bits(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_exponent(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_ec_params(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_ec_point(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_cert_value(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_issuer(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_serial(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_category(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_secret(const struct object *o, CK_ULONG arg, struct attr_value *out);
CK_RV attr_get_check_value(const struct object *o, CK_ULONG arg, struct attr_value *out);

#endif
