/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text that is given in the place of one whose PKCS#1 padding is wrong ("implicit rejection"): it looks like any other, and is the
 * same each time for the same block, in every process, so nobody learns which blocks were good. Software makes it of the
 * private exponent; here it is made of what the TPM's key makes of one block that nothing else ever is. Core's own.
 * draft-irtf-cfrg-rsa-guidance.
 */
#ifndef DEVID_CORE_INSTEAD_H
#define DEVID_CORE_INSTEAD_H

#include "core/key.h"

#define DEVID_INSTEAD_SECRET 32 /* bytes */
#define DEVID_INSTEAD_MAX 512   /* bytes of a modulus */

struct devid_instead {
    unsigned char block[DEVID_INSTEAD_MAX]; /* of the modulus's size */
    size_t from;                            /* the text goes from there to the end */
};

/**
 * Sends TPM2_RSA_Decrypt, once a key, whatever the block's padding.
 * \param secret  DEVID_INSTEAD_SECRET bytes; wiped by the caller
 */
devid_rc devid_instead_secret(struct devid_key *key, unsigned char *secret, struct devid_error *err);

/**
 * \param block  encrypted, of the modulus's size
 * \param out    wiped by the caller
 * \return DEVID_E_DATA for a block that is too short or too long; DEVID_E_MEM
 */
devid_rc devid_instead_make(const unsigned char *secret, struct devid_slice block, struct devid_instead *out,
                            struct devid_error *err);

#endif
