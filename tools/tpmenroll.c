/* SPDX-License-Identifier: BSD-2-Clause */
/* What /tpmenroll needs of the TPM: the EK with its certificates, both public areas, and the opening of what comes back. */
#include "core/attest.h"
#include "core/make.h"
#include "core/nv.h"
#include "est/est.h"
#include "tool.h"

#define EK_CHAIN_FIRST 0x01c00100U /* EK Credential Profile 2.5, section 2.2.1.5.2 */
#define EK_CHAIN_LAST 0x01c001ffU
#define EK_CHAIN_MAX 65536 /* bytes of a chain that is taken */

devid_rc tool_ek(struct tool *tool, struct devid_snapshot **snap, const struct devid_identity **ek, struct devid_error *err)
{
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *found = NULL;
    devid_rc rc = devid_store_snapshot(tool->store, &found, err);

    if (rc != DEVID_OK)
        return rc;
    while ((identity = devid_snapshot_next(found, identity)) != NULL)
        if (identity->role == DEVID_ROLE_EK && identity->n_chain != 0) {
            *ek = identity;
            *snap = found;
            return DEVID_OK;
        }
    devid_snapshot_free(found);
    return devid_fail(err, DEVID_E_ABSENT, "there is no EK with a certificate: \"devid doctor\" tells whether the TPM has one at "
                                           "another handle or NV index (role = ek)");
}

/* One chain may stand in several indices, one behind the other. */
static devid_rc ek_chain(struct tool *tool, struct devid_bytes *certs, struct devid_error *err)
{
    struct devid_bytes raw = {0}, der = {0};
    devid_rc rc = DEVID_OK;

    for (uint32_t index = EK_CHAIN_FIRST; rc == DEVID_OK && index <= EK_CHAIN_LAST && raw.len < EK_CHAIN_MAX; index++) {
        struct devid_bytes part = {0};

        rc = devid_nv_read_raw(tool->store, index, &part, err);
        if (rc == DEVID_OK)
            rc = devid_bytes_append(&raw, devid_slice_of(part), err);
        devid_bytes_free(&part);
    }
    if (rc == DEVID_E_ABSENT)
        rc = DEVID_OK;
    if (rc == DEVID_OK && raw.len != 0) {
        rc = devid_nv_certificates(devid_slice_of(raw), &der, err);
        if (rc == DEVID_OK)
            rc = devid_bytes_append(certs, devid_slice_of(der), err);
    }
    devid_bytes_free(&raw);
    devid_bytes_free(&der);
    return rc;
}

devid_rc tool_ek_certs(struct tool *tool, const struct devid_identity *ek, struct devid_bytes *certs, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < ek->n_chain; i++)
        rc = devid_bytes_append(certs, ek->chain[i].der, err);
    if (rc == DEVID_OK && ek->n_chain == 1)
        (void)ek_chain(tool, certs, NULL); /* without its chain it may still do */
    return rc;
}

/* TPMT_PUBLIC: the public area without its size. What a CA would certify must be a key that cannot leave this TPM. */
static devid_rc area_of(struct tool *tool, const struct devid_identity *identity, struct devid_bytes *out,
                        struct devid_error *err)
{
    const struct devid_public *pub = &identity->pub;
    struct devid_made seen = {0};
    devid_rc rc = DEVID_OK;

    if (pub->area.len == 0) {
        rc = devid_make_look(tool->store, identity->handle, &seen, err);
        pub = &seen.pub;
    }
    if (rc == DEVID_OK && !devid_slice_eq(devid_slice_of(pub->spki), devid_slice_of(identity->pub.spki)))
        rc = devid_fail(err, DEVID_E_DATA, "the TPM holds another key than that of %s", identity->label);
    else if (rc == DEVID_OK && !pub->is_fixed)
        rc = devid_fail(err, DEVID_E_KEY, "the key of %s is not fixed in this TPM, or was not made there", identity->label);
    else if (rc == DEVID_OK)
        rc = devid_bytes_copy((struct devid_slice){pub->area.data + 2, pub->area.len - 2}, out, err);
    devid_made_free(&seen);
    return rc;
}

/* What activates a credential. */
struct activation {
    struct tool *tool;
    const struct devid_identity *key, *ek;
};

static devid_rc activate(void *user, struct devid_slice blob, struct devid_slice secret, struct devid_secret *credential,
                         struct devid_error *err)
{
    const struct activation *a = user;

    return devid_attest_activate(a->tool->store, a->key, a->ek, blob, secret, credential, err);
}

devid_rc tool_tpmenroll(struct tool *tool, const struct est_server *server, const struct devid_identity *key,
                        const struct est_csr *wish, struct devid_bytes *csr, struct est_reply *reply, struct devid_error *err)
{
    struct devid_bytes certs = {0}, ek_area = {0}, key_area = {0};
    struct activation a = {.tool = tool, .key = key};
    struct est_tpmenroll request = {.spki = devid_slice_of(key->pub.spki), .activate = activate, .user = &a};
    struct devid_snapshot *snap = NULL;
    devid_rc rc = tool_ek(tool, &snap, &a.ek, err);

    if (rc == DEVID_OK)
        rc = tool_ek_certs(tool, a.ek, &certs, err);
    if (rc == DEVID_OK)
        rc = area_of(tool, a.ek, &ek_area, err);
    if (rc == DEVID_OK)
        rc = area_of(tool, key, &key_area, err);
    if (rc == DEVID_OK) {
        request.ek_certs = devid_slice_of(certs);
        request.ek_area = devid_slice_of(ek_area);
        request.key_area = devid_slice_of(key_area);
    }
    if (rc == DEVID_OK && csr->len == 0)
        rc = est_csr_make(wish, csr, err);
    if (rc == DEVID_OK && server->signed_by != NULL)
        server->signed_by(server->signed_user, false); /* the server may take its time */
    if (rc == DEVID_OK) {
        request.csr = devid_slice_of(*csr);
        rc = est_tpmenroll(server, &request, reply, err);
    }
    devid_bytes_free(&certs);
    devid_bytes_free(&ek_area);
    devid_bytes_free(&key_area);
    devid_snapshot_free(snap);
    return rc;
}
