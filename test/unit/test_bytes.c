/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/soft.h"

struct world {
    char folder[64], path[96];
};

static int make_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "%s/devid-bytes-XXXXXX", "/tmp");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->path, sizeof w->path, "%s/file", w->folder);
    *state = w;
    return 0;
}

static int end_world(void **state)
{
    struct world *w = *state;

    (void)unlink(w->path);
    (void)rmdir(w->folder);
    free(w);
    return 0;
}

static void put(struct world *w, const void *data, size_t len)
{
    FILE *f = fopen(w->path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void copies_are_followed_by_a_nul_and_may_be_freed_twice(void **state)
{
    struct devid_bytes b = {0}, empty = {0};

    (void)state;
    assert_int_equal(devid_bytes_copy(TEXT("abc"), &b, NULL), DEVID_OK);
    assert_int_equal(b.len, 3);
    assert_string_equal((char *)b.data, "abc");
    assert_int_equal(devid_bytes_append(&b, TEXT("def"), NULL), DEVID_OK);
    assert_string_equal((char *)b.data, "abcdef");
    assert_int_equal(devid_bytes_append(&b, (struct devid_slice){0}, NULL), DEVID_OK);
    assert_int_equal(b.len, 6);
    devid_bytes_free(&b);
    assert_null(b.data);
    devid_bytes_free(&b);
    devid_bytes_free(NULL);

    assert_int_equal(devid_bytes_copy((struct devid_slice){0}, &empty, NULL), DEVID_OK);
    assert_int_equal(empty.len, 0);
    assert_string_equal((char *)empty.data, "");
    devid_bytes_free(&empty);
}

static void more_than_memory_can_hold_is_refused_and_changes_nothing(void **state)
{
    struct devid_bytes b = {0};
    struct devid_slice huge = {(const unsigned char *)"", SIZE_MAX - 2};

    (void)state;
    assert_int_equal(devid_bytes_copy(TEXT("abc"), &b, NULL), DEVID_OK);
    assert_int_equal(devid_bytes_append(&b, huge, NULL), DEVID_E_MEM);
    assert_string_equal((char *)b.data, "abc");
    devid_bytes_free(&b);
    assert_int_equal(devid_hex_encode(huge, &b, NULL), DEVID_E_MEM);
    assert_null(b.data);
}

static void slices_are_equal_by_length_and_content(void **state)
{
    (void)state;
    assert_true(devid_slice_eq(TEXT("ab"), TEXT("ab")));
    assert_false(devid_slice_eq(TEXT("ab"), TEXT("ac")));
    assert_false(devid_slice_eq(TEXT("ab"), TEXT("abc")));
    assert_true(devid_slice_eq((struct devid_slice){0}, TEXT("")));
}

static void hexadecimal_goes_both_ways(void **state)
{
    static const char *const good[] = {"00ff10ab", "00FF10AB", "00:ff:10:ab", " 00 ff\t10\nab\r\n", "::00ff 10ab:"};
    static const char *const bad[] = {"0", "0g", "g0", "00f", "0 0ff10ab", "0x00ff", "00-ff", "\xc3\xa4"};
    static const unsigned char bytes[] = {0, 0xff, 0x10, 0xab};
    struct devid_bytes out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(devid_hex_decode(good[i], &out, NULL), DEVID_OK);
        assert_true(devid_slice_eq(devid_slice_of(out), SLICE(bytes)));
        devid_bytes_free(&out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(devid_hex_decode(bad[i], &out, NULL), DEVID_E_DATA);
        assert_null(out.data);
    }
    assert_int_equal(devid_hex_decode("", &out, NULL), DEVID_OK);
    assert_int_equal(out.len, 0);
    devid_bytes_free(&out);
    assert_int_equal(devid_hex_encode(SLICE(bytes), &out, NULL), DEVID_OK);
    assert_string_equal((char *)out.data, "00ff10ab");
    devid_bytes_free(&out);
}

static void a_file_is_read_whole_up_to_the_limit(void **state)
{
    struct world *w = *state;
    struct devid_bytes out = {0};
    unsigned char data[1000];

    memset(data, 0xa5, sizeof data);
    for (size_t len = 998; len <= 1000; len++) {
        put(w, data, len);
        assert_int_equal(devid_file_read(w->path, 999, &out, NULL), len <= 999 ? DEVID_OK : DEVID_E_DATA);
        if (len <= 999) {
            assert_true(devid_slice_eq(devid_slice_of(out), (struct devid_slice){data, len}));
            assert_int_equal(out.data[len], 0);
        }
        devid_bytes_free(&out);
    }
    put(w, "", 0);
    assert_int_equal(devid_file_read(w->path, 999, &out, NULL), DEVID_OK);
    assert_int_equal(out.len, 0);
    devid_bytes_free(&out);
    put(w, "", 0);
    assert_int_equal(devid_file_read(w->path, 0, &out, NULL), DEVID_OK);
    devid_bytes_free(&out);
    put(w, "x", 1);
    assert_int_equal(devid_file_read(w->path, 0, &out, NULL), DEVID_E_DATA);
}

static void what_is_no_file_or_not_there_is_told_apart(void **state)
{
    struct world *w = *state;
    struct devid_bytes out = {0};
    struct devid_error err = {0};

    assert_int_equal(devid_file_read(w->path, 10, &out, &err), DEVID_E_ABSENT);
    assert_non_null(strstr(err.text, w->path));
    assert_int_equal(devid_file_read(w->folder, 10, &out, NULL), DEVID_E_FILE);
    assert_int_equal(devid_file_read("/dev/zero", 100000, &out, NULL), DEVID_E_DATA); /* it ends at the limit */
}

/* Files of /proc say that they have no bytes. */
static void a_file_without_a_size_is_read(void **state)
{
    struct devid_bytes out = {0};

    (void)state;
    assert_int_equal(devid_file_read("/proc/self/status", 65536, &out, NULL), DEVID_OK);
    assert_true(out.len > 520); /* more than the first buffer */
    assert_int_equal(strlen((char *)out.data), out.len);
    devid_bytes_free(&out);
    assert_int_equal(devid_file_read("/proc/self/status", 520, &out, NULL), DEVID_E_DATA);
}

/* A shell's <(command) is a pipe, and the command may be slower than we are. */
static void a_pipe_is_waited_for(void **state)
{
    struct devid_secret secret = {0};
    int ends[2], gate[2], status;
    char path[32], go;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(gate), 0);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool is_written;

        (void)close(ends[0]);
        is_written = read(gate[0], &go, 1) == 1 && usleep(20000) == 0 && write(ends[1], "se", 2) == 2 &&
                     usleep(20000) == 0 && write(ends[1], "cret\n", 5) == 5;
        _exit(is_written ? 0 : 1);
    }
    (void)close(ends[1]);
    assert_int_equal(write(gate[1], "g", 1), 1);
    assert_int_equal(devid_secret_read(path, &secret, NULL), DEVID_OK);
    assert_int_equal(secret.len, 6);
    assert_memory_equal(secret.data, "secret", 6);
    devid_secret_free(&secret);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)close(ends[0]);
    (void)close(gate[0]);
    (void)close(gate[1]);
}

