/* SPDX-License-Identifier: BSD-2-Clause */
/* devid attest, devid verify: evidence that a key lives in this TPM, and its check where there is none. */
#include <getopt.h>
#include <stdio.h>

#include "core/attest.h"
#include "core/evidence.h"
#include "core/files.h"
#include "core/make.h"
#include "core/tcg_csr.h"
#include "tool.h"

#define NONCE_MAX 64

devid_rc tool_nonce(const char *hex, struct devid_bytes *out, struct devid_error *err)
{
    devid_rc rc = hex == NULL ? DEVID_OK : devid_hex_decode(hex, out, err);

    if (rc == DEVID_E_DATA || (rc == DEVID_OK && hex != NULL && (out->len == 0 || out->len > NONCE_MAX)))
        rc = devid_fail(err, TOOL_USAGE, "--nonce: 1 to %d bytes in hexadecimal are expected", NONCE_MAX);
    return rc;
}

/* The attestation key of this device; NULL: it has none, and the TCG's is made for the purpose. */
static const struct devid_identity *iak_of(const struct devid_snapshot *snap)
{
    const struct devid_identity *identity = NULL, *found = NULL;

    while ((identity = devid_snapshot_next(snap, identity)) != NULL)
        if (identity->role == DEVID_ROLE_IAK && (found == NULL || (found->n_chain == 0 && identity->n_chain != 0)))
            found = identity;
    return found;
}

static devid_rc add_chain(struct devid_evidence_chain *to, const struct devid_identity *identity, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (size_t i = 0; rc == DEVID_OK && i < identity->n_chain; i++)
        rc = devid_evidence_add(to, identity->chain[i].der, err);
    return rc;
}

