/* SPDX-License-Identifier: BSD-2-Clause */
/* What clients chose for one object of an identity alone: labels, ids, flags, and what else they said of a key. */
#include <stdio.h>
#include <string.h>

#include "core/der.h"
#include "core/entry.h"

/* Bits and what they are called in a file. */
static const struct word {
    const char *name;
    unsigned bit;
} flag_names[] = {
    {"private", DEVID_FLAG_PRIVATE}, {"fixed", DEVID_FLAG_FIXED},   {"uncopyable", DEVID_FLAG_UNCOPYABLE},
    {"kept", DEVID_FLAG_KEPT},       {"hidden", DEVID_FLAG_HIDDEN}, {"asks", DEVID_FLAG_ASKS},
    {"rest", DEVID_FLAG_REST},       {"disabled", DEVID_FLAG_DISABLED}, {NULL, 0},
}, use_names[] = {
    {"sign", DEVID_FOR_SIGN},       {"verify", DEVID_FOR_VERIFY}, {"decrypt", DEVID_FOR_DECRYPT},
    {"encrypt", DEVID_FOR_ENCRYPT}, {"derive", DEVID_FOR_DERIVE}, {NULL, 0},
};

/* A word that a later version knows is passed over. */
static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = text; (at = strstr(at, word)) != NULL; at += len)
        if ((at == text || at[-1] == ' ') && (at[len] == 0 || at[len] == ' '))
            return true;
    return false;
}

static void add_word(char text[64], const char *word)
{
    size_t len = strlen(text);

    (void)snprintf(text + len, 64 - len, "%s%s", len != 0 ? " " : "", word);
}

static unsigned words_read(const struct word *words, const char *text)
{
    unsigned bits = 0;

    for (; text != NULL && words->name != NULL; words++)
        bits |= has_word(text, words->name) ? words->bit : 0;
    return bits;
}

static devid_rc words_write(const struct word *words, struct devid_record *record, const char *field, unsigned bits,
                            struct devid_error *err)
{
    char text[64] = "";

    for (; words->name != NULL; words++)
        if ((bits & words->bit) != 0)
            add_word(text, words->name);
    return devid_record_set(record, field, text[0] != 0 ? text : NULL, err);
}

unsigned devid_flags_read(const char *text)
{
    return words_read(flag_names, text);
}

devid_rc devid_flags_write(struct devid_record *record, const char *field, unsigned flags, struct devid_error *err)
{
    return words_write(flag_names, record, field, flags, err);
}

unsigned devid_uses_read(const char *text)
{
    return words_read(use_names, text);
}

devid_rc devid_uses_write(struct devid_record *record, unsigned uses, struct devid_error *err)
{
    return words_write(use_names, record, "not-for", uses, err);
}

void devid_marks_free(struct devid_entry *e)
{
    devid_bytes_free(&e->private_label);
    devid_bytes_free(&e->public_label);
    devid_bytes_free(&e->cert_label);
    devid_bytes_free(&e->public_id);
    devid_bytes_free(&e->cert_id);
    devid_bytes_free(&e->was);
    devid_said_free(&e->private_kept);
    devid_said_free(&e->public_kept);
}

void devid_said_free(struct devid_said_owned *kept)
{
    devid_bytes_free(&kept->subject);
    devid_bytes_free(&kept->mechanisms);
}

static devid_rc read_label(const struct devid_record *record, const char *field, const char *usual,
                           struct devid_bytes *out, const char **label, struct devid_error *err)
{
    const char *text = devid_record_get(record, field);
    devid_rc rc;

    if (text == NULL)
        text = usual;
    rc = devid_bytes_copy(devid_slice_text(text), out, err);
    *label = (const char *)out->data;
    return rc;
}

