/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are whole and old, or whole and new; their names; the records in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/files.h"
#include "unit/folder.h"

#define SLICE_OF(text) ((struct devid_slice){(const unsigned char *)(text), strlen(text)})
#define NOBODY 65534

static int make_folder(void **state)
{
    *state = folder_make();
    return 0;
}

static int remove_folder(void **state)
{
    folder_remove(*state);
    return 0;
}

static void assert_content(const char *folder, const char *name, const char *text)
{
    struct devid_bytes content = folder_read(folder, name);

    assert_string_equal((char *)content.data, text);
    devid_bytes_free(&content);
}

static void assert_replaced(const char *folder, const char *name, const char *text)
{
    struct devid_error err = {0};

    if (devid_files_replace(folder, name, SLICE_OF(text), 0640, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    assert_content(folder, name, text);
}

static void a_file_is_made_and_replaced_with_folders_on_the_way(void **state)
{
    mode_t mask = umask(077);
    char path[4096];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/a/b", (const char *)*state);
    assert_replaced(path, "x.pem", "old");
    assert_replaced(path, "x.pem", "new");
    assert_replaced(path, "x.pem", "");
    assert_int_equal(folder_count(path), 1);
    (void)snprintf(path, sizeof path, "%s/a/b/x.pem", (const char *)*state);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640); /* whatever the caller's umask */
    (void)umask(mask);
}

static void a_file_that_is_replaced_keeps_its_rights(void **state)
{
    char path[4096];
    struct stat st;

    assert_replaced(*state, "key.pem", "old");
    (void)snprintf(path, sizeof path, "%s/key.pem", (char *)*state);
    assert_int_equal(chmod(path, 0600), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(path, 65534, 65533), 0);
    assert_replaced(*state, "key.pem", "new");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_uid, geteuid() == 0 ? 65534 : geteuid());
    assert_int_equal(st.st_gid, geteuid() == 0 ? 65533 : getegid());
}

