/* SPDX-License-Identifier: BSD-2-Clause */
/* devid ref, devid csr: files for other programs. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/files.h"
#include "core/ref.h"
#include "est/est.h"
#include "tool.h"

/* NAME [--out FILE], and --chain where it is offered. */
struct request {
    const char *name, *out;
    bool with_chain;
};

static devid_rc take_options(int argc, char **argv, const struct option *options, struct request *request,
                             struct devid_error *err)
{
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'o')
            request->out = optarg;
        else if (c == 'c')
            request->with_chain = true;
        else
            return tool_bad_option(argv, err);
    }
    if (argc - optind != 1)
        return devid_fail(err, TOOL_USAGE, "%s: one name is expected; \"devid list\" tells them", argv[0]);
    request->name = argv[optind];
    return DEVID_OK;
}

devid_rc tool_deliver(const char *out, struct devid_slice content, struct devid_error *err)
{
    if (out != NULL)
        return devid_files_replace_path(out, content, 0644, err);
    if (fwrite(content.data, 1, content.len, stdout) != content.len)
        return devid_fail(err, DEVID_E_FILE, "cannot write to standard output: %s", strerror(errno));
    return DEVID_OK;
}

devid_rc command_ref(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'}, {"chain", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_bytes pem = {0};
    struct request request = {0};
    devid_rc rc = take_options(argc, argv, options, &request, err);

    if (rc == DEVID_OK)
        rc = tool_find(tool, request.name, &snap, &identity, err);
    if (rc != DEVID_OK)
        return rc;
    if (request.with_chain && identity->n_chain == 0)
        rc = devid_fail(err, DEVID_E_ABSENT, "%s has no certificate yet: run \"devid provision\"", request.name);
    if (rc == DEVID_OK)
        rc = tool_reference_pem(identity, request.with_chain, &pem, err);
    if (rc == DEVID_OK)
        rc = tool_deliver(request.out, devid_slice_of(pem), err);
    devid_bytes_free(&pem);
    devid_snapshot_free(snap);
    return rc;
}

devid_rc command_csr(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"out", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
    const struct devid_conf_identity *want;
    struct devid_bytes der = {0}, pem = {0};
    struct request request = {0};
    devid_rc rc = take_options(argc, argv, options, &request, err);

    if (rc != DEVID_OK)
        return rc;
    want = devid_conf_find(devid_store_conf(tool->store), request.name);
    if (want == NULL)
        return devid_fail(err, DEVID_E_ABSENT, "there is no section [identity %s] in %s", request.name,
                          devid_store_conf(tool->store)->path);
    rc = tool_csr(tool, want, &der, err);
    if (rc == DEVID_OK)
        rc = devid_pem_append(&pem, "CERTIFICATE REQUEST", devid_slice_of(der), err);
    if (rc == DEVID_OK)
        rc = tool_deliver(request.out, devid_slice_of(pem), err);
    devid_bytes_free(&der);
    devid_bytes_free(&pem);
    return rc;
}