devid_rc devid_entry_default_id(const struct devid_public *pub, unsigned char id[20], struct devid_error *err)
{
    struct devid_slice spki = devid_slice_of(pub->spki), body, bits;

    if (pub->alg == DEVID_EC) /* the SubjectPublicKeyInfo may have the point compressed */
        return devid_hash_once(DEVID_SHA1, devid_slice_of(pub->point), id, err);
    if (!devid_der_enter(&spki, DEVID_DER_SEQUENCE, &body) || !devid_der_enter(&body, DEVID_DER_SEQUENCE, NULL) ||
        !devid_der_enter(&body, DEVID_DER_BIT_STRING, &bits) || bits.len < 1)
        return devid_fail(err, DEVID_E_DATA, "the public key is malformed");
    return devid_hash_once(DEVID_SHA1, (struct devid_slice){bits.data + 1, bits.len - 1}, id, err);
}

/* A field in hexadecimal of at most max bytes; usual if there is none. */
static devid_rc read_hex(const struct devid_record *record, const char *field, size_t max, struct devid_slice usual,
                         struct devid_bytes *out, struct devid_error *err)
{
    const char *hex = devid_record_get(record, field);

    if (hex == NULL)
        return devid_bytes_copy(usual, out, err);
    if (strlen(hex) > 2 * max)
        return devid_fail(err, DEVID_E_DATA, "its %s is longer than %zu bytes", field, max);
    return devid_hex_decode(hex, out, err);
}

/* Nothing is written of what is empty. */
static devid_rc write_hex(struct devid_record *record, const char *field, size_t max, struct devid_slice value,
                          struct devid_error *err)
{
    struct devid_bytes hex = {0};
    devid_rc rc;

    if (value.len == 0)
        return devid_record_set(record, field, NULL, err);
    if (value.len > max)
        return devid_fail(err, DEVID_E_ARG, "%s has at most %zu bytes, not %zu", field, max, value.len);
    rc = devid_hex_encode(value, &hex, err);
    if (rc == DEVID_OK)
        rc = devid_record_set(record, field, (const char *)hex.data, err);
    devid_bytes_free(&hex);
    return rc;
}

devid_rc devid_id_read(const struct devid_record *record, const char *field, struct devid_slice usual,
                       struct devid_bytes *out, struct devid_error *err)
{
    return read_hex(record, field, DEVID_ID_MAX, usual, out, err);
}

devid_rc devid_id_write(struct devid_record *record, const char *field, struct devid_slice id, struct devid_slice usual,
                        struct devid_error *err)
{
    return write_hex(record, field, DEVID_ID_MAX, devid_slice_eq(id, usual) ? (struct devid_slice){0} : id, err);
}

devid_rc devid_said_read(const struct devid_record *record, const char *which, struct devid_said_owned *kept,
                         struct devid_said *said, struct devid_error *err)
{
    const char *mechanisms;
    char field[32];
    devid_rc rc;

    (void)snprintf(field, sizeof field, "%ssubject", which);
    rc = read_hex(record, field, DEVID_SUBJECT_MAX, (struct devid_slice){0}, &kept->subject, err);
    (void)snprintf(field, sizeof field, "%smechanisms", which);
    mechanisms = devid_record_get(record, field);
    if (rc == DEVID_OK && mechanisms != NULL)
        rc = devid_bytes_copy(devid_slice_text(mechanisms), &kept->mechanisms, err);
    said->subject = devid_slice_of(kept->subject);
    said->mechanisms = (const char *)kept->mechanisms.data;
    return rc;
}

devid_rc devid_said_write(struct devid_record *record, const char *which, const struct devid_said *said,
                          struct devid_error *err)
{
    char field[32];
    devid_rc rc;

    (void)snprintf(field, sizeof field, "%ssubject", which);
    rc = write_hex(record, field, DEVID_SUBJECT_MAX, said->subject, err);
    (void)snprintf(field, sizeof field, "%smechanisms", which);
    return rc == DEVID_OK ? devid_record_set(record, field, said->mechanisms, err) : rc;
}

