/* SPDX-License-Identifier: BSD-2-Clause */
/* devid disable, devid enable: IEEE 802.1AR, 7.2. What is disabled is shown to no client, and does not sign. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

struct wish {
    bool disable, key, certificate;
    const char *name;
};

static unsigned flags_of(unsigned flags, bool is_meant, bool disable)
{
    if (!is_meant)
        return flags;
    return disable ? flags | DEVID_FLAG_DISABLED : flags & ~(unsigned)DEVID_FLAG_DISABLED;
}

/* The manufacturer's own are read-only to clients, and may be switched off all the same: for privacy. */
static devid_rc change(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    const struct wish *wish = with;
    struct devid_identity next = *now;

    if (!wish->key && now->n_chain == 0)
        return devid_fail(err, DEVID_E_ABSENT, "%s has no certificate", wish->name);
    next.private_flags = flags_of(now->private_flags, wish->key, wish->disable);
    next.cert_flags = flags_of(now->cert_flags, wish->certificate, wish->disable);
    if (next.private_flags == now->private_flags && next.cert_flags == now->cert_flags) {
        (void)printf("%s is %s already\n", now->label, wish->disable ? "disabled" : "enabled");
        return DEVID_OK;
    }
    return devid_store_change(tool->store, now, &next, err);
}

static devid_rc run(struct tool *tool, bool disable, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {
        {"key", no_argument, NULL, 'k'}, {"certificate", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    struct wish wish = {.disable = disable};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'k')
            wish.key = true;
        else if (c == 'c')
            wish.certificate = true;
        else
            return tool_bad_option(argv, err);
    }
    if (argc - optind != 1)
        return devid_fail(err, TOOL_USAGE, "%s: one name is expected; \"devid list\" tells them", argv[0]);
    wish.name = argv[optind];
    if (!wish.key && !wish.certificate)
        wish.key = wish.certificate = true;
    return tool_change(tool, &(struct devid_query){.label = wish.name}, change, &wish, err);
}

devid_rc command_disable(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    return run(tool, true, argc, argv, err);
}

devid_rc command_enable(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    return run(tool, false, argc, argv, err);
}
