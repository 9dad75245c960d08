/* SPDX-License-Identifier: BSD-2-Clause */
/* A store in a folder of a test's own, without a TPM, and identities to put into it. */
#ifndef DEVID_TEST_UNIT_SHELF_H
#define DEVID_TEST_UNIT_SHELF_H

#include "core/store.h"
#include "unit/soft.h"

struct shelf {
    char *folder; /* with devid.conf; the state is its "state" */
    char state[256], conf[256];
    struct devid_store *store;
};

/* For cmocka's setup and teardown. */
int shelf_make(void **state);
int shelf_end(void **state);

/* A second store of the same folder, as another process has it. */
struct devid_store *shelf_open(const struct shelf *s);

/* An identity in software: what a put needs. */
struct sample {
    EVP_PKEY *key;
    struct devid_bytes spki, area, cert;
    struct devid_cert chain[1];
    struct devid_identity identity; /* of token "owner", without certificate */
};

/* At a handle; 0: wrapped, its private part is no real one. type as soft_key. */
struct sample sample_make(const char *label, const char *type, uint32_t handle);
/* Give it a certificate in a file. */
void sample_certify(struct sample *s, const char *cn);
void sample_free(struct sample *s);

void must_put(struct devid_store *store, const struct devid_identity *identity);
struct devid_snapshot *must_snapshot(struct devid_store *store);
/* NULL if there is none of that label. */
const struct devid_identity *look_for(const struct devid_snapshot *snap, const char *label);
size_t count_identities(const struct devid_snapshot *snap);

#endif
