/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a server is, and what is the same origin. RFC 7030 section 3.2.2, RFC 6454. */
#include "est_test.h"

#include <stdlib.h>

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
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(a_sentence_shows_no_more_than_the_origin),
    };

    return cmocka_run_group_tests_name("est/url", tests, NULL, NULL);
}
