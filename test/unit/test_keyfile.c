/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/keyfile.h"

#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#include "core/public.h"
#include "core/ref.h"
#include "unit/soft.h"

/*
 * Made by tpm2-openssl 1.1.1 of Debian 12 on swtpm:
 *   openssl genpkey -provider tpm2 -provider default -propquery '?provider=tpm2' \
 *     -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x81000001
 * and the same without parent. Its BOOLEAN TRUE is 0x01, which is BER but not DER.
 */
static const char under_handle[] = "-----BEGIN TSS2 PRIVATE KEY-----\n"
                                   "MIHxBgZngQUKAQOgAwEBAQIFAIEAAAEEWABWACMACwAGAHIAAAAQABAAAwAQACAL\n"
                                   "iQMaDdQ8FVn+8RLvOmPLeBePL9sxsEn6GCy+ZSrV8gAgAcnoc87hq0XNeBTpJakl\n"
                                   "6oOppA/9VzEu2ntUEbS9lfIEgYAAfgAg5/7Dt4AYybIp+x1vMeD6sTsMH86xT92Y\n"
                                   "9NP4A2KWQWoAECdYHOWELuZbxIWW2Qddg3btwNwHm4U32hOw2DR7D5aoAoP+hUt4\n"
                                   "GdtlUQSiKAq3C+FWl8marCe1ROtI+YC5IVeFoPNpFWGl1HPxl+ET0Tq9wayEd69T\n"
                                   "hkh2Tg==\n"
                                   "-----END TSS2 PRIVATE KEY-----\n";
static const char under_owner[] = "-----BEGIN TSS2 PRIVATE KEY-----\n"
                                  "MIHwBgZngQUKAQOgAwEBAQIEQAAAAQRYAFYAIwALAAYAcgAAABAAEAADABAAIArC\n"
                                  "CIk8ory2N06CHzVFmRnk7JLUHYTiQO+yw6e7CvGhACBR4aticUlrH5AZYtFPk750\n"
                                  "UtsmSriYh6WT3b/p6mJy7ASBgAB+ACDwLW8uEgHj+XzfvjFMfFSV9Qo1ci0nj/k8\n"
                                  "YAqfbC9gxQAQkH1B7LakRuNeCFxDT+0rx+d4W872XpUcWhJ+NV6cqHU037H/Q8kN\n"
                                  "7k5fhpvnHQhZNLn+rJ6LNb7FHkvd691ypu4fuc2zeV7nPPV7cZhnnAR+kVaH6YsD\n"
                                  "8l/x\n"
                                  "-----END TSS2 PRIVATE KEY-----\n";
