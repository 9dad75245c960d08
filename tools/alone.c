/* SPDX-License-Identifier: BSD-2-Clause */
/* Who changes the device is alone with it, and finds no rubbish. */
#include "core/files.h"
#include "core/lock.h"
#include "core/make.h"
#include "tool.h"

/* In the TPM, and in folders that may not be written for long: a folder that is written is swept then. */
static devid_rc sweep(struct tool *tool, struct devid_error *err)
{
    static const char *const folders[] = {".cache", ".counters", ".pending", ".renew", ".trust"};
    const struct devid_conf *conf = devid_store_conf(tool->store);
    size_t n = sizeof folders / sizeof folders[0];
    struct devid_bytes folder = {0};
    devid_rc rc = devid_make_sweep(tool->store, err);

    for (size_t i = 0; rc == DEVID_OK && i < n + conf->n_identities; i++) {
        rc = i < n ? devid_store_folder(tool->store, folders[i], &folder, err)
                   : devid_store_token_folder(tool->store, conf->identities[i - n].token, &folder, err);
        if (rc == DEVID_OK)
            devid_files_sweep((const char *)folder.data);
        devid_bytes_free(&folder);
    }
    return rc;
}

devid_rc tool_alone(struct tool *tool, int *fd, struct devid_error *err)
{
    struct devid_bytes folder = {0};
    devid_rc rc = devid_store_folder(tool->store, ".provision", &folder, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_files_make_folder((const char *)folder.data, err);
    if (rc == DEVID_OK)
        rc = devid_flock_enter((char *)folder.data, fd, err);
    devid_bytes_free(&folder);
    return rc == DEVID_OK ? sweep(tool, err) : rc;
}
