/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/error.h"

#include <stdio.h>
#include <string.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include "unit/soft.h"

/* TPM 2.0 Library, Part 2, 6.6; TSS 2.0 response code format. */
static void codes_of_the_tpm_and_the_tss_have_their_meaning(void **state)
{
    static const struct {
        uint32_t tss;
        devid_rc rc;
    } cases[] = {
        {0, DEVID_OK},
        {0x08b, DEVID_E_ABSENT},   /* TPM2_RC_HANDLE, bare */
        {0x18b, DEVID_E_ABSENT},   /* of handle 1 */
        {0x78b, DEVID_E_ABSENT},   /* of handle 7 */
        {0x14a, DEVID_E_ABSENT},   /* NV_UNINITIALIZED */
        {0x14c, DEVID_E_EXISTS},   /* NV_DEFINED */
        {0x98e, DEVID_E_AUTH},     /* AUTH_FAIL of session 1 */
        {0x9a2, DEVID_E_AUTH},     /* BAD_AUTH of session 1 */
        {0x12f, DEVID_E_DENIED},   /* AUTH_UNAVAILABLE */
        {0x921, DEVID_E_LOCKED},   /* LOCKOUT */
        {0x99d, DEVID_E_DENIED},   /* POLICY_FAIL of session 1 */
        {0x148, DEVID_E_DENIED},   /* NV_LOCKED */
        {0x149, DEVID_E_DENIED},   /* NV_AUTHORIZATION */
        {0x185, DEVID_E_DENIED},   /* HIERARCHY of handle 1 */
        {0x19c, DEVID_E_KEY},      /* KEY of handle 1 */
        {0x2d2, DEVID_E_KEY},      /* SCHEME of parameter 2 */
        {0x3e0, DEVID_E_KEY},      /* TICKET of parameter 3 */
        {0x2a6, DEVID_E_KEY},      /* CURVE of handle 2 */
        {0x1d5, DEVID_E_DATA},     /* SIZE of parameter 1 */
        {0x1df, DEVID_E_DATA},     /* INTEGRITY of parameter 1 */
        {0xfdf, DEVID_E_DATA},     /* of parameter 15 */
        {0x922, DEVID_E_BUSY},     /* RETRY */
        {0x908, DEVID_E_BUSY},     /* YIELDED */
        {0x90a, DEVID_E_BUSY},     /* TESTING */
        {0x920, DEVID_E_BUSY},     /* NV_RATE */
        {0x902, DEVID_E_TPM},      /* OBJECT_MEMORY */
        {0x910, DEVID_E_TPM},      /* REFERENCE_H0 */
        {0x101, DEVID_E_TPM},      /* FAILURE */
        {TSS2_RESMGR_TPM_RC_LAYER | 0x18b, DEVID_E_ABSENT}, /* said by the resource manager in the TPM's words */
        {TSS2_RESMGR_TPM_RC_LAYER | 0x921, DEVID_E_LOCKED},
        {TSS2_RESMGR_RC_LAYER | 0x18b, DEVID_E_TPM},        /* its own words are others */
        {TSS2_RESMGR_RC_LAYER | TSS2_BASE_RC_IO_ERROR, DEVID_E_AWAY},
        {TSS2_SYS_RC_LAYER | TSS2_BASE_RC_MALFORMED_RESPONSE, DEVID_E_AWAY}, /* nothing can be sent after that */
        {TSS2_SYS_RC_LAYER | TSS2_BASE_RC_BAD_SEQUENCE, DEVID_E_AWAY},
        {TSS2_ESAPI_RC_LAYER | TSS2_BASE_RC_INSUFFICIENT_RESPONSE, DEVID_E_AWAY},
        {TSS2_TCTI_RC_LAYER | TSS2_BASE_RC_IO_ERROR, DEVID_E_AWAY},
        {TSS2_TCTI_RC_LAYER | TSS2_BASE_RC_NO_CONNECTION, DEVID_E_AWAY},
        {TSS2_TCTI_RC_LAYER | TSS2_BASE_RC_NOT_SUPPORTED, DEVID_E_AWAY},
        {TSS2_ESAPI_RC_LAYER | TSS2_BASE_RC_MEMORY, DEVID_E_MEM},
        {TSS2_ESAPI_RC_LAYER | TSS2_BASE_RC_BAD_TR, DEVID_E_TPM},
        {TSS2_ESAPI_RC_LAYER | 0x18b, DEVID_E_TPM},
        {TSS2_MU_RC_LAYER | TSS2_BASE_RC_INSUFFICIENT_BUFFER, DEVID_E_TPM},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (devid_rc_of_tss(cases[i].tss) != cases[i].rc)
            fail_msg("0x%x is %s, not %s", cases[i].tss, devid_rc_word(cases[i].rc),
                     devid_rc_word(devid_rc_of_tss(cases[i].tss)));
}

/* Whatever a TPM says, it is an error, and never one that means something else on another layer. */
static void no_code_but_zero_is_success(void **state)
{
    (void)state;
    for (uint32_t layer = 0; layer < 16; layer++)
        for (uint32_t code = 0; code < 0x1000; code++)
            if ((layer << 16 | code) != 0)
                assert_int_not_equal(devid_rc_of_tss(layer << 16 | code), DEVID_OK);
}

static void every_rc_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (int a = DEVID_OK; a <= DEVID_E_NET; a++) {
        assert_string_not_equal(devid_rc_word((devid_rc)a), "unknown");
        for (int b = DEVID_OK; b < a; b++)
            assert_string_not_equal(devid_rc_word((devid_rc)a), devid_rc_word((devid_rc)b));
    }
    assert_string_equal(devid_rc_word((devid_rc)99), "unknown");
}

