/* SPDX-License-Identifier: BSD-2-Clause */
/* Byte strings, and the files they come from. */
#include "core/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX 4096

bool devid_slice_eq(struct devid_slice a, struct devid_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

devid_rc devid_bytes_copy(struct devid_slice in, struct devid_bytes *out, struct devid_error *err)
{
    unsigned char *data = malloc(in.len + 1);

    if (data == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    if (in.len != 0)
        memcpy(data, in.data, in.len);
    data[in.len] = 0;
    *out = (struct devid_bytes){data, in.len};
    return DEVID_OK;
}

devid_rc devid_bytes_append(struct devid_bytes *b, struct devid_slice in, struct devid_error *err)
{
    unsigned char *data;

    if (in.len > SIZE_MAX - b->len - 1 || (data = realloc(b->data, b->len + in.len + 1)) == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    if (in.len != 0)
        memcpy(data + b->len, in.data, in.len);
    b->data = data;
    b->len += in.len;
    data[b->len] = 0;
    return DEVID_OK;
}

void devid_bytes_free(struct devid_bytes *b)
{
    if (b == NULL)
        return;
    free(b->data);
    *b = (struct devid_bytes){0};
}

devid_rc devid_secret_copy(struct devid_slice in, struct devid_secret *out, struct devid_error *err)
{
    struct devid_bytes copy = {0};
    devid_rc rc = devid_bytes_copy(in, &copy, err);

    if (rc == DEVID_OK)
        *out = (struct devid_secret){copy.data, copy.len};
    return rc;
}

void devid_secret_free(struct devid_secret *s)
{
    if (s == NULL)
        return;
    if (s->data != NULL)
        OPENSSL_cleanse(s->data, s->len);
    free(s->data);
    *s = (struct devid_secret){0};
}

static void wipe_free(unsigned char *data, size_t len)
{
    if (data != NULL)
        OPENSSL_cleanse(data, len);
    free(data);
}

/* Twice the room, but no more than most + 1 (the one tells that there is more), without realloc: it may be a secret. */
static unsigned char *grow(unsigned char *data, size_t len, size_t most, size_t *room)
{
    size_t wanted = *room > most / 2 ? most + 1 : 2 * *room;
    unsigned char *bigger = malloc(wanted + 1);

    if (bigger == NULL)
        return NULL;
    if (len != 0)
        memcpy(bigger, data, len);
    wipe_free(data, len);
    *room = wanted;
    return bigger;
}

/* To the end of the file, or to max + 1 bytes. The file may grow or shrink meanwhile, and pipes have no size. */
static devid_rc read_all(int fd, const char *path, size_t max, size_t room, struct devid_bytes *out,
                         struct devid_error *err)
{
    unsigned char *data = malloc(room + 1), *bigger;
    size_t len = 0;
    devid_rc rc = DEVID_OK;

    while (data != NULL && len <= max) {
        ssize_t n;

        if (len == room) {
            bigger = grow(data, len, max, &room);
            if (bigger == NULL)
                break;
            data = bigger;
        }
        n = read(fd, data + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = devid_fail(err, DEVID_E_FILE, "cannot read %s: %s", path, strerror(errno));
            goto out;
        }
        if (n == 0) {
            data[len] = 0;
            *out = (struct devid_bytes){data, len};
            return DEVID_OK;
        }
        len += (size_t)n;
    }
    if (len > max)
        rc = devid_fail(err, DEVID_E_DATA, "%s is longer than %zu bytes", path, max);
    else
        rc = devid_fail(err, DEVID_E_MEM, "out of memory");
out:
    wipe_free(data, len);
    return rc;
}

devid_rc devid_file_read(const char *path, size_t max, struct devid_bytes *out, struct devid_error *err)
{
    size_t room = 512;
    struct stat st;
    devid_rc rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a pipe without a writer does not stop us */

    if (fd < 0)
        return devid_fail(err, errno == ENOENT ? DEVID_E_ABSENT : DEVID_E_FILE, "cannot open %s: %s", path,
                          strerror(errno));
    if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        rc = devid_fail(err, DEVID_E_FILE, "%s is not a file", path);
    } else if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > max) {
        rc = devid_fail(err, DEVID_E_DATA, "%s is longer than %zu bytes", path, max);
    } else {
        if (S_ISREG(st.st_mode) && st.st_size > 0)
            room = (size_t)st.st_size + 1;
        (void)fcntl(fd, F_SETFL, 0); /* but a slow one is waited for */
        rc = read_all(fd, path, max, room <= max ? room : max + 1, out, err);
    }
    (void)close(fd);
    return rc;
}

/* systemd.exec(5), "Credentials" */
static devid_rc credential_path(const char *name, char *path, size_t room, struct devid_error *err)
{
    const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");

    if (folder == NULL)
        return devid_fail(err, DEVID_E_FILE, "there is no credential %s outside of its service: run it there, or name a file", name);
    if ((size_t)snprintf(path, room, "%s/%s", folder, name) >= room)
        return devid_fail(err, DEVID_E_FILE, "the path of the credential %s is too long", name);
    return DEVID_OK;
}

devid_rc devid_secret_read(const char *path, struct devid_secret *out, struct devid_error *err)
{
    struct devid_bytes file = {0};
    struct devid_secret secret;
    char credential[4096];
    devid_rc rc = DEVID_OK;

    if (strncmp(path, DEVID_CREDENTIAL, strlen(DEVID_CREDENTIAL)) == 0) {
        rc = credential_path(path + strlen(DEVID_CREDENTIAL), credential, sizeof credential, err);
        path = credential;
    }
    if (rc == DEVID_OK)
        rc = devid_file_read(path, SECRET_MAX + 2, &file, err); /* with a line end */
    if (rc != DEVID_OK)
        return rc == DEVID_E_ABSENT ? DEVID_E_FILE : rc;
    secret = (struct devid_secret){file.data, file.len};
    if (secret.len > 0 && secret.data[secret.len - 1] == '\n')
        secret.data[--secret.len] = 0;
    if (secret.len > 0 && secret.data[secret.len - 1] == '\r')
        secret.data[--secret.len] = 0;
    if (secret.len == 0)
        rc = devid_fail(err, DEVID_E_DATA, "%s is empty: one line with the secret is expected", path);
    else if (secret.len > SECRET_MAX)
        rc = devid_fail(err, DEVID_E_DATA, "%s is longer than %d bytes", path, SECRET_MAX);
    else if (memchr(secret.data, '\n', secret.len) != NULL || memchr(secret.data, '\r', secret.len) != NULL ||
             memchr(secret.data, 0, secret.len) != NULL)
        rc = devid_fail(err, DEVID_E_DATA, "%s has more than one line: one line with the secret is expected", path);
    if (rc == DEVID_OK)
        *out = secret;
    else
        devid_secret_free(&secret);
    return rc;
}

unsigned long devid_char_next(struct devid_slice *rest, bool *is_control)
{
    unsigned long c;
    int len = UTF8_getc(rest->data, (int)(rest->len < 6 ? rest->len : 6), &c);

    if (len <= 0) {
        c = DEVID_NO_CHAR;
        len = 1;
    }
    rest->data += len;
    rest->len -= (size_t)len;
    *is_control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    return c;
}

devid_rc devid_hex_encode(struct devid_slice in, struct devid_bytes *out, struct devid_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char *data;

    if (in.len > SIZE_MAX / 2 - 1 || (data = malloc(2 * in.len + 1)) == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    for (size_t i = 0; i < in.len; i++) {
        data[2 * i] = (unsigned char)digits[in.data[i] >> 4];
        data[2 * i + 1] = (unsigned char)digits[in.data[i] & 15];
    }
    data[2 * in.len] = 0;
    *out = (struct devid_bytes){data, 2 * in.len};
    return DEVID_OK;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

devid_rc devid_hex_decode(const char *hex, struct devid_bytes *out, struct devid_error *err)
{
    size_t len = 0;
    unsigned char *data = malloc(strlen(hex) / 2 + 1);

    if (data == NULL)
        return devid_fail(err, DEVID_E_MEM, "out of memory");
    while (*hex != 0) {
        int high, low;

        if (*hex == ':' || *hex == ' ' || *hex == '\t' || *hex == '\n' || *hex == '\r') {
            hex++;
            continue;
        }
        high = digit_value(hex[0]);
        low = high < 0 ? -1 : digit_value(hex[1]);
        if (low < 0) {
            free(data);
            return devid_fail(err, DEVID_E_DATA, "not hexadecimal: pairs of 0-9 and a-f are expected");
        }
        data[len++] = (unsigned char)(high << 4 | low);
        hex += 2;
    }
    data[len] = 0;
    *out = (struct devid_bytes){data, len};
    return DEVID_OK;
}

uint32_t devid_hex_number(const char *text, uint32_t from, uint32_t to)
{
    uint64_t number = 0;

    if (text == NULL || text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
        return 0;
    for (text += 2; *text != 0; text++) {
        int digit = digit_value(*text);

        if (digit < 0)
            return 0;
        number = number << 4 | (unsigned)digit;
        if (number > to)
            return 0;
    }
    return number >= from ? (uint32_t)number : 0;
}