/* what "openssl pkey -pubout" said of the first through the same provider */
static const char its_public[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC4kDGg3UPBVZ/vES7zpjy3gXjy/b\n"
                                 "MbBJ+hgsvmUq1fIByehzzuGrRc14FOklqSXqg6mkD/1XMS7ae1QRtL2V8g==\n"
                                 "-----END PUBLIC KEY-----\n";

/* Fields by hand: OID, [0] TRUE, then what comes, with an area and a blob of three bytes. */
#define OID 0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01, 0x03
#define EMPTY_AUTH 0xa0, 0x03, 0x01, 0x01, 0xff
#define OWNER 0x02, 0x04, 0x40, 0x00, 0x00, 0x01
#define HALVES 0x04, 0x03, 0x00, 0x01, 0xaa, 0x04, 0x03, 0x00, 0x01, 0xbb

struct field_case {
    devid_rc rc;
    uint32_t parent;
    bool is_empty_auth;
    size_t len;
    unsigned char body[64];
};

#define BODY(...) sizeof((unsigned char[]){__VA_ARGS__}), {__VA_ARGS__}

static void the_file_of_another_program_is_read(void **state)
{
    struct devid_bytes der = {0}, spki = {0};
    struct devid_keyfile key = {0};
    struct devid_public pub = {0};

    (void)state;
    assert_int_equal(devid_pem_find(TEXT(under_handle), DEVID_KEYFILE_LABEL, 0, &der, NULL), DEVID_OK);
    assert_int_equal(devid_pem_find(TEXT(its_public), "PUBLIC KEY", 0, &spki, NULL), DEVID_OK);
    assert_int_equal(devid_keyfile_read(devid_slice_of(der), &key, NULL), DEVID_OK);
    assert_int_equal(key.parent, 0x81000001);
    assert_true(key.is_empty_auth);
    assert_int_equal(key.area.len, 88);
    assert_int_equal(key.blob.len, 128);
    assert_int_equal(devid_public_from_area(devid_slice_of(key.area), &pub, NULL), DEVID_OK);
    assert_true(devid_slice_eq(devid_slice_of(pub.spki), devid_slice_of(spki)));
    devid_public_free(&pub);
    devid_keyfile_free(&key);
    devid_bytes_free(&der);
    devid_bytes_free(&spki);

    assert_int_equal(devid_pem_find(TEXT(under_owner), DEVID_KEYFILE_LABEL, 0, &der, NULL), DEVID_OK);
    assert_int_equal(devid_keyfile_read(devid_slice_of(der), &key, NULL), DEVID_OK);
    assert_int_equal(key.parent, TPM2_RH_OWNER);
    devid_keyfile_free(&key);
    devid_bytes_free(&der);
}

/* But for DER's TRUE, ours is byte for byte what the other program wrote. */
static void what_is_written_is_what_the_other_program_wrote(void **state)
{
    static const char *const files[] = {under_handle, under_owner};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct devid_slice file = {(const unsigned char *)files[i], strlen(files[i])};
        struct devid_bytes der = {0}, again = {0}, pem = {0};
        struct devid_keyfile key = {0};

        assert_int_equal(devid_pem_find(file, DEVID_KEYFILE_LABEL, 0, &der, NULL), DEVID_OK);
        assert_int_equal(devid_keyfile_read(devid_slice_of(der), &key, NULL), DEVID_OK);
        assert_int_equal(devid_keyfile_write(&key, &again, NULL), DEVID_OK);
        assert_int_equal(again.len, der.len);
        assert_int_equal(der.data[3 + 8 + 4], 1);
        der.data[3 + 8 + 4] = 0xff;
        assert_memory_equal(again.data, der.data, der.len);
        again.data[3 + 8 + 4] = 1;
        assert_int_equal(devid_pem_append(&pem, DEVID_KEYFILE_LABEL, devid_slice_of(again), NULL), DEVID_OK);
        assert_string_equal((char *)pem.data, files[i]);
        devid_keyfile_free(&key);
        devid_bytes_free(&der);
        devid_bytes_free(&again);
        devid_bytes_free(&pem);
    }
}

static void a_file_cut_anywhere_or_with_more_behind_is_refused(void **state)
{
    struct devid_bytes der = {0};
    struct devid_keyfile key = {0};

    (void)state;
    assert_int_equal(devid_pem_find(TEXT(under_handle), DEVID_KEYFILE_LABEL, 0, &der, NULL), DEVID_OK);
    for (size_t len = 0; len < der.len; len++) {
        unsigned char *cut = malloc(len + 1);

        memcpy(cut, der.data, len);
        assert_int_equal(devid_keyfile_read((struct devid_slice){cut, len}, &key, NULL), DEVID_E_DATA);
        if (len > 3) { /* and with an outer length that agrees */
            cut[2] = (unsigned char)(len - 3);
            assert_int_not_equal(devid_keyfile_read((struct devid_slice){cut, len}, &key, NULL), DEVID_OK);
        }
        free(cut);
    }
    assert_int_equal(devid_bytes_append(&der, TEXT("x"), NULL), DEVID_OK);
    assert_int_equal(devid_keyfile_read(devid_slice_of(der), &key, NULL), DEVID_E_DATA);
    der.data[2]++; /* behind the last field, inside the SEQUENCE */
    assert_int_equal(devid_keyfile_read(devid_slice_of(der), &key, NULL), DEVID_E_DATA);
    assert_null(key.area.data);
    devid_bytes_free(&der);
}

