/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/folder.h"

static devid_rc parse(const char *text, struct devid_uri *out)
{
    struct devid_error err = {0};
    devid_rc rc;

    *out = (struct devid_uri){0};
    rc = devid_uri_parse(text, out, &err);
    if (rc != DEVID_OK)
        assert_int_not_equal(err.text[0], 0);
    return rc;
}

static void a_name_has_one_meaning_in_each_form(void **state)
{
    struct devid_uri uri;

    (void)state;
    assert_int_equal(parse("pkcs11:token=owner;object=azure%3aldevid;id=%01%00;type=private", &uri), DEVID_OK);
    assert_string_equal(uri.query.token, "owner");
    assert_string_equal(uri.query.label, "azure:ldevid");
    assert_int_equal(uri.query.id.len, 2);
    assert_memory_equal(uri.query.id.data, "\1\0", 2);
    assert_true(uri.wants_private && !uri.wants_public && !uri.wants_cert);
    devid_uri_free(&uri);

    assert_int_equal(parse("devid:azure:ldevid", &uri), DEVID_OK);
    assert_null(uri.query.token);
    assert_string_equal(uri.query.label, "azure:ldevid");
    devid_uri_free(&uri);

    assert_int_equal(parse("handle:0x81000002", &uri), DEVID_OK);
    assert_int_equal(uri.query.handle, 0x81000002);
    devid_uri_free(&uri);

    assert_int_equal(parse("pkcs11:", &uri), DEVID_OK);
    assert_true(uri.query.token == NULL && uri.query.label == NULL && uri.query.id.len == 0);
    devid_uri_free(&uri);
}

static void a_handle_is_hexadecimal_and_persistent(void **state)
{
    static const char *const wrong[] = {
        "handle:",           "handle:0x",          "handle:81000002",    "handle:2164260866",   "handle:020100000002",
        "handle: 0x81000002", "handle:+0x81000002", "handle:0x81000002 ", "handle:0x80ffffff",   "handle:0x82000000",
        "handle:0x181000002", "handle:0x081000002", "handle:0x8100000g",  "handle:-0x7effffffe", "handle:0X81000002",
    };
    struct devid_uri uri;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(parse(wrong[i], &uri), DEVID_E_DATA);
    assert_int_equal(parse("handle:0x81FfffFf", &uri), DEVID_OK);
    assert_int_equal(uri.query.handle, 0x81ffffff);
}

/* Else object=a%00b would find "a". */
static void a_nul_is_in_no_label(void **state)
{
    struct devid_uri uri;

    (void)state;
    assert_int_equal(parse("pkcs11:object=a%00b", &uri), DEVID_E_DATA);
    assert_int_equal(parse("pkcs11:object=a%00", &uri), DEVID_E_DATA);
}

/* RFC 7512, 2.3: what an attribute says must hold of what is found. */
static void a_type_of_which_there_is_nothing_finds_nothing(void **state)
{
    struct devid_uri uri;

    (void)state;
    assert_int_equal(parse("pkcs11:object=a;type=data", &uri), DEVID_E_ABSENT);
    assert_int_equal(parse("pkcs11:object=a;type=secret-key", &uri), DEVID_E_ABSENT);
    assert_int_equal(parse("pkcs11:object=a;type=cert", &uri), DEVID_OK);
    assert_true(uri.wants_cert);
    devid_uri_free(&uri);
}

/* RFC 7512, 2.3: as the module, its slots and tokens say of themselves; the serial number is the finder's to compare. */
static void what_the_uri_says_of_the_device_must_hold(void **state)
{
    static const char *const right[] = {
        "manufacturer=devid", "model=TPM%202.0", "model=TPM%202.0;manufacturer=devid", "library-manufacturer=devid",
        "library-description=Device%20identities%20in%20a%20TPM%202.0", "library-version=0.1", "slot-manufacturer=devid",
        "token=owner;slot-description=TPM%202.0:%20owner",
    };
    static const char *const wrong[] = {
        "manufacturer=SoftHSM%20project", "manufacturer=devid2", "model=SoftHSM%20v2", "library-manufacturer=Nitrokey",
        "library-description=OpenSC", "library-version=9.9", "slot-manufacturer=Yubico", "token=owner;slot-description=Yubikey",
        "token=owner;slot-description=TPM%202.0:%20other", "slot-description=TPM%202.0:%20owner", "slot-id=1",
    };
    char text[256];
    struct devid_uri uri;

    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        (void)snprintf(text, sizeof text, "pkcs11:object=a;%s", right[i]);
        assert_int_equal(parse(text, &uri), DEVID_OK);
        assert_string_equal(uri.query.label, "a");
        assert_null(uri.query.serial);
        devid_uri_free(&uri);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(text, sizeof text, "pkcs11:object=a;%s", wrong[i]);
        assert_int_equal(parse(text, &uri), DEVID_E_ABSENT);
    }
    assert_int_equal(parse("pkcs11:serial=0123456789abcdef;token=owner", &uri), DEVID_OK);
    assert_string_equal(uri.query.serial, "0123456789abcdef");
    devid_uri_free(&uri);
}

