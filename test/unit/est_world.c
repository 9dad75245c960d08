/* SPDX-License-Identifier: BSD-2-Clause */
#include "est_world.h"

#include <stdlib.h>
#include <unistd.h>

#include "est_test.h"

int world_set_up(void **state)
{
    static const struct est_test_tls usual;
    struct world *w = calloc(1, sizeof *w);
    struct pki_wish wish = {.cn = "old", .eku = "clientAuth"};
    X509 *cert;

    (void)setenv("no_proxy", "*", 1);
    strcpy(w->folder, "/tmp/devid-est-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    pki_new(&w->ours, "ours");
    pki_new(&w->others, "others");
    w->key = pki_key("P-256");
    w->key_uri = pki_key_file(w->folder, "key", w->key);
    w->csr = pki_csr(w->key);
    w->spki = pki_spki(w->key);
    w->root_pem = pki_pem(w->ours.root, NULL);
    cert = pki_cert(&wish, w->key, w->ours.ca, w->ours.ca_key);
    w->client_chain = pki_pem(cert, w->ours.ca);
    X509_free(cert);
    est_test_server_start(&w->server, &w->ours, &usual);
    *state = w;
    return 0;
}

int world_tear_down(void **state)
{
    struct world *w = *state;

    est_test_server_stop(&w->server);
    pki_free(&w->ours);
    pki_free(&w->others);
    EVP_PKEY_free(w->key);
    devid_bytes_free(&w->root_pem);
    devid_bytes_free(&w->csr);
    devid_bytes_free(&w->spki);
    devid_bytes_free(&w->client_chain);
    (void)unlink(w->key_uri + 5);
    (void)rmdir(w->folder);
    free(w->key_uri);
    free(w);
    return 0;
}

struct est_server server_of(struct world *w, const char *label)
{
    return (struct est_server){.url = est_test_server_url(&w->server, label, w->url),
                               .anchors_pem = devid_slice_of(w->root_pem),
                               .secret_header = "Secret-Value",
                               .secret = slice_of(SECRET),
                               .timeout_ms = 10000};
}

devid_rc enroll(const struct world *w, const struct est_server *server, struct est_reply *reply, struct devid_error *err)
{
    return est_enroll(server, devid_slice_of(w->csr), false, devid_slice_of(w->spki), reply, err);
}

void assert_refused(struct world *w, const char *label, devid_rc expected, const char *words)
{
    struct est_server server = server_of(w, label);
    struct est_reply reply = {0};
    struct devid_error err = {0};

    assert_rc(expected, enroll(w, &server, &reply, &err), &err);
    assert_says(&err, words);
    assert_silent_about(&err, SECRET);
    assert_null(reply.certs_pem.data);
    assert_int_equal(reply.retry_after_s, 0);
}