static void fields_mean_what_the_draft_says(void **state)
{
    static const struct field_case cases[] = {
        {DEVID_OK, 0x40000001, true, BODY(OID, EMPTY_AUTH, OWNER, HALVES)},
        {DEVID_OK, 0x40000001, true, BODY(OID, OWNER, HALVES)},                                     /* not said */
        {DEVID_OK, 0x40000001, false, BODY(OID, 0xa0, 0x03, 0x01, 0x01, 0x00, OWNER, HALVES)},
        {DEVID_OK, 0x81000001, true, BODY(OID, 0x02, 0x05, 0x00, 0x81, 0x00, 0x00, 0x01, HALVES)}, /* positive */
        {DEVID_OK, 0x81000001, true, BODY(OID, 0x02, 0x04, 0x81, 0x00, 0x00, 0x01, HALVES)},       /* negative */
        {DEVID_OK, 0x40000001, true, BODY(OID, 0xa4, 0x03, 0x0c, 0x01, 'x', OWNER, HALVES)},        /* description */
        {DEVID_OK, 0x40000001, true, BODY(OID, 0xa5, 0x03, 0x01, 0x01, 0x00, OWNER, HALVES)},       /* EC parent */
        {DEVID_OK, 0x40000001, true, BODY(OID, 0xa9, 0x02, 0x05, 0x00, OWNER, HALVES)},             /* of a later draft */
        {DEVID_OK, 0x40000001, true, BODY(OID, 0xa5, 0x03, 0x01, 0x01, 0xff, OWNER, HALVES)},       /* RSA parent */
        {DEVID_OK, 0x40000001, true, BODY(OID, 0xa1, 0x02, 0x30, 0x00, OWNER, HALVES)},             /* policy, empty */
        {DEVID_E_KEY, 0, 0, BODY(OID, 0xa1, 0x04, 0x30, 0x02, 0x30, 0x00, OWNER, HALVES)},          /* unreadable */
        {DEVID_E_DATA, 0, 0, BODY(OID, 0xa1, 0x02, 0x04, 0x00, OWNER, HALVES)},                     /* no list */
        {DEVID_E_KEY, 0, 0, BODY(OID, 0xa2, 0x03, 0x04, 0x01, 0x00, OWNER, HALVES)},                /* secret */
        {DEVID_E_KEY, 0, 0, BODY(OID, 0xa3, 0x02, 0x30, 0x00, OWNER, HALVES)},                      /* authPolicy */
        {DEVID_E_KEY, 0, 0, BODY(0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01, 0x04, OWNER, HALVES)},   /* importable */
        {DEVID_E_KEY, 0, 0, BODY(0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01, 0x05, OWNER, HALVES)},   /* sealed */
        {DEVID_E_KEY, 0, 0, BODY(0x06, 0x03, 0x2a, 0x03, 0x04, OWNER, HALVES)},                     /* something else */
        {DEVID_E_DATA, 0, 0, BODY(OID, 0xa0, 0x03, 0x02, 0x01, 0xff, OWNER, HALVES)},               /* no BOOLEAN */
        {DEVID_E_DATA, 0, 0, BODY(OID, 0xa0, 0x04, 0x01, 0x02, 0xff, 0xff, OWNER, HALVES)},
        {DEVID_E_DATA, 0, 0, BODY(OID, EMPTY_AUTH, EMPTY_AUTH, OWNER, HALVES)},                     /* twice */
        {DEVID_E_DATA, 0, 0, BODY(OID, 0xa4, 0x03, 0x0c, 0x01, 'x', EMPTY_AUTH, OWNER, HALVES)},    /* out of order */
        {DEVID_E_DATA, 0, 0, BODY(OID, 0x02, 0x00, HALVES)},                                        /* no handle */
        {DEVID_E_DATA, 0, 0, BODY(OID, 0x02, 0x01, 0xff, HALVES)},                                  /* -1 */
        {DEVID_E_DATA, 0, 0, BODY(OID, 0x02, 0x05, 0x01, 0x40, 0x00, 0x00, 0x01, HALVES)},          /* 33 bits */
        {DEVID_E_DATA, 0, 0, BODY(OID, OWNER, 0x04, 0x03, 0x00, 0x02, 0xaa, 0x04, 0x03, 0x00, 0x01, 0xbb)}, /* size */
        {DEVID_E_DATA, 0, 0, BODY(OID, OWNER, 0x04, 0x03, 0x00, 0x01, 0xaa)},
        /* tpm2-openssl writes a key at a persistent handle so, and cannot load it again */
        {DEVID_E_DATA, 0, 0, BODY(OID, OWNER, 0x04, 0x03, 0x00, 0x01, 0xaa, 0x04, 0x02, 0x00, 0x00)},
        {DEVID_E_DATA, 0, 0, BODY(OID, OWNER, 0x04, 0x03, 0x00, 0x01, 0xaa, 0x04, 0x04, 0x80, 0x00, 0x00, 0x01)},
        {DEVID_E_DATA, 0, 0, BODY(OID, OWNER, 0x04, 0x03, 0x00, 0x01, 0xaa, 0x04, 0x81, 0x03, 0x00, 0x01, 0xbb)}, /* BER */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char der[66] = {0x30, (unsigned char)cases[i].len};
        struct devid_keyfile key = {0};
        struct devid_error err = {0};
        devid_rc rc;

        memcpy(der + 2, cases[i].body, cases[i].len);
        rc = devid_keyfile_read((struct devid_slice){der, cases[i].len + 2}, &key, &err);
        if (rc != cases[i].rc)
            fail_msg("case %zu is \"%s\"", i, err.text);
        if (rc != DEVID_OK)
            continue;
        assert_int_equal(key.parent, cases[i].parent);
        assert_int_equal(key.is_empty_auth, cases[i].is_empty_auth);
        assert_int_equal(key.area.data[2], 0xaa);
        assert_int_equal(key.blob.data[2], 0xbb);
        devid_keyfile_free(&key);
    }
}

