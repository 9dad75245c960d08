/* SPDX-License-Identifier: BSD-2-Clause */
/* devid doctor: the EST servers that an identity will need soon, and the files of its secrets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "contact.h"
#include "doctor.h"
#include "kept.h"

#define SOON_S (90 * 86400) /* a server of the factory is none that the field can reach */

/* One of the factory may be gone afterwards. A credential is its service's. */
static void examine_secret(struct examination *x, const struct devid_conf_identity *want, const char *path, bool is_needed_now)
{
    struct stat st;

    if (path == NULL || strncmp(path, DEVID_CREDENTIAL, strlen(DEVID_CREDENTIAL)) == 0)
        return;
    if (stat(path, &st) != 0) {
        if (is_needed_now)
            bad(x, "%s: the secret is not in %s: %s", want->name, path, strerror(errno));
    } else if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        bad(x, "%s: everybody may read the secret in %s: chmod o-rwx %s", want->name, path, path);
    }
}

static bool is_needed(const struct devid_conf_identity *want, const struct plan_found *found, int64_t now)
{
    return want->est != NULL && !found->is_disabled &&
           (!found->has_cert || (found->not_after < DEVID_CERT_NEVER && found->due < now + SOON_S));
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Two identities of one server, and of one opinion on whom to trust there, are one question. */
static bool is_asked(const struct devid_conf *conf, const struct plan_found *found, size_t n, int64_t now)
{
    const struct devid_conf_identity *want = &conf->identities[n];

    for (size_t i = 0; i < n; i++) {
        const struct devid_conf_identity *other = &conf->identities[i];

        if (is_needed(other, &found[i], now) && is_same(want->est, other->est) && is_same(want->anchors, other->anchors) &&
            is_same(want->fingerprint, other->fingerprint) && is_same(want->proxy, other->proxy) && is_same(want->crl, other->crl))
            return true;
    }
    return false;
}

/* /cacerts, for which nobody has to say who it is: no secret is read. Nothing is learned from the answer. */
static void ask(struct examination *x, const struct devid_conf_identity *want)
{
    struct devid_conf_identity anybody = *want;
    struct devid_bytes kept = {0};
    struct est_reply reply = {0};
    struct devid_error err = {0};
    struct contact c = {0};
    devid_rc rc;

    if (want->fingerprint != NULL && kept_read(x->tool, want, KEPT_TRUST, &kept, NULL) != DEVID_OK) {
        good("%s: %s was not asked: the first enrolment fetches its root, by the fingerprint", want->name, want->est);
        return;
    }
    devid_bytes_free(&kept);
    anybody.secret_file = anybody.password_file = anybody.user = NULL;
    rc = contact_make(x->tool, &anybody, NULL, &c, &err);
    if (rc == DEVID_OK)
        rc = est_cacerts(&c.server, &reply, &err);
    if (rc == DEVID_OK)
        good("%s answers, and is who it should be", want->est);
    else
        bad(x, "%s: %s", want->name, err.text);
    est_reply_free(&reply);
    contact_free(&c);
}

void examine_servers(struct examination *x, const struct plan_found *found, int64_t now)
{
    for (size_t i = 0; i < x->conf->n_identities; i++) {
        const struct devid_conf_identity *want = &x->conf->identities[i];

        examine_secret(x, want, want->secret_file, !found[i].has_cert);
        examine_secret(x, want, want->password_file, !found[i].has_cert);
        examine_secret(x, want, want->proxy_password_file, !found[i].has_cert);
        if (is_needed(want, &found[i], now) && !is_asked(x->conf, found, i, now))
            ask(x, want);
    }
}
