/* SPDX-License-Identifier: BSD-2-Clause */
/* devid certificate, devid delete: LDevID certificates and keys by hand. IEEE 802.1AR, 7.2. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/key.h"
#include "core/lock.h"
#include "core/ref.h"
#include "tool.h"

#define FILE_MAX (1U << 20)

static devid_rc check_owner(const struct devid_identity *identity, struct devid_error *err)
{
    return identity->is_read_only
               ? devid_fail(err, DEVID_E_DENIED, "%s is the manufacturer's: it is neither changed nor deleted", identity->label)
               : DEVID_OK;
}

static bool is_self_issued(const struct devid_cert *cert)
{
    return devid_slice_eq(cert->subject, cert->issuer);
}

/* Leaf first, each by the next one; a root at the end is known to who trusts it, and left out. */
static devid_rc check_chain(const struct devid_identity *identity, const struct devid_cert *chain, size_t *n,
                            struct devid_error *err)
{
    if (!devid_cert_is_for(&chain[0], devid_slice_of(identity->pub.spki)))
        return devid_fail(err, DEVID_E_DATA, "%s: the first certificate is for another key", identity->label);
    for (size_t i = 0; i + 1 < *n; i++)
        if (!devid_slice_eq(chain[i].issuer, chain[i + 1].subject))
            return devid_fail(err, DEVID_E_DATA, "%s: certificate %zu is not by the issuer of certificate %zu; the leaf comes "
                              "first, and each is followed by its issuer", identity->label, i + 2, i + 1);
    if (*n > 1 && is_self_issued(&chain[*n - 1]))
        (*n)--;
    return DEVID_OK;
}

/* A chain for an identity; n 0: its certificates go. */
struct insertion {
    const struct devid_cert *chain;
    size_t n;
    const struct devid_conf_identity *section; /* of the identity that has it now; NULL: none */
};

static devid_rc put_chain(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    struct insertion *insertion = with;
    size_t n = insertion->n;
    struct devid_identity next = *now;
    devid_rc rc = check_owner(now, err);

    if (rc == DEVID_OK && n != 0)
        rc = check_chain(now, insertion->chain, &n, err);
    if (rc != DEVID_OK)
        return rc;
    insertion->section = tool_section(tool, now);
    next.chain = insertion->chain;
    next.n_chain = n;
    next.cert_place = n != 0 ? DEVID_PLACE_FILE : DEVID_PLACE_NONE;
    next.nv_index = 0;
    next.cert_flags &= ~(unsigned)DEVID_FLAG_DISABLED; /* another one than was disabled */
    return devid_store_change(tool->store, now, &next, err);
}

static devid_rc insert(struct tool *tool, const struct devid_query *query, const char *path, struct insertion *insertion,
                       struct devid_error *err)
{
    struct devid_bytes file = {0}, more = {0}, der[DEVID_CHAIN_MAX] = {{0}};
    struct devid_cert chain[DEVID_CHAIN_MAX];
    size_t n = 1;
    devid_rc rc = devid_file_read(path, FILE_MAX, &file, err);

    if (rc == DEVID_OK && devid_cert_parse(devid_slice_of(file), &chain[0], NULL) != DEVID_OK) { /* else it is one, in DER */
        rc = tool_chain_parse(devid_slice_of(file), der, chain, &n, err);
        if (rc != DEVID_OK)
            rc = devid_error_in(err, rc, path);
    }
    if (rc == DEVID_OK && devid_pem_find(devid_slice_of(file), "CERTIFICATE", DEVID_CHAIN_MAX, &more, NULL) == DEVID_OK)
        rc = devid_fail(err, DEVID_E_DATA, "%s has more than %d certificates: leave out those that nobody needs", path, DEVID_CHAIN_MAX);
    *insertion = (struct insertion){.chain = chain, .n = n};
    if (rc == DEVID_OK)
        rc = tool_change(tool, query, put_chain, insertion, err);
    insertion->chain = NULL;
    for (size_t i = 0; i < DEVID_CHAIN_MAX; i++)
        devid_bytes_free(&der[i]);
    devid_bytes_free(&more);
    devid_bytes_free(&file);
    return rc;
}

/* What the clients' file says must be what there is. */
static devid_rc follow_pem(struct tool *tool, const struct devid_conf_identity *section, struct devid_error *err)
{
    devid_rc rc;

    if (section == NULL || section->pem == NULL)
        return DEVID_OK;
    rc = tool_step(tool, section, PLAN_WRITE_PEM, err);
    if (rc == DEVID_OK)
        (void)printf("\n"); /* the step leaves its line open */
    return rc;
}

