/* SPDX-License-Identifier: BSD-2-Clause */
/* devid export: an identity as other systems take it. */
#include <getopt.h>

#include "tool.h"

/* What the options gave. */
struct request {
    bool is_spire;
    const char *out, *name;
};

static devid_rc take_options(int argc, char **argv, struct request *request, struct devid_error *err)
{
    static const struct option options[] = {
        {"spire", no_argument, NULL, 's'}, {"out", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            request->is_spire = true;
        else if (c == 'o')
            request->out = optarg;
        else
            return devid_fail(err, TOOL_USAGE, "export: unknown option, or one without its value");
    }
    if (!request->is_spire)
        return devid_fail(err, TOOL_USAGE, "export: what for is expected: --spire");
    if (argc - optind != 1)
        return devid_fail(err, TOOL_USAGE, "export: one name is expected; \"devid list\" tells them");
    request->name = argv[optind];
    return DEVID_OK;
}

devid_rc command_export(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct request request = {0};
    devid_rc rc = take_options(argc, argv, &request, err);

    if (rc == DEVID_OK)
        rc = tool_find(tool, request.name, &snap, &identity, err);
    if (rc == DEVID_OK)
        rc = tool_export_spire(identity, request.out != NULL ? request.out : ".", err);
    devid_snapshot_free(snap);
    return rc;
}
