/* SPDX-License-Identifier: BSD-2-Clause */
/* The PEM files that clients and servers are given. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/keyfile.h"
#include "core/ref.h"
#include "core/uri.h"
#include "tool.h"

#define FILE_MAX (1U << 20)

devid_rc tool_chain_pem(const struct devid_cert *chain, size_t n, struct devid_bytes *out, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < n; i++)
        rc = devid_pem_append(out, "CERTIFICATE", chain[i].der, err);
    return rc;
}

devid_rc tool_pem_remove(const char *path, struct devid_error *err)
{
    struct devid_bytes file = {0}, der = {0};
    devid_rc rc = devid_file_read(path, FILE_MAX, &file, err);

    if (rc == DEVID_E_ABSENT)
        return DEVID_OK;
    if (rc == DEVID_OK && devid_pem_find(devid_slice_of(file), DEVID_REF_LABEL, 0, &der, NULL) != DEVID_OK)
        rc = devid_fail(err, DEVID_E_EXISTS, "%s has no key reference in it: it is not devid's file, and is left alone", path);
    if (rc == DEVID_OK && unlink(path) != 0 && errno != ENOENT)
        rc = devid_fail(err, DEVID_E_FILE, "%s cannot be removed: %s", path, strerror(errno));
    devid_bytes_free(&file);
    devid_bytes_free(&der);
    return rc;
}

devid_rc tool_chain_parse(struct devid_slice pem, struct devid_bytes der[DEVID_CHAIN_MAX],
                          struct devid_cert chain[DEVID_CHAIN_MAX], size_t *n, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (*n = 0; *n < DEVID_CHAIN_MAX; (*n)++) {
        rc = devid_pem_find(pem, "CERTIFICATE", (unsigned)*n, &der[*n], err);
        if (rc == DEVID_E_ABSENT && *n != 0)
            return DEVID_OK;
        if (rc == DEVID_OK)
            rc = devid_cert_parse(devid_slice_of(der[*n]), &chain[*n], err);
        if (rc != DEVID_OK)
            return rc;
    }
    return rc;
}

devid_rc tool_reference_pem(const struct devid_identity *identity, bool with_chain, struct devid_bytes *out,
                            struct devid_error *err)
{
    struct devid_slice certified = identity->n_chain == 0 ? (struct devid_slice){0} : identity->chain[0].spki;
    struct devid_ref ref = {0};
    struct devid_bytes der = {0};
    devid_rc rc;

    rc = devid_uri_of(identity, &ref.uri, err);
    if (rc == DEVID_OK)
        rc = devid_public_as_certified(&identity->pub, certified, &ref.spki, err);
    if (rc == DEVID_OK)
        rc = devid_ref_write_der(&ref, &der, err);
    if (rc == DEVID_OK)
        rc = devid_pem_append(out, DEVID_REF_LABEL, devid_slice_of(der), err);
    if (rc == DEVID_OK && with_chain)
        rc = tool_chain_pem(identity->chain, identity->n_chain, out, err);
    devid_bytes_free(&der);
    devid_ref_free(&ref);
    return rc;
}
