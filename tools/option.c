/* SPDX-License-Identifier: BSD-2-Clause */
/* An option that was typed and cannot be taken: getopt(3) is silent (main.c), and the sentence is ours, as for every other error. */
#include <getopt.h>
#include <string.h>

#include "tool.h"

devid_rc tool_bad_option(char **argv, struct devid_error *err)
{
    const char *typed = argv[optind - 1];

    if (strncmp(typed, "--", 2) != 0) /* letters stand together, and which is meant is in optopt alone */
        return devid_fail(err, TOOL_USAGE, "%s: there is no option \"-%c\"", argv[0], optopt);
    if (optopt == 0)
        return devid_fail(err, TOOL_USAGE, "%s: there is no option \"%s\"", argv[0], typed);
    if (strchr(typed, '=') != NULL)
        return devid_fail(err, TOOL_USAGE, "%s: \"%s\": this option takes no value", argv[0], typed);
    return devid_fail(err, TOOL_USAGE, "%s: \"%s\" wants a value", argv[0], typed);
}
