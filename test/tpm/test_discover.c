/* SPDX-License-Identifier: BSD-2-Clause */
/* The manufacturer's identities, which no file names: found in the TPM once, and known from then on. */
#include <stdlib.h>
#include <string.h>

#include "core/make.h"
#include "tpm/by_hand.h"

#define IDEVID 0x81020000U

static int start(void **state)
{
    struct world *w = world_start();
    struct devid_made made = {0};
    struct devid_error err = {0};

    if (devid_make_primary(world_store(w), DEVID_ROLE_IDEVID, DEVID_EC, 256, IDEVID, &made, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    devid_made_free(&made);
    by_hand(w, "tpm2_readpublic -Q -c 0x81020000 -f pem -o key.pem && openssl req -x509 -newkey ec -pkeyopt "
               "ec_paramgen_curve:P-256 -nodes -subj /CN=ca -keyout ca.key -out ca.pem 2>&1 && "
               "openssl x509 -new -force_pubkey key.pem -subj /CN=device -CA ca.pem -CAkey ca.key -outform DER -out leaf.der && "
               "openssl x509 -in ca.pem -outform DER -out ca.der && cat leaf.der ca.der >chain.der");
    world_forget_commands(w);
    *state = w;
    return 0;
}

/* As a manufacturer's tool would. */
static void write_nv(struct world *w, const char *file)
{
    by_hand(w, "tpm2_nvundefine -Q -C p 0x01c90000 2>/dev/null; tpm2_nvdefine -Q -C p 0x01c90000 -s $(stat -c %%s %s) "
               "-a 'authread|ownerread|ppread|ppwrite|platformcreate|no_da' && tpm2_nvwrite -Q -C p -i %s 0x01c90000", file, file);
}

/* Certificates of the IDevID's chain; -1: there is no IDevID. */
static int chain_of(struct world *w)
{
    const struct devid_query query = {.token = "manufacturer", .label = "idevid"};
    const struct devid_identity *identity;
    struct devid_snapshot *snap = NULL;
    struct devid_error err = {0};
    int n = -1;

    if (devid_store_find(world_store(w), &query, &snap, &identity, &err) == DEVID_OK) {
        n = (int)identity->n_chain;
        assert_true(identity->is_read_only);
        assert_int_equal(identity->handle, IDEVID);
        assert_int_equal(identity->cert_place, n > 0 ? DEVID_PLACE_NV : DEVID_PLACE_NONE);
    }
    devid_snapshot_free(snap);
    return n;
}

static void assert_finds(struct world *w, int wanted)
{
    assert_int_equal(chain_of(w), wanted);
    assert_true(world_count(w, NULL) > 0);
    world_forget_commands(w);
    assert_int_equal(chain_of(w), wanted);
    world_connect_by(w, world_tcti(w)); /* another process */
    assert_int_equal(chain_of(w), wanted);
    assert_commands(w, "");
}

static void key_and_certificate_are_found_once(void **state)
{
    write_nv(*state, "leaf.der");
    assert_finds(*state, 1);
}

static void an_index_may_hold_a_chain(void **state)
{
    write_nv(*state, "chain.der");
    assert_finds(*state, 2);
}

static void a_key_without_certificate_is_found(void **state)
{
    assert_finds(*state, 0);
}

static void what_is_no_certificate_of_the_key_is_left_out(void **state)
{
    write_nv(*state, "ca.der");
    assert_finds(*state, 0);
}

static void bytes_that_are_no_certificate_are_left_out(void **state)
{
    by_hand(*state, "head -c 700 /dev/urandom >noise");
    write_nv(*state, "noise");
    assert_finds(*state, 0);
}

/* It is there when it is written, at the latest when somebody looks again: devid provision does. */
static void an_identity_is_not_made_up(void **state)
{
    struct world *w = *state;

    by_hand(w, "tpm2_evictcontrol -Q -C o -c 0x81020000");
    world_forget_commands(w);
    assert_int_equal(chain_of(w), -1);
    assert_commands(w, "ReadPublic(0x18b) ReadPublic(0x18b)"); /* the EK could be one, too */
}

static void a_tpm_that_is_away_is_asked_again(void **state)
{
    struct world *w = *state;

    write_nv(w, "leaf.der");
    world_stop_tpm(w);
    assert_int_equal(chain_of(w), -1);
    world_start_tpm(w);
    world_connect_by(w, world_tcti(w)); /* the same process waits for two seconds before it asks again */
    assert_int_equal(chain_of(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(key_and_certificate_are_found_once, start, world_end_clean),
        cmocka_unit_test_setup_teardown(an_index_may_hold_a_chain, start, world_end_clean),
        cmocka_unit_test_setup_teardown(a_key_without_certificate_is_found, start, world_end_clean),
        cmocka_unit_test_setup_teardown(what_is_no_certificate_of_the_key_is_left_out, start, world_end_clean),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_certificate_are_left_out, start, world_end_clean),
        cmocka_unit_test_setup_teardown(an_identity_is_not_made_up, start, world_end_clean),
        cmocka_unit_test_setup_teardown(a_tpm_that_is_away_is_asked_again, start, world_end_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