devid_rc command_certificate(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option none[] = {{NULL, 0, NULL, 0}};
    bool is_insert = argc == 4 && strcmp(argv[1], "insert") == 0, is_delete = argc == 3 && strcmp(argv[1], "delete") == 0;
    struct devid_query query = {0};
    struct insertion insertion = {0};
    devid_rc rc;

    if (getopt_long(argc, argv, "", none, NULL) != -1)
        return tool_bad_option(argv, err);
    if (!is_insert && !is_delete)
        return devid_fail(err, TOOL_USAGE, "certificate: \"insert NAME FILE\" or \"delete NAME\" is expected");
    query.label = argv[2];
    rc = is_insert ? insert(tool, &query, argv[3], &insertion, err) : tool_change(tool, &query, put_chain, &insertion, err);
    return rc == DEVID_OK ? follow_pem(tool, insertion.section, err) : rc;
}

/* ---- delete ---- */

devid_rc tool_delete(struct tool *tool, const struct devid_identity *identity, struct devid_error *err)
{
    const struct devid_conf_identity *section = tool_section(tool, identity);
    struct devid_identity at = *identity;
    devid_rc rc;

    /* a wrapped key may have been on its way to its handle when a process was killed */
    if (identity->key_place != DEVID_PLACE_HANDLE && section != NULL)
        at.handle = section->handle;
    if (at.handle != 0)
        at.key_place = DEVID_PLACE_HANDLE;
    rc = devid_key_evict(tool->store, &at, err); /* and what its last renewal replaced, wherever the new one is */
    if (rc == DEVID_E_EXISTS) /* another key is there, which is none of ours */
        rc = DEVID_OK;
    return rc == DEVID_OK ? devid_store_replace(tool->store, identity, NULL, err) : rc;
}

static devid_rc delete_same(struct tool *tool, const struct devid_identity *now, void *with, struct devid_error *err)
{
    const struct devid_identity *agreed = with;

    if (!devid_slice_eq(devid_slice_of(now->pub.spki), devid_slice_of(agreed->pub.spki)))
        return devid_fail(err, DEVID_E_EXISTS, "%s has another key than a moment ago, which is left alone", now->label);
    return tool_delete(tool, now, err);
}

static devid_rc agree_to_delete(struct tool *tool, const struct devid_identity *identity, bool yes, struct devid_error *err)
{
    const struct devid_conf_identity *section = tool_section(tool, identity);
    char place[16];

    out_key_place(identity, place);
    (void)printf("%s: its key (%s) is destroyed, its certificates are deleted\n", identity->label, place);
    if (section != NULL && section->pem != NULL)
        (void)printf("%s: %s is removed\n", identity->label, section->pem);
    return tool_agree(yes, NULL, "--yes", err);
}

/* The file for clients goes first: a reference to a key that is no more is of no use to them. */
static devid_rc delete(struct tool *tool, const char *name, bool yes, struct devid_error *err)
{
    const struct devid_conf_identity *section;
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_identity agreed;
    devid_rc rc = tool_find(tool, name, &snap, &identity, err);

    if (rc != DEVID_OK)
        return rc;
    agreed = *identity;
    section = tool_section(tool, identity);
    rc = check_owner(identity, err);
    if (rc == DEVID_OK)
        rc = agree_to_delete(tool, identity, yes, err);
    if (rc == DEVID_OK && section != NULL && section->pem != NULL)
        rc = tool_pem_remove(section->pem, err);
    if (rc == DEVID_OK)
        rc = tool_change(tool, &(struct devid_query){.token = identity->token, .label = identity->label}, delete_same, &agreed, err);
    devid_snapshot_free(snap);
    return rc;
}

devid_rc command_delete(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"yes", no_argument, NULL, 'y'}, {NULL, 0, NULL, 0}};
    bool yes = false;
    int c, fd = -1;
    devid_rc rc;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'y')
            return tool_bad_option(argv, err);
        yes = true;
    }
    if (argc - optind != 1)
        return devid_fail(err, TOOL_USAGE, "delete: one name is expected; \"devid list\" tells them");
    rc = tool_alone(tool, &fd, err);
    if (rc == DEVID_OK)
        rc = delete(tool, argv[optind], yes, err);
    devid_flock_leave(fd);
    return rc;
}
