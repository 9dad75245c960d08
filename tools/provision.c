/* SPDX-License-Identifier: BSD-2-Clause */
/* devid provision: make this device match devid.conf. */
#include <getopt.h>

#include "tool.h"

devid_rc command_provision(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {
        {"batch", no_argument, NULL, 'b'}, {"dry-run", no_argument, NULL, 'n'}, {"no-wait", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    struct tool_wish wish = {0};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'b')
            wish.is_batch = true;
        else if (c == 'n')
            wish.dry_run = true;
        else if (c == 'w')
            tool->no_wait = true;
        else
            return tool_bad_option(argv, err);
    }
    wish.names = argv + optind;
    wish.n_names = argc - optind;
    return tool_run(tool, &wish, err);
}
