/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Templates of C_GenerateKeyPair. The first byte is the kind of key; then an attribute after the other: what it is (1: private
 * half, 2: NULL value, 4: a wild length), its type in four bytes, little-endian, its length in one, its value. Values lie where they
 * end, so that a read beyond one is seen.
 */
#include "pkcs11/pair.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ATTRIBUTES_MAX 64

struct list {
    CK_ATTRIBUTE attributes[ATTRIBUTES_MAX];
    CK_ULONG n;
};

static size_t take(const uint8_t *data, size_t len, struct list halves[2])
{
    size_t value_len = data[5] <= len - 6 ? data[5] : len - 6;
    struct list *list = &halves[data[0] & 1];
    CK_ATTRIBUTE *a = &list->attributes[list->n];

    if (list->n == ATTRIBUTES_MAX)
        return len;
    list->n++;
    a->type = data[1] | (CK_ULONG)data[2] << 8 | (CK_ULONG)data[3] << 16 | (CK_ULONG)data[4] << 24;
    a->ulValueLen = (data[0] & 4) != 0 ? (CK_ULONG)-1 : value_len;
    if ((data[0] & 2) == 0 && value_len != 0) {
        a->pValue = malloc(value_len);
        if (a->pValue == NULL)
            abort();
        memcpy(a->pValue, data + 6, value_len);
    }
    return 6 + value_len;
}

static bool is_sound(const struct pair_wanted *w, enum devid_alg alg)
{
    bool is_size = alg == DEVID_EC ? curve_params(w->key.bits).len != 0
                                   : w->key.bits == 2048 || w->key.bits == 3072 || w->key.bits == 4096;

    return w->key.alg == alg && is_size && (w->key.signs || w->key.decrypts) && w->private.id.len <= ID_MAX &&
           w->public.id.len <= ID_MAX && w->private.label.len <= LABEL_MAX &&
           (w->private.label.len == 0 || memchr(w->private.label.data, '\n', w->private.label.len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct list halves[2] = {{{{0}}, 0}, {{{0}}, 0}};
    struct pair_wanted wanted;
    enum devid_alg alg;
    unsigned bits;

    if (len == 0)
        return 0;
    (void)curve_take((struct devid_slice){data, len}, &bits);
    alg = (data[0] & 1) != 0 ? DEVID_RSA : DEVID_EC;
    for (size_t at = 1; at + 6 <= len;)
        at += take(data + at, len - at, halves);
    if (pair_take(alg, (struct template){halves[0].attributes, halves[0].n},
                  (struct template){halves[1].attributes, halves[1].n}, &wanted) == CKR_OK && !is_sound(&wanted, alg))
        abort();
    for (size_t h = 0; h < 2; h++)
        for (CK_ULONG i = 0; i < halves[h].n; i++)
            free(halves[h].attributes[i].pValue);
    return 0;
}
