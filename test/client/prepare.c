/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prepare FOLDER: identities for the scripts of test/client on the TPM of DEVID_CONF; their key references,
 * certificates and CA as files in FOLDER. wrapped-tss2-key.pem is the wrapped key
 * as TSS2 PRIVATE KEY, wrapped-rsa-tss2-key.pem another, which no identity has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "put.h"
#include "tpm/identities.h"

static const char *folder;

static void write_text(const char *name, const char *suffix, const char *text)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s-tss2-%s.pem", folder, name, suffix);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void write_tss2(const char *name, const struct sample *sample)
{
    write_text(name, "key", sample->tss2_pem);
    write_text(name, "cert", sample->cert_pem);
}

static void forget(struct devid_store *store, const char *label)
{
    const struct devid_query query = {.token = "owner", .label = label};
    const struct devid_identity *identity = NULL;
    struct devid_snapshot *snap = NULL;

    assert_int_equal(devid_store_find(store, &query, &snap, &identity, NULL), DEVID_OK);
    assert_int_equal(remove_identity(store, identity, NULL), DEVID_OK);
    devid_snapshot_free(snap);
}

static void identities_are_made(void **state)
{
    struct devid_error err = {0};
    struct devid_store *store = NULL;
    struct identities ids;
    struct sample rsa = {0};

    (void)state;
    if (devid_store_open(NULL, &store, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    identities_make(store, folder, &ids);
    identities_add(&ids, "wrapped-rsa", DEVID_RSA, 0, &rsa);
    write_tss2("wrapped", &ids.wrapped);
    write_tss2("wrapped-rsa", &rsa);
    forget(store, "wrapped-rsa");
    identities_free_sample(&rsa);
    identities_free(&ids);
    devid_store_free(store);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(identities_are_made)};

    if (argc != 2) {
        (void)fprintf(stderr, "usage: prepare FOLDER\n");
        return 2;
    }
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
