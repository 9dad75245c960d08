/* SPDX-License-Identifier: BSD-2-Clause */
/* Core's keys on a world's TPM: made, opened, used, and their signatures checked in software. */
#ifndef DEVID_TEST_KEYS_H
#define DEVID_TEST_KEYS_H

#include "tpm/world.h"

#include <tss2/tss2_tpm2_types.h>

#include "core/key.h"
#include "core/make.h"

/* A new owner's key in the world's store. handle 0: it stays wrapped. */
void keys_make(struct devid_store *store, const char *label, enum devid_alg alg, unsigned bits, uint32_t handle);
void keys_make_wanted(struct devid_store *store, const char *label, const struct devid_wanted *wanted, uint32_t handle);
/* The device's own, a primary with the TCG's template. */
void keys_make_device(struct devid_store *store, const char *label, enum devid_role role, enum devid_alg alg,
                      unsigned bits, uint32_t handle);
struct devid_key *keys_open(struct devid_store *store, const char *label);

/* A wrapped key in no store, with attributes that core does not give: made under the world's storage root key. */
struct devid_key *keys_by_template(struct world *w, const TPM2B_PUBLIC *template);
/* RSA-2048, no scheme; attributes added to those that an owner's key has. */
TPM2B_PUBLIC keys_rsa_template(TPMA_OBJECT attributes);

/* Sign, and check the signature in software. */
devid_rc keys_sign(struct devid_key *key, const struct devid_scheme *scheme, struct devid_slice digest,
                   struct devid_error *err);
/* The first len bytes of a pattern that has no zeros in it. */
struct devid_slice keys_digest(size_t len);

#define assert_rc(got, expected, err) assert_rc_of((got), (expected), &(err), __FILE__, __LINE__)
void assert_rc_of(devid_rc got, devid_rc expected, const struct devid_error *err, const char *file, int line);

/* Exactly these commands since the last look, "Load Sign FlushContext"; they are forgotten. */
#define assert_sent(w, expected) assert_sent_of((w), (expected), __FILE__, __LINE__)
void assert_sent_of(struct world *w, const char *expected, const char *file, int line);

#endif
