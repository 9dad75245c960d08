/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys for SPIRE's node attestor tpm_devid, and the files that its agent loads one from. The agent makes a primary of the owner
 * hierarchy by the TCG's template for P-256 with an empty unique field, loads the key under it, and takes none whose scheme is open.
 */
#include <stdio.h>
#include <string.h>

#include "core/files.h"
#include "tool.h"

struct devid_wanted tool_wanted(const struct devid_conf_identity *want)
{
    struct devid_wanted wanted = {.alg = want->alg, .bits = want->bits, .signs = true, .decrypts = want->alg == DEVID_RSA};

    if (want->for_spire) {
        wanted.has_scheme = true;
        wanted.decrypts = false;
        wanted.parent = DEVID_PARENT_OWNER;
    }
    return wanted;
}

bool tool_is_for_spire(const struct devid_public *pub, uint32_t parent)
{
    return parent == DEVID_PARENT_OWNER && pub->alg == DEVID_EC && pub->bits == 256 && pub->has_scheme && pub->hash == DEVID_SHA256 &&
           pub->can_sign && !pub->is_restricted;
}

static devid_rc write_one(const char *folder, const char *name, struct devid_slice data, struct devid_error *err)
{
    char path[4096];

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return devid_fail(err, TOOL_USAGE, "the folder's path is too long");
    return devid_files_replace_path(path, data, 0644, err);
}

/* Without their 2-byte sizes, which go-tpm adds. */
static devid_rc contents_of(struct devid_slice sized, struct devid_slice *out, struct devid_error *err)
{
    if (sized.len < 2 || (size_t)(sized.data[0] << 8 | sized.data[1]) != sized.len - 2)
        return devid_fail(err, DEVID_E_DATA, "the identity's file is damaged");
    *out = (struct devid_slice){sized.data + 2, sized.len - 2};
    return DEVID_OK;
}

devid_rc tool_export_spire(const struct devid_identity *identity, const char *folder, struct devid_error *err)
{
    struct devid_slice private, public;
    struct devid_bytes pem = {0};
    devid_rc rc;

    if (identity->key_place != DEVID_PLACE_BLOB || !tool_is_for_spire(&identity->pub, identity->parent))
        return devid_fail(err, DEVID_E_KEY, "%s has a key that SPIRE cannot load: make one with \"purpose = spire\" in devid.conf",
                          identity->label);
    if (identity->n_chain == 0)
        return devid_fail(err, DEVID_E_ABSENT, "%s has no certificate yet: run \"devid provision\"", identity->label);
    rc = contents_of(identity->blob, &private, err);
    if (rc == DEVID_OK)
        rc = contents_of(devid_slice_of(identity->pub.area), &public, err);
    if (rc == DEVID_OK)
        rc = tool_chain_pem(identity->chain, identity->n_chain, &pem, err);
    if (rc == DEVID_OK)
        rc = write_one(folder, "devid.priv.blob", private, err);
    if (rc == DEVID_OK)
        rc = write_one(folder, "devid.pub.blob", public, err);
    if (rc == DEVID_OK)
        rc = write_one(folder, "devid.crt.pem", devid_slice_of(pem), err);
    devid_bytes_free(&pem);
    return rc;
}