static void a_tpms_answer_names_what_was_tried_the_code_and_the_remedy(void **state)
{
    struct devid_error err = {0};

    (void)state;
    assert_int_equal(devid_fail_tss(&err, 0x18b, 0x81000002, "sign with 0x%08x", 0x81000002), DEVID_E_ABSENT);
    assert_int_equal(err.tss, 0x18b);
    assert_int_equal(err.handle, 0x81000002);
    assert_int_equal(strncmp(err.text, "sign with 0x81000002: ", 22), 0);
    assert_non_null(strstr(err.text, "(0x18b)"));
    assert_non_null(strstr(err.text, "run \"devid provision\""));
    assert_null(strchr(err.text, '\n'));

    assert_int_equal(devid_fail(&err, DEVID_E_ARG, "no %s", "sense"), DEVID_E_ARG);
    assert_int_equal(err.tss, 0); /* nothing of the last one is left */
    assert_int_equal(err.handle, 0);
    assert_string_equal(err.text, "no sense");
}

static void the_caller_need_not_be_interested(void **state)
{
    (void)state;
    assert_int_equal(devid_fail(NULL, DEVID_E_KEY, "%s", "x"), DEVID_E_KEY);
    assert_int_equal(devid_fail_tss(NULL, 0x921, 0, "%s", "x"), DEVID_E_LOCKED);
    assert_int_equal(devid_error_in(NULL, DEVID_E_NET, "x"), DEVID_E_NET);
}

static void a_noun_is_put_before_the_sentence(void **state)
{
    struct devid_error err = {0};
    devid_rc rc = devid_fail_tss(&err, 0x921, 7, "sign");

    (void)state;
    assert_int_equal(devid_error_in(&err, rc, "azure:ldevid"), DEVID_E_LOCKED);
    assert_int_equal(strncmp(err.text, "azure:ldevid: sign: ", 20), 0);
    assert_int_equal(err.tss, 0x921);
    assert_int_equal(err.handle, 7);
}

/* Lengths around the limit, nested: always terminated, never over, the beginning kept. */
static void the_text_is_cut_at_its_end_and_nowhere_else(void **state)
{
    struct {
        struct devid_error err;
        char canary[8];
    } box;
    char filler[1000];

    (void)state;
    for (size_t len = sizeof box.err.text - 4; len < sizeof box.err.text + 5; len++) {
        memset(filler, 'a', len);
        filler[len] = 0;
        memset(&box, 0x55, sizeof box);
        assert_int_equal(devid_fail(&box.err, DEVID_E_NET, "%s", filler), DEVID_E_NET);
        assert_int_equal(strlen(box.err.text), len < sizeof box.err.text ? len : sizeof box.err.text - 1);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(devid_error_in(&box.err, DEVID_E_NET, "noun"), DEVID_E_NET);
            assert_int_equal(strncmp(box.err.text, "noun: ", 6), 0);
            assert_true(strlen(box.err.text) < sizeof box.err.text);
        }
        assert_int_equal(devid_error_in(&box.err, DEVID_E_NET, filler), DEVID_E_NET);
        assert_true(strlen(box.err.text) < sizeof box.err.text);
        assert_int_equal(devid_fail_tss(&box.err, 0x18b, 0, "%s", filler), DEVID_E_ABSENT);
        assert_true(strlen(box.err.text) < sizeof box.err.text);
        assert_int_equal(box.canary[0], 0x55);
    }
}

static void a_cut_does_not_split_a_character(void **state)
{
    struct devid_error err = {0};
    char filler[400] = "";

    (void)state;
    for (int i = 0; i < 190; i++)
        strcat(filler, "\xc3\xa4");
    assert_int_equal(devid_fail(&err, DEVID_E_DATA, "%s", filler), DEVID_E_DATA);
    assert_int_equal(strlen(err.text), sizeof err.text - 2);
    assert_int_equal(devid_fail(&err, DEVID_E_DATA, "x%s", filler), DEVID_E_DATA);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void names_from_outside_cannot_break_the_line(void **state)
{
    struct devid_error err = {0};

    (void)state;
    assert_int_equal(devid_fail(&err, DEVID_E_DATA, "no %s", "a\n\x1b[2Jb\x7f"), DEVID_E_DATA);
    assert_string_equal(err.text, "no a??[2Jb?");
    assert_int_equal(devid_error_in(&err, DEVID_E_DATA, "x\ny"), DEVID_E_DATA);
    assert_string_equal(err.text, "x?y: no a??[2Jb?");
}

static void its_own_text_may_be_among_the_arguments(void **state)
{
    struct devid_error err = {0};

    (void)state;
    assert_int_equal(devid_fail(&err, DEVID_E_NET, "no route"), DEVID_E_NET);
    assert_int_equal(devid_fail(&err, DEVID_E_NET, "est: %s, after 3 attempts", err.text), DEVID_E_NET);
    assert_string_equal(err.text, "est: no route, after 3 attempts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_the_tpm_and_the_tss_have_their_meaning),
        cmocka_unit_test(no_code_but_zero_is_success),
        cmocka_unit_test(every_rc_has_a_word_of_its_own),
        cmocka_unit_test(a_tpms_answer_names_what_was_tried_the_code_and_the_remedy),
        cmocka_unit_test(the_caller_need_not_be_interested),
        cmocka_unit_test(a_noun_is_put_before_the_sentence),
        cmocka_unit_test(the_text_is_cut_at_its_end_and_nowhere_else),
        cmocka_unit_test(a_cut_does_not_split_a_character),
        cmocka_unit_test(names_from_outside_cannot_break_the_line),
        cmocka_unit_test(its_own_text_may_be_among_the_arguments),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
