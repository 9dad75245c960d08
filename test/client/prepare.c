/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prepare FOLDER: identities for the scripts of test/client on the TPM of DEVID_CONF; their key references,
 * certificates and CA as files in FOLDER.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tpm/identities.h"

static const char *folder;

static void identities_are_made(void **state)
{
    struct devid_error err = {0};
    struct devid_store *store = NULL;
    struct identities ids;

    (void)state;
    if (devid_store_open(NULL, &store, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    identities_make(store, folder, &ids);
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
