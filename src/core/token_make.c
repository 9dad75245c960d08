/* SPDX-License-Identifier: BSD-2-Clause */
/* Tokens with a PIN are made, made anew, and get other PINs: one writer at a time over all processes. Declared in login.h. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/files.h"
#include "core/put.h"
#include "core/token.h"

#define ROUNDS 10000U /* a TPM's own tries are few: this is for who listens at the bus and has broken the session */
#define PATH_ROOM 4096

/* A token's folder, locked, and what its file says. */
struct writing {
    struct devid_bytes folder;
    int fd;
    struct devid_token token; /* empty: it has no PIN */
};

static void writing_end(struct writing *w)
{
    devid_flock_leave(w->fd);
    devid_bytes_free(&w->folder);
    devid_token_free(&w->token);
}

static devid_rc writing_begin(struct devid_store *store, const char *name, struct writing *w, struct devid_error *err)
{
    char path[PATH_ROOM];
    struct devid_bytes file = {0};
    devid_rc rc = devid_put_token(name, err);

    *w = (struct writing){.fd = -1};
    if (rc == DEVID_OK)
        rc = devid_store_token_folder(store, name, &w->folder, err);
    if (rc == DEVID_OK)
        rc = devid_files_make_folder((const char *)w->folder.data, err);
    if (rc == DEVID_OK)
        rc = devid_flock_enter((const char *)w->folder.data, &w->fd, err);
    if (rc == DEVID_OK &&
        (size_t)snprintf(path, sizeof path, "%s/%s", (const char *)w->folder.data, DEVID_TOKEN_FILE) >= sizeof path)
        rc = devid_fail(err, DEVID_E_ARG, "the path of the state folder is too long");
    if (rc == DEVID_OK)
        rc = devid_file_read(path, DEVID_RECORD_MAX, &file, err);
    if (rc == DEVID_OK)
        rc = devid_token_read(name, devid_slice_of(file), &w->token, err);
    devid_bytes_free(&file);
    return rc == DEVID_E_ABSENT ? DEVID_OK : rc;
}

static devid_rc writing_save(const struct writing *w, struct devid_error *err)
{
    struct devid_bytes file = {0};
    devid_rc rc = devid_token_write(&w->token, &file, err);

    if (rc == DEVID_OK)
        rc = devid_files_replace((const char *)w->folder.data, DEVID_TOKEN_FILE, devid_slice_of(file), 0644, err);
    devid_bytes_free(&file);
    return rc;
}

static devid_rc check_pin(struct devid_slice pin, struct devid_error *err)
{
    return pin.len >= DEVID_PIN_MIN && pin.len <= DEVID_PIN_MAX
               ? DEVID_OK
               : devid_fail(err, DEVID_E_ARG, "a PIN has %d to %d bytes", DEVID_PIN_MIN, DEVID_PIN_MAX);
}

static bool is_configured(const struct devid_conf *conf, const char *token)
{
    bool found = strcmp(conf->owner_token, token) == 0;

    for (size_t i = 0; !found && i < conf->n_identities; i++)
        found = strcmp(conf->identities[i].token, token) == 0;
    return found;
}

/* Before anything is asked of the TPM. */
static devid_rc check_init(struct devid_store *store, const struct writing *w, const char *token, const char *name,
                           struct devid_error *err)
{
    struct devid_bytes to = {0};
    char object[256];
    devid_rc rc = DEVID_OK;

    if (devid_token_is_manufacturers(name) || (token != NULL && devid_token_is_manufacturers(token)))
        return devid_fail(err, DEVID_E_DENIED, "the manufacturer's token has no PIN, and is not made anew");
    if (w->token.name == NULL && devid_token_object((const char *)w->folder.data, object))
        return devid_fail(err, DEVID_E_DENIED, "token \"%s\" has no PIN and is not empty (%s): what is in it would be lost",
                          token != NULL ? token : name, object);
    if (w->token.name != NULL && token == NULL)
        return devid_fail(err, DEVID_E_EXISTS, "there is a token \"%s\" already", name);
    if (token == NULL || strcmp(token, name) == 0)
        return DEVID_OK;
    if (is_configured(devid_store_conf(store), token))
        return devid_fail(err, DEVID_E_ARG, "devid.conf names token \"%s\": it keeps its name", token);
    rc = devid_put_token(name, err);
    if (rc == DEVID_OK)
        rc = devid_store_token_folder(store, name, &to, err);
    if (rc == DEVID_OK && (access((const char *)to.data, F_OK) == 0 || is_configured(devid_store_conf(store), name)))
        rc = devid_fail(err, DEVID_E_EXISTS, "there is a token \"%s\" already", name);
    devid_bytes_free(&to);
    return rc;
}

static devid_rc rename_folder(struct devid_store *store, const struct writing *w, const char *name, struct devid_error *err)
{
    struct devid_bytes to = {0};
    devid_rc rc = devid_store_token_folder(store, name, &to, err);

    if (rc == DEVID_OK && rename((const char *)w->folder.data, (const char *)to.data) != 0)
        rc = devid_fail(err, DEVID_E_FILE, "%s cannot be renamed to %s: %s", (const char *)w->folder.data,
                        (const char *)to.data, strerror(errno));
    devid_bytes_free(&to);
    return rc;
}

/* Old keys go before their parent: who is killed between has a token that the same PIN can empty again. */
static devid_rc make_anew(struct devid_store *store, struct writing *w, const char *token, const char *name,
                          struct devid_slice pin, struct devid_error *err)
{
    const char *now = token != NULL ? token : name;
    struct devid_token made = {.rounds = ROUNDS};
    TPM2B_AUTH auth = {0};
    devid_rc rc = devid_pin_new(&made, DEVID_SO, pin, &auth, err);

