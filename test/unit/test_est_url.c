/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a server is, and what is the same origin. RFC 7030 section 3.2.2, RFC 6454. */
#include "est_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "est/url.h"

static void assert_url(const char *base, const char *expected, const char *expected_name)
{
    char name[URL_NAME_MAX], *url = NULL;
    struct devid_error err = {0};

    assert_rc(DEVID_OK, url_of(base, "cacerts", &url, name, &err), &err);
    assert_string_equal(url, expected);
    assert_string_equal(name, expected_name);
    free(url);
}

static void assert_no_url(const char *base, const char *words)
{
    char name[URL_NAME_MAX], *url = NULL;
    struct devid_error err = {0};

    assert_rc(DEVID_E_ARG, url_of(base, "cacerts", &url, name, &err), &err);
    assert_says(&err, words);
    assert_null(url);
}

static void the_operation_follows_the_path(void **state)
{
    (void)state;
    assert_url("https://est.example/.well-known/est", "https://est.example/.well-known/est/cacerts", "est.example");
    assert_url("https://est.example:443/.well-known/est/", "https://est.example:443/.well-known/est/cacerts",
               "est.example");
    assert_url("https://127.0.0.1:8443/.well-known/est/l//", "https://127.0.0.1:8443/.well-known/est/l/cacerts",
               "127.0.0.1:8443");
    assert_url("https://[::1]:8443/.well-known/est", "https://[::1]:8443/.well-known/est/cacerts", "[::1]:8443");
}

static void an_url_that_is_none_of_est_is_refused(void **state)
{
    (void)state;
    assert_no_url("http://est.example/.well-known/est", "https only");
    assert_no_url("file:///etc/passwd", "is expected");
    assert_no_url("ldap://est.example/x", "https only");
    assert_no_url("est.example/.well-known/est", "is expected");
    assert_no_url("", "is expected");
    assert_no_url(NULL, "is expected");
    assert_no_url("https://est.example", "no path");
    assert_no_url("https://est.example/", "no path");
    assert_no_url("https://me:secret@est.example/.well-known/est", "holds a user");
    assert_no_url("https://est.example/.well-known/est?a=b", "'?'");
    assert_no_url("https://est.example/.well-known/est#a", "'#'");
}

/* RFC 7030 section 3.2.2. */
static void a_label_is_one_part_of_the_path_and_no_operation(void **state)
{
    char url[256];

    (void)state;
    assert_url("https://est.example/.well-known/est/ttl-60s+basic.x", "https://est.example/.well-known/est/ttl-60s+basic.x/cacerts",
               "est.example");
    assert_url("https://est.example/.well-known/est/a%20b", "https://est.example/.well-known/est/a%20b/cacerts", "est.example");
    assert_url("https://est.example/est/of/ours", "https://est.example/est/of/ours/cacerts", "est.example");
    assert_no_url("https://est.example/.well-known/est/one/two", "one label");
    assert_no_url("https://est.example/.well-known/est//two", "one label");
    assert_no_url("https://est.example/.well-known/est/a:b", "one label");
    assert_no_url("https://est.example/.well-known/est/a\"b", "one label");
    assert_no_url("https://est.example/.well-known/est/cacerts", "which is an operation: leave it out");
    assert_no_url("https://est.example/.well-known/est/simpleenroll/", "which is an operation: leave it out");
    (void)snprintf(url, sizeof url, "https://est.example/.well-known/est/%0129d", 0);
    assert_no_url(url, "at most 128 characters");
    (void)snprintf(url, sizeof url, "https://est.example/.well-known/est/%0128d", 0);
    {
        char expected[300];

        (void)snprintf(expected, sizeof expected, "%s/cacerts", url);
        assert_url(url, expected, "est.example");
    }
}

static void the_host_is_as_certificates_name_it(void **state)
{
    char host[URL_HOST_MAX], url[400];

    (void)state;
    url_host("https://Est.Example:8443/.well-known/est", host);
    assert_true(strcasecmp(host, "est.example") == 0);
    url_host("https://[::1]:8443/.well-known/est", host);
    assert_string_equal(host, "::1");
    url_host("nonsense", host);
    assert_string_equal(host, "");
    memset(url, 'a', sizeof url);
    memcpy(url, "https://", 8);
    (void)strcpy(url + 320, "/.well-known/est");
    url_host(url, host);
    assert_string_equal(host, "");
}

static void an_origin_is_scheme_host_and_port(void **state)
{
    const char *here = "https://est.example/.well-known/est/cacerts";

    (void)state;
    assert_true(url_same_origin(here, "https://EST.example:443/elsewhere?x"));
    assert_false(url_same_origin(here, "https://est.example:8443/.well-known/est/cacerts"));
    assert_false(url_same_origin(here, "http://est.example:443/.well-known/est/cacerts"));
    assert_false(url_same_origin(here, "https://est.example.evil.example/.well-known/est/cacerts"));
    assert_false(url_same_origin(here, "https://est.example@evil.example/.well-known/est/cacerts"));
    assert_false(url_same_origin(here, "nonsense"));
}

static void a_sentence_shows_no_more_than_the_origin(void **state)
{
    char text[URL_NAME_MAX];

    (void)state;
    url_origin_text("https://user:pw@other.example:99/path?token=x", text);
    assert_string_equal(text, "https://other.example:99");
    url_origin_text("nonsense", text);
    assert_string_equal(text, "another place");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_operation_follows_the_path),
        cmocka_unit_test(an_url_that_is_none_of_est_is_refused),
        cmocka_unit_test(a_label_is_one_part_of_the_path_and_no_operation),
        cmocka_unit_test(the_host_is_as_certificates_name_it),
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(a_sentence_shows_no_more_than_the_origin),
    };

    return cmocka_run_group_tests_name("est/url", tests, NULL, NULL);
}
