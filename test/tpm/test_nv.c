/* SPDX-License-Identifier: BSD-2-Clause */
/* A certificate in NV: written for good, readable by everybody, whole or not there. */
#include "core/nv.h"

#include <stdio.h>
#include <string.h>

#include "core/make.h"
#include "tpm/by_hand.h"

#define INDEX 0x01c90000U
#define LEN 1500U /* more than one TPM2_NV_Write of the software TPM takes */

static int start(void **state)
{
    *state = world_start();
    return 0;
}

/* DER of len bytes, by number: NV does not look into a certificate. The last bytes are no padding. */
static struct devid_slice certificate(unsigned char *der, size_t len, unsigned char number)
{
    assert_true(len > 4 && len < 65536);
    memset(der, number, len);
    der[0] = 0x30;
    der[1] = 0x82;
    der[2] = (unsigned char)((len - 4) >> 8);
    der[3] = (unsigned char)(len - 4);
    return (struct devid_slice){der, len};
}

static void write_it(struct world *w, struct devid_slice der)
{
    struct devid_error err = {0};

    if (devid_nv_write(world_store(w), INDEX, der, &err) != DEVID_OK)
        fail_msg("%s", err.text);
}

static void assert_holds(struct world *w, struct devid_slice der)
{
    struct devid_bytes found = {0};
    struct devid_error err = {0};

    if (devid_nv_read(world_store(w), INDEX, &found, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    assert_true(devid_slice_eq(devid_slice_of(found), der));
    devid_bytes_free(&found);
}

static void a_certificate_is_written_once_and_read_by_everybody(void **state)
{
    struct world *w = *state;
    unsigned char der[LEN], file[LEN + 1];
    struct devid_slice cert = certificate(der, LEN, 7);
    char path[256], text[1024];
    FILE *f;

    write_it(w, cert);
    assert_commands(w, "NV_ReadPublic(0x18b) GetCapability NV_DefineSpace NV_Write NV_Write NV_WriteLock");
    assert_holds(w, cert);
    assert_commands(w, "NV_ReadPublic NV_ReadPublic GetCapability NV_Read NV_Read");
    write_it(w, cert);
    assert_commands(w, "NV_ReadPublic NV_ReadPublic GetCapability NV_Read NV_Read");

    by_hand_says(w, text, sizeof text, "tpm2_nvreadpublic 0x%08x", INDEX);
    assert_non_null(strstr(text, "friendly: ppwrite|writelocked|writedefine|ppread|ownerread|authread|no_da|written|"
                                 "platformcreate"));
    by_hand(w, "tpm2_nvread -C o -o by-owner 0x%08x && tpm2_nvread -o by-index 0x%08x && cmp by-owner by-index", INDEX,
            INDEX);
    (void)snprintf(path, sizeof path, "%s/by-owner", world_folder(w));
    assert_non_null(f = fopen(path, "rb"));
    assert_int_equal(fread(file, 1, sizeof file, f), LEN);
    assert_memory_equal(file, der, LEN);
    assert_int_equal(fclose(f), 0);
    world_assert_clean(w);
}

static void another_certificate_does_not_replace_it(void **state)
{
    struct world *w = *state;
    unsigned char der[LEN], other[LEN];
    struct devid_slice cert = certificate(der, LEN, 7);
    struct devid_error err = {0};

    write_it(w, cert);
    assert_int_equal(devid_nv_write(world_store(w), INDEX, certificate(other, LEN, 8), &err), DEVID_E_EXISTS);
    assert_non_null(strstr(err.text, "0x01c90000 holds something else"));
    assert_int_equal(devid_nv_write(world_store(w), INDEX, certificate(other, LEN - 1, 7), &err), DEVID_E_EXISTS);
    assert_holds(w, cert);
    by_hand(w, "! tpm2_nvwrite -C p -i by-hand.log 0x%08x", INDEX);
    assert_holds(w, cert);
    world_assert_clean(w);
}

static void tpm2_clear_leaves_it_and_a_reset_leaves_it_locked(void **state)
{
    struct world *w = *state;
    unsigned char der[LEN];
    struct devid_slice cert = certificate(der, LEN, 7);

    write_it(w, cert);
    by_hand(w, "tpm2_clear -c p");
    assert_holds(w, cert);
    by_hand(w, "tpm2_shutdown -c && swtpm_ioctl -i --unix swtpm.ctrl && tpm2_startup -c");
    assert_holds(w, cert);
    by_hand(w, "! tpm2_nvwrite -C p -i by-hand.log 0x%08x", INDEX);
    by_hand(w, "tpm2_nvreadpublic 0x%08x | grep -q writelocked", INDEX);
}

static void write_by(struct devid_store *store, void *arg)
{
    const struct devid_slice *cert = arg;

    assert_int_equal(devid_nv_write(store, INDEX, *cert, NULL), DEVID_OK);
}

/* Between define and write, between two writes, before the lock: each leaves what the next run knows for its own. */
static void a_killed_write_is_finished_by_the_next(void **state)
{
    struct world *w = *state;
    unsigned char der[LEN], other[LEN];
    struct devid_slice first = certificate(other, LEN, 8), cert = certificate(der, LEN, 7);
    unsigned n = 1;

    for (; killed_after(n, write_by, &first); n++) {
        bool is_done = n == 6; /* the lock was the last */

        if (is_done) {
            assert_int_equal(devid_nv_write(world_store(w), INDEX, cert, NULL), DEVID_E_EXISTS);
            write_it(w, first);
            assert_holds(w, first);
        } else {
            write_it(w, cert); /* a new run may well bring a new certificate */
            assert_holds(w, cert);
        }
        by_hand(w, "tpm2_nvreadpublic 0x%08x | grep -q 'writelocked|.*written'", INDEX);
        by_hand(w, "tpm2_nvundefine -Q -C p 0x%08x", INDEX);
        world_assert_clean(w);
    }
    assert_int_equal(n - 1, 6);
}

static void a_half_written_index_is_no_certificate_and_made_anew(void **state)
{
    struct world *w = *state;
    unsigned char der[LEN];
    struct devid_slice cert = certificate(der, LEN, 7);
    struct devid_bytes found = {0};
    struct devid_error err = {0};

    assert_true(killed_after(4, write_by, &cert)); /* look, chunk, define, first write */
    assert_int_equal(devid_nv_read(world_store(w), INDEX, &found, &err), DEVID_E_DATA);
    assert_non_null(strstr(err.text, "NV index 0x01c90000"));
    world_forget_commands(w);
    write_it(w, cert);
    assert_commands(w, "NV_ReadPublic NV_ReadPublic NV_UndefineSpace GetCapability NV_DefineSpace NV_Write NV_Write "
                       "NV_WriteLock");
    assert_holds(w, cert);
}

static void a_closed_platform_hierarchy_is_said_with_the_way_out(void **state)
{
    static const char *const closed_by[] = {
        "tpm2_changeauth -Q -c p secret",
        "tpm2_changeauth -Q -c p -p secret && tpm2_hierarchycontrol -C p phEnable clear",
    };
    struct world *w = *state;
    unsigned char der[LEN];
    struct devid_slice cert = certificate(der, LEN, 7);

    for (size_t i = 0; i < 2; i++) {
        struct devid_error err = {0};

        by_hand(w, "%s", closed_by[i]);
        assert_int_equal(devid_nv_write(world_store(w), INDEX, cert, &err), DEVID_E_DENIED);
        assert_non_null(strstr(err.text, "platform hierarchy is closed"));
        assert_non_null(strstr(err.text, "\"certificate = file\""));
        assert_int_equal(err.handle, INDEX);
    }
    world_assert_clean(w);
}

static void what_is_too_large_is_said_to_be(void **state)
{
    struct world *w = *state;
    unsigned char der[3000];
    struct devid_error err = {0};

    assert_int_equal(devid_nv_write(world_store(w), INDEX, certificate(der, sizeof der, 7), &err), DEVID_E_DATA);
    assert_non_null(strstr(err.text, "3000 bytes is larger"));
    assert_int_equal(devid_nv_write(world_store(w), INDEX, (struct devid_slice){der, 0}, &err), DEVID_E_DATA);
    by_hand(w, "! tpm2_nvreadpublic 0x%08x", INDEX);
}

/* An index that devid did not define may be somebody's, locked or not. */
static void an_index_of_another_maker_is_read_and_never_undefined(void **state)
{
    struct world *w = *state;
    unsigned char der[300], other[300];
    struct devid_slice cert = certificate(der, sizeof der, 7);
    char path[256];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/cert", world_folder(w));
    assert_non_null(f = fopen(path, "wb"));
    assert_int_equal(fwrite(der, 1, sizeof der, f), sizeof der);
    assert_int_equal(fclose(f), 0);
    by_hand(w, "tpm2_nvdefine -Q -C o -s 400 -a 'ownerwrite|ownerread' 0x%08x && "
            "tpm2_nvwrite -Q -C o -i cert 0x%08x && "
            "head -c 100 /dev/zero | tpm2_nvwrite -Q -C o --offset 300 -i - 0x%08x", INDEX, INDEX, INDEX);
    assert_holds(w, cert); /* padding cut, by the owner's auth */
    write_it(w, cert);
    assert_int_equal(devid_nv_write(world_store(w), INDEX, certificate(other, sizeof other, 8), NULL), DEVID_E_EXISTS);
    assert_holds(w, cert);
    world_assert_clean(w);
}

static void what_cannot_be_read_is_not_tried(void **state)
{
    struct world *w = *state;
    struct devid_bytes found = {0};
    struct devid_error err = {0};

    assert_int_equal(devid_nv_read(world_store(w), INDEX, &found, &err), DEVID_E_ABSENT);
    assert_commands(w, "NV_ReadPublic(0x18b)");
    by_hand(w, "tpm2_nvdefine -Q -C o -s 32 -a 'ownerwrite|ownerread' 0x%08x", INDEX);
    assert_int_equal(devid_nv_read(world_store(w), INDEX, &found, &err), DEVID_E_ABSENT);
    assert_non_null(strstr(err.text, "never written"));
    assert_commands(w, "NV_ReadPublic NV_ReadPublic");
    by_hand(w, "tpm2_nvundefine -Q -C o 0x%08x && tpm2_nvdefine -Q -C o -s 32 -a 'ownerwrite|policyread' 0x%08x && "
            "tpm2_nvwrite -Q -C o -i devid.conf 0x%08x || head -c 32 devid.conf | tpm2_nvwrite -Q -C o -i - 0x%08x",
            INDEX, INDEX, INDEX, INDEX);
    assert_int_equal(devid_nv_read(world_store(w), INDEX, &found, &err), DEVID_E_DENIED);
    assert_commands(w, "NV_ReadPublic NV_ReadPublic");
    by_hand(w, "tpm2_nvundefine -Q -C o 0x%08x && tpm2_nvdefine -Q -C o -a 'ownerwrite|ownerread|nt=counter' 0x%08x && "
            "tpm2_nvincrement -Q -C o 0x%08x", INDEX, INDEX, INDEX);
    assert_int_equal(devid_nv_read(world_store(w), INDEX, &found, &err), DEVID_E_DATA);
    assert_commands(w, "NV_ReadPublic NV_ReadPublic");
    world_assert_clean(w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, world_end)
    const struct CMUnitTest tests[] = {
        TEST(a_certificate_is_written_once_and_read_by_everybody),
        TEST(another_certificate_does_not_replace_it),
        TEST(tpm2_clear_leaves_it_and_a_reset_leaves_it_locked),
        TEST(a_killed_write_is_finished_by_the_next),
        TEST(a_half_written_index_is_no_certificate_and_made_anew),
        TEST(a_closed_platform_hierarchy_is_said_with_the_way_out),
        TEST(what_is_too_large_is_said_to_be),
        TEST(an_index_of_another_maker_is_read_and_never_undefined),
        TEST(what_cannot_be_read_is_not_tried),
    };

    return cmocka_run_group_tests_name("nv", tests, NULL, NULL);
}
