/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a token with a PIN. */
#include "core/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files.h"
#include "core/keyfile.h"
#include "core/ref.h"
#include "core/srk.h"

#define ROUNDS_MAX 10000000U /* some seconds: a damaged file must not stop a program for an hour */

static const char *const salt_fields[] = {[DEVID_SO] = "so-salt", [DEVID_USER] = "user-salt"};

void devid_token_free(struct devid_token *token)
{
    free(token->name);
    devid_bytes_free(&token->file);
    devid_bytes_free(&token->area);
    for (size_t i = 0; i < 2; i++) {
        devid_bytes_free(&token->pins[i].salt);
        devid_bytes_free(&token->pins[i].blob);
    }
    *token = (struct devid_token){0};
}

static devid_rc read_pin(const struct devid_record *record, enum devid_who who, struct devid_token *token,
                         struct devid_error *err)
{
    const char *salt = devid_record_get(record, salt_fields[who]);
    struct devid_pin *pin = &token->pins[who];
    struct devid_keyfile key = {0};
    struct devid_bytes der = {0};
    devid_rc rc;

    if (salt == NULL)
        return who == DEVID_USER ? DEVID_OK : devid_fail(err, DEVID_E_DATA, "it has no %s", salt_fields[who]);
    rc = devid_hex_decode(salt, &pin->salt, err);
    if (rc == DEVID_OK && pin->salt.len != DEVID_PIN_SALT)
        rc = devid_fail(err, DEVID_E_DATA, "%s has %zu bytes", salt_fields[who], pin->salt.len);
    if (rc == DEVID_OK)
        rc = devid_pem_find(devid_slice_of(record->rest), DEVID_KEYFILE_LABEL, who, &der, err);
    if (rc == DEVID_OK)
        rc = devid_keyfile_read(devid_slice_of(der), &key, err);
    if (rc == DEVID_OK && key.parent != DEVID_SRK)
        rc = devid_fail(err, DEVID_E_DATA, "its key is under 0x%08x", key.parent);
    if (rc == DEVID_OK && token->area.len != 0 && !devid_slice_eq(devid_slice_of(token->area), devid_slice_of(key.area)))
        rc = devid_fail(err, DEVID_E_DATA, "its two keys are not the same");
    if (rc == DEVID_OK) {
        pin->blob = key.blob;
        key.blob = (struct devid_bytes){0};
    }
    if (rc == DEVID_OK && token->area.len == 0) {
        token->area = key.area;
        key.area = (struct devid_bytes){0};
    }
    devid_keyfile_free(&key);
    devid_bytes_free(&der);
    return rc == DEVID_E_ABSENT ? DEVID_E_DATA : rc;
}

static devid_rc read_rounds(const struct devid_record *record, struct devid_token *token, struct devid_error *err)
{
    const char *text = devid_record_get(record, "rounds"), *format = devid_record_get(record, "format");
    unsigned long rounds = text != NULL ? strtoul(text, NULL, 10) : 0;

    if (format == NULL || strcmp(format, "1") != 0)
        return devid_fail(err, DEVID_E_DATA, "a newer devid wrote it, in format %s", format != NULL ? format : "?");
    if (rounds == 0 || rounds > ROUNDS_MAX)
        return devid_fail(err, DEVID_E_DATA, "rounds is to be a number from 1 to %u", ROUNDS_MAX);
    token->rounds = (unsigned)rounds;
    return DEVID_OK;
}

devid_rc devid_token_read(const char *name, struct devid_slice file, struct devid_token *out, struct devid_error *err)
{
    struct devid_token token = {.name = strdup(name)};
    struct devid_record record = {0};
    devid_rc rc = DEVID_OK;

    if (token.name == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    rc = devid_bytes_copy(file, &token.file, err);
    if (rc == DEVID_OK)
        rc = devid_record_parse(file, &record, err);
    if (rc == DEVID_OK)
        rc = read_rounds(&record, &token, err);
    if (rc == DEVID_OK)
        rc = read_pin(&record, DEVID_SO, &token, err);
    if (rc == DEVID_OK)
        rc = read_pin(&record, DEVID_USER, &token, err);
    devid_record_free(&record);
    if (rc == DEVID_OK)
        *out = token;
    else
        devid_token_free(&token);
    return rc;
}

static devid_rc write_pin(const struct devid_token *token, enum devid_who who, struct devid_record *record,
                          struct devid_error *err)
{
    const struct devid_pin *pin = &token->pins[who];
    struct devid_keyfile key = {.area = token->area, .blob = pin->blob, .parent = DEVID_SRK}; /* lent: not freed */
    struct devid_bytes hex = {0}, der = {0};
    devid_rc rc;

    if (pin->salt.len == 0)
        return devid_record_set(record, salt_fields[who], NULL, err);
    rc = devid_hex_encode(devid_slice_of(pin->salt), &hex, err);
    if (rc == DEVID_OK)
        rc = devid_record_set(record, salt_fields[who], (const char *)hex.data, err);
    if (rc == DEVID_OK)
        rc = devid_keyfile_write(&key, &der, err);
    if (rc == DEVID_OK)
        rc = devid_pem_append(&record->rest, DEVID_KEYFILE_LABEL, devid_slice_of(der), err);
    devid_bytes_free(&hex);
    devid_bytes_free(&der);
    return rc;
}

devid_rc devid_token_write(const struct devid_token *token, struct devid_bytes *file, struct devid_error *err)
{
    struct devid_record record = {0};
    char rounds[16];
    devid_rc rc;

    (void)snprintf(rounds, sizeof rounds, "%u", token->rounds);
    rc = devid_record_set(&record, "format", "1", err);
    if (rc == DEVID_OK)
        rc = devid_record_set(&record, "rounds", rounds, err);
    if (rc == DEVID_OK)
        rc = write_pin(token, DEVID_SO, &record, err);
    if (rc == DEVID_OK)
        rc = write_pin(token, DEVID_USER, &record, err);
    if (rc == DEVID_OK)
        rc = devid_record_write(&record, file, err);
    devid_record_free(&record);
    return rc;
}
