/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions before what cannot be undone. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define LINE_MAX_LEN 256

/* Standard input's next line without its end; false at the end of it. */
static bool read_line(char line[LINE_MAX_LEN])
{
    size_t len;

    if (fgets(line, LINE_MAX_LEN, stdin) == NULL)
        return false;
    len = strlen(line);
    if (len != 0 && line[len - 1] == '\n')
        line[len - 1] = 0;
    return true;
}

devid_rc tool_agree(bool is_agreed, const char *expected, const char *option, struct devid_error *err)
{
    char line[LINE_MAX_LEN];

    if (is_agreed)
        return DEVID_OK;
    if (isatty(STDIN_FILENO) == 0)
        return devid_fail(err, DEVID_E_DENIED, "nothing was done: there is no terminal to ask at; %s says yes to it", option);
    if (expected != NULL)
        (void)printf("Type \"%s\" to go on: ", expected);
    else
        (void)printf("Go on? [y/N] ");
    (void)fflush(stdout);
    if (!read_line(line) ||
        (expected != NULL ? strcmp(line, expected) != 0 : strcmp(line, "y") != 0 && strcmp(line, "yes") != 0))
        return devid_fail(err, DEVID_E_DENIED, "nothing was done");
    return DEVID_OK;
}
