/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes from the TPM and the kernel. */
#ifndef DEVID_CORE_RANDOM_H
#define DEVID_CORE_RANDOM_H

#include "core/store.h"

/**
 * Random bytes: the kernel's, XORed with a stream that is made of 32 bytes of the TPM's. They are as good as the better of the
 * two. One TPM2_GetRandom, however many bytes.
 *
 * \param out  len bytes; written on success only
 * \return DEVID_E_AWAY, DEVID_E_TPM: without the TPM there are none. Any thread
 */
devid_rc devid_random(struct devid_store *store, unsigned char *out, size_t len, struct devid_error *err);

/**
 * The same, where each byte of the kernel's has one of the TPM's XORed: for who wants the TPM's entropy in full. A TPM2_GetRandom for
 * each 32 to 64 bytes, as the TPM gives them.
 *
 * \param out  len bytes; wiped on failure
 */
devid_rc devid_random_all(struct devid_store *store, unsigned char *out, size_t len, struct devid_error *err);

/**
 * Stir a seed into the TPM's generator, which takes it in addition to its own: none is so bad that it harms. One
 * TPM2_StirRandom of the seed's SHA-256.
 */
devid_rc devid_random_stir(struct devid_store *store, struct devid_slice seed, struct devid_error *err);

#endif
