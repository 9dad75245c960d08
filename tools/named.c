/* SPDX-License-Identifier: BSD-2-Clause */
/* An identity by its name, and a change of it that loses nothing of what other processes change. */
#include <string.h>

#include "tool.h"

#define TRIES 9 /* others change a label or a flag now and then, not all the time */

devid_rc tool_find(struct tool *tool, const char *name, struct devid_snapshot **snap,
                   const struct devid_identity **identity, struct devid_error *err)
{
    const struct devid_conf_identity *want = devid_conf_find(devid_store_conf(tool->store), name);
    const struct devid_query query = {.label = name};
    devid_rc rc = want != NULL ? tool_find_own(tool, want, snap, identity, err) : DEVID_E_ABSENT;

    if (rc == DEVID_E_ABSENT)
        rc = devid_store_find(tool->store, &query, snap, identity, err);
    if (rc == DEVID_E_ABSENT && want == NULL) /* no run of provision would make it */
        rc = devid_fail(err, rc, "%s is not on this device, and no section of %s: \"devid list\" tells the names", name,
                        devid_store_conf(tool->store)->path);
    return rc;
}

devid_rc tool_find_own(struct tool *tool, const struct devid_conf_identity *want, struct devid_snapshot **snap,
                       const struct devid_identity **identity, struct devid_error *err)
{
    const struct devid_query query = {.token = want->token, .label = want->name};

    return devid_store_find(tool->store, &query, snap, identity, err);
}

const struct devid_conf_identity *tool_section(struct tool *tool, const struct devid_identity *identity)
{
    const struct devid_conf_identity *section = devid_conf_find(devid_store_conf(tool->store), identity->label);

    return section != NULL && strcmp(section->token, identity->token) == 0 ? section : NULL;
}

devid_rc tool_change(struct tool *tool, const struct devid_query *query, tool_changer *change, void *with, struct devid_error *err)
{
    devid_rc rc = DEVID_E_BUSY;

    for (int i = 0; rc == DEVID_E_BUSY && i < TRIES; i++) {
        const struct devid_identity *now;
        struct devid_snapshot *snap = NULL;

        rc = query->token != NULL ? devid_store_find(tool->store, query, &snap, &now, err)
                                  : tool_find(tool, query->label, &snap, &now, err);
        if (rc == DEVID_OK)
            rc = change(tool, now, with, err);
        devid_snapshot_free(snap);
    }
    return rc;
}
