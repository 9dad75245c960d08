/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "put.h"
#include "unit/shelf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#include "unit/folder.h"


/* TPM2B_PRIVATE of 8 bytes: as opaque to us as a real one. */
static const unsigned char blob[] = {0, 8, 'p', 'r', 'i', 'v', 'a', 't', 'e', '!'};

struct devid_store *shelf_open(const struct shelf *s)
{
    struct devid_store *store = NULL;
    struct devid_error err = {0};

    if (devid_store_open(s->conf, &store, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    return store;
}

int shelf_make(void **state)
{
    struct shelf *s = calloc(1, sizeof *s);

    assert_non_null(s);
    s->folder = folder_make();
    (void)snprintf(s->state, sizeof s->state, "%s/state", s->folder);
    (void)snprintf(s->conf, sizeof s->conf, "%s/devid.conf", s->folder);
    folder_write_text(s->folder, "devid.conf", "[device]\nstate = state\ntcti = device:/nowhere/tpm\n");
    s->store = shelf_open(s);
    *state = s;
    return 0;
}

int shelf_end(void **state)
{
    struct shelf *s = *state;

    devid_store_free(s->store);
    folder_remove(s->folder);
    free(s);
    return 0;
}

struct sample sample_make(const char *label, const char *type, uint32_t handle)
{
    const struct soft_area how = {.attributes = TPMA_OBJECT_SIGN_ENCRYPT};
    struct sample s = {.key = soft_key(type)};

    s.spki = soft_spki(s.key);
    s.area = soft_area(s.key, &how);
    s.identity = (struct devid_identity){
        .token = "owner", .label = label, .public_label = label, .role = DEVID_ROLE_LDEVID, .handle = handle};
    s.identity.key_place = handle != 0 ? DEVID_PLACE_HANDLE : DEVID_PLACE_BLOB;
    if (handle == 0) {
        s.identity.parent = 0x81000001;
        s.identity.blob = SLICE(blob);
    }
    assert_int_equal(devid_public_from_area(devid_slice_of(s.area), &s.identity.pub, NULL), DEVID_OK);
    return s;
}

void sample_certify(struct sample *s, const char *cn)
{
    devid_bytes_free(&s->cert);
    s->cert = soft_cert(s->key, cn, "20990101000000Z");
    assert_int_equal(devid_cert_parse(devid_slice_of(s->cert), &s->chain[0], NULL), DEVID_OK);
    s->identity.cert_place = DEVID_PLACE_FILE;
    s->identity.chain = s->chain;
    s->identity.n_chain = 1;
}

void sample_free(struct sample *s)
{
    EVP_PKEY_free(s->key);
    devid_bytes_free(&s->spki);
    devid_bytes_free(&s->area);
    devid_bytes_free(&s->cert);
    devid_public_free(&s->identity.pub);
}

void must_put(struct devid_store *store, const struct devid_identity *identity)
{
    struct devid_error err = {0};

    if (put_identity(store, identity, &err) != DEVID_OK)
        fail_msg("%s", err.text);
}

struct devid_snapshot *must_snapshot(struct devid_store *store)
{
    struct devid_snapshot *snap = NULL;
    struct devid_error err = {0};

    if (devid_store_snapshot(store, &snap, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    return snap;
}

const struct devid_identity *look_for(const struct devid_snapshot *snap, const char *label)
{
    const struct devid_query query = {.label = label};
    const struct devid_identity *found = NULL;

    return devid_snapshot_find(snap, &query, &found, NULL) == DEVID_OK ? found : NULL;
}

size_t count_identities(const struct devid_snapshot *snap)
{
    size_t n = 0;

    for (const struct devid_identity *i = devid_snapshot_next(snap, NULL); i != NULL; i = devid_snapshot_next(snap, i))
        n++;
    return n;
}