static void a_scheme_is_told_in_either_case(void **state)
{
    struct devid_uri uri;

    (void)state;
    assert_int_equal(parse("PKCS11:object=a", &uri), DEVID_OK);
    assert_string_equal(uri.query.label, "a");
    devid_uri_free(&uri);
    assert_int_equal(parse("Devid:a", &uri), DEVID_OK);
    assert_string_equal(uri.query.label, "a");
    devid_uri_free(&uri);
    assert_int_equal(parse("HANDLE:0x81000002", &uri), DEVID_OK);
    assert_int_equal(uri.query.handle, 0x81000002);
    devid_uri_free(&uri);
}

static void a_pin_is_not_shown(void **state)
{
    (void)state;
    assert_int_equal(devid_uri_shown("pkcs11:object=a?pin-value=1"), strlen("pkcs11:object=a"));
    assert_int_equal(devid_uri_shown("handle:0x81000002?pin-value=1"), strlen("handle:0x81000002"));
    assert_int_equal(devid_uri_shown("devid:a?b"), strlen("devid:a?b")); /* the label is a?b */
}

static void what_is_not_understood_is_refused(void **state)
{
    static const char *const wrong[] = {"", "http://host/", "pkcs11", "pkcs11:object=%zz", "pkcs11:object=%4",
                                        "pkcs11:x-colour=red", "PKCS12:object=a"};
    char lengthy[2048];
    struct devid_uri uri;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(parse(wrong[i], &uri), DEVID_E_DATA);
    memset(lengthy, 'a', sizeof lengthy);
    memcpy(lengthy, "devid:", 6);
    lengthy[sizeof lengthy - 1] = 0;
    assert_int_equal(parse(lengthy, &uri), DEVID_E_DATA);
}

static void a_pin_is_given_or_read_from_a_file(void **state)
{
    char *folder = folder_make(), text[512];
    struct devid_uri uri;

    (void)state;
    assert_int_equal(parse("pkcs11:object=a?pin-value=12%3034", &uri), DEVID_OK);
    assert_int_equal(uri.pin.len, 5);
    assert_memory_equal(uri.pin.data, "12034", 5);
    devid_uri_free(&uri);
    folder_write_text(folder, "pin", "4711");
    (void)snprintf(text, sizeof text, "pkcs11:object=a?pin-source=file:%s/pin", folder);
    assert_int_equal(parse(text, &uri), DEVID_OK);
    assert_int_equal(uri.pin.len, 4);
    assert_memory_equal(uri.pin.data, "4711", 4);
    devid_uri_free(&uri);
    folder_remove(folder);
    assert_int_not_equal(parse(text, &uri), DEVID_OK);
}

static void what_is_written_is_read_back(void **state)
{
    static const char *const labels[] = {"azure:ldevid", "a b;c/d?e%f", "k\xc3\xb6nig", "&=~#\"<>"};
    struct devid_uri uri;

    (void)state;
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        struct devid_identity identity = {.token = "owner", .label = labels[i], .public_label = labels[i]};
        struct devid_bytes text = {0};

        assert_int_equal(devid_uri_of(&identity, &text, NULL), DEVID_OK);
        assert_int_equal(parse((const char *)text.data, &uri), DEVID_OK);
        assert_string_equal(uri.query.label, labels[i]);
        assert_string_equal(uri.query.token, "owner");
        assert_true(uri.wants_private);
        devid_uri_free(&uri);
        devid_bytes_free(&text);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_one_meaning_in_each_form),
        cmocka_unit_test(a_handle_is_hexadecimal_and_persistent),
        cmocka_unit_test(a_nul_is_in_no_label),
        cmocka_unit_test(a_type_of_which_there_is_nothing_finds_nothing),
        cmocka_unit_test(what_the_uri_says_of_the_device_must_hold),
        cmocka_unit_test(a_scheme_is_told_in_either_case),
        cmocka_unit_test(a_pin_is_not_shown),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(a_pin_is_given_or_read_from_a_file),
        cmocka_unit_test(what_is_written_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
