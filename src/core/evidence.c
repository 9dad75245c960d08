/* SPDX-License-Identifier: BSD-2-Clause */
/* The file. */
#include "core/evidence.h"

#include <stddef.h>

#include "core/ref.h"

static const struct part {
    const char *label;
    size_t member;
    bool is_needed;
} parts[] = {
    {"TPM ATTEST", offsetof(struct devid_evidence, attest), true},
    {"TPM SIGNATURE", offsetof(struct devid_evidence, signature), true},
    {"TPM KEY PUBLIC", offsetof(struct devid_evidence, key_area), true},
    {"TPM IAK PUBLIC", offsetof(struct devid_evidence, iak_area), true},
    {"TPM EK PUBLIC", offsetof(struct devid_evidence, ek_area), false},
};
static const struct chain_part {
    const char *label;
    size_t member;
} chains[] = {
    {"TPM EK CERTIFICATE", offsetof(struct devid_evidence, ek)},
    {"TPM IAK CERTIFICATE", offsetof(struct devid_evidence, iak)},
    {"CERTIFICATE", offsetof(struct devid_evidence, key)},
};

#define N_PARTS (sizeof parts / sizeof parts[0])
#define N_CHAINS (sizeof chains / sizeof chains[0])

static struct devid_bytes *part_of(const struct devid_evidence *e, size_t i)
{
    return (struct devid_bytes *)(void *)((char *)(uintptr_t)e + parts[i].member);
}

static struct devid_evidence_chain *chain_of(const struct devid_evidence *e, size_t i)
{
    return (struct devid_evidence_chain *)(void *)((char *)(uintptr_t)e + chains[i].member);
}

void devid_evidence_free(struct devid_evidence *e)
{
    for (size_t i = 0; i < N_PARTS; i++)
        devid_bytes_free(part_of(e, i));
    for (size_t i = 0; i < N_CHAINS; i++)
        for (size_t k = 0; k < DEVID_CHAIN_MAX; k++)
            devid_bytes_free(&chain_of(e, i)->der[k]);
    *e = (struct devid_evidence){0};
}

devid_rc devid_evidence_add(struct devid_evidence_chain *chain, struct devid_slice der, struct devid_error *err)
{
    devid_rc rc;

    if (chain->n == DEVID_CHAIN_MAX)
        return devid_fail(err, DEVID_E_DATA, "a chain of more than %d certificates", DEVID_CHAIN_MAX);
    rc = devid_bytes_copy(der, &chain->der[chain->n], err);
    chain->n += rc == DEVID_OK;
    return rc;
}

devid_rc devid_evidence_write(const struct devid_evidence *e, struct devid_bytes *pem, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < N_PARTS; i++)
        if (part_of(e, i)->len != 0)
            rc = devid_pem_append(pem, parts[i].label, devid_slice_of(*part_of(e, i)), err);
    for (size_t i = 0; rc == DEVID_OK && i < N_CHAINS; i++)
        for (size_t k = 0; rc == DEVID_OK && k < chain_of(e, i)->n; k++)
            rc = devid_pem_append(pem, chains[i].label, devid_slice_of(chain_of(e, i)->der[k]), err);
    return rc;
}

static devid_rc read_part(struct devid_slice pem, const struct part *part, struct devid_bytes *out, struct devid_error *err)
{
    struct devid_bytes second = {0};
    devid_rc rc = devid_pem_find(pem, part->label, 0, out, err);

    if (rc == DEVID_E_ABSENT)
        return part->is_needed ? devid_fail(err, DEVID_E_DATA, "it is no evidence of devid: there is no %s in it", part->label)
                               : DEVID_OK;
    if (rc != DEVID_OK)
        return rc;
    if (devid_pem_find(pem, part->label, 1, &second, NULL) != DEVID_E_ABSENT)
        rc = devid_fail(err, DEVID_E_DATA, "there is more than one %s in it", part->label);
    devid_bytes_free(&second);
    return rc;
}

static devid_rc read_chain(struct devid_slice pem, const char *label, struct devid_evidence_chain *out, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    while (rc == DEVID_OK) {
        struct devid_bytes der = {0};

        rc = devid_pem_find(pem, label, (unsigned)out->n, &der, err);
        if (rc == DEVID_OK)
            rc = devid_evidence_add(out, devid_slice_of(der), err);
        devid_bytes_free(&der);
    }
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}

devid_rc devid_evidence_read(struct devid_slice pem, struct devid_evidence *out, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    *out = (struct devid_evidence){0};
    if (pem.len > DEVID_EVIDENCE_MAX)
        return devid_fail(err, DEVID_E_DATA, "it is longer than %u bytes", DEVID_EVIDENCE_MAX);
    for (size_t i = 0; rc == DEVID_OK && i < N_PARTS; i++)
        rc = read_part(pem, &parts[i], part_of(out, i), err);
    for (size_t i = 0; rc == DEVID_OK && i < N_CHAINS; i++)
        rc = read_chain(pem, chains[i].label, chain_of(out, i), err);
    if (rc != DEVID_OK)
        devid_evidence_free(out);
    return rc;
}