/* A named pipe without a writer would stop an open() for ever. */
static void a_pipe_without_a_writer_is_empty(void **state)
{
    struct world *w = *state;
    struct devid_secret secret = {0};

    assert_int_equal(mkfifo(w->path, 0600), 0);
    assert_int_equal(devid_secret_read(w->path, &secret, NULL), DEVID_E_DATA);
}

static void a_secret_is_one_line(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *text;
        size_t len;
        devid_rc rc;
        size_t secret_len;
    } cases[] = {
        {"hunter2", 7, DEVID_OK, 7},    {"hunter2\n", 8, DEVID_OK, 7}, {"hunter2\r\n", 9, DEVID_OK, 7},
        {" x ", 3, DEVID_OK, 3},        {"", 0, DEVID_E_DATA, 0},      {"\n", 1, DEVID_E_DATA, 0},
        {"\r\n", 2, DEVID_E_DATA, 0},   {"a\nb", 3, DEVID_E_DATA, 0},  {"a\n\n", 3, DEVID_E_DATA, 0},
        {"a\0b", 3, DEVID_E_DATA, 0},   {"a\rb", 3, DEVID_E_DATA, 0},
    };
    char longest[4099];
    struct devid_secret s = {0};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(w, cases[i].text, cases[i].len);
        assert_int_equal(devid_secret_read(w->path, &s, NULL), cases[i].rc);
        assert_int_equal(s.len, cases[i].secret_len);
        devid_secret_free(&s);
    }
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 4096, "\r\n", 2);
    put(w, longest, 4098);
    assert_int_equal(devid_secret_read(w->path, &s, NULL), DEVID_OK);
    assert_int_equal(s.len, 4096);
    devid_secret_free(&s);
    memset(longest, 'x', sizeof longest);
    put(w, longest, 4097);
    assert_int_equal(devid_secret_read(w->path, &s, NULL), DEVID_E_DATA);
    put(w, longest, 4099);
    assert_int_equal(devid_secret_read(w->path, &s, NULL), DEVID_E_DATA);
    assert_null(s.data);
}

