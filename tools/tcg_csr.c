/* SPDX-License-Identifier: BSD-2-Clause */
/* The TCG's certificate request of a device. TCG "TPM 2.0 Keys for Device Identity and Attestation" 1.00, section 13.1. */
#include "core/tcg_csr.h"

#include <string.h>

#include "core/key.h"
#include "core/random.h"
#include "tool.h"

#define NOISE 16
#define SIG_MAX 512

/* TPMT_PUBLIC is what a TPM2B_PUBLIC holds. */
static struct devid_slice inner(struct devid_bytes area)
{
    return area.len > 2 ? (struct devid_slice){area.data + 2, area.len - 2} : (struct devid_slice){NULL, 0};
}

static devid_rc contents_of(struct tool *tool, const struct devid_evidence *e, bool is_iak, const char *model, enum devid_hash hash,
                            struct devid_bytes *out, struct devid_error *err)
{
    const char *serial = devid_store_conf(tool->store)->serial;
    struct devid_slice parts[DEVID_TCG_PAD] = {{0}};
    unsigned char noise[NOISE];
    devid_rc rc;

    if (e->ek.n == 0)
        return devid_fail(err, DEVID_E_ABSENT, "the TPM has no EK with a certificate, which such a request tells its CA");
    parts[DEVID_TCG_MODEL] = devid_slice_text(model);
    if (serial != NULL)
        parts[DEVID_TCG_SERIAL] = devid_slice_text(serial);
    parts[DEVID_TCG_EK_CERT] = devid_slice_of(e->ek.der[0]);
    parts[DEVID_TCG_ATTEST_PUB] = inner(is_iak ? e->key_area : e->iak_area);
    if (!is_iak) {
        parts[DEVID_TCG_SIGNING_PUB] = inner(e->key_area);
        parts[DEVID_TCG_SIGNING_INFO] = devid_slice_of(e->attest);
        parts[DEVID_TCG_SIGNING_SIG] = devid_slice_of(e->signature);
    }
    rc = devid_random(tool->store, noise, sizeof noise, err);
    return rc == DEVID_OK ? devid_tcg_csr_contents(parts, hash, noise, out, err) : rc;
}

static devid_rc sign(struct tool *tool, const char *name, const struct devid_scheme *scheme, struct devid_slice contents,
                     unsigned char sig[SIG_MAX], size_t *len, struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_key *key = NULL;
    devid_rc rc = tool_find(tool, name, &snap, &identity, err);

    if (rc == DEVID_OK)
        rc = devid_key_open(tool->store, snap, identity, &key, err);
    *len = SIG_MAX;
    if (rc == DEVID_OK)
        rc = devid_key_sign_message(key, scheme, contents, sig, len, err);
    devid_key_free(key);
    devid_snapshot_free(snap);
    return rc;
}

devid_rc tool_export_tcg_csr(struct tool *tool, const char *name, const char *model, struct devid_slice nonce, struct devid_bytes *out,
                             struct devid_error *err)
{
    struct devid_scheme scheme = {.padding = DEVID_PKCS1, .hash = DEVID_SHA256};
    struct devid_bytes contents = {0};
    struct devid_evidence e = {0};
    struct devid_public pub = {0};
    unsigned char sig[SIG_MAX];
    size_t len;
    bool is_iak;
    devid_rc rc = tool_evidence(tool, name, nonce, &e, err);

    if (rc == DEVID_OK)
        rc = devid_public_from_area(devid_slice_of(e.key_area), &pub, err);
    if (rc != DEVID_OK)
        goto out;
    is_iak = pub.is_restricted;
    if (is_iak && nonce.len != 0) {
        rc = devid_fail(err, TOOL_USAGE, "--nonce: the request of an attestation key is certified by no other, so it has no place for a nonce");
        goto out;
    }
    if (pub.has_scheme)
        scheme = (struct devid_scheme){.padding = pub.padding, .hash = pub.hash, .salt_len = devid_hash_len(pub.hash)};
    else if (pub.alg == DEVID_EC)
        scheme.padding = DEVID_ECDSA;
    rc = contents_of(tool, &e, is_iak, model, scheme.hash, &contents, err);
    if (rc == DEVID_OK)
        rc = sign(tool, name, &scheme, devid_slice_of(contents), sig, &len, err);
    if (rc == DEVID_OK && devid_public_is_counted(&pub))
        devid_make_settled(tool->store);
    if (rc == DEVID_OK)
        rc = devid_tcg_csr_write(devid_slice_of(contents), &scheme, (struct devid_slice){sig, len}, out, err);
out:
    devid_public_free(&pub);
    devid_evidence_free(&e);
    devid_bytes_free(&contents);
    return rc;
}