devid_rc devid_marks_read(struct devid_entry *e, const struct devid_record *record, struct devid_error *err)
{
    struct devid_identity *identity = &e->identity;
    const char *label = (const char *)e->label.data, *was = devid_record_get(record, "was");
    struct devid_slice id = devid_slice_of(e->id);
    devid_rc rc = read_label(record, "private-label", label, &e->private_label, &identity->private_label, err);

    if (rc == DEVID_OK)
        rc = read_label(record, "public-label", identity->private_label, &e->public_label, &identity->public_label, err);
    if (rc == DEVID_OK)
        rc = read_label(record, "certificate-label", identity->private_label, &e->cert_label, &identity->cert_label, err);
    if (rc == DEVID_OK)
        rc = devid_id_read(record, "public-id", id, &e->public_id, err);
    if (rc == DEVID_OK)
        rc = devid_id_read(record, "certificate-id", id, &e->cert_id, err);
    if (rc == DEVID_OK)
        rc = devid_said_read(record, "private-", &e->private_kept, &identity->private_said, err);
    if (rc == DEVID_OK)
        rc = devid_said_read(record, "public-", &e->public_kept, &identity->public_said, err);
    if (rc == DEVID_OK && was != NULL)
        rc = devid_bytes_copy(devid_slice_text(was), &e->was, err);
    identity->public_id = devid_slice_of(e->public_id);
    identity->cert_id = devid_slice_of(e->cert_id);
    identity->private_flags = devid_flags_read(devid_record_get(record, "private-flags"));
    identity->public_flags = devid_flags_read(devid_record_get(record, "public-flags"));
    identity->cert_flags = devid_flags_read(devid_record_get(record, "certificate-flags"));
    identity->not_for = devid_uses_read(devid_record_get(record, "not-for"));
    return rc;
}

static devid_rc write_label(struct devid_record *record, const char *field, const char *label, const char *usual,
                            struct devid_error *err)
{
    return devid_record_set(record, field, label != NULL && strcmp(label, usual) != 0 ? label : NULL, err);
}

devid_rc devid_marks_write(struct devid_record *record, const struct devid_identity *identity, struct devid_slice id,
                           struct devid_error *err)
{
    const char *usual = identity->private_label != NULL ? identity->private_label : identity->label;
    devid_rc rc = write_label(record, "private-label", usual, identity->label, err);

    if (rc == DEVID_OK)
        rc = write_label(record, "public-label", identity->public_label, usual, err);
    if (rc == DEVID_OK)
        rc = write_label(record, "certificate-label", identity->cert_label, usual, err);
    if (rc == DEVID_OK)
        rc = devid_id_write(record, "public-id", identity->public_id, id, err);
    if (rc == DEVID_OK)
        rc = devid_id_write(record, "certificate-id", identity->cert_id, id, err);
    if (rc == DEVID_OK)
        rc = devid_flags_write(record, "private-flags", identity->private_flags, err);
    if (rc == DEVID_OK)
        rc = devid_flags_write(record, "public-flags", identity->public_flags, err);
    if (rc == DEVID_OK)
        rc = devid_flags_write(record, "certificate-flags", identity->cert_flags, err);
    if (rc == DEVID_OK)
        rc = devid_said_write(record, "private-", &identity->private_said, err);
    if (rc == DEVID_OK)
        rc = devid_said_write(record, "public-", &identity->public_said, err);
    return rc == DEVID_OK ? devid_uses_write(record, identity->not_for, err) : rc;
}

devid_rc devid_entry_set_was(struct devid_bytes *file, const char *was, struct devid_error *err)
{
    struct devid_record record = {0};
    struct devid_bytes changed = {0};
    devid_rc rc = devid_record_parse(devid_slice_of(*file), &record, err);

    if (rc == DEVID_OK)
        rc = devid_record_set(&record, "was", was, err);
    if (rc == DEVID_OK)
        rc = devid_record_write(&record, &changed, err);
    devid_record_free(&record);
    if (rc == DEVID_OK) {
        devid_bytes_free(file);
        *file = changed;
    } else {
        devid_bytes_free(&changed);
    }
    return rc;
}
