/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/parent.h"

#include <inttypes.h>

#include "core/chip.h"
#include "core/object.h"
#include "core/srk.h"
#include "core/template.h"

static const struct hierarchy {
    uint32_t number;
    ESYS_TR tr;
} hierarchies[] = {
    {0, ESYS_TR_RH_OWNER},
    {TPM2_RH_OWNER, ESYS_TR_RH_OWNER},
    {TPM2_RH_ENDORSEMENT, ESYS_TR_RH_ENDORSEMENT},
    {TPM2_RH_PLATFORM, ESYS_TR_RH_PLATFORM},
    {TPM2_RH_NULL, ESYS_TR_RH_NULL},
};

static const struct hierarchy *hierarchy_of(uint32_t parent)
{
    for (size_t i = 0; i < sizeof hierarchies / sizeof hierarchies[0]; i++)
        if (hierarchies[i].number == parent)
            return &hierarchies[i];
    return NULL;
}

bool devid_parent_is_hierarchy(uint32_t parent)
{
    return hierarchy_of(parent) != NULL;
}

devid_rc devid_parent_open(struct devid_store *store, ESYS_CONTEXT *esys, uint32_t parent, bool is_rsa,
                           struct devid_parent *out, struct devid_error *err)
{
    const struct hierarchy *hierarchy = hierarchy_of(parent);
    TPM2B_PUBLIC template;
    devid_rc rc;

    *out = (struct devid_parent){.tr = ESYS_TR_NONE};
    if (hierarchy != NULL) {
        devid_template_parent(is_rsa ? DEVID_RSA : DEVID_EC, &template);
        rc = devid_chip_primary(devid_store_tpm(store), esys, hierarchy->tr, &template, &out->tr, NULL, err);
        out->is_transient = rc == DEVID_OK;
    } else if (parent >> 24 == TPM2_HT_PERSISTENT) {
        rc = devid_object_of_handle(store, esys, parent, (struct devid_slice){0}, &out->tr, err);
    } else {
        rc = devid_fail(err, DEVID_E_KEY,
                        "the key's parent 0x%08" PRIx32 " is neither a persistent handle nor a hierarchy: make the key anew "
                        "under one of them",
                        parent);
    }
    out->is_open = rc == DEVID_OK;
    return rc;
}

devid_rc devid_parent_salting(struct devid_store *store, ESYS_CONTEXT *esys, struct devid_parent *out, struct devid_error *err)
{
    devid_rc rc = devid_parent_open(store, esys, DEVID_SRK, false, out, err);

    return rc == DEVID_E_ABSENT ? devid_parent_open(store, esys, TPM2_RH_NULL, false, out, err) : rc;
}

/* No command changes a primary's password: it is made again without one, and is the same key then. */
devid_rc devid_parent_refused(uint32_t tss, uint32_t parent, struct devid_error *err)
{
    devid_rc rc;

    if (!devid_tss_says(tss, TPM2_RC_BAD_AUTH) && !devid_tss_says(tss, TPM2_RC_AUTH_FAIL))
        return DEVID_OK;
    rc = devid_fail(err, DEVID_E_KEY, "the storage key 0x%08" PRIx32 " has a password, and devid needs it without: evict it "
                    "(\"tpm2_evictcontrol -C o -c 0x%08" PRIx32 "\") and make it again without%s", parent, parent,
                    parent == DEVID_SRK ? "; \"devid recover\" makes it as the TCG's template says" : "");
    return devid_error_about(err, rc, tss, parent);
}

void devid_parent_close(ESYS_CONTEXT *esys, struct devid_parent *parent)
{
    if (parent->is_open && parent->is_transient)
        devid_chip_flush(esys, &parent->tr);
    else if (parent->is_open)
        devid_chip_close(esys, &parent->tr);
    parent->is_open = false;
}