/* The EK and its certificates, if there is one. */
static devid_rc add_ek(struct tool *tool, struct devid_evidence *e, struct devid_error *err)
{
    const struct devid_identity *ek;
    struct devid_snapshot *snap = NULL;
    struct devid_bytes certs = {0};
    struct devid_made seen = {0};
    struct devid_slice left;
    size_t len;
    devid_rc rc = tool_ek(tool, &snap, &ek, err);

    if (rc == DEVID_E_ABSENT)
        return DEVID_OK;
    if (rc != DEVID_OK)
        return rc;
    rc = devid_make_look(tool->store, ek->handle, &seen, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(devid_slice_of(seen.pub.area), &e->ek_area, err);
    if (rc == DEVID_OK)
        rc = tool_ek_certs(tool, ek, &certs, err);
    left = devid_slice_of(certs);
    while (rc == DEVID_OK && (len = devid_der_len(left)) != 0) {
        rc = devid_evidence_add(&e->ek, (struct devid_slice){left.data, len}, err);
        left = (struct devid_slice){left.data + len, left.len - len};
    }
    devid_made_free(&seen);
    devid_bytes_free(&certs);
    devid_snapshot_free(snap);
    return rc;
}

devid_rc tool_evidence(struct tool *tool, const char *name, struct devid_slice nonce, struct devid_evidence *e, struct devid_error *err)
{
    const struct devid_identity *key, *iak;
    struct devid_snapshot *snap = NULL, *all = NULL;
    struct devid_attested attested = {0};
    devid_rc rc = tool_find(tool, name, &snap, &key, err);

    if (rc != DEVID_OK)
        return rc; /* which names it already */
    rc = devid_store_snapshot(tool->store, &all, err);
    if (rc != DEVID_OK)
        goto out;
    iak = iak_of(all);
    rc = devid_attest_certify(tool->store, key, iak, nonce, &attested, err);
    if (rc != DEVID_OK)
        goto out;
    *e = (struct devid_evidence){.attest = attested.attest, .signature = attested.signature, .key_area = attested.key_area,
                                 .iak_area = attested.iak_area};
    rc = add_chain(&e->key, key, err);
    if (rc == DEVID_OK && iak != NULL)
        rc = add_chain(&e->iak, iak, err);
    if (rc == DEVID_OK)
        rc = add_ek(tool, e, err);
out:
    devid_snapshot_free(all);
    devid_snapshot_free(snap);
    return rc == DEVID_OK ? rc : devid_error_in(err, rc, name);
}

devid_rc command_attest(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {
        {"nonce", required_argument, NULL, 'n'}, {"out", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
    const char *hex = NULL, *path = NULL;
    struct devid_bytes nonce = {0}, pem = {0};
    struct devid_evidence e = {0};
    devid_rc rc;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'n')
            hex = optarg;
        else if (c == 'o')
            path = optarg;
        else
            return tool_bad_option(argv, err);
    }
    if (optind + 1 != argc)
        return devid_fail(err, TOOL_USAGE, "attest: the name of one identity is expected");
    rc = tool_nonce(hex, &nonce, err);
    if (rc == DEVID_OK)
        rc = tool_evidence(tool, argv[optind], devid_slice_of(nonce), &e, err);
    if (tool_commands(tool) != 0) /* an IAK, or an IDevID, is counted: power that is cut later would be a wrong password */
        devid_make_settled(tool->store);
    if (rc == DEVID_OK)
        rc = devid_evidence_write(&e, &pem, err);
    if (rc == DEVID_OK)
        rc = tool_deliver(path, devid_slice_of(pem), err);
    devid_evidence_free(&e);
    devid_bytes_free(&nonce);
    devid_bytes_free(&pem);
    return rc;
}

static void tell(const struct devid_evidence_verdict *verdict)
{
    for (size_t i = 0; i < verdict->n; i++)
        (void)printf("%s: %s\n", verdict->findings[i].was_checked ? "checked" : "not checked", verdict->findings[i].text);
}

/* What the options gave. */
struct given {
    const char *nonce, *ek_roots, *roots;
    bool is_tcg_csr;
};

/* The file is evidence, or the TCG's request. \return DEVID_OK if what was checked is good; verdict tells it in any case */
static devid_rc judge(struct devid_slice file, const struct given *given, const struct devid_evidence_wish *wish,
                      struct devid_evidence_verdict *verdict, struct devid_error *err)
{
    struct devid_tcg_csr csr;
    struct devid_evidence e = {0};
    devid_rc rc;

    if (given->is_tcg_csr) {
        rc = devid_tcg_csr_read(file, &csr, err);
        return rc == DEVID_OK ? devid_tcg_csr_verify(&csr, wish, verdict, err) : rc;
    }
    rc = devid_evidence_read(file, &e, err);
    if (rc == DEVID_OK)
        rc = devid_evidence_verify(&e, wish, verdict, err);
    devid_evidence_free(&e);
    return rc;
}

static devid_rc verify(const char *path, const struct given *given, struct devid_error *err)
{
    struct devid_bytes file = {0}, nonce = {0}, ek_roots = {0}, roots = {0};
    struct devid_evidence_verdict verdict = {0};
    struct devid_evidence_wish wish;
    devid_rc rc = tool_nonce(given->nonce, &nonce, err);

    if (rc == DEVID_OK && given->ek_roots != NULL)
        rc = devid_file_read(given->ek_roots, 1U << 20, &ek_roots, err);
    if (rc == DEVID_OK && given->roots != NULL)
        rc = devid_file_read(given->roots, 1U << 20, &roots, err);
    if (rc == DEVID_OK)
        rc = devid_file_read(path, given->is_tcg_csr ? DEVID_TCG_CSR_MAX : DEVID_EVIDENCE_MAX, &file, err);
    if (rc == DEVID_OK) {
        wish = (struct devid_evidence_wish){devid_slice_of(nonce), devid_slice_of(ek_roots), devid_slice_of(roots)};
        rc = judge(devid_slice_of(file), given, &wish, &verdict, err);
        tell(&verdict);
        if (rc != DEVID_OK)
            rc = devid_error_in(err, rc, path);
        else
            (void)printf("good: the key lives in a TPM, as far as it was checked\n");
    }
    devid_bytes_free(&file);
    devid_bytes_free(&nonce);
    devid_bytes_free(&ek_roots);
    devid_bytes_free(&roots);
    return rc;
}

devid_rc command_verify(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"nonce", required_argument, NULL, 'n'},
                                            {"ek-roots", required_argument, NULL, 'e'},
                                            {"roots", required_argument, NULL, 'r'},
                                            {"tcg-csr", no_argument, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    struct given given = {0};
    int c;

    (void)tool;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'n')
            given.nonce = optarg;
        else if (c == 'e')
            given.ek_roots = optarg;
        else if (c == 'r')
            given.roots = optarg;
        else if (c == 't')
            given.is_tcg_csr = true;
        else
            return tool_bad_option(argv, err);
    }
    if (optind + 1 != argc)
        return devid_fail(err, TOOL_USAGE, "verify: one file is expected");
    return verify(argv[optind], &given, err);
}