/* "sudo devid renew" where a service has the state folder. */
static void what_root_makes_in_a_folder_of_another_user_is_that_users(void **state)
{
    char path[4096];
    struct stat st;

    if (geteuid() != 0)
        skip(); /* nobody else may give files away */
    assert_int_equal(chown(*state, 65534, 65533), 0);
    (void)snprintf(path, sizeof path, "%s/token/below", (char *)*state);
    assert_replaced(path, "key.pem", "new");
    for (int i = 0; i < 3; i++) {
        static const char *const made[] = {"token", "token/below", "token/below/key.pem"};

        (void)snprintf(path, sizeof path, "%s/%s", (char *)*state, made[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_uid, 65534);
        assert_int_equal(st.st_gid, 65533);
    }
}

static void a_path_of_one_name_is_in_the_folder_where_one_is(void **state)
{
    char here[4096];

    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(devid_files_replace_path("x", SLICE_OF("1"), 0644, NULL), DEVID_OK);
    assert_int_equal(chdir(here), 0);
    assert_content(*state, "x", "1");
    assert_int_equal(folder_count(*state), 1);
}

static void removing_what_is_not_there_is_no_error(void **state)
{
    assert_replaced(*state, "x", "1");
    assert_int_equal(devid_files_remove(*state, "x", NULL), DEVID_OK);
    assert_false(folder_has(*state, "x"));
    assert_int_equal(devid_files_remove(*state, "x", NULL), DEVID_OK);
    assert_int_equal(devid_files_remove("/nowhere/at/all", "x", NULL), DEVID_OK);
}

/* What a full disk does: some of it is written, then no more. */
static void a_full_disk_leaves_the_old_file_and_nothing_else(void **state)
{
    static unsigned char big[100000];
    struct rlimit old, small;
    struct devid_error err = {0};
    devid_rc rc;

    assert_replaced(*state, "x", "old");
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 50000, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    rc = devid_files_replace(*state, "x", (struct devid_slice){big, sizeof big}, 0644, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(rc, DEVID_E_FILE);
    assert_non_null(strstr(err.text, "/x: File too large; make room and run it again"));
    assert_content(*state, "x", "old");
    assert_int_equal(folder_count(*state), 1);
}

static void a_file_where_a_folder_should_be_is_told_by_its_path(void **state)
{
    struct devid_error err = {0};
    char path[4096];

    folder_write_text(*state, "state", "a file");
    (void)snprintf(path, sizeof path, "%s/state/owner", (const char *)*state);
    assert_int_equal(devid_files_replace(path, "x", SLICE_OF("1"), 0644, &err), DEVID_E_FILE);
    assert_non_null(strstr(err.text, "/state"));
    assert_non_null(strstr(err.text, "Not a directory"));
    assert_int_equal(devid_files_replace("/proc/self/devid", "x", SLICE_OF("1"), 0644, &err), DEVID_E_FILE);
    assert_non_null(strstr(err.text, "cannot make the folder /proc/self/devid"));
    (void)snprintf(path, sizeof path, "%s/none/x", (const char *)*state);
    assert_int_equal(devid_files_replace_path(path, SLICE_OF("1"), 0644, &err), DEVID_E_FILE);
    assert_int_equal(folder_count(*state), 1);
}

static void a_name_that_is_a_folder_is_not_replaced(void **state)
{
    struct devid_error err = {0};

    folder_write_text(*state, "x/inside", "kept");
    assert_int_equal(devid_files_replace(*state, "x", SLICE_OF("1"), 0644, &err), DEVID_E_FILE);
    assert_int_equal(devid_files_remove(*state, "x", &err), DEVID_E_FILE);
    assert_content(*state, "x/inside", "kept");
    assert_int_equal(folder_count(*state), 1);
}

/* In a child, which drops the rights that root has everywhere. */
static void without_rights_the_sentence_says_what_to_do(void **state)
{
    pid_t child;
    int status;

    assert_replaced(*state, "x", "old");
    assert_int_equal(chmod(*state, 0555), 0);
    child = fork();
    if (child == 0) {
        struct devid_error err = {0};
        bool is_told, may_not_remove;

        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
            _exit(3);
        is_told = devid_files_replace(*state, "x", SLICE_OF("new"), 0644, &err) == DEVID_E_FILE &&
                  strstr(err.text, "Permission denied; run as the owner of the folder") != NULL;
        may_not_remove = devid_files_remove(*state, "x", &err) == DEVID_E_FILE;
        _exit(is_told && may_not_remove ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(status, 0);
    assert_content(*state, "x", "old");
    assert_int_equal(folder_count(*state), 1);
}

/* ---- power cuts ---- */

/* This program again, as "test_files replace FOLDER", with the library of faults, and what it is to do. */
static int run_with(const char *variable, const char *value, const char *folder)
{
    const char *const build = getenv("DEVID_BUILD");
    char library[4096], program[4096] = "";
    pid_t child;
    int status;

    assert_non_null(build);
    (void)snprintf(library, sizeof library, "%s/.libs/libfile-fault.so", build);
    assert_int_equal(access(library, R_OK), 0);
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    child = fork();
    if (child == 0) {
        (void)setenv("LD_PRELOAD", library, 1);
        (void)setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
        (void)setenv(variable, value, 1);
        (void)execl(program, "test_files", "replace", folder, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int run_killed(const char *variable, const char *folder)
{
    return run_with(variable, "2", folder);
}

static int replace_twice(const char *folder)
{
    return devid_files_replace(folder, "x", SLICE_OF("first"), 0644, NULL) == DEVID_OK &&
                   devid_files_replace(folder, "x", SLICE_OF("second"), 0644, NULL) == DEVID_OK
               ? 0
               : 1;
}

/* A new folder's name is on the disk before a file is put into it: a power cut would take both. */
static void a_new_folder_is_synced_into_the_one_it_is_in(void **state)
{
    static const char once[] = "mkostemp\nwrite\nfsync\nrename\nfsync\n";
    char inner[4096], log[4096], expected[256];

    (void)snprintf(inner, sizeof inner, "%s/state/owner", (const char *)*state);
    (void)snprintf(log, sizeof log, "%s/log", (const char *)*state);
    (void)snprintf(expected, sizeof expected, "mkdir\nfsync\nmkdir\nfsync\n%s%s", once, once);
    assert_int_equal(setenv("FILE_FAULT_LOG", log, 1), 0);
    assert_int_equal(run_with("FILE_FAULT_DIRS", *state, inner), 0);
    assert_int_equal(unsetenv("FILE_FAULT_LOG"), 0);
    assert_content(*state, "log", expected);
}

/*
 * The last step of a replacement fails: the folder cannot be synced. Who is told so finds what was there before; only a disk that takes
 * nothing any more keeps the new one, which is whole.
 */
static void what_a_folder_cannot_be_told_of_for_good_is_taken_back(void **state)
{
    static const struct {
        const char *fault, *content; /* NULL: no file */
    } cases[] = {{"5:fail", NULL}, {"10:fail", "first"}, {"10:full", "second"}};

    assert_int_equal(setenv("FILE_FAULT_DIRS", *state, 1), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = run_with("FILE_FAULT", cases[i].fault, *state);

        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        assert_int_equal(folder_count(*state), cases[i].content != NULL ? 1 : 0);
        if (cases[i].content != NULL)
            assert_content(*state, "x", cases[i].content);
        assert_int_equal(devid_files_remove(*state, "x", NULL), DEVID_OK);
    }
    assert_int_equal(unsetenv("FILE_FAULT_DIRS"), 0);
}

static void a_power_cut_leaves_the_old_or_the_new_and_no_rubbish_for_long(void **state)
{
    int status = run_killed("KILL_AFTER_RENAME", *state);

    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_content(*state, "x", "second");
    assert_int_equal(folder_count(*state), 1);

    status = run_killed("KILL_BEFORE_RENAME", *state);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_content(*state, "x", "first");
    assert_int_equal(folder_count(*state), 2); /* what was being written */
    assert_replaced(*state, "y", "another");
    assert_int_equal(folder_count(*state), 2); /* x and y */
}

static void write_many(const char *folder, char letter)
{
    unsigned char content[20000];

    memset(content, letter, sizeof content);
    for (int i = 0; i < 50; i++)
        if (devid_files_replace(folder, "x", (struct devid_slice){content, sizeof content}, 0644, NULL) != DEVID_OK)
            _exit(1);
    _exit(0);
}

/* Nor does one writer take another's temporary file for rubbish. */
static void readers_see_whole_files_whoever_writes(void **state)
{
    pid_t writers[3];
    int status, n_running = 3;

    for (int i = 0; i < 3; i++) {
        writers[i] = fork();
        if (writers[i] == 0)
            write_many(*state, (char)('a' + i));
    }
    while (n_running > 0) {
        struct devid_bytes seen = {0};
        char path[4096];

        (void)snprintf(path, sizeof path, "%s/x", (const char *)*state);
        if (devid_file_read(path, 1U << 20, &seen, NULL) == DEVID_OK) {
            assert_int_equal(seen.len, 20000);
            for (size_t i = 1; i < seen.len; i++)
                assert_int_equal(seen.data[i], seen.data[0]);
        }
        devid_bytes_free(&seen);
        for (int i = 0; i < 3; i++)
            if (writers[i] != 0 && waitpid(writers[i], &status, WNOHANG) == writers[i]) {
                assert_int_equal(status, 0);
                writers[i] = 0;
                n_running--;
            }
    }
    assert_int_equal(folder_count(*state), 1);
}

/* ---- names ---- */

static void a_label_becomes_a_name_that_no_folder_minds(void **state)
{
    static const struct {
        const char *label, *name;
    } cases[] = {
        {"idevid", "idevid"},   {"azure:ldevid", "azure%3Aldevid"}, {"..", "%2E."},        {".x", "%2Ex"},
        {"a/b", "a%2Fb"},       {"a%3Ab", "a%253Ab"},               {"a b_-.Z9", "a%20b_-.Z9"}, {"", ""},
        {"\xc3\xa4", "%C3%A4"}, {"a\nb", "a%0Ab"},
    };
    char label[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct devid_bytes name = {0};

        assert_int_equal(devid_files_name(cases[i].label, &name, NULL), DEVID_OK);
        assert_string_equal((char *)name.data, cases[i].name);
        assert_int_equal(name.len, strlen(cases[i].name));
        assert_true(devid_files_label((char *)name.data, name.len, label));
        assert_string_equal(label, cases[i].label);
        devid_bytes_free(&name);
    }
    assert_false(devid_files_label("a%00b", 5, label));
}

/* ---- records ---- */

static struct devid_record must_parse(const char *text)
{
    struct devid_record record = {0};
    struct devid_error err = {0};

    if (devid_record_parse(SLICE_OF(text), &record, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    return record;
}

static void assert_written(const struct devid_record *record, const char *text)
{
    struct devid_bytes out = {0};

    assert_int_equal(devid_record_write(record, &out, NULL), DEVID_OK);
    assert_string_equal(out.data != NULL ? (char *)out.data : "", text);
    devid_bytes_free(&out);
}

static void fields_are_changed_in_place_and_all_else_stays(void **state)
{
    static const char rest[] = "-----BEGIN X-----\nlabel: not a field\n-----END X-----\n";
    char text[256], expected[256];
    struct devid_record record;

    (void)state;
    (void)snprintf(text, sizeof text, "format: 1\nlabel: a: b\nfrom-later: kept\nempty:\nid: 00\n%s", rest);
    record = must_parse(text);
    assert_int_equal(record.n_fields, 5);
    assert_string_equal(devid_record_get(&record, "label"), "a: b");
    assert_string_equal(devid_record_get(&record, "empty"), "");
    assert_null(devid_record_get(&record, "absent"));
    assert_int_equal(devid_record_set(&record, "label", "new", NULL), DEVID_OK);
    assert_int_equal(devid_record_set(&record, "id", NULL, NULL), DEVID_OK);
    assert_int_equal(devid_record_set(&record, "absent", NULL, NULL), DEVID_OK);
    assert_int_equal(devid_record_set(&record, "handle", "0x81000002", NULL), DEVID_OK);
    (void)snprintf(expected, sizeof expected, "format: 1\nlabel: new\nfrom-later: kept\nempty: \nhandle: 0x81000002\n%s", rest);
    assert_written(&record, expected);
    devid_record_free(&record);
    devid_record_free(NULL);
}

static void a_value_cannot_become_another_field(void **state)
{
    struct devid_record record = must_parse("label: x\n");

    (void)state;
    assert_int_equal(devid_record_set(&record, "label", "x\nhandle: 0x81000001", NULL), DEVID_E_ARG);
    assert_int_equal(devid_record_set(&record, "label", "x\r", NULL), DEVID_E_ARG);
    assert_written(&record, "label: x\n");
    devid_record_free(&record);
}

static void an_editors_line_ends_do_not_matter(void **state)
{
    struct devid_record record = must_parse("label: x\r\nempty:\r\nlast: y\r");

    (void)state;
    assert_string_equal(devid_record_get(&record, "label"), "x");
    assert_string_equal(devid_record_get(&record, "empty"), "");
    assert_string_equal(devid_record_get(&record, "last"), "y");
    devid_record_free(&record);
}

static void what_is_no_record_is_all_rest(void **state)
{
    static const char *const texts[] = {"", "\n", "-----BEGIN X-----\n", ": x\n", "no colon\n", "a:b\n", "a b: c\n", "\xff: x\n"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct devid_record record = must_parse(texts[i]);

        assert_int_equal(record.n_fields, 0);
        assert_written(&record, texts[i]);
        devid_record_free(&record);
    }
}

static void a_record_has_limits(void **state)
{
    static const char nul[] = "label: x\0y\n";
    static char long_text[65536];
    char *text = malloc(70000), *at = text;
    struct devid_record record = {0};
    struct devid_bytes file = {0};

    (void)state;
    assert_int_equal(devid_record_parse((struct devid_slice){(const unsigned char *)nul, sizeof nul}, &record, NULL),
                     DEVID_E_DATA);
    for (int i = 0; i < DEVID_RECORD_FIELDS_MAX; i++)
        at += sprintf(at, "f%d: v\n", i);
    record = must_parse(text);
    assert_int_equal(devid_record_set(&record, "more", "v", NULL), DEVID_E_DATA);
    devid_record_free(&record);
    memset(long_text, 'x', sizeof long_text - 1);
    assert_int_equal(devid_record_set(&record, "f", long_text, NULL), DEVID_E_ARG);
    long_text[65536 - 3] = 0;
    assert_int_equal(devid_record_set(&record, "f", long_text, NULL), DEVID_OK);
    assert_int_equal(devid_record_write(&record, &file, NULL), DEVID_OK);
    devid_record_free(&record);
    assert_int_equal(devid_record_parse(devid_slice_of(file), &record, NULL), DEVID_OK);
    assert_string_equal(devid_record_get(&record, "f"), long_text);
    devid_record_free(&record);
    devid_bytes_free(&file);
    (void)sprintf(at, "more: v\n");
    assert_int_equal(devid_record_parse(SLICE_OF(text), &record, NULL), DEVID_E_DATA);
    memset(text, 'x', 69999);
    text[69999] = 0;
    memcpy(text, "f: ", 3);
    assert_int_equal(devid_record_parse(SLICE_OF(text), &record, NULL), DEVID_E_DATA);
    text[65536] = 0;
    record = must_parse(text);
    devid_record_free(&record);
    free(text);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_made_and_replaced_with_folders_on_the_way),
        TEST(a_file_that_is_replaced_keeps_its_rights),
        TEST(what_root_makes_in_a_folder_of_another_user_is_that_users),
        TEST(a_path_of_one_name_is_in_the_folder_where_one_is),
        TEST(removing_what_is_not_there_is_no_error),
        TEST(a_full_disk_leaves_the_old_file_and_nothing_else),
        TEST(a_file_where_a_folder_should_be_is_told_by_its_path),
        TEST(a_name_that_is_a_folder_is_not_replaced),
        TEST(without_rights_the_sentence_says_what_to_do),
        TEST(a_new_folder_is_synced_into_the_one_it_is_in),
        TEST(what_a_folder_cannot_be_told_of_for_good_is_taken_back),
        TEST(a_power_cut_leaves_the_old_or_the_new_and_no_rubbish_for_long),
        TEST(readers_see_whole_files_whoever_writes),
        cmocka_unit_test(a_label_becomes_a_name_that_no_folder_minds),
        cmocka_unit_test(fields_are_changed_in_place_and_all_else_stays),
        cmocka_unit_test(a_value_cannot_become_another_field),
        cmocka_unit_test(an_editors_line_ends_do_not_matter),
        cmocka_unit_test(what_is_no_record_is_all_rest),
        cmocka_unit_test(a_record_has_limits),
    };

    if (argc == 3 && strcmp(argv[1], "replace") == 0)
        return replace_twice(argv[2]);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
