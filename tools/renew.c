/* SPDX-License-Identifier: BSD-2-Clause */
/* devid renew: what is due, and what is left of what was renewed. */
#include <getopt.h>

#include "tool.h"

devid_rc command_renew(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'},
                                            {"no-wait", no_argument, NULL, 'w'},
                                            {"force", no_argument, NULL, 'f'},
                                            {NULL, 0, NULL, 0}};
    struct tool_wish wish = {.renews = true};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'n')
            wish.dry_run = true;
        else if (c == 'w')
            tool->no_wait = true;
        else if (c == 'f')
            wish.is_forced = true;
        else
            return tool_bad_option(argv, err);
    }
    wish.names = argv + optind;
    wish.n_names = argc - optind;
    return tool_run(tool, &wish, err);
}
