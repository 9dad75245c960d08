/* SPDX-License-Identifier: BSD-2-Clause */
/* devid est: one exchange by hand. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

typedef devid_rc asking(struct tool *tool, const struct devid_conf_identity *want, struct devid_bytes *text,
                        struct devid_error *err);

static devid_rc print(struct tool *tool, const struct devid_conf_identity *want, asking *ask, struct devid_error *err)
{
    struct devid_bytes pem = {0};
    devid_rc rc = ask(tool, want, &pem, err);

    if (rc == DEVID_OK)
        rc = tool_deliver(NULL, devid_slice_of(pem), err);
    devid_bytes_free(&pem);
    return rc;
}

static devid_rc enroll_by_hand(struct tool *tool, const struct devid_conf_identity *want, bool is_renewal,
                               struct devid_error *err)
{
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_bytes pem = {0};
    devid_rc rc = tool_enroll(tool, want, is_renewal, err);

    if (rc == DEVID_OK)
        rc = tool_find(tool, want->name, &snap, &identity, err);
    if (rc != DEVID_OK)
        return rc;
    rc = tool_chain_pem(identity->chain, identity->n_chain, &pem, err);
    if (rc == DEVID_OK)
        rc = tool_deliver(NULL, devid_slice_of(pem), err);
    devid_bytes_free(&pem);
    devid_snapshot_free(snap);
    return rc;
}

/* Messages of RFC 7030 that are not for keys of a TPM. */
static const struct {
    const char *message, *why;
} refused[] = {
    {"serverkeygen", "the server would make the private key and send it, and a key that was ever outside of a TPM proves no "
                     "device; \"devid est enroll\" certifies the key that this TPM has made"},
    {"fullcmc", "\"devid est enroll\" and \"reenroll\" do all that a device needs"},
};

static devid_rc refuse(const char *message, struct devid_error *err)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (strcmp(message, refused[i].message) == 0)
            return devid_fail(err, DEVID_E_DENIED, "%s is not done: %s", message, refused[i].why);
    return devid_fail(err, TOOL_USAGE, "est: \"%s\" is no message: cacerts, csrattrs, enroll or reenroll", message);
}

devid_rc command_est(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option none[] = {{NULL, 0, NULL, 0}};
    const struct devid_conf_identity *want;

    if (getopt_long(argc, argv, "", none, NULL) != -1)
        return tool_bad_option(argv, err);
    if (argc - optind != 2)
        return devid_fail(err, TOOL_USAGE, "est: a message and a name are expected");
    want = devid_conf_find(devid_store_conf(tool->store), argv[optind + 1]);
    if (want == NULL)
        return devid_fail(err, DEVID_E_ABSENT, "there is no section [identity %s] in %s", argv[optind + 1],
                          devid_store_conf(tool->store)->path);
    if (strcmp(argv[optind], "cacerts") == 0)
        return print(tool, want, tool_cacerts, err);
    if (strcmp(argv[optind], "csrattrs") == 0)
        return print(tool, want, tool_csrattrs, err);
    if (strcmp(argv[optind], "enroll") == 0)
        return enroll_by_hand(tool, want, false, err);
    if (strcmp(argv[optind], "reenroll") == 0)
        return enroll_by_hand(tool, want, true, err);
    return refuse(argv[optind], err);
}