/* systemd.exec(5): the folder is the service's alone. */
static void a_secret_may_be_a_credential_of_systemd(void **state)
{
    struct world *w = *state;
    char folder[256], name[300], *slash;
    struct devid_secret s = {0};
    struct devid_error err = {0};

    put(w, "hunter2\n", 8);
    (void)snprintf(folder, sizeof folder, "%s", w->path);
    slash = strrchr(folder, '/');
    assert_non_null(slash);
    (void)snprintf(name, sizeof name, "credential:%s", slash + 1);
    *slash = 0;
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(devid_secret_read(name, &s, &err), DEVID_E_FILE);
    assert_non_null(strstr(err.text, "outside of its service"));
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    assert_int_equal(devid_secret_read(name, &s, NULL), DEVID_OK);
    assert_int_equal(s.len, 7);
    devid_secret_free(&s);
    assert_int_equal(devid_secret_read("credential:none", &s, NULL), DEVID_E_FILE);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

/* A missing secret is a fault of the configuration, not an identity that is not there. */
static void a_secret_that_cannot_be_read_is_a_file_error_and_never_in_the_message(void **state)
{
    struct world *w = *state;
    struct devid_secret s = {0};
    struct devid_error err = {0};

    assert_int_equal(devid_secret_read(w->path, &s, &err), DEVID_E_FILE);
    assert_non_null(strstr(err.text, w->path));
    put(w, "hunter2\nhunter3", 15);
    assert_int_equal(devid_secret_read(w->path, &s, &err), DEVID_E_DATA);
    assert_null(strstr(err.text, "hunter"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_followed_by_a_nul_and_may_be_freed_twice),
        cmocka_unit_test(more_than_memory_can_hold_is_refused_and_changes_nothing),
        cmocka_unit_test(slices_are_equal_by_length_and_content),
        cmocka_unit_test(hexadecimal_goes_both_ways),
        cmocka_unit_test_setup_teardown(a_file_is_read_whole_up_to_the_limit, make_world, end_world),
        cmocka_unit_test_setup_teardown(what_is_no_file_or_not_there_is_told_apart, make_world, end_world),
        cmocka_unit_test(a_file_without_a_size_is_read),
        cmocka_unit_test(a_pipe_is_waited_for),
        cmocka_unit_test_setup_teardown(a_pipe_without_a_writer_is_empty, make_world, end_world),
        cmocka_unit_test_setup_teardown(a_secret_is_one_line, make_world, end_world),
        cmocka_unit_test_setup_teardown(a_secret_may_be_a_credential_of_systemd, make_world, end_world),
        cmocka_unit_test_setup_teardown(a_secret_that_cannot_be_read_is_a_file_error_and_never_in_the_message,
                                        make_world, end_world),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
