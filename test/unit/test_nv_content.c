/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/nv.h"

/* Two small SEQUENCEs stand for two certificates: what an index holds is cut by DER lengths alone. */
#define ONE "3003020105"
#define TWO "30060204 01020304"

static void assert_content(const char *raw_hex, const char *want_hex)
{
    struct devid_bytes raw = {0}, want = {0}, got = {0};

    assert_int_equal(devid_hex_decode(raw_hex, &raw, NULL), DEVID_OK);
    assert_int_equal(devid_hex_decode(want_hex, &want, NULL), DEVID_OK);
    assert_int_equal(devid_nv_certificates(devid_slice_of(raw), &got, NULL), DEVID_OK);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
    devid_bytes_free(&raw);
    devid_bytes_free(&want);
    devid_bytes_free(&got);
}

static void assert_refused(const char *raw_hex, const char *why)
{
    struct devid_bytes raw = {0}, got = {0};
    struct devid_error err = {0};

    assert_int_equal(devid_hex_decode(raw_hex, &raw, NULL), DEVID_OK);
    assert_int_equal(devid_nv_certificates(devid_slice_of(raw), &got, &err), DEVID_E_DATA);
    assert_non_null(strstr(err.text, why));
    assert_null(got.data);
    devid_bytes_free(&raw);
}

static void padding_of_either_kind_is_cut_off(void **state)
{
    (void)state;
    assert_content(ONE, ONE);
    assert_content(ONE "000000", ONE);
    assert_content(ONE "ffffff", ONE);
    assert_content(ONE TWO, ONE TWO);
    assert_content(ONE TWO "00ff", ONE TWO);
}

static void what_is_no_certificate_is_refused(void **state)
{
    (void)state;
    assert_refused("", "no certificate");
    assert_refused("0000000000", "no certificate");
    assert_refused("ffffffff", "no certificate");
    assert_refused("0203010203", "neither a certificate nor padding");
    assert_refused(ONE "00005a", "neither a certificate nor padding");
    assert_refused("3006020105", "neither a certificate nor padding"); /* cut short */
    assert_refused("30847fffffff00", "neither a certificate nor padding");
    assert_refused("3080020100 0000", "neither a certificate nor padding"); /* BER, no DER */
}

static void pem_in_nv_is_accepted_as_some_makers_write_it(void **state)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";
    static const char other[] = "-----BEGIN PUBLIC KEY-----\nMAMCAQU=\n-----END PUBLIC KEY-----\n";
    static const unsigned char der[] = {0x30, 3, 2, 1, 5};
    struct devid_bytes got = {0};
    struct devid_error err = {0};

    (void)state;
    assert_int_equal(devid_nv_certificates((struct devid_slice){(const unsigned char *)pem, sizeof pem - 1}, &got,
                                           &err), DEVID_OK);
    assert_int_equal(got.len, sizeof der);
    assert_memory_equal(got.data, der, sizeof der);
    devid_bytes_free(&got);
    assert_int_equal(devid_nv_certificates((struct devid_slice){(const unsigned char *)other, sizeof other - 1}, &got,
                                           &err), DEVID_E_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_of_either_kind_is_cut_off),
        cmocka_unit_test(what_is_no_certificate_is_refused),
        cmocka_unit_test(pem_in_nv_is_accepted_as_some_makers_write_it),
    };

    return cmocka_run_group_tests_name("nv content", tests, NULL, NULL);
}
