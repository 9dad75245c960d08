/* SPDX-License-Identifier: BSD-2-Clause */
/* Handles and NV indices become identities with nothing to import. */
#include "core/discover.h"

#include "core/cache.h"
#include "core/entry.h"
#include "core/log.h"
#include "core/make.h"
#include "core/nv.h"

/* An index may hold a chain: concatenated DER. */
static size_t split(struct devid_slice all, struct devid_cert chain[DEVID_CHAIN_MAX])
{
    size_t n = 0, len;

    while (n < DEVID_CHAIN_MAX && (len = devid_der_len(all)) != 0 &&
           devid_cert_parse((struct devid_slice){all.data, len}, &chain[n], NULL) == DEVID_OK) {
        all.data += len;
        all.len -= len;
        n++;
    }
    return n;
}

/* The TPM may answer another time: not that there is no certificate, or none that may be read. */
static bool is_passing(devid_rc rc)
{
    return rc == DEVID_E_AWAY || rc == DEVID_E_BUSY || rc == DEVID_E_MEM;
}

devid_rc devid_discover(struct devid_store *store, const struct devid_conf_identity *want, struct devid_bytes *file,
                        struct devid_error *err)
{
    struct devid_cert chain[DEVID_CHAIN_MAX];
    struct devid_made found = {0};
    struct devid_bytes der = {0};
    struct devid_identity identity = {.token = want->token, .label = want->name, .public_label = want->name,
                                      .role = want->role, .key_place = DEVID_PLACE_HANDLE, .handle = want->handle};
    devid_rc rc = devid_make_look(store, want->handle, &found, err);

    if (rc != DEVID_OK)
        return rc;
    identity.pub = found.pub;
    if (want->cert_place == DEVID_PLACE_NV)
        rc = devid_nv_read(store, want->nv_index, &der, err);
    if (is_passing(rc)) { /* else the key would be kept without its certificate for good */
        devid_made_free(&found);
        return rc;
    }
    if (der.len != 0) {
        identity.n_chain = split(devid_slice_of(der), chain);
        identity.chain = chain;
        identity.cert_place = DEVID_PLACE_NV;
        identity.nv_index = want->nv_index;
    }
    if (identity.n_chain != 0 && !devid_cert_is_for(&chain[0], devid_slice_of(found.pub.spki))) {
        devid_log(DEVID_LOG_ERROR, "core/discover", "the certificate in NV 0x%08x is not for the key at 0x%08x",
                  want->nv_index, want->handle);
        identity.n_chain = 0;
    }
    devid_cache_put(store, want->handle, devid_slice_of(found.pub.area), devid_slice_of(found.object));
    rc = devid_entry_write(&identity, (struct devid_slice){0}, file, err);
    devid_bytes_free(&der);
    devid_made_free(&found);
    return rc;
}
