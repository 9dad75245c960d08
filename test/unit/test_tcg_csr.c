/* SPDX-License-Identifier: BSD-2-Clause */
/* TCG_CSR_IDEVID to the byte. */
#include "core/tcg_csr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const unsigned char noise[16] = "ABCDEFGHIJKLMNOP";
static const struct devid_scheme ecdsa = {.padding = DEVID_ECDSA, .hash = DEVID_SHA256};

static struct devid_slice text(const char *s)
{
    return (struct devid_slice){(const unsigned char *)s, strlen(s)};
}

/* \param model  decides how much padding there is */
static void make(const char *model, struct devid_bytes *contents, struct devid_bytes *file)
{
    struct devid_slice parts[DEVID_TCG_PAD] = {{0}};
    unsigned char sig[64] = {0};

    parts[DEVID_TCG_MODEL] = text(model);
    parts[DEVID_TCG_SERIAL] = text("7");
    parts[DEVID_TCG_SIGNING_SIG] = text("last");
    sig[31] = 1;
    sig[32] = 0x80;
    assert_int_equal(devid_tcg_csr_contents(parts, DEVID_SHA256, noise, contents, NULL), DEVID_OK);
    assert_int_equal(devid_tcg_csr_write(devid_slice_of(*contents), &ecdsa, (struct devid_slice){sig, sizeof sig}, file, NULL), DEVID_OK);
}

static void sizes_parts_and_hash_are_where_the_standard_says(void **state)
{
    /* structVer, SHA-256, 32; then a hash; then model 3, serial 1, ..., sgnCertifyInfoSignature 4, pad 8; then these */
    static const unsigned char head[12] = {0, 0, 1, 0, 0, 0, 0, 0x0b, 0, 0, 0, 32},
                               sizes[52] = {[3] = 3, [7] = 1, [47] = 4, [51] = 8};
    struct devid_bytes contents = {0}, file = {0};
    unsigned char digest[32];

    (void)state;
    make("abc", &contents, &file);
    assert_int_equal(contents.len, 12 + 32 + 52 + 8 + 8); /* a multiple of 16 */
    assert_memory_equal(contents.data, head, sizeof head);
    assert_memory_equal(contents.data + 44, sizes, sizeof sizes);
    assert_memory_equal(contents.data + 96, "abc7lastABCDEFGH", 16);
    assert_int_equal(devid_hash_once(DEVID_SHA256, (struct devid_slice){contents.data + 44, contents.len - 44}, digest, NULL), DEVID_OK);
    assert_memory_equal(contents.data + 12, digest, sizeof digest);
    devid_bytes_free(&contents);
    devid_bytes_free(&file);
}

static void the_signature_names_its_algorithm(void **state)
{
    /* SEQUENCE { ecdsa-with-SHA256, BIT STRING { SEQUENCE { 1, 0x80 and 31 zeros } } } */
    static const unsigned char begin[] = {0x30, 0x37, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
                                          0x03, 0x29, 0x00, 0x30, 0x26, 0x02, 0x01, 0x01, 0x02, 0x21, 0x00, 0x80, 0x00};
    struct devid_bytes contents = {0}, file = {0};

    (void)state;
    make("abc", &contents, &file);
    assert_int_equal(file.len, 12 + contents.len + 0x39);
    assert_int_equal(file.data[7], contents.len);
    assert_int_equal(file.data[11], 0x39);
    assert_memory_equal(file.data + 12 + contents.len, begin, sizeof begin);
    devid_bytes_free(&contents);
    devid_bytes_free(&file);
}

static void what_was_written_is_read(void **state)
{
    static const char *const models[] = {"", "0123456", "01234567", "012345678", "0123456789abcde", "0123456789abcdef"};

    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        struct devid_bytes contents = {0}, file = {0};
        struct devid_tcg_csr csr;

        make(models[i], &contents, &file);
        assert_int_equal(devid_tcg_csr_read(devid_slice_of(file), &csr, NULL), DEVID_OK);
        assert_int_equal(csr.contents.len % 16, 0);
        assert_true(devid_slice_eq(csr.contents, devid_slice_of(contents)));
        assert_int_equal(csr.hash, DEVID_SHA256);
        assert_int_equal(csr.digest.len, 32);
        assert_true(devid_slice_eq(csr.parts[DEVID_TCG_MODEL], text(models[i])));
        assert_true(devid_slice_eq(csr.parts[DEVID_TCG_SERIAL], text("7")));
        assert_true(devid_slice_eq(csr.parts[DEVID_TCG_SIGNING_SIG], text("last")));
        assert_int_equal(csr.parts[DEVID_TCG_EK_CERT].len, 0);
        assert_true(csr.parts[DEVID_TCG_PAD].len < 16);
        devid_bytes_free(&contents);
        devid_bytes_free(&file);
    }
}

static void a_structure_that_is_none_is_refused_with_the_reason(void **state)
{
    /* A byte of the file of model "abc", what it is set to, and the reason. */
    static const struct {
        size_t at;
        unsigned char value;
        const char *words;
    } cases[] = {
        {0, 2, "no TCG_CSR_IDEVID of version 1.0"}, {7, 0x71, "sizes are not those of the file"},
        {4, 0xff, "sizes are not those of the file"}, {11, 0x38, "sizes are not those of the file"},
        {14, 2, "of another version than 1.0"},     {19, 0x0c, "none that is known, or of another length"},
        {19, 0x04, "none that is known, or of another length"}, {18, 0x01, "none that is known, or of another length"},
        {23, 0xff, "malformed"},                    {20, 0x80, "malformed"},
        {59, 4, "ends within its parts"},           {56, 0xff, "ends within its parts"},
        {59, 2, "bytes follow its last part"},
    };
    struct devid_bytes contents = {0}, file = {0};
    struct devid_tcg_csr csr;

    (void)state;
    make("abc", &contents, &file);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char was = file.data[cases[i].at];
        struct devid_error err = {0};

        file.data[cases[i].at] = cases[i].value;
        assert_int_equal(devid_tcg_csr_read(devid_slice_of(file), &csr, &err), DEVID_E_DATA);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("%zu: %s", i, err.text);
        file.data[cases[i].at] = was;
    }
    for (size_t len = 0; len < file.len; len++)
        assert_int_equal(devid_tcg_csr_read((struct devid_slice){file.data, len}, &csr, NULL), DEVID_E_DATA);
    assert_int_equal(devid_tcg_csr_read(devid_slice_of(file), &csr, NULL), DEVID_OK);
    devid_bytes_free(&contents);
    devid_bytes_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_parts_and_hash_are_where_the_standard_says),
        cmocka_unit_test(the_signature_names_its_algorithm),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_structure_that_is_none_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests_name("tcg_csr", tests, NULL, NULL);
}
