/* SPDX-License-Identifier: BSD-2-Clause */
/* devid disable, devid enable: IEEE 802.1AR, 7.2. What is disabled is shown to no client, and does not sign. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

#define TRIES 5

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
static devid_rc change(struct tool *tool, const struct wish *wish, const struct devid_identity *old, struct devid_error *err)
{
    struct devid_identity next = *old;

    next.private_flags = flags_of(old->private_flags, wish->key, wish->disable);
    next.cert_flags = flags_of(old->cert_flags, wish->certificate, wish->disable);
    if (next.private_flags == old->private_flags && next.cert_flags == old->cert_flags) {
        (void)printf("%s is %s already\n", old->label, wish->disable ? "disabled" : "enabled");
        return DEVID_OK;
    }
    return old->is_read_only ? devid_store_put(tool->store, &next, err)
                             : devid_store_replace(tool->store, old, &next, err);
}

static devid_rc switch_once(struct tool *tool, const struct wish *wish, struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    devid_rc rc = tool_find(tool, wish->name, &snap, &identity, err);

    if (rc != DEVID_OK)
        return rc;
    if (!wish->key && identity->n_chain == 0)
        rc = devid_fail(err, DEVID_E_ABSENT, "%s has no certificate", wish->name);
    if (rc == DEVID_OK)
        rc = change(tool, wish, identity, err);
    devid_snapshot_free(snap);
    return rc;
}

static devid_rc run(struct tool *tool, bool disable, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {
        {"key", no_argument, NULL, 'k'}, {"certificate", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    struct wish wish = {.disable = disable};
    devid_rc rc = DEVID_E_BUSY;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'k')
            wish.key = true;
        else if (c == 'c')
            wish.certificate = true;
        else
            return devid_fail(err, TOOL_USAGE, "%s: unknown option", argv[0]);
    }
    if (argc - optind != 1)
        return devid_fail(err, TOOL_USAGE, "%s: one name is expected; \"devid list\" tells them", argv[0]);
    wish.name = argv[optind];
    if (!wish.key && !wish.certificate)
        wish.key = wish.certificate = true;
    for (int i = 0; rc == DEVID_E_BUSY && i < TRIES; i++) /* another process changed it meanwhile */
        rc = switch_once(tool, &wish, err);
    return rc;
}

devid_rc command_disable(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    return run(tool, true, argc, argv, err);
}

devid_rc command_enable(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    return run(tool, false, argc, argv, err);
}
