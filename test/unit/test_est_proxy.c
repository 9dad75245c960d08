/* SPDX-License-Identifier: BSD-2-Clause */
/* What a proxy is told, and what its refusals mean. The way through one is tested with a real one. RFC 9110 section 9.3.6. */
#include "est_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "est_world.h"

/* A proxy that lets no one through: it keeps what it was told and answers with a status. */
struct refusing_proxy {
    int fd;
    char url[64], told[8192];
    const char *answer;
    pthread_t thread;
};

static void *refuse(void *arg)
{
    struct refusing_proxy *p = arg;
    int fd;

    while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
        size_t used = strlen(p->told);
        ssize_t n;

        while (strstr(p->told + used, "\r\n\r\n") == NULL &&
               (n = read(fd, p->told + strlen(p->told), sizeof p->told - 1 - strlen(p->told))) > 0)
            continue;
        (void)!write(fd, p->answer, strlen(p->answer));
        (void)close(fd);
    }
    return NULL;
}

static void proxy_start(struct refusing_proxy *p, const char *answer)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;

    *p = (struct refusing_proxy){.answer = answer};
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(p->fd >= 0 && bind(p->fd, (struct sockaddr *)&here, sizeof here) == 0 && listen(p->fd, 8) == 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&here, &len), 0);
    (void)snprintf(p->url, sizeof p->url, "http://127.0.0.1:%u", ntohs(here.sin_port));
    assert_int_equal(pthread_create(&p->thread, NULL, refuse, p), 0);
}

static void proxy_stop(struct refusing_proxy *p)
{
    (void)shutdown(p->fd, SHUT_RDWR);
    (void)pthread_join(p->thread, NULL);
    (void)close(p->fd);
}

static void a_proxy_learns_host_and_port_and_no_secret(void **state)
{
    static const char *const further[] = {"X-Site: factory 7", NULL};
    struct world *w = *state;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    struct refusing_proxy p;
    char connect[64];

    proxy_start(&p, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    server.proxy = p.url;
    server.user = "device";
    server.password = slice_of("pass word");
    server.headers = further;
    assert_rc(DEVID_E_DENIED, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "refuses the way to 127.0.0.1:");
    assert_says(&err, "(status 403)");
    proxy_stop(&p);
    (void)snprintf(connect, sizeof connect, "CONNECT 127.0.0.1:%u HTTP/1.1\r\n", w->server.port);
    assert_int_equal(strncmp(p.told, connect, strlen(connect)), 0);
    assert_null(strstr(p.told, SECRET));
    assert_null(strstr(p.told, "Secret-Value"));
    assert_null(strstr(p.told, "Authorization"));
    assert_null(strstr(p.told, "X-Site"));
}

static void a_proxy_that_wants_a_user_gets_its_own_once(void **state)
{
    struct world *w = *state;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};
    struct refusing_proxy p;

    proxy_start(&p, "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    server.proxy = p.url;
    server.user = "device";
    server.password = slice_of("pass word");
    assert_rc(DEVID_E_DENIED, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "wants a user and a password");
    assert_null(strstr(p.told, "Authorization"));
    p.told[0] = 0;
    server.proxy_user = "way";
    server.proxy_password = slice_of("faring");
    assert_rc(DEVID_E_DENIED, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "refuses user and password");
    assert_silent_about(&err, "faring");
    assert_non_null(strstr(p.told, "\r\nProxy-Authorization: Basic d2F5OmZhcmluZw==\r\n"));
    assert_null(strstr(p.told, "\r\nAuthorization:"));
    proxy_stop(&p);
}

static void the_environment_is_not_asked_unless_it_is_wanted(void **state)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy"};
    struct world *w = *state;
    struct est_server server = server_of(w, NULL);
    struct est_reply reply = {0};
    struct devid_error err = {0};

    (void)unsetenv("no_proxy");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(setenv(names[i], "http://127.0.0.1:1", 1), 0);
        server.proxy = NULL;
        assert_rc(DEVID_OK, enroll(w, &server, &reply, &err), &err);
        est_reply_free(&reply);
        server.proxy = "environment";
        assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
        assert_says(&err, "through the proxy of the environment");
        (void)unsetenv(names[i]);
    }
    assert_rc(DEVID_OK, enroll(w, &server, &reply, &err), &err); /* which names none */
    est_reply_free(&reply);
    (void)setenv("no_proxy", "*", 1);
}

static void a_proxy_that_is_none_is_told(void **state)
{
    static const char *const wrong[] = {"https://127.0.0.1:1", "127.0.0.1:1", "http://user:word@127.0.0.1:1", ""};
    struct world *w = *state;
    struct est_reply reply = {0};
    struct devid_error err = {0};
    struct est_server server;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        server = server_of(w, NULL);
        server.proxy = wrong[i];
        assert_rc(DEVID_E_ARG, enroll(w, &server, &reply, &err), &err);
        assert_silent_about(&err, "word@");
    }
    server = server_of(w, NULL);
    server.proxy_user = "way";
    assert_rc(DEVID_E_ARG, enroll(w, &server, &reply, &err), &err);
    server.proxy_user = NULL;
    server.proxy = "http://127.0.0.1:1";
    assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "through the proxy http://127.0.0.1:1: is it running?");
    server.proxy = "http://proxy.invalid:1";
    assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "the name of the proxy http://proxy.invalid:1 is not known");
    server.proxy = "socks5h://127.0.0.1:1";
    assert_rc(DEVID_E_NET, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, "proxy socks5h://127.0.0.1:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proxy_learns_host_and_port_and_no_secret),
        cmocka_unit_test(a_proxy_that_wants_a_user_gets_its_own_once),
        cmocka_unit_test(the_environment_is_not_asked_unless_it_is_wanted),
        cmocka_unit_test(a_proxy_that_is_none_is_told),
    };

    return cmocka_run_group_tests_name("est/proxy", tests, world_set_up, world_tear_down);
}
