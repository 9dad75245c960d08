/* SPDX-License-Identifier: BSD-2-Clause */
/* devid export: an identity as other systems take it. */
#include <getopt.h>

#include "tool.h"

/* What the options gave. */
struct request {
    bool is_spire, is_tcg_csr;
    const char *out, *model, *nonce, *name;
};

static devid_rc take_options(int argc, char **argv, struct request *request, struct devid_error *err)
{
    static const struct option options[] = {
        {"spire", no_argument, NULL, 's'},       {"tcg-csr", no_argument, NULL, 't'},     {"out", required_argument, NULL, 'o'},
        {"model", required_argument, NULL, 'm'}, {"nonce", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 's': request->is_spire = true; break;
        case 't': request->is_tcg_csr = true; break;
        case 'o': request->out = optarg; break;
        case 'm': request->model = optarg; break;
        case 'n': request->nonce = optarg; break;
        default:  return tool_bad_option(argv, err);
        }
    }
    if (request->is_spire == request->is_tcg_csr)
        return devid_fail(err, TOOL_USAGE, "export: what for is expected: --spire or --tcg-csr");
    if (request->is_spire && (request->model != NULL || request->nonce != NULL))
        return devid_fail(err, TOOL_USAGE, "export: --model and --nonce are for --tcg-csr");
    if (argc - optind != 1)
        return devid_fail(err, TOOL_USAGE, "export: one name is expected; \"devid list\" tells them");
    request->name = argv[optind];
    return DEVID_OK;
}

static devid_rc export_spire(struct tool *tool, const struct request *request, struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = tool_find(tool, request->name, &snap, &identity, err);

    if (rc == DEVID_OK)
        rc = tool_export_spire(identity, request->out != NULL ? request->out : ".", err);
    devid_snapshot_free(snap);
    return rc;
}

static devid_rc export_tcg_csr(struct tool *tool, const struct request *request, struct devid_error *err)
{
    struct devid_bytes nonce = {0}, csr = {0};
    devid_rc rc = tool_nonce(request->nonce, &nonce, err);

    if (rc == DEVID_OK)
        rc = tool_export_tcg_csr(tool, request->name, request->model != NULL ? request->model : "", devid_slice_of(nonce), &csr, err);
    if (rc == DEVID_OK)
        rc = tool_deliver(request->out, devid_slice_of(csr), err);
    devid_bytes_free(&nonce);
    devid_bytes_free(&csr);
    return rc;
}

devid_rc command_export(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    struct request request = {0};
    devid_rc rc = take_options(argc, argv, &request, err);

    if (rc != DEVID_OK)
        return rc;
    return request.is_spire ? export_spire(tool, &request, err) : export_tcg_csr(tool, &request, err);
}
