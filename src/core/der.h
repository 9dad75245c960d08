/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DER, the part of it that our own formats need: single-byte tags, definite and shortest lengths.
 * ITU-T X.690, section 10.
 *
 * Why not OpenSSL's templates: readers here give slices of what was read (PKCS#11 shows them as
 * they stand), pass over fields of later versions, and have no error queue to keep clean.
 */
#ifndef DEVID_CORE_DER_H
#define DEVID_CORE_DER_H

#include "core/bytes.h"

enum devid_der_tag {
    DEVID_DER_BOOLEAN = 0x01,
    DEVID_DER_INTEGER = 0x02,
    DEVID_DER_BIT_STRING = 0x03,
    DEVID_DER_OCTET_STRING = 0x04,
    DEVID_DER_NULL = 0x05,
    DEVID_DER_OID = 0x06,
    DEVID_DER_UTF8 = 0x0c,
    DEVID_DER_SEQUENCE = 0x30,
    DEVID_DER_PLAIN_0 = 0x80,   /* [0] IMPLICIT of a primitive; [n] is this + n */
    DEVID_DER_CONTEXT_0 = 0xa0, /* [0] EXPLICIT; [n] is this + n */
};

/* Contents of OBJECT IDENTIFIERs, for initialisers. */
#define DEVID_DER_OID_EC 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01                /* ecPublicKey */
#define DEVID_DER_OID_RSA 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 /* rsaEncryption */

/**
 * Take the element that *in begins with.
 *
 * \param in       moved behind the element on success only
 * \param whole    the element with its header; may be NULL
 * \param content  what is in it; may be NULL
 * \return its tag; -1 if in is empty, or does not begin with a whole element in DER
 */
int devid_der_next(struct devid_slice *in, struct devid_slice *whole, struct devid_slice *content);

/** Take an element of this tag; false, and nothing moved, if another one or none is there. */
bool devid_der_enter(struct devid_slice *in, unsigned tag, struct devid_slice *content);

/** True if the next element has this tag. Moves nothing. */
bool devid_der_is(struct devid_slice in, unsigned tag);

/** Append tag, length and content to *out. */
devid_rc devid_der_put(struct devid_bytes *out, unsigned tag, struct devid_slice content, struct devid_error *err);

/** Append an INTEGER that is not negative, of big-endian bytes; leading zeros are left out. */
devid_rc devid_der_put_unsigned(struct devid_bytes *out, struct devid_slice number, struct devid_error *err);

/** Put a header around all that *out holds: from content to element, in place. */
devid_rc devid_der_wrap(struct devid_bytes *out, unsigned tag, struct devid_error *err);

#endif
