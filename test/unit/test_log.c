/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/soft.h"

/* What a new process writes, to its log file or to stderr, with that DEVID_LOG. */
static struct devid_bytes written(const char *level, bool to_file, void (*write_lines)(void))
{
    char name[] = "/tmp/devid-log-XXXXXX";
    struct devid_bytes out = {0};
    int fd = mkstemp(name), status;
    pid_t child;

    assert_true(fd >= 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)unsetenv("DEVID_LOG");
        (void)unsetenv("DEVID_LOG_FILE");
        if (level != NULL)
            (void)setenv("DEVID_LOG", level, 1);
        if (to_file)
            (void)setenv("DEVID_LOG_FILE", name, 1);
        else
            (void)dup2(fd, STDERR_FILENO);
        write_lines();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(devid_file_read(name, 65536, &out, NULL), DEVID_OK);
    (void)close(fd);
    (void)unlink(name);
    return out;
}

static void one_of_each(void)
{
    devid_log(DEVID_LOG_ERROR, "core/a", "e%d", 1);
    devid_log(DEVID_LOG_INFO, "core/a", "i");
    devid_log(DEVID_LOG_DEBUG, "core/a", "d");
    devid_log(DEVID_LOG_TRACE, "core/a", "t");
    devid_log(DEVID_LOG_OFF, "core/a", "never");
}

static void nothing_is_said_unless_asked(void **state)
{
    static const struct {
        const char *level, *lines;
    } cases[] = {
        {NULL, ""},      {"", ""},
        {"off", ""},     {"loud", ""},
        {"error", "devid error core/a: e1\n"},
        {"info", "devid error core/a: e1\ndevid info core/a: i\n"},
        {"trace", "devid error core/a: e1\ndevid info core/a: i\ndevid debug core/a: d\ndevid trace core/a: t\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int to_file = 0; to_file < 2; to_file++) {
            struct devid_bytes out = written(cases[i].level, to_file, one_of_each);

            assert_string_equal((char *)out.data, cases[i].lines);
            devid_bytes_free(&out);
        }
}

static void names_and_lengths_of_others(void)
{
    char longer[3000];

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    devid_log(DEVID_LOG_INFO, "core/a", "%s", "a\nb\x1b[2J");
    devid_log(DEVID_LOG_INFO, "core/a", "%s", longer);
    devid_log(DEVID_LOG_INFO, longer, "never seen");
    devid_log(DEVID_LOG_INFO, "core/a", "last");
}

static void a_line_is_one_line_of_at_most_a_kilobyte(void **state)
{
    struct devid_bytes out = written("info", true, names_and_lengths_of_others);
    char *line = strtok((char *)out.data, "\n");
    int n = 0;

    (void)state;
    assert_string_equal(line, "devid info core/a: a?b?[2J");
    for (; line != NULL; line = strtok(NULL, "\n")) {
        n++;
        assert_true(strlen(line) < 1024);
        assert_int_equal(strncmp(line, "devid info ", 11), 0);
        assert_true(n < 4 || strcmp(line, "devid info core/a: last") == 0);
    }
    assert_int_equal(n, 4);
    devid_bytes_free(&out);
}

static void fail_and_log(void)
{
    (void)setenv("DEVID_LOG_FILE", "/nowhere/log", 1);
    errno = EACCES;
    devid_log(DEVID_LOG_INFO, "core/a", "x");
    _exit(errno == EACCES ? 0 : 1);
}

/* Callers log a failed system call and then explain it. */
static void errno_stays(void **state)
{
    struct devid_bytes out = written("info", false, fail_and_log);

    (void)state;
    assert_int_equal(out.len, 0);
    devid_bytes_free(&out);
}

/* It tells which keys are used, when: for its owner alone. */
static void a_new_log_file_is_its_owners(void **state)
{
    char folder[] = "/tmp/devid-log-XXXXXX";
    char path[64];
    struct stat st;
    int status;
    pid_t child;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/log", folder);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)setenv("DEVID_LOG", "info", 1);
        (void)setenv("DEVID_LOG_FILE", path, 1);
        (void)umask(0);
        devid_log(DEVID_LOG_INFO, "core/a", "x");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)unlink(path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said_unless_asked),
        cmocka_unit_test(a_line_is_one_line_of_at_most_a_kilobyte),
        cmocka_unit_test(errno_stays),
        cmocka_unit_test(a_new_log_file_is_its_owners),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