    if (rc == DEVID_OK)
        rc = devid_pin_create(store, &auth, &made, err);
    OPENSSL_cleanse(&auth, sizeof auth);
    if (rc == DEVID_OK)
        rc = devid_token_empty(store, (const char *)w->folder.data, now, err);
    if (rc == DEVID_OK) {
        devid_token_free(&w->token);
        w->token = made;
        rc = writing_save(w, err);
    } else {
        devid_token_free(&made);
    }
    if (rc == DEVID_OK && token != NULL && strcmp(token, name) != 0)
        rc = rename_folder(store, w, name, err);
    return rc;
}

devid_rc devid_token_init(struct devid_store *store, const char *token, const char *name, struct devid_slice pin,
                          struct devid_error *err)
{
    const char *now = token != NULL ? token : name;
    struct writing w = {.fd = -1};
    devid_rc rc = check_pin(pin, err);

    if (rc == DEVID_OK)
        rc = devid_put_token(name, err);
    if (rc == DEVID_OK)
        rc = writing_begin(store, now, &w, err);
    if (rc == DEVID_OK)
        rc = check_init(store, &w, token, name, err);
    if (rc == DEVID_OK && w.token.name != NULL)
        rc = devid_login_check(store, now, DEVID_SO, pin, err);
    if (rc == DEVID_OK)
        rc = make_anew(store, &w, token, name, pin, err);
    if (rc == DEVID_OK)
        devid_logout(store, now);
    else if (w.folder.data != NULL)
        (void)rmdir((const char *)w.folder.data); /* if it was made for this; one that has a file stays */
    writing_end(&w);
    return rc;
}

/* The PIN's new private part; auth is of who, and proves it. */
static devid_rc set_pin(struct devid_store *store, struct writing *w, enum devid_who by, const TPM2B_AUTH *auth,
                        enum devid_who who, struct devid_slice pin, struct devid_error *err)
{
    struct devid_token next = {.rounds = w->token.rounds};
    struct devid_bytes blob = {0};
    TPM2B_AUTH wanted = {0};
    devid_rc rc = devid_pin_new(&next, who, pin, &wanted, err);

    if (rc == DEVID_OK)
        rc = devid_pin_change(store, &w->token, by, auth, &wanted, &blob, err);
    OPENSSL_cleanse(&wanted, sizeof wanted);
    if (rc == DEVID_OK) {
        devid_bytes_free(&w->token.pins[who].salt);
        devid_bytes_free(&w->token.pins[who].blob);
        w->token.pins[who] = (struct devid_pin){.salt = next.pins[who].salt, .blob = blob};
        next.pins[who].salt = (struct devid_bytes){0};
        rc = writing_save(w, err);
    }
    devid_token_free(&next);
    return rc;
}

static devid_rc has_pin(const struct writing *w, const char *token, enum devid_who who, struct devid_error *err)
{
    if (w->token.name == NULL)
        return devid_fail(err, DEVID_E_ABSENT, "token \"%s\" has no PIN", token);
    return w->token.pins[who].salt.len != 0
               ? DEVID_OK
               : devid_fail(err, DEVID_E_ABSENT, "the user's PIN of token \"%s\" is not set yet", token);
}

/* Another process may have made the token anew, or changed the officer's PIN: then the TPM would count a wrong one. */
static bool is_current(const struct devid_opened *opened, const struct devid_token *token)
{
    struct devid_slice blob = devid_slice_of(token->pins[DEVID_SO].blob);

    return blob.len == opened->private.size + 2U && memcmp(blob.data + 2, opened->private.buffer, opened->private.size) == 0;
}

devid_rc devid_token_set_user(struct devid_store *store, const char *token, struct devid_slice pin, struct devid_error *err)
{
    struct devid_opened opened = {0};
    struct writing w = {.fd = -1};
    devid_rc rc = check_pin(pin, err);

    if (rc == DEVID_OK)
        rc = devid_login_open(store, token, DEVID_SO, &opened, err);
    if (rc == DEVID_OK)
        rc = writing_begin(store, token, &w, err);
    if (rc == DEVID_OK)
        rc = has_pin(&w, token, DEVID_SO, err);
    if (rc == DEVID_OK && !is_current(&opened, &w.token))
        rc = devid_fail(err, DEVID_E_AUTH, "the security officer's PIN of token \"%s\" was changed: log in again", token);
    if (rc == DEVID_OK)
        rc = set_pin(store, &w, DEVID_SO, &opened.auth, DEVID_USER, pin, err);
    OPENSSL_cleanse(&opened, sizeof opened);
    writing_end(&w);
    return rc;
}

devid_rc devid_token_change(struct devid_store *store, const char *token, enum devid_who who, struct devid_slice pin,
                            struct devid_slice next, struct devid_error *err)
{
    struct writing w = {.fd = -1};
    TPM2B_AUTH auth = {0};
    devid_rc rc = check_pin(next, err);

    if (rc == DEVID_OK && check_pin(pin, NULL) != DEVID_OK)
        rc = devid_fail(err, DEVID_E_AUTH, "a PIN of %zu bytes is none of token \"%s\"", pin.len, token);
    if (rc == DEVID_OK)
        rc = writing_begin(store, token, &w, err);
    if (rc == DEVID_OK)
        rc = has_pin(&w, token, who, err);
    if (rc == DEVID_OK)
        rc = devid_pin_derive(&w.token, who, pin, &auth, err);
    if (rc == DEVID_OK)
        rc = set_pin(store, &w, who, &auth, who, next, err);
    OPENSSL_cleanse(&auth, sizeof auth);
    writing_end(&w);
    return rc;
}
