/* SPDX-License-Identifier: BSD-2-Clause */
/* devid sign, devid counters. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/counters.h"
#include "core/hash.h"
#include "core/key.h"
#include "core/make.h"
#include "tool.h"

#define FILE_MAX (1U << 30)

/* As "openssl dgst -sha256 -verify" wants it. RSA is PKCS#1, or PSS where the key's scheme is that. */
static devid_rc sign_file(struct devid_key *key, const char *path, struct devid_bytes *sig, struct devid_error *err)
{
    struct devid_scheme scheme = {.padding = DEVID_ECDSA, .hash = DEVID_SHA256, .salt_len = 32};
    size_t len = devid_key_sig_len(key);
    unsigned char digest[32], raw[512];
    struct devid_bytes file = {0};
    devid_rc rc;

    if (devid_key_public(key)->alg == DEVID_RSA) {
        scheme.padding = DEVID_PKCS1;
        if (devid_key_can_sign(key, &scheme, NULL) != DEVID_OK)
            scheme.padding = DEVID_PSS;
    }
    rc = devid_key_can_sign(key, &scheme, err);
    if (rc == DEVID_OK)
        rc = devid_file_read(path, FILE_MAX, &file, err);
    if (rc == DEVID_OK)
        rc = devid_hash_once(DEVID_SHA256, devid_slice_of(file), digest, err);
    if (rc == DEVID_OK && len > sizeof raw)
        rc = devid_fail(err, DEVID_E_KEY, "a signature of %zu bytes is more than is expected", len);
    if (rc == DEVID_OK)
        rc = devid_key_sign(key, &scheme, (struct devid_slice){digest, sizeof digest}, raw, &len, err);
    if (rc == DEVID_OK && scheme.padding == DEVID_ECDSA)
        rc = devid_ecdsa_der((struct devid_slice){raw, len}, sig, err);
    else if (rc == DEVID_OK)
        rc = devid_bytes_copy((struct devid_slice){raw, len}, sig, err);
    devid_bytes_free(&file);
    return rc;
}

devid_rc command_sign(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"out", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_key *key = NULL;
    struct devid_bytes sig = {0};
    const char *out = NULL;
    devid_rc rc;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'o')
            return tool_bad_option(argv, err);
        out = optarg;
    }
    if (argc - optind != 2)
        return devid_fail(err, TOOL_USAGE, "sign: a name and a file are expected");
    rc = tool_find(tool, argv[optind], &snap, &identity, err);
    if (rc == DEVID_OK)
        rc = devid_key_open(tool->store, snap, identity, &key, err);
    if (rc == DEVID_OK)
        rc = sign_file(key, argv[optind + 1], &sig, err);
    if (key != NULL && devid_public_is_counted(devid_key_public(key)))
        devid_make_settled(tool->store);
    if (rc == DEVID_OK)
        rc = tool_deliver(out, devid_slice_of(sig), err);
    devid_key_free(key);
    devid_bytes_free(&sig);
    devid_snapshot_free(snap);
    return rc;
}

devid_rc command_counters(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    struct devid_counters now = {0};
    devid_rc rc;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'j')
            return tool_bad_option(argv, err);
        tool->json = true;
    }
    if (optind < argc)
        return devid_fail(err, TOOL_USAGE, "counters: takes no name");
    rc = devid_counters_read(tool->store, &now, err);
    if (rc == DEVID_OK && tool->json)
        (void)printf("{\"key_generations\": %" PRIu64 ", \"key_deletions\": %" PRIu64 ", \"certificate_insertions\": %" PRIu64
                     ", \"certificate_deletions\": %" PRIu64 ", \"key_insertions\": 0, \"inserts_keys\": false}\n",
                     now.key_generations, now.key_deletions, now.certificate_insertions, now.certificate_deletions);
    else if (rc == DEVID_OK)
        (void)printf("key generations         %" PRIu64 "\nkey deletions           %" PRIu64
                     "\ncertificate insertions  %" PRIu64 "\ncertificate deletions   %" PRIu64
                     "\nkey insertions          0, not supported: keys are made in the TPM\n", now.key_generations, now.key_deletions, now.certificate_insertions, now.certificate_deletions);
    return rc;
}