static void a_policy_is_refused_by_its_name(void **state)
{
#define POLICY_PCR 0xa1, 0x0f, 0x30, 0x0d, 0x30, 0x0b, 0xa0, 0x04, 0x02, 0x02, 0x01, 0x7f, 0xa1, 0x03, 0x04, 0x01, 0x00
    static const unsigned char body[] = {OID, POLICY_PCR, OWNER, HALVES};
    unsigned char der[2 + sizeof body] = {0x30, sizeof body};
    struct devid_keyfile key = {0};
    struct devid_error err = {0};

    (void)state;
    memcpy(der + 2, body, sizeof body);
    assert_int_equal(devid_keyfile_read((struct devid_slice){der, sizeof der}, &key, &err), DEVID_E_KEY);
    assert_non_null(strstr(err.text, "TPM2_PolicyPCR"));
}

/* tpm2-openssl's pull request 165, which forks of it carry. */
static void a_handle_in_place_of_the_private_part_is_read(void **state)
{
    static const unsigned char body[] = {OID,  OWNER, 0x04, 0x03, 0x00, 0x01, 0xaa, 0x04, 0x04, 0x81, 0x02, 0x00, 0x00};
    unsigned char der[2 + sizeof body] = {0x30, sizeof body};
    struct devid_keyfile key = {0};
    struct devid_bytes again = {0};

    (void)state;
    memcpy(der + 2, body, sizeof body);
    assert_int_equal(devid_keyfile_read((struct devid_slice){der, sizeof der}, &key, NULL), DEVID_OK);
    assert_int_equal(key.handle, 0x81020000);
    assert_int_equal(key.blob.len, 0);
    assert_int_equal(devid_keyfile_write(&key, &again, NULL), DEVID_E_ARG);
    devid_keyfile_free(&key);
}

static void every_parent_and_auth_comes_back_as_written(void **state)
{
    static const uint32_t parents[] = {0x40000001, 0x4000000b, 0x81000001, 0x81ffffff, 0xffffffff, 0x80, 0};
    unsigned char half[] = {0, 1, 0xaa};

    (void)state;
    for (size_t i = 0; i < 4 * sizeof parents / sizeof parents[0]; i++) {
        struct devid_keyfile in = {{half, 3}, {half, 3}, parents[i / 4], i % 2 == 0, i % 4 < 2, 0}, out = {0};
        struct devid_bytes der = {0};

        assert_int_equal(devid_keyfile_write(&in, &der, NULL), DEVID_OK);
        assert_int_equal(devid_keyfile_read(devid_slice_of(der), &out, NULL), DEVID_OK);
        assert_int_equal(out.parent, in.parent);
        assert_int_equal(out.is_empty_auth, in.is_empty_auth);
        assert_int_equal(out.has_rsa_parent, in.has_rsa_parent);
        devid_keyfile_free(&out);
        devid_bytes_free(&der);
    }
}

static void half_a_key_is_not_written(void **state)
{
    unsigned char half[] = {0, 1, 0xaa};
    struct devid_keyfile key = {.area = {half, 3}, .parent = 0x81000001};
    struct devid_bytes der = {0};

    (void)state;
    assert_int_equal(devid_keyfile_write(&key, &der, NULL), DEVID_E_ARG);
    assert_null(der.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_of_another_program_is_read),
        cmocka_unit_test(what_is_written_is_what_the_other_program_wrote),
        cmocka_unit_test(a_file_cut_anywhere_or_with_more_behind_is_refused),
        cmocka_unit_test(fields_mean_what_the_draft_says),
        cmocka_unit_test(a_policy_is_refused_by_its_name),
        cmocka_unit_test(a_handle_in_place_of_the_private_part_is_read),
        cmocka_unit_test(every_parent_and_auth_comes_back_as_written),
        cmocka_unit_test(half_a_key_is_not_written),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
